//! A form as JSON Schema (draft 2020-12) for clients: all answers that the server accepts fit it.
//! It cannot say that a day lies between two days, nor which characters leave a mark.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::forms::check::Form;
use crate::forms::condition::{Condition, Wanted};
use crate::forms::question::{Kind, MAX_NUMBER, MAX_PHONE, PHONE_DIGITS, Question, QuestionOption};

/// No control characters, and no marks that turn the direction of writing.
const ONE_LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$";
/// The same, with line breaks and tabs.
const LINES: &str =
    r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$";
/// Something that is not a space.
const NOT_BLANK: &str = r"\S";
const DAY: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";

/// Returns the schema of the answers to a form.
#[must_use]
pub fn json_schema(id: &str, form: &Form) -> Value {
    let mut properties = Map::new();
    let (mut required, mut conditions) = (Vec::new(), Vec::new());
    for question in &form.questions {
        properties.insert(question.id.clone(), property(question));
        match &question.show_if {
            Some(condition) => conditions.push(shown_if(question, condition)),
            None if question.is_required => required.push(question.id.as_str()),
            None => {}
        }
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": id,
        "title": form.title,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    if !form.description.is_empty() {
        schema["description"] = json!(form.description);
    }
    if !conditions.is_empty() {
        schema["allOf"] = json!(conditions);
    }
    schema
}

/// Returns the rule that a question is answered only where it is shown. An answer to a question that
/// is itself not shown is refused by that question's own rule, so chains need no more.
fn shown_if(question: &Question, condition: &Condition) -> Value {
    let answer = match &condition.wanted {
        Wanted::Equals(value) => json!({ "const": value }),
        Wanted::Includes(value) => json!({ "contains": { "const": value } }),
    };
    let needed: &[&str] = if question.is_required { &[&question.id] } else { &[] };
    json!({
        "if": {
            "properties": { (condition.question.as_str()): answer },
            "required": [condition.question],
        },
        "then": { "required": needed },
        "else": { "properties": { (question.id.as_str()): false } },
    })
}

fn property(question: &Question) -> Value {
    let mut schema = match &question.kind {
        Kind::ShortText { pattern, .. } => {
            let (min, max) = question.kind.lengths();
            let form = pattern.map_or(ONE_LINE, |pattern| pattern.regex());
            json!({ "type": "string", "minLength": min, "maxLength": max, "pattern": form,
                "allOf": [{ "pattern": NOT_BLANK }] })
        }
        Kind::LongText { .. } => {
            let (min, max) = question.kind.lengths();
            json!({ "type": "string", "minLength": min, "maxLength": max, "pattern": LINES,
                "allOf": [{ "pattern": NOT_BLANK }] })
        }
        Kind::Number { min, max, is_integer } => {
            let name = if *is_integer == Some(true) { "integer" } else { "number" };
            let bound = |bound: &Option<serde_json::Number>, other: f64| match bound {
                Some(bound) => Value::Number(bound.clone()),
                None => json!(other),
            };
            json!({ "type": name, "minimum": bound(min, -MAX_NUMBER),
                "maximum": bound(max, MAX_NUMBER) })
        }
        Kind::SingleChoice { options } => json!({ "type": "string", "oneOf": choices(options) }),
        Kind::MultipleChoice { options, min, max } => {
            let least = min.unwrap_or(0).max(u32::from(question.is_required));
            let most = max.map_or(options.len(), |max| max as usize);
            json!({ "type": "array", "items": { "type": "string", "oneOf": choices(options) },
                "uniqueItems": true, "minItems": least, "maxItems": most })
        }
        Kind::Date { min, max } => date(*min, *max),
        Kind::Phone => {
            let (min, max) = PHONE_DIGITS;
            let form = format!(r"^\+?[-. ()]*([0-9][-. ()]*){{{min},{max}}}$");
            json!({ "type": "string", "maxLength": MAX_PHONE, "pattern": form })
        }
        Kind::Consent if question.is_required => json!({ "type": "boolean", "const": true }),
        Kind::Consent => json!({ "type": "boolean" }),
    };
    schema["title"] = json!(question.label);
    if !question.help.is_empty() {
        schema["description"] = json!(question.help);
    }
    schema
}

/// Returns the values of options with their labels.
fn choices(options: &[QuestionOption]) -> Vec<Value> {
    let choice = |option: &QuestionOption| json!({ "const": option.value, "title": option.label });
    options.iter().map(choice).collect()
}

/// Returns a day; its bounds stand in a comment, since JSON Schema compares no days.
fn date(min: Option<NaiveDate>, max: Option<NaiveDate>) -> Value {
    let mut schema = json!({ "type": "string", "format": "date", "pattern": DAY });
    let bounds =
        [min.map(|min| format!("not before {min}")), max.map(|max| format!("not after {max}"))];
    let bounds: Vec<String> = bounds.into_iter().flatten().collect();
    if !bounds.is_empty() {
        schema["$comment"] = json!(bounds.join(", "));
    }
    schema
}
