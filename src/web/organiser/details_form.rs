//! The part of an event's form that can be changed later: texts, times and terms. Times that no sale could
//! keep are refused; those that are allowed and unusual are asked about.

use chrono_tz::Tz;

use super::entered::{self, Pairs};
use super::refused::Refused;
use crate::inventory::{SaleWindow, TimestampMs};
use crate::offerings::CancellationDraft;
use crate::store::OnPaymentFailure;
use crate::web::visitor::Visitor;

/// The length of an event whose end is left empty: that of an evening. The API's default is a day, during
/// which tickets would be sold to people who come too late.
const EVENT_LENGTH_MS: i64 = 3 * 3_600_000;

/// The fields that can be changed later.
#[derive(Clone, Debug, Default)]
pub(super) struct DetailsForm {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) venue: String,
    pub(super) time_zone: String,
    pub(super) starts: String,
    pub(super) ends: String,
    pub(super) sale_start: String,
    pub(super) sale_end: String,
    /// `start`, `until` or `never`.
    pub(super) cancel: String,
    pub(super) cancel_until: String,
    pub(super) refund_percent: String,
    /// The name of an [`OnPaymentFailure`]; empty for what it is by default, or already.
    pub(super) on_payment_failure: String,
}

/// The times of an event, in milliseconds.
pub(super) struct Times {
    pub(super) starts_at: TimestampMs,
    pub(super) ends_at: Option<TimestampMs>,
    pub(super) sale: SaleWindow,
    pub(super) cancellation: CancellationDraft,
}

impl DetailsForm {
    /// Reads the fields from a form.
    pub(super) fn read(pairs: &Pairs<'_>) -> Self {
        Self {
            name: pairs.entered("name"),
            description: pairs.entered("description"),
            venue: pairs.entered("venue"),
            time_zone: pairs.entered("time_zone"),
            starts: pairs.entered("starts"),
            ends: pairs.entered("ends"),
            sale_start: pairs.entered("sale_start"),
            sale_end: pairs.entered("sale_end"),
            cancel: pairs.entered("cancel"),
            cancel_until: pairs.entered("cancel_until"),
            refund_percent: pairs.entered("refund_percent"),
            on_payment_failure: pairs.entered("on_payment_failure"),
        }
    }

    /// Reads what a failed payment does; `None` if the form does not say it.
    pub(super) fn payment_failure(
        &self,
        visitor: &Visitor,
    ) -> Result<Option<OnPaymentFailure>, Refused> {
        if self.on_payment_failure.is_empty() {
            return Ok(None);
        }
        let refused =
            || Refused::new(visitor, "on_payment_failure", "organiser_form.bad_payment_failure");
        OnPaymentFailure::parse(&self.on_payment_failure).map(Some).ok_or_else(refused)
    }

    /// Reads the time zone of the event.
    pub(super) fn zone(&self, visitor: &Visitor) -> Result<Tz, Refused> {
        let zone = self.time_zone.trim().parse();
        zone.map_err(|_| Refused::new(visitor, "time_zone", "organiser_form.bad_zone"))
    }

    /// Reads the times, on the clocks of the event's zone, and the terms.
    pub(super) fn times(&self, visitor: &Visitor) -> Result<Times, Refused> {
        let zone = self.zone(visitor)?;
        if self.name.trim().is_empty() {
            return Err(Refused::new(visitor, "name", "organiser_form.name_missing"));
        }
        let time = |input, text: &str| {
            entered::local_time(text, zone).map_err(|key| Refused::new(visitor, input, key))
        };
        let missing = || Refused::new(visitor, "starts", "organiser_form.start_missing");
        let starts_at = time("starts", &self.starts)?.ok_or_else(missing)?;
        let ends_at = time("ends", &self.ends)?;
        if ends_at.is_some_and(|end| end <= starts_at) {
            return Err(Refused::new(visitor, "ends", "organiser_form.ends_before"));
        }
        let start = time("sale_start", &self.sale_start)?;
        let end = time("sale_end", &self.sale_end)?;
        check_sale(visitor, (start, end), end_of_event(starts_at, ends_at, end))?;
        let percent = entered::whole(&self.refund_percent)
            .ok()
            .and_then(|percent| u8::try_from(percent.unwrap_or(100)).ok())
            .filter(|percent| *percent <= 100)
            .ok_or_else(|| Refused::new(visitor, "refund_percent", "organiser_form.bad_percent"))?;
        let cancellation = match self.cancel.as_str() {
            "never" => CancellationDraft { allowed: Some(false), ..CancellationDraft::default() },
            "until" => {
                let until = time("cancel_until", &self.cancel_until)?;
                let until = until.ok_or_else(|| {
                    Refused::new(visitor, "cancel_until", "organiser_form.cancel_until_missing")
                })?;
                let (allowed, until) = (Some(true), Some(until));
                CancellationDraft { allowed, until, refund_percent: Some(percent) }
            }
            _ => CancellationDraft {
                allowed: Some(true),
                until: None,
                refund_percent: Some(percent),
            },
        };
        Ok(Times { starts_at, ends_at, sale: SaleWindow { start, end }, cancellation })
    }
}

/// Returns the end of an event; without one, some hours after the beginning, but not before the sale
/// ends.
pub(super) fn end_of_event(
    starts_at: TimestampMs,
    ends_at: Option<TimestampMs>,
    sale_end: Option<TimestampMs>,
) -> TimestampMs {
    let default = (starts_at + EVENT_LENGTH_MS).max(sale_end.unwrap_or(i64::MIN));
    ends_at.unwrap_or(default)
}

/// Refuses a sale in which no place could ever be sold.
fn check_sale(
    visitor: &Visitor,
    (start, end): (Option<TimestampMs>, Option<TimestampMs>),
    event_end: TimestampMs,
) -> Result<(), Refused> {
    let refused = |input, key| Err(Refused::new(visitor, input, key));
    if start.zip(end).is_some_and(|(start, end)| end <= start) {
        return refused("sale_end", "organiser_form.sale_ends_before");
    }
    if end.is_some_and(|end| end > event_end) {
        return refused("sale_end", "organiser_form.sale_ends_late");
    }
    if start.is_some_and(|start| start >= event_end) {
        return refused("sale_start", "organiser_form.sale_opens_late");
    }
    Ok(())
}

impl Times {
    /// Returns what is allowed and unusual, at the inputs that say so. An exhibition may be on sale
    /// while it is open, so that none of it can be refused.
    pub(super) fn unusual(&self, visitor: &Visitor, now: TimestampMs) -> Vec<Refused> {
        let end = end_of_event(self.starts_at, self.ends_at, self.sale.end);
        let is_late = |at: Option<TimestampMs>| at.is_some_and(|at| at > self.starts_at);
        let mut found = Vec::new();
        let mut warn = |input, key| found.push(Refused::new(visitor, input, key));
        if end <= now {
            warn(
                if self.ends_at.is_some() { "ends" } else { "starts" },
                "organiser_form.warn_past",
            );
        } else if self.starts_at <= now {
            warn("starts", "organiser_form.warn_begun");
        }
        if self.sale.end.is_some_and(|end| end <= now) {
            warn("sale_end", "organiser_form.warn_sale_over");
        }
        if self.sale.start.is_some_and(|start| start >= self.starts_at) {
            warn("sale_start", "organiser_form.warn_sale_late");
        }
        if is_late(self.cancellation.until) {
            warn("cancel_until", "organiser_form.warn_cancel_late");
        }
        found
    }
}
