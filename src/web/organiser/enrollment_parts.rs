//! The parts of the page of one application: answers, what can be decided, the line, the history.

use maud::{Markup, html};

use super::enrollment_words::{action_text, log_line, older, without_line};
use crate::classes::SeenEnrollment;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::EnrollmentId;
use crate::store::{ClassRow, EnrollmentState};
use crate::web::fields::Field;
use crate::web::visitor::Visitor;

/// Entries of the history on the page.
const LOGGED: u64 = 100;

/// What was entered for an action that was refused, and why.
pub(super) struct Refused<'a> {
    pub(super) failure: &'a ApiError,
    pub(super) reason: &'a str,
    pub(super) position: &'a str,
}

/// Renders the answers by the ids of their questions.
pub(super) fn answers(visitor: &Visitor, seen: &SeenEnrollment) -> Markup {
    let json = seen.answers.as_ref().and_then(|found| found.answers.as_deref());
    let read = json.and_then(|json| serde_json::from_str::<serde_json::Map<_, _>>(json).ok());
    let Some(answers) = read.filter(|answers| !answers.is_empty()) else {
        return Markup::default();
    };
    // The words of the version that the answers were given to.
    let questions = seen.form.as_ref().and_then(|form| form.get("questions")?.as_array());
    let label = |id: &str| {
        let found = questions?.iter().find(|one| one.get("id").is_some_and(|of| of == id))?;
        found.get("label")?.as_str()
    };
    html! {
        h2 { (visitor.text("organiser_class.answers")) }
        dl.facts-list {
            @for (question, answer) in &answers {
                dt { (label(question).unwrap_or(question)) }
                dd { div.plain-text { (answer_text(answer)) } }
            }
        }
    }
}

fn answer_text(answer: &serde_json::Value) -> String {
    match answer {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(all) => {
            let all: Vec<String> = all.iter().map(answer_text).collect();
            all.join(", ")
        }
        serde_json::Value::Bool(true) => "✓".into(),
        serde_json::Value::Bool(false) => "–".into(),
        other => other.to_string(),
    }
}

/// Renders the buttons that make sense in the present state.
pub(super) fn decision(
    visitor: &Visitor,
    class: &ClassRow,
    seen: &SeenEnrollment,
    refused: Option<&Refused<'_>>,
) -> Markup {
    let buttons: &'static [&'static str] = match seen.row.status {
        EnrollmentState::Applied => &["approve", "approve-or-waitlist", "waitlist", "reject"],
        EnrollmentState::Waitlisted => &["approve", "reject"],
        EnrollmentState::Approved => &["reject", "present", "late", "absent", "unmark"],
        EnrollmentState::Rejected => &["approve", "approve-or-waitlist", "waitlist"],
        EnrollmentState::Canceled => &[],
    };
    let reason = Field {
        name: "reason",
        label: visitor.text("organiser_class.reason"),
        value: refused.map_or("", |refused| refused.reason),
        hint: Some(visitor.text("organiser_class.reason_hint")),
        ..Field::default()
    };
    html! {
        @if !buttons.is_empty() {
            form.stack method="post" action={ "/organiser/enrollments/" (seen.row.id) "/decision" } {
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                input type="hidden" name="version" value=(seen.row.version);
                fieldset {
                    legend { (visitor.text("organiser_class.decide")) }
                    (reason.area(3))
                    div.actions {
                        @for name in without_line(class, buttons) {
                            button.button.quiet name="do" value=(name) { (action_text(visitor, name)) }
                        }
                        @if seen.row.status.is_living() {
                            button.button.quiet.danger name="do" value="cancel" { (visitor.text("organiser_class.cancel_one")) }
                        }
                    }
                }
            }
        }
    }
}

/// Renders the form that moves up in the line; nothing for the first in line.
pub(super) fn position(
    visitor: &Visitor,
    seen: &SeenEnrollment,
    refused: Option<&Refused<'_>>,
) -> Markup {
    let Some(line) = seen.line.filter(|line| line.position > 1) else { return Markup::default() };
    let most = (line.position - 1).to_string();
    let wanted = refused.map(|refused| refused.position).filter(|text| !text.is_empty());
    let position = Field {
        name: "position",
        label: visitor.text("organiser_class.new_position"),
        kind: "number",
        value: wanted.unwrap_or("1"),
        min: Some("1"),
        max: Some(&most),
        required: true,
        ..Field::default()
    };
    let reason = Field {
        name: "why",
        label: visitor.text("organiser_class.why_up"),
        value: refused.map_or("", |refused| refused.reason),
        required: true,
        hint: Some(visitor.text("organiser_class.why_up_hint")),
        ..Field::default()
    };
    html! {
        form.stack id="move" method="post" action={ "/organiser/enrollments/" (seen.row.id) "/position" } {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            fieldset {
                legend { (visitor.text("organiser_class.move_up")) }
                div.short { (position.render()) }
                (reason.area(2))
                button.button.quiet { (visitor.text("organiser_class.move_up")) }
            }
        }
    }
}

/// Renders what was done with the application, the newest first, after an entry of the log.
pub(super) async fn history(
    state: &AppState,
    visitor: &Visitor,
    class: &ClassRow,
    (id, after): (EnrollmentId, Option<(i64, i32)>),
) -> Result<Markup, ApiError> {
    let (entries, last) = state.classes.changes_of_enrollment(id, after, LOGGED).await?;
    Ok(html! {
        h2 id="history" { (visitor.text("organiser_class.history")) }
        ul.plain {
            @for entry in &entries { li { (log_line(visitor, class, entry)) } }
        }
        (older(visitor, &format!("/organiser/enrollments/{id}"), last))
    })
}
