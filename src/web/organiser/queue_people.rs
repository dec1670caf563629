//! What an organiser does with the line by hand: guests go ahead of it, entries are voided, and a draw
//! that waits for a public value gets it. People are named by the addresses of their accounts.

use maud::{Markup, html};

use super::event_form::Pairs;
use super::reasons;
use super::refused::{Refusals, Refused};
use crate::accounts::normalise_email;
use crate::box_office::SubmitError;
use crate::http::error::ApiError;
use crate::http::extract::Caller;
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::inventory::{Idempotency, QueuePhase, Rejection};
use crate::store::UserRow;
use crate::waiting_room::{Seen, WaitingRoomError};
use crate::web::fields::Field;
use crate::web::visitor::Visitor;

/// A form about people: its action, its fields, and the keys of its texts.
struct PeopleForm {
    action: &'static str,
    emails: &'static str,
    reason: &'static str,
    title: &'static str,
    does: &'static str,
    class: &'static str,
    /// The key of what is said if there was nothing to do.
    none: &'static str,
    /// The key of what is said of an address without an account that is meant.
    unknown: &'static str,
}

const FORMS: [PeopleForm; 2] = [
    PeopleForm {
        action: "guests",
        emails: "guests",
        reason: "guests_reason",
        title: "organiser_queue.guests",
        does: "organiser_queue.guests_does",
        class: "button",
        none: "organiser_queue.guests_none",
        unknown: "organiser_queue.no_confirmed_account",
    },
    PeopleForm {
        action: "void",
        emails: "void",
        reason: "void_reason",
        title: "organiser_queue.void",
        does: "organiser_queue.void_does",
        class: "button danger",
        none: "organiser_queue.void_none",
        unknown: "organiser_queue.no_account",
    },
];

/// The input of the public value of a draw.
const VALUE: &str = "public_value";

/// True for the actions of these forms.
pub(super) fn is_one(action: &str) -> bool {
    action == "draw" || FORMS.iter().any(|form| form.action == action)
}

/// Renders the forms that the line has use for now, with what was entered and why it was refused.
pub(super) fn render(
    visitor: &Visitor,
    (event, seen): (OfferingId, &Seen),
    entered: &[(String, String)],
    refused: &Refusals,
) -> Markup {
    let entered = Pairs(entered);
    let action = entered.entered("do");
    let progress = &seen.progress;
    let begin = |action: &str| {
        html! {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            input type="hidden" name="do" value=(action);
        }
    };
    let to = format!("/organiser/events/{event}/queue");
    html! {
        @if let (QueuePhase::Drawing, Some(source)) = (progress.phase, &progress.rules.public_source) {
            form.stack method="post" action=(to) {
                (begin("draw"))
                p { (visitor.fill("organiser_queue.draw_waits", &[("source", source)])) }
                (refused.field(Field {
                    name: VALUE,
                    label: visitor.text("organiser_queue.public_value"),
                    value: &entered.entered(VALUE),
                    hint: Some(visitor.text("organiser_queue.public_value_does")),
                    required: true,
                    max_length: Some(100),
                    ..Field::default()
                }))
                button.button { (visitor.text("organiser_queue.draw")) }
            }
        }
        @for form in &FORMS {
            @let is_early = form.action == "guests" && progress.phase != QueuePhase::Open;
            @if is_early { p.hint { (visitor.text("organiser_queue.guests_later")) } }
            @else { details.cancel open[action == form.action] {
                summary { (visitor.text(form.title)) }
                form.stack method="post" action=(to) {
                    (begin(form.action))
                    p { (visitor.text(form.does)) }
                    (refused.with_error(Field {
                        name: form.emails,
                        label: visitor.text("organiser_queue.emails"),
                        value: &entered.entered(form.emails),
                        hint: Some(visitor.text("organiser_queue.emails_does")),
                        required: true,
                        ..Field::default()
                    }).area(3))
                    (refused.field(Field {
                        name: form.reason,
                        label: visitor.text("organiser_queue.reason"),
                        value: &entered.entered(form.reason),
                        hint: Some(visitor.text("organiser_queue.reason_does")),
                        required: true,
                        max_length: Some(100),
                        ..Field::default()
                    }))
                    button class=(form.class) { (visitor.text(form.title)) }
                }
            } }
        }
    }
}

/// Carries a form out; returns what is refused, if anything is.
pub(super) async fn carry_out(
    state: &AppState,
    (visitor, admin): (&Visitor, &Caller),
    event: OfferingId,
    pairs: &[(String, String)],
    key: Option<Idempotency>,
) -> Result<Refusals, ApiError> {
    let (rooms, entered) = (&state.waiting_rooms, Pairs(pairs));
    let action = entered.entered("do");
    let Some(form) = FORMS.iter().find(|form| form.action == action) else {
        let value = entered.entered(VALUE).trim().to_owned();
        return done(visitor, VALUE, rooms.draw(event, admin.user, value, key).await.map(drop));
    };
    let people = match accounts(state, form, &entered.entered(form.emails)).await? {
        Ok(people) => people,
        Err(unknown) => {
            let text = visitor.fill(form.unknown, &[("email", &unknown)]);
            return Ok(Refused { input: form.emails.to_owned(), text }.into());
        }
    };
    let reason = entered.entered(form.reason).trim().to_owned();
    let done_so = match form.action {
        "void" => rooms.void(event, admin.user, people, reason, key).await,
        _ => rooms.prioritise(event, admin.user, &people, reason, key).await,
    };
    match done_so {
        Err(WaitingRoomError::Office(SubmitError::Rejected(
            Rejection::QueueEntryNotFound | Rejection::InQueue,
        ))) => Ok(Refused::new(visitor, form.emails, form.none).into()),
        done_so => done(visitor, form.reason, done_so.map(drop)),
    }
}

/// Returns the accounts of these addresses, or the first text that is no address of one. An account whose
/// address is not confirmed may be another person's: it gets no place ahead of others.
async fn accounts(
    state: &AppState,
    form: &PeopleForm,
    text: &str,
) -> Result<Result<Vec<UserId>, String>, ApiError> {
    let is_meant =
        |account: &UserRow| form.action == "void" || state.accounts.has_proved_address(account);
    let mut people = Vec::new();
    let separators = |character: char| character.is_whitespace() || ",;".contains(character);
    for word in text.split(separators).filter(|word| !word.is_empty()) {
        let account = match normalise_email(word) {
            Ok(email) => state.store.user_by_email(&email).await?,
            Err(_) => None,
        };
        match account.filter(is_meant) {
            Some(account) => people.push(account.id),
            None => return Ok(Err(word.to_owned())),
        }
    }
    Ok(Ok(people))
}

/// Shows the refusal of a text beside its field; other failures are shown above the page.
fn done(
    visitor: &Visitor,
    input: &str,
    done: Result<(), WaitingRoomError>,
) -> Result<Refusals, ApiError> {
    match done {
        Ok(()) => Ok(Refusals::default()),
        Err(WaitingRoomError::Office(SubmitError::Rejected(Rejection::Invalid { reason }))) => {
            let text = reasons::of(visitor, &reason);
            Ok(Refused { input: input.to_owned(), text }.into())
        }
        Err(error) => Err(error.into()),
    }
}
