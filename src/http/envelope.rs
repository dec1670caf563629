//! The envelopes of answers, as the API document describes them. `respond` and `error` write them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The envelope of a successful answer.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "documented by the API's own words")]
pub struct Success<T: ToSchema> {
    /// Always true.
    pub success: bool,
    pub data: T,
    /// A sentence for people, if there is anything to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The envelope of an answer without data.
#[derive(Serialize, ToSchema)]
pub struct Done {
    /// Always true.
    pub success: bool,
    /// A sentence for people.
    pub message: String,
}

/// The envelope of a page of a list.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "documented by the API's own words")]
pub struct Page<T: ToSchema> {
    /// Always true.
    pub success: bool,
    pub data: Vec<T>,
    pub meta: PageMeta,
}

/// The position of the next page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageMeta {
    /// The value for `cursor` in the request for the next page; null on the last page.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// The envelope of every failure.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"success": false, "error": {"code": "SOLD_OUT",
    "message": "only 1 of the 2 places asked for are available",
    "details": {"requested": 2, "available": 1}, "requestId": "5f3a9c1e"}}))]
#[expect(missing_docs, reason = "documented by the API's own words")]
pub struct Failure {
    /// Always false.
    pub success: bool,
    pub error: FailureDetail,
}

/// The failure in detail.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureDetail {
    /// The stable error code, in capitals: programs compare with this.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// Details for programs, depending on the code: seats, limits, the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub details: Option<Value>,
    /// The id of the request, as in the header `X-Request-Id` and in the server's log.
    pub request_id: String,
}
