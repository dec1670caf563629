//! Checks answers against the API document. Every answer that a test of the API gets is checked
//! here, so that no route can give an answer that is not documented.

use admitone::http::openapi;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// Fails the test if the document does not describe this answer.
#[track_caller]
pub fn check(method: &Method, path: &str, status: u16, headers: &HeaderMap, body: &[u8]) {
    let document = openapi::document();
    let Some(operation) = operation(document, method, path) else { return };
    let name = format!("{method} {path}: {status}");
    let response = &operation["responses"][status.to_string()];
    let text = String::from_utf8_lossy(body);
    assert!(response.is_object(), "{name} is not documented: {text}");
    for (header, described) in response["headers"].as_object().into_iter().flatten() {
        let is_required = resolved(document, described)["required"] == true;
        assert!(!is_required || headers.contains_key(header), "{name} comes without {header}");
    }
    let Some(content) = response["content"].as_object() else {
        assert!(body.is_empty(), "{name} has a body, and none is documented: {text}");
        return;
    };
    let sent = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    let sent = sent.split(';').next().unwrap_or_default();
    assert!(content.contains_key(sent), "{name} is {sent:?}, which is not documented");
    if sent != "application/json" {
        return;
    }
    let value: Value = serde_json::from_slice(body).unwrap_or_else(|error| {
        panic!("{name} is not JSON: {error}");
    });
    if let Err(fault) = fits(document, &content[sent]["schema"], &value, "") {
        panic!("{name} is not as documented: {fault}: {value:#}");
    }
    if let Some(code) = value["error"]["code"].as_str() {
        let examples = &content[sent]["examples"];
        assert!(examples[code].is_object(), "{name} {code} is not documented: {value:#}");
    }
}

fn operation<'a>(document: &'a Value, method: &Method, path: &str) -> Option<&'a Value> {
    let sent: Vec<&str> = path.split('/').collect();
    let matches = |pattern: &str| {
        let parts: Vec<&str> = pattern.split('/').collect();
        let is_same = |(part, sent): (&&str, &&str)| part == sent || part.starts_with('{');
        parts.len() == sent.len() && parts.iter().zip(&sent).all(is_same)
    };
    let paths = document["paths"].as_object().expect("paths");
    // A literal path part takes precedence over a parameter in its place.
    let found = paths.iter().filter(|(pattern, _)| matches(pattern));
    let (_, item) = found.min_by_key(|(pattern, _)| pattern.matches('{').count())?;
    item.get(method.as_str().to_ascii_lowercase())
}

/// Follows a reference; the fields beside `$ref` are only descriptions.
pub fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a reference into the document");
            document.pointer(pointer).unwrap_or_else(|| panic!("{reference} names nothing"))
        }
        None => schema,
    }
}

/// Returns one object schema with the fields of all parts, as no part allows the others' fields.
fn together(document: &Value, parts: &[Value]) -> Value {
    let (mut properties, mut required) = (serde_json::Map::new(), Vec::new());
    for part in parts.iter().map(|part| resolved(document, part)) {
        let (of_part, needed) = (&part["properties"], &part["required"]);
        properties.extend(of_part.as_object().cloned().unwrap_or_default());
        required.extend(needed.as_array().cloned().unwrap_or_default());
    }
    serde_json::json!({"type": "object", "properties": properties, "required": required})
}

/// Checks a value against the part of JSON Schema that the document uses; an object may have only
/// the described fields.
///
/// # Errors
/// Where and why the value does not fit.
pub fn fits(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolved(document, schema);
    let fault = |what: &str| Err(format!("{at}: {what}"));
    for (choice, is_one) in [("oneOf", true), ("anyOf", false)] {
        if let Some(options) = schema[choice].as_array() {
            let results = options.iter().map(|option| fits(document, option, value, at));
            let (good, bad): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
            if good.is_empty() || (is_one && good.len() > 1) {
                return fault(&format!("fits {} of {choice}: {bad:?}", good.len()));
            }
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return fits(document, &together(document, parts), value, at);
    }
    let is_of = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{at}: no such type: {other}"),
    };
    let has_type = match &schema["type"] {
        Value::String(one) => is_of(one),
        Value::Array(several) => several.iter().filter_map(Value::as_str).any(is_of),
        _ => true,
    };
    if !has_type {
        return fault(&format!("is no {}", schema["type"]));
    }
    if value.is_null() {
        return Ok(());
    }
    let is_listed = |list: &Vec<Value>| list.contains(value);
    if !schema["enum"].as_array().is_none_or(is_listed) {
        return fault("is none of the enum");
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return fault("is not the constant");
    }
    let number = value.as_f64().unwrap_or_default();
    let too_small = schema["minimum"].as_f64().is_some_and(|minimum| number < minimum);
    let too_large = schema["maximum"].as_f64().is_some_and(|maximum| number > maximum);
    if value.is_number() && (too_small || too_large) {
        return fault("is out of bounds");
    }
    if let Some(text) = value.as_str() {
        has_form(schema, text).map_err(|what| format!("{at}: {what}"))?;
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], item, &format!("{at}[{index}]"))?;
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().expect("a name");
            if !fields.contains_key(name) {
                return fault(&format!("{name} is missing"));
            }
        }
    }
    if let (Some(fields), Some(described)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, field) in fields {
            match described.get(name) {
                Some(schema) => fits(document, schema, field, &format!("{at}.{name}"))?,
                None => return fault(&format!("{name} is not documented")),
            }
        }
    }
    Ok(())
}

fn has_form(schema: &Value, text: &str) -> Result<(), String> {
    let is_good = match schema["format"].as_str() {
        Some("uuid") => text.len() == 36 && text.parse::<uuid::Uuid>().is_ok(),
        Some("date-time") => {
            let year = text.split('-').next().unwrap_or_default();
            year.len() == 4 && chrono::DateTime::parse_from_rfc3339(text).is_ok()
        }
        _ => true,
    };
    let length = text.chars().count() as u64;
    let too_short = schema["minLength"].as_u64().is_some_and(|least| length < least);
    let too_long = schema["maxLength"].as_u64().is_some_and(|most| length > most);
    if !is_good || too_short || too_long {
        return Err(format!("{text:?} has not the form of {schema}"));
    }
    Ok(())
}
