//! The rules of a waiting room as a form: each field says what it does, and has the refusal of its value
//! beside it.

use chrono_tz::Tz;
use maud::{Markup, html};

use super::entered::{self, Pairs};
use super::reasons;
use super::refused::{Refusals, Refused};
use crate::inventory::{QueueChange, QueueRules};
use crate::store::EventRow;
use crate::waiting_room::Seen;
use crate::web::fields::Field;
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

/// The fields of numbers by their names in the API, with the keys of their labels and hints.
const NUMBERS: [(&str, &str, &str, &str); 6] = [
    ("passesPerMinute", "passes", "organiser_queue.passes", "organiser_queue.passes_does"),
    ("activeLimit", "active", "organiser_queue.active", "organiser_queue.active_does"),
    ("admitPercent", "percent", "organiser_queue.percent", "organiser_queue.percent_does"),
    ("passSeconds", "pass_seconds", "organiser_queue.seconds", "organiser_queue.seconds_does"),
    ("silenceSeconds", "silence", "organiser_queue.silence", "organiser_queue.silence_does"),
    ("challengeBits", "bits", "organiser_queue.bits", "organiser_queue.bits_does"),
];

/// The rules as they were entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RulesForm {
    opens: String,
    numbers: [String; 6],
}

impl RulesForm {
    /// The rules in force, or the defaults while the waiting room is off.
    pub(super) fn of(visitor: &Visitor, event: &EventRow, seen: Option<&Seen>) -> Self {
        let default = QueueRules::default();
        let rules = seen.map_or(&default, |seen| &seen.progress.rules);
        let zone = zone_of(visitor, event);
        Self {
            opens: rules.opens_at.map(|at| entered::local_text(at, zone)).unwrap_or_default(),
            numbers: [
                rules.passes_per_minute.to_string(),
                rules.active_limit.to_string(),
                rules.admit_percent.to_string(),
                (rules.pass_ms / 1_000).to_string(),
                (rules.silence_ms / 1_000).to_string(),
                rules.challenge_bits.to_string(),
            ],
        }
    }

    /// Reads the fields from a form.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let pairs = Pairs(pairs);
        let numbers = NUMBERS.map(|(_, input, _, _)| pairs.entered(input).trim().to_owned());
        Self { opens: pairs.entered("opens").trim().to_owned(), numbers }
    }

    /// Returns what differs from the rules `before`, or the fields that cannot be read.
    pub(super) fn change(
        &self,
        visitor: &Visitor,
        before: &Self,
        zone: Tz,
    ) -> Result<QueueChange, Refusals> {
        let mut refused = Vec::new();
        let mut opens_at = None;
        // The field has no seconds: a time that was not touched stays as exact as it is.
        if self.opens != before.opens {
            match entered::local_time(&self.opens, zone) {
                Ok(at) => opens_at = Some(at),
                Err(key) => refused.push(Refused::new(visitor, "opens", key)),
            }
        }
        let mut numbers = [None; 6];
        for (index, (_, input, _, _)) in NUMBERS.iter().enumerate() {
            match entered::whole(&self.numbers[index]) {
                Ok(Some(number)) => numbers[index] = Some(number),
                Ok(None) => {
                    refused.push(Refused::new(visitor, input, "organiser_form.bad_number"));
                }
                Err(key) => refused.push(Refused::new(visitor, input, key)),
            }
        }
        if !refused.is_empty() {
            return Err(refused.into());
        }
        let [passes_per_minute, active_limit, admit_percent, pass_s, silence_s, bits] = numbers;
        let ms = |seconds: Option<u32>| seconds.map(|seconds| i64::from(seconds) * 1_000);
        Ok(QueueChange {
            opens_at,
            passes_per_minute,
            active_limit,
            admit_percent,
            pass_ms: ms(pass_s),
            silence_ms: ms(silence_s),
            // What does not fit is out of the range, and refused with the field.
            challenge_bits: bits.map(|bits| u8::try_from(bits).unwrap_or(u8::MAX)),
            ..QueueChange::default()
        })
    }
}

/// Returns the field that a refusal names, and its reason without the API's name of it.
pub(super) fn refused_field(visitor: &Visitor, message: &str) -> Option<Refused> {
    NUMBERS.iter().find_map(|(field, input, _, _)| {
        let reason = message.strip_prefix(field)?.trim_start();
        Some(Refused { input: (*input).to_owned(), text: reasons::of(visitor, reason) })
    })
}

/// Renders the form: it switches the waiting room on, or changes its rules.
pub(super) fn render(
    visitor: &Visitor,
    (event, seen): (&EventRow, Option<&Seen>),
    form: &RulesForm,
    refused: &Refusals,
) -> Markup {
    let is_closed = seen.is_some_and(|seen| seen.progress.closed.is_some());
    let (action, label) = match seen {
        Some(_) => ("save", visitor.text("organiser_queue.save")),
        None => ("on", visitor.text("organiser_queue.on")),
    };
    let opens = Field {
        name: "opens",
        label: visitor.text("organiser_queue.opens"),
        kind: "datetime-local",
        value: &form.opens,
        hint: Some(visitor.text("organiser_queue.opens_does")),
        ..Field::default()
    };
    html! {
        form.stack method="post" action={ "/organiser/events/" (event.id) "/queue#rules" } {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            input type="hidden" name="do" value=(action);
            @if is_closed {
                // The draw is made of those who came before: its time is past.
                input type="hidden" name="opens" value=(form.opens);
            } @else {
                (refused.field(opens))
            }
            div.form-grid {
                @for (index, (_, name, label, hint)) in NUMBERS.iter().enumerate() {
                    (refused.field(Field {
                        name,
                        label: visitor.text(label),
                        kind: "number",
                        value: &form.numbers[index],
                        hint: Some(visitor.text(hint)),
                        min: Some(if *name == "bits" { "0" } else { "1" }),
                        required: true,
                        ..Field::default()
                    }))
                }
            }
            @if seen.is_none() { p { (visitor.text("organiser_queue.on_does")) } }
            button.button { (label) }
        }
    }
}
