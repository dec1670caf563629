//! The values that a request sends, for the audit log. How much of a body is read depends on nothing that
//! its sender chooses but its size.

use actix_web::dev::ServiceRequest;
use serde_json::{Value, json};

use crate::http::error::ApiError;
use crate::http::extract::read_ahead;

/// The most bytes of a body that are read: the largest form but that of a plan of a venue.
pub(super) const LIMIT: usize = 768 * 1_024;
/// Text that stands for a body above [`LIMIT`].
pub(super) const NOT_READ: &str = "(not read)";

/// Reads the values that a request sends, and leaves the body for the handler.
///
/// # Errors
/// 400 if the body does not arrive completely.
pub(super) async fn values_of(request: &mut ServiceRequest) -> Result<Value, ApiError> {
    let is_api = request.match_info().as_str().starts_with("/api/");
    let Some(bytes) = read_ahead(request, LIMIT).await? else {
        return Ok(json!({ "body": NOT_READ }));
    };
    // The handler refuses what is no JSON.
    Ok(match is_api {
        _ if bytes.is_empty() => Value::Null,
        true => serde_json::from_slice(&bytes).unwrap_or_default(),
        false => form_values(&bytes),
    })
}

fn form_values(bytes: &[u8]) -> Value {
    let mut fields = serde_json::Map::new();
    // The key against sending a form twice says nothing about the act.
    for (name, value) in form_urlencoded::parse(bytes).filter(|(name, _)| name != "key") {
        let value = Value::from(value.into_owned());
        match fields.get_mut(&*name) {
            // A list has its name several times.
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                fields.insert(name.into_owned(), value);
            }
        }
    }
    Value::Object(fields)
}
