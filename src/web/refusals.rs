//! Refusals as sentences in the visitor's language: by error code, with what the refusal says about
//! limits, times and seats. The API's own sentences are English; no page shows them in another
//! language.

mod reasons;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use chrono_tz::Tz;
use serde_json::Value;

use crate::http::api::box_office::holds;
use crate::http::error::{ApiError, ErrorCode};
use crate::inventory::TimestampMs;
use crate::web::format;
use crate::web::language::{self, Language};
use crate::web::visitor::Visitor;

pub(crate) use reasons::reason;

/// The refusals that the script of the event's page meets: those of holds, and those of every
/// request. What it makes of others is `js.error.other`.
pub(crate) static OF_HOLDS: LazyLock<Vec<ErrorCode>> = LazyLock::new(|| {
    let of_every_request = [
        ErrorCode::Busy,
        ErrorCode::Unavailable,
        ErrorCode::ShuttingDown,
        ErrorCode::ClockNotTrusted,
        ErrorCode::Internal,
        ErrorCode::EventNotFound,
        ErrorCode::NotFound,
        ErrorCode::RequestTimeout,
        ErrorCode::NotReady,
        ErrorCode::ForeignPage,
        ErrorCode::Forbidden,
        ErrorCode::TooManyRequests,
        ErrorCode::KeyReused,
        ErrorCode::TooManyKeys,
        ErrorCode::Unstorable,
    ];
    let of_holds = holds::CODES.iter().flat_map(|(.., codes)| codes.iter().copied());
    let all = of_holds.chain(of_every_request);
    // Values that are not allowed are named by field and reason, which scripts do not translate.
    all.filter(|code| !matches!(code, ErrorCode::Invalid | ErrorCode::OutcomeUnknown)).collect()
});

/// Returns a refusal as a sentence in the visitor's language.
pub(crate) fn explain(visitor: &Visitor, failure: &ApiError) -> String {
    Explainer::of(visitor).explain(failure)
}

/// Writes refusals in one language.
pub(crate) struct Explainer<'a> {
    language: Language,
    /// The time zone in which times are written.
    zone: Tz,
    /// The places that a refusal is about, as the page names them; empty if unknown.
    seats: &'a str,
}

impl<'a> Explainer<'a> {
    /// Writes times in the time zone of the shop.
    pub(crate) fn of(visitor: &Visitor) -> Self {
        Self { language: visitor.language, zone: visitor.site.zone, seats: "" }
    }

    /// Writes times in another time zone.
    pub(crate) fn in_zone(self, zone: Tz) -> Self {
        Self { zone, ..self }
    }

    /// Names the seats that a refusal is about.
    pub(crate) fn naming(self, seats: &'a str) -> Self {
        Self { seats, ..self }
    }

    /// Returns a refusal as a sentence.
    pub(crate) fn explain(&self, failure: &ApiError) -> String {
        if failure.code() == ErrorCode::Invalid {
            return self.invalid(failure);
        }
        let values = self.values(failure);
        let values: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (*name, &**value)).collect();
        let code = failure.code().as_str();
        for variant in variants(failure) {
            if let Some(text) = self.language.find(&format!("error.{code}{variant}")) {
                let filled = language::fill(text, &values);
                // A refusal without the details that a sentence speaks of gets a plainer one.
                if !filled.contains('{') {
                    return filled;
                }
            }
        }
        self.language.fill("error.other", &[("code", code)])
    }

    /// Returns the details of a refusal as they are written in sentences.
    fn values(&self, failure: &ApiError) -> Vec<(&'static str, String)> {
        let detail = |name: &str| failure.details().and_then(|details| details.get(name));
        let mut values = Vec::new();
        for name in ["requested", "available", "apart", "max", "current", "taken", "placesLeft"] {
            if let Some(number) = detail(name).and_then(Value::as_u64) {
                values.push((name, format::number(number)));
            }
        }
        for name in ["opensAt", "until", "endedAt"] {
            if let Some(at) = detail(name).and_then(Value::as_str).and_then(instant) {
                values.push((name, format::date_time(self.language, at, self.zone)));
            }
        }
        if let Some(seconds) = failure.retry_after_seconds() {
            values.push(("wait", self.wait(seconds)));
        }
        if !self.seats.is_empty() {
            values.push(("seats", self.seats.to_owned()));
        }
        values
    }

    fn wait(&self, seconds: u64) -> String {
        const MINUTES_FROM: u64 = 100;
        if seconds < MINUTES_FROM {
            return self.language.fill("wait.seconds", &[("n", &seconds.to_string())]);
        }
        self.language.fill("wait.minutes", &[("n", &seconds.div_ceil(60).to_string())])
    }

    /// Explains a value that is not allowed: which field, and what is allowed.
    fn invalid(&self, failure: &ApiError) -> String {
        let field = failure.details().and_then(|details| details.get("field")?.as_str());
        let Some(field) = field.filter(|field| *field != ".") else {
            return match reason(self.language, failure.message()) {
                Some(reason) => {
                    one_stop(self.language.fill("error.INVALID", &[("message", &reason)]))
                }
                None => self.language.text("error.invalid_unnamed").to_owned(),
            };
        };
        let message = failure.message();
        let said = message.strip_prefix(field).unwrap_or(message).trim_start();
        if said == Language::English.text("reason.common_password") {
            return self.language.text("error.guessed_password").to_owned();
        }
        let name = self.name_of(field);
        match reason(self.language, said) {
            Some(reason) => {
                let said = [("field", &*name), ("message", &reason)];
                one_stop(self.language.fill("error.field", &said))
            }
            None => self.language.fill("error.field_only", &[("field", &name)]),
        }
    }

    /// Returns the label of a field on the pages; fields in lists keep their path, which says which.
    fn name_of(&self, field: &str) -> String {
        let last = field.rsplit('.').next().unwrap_or(field);
        match self.language.find(&format!("field.{last}")) {
            Some(label) if field.contains('[') => format!("{label} ({field})"),
            Some(label) => label.to_owned(),
            None => field.to_owned(),
        }
    }
}

/// Returns the ends of the keys of sentences about a refusal, the most exact first.
fn variants(failure: &ApiError) -> &'static [&'static str] {
    let detail = |name: &str| failure.details().and_then(|details| details.get(name));
    let is_none = |name: &str| detail(name).and_then(Value::as_u64) == Some(0);
    match failure.code() {
        ErrorCode::SoldOut if detail("apart").is_some() => &["_apart", ""],
        ErrorCode::SoldOut if is_none("available") => &["_none", ""],
        ErrorCode::SoldOut => &["_left", ""],
        ErrorCode::LimitExceeded if is_none("current") => &["_max", ""],
        ErrorCode::LimitExceeded => &["_has", ""],
        ErrorCode::SaleNotOpen | ErrorCode::RecruitmentNotOpen | ErrorCode::RecruitmentOver => {
            &["_at", ""]
        }
        ErrorCode::SeatsTaken => &["_seats", ""],
        ErrorCode::CancellationRefused => &["_until", ""],
        ErrorCode::PlacesAvailable | ErrorCode::PlacesLeft => &["_left", ""],
        ErrorCode::BelowTaken => &["_taken", ""],
        ErrorCode::TooManyRequests | ErrorCode::LoginLocked | ErrorCode::QueueCrowded => {
            &["_wait", ""]
        }
        ErrorCode::WrongState if detail("what").is_some_and(|what| what == "sale") => {
            &["_sale", ""]
        }
        ErrorCode::WrongState if detail("state").is_some_and(|state| state == "not paid yet") => {
            &["_unpaid", ""]
        }
        _ => &[""],
    }
}

/// Returns a sentence with one full stop: a reason in it may be a sentence of its own.
fn one_stop(mut said: String) -> String {
    if said.ends_with("..") {
        said.pop();
    }
    said
}

fn instant(text: &str) -> Option<TimestampMs> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
}
