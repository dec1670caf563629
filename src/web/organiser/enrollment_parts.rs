//! The parts of the page of one application: what can be decided, the line, the history.

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
