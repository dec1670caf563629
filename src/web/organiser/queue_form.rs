//! The rules of a waiting room as a form: each field says what it does, and has the refusal of its value
//! beside it.

use chrono_tz::Tz;
use maud::{Markup, html};

use super::entered::{self, Pairs};
use super::reasons;
use super::refused::{Refusals, Refused};
use crate::inventory::{QueueChange, QueueRules, TimestampMs};
use crate::store::EventRow;
use crate::waiting_room::Seen;
use crate::web::fields::Field;
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

/// The fields of numbers by their names in the API, with the keys of their labels and hints.
const NUMBERS: [(&str, &str, &str, &str); 7] = [
    ("passesPerMinute", "passes", "organiser_queue.passes", "organiser_queue.passes_does"),
    ("activeLimit", "active", "organiser_queue.active", "organiser_queue.active_does"),
    ("admitPercent", "percent", "organiser_queue.percent", "organiser_queue.percent_does"),
    ("passSeconds", "pass_seconds", "organiser_queue.seconds", "organiser_queue.seconds_does"),
    ("silenceSeconds", "silence", "organiser_queue.silence", "organiser_queue.silence_does"),
    ("turns", "turns", "organiser_queue.turns", "organiser_queue.turns_does"),
    ("challengeBits", "bits", "organiser_queue.bits", "organiser_queue.bits_does"),
];

/// The rules as they were entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RulesForm {
    opens: String,
    source: String,
    numbers: [String; 7],
    /// Accounts that were made later may not enter.
    before: String,
    confirmed: bool,
}

impl RulesForm {
    /// The rules in force, or the defaults while the waiting room is off.
    pub(super) fn of(visitor: &Visitor, event: &EventRow, seen: Option<&Seen>) -> Self {
        let default = QueueRules::default();
        let rules = seen.map_or(&default, |seen| &seen.progress.rules);
        let zone = zone_of(visitor, event);
        let time = |at: Option<TimestampMs>| at.map(|at| entered::local_text(at, zone));
        Self {
            opens: time(rules.opens_at).unwrap_or_default(),
            source: rules.public_source.clone().unwrap_or_default(),
            before: time(rules.account_before).unwrap_or_default(),
            confirmed: rules.confirmed_only,
            numbers: [
                rules.passes_per_minute.to_string(),
                rules.active_limit.to_string(),
                rules.admit_percent.to_string(),
                (rules.pass_ms / 1_000).to_string(),
                (rules.silence_ms / 1_000).to_string(),
                rules.turns.to_string(),
                rules.challenge_bits.to_string(),
            ],
        }
    }

    /// Reads the fields from a form.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let pairs = Pairs(pairs);
        let entered = |input| pairs.entered(input).trim().to_owned();
        let numbers = NUMBERS.map(|(_, input, _, _)| entered(input));
        let confirmed = pairs.value("confirmed").is_some();
        let (opens, source, before) = (entered("opens"), entered("source"), entered("before"));
        Self { opens, source, numbers, before, confirmed }
    }

    /// Returns what differs from the rules `before`, or the fields that cannot be read.
    pub(super) fn change(
        &self,
        visitor: &Visitor,
        before: &Self,
        zone: Tz,
    ) -> Result<QueueChange, Refusals> {
        let mut refused = Vec::new();
        // A field has no seconds: a time that was not touched stays as exact as it is.
        let mut time = |input: &str, text: &str, before: &str| {
            if text == before {
                return None;
            }
            let read = entered::local_time(text, zone);
            read.map_err(|key| refused.push(Refused::new(visitor, input, key))).ok()
        };
        let opens_at = time("opens", &self.opens, &before.opens);
        let account_before = time("before", &self.before, &before.before);
        let mut numbers = [None; 7];
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
        let [passes_per_minute, active_limit, admit_percent, pass_s, silence_s, turns, bits] =
            numbers;
        let source = (!self.source.is_empty()).then(|| self.source.clone());
        // What does not fit is out of the range, and refused with the field.
        let small =
            |number: Option<u32>| number.map(|number| u8::try_from(number).unwrap_or(u8::MAX));
        let ms = |seconds: Option<u32>| seconds.map(|seconds| i64::from(seconds) * 1_000);
        Ok(QueueChange {
            opens_at,
            passes_per_minute,
            active_limit,
            admit_percent,
            pass_ms: ms(pass_s),
            silence_ms: ms(silence_s),
            turns: small(turns),
            challenge_bits: small(bits),
            account_before,
            confirmed_only: Some(self.confirmed),
            public_source: (self.source != before.source).then_some(source),
            ..QueueChange::default()
        })
    }
}

/// Returns the field that a refusal names, and its reason without the API's name of it.
pub(super) fn refused_field(visitor: &Visitor, message: &str) -> Option<Refused> {
    let fields = NUMBERS.iter().map(|(field, input, _, _)| (*field, *input));
    fields.chain([("publicSource", "source"), ("opensAt", "opens")]).find_map(|(field, input)| {
        let reason = message.strip_prefix(field)?.trim_start();
        Some(Refused { input: input.to_owned(), text: reasons::of(visitor, reason) })
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
    let field = |name, kind, value, label, hint| Field {
        name,
        kind,
        value,
        label: visitor.text(label),
        hint: Some(visitor.text(hint)),
        ..Field::default()
    };
    let (opens, source) = (("opens", &form.opens), ("source", &form.source));
    html! {
        form.stack method="post" action={ "/organiser/events/" (event.id) "/queue#rules" } {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            input type="hidden" name="do" value=(action);
            @if is_closed {
                // The list is complete: what rules its draw is fixed.
                @for (name, value) in [opens, source] {
                    input type="hidden" name=(name) value=(value);
                }
            } @else {
                (refused.field(field(opens.0, "datetime-local", opens.1,
                    "organiser_queue.opens", "organiser_queue.opens_does")))
                (refused.field(Field { max_length: Some(100), ..field(source.0, "", source.1,
                    "organiser_queue.source", "organiser_queue.source_does") }))
            }
            div.form-grid {
                @for (index, (_, name, label, hint)) in NUMBERS.iter().enumerate() {
                    (refused.field(Field {
                        min: Some(if *name == "bits" { "0" } else { "1" }),
                        required: true,
                        ..field(*name, "number", &form.numbers[index], *label, *hint)
                    }))
                }
            }
            (refused.field(field("before", "datetime-local", &form.before,
                "organiser_queue.before", "organiser_queue.before_does")))
            div.field { label.check {
                input type="checkbox" name="confirmed" value="on" checked[form.confirmed];
                span { (visitor.text("organiser_queue.confirmed")) }
            } }
            @if seen.is_none() { p { (visitor.text("organiser_queue.on_does")) } }
            button.button { (label) }
        }
    }
}
