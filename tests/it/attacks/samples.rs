//! Bodies that fit the schemas of the API document.

use serde_json::{Map, Value, json};

use crate::http::conformance::resolved;

/// Returns a value of every described field that fits a schema.
pub fn sample(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values[0].clone();
    }
    for choice in ["oneOf", "anyOf"] {
        let mut options = schema[choice].as_array().into_iter().flatten();
        if let Some(option) = options.rfind(|option| option["type"] != "null") {
            return sample(document, option);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            whole.extend(sample(document, part).as_object().cloned().unwrap_or_default());
        }
        return Value::Object(whole);
    }
    let listed = schema["type"].as_array().and_then(|all| all.iter().find(|it| **it != "null"));
    match listed.unwrap_or(&schema["type"]).as_str() {
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            fields.map(|(name, field)| (name.clone(), sample(document, field))).collect()
        }
        Some("array") => {
            // A point of a plan is a pair of numbers.
            let is_point = schema["items"]["type"] == "number";
            let least = schema["minItems"].as_u64().unwrap_or(1).max(1 + u64::from(is_point));
            (0..least).map(|_| sample(document, &schema["items"])).collect()
        }
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => json!(word(schema)),
        _ => json!({}),
    }
}

fn word(schema: &Value) -> String {
    if let Some(example) = schema["example"].as_str() {
        return example.into();
    }
    match schema["format"].as_str() {
        Some("uuid") => "0190f5a0-0000-7000-8000-000000000000".into(),
        Some("date-time") => "2030-01-01T00:00:00Z".into(),
        _ => {
            let least = schema["minLength"].as_u64().unwrap_or(1).max(1);
            "x".repeat(usize::try_from(least).expect("short"))
        }
    }
}

/// Returns the pointers of all objects in a value that have fields, the value itself first.
pub fn objects(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, "", &mut found);
    found
}

fn collect(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if !fields.is_empty() {
                found.push(at.to_owned());
            }
            for (name, field) in fields {
                collect(field, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}
