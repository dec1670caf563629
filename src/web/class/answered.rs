//! The answers of an application, in the words and the order of the form that they were given to.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::classes::SeenEnrollment;
use crate::web::visitor::Visitor;

/// Renders the answers; nothing where there are none.
pub(crate) fn answers(visitor: &Visitor, seen: &SeenEnrollment) -> Markup {
    let json = seen.answers.as_ref().and_then(|found| found.answers.as_deref());
    let read = json.and_then(|json| serde_json::from_str::<Map<_, _>>(json).ok());
    let Some(answers) = read.filter(|answers| !answers.is_empty()) else {
        return Markup::default();
    };
    let questions = seen.form.as_ref().and_then(|form| form.get("questions")?.as_array());
    let questions = questions.map_or(&[][..], Vec::as_slice);
    let id = |question: &Value| {
        question.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let asked = questions.iter().filter_map(|one| Some((label(one)?, one, answers.get(&id(one))?)));
    html! {
        h2 { (visitor.text("organiser_class.answers")) }
        dl.facts-list {
            @for (label, question, answer) in asked {
                dt { (label) }
                dd { div.plain-text { (said(question, answer)) } }
            }
        }
    }
}

fn label(of: &Value) -> Option<&str> {
    of.get("label")?.as_str()
}

/// Writes an answer, with the label of an option instead of its value.
fn said(question: &Value, answer: &Value) -> String {
    match answer {
        Value::String(text) => {
            let options = question.get("options").and_then(Value::as_array);
            let chosen =
                options.and_then(|all| all.iter().find(|one| one.get("value") == Some(answer)));
            chosen.and_then(label).unwrap_or(text).to_owned()
        }
        Value::Array(all) => {
            let all: Vec<String> = all.iter().map(|one| said(question, one)).collect();
            all.join(", ")
        }
        Value::Bool(true) => "✓".into(),
        Value::Bool(false) => "–".into(),
        other => other.to_string(),
    }
}
