//! Decisions about many enrollments at once, with what became of each, and marks of attendance.

use actix_web::{HttpResponse, web};
use maud::html;

use super::enrollment_words::action_text;
use super::entered::Pairs;
use super::tables::{Column, cards};
use crate::classes::{Decision, Outcome, Sender, Wish};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{EnrollmentId, OfferingId};
use crate::inventory::{Attendance, Ruling};
use crate::web::class::words;
use crate::web::errors::explain;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/classes/{class}/decisions").post(decide));
}

/// Returns what a button decides.
pub(super) fn ruling(button: &str) -> Option<Ruling> {
    match button {
        "approve" => Some(Ruling::Approve),
        "approve-or-waitlist" => Some(Ruling::ApproveOrWaitlist),
        "waitlist" => Some(Ruling::Waitlist),
        "reject" => Some(Ruling::Reject),
        _ => None,
    }
}

/// Returns the mark of a button; `Some(None)` takes a mark back.
pub(super) fn mark(button: &str) -> Option<Option<Attendance>> {
    match button {
        "present" => Some(Some(Attendance::Present)),
        "late" => Some(Some(Attendance::Late)),
        "absent" => Some(Some(Attendance::Absent)),
        "unmark" => Some(None),
        _ => None,
    }
}

/// Reads the boxes that were ticked: an id, and the version that was shown.
fn picked(pairs: &[(String, String)]) -> Vec<Decision> {
    let read = |value: &str| {
        let (id, version) = value.split_once('_')?;
        let enrollment = id.parse::<EnrollmentId>().ok()?;
        Some(Decision { enrollment, version: Some(version.parse().ok()?) })
    };
    let boxes = pairs.iter().filter(|(name, _)| name == "pick");
    boxes.filter_map(|(_, value)| read(value)).collect()
}

async fn decide(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(class): Path<OfferingId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let decisions = picked(&pairs);
    if decisions.is_empty() {
        return Ok(see_other(&format!("/organiser/classes/{class}?notice=none_ticked")));
    }
    let (button, key) = (Pairs(&pairs).entered("do"), Pairs(&pairs).entered("key"));
    let sender = Sender { user: admin.user, key: Some(&key) };
    if let Some(mark) = mark(&button) {
        let marks: Vec<_> = decisions.iter().map(|one| (one.enrollment, mark)).collect();
        let outcomes = state.classes.record_attendance_of_each(class, sender, &marks).await?;
        return match outcomes.iter().all(|outcome| outcome.decided.is_ok()) {
            true => Ok(see_other(&format!("/organiser/classes/{class}?notice=saved"))),
            false => {
                shown(&state, &visitor, class, (&button, "organiser_class.recorded"), outcomes)
                    .await
            }
        };
    }
    let ruling = ruling(&button).ok_or_else(|| ApiError::of(ErrorCode::BadRequest))?;
    let reason = Some(Pairs(&pairs).entered("reason")).filter(|text| !text.trim().is_empty());
    let wish = Wish { ruling, reason };
    let now = state.clock.now_ms();
    let (outcomes, _) = state.classes.decide_many(class, sender, &wish, &decisions, now).await?;
    shown(&state, &visitor, class, (&button, "organiser_class.decided"), outcomes).await
}

/// Shows what became of each decision, by name; `summary` is the key of how many were carried out.
async fn shown(
    state: &AppState,
    visitor: &Visitor,
    class: OfferingId,
    (button, summary): (&str, &'static str),
    outcomes: Vec<Outcome>,
) -> Result<HttpResponse, ApiError> {
    let named = state.classes.named(&outcomes).await?;
    let class = state.classes.class(class).await?;
    let done = outcomes.iter().filter(|outcome| outcome.decided.is_ok()).count();
    let all = outcomes.len();
    let title = action_text(visitor, button);
    let columns = [
        Column::text(visitor.text("organiser_class.applicant")),
        Column::text(visitor.text("organiser_class.outcome")),
        Column::text(visitor.text("organiser.state")),
    ];
    let cells = |outcome: Outcome| {
        let found = named.iter().find(|(row, _)| row.id == outcome.enrollment);
        vec![
            html! {
                a href={ "/organiser/enrollments/" (outcome.enrollment) } {
                    @match found.map(|(_, name)| name.as_str()).filter(|name| !name.is_empty()) {
                        Some(name) => (name),
                        None => (visitor.text("organiser_live.no_account")),
                    }
                }
            },
            match outcome.decided {
                Ok(()) => html! { (visitor.text("organiser_class.done")) },
                Err(rejection) => html! {
                    strong { (visitor.text("organiser_class.not_done")) } " "
                    (explain(visitor, &ApiError::from(rejection)))
                },
            },
            found.map(|(row, _)| words::state_badge(visitor, row)).unwrap_or_default(),
        ]
    };
    let main = html! {
        p.back { a href={ "/organiser/classes/" (class.event.id) } { (class.event.details.name) } }
        h1 { (title) }
        p role="status" { (visitor.fill(summary, &[
            ("n", &crate::web::format::number(done as u64)),
            ("all", &crate::web::format::number(all as u64)),
        ])) }
        (cards(title, &columns, outcomes.into_iter().map(cells)))
        p { a.button href={ "/organiser/classes/" (class.event.id) } { (visitor.text("error_page.back")) } }
    };
    Ok(layout::render(visitor, Page::new(title).main(main).class("wide")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_that_make_no_sense_are_left_out() {
        let id = EnrollmentId::random();
        let pairs: Vec<_> = [format!("{id}_3"), id.to_string(), "x_1".into(), format!("{id}_x")]
            .into_iter()
            .map(|value| ("pick".to_owned(), value))
            .collect();
        let found = picked(&pairs);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].enrollment, found[0].version), (id, Some(3)));
    }
}
