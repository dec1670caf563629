//! The headers of answers, and the parameters that several operations share.

use serde_json::{Map, Value, json};

use super::schemas::operations;

/// Response headers that pages of other origins may read: all headers that the document names.
pub const EXPOSED: &str = "ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, \
     X-Request-Id";

/// JSON pointer to the schema of a request body or an answer.
const JSON_SCHEMA: &str = "/content/application~1json/schema";

/// Adds the headers and parameters to the document.
pub(super) fn complete(document: &mut Value) {
    document["components"]["headers"] = json!({
        "X-Request-Id": {
            "description": "Yours if you sent one; it is in the server's log lines too.",
            "required": true,
            "schema": {"type": "string", "example": "5f3a9c1e7d2b4a60"},
        },
        "Retry-After": {
            "description": "Seconds to wait before trying again.",
            "required": true,
            "schema": {"type": "integer", "format": "int64", "minimum": 1, "example": 1},
        },
        "RateLimit": {
            "description": "What is left of the limit that counts for this request, and the seconds until \
                            all of it is there again.",
            "schema": {"type": "string", "example": "\"general\";r=99;t=1"},
        },
        "RateLimit-Policy": {
            "description": "The limit: its class, the requests, and the seconds that they are for.",
            "schema": {"type": "string", "example": "\"general\";q=100;w=60"},
        },
        "WWW-Authenticate": {
            "description": "Always `Bearer`.",
            "required": true,
            "schema": {"type": "string", "example": "Bearer"},
        },
        "Location": {
            "description": "Where you can look at what was made.",
            "schema": {"type": "string",
                "example": "/api/reservations/7c9e6679-7425-40de-944b-e07fc1f90ae7"},
        },
        "ETag": {
            "description": "The version; to be sent as `If-None-Match`.",
            "required": true,
            "schema": {"type": "string", "example": "\"42-9c1e7d2b4a605f3a-SELLING\""},
        },
        "Idempotency-Replayed": {
            "description": "`true` when this is the answer that an earlier request with the same \
                            `Idempotency-Key` was given.",
            "schema": {"type": "string", "const": "true"},
        },
    });
    for operation in operations(document) {
        let takes_key = parameters(operation).any(|one| one["name"] == "Idempotency-Key");
        parameters(operation).for_each(describe);
        // A body may be left out, but it is never null.
        let body = operation.get_mut("requestBody");
        if let Some(body) = body.and_then(|body| body.pointer_mut(JSON_SCHEMA)) {
            without_null(body);
        }
        let Some(Value::Object(responses)) = operation.get_mut("responses") else { continue };
        let has_versions = responses.contains_key("304");
        let is_counted = responses.contains_key("429");
        for (status, response) in responses {
            let names = [
                ("X-Request-Id", true),
                ("RateLimit", is_counted),
                ("RateLimit-Policy", is_counted),
                ("Retry-After", ["429", "503"].contains(&status.as_str())),
                ("WWW-Authenticate", status == "401"),
                ("Location", status == "201"),
                ("ETag", has_versions && ["200", "304"].contains(&status.as_str())),
                ("Idempotency-Replayed", takes_key && status.starts_with('2')),
            ];
            for (name, _) in names.into_iter().filter(|(_, is_sent)| *is_sent) {
                let reference = format!("#/components/headers/{name}");
                response["headers"][name] = json!({"$ref": reference});
            }
        }
    }
}

fn parameters(operation: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
}

/// Removes null from a schema: a parameter is absent or has a value.
fn without_null(schema: &mut Value) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = &types[..] {
            schema["type"] = only.clone();
        }
    }
    if let Some(Value::Array(options)) = schema.get_mut("oneOf") {
        options.retain(|one| one["type"] != "null");
        if let [only] = &options[..] {
            *schema = only.clone();
        }
    }
}

/// Adds the schema and description that parameters of one name share.
fn describe(parameter: &mut Value) {
    without_null(&mut parameter["schema"]);
    let is_in = |place: &str| parameter["in"] == place;
    let name = parameter["name"].as_str().unwrap_or_default().to_owned();
    let (schema, description) = match name.as_str() {
        "limit" if is_in("query") && parameter["description"].is_null() => (
            json!({"type": "integer", "format": "int64", "minimum": 1, "maximum": 100,
                "default": 20}),
            "The most items of this page.",
        ),
        "cursor" if is_in("query") => (
            json!({"type": "string"}),
            "The `nextCursor` of the page before; the first page needs none.",
        ),
        "after" if is_in("query") => (
            json!({"type": "string", "example": "0",
                "pattern": "^(0|[1-9a-f][0-9a-f]{0,15}z(0|[1-9a-f][0-9a-f]{0,7}))$"}),
            "The `cursor` of the last message that you have; `0` for none.",
        ),
        "q" if is_in("query") => (
            json!({"type": "string", "minLength": 1, "maxLength": 100,
                "pattern": super::schemas::VISIBLE, "example": "kim"}),
            "",
        ),
        "reason" if is_in("query") => (
            json!({"type": "string", "maxLength": 1_000, "pattern": super::schemas::LINES}),
            "The reason, in words.",
        ),
        "Idempotency-Key" => (
            json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$",
                "example": "order-7c9e6679"}),
            "",
        ),
        "If-None-Match" => (
            json!({"type": "string", "pattern": "^[ -~]*$"}),
            "The `ETag` of what you have: 304 while it is current.",
        ),
        "Last-Event-ID" => (
            json!({"type": "string", "pattern": "^[ -~]*$"}),
            "The id of the last frame you got: no full frame while it is current.",
        ),
        "event" if is_in("path") => (parameter["schema"].clone(), "The id of an event."),
        "class" if is_in("path") => (parameter["schema"].clone(), "The id of a class."),
        "enrollment" if is_in("path") => (parameter["schema"].clone(), "The id of an enrollment."),
        "hold" if is_in("path") => (parameter["schema"].clone(), "The id of a hold."),
        "entry" if is_in("path") => (parameter["schema"].clone(), "The id of an entry."),
        "reservation" if is_in("path") => (parameter["schema"].clone(), "The id of a reservation."),
        "product" if is_in("path") => (parameter["schema"].clone(), "The id of a product."),
        "venue" if is_in("path") => (parameter["schema"].clone(), "The id of a venue."),
        "version" if is_in("path") => (parameter["schema"].clone(), "The version of a plan."),
        "ticket" if is_in("path") => (parameter["schema"].clone(), "The id of a ticket."),
        _ => return,
    };
    parameter["schema"] = schema;
    if parameter["description"].is_null() && !description.is_empty() {
        parameter["description"] = json!(description);
    }
}
