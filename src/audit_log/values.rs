//! The values of an act: without secrets, without what identifies a person other than by id, and of a
//! change only the fields that differ.

use serde_json::{Map, Value};

/// Text that stands for a value that is not written.
const HIDDEN: &str = "(not kept)";
/// Longer texts and lists are cut: the log is no copy of the data.
const MAX_CHARS: usize = 500;
const MAX_ITEMS: usize = 100;

/// Fields whose values are secrets, or about a person.
const FIELDS: &[&str] = &[
    "password",
    "secret",
    "token",
    "code",
    "email",
    "phone",
    "answer",
    "reason",
    "note",
    "words",
    "recipient",
    "holder",
    "q",
    "person",
];

/// The address of a webhook, which may have a secret in its path or its query.
const URL: &str = "url";

/// Returns the values of a request, as they may be written.
#[must_use]
pub fn kept(values: Value) -> Value {
    match values {
        Value::Object(fields) => {
            let field = |(name, value): (String, Value)| {
                let value = match value {
                    Value::Null => Value::Null,
                    _ if is_hidden(&name) => HIDDEN.into(),
                    Value::String(text) if name == URL => origin_of(&text).into(),
                    value => kept(value),
                };
                (name, value)
            };
            Value::Object(fields.into_iter().map(field).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().take(MAX_ITEMS).map(kept).collect()),
        Value::String(text) if text.chars().count() > MAX_CHARS => {
            text.chars().take(MAX_CHARS).chain(['…']).collect::<String>().into()
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

fn is_hidden(name: &str) -> bool {
    let name = name.to_lowercase();
    FIELDS.iter().any(|field| match field.len() {
        // Short words are parts of others.
        0..=4 => name == *field,
        _ => name.contains(field),
    })
}

/// Returns the scheme, the host and the port of an address, and nothing else of it.
fn origin_of(address: &str) -> String {
    match reqwest::Url::parse(address.trim()) {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => HIDDEN.to_owned(),
    }
}

/// Returns the fields of two objects that differ, before and after.
#[must_use]
pub fn changed(before: Value, after: Value) -> (Value, Value) {
    let (Value::Object(before), Value::Object(after)) = (&before, &after) else {
        return (kept(before), kept(after));
    };
    // When it was changed is the time of the row.
    let differs = |name: &&String| *name != "updatedAt" && before.get(*name) != after.get(*name);
    let pick = |of: &Map<String, Value>| {
        let fields = of.iter().filter(|(name, _)| differs(name));
        Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    (kept(pick(before)), kept(pick(after)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_and_words_about_people_are_not_kept() {
        let sent = json!({
            "name": "Hamlet", "newPassword": "x", "refreshToken": "y", "email": "kim@x.example",
            "contactEmail": "z", "code": "0190", "currency": "KRW", "postcode": 1, "secret": null,
            "lines": [{"phoneNumber": "1", "quantity": 2}],
        });
        assert_eq!(
            kept(sent),
            json!({
                "name": "Hamlet", "newPassword": HIDDEN, "refreshToken": HIDDEN, "email": HIDDEN,
                "contactEmail": HIDDEN, "code": HIDDEN, "currency": "KRW", "postcode": 1, "secret": null,
                "lines": [{"phoneNumber": HIDDEN, "quantity": 2}],
            })
        );
        let long = kept(json!("é".repeat(1_000)));
        assert_eq!(long.as_str().map(|text| text.chars().count()), Some(MAX_CHARS + 1));
    }

    #[test]
    fn fields_of_forms_that_are_about_people_are_not_kept_and_of_an_address_only_its_origin() {
        let sent = json!({
            "key": "k", "answer-3f1c": "I am ill", "answer-other": ["a", "b"], "reason": "r",
            "url": "https://user:pass@hooks.example:8443/T0/secret?token=x", "do": "save",
        });
        assert_eq!(
            kept(sent),
            json!({
                "key": "k", "answer-3f1c": HIDDEN, "answer-other": HIDDEN, "reason": HIDDEN,
                "url": "https://hooks.example:8443", "do": "save",
            })
        );
        assert_eq!(kept(json!({"url": "no address"})), json!({"url": HIDDEN}));
    }

    #[test]
    fn of_a_change_only_the_fields_that_differ_are_kept() {
        let (before, after) = changed(
            json!({"name": "A", "venue": "V", "products": [1]}),
            json!({"name": "B", "venue": "V", "products": [1], "saleEndAt": "t"}),
        );
        assert_eq!(before, json!({"name": "A"}));
        assert_eq!(after, json!({"name": "B", "saleEndAt": "t"}));
        assert_eq!(changed(json!(null), json!({"a": 1})), (json!(null), json!({"a": 1})));
    }
}
