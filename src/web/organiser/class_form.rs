//! The form of a class as it was entered, and the draft that follows from it. What
//! people entered stays as text, so that a refused form is shown again as it was.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::entered::{self, Pairs};
use super::event_form::number_within;
use super::refused::Refused;
use crate::classes::{ClassDraft, WaitlistDraft};
use crate::inventory::{CancellationPolicy, MAX_PRICE, Minor, Promotion, Selection, TimestampMs};
use crate::store::{ClassRow, Visibility, promotion_name, selection_name};
use crate::web::class::words;
use crate::web::visitor::Visitor;

/// The most places of a class, as of a ticket type, and of its waitlist.
pub(super) const PLACES: (u32, u32) = super::event_form::PLACES;
pub(super) const WAITLIST: (u32, u32) = (0, 100_000);
/// The minutes to pay or to take a place: 60 days at most.
pub(super) const MINUTES: (u32, u32) = (1, 60 * 24 * 60);

/// The fields of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClassForm {
    #[serde(skip)]
    pub(super) key: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) location: String,
    pub(super) online: bool,
    /// `PUBLIC` or `UNLISTED`.
    pub(super) visibility: String,
    pub(super) capacity: String,
    /// Empty or 0 for no waitlist.
    pub(super) waitlist: String,
    pub(super) selection: String,
    pub(super) promotion: String,
    pub(super) reapply: bool,
    pub(super) fee: String,
    pub(super) currency: String,
    pub(super) time_zone: String,
    pub(super) starts: String,
    pub(super) ends: String,
    pub(super) recruit_start: String,
    pub(super) recruit_end: String,
    pub(super) pay_minutes: String,
    pub(super) offer_minutes: String,
    /// `start`, `until` or `never`.
    pub(super) cancel: String,
    pub(super) cancel_until: String,
    pub(super) refund_percent: String,
}

/// The times of a class.
struct Times {
    starts: TimestampMs,
    ends: TimestampMs,
    recruit_start: Option<TimestampMs>,
    recruit_end: Option<TimestampMs>,
}

impl ClassForm {
    /// An empty form with the usual values.
    pub(super) fn empty(zone: Tz) -> Self {
        Self {
            key: uuid::Uuid::new_v4().to_string(),
            visibility: Visibility::Public.as_str().into(),
            selection: selection_name(Selection::FirstCome).into(),
            promotion: promotion_name(Promotion::Auto).into(),
            reapply: true,
            fee: "0".into(),
            currency: "KRW".into(),
            time_zone: zone.name().into(),
            pay_minutes: "2880".into(),
            offer_minutes: "1440".into(),
            cancel: "start".into(),
            refund_percent: "100".into(),
            ..Self::default()
        }
    }

    /// The form of a class as it is.
    pub(super) fn of(visitor: &Visitor, class: &ClassRow) -> Self {
        let (event, zone) = (&class.event, words::zone(visitor, class));
        let at = |at: Option<TimestampMs>| {
            at.map(|at| entered::local_text(at, zone)).unwrap_or_default()
        };
        let fee = event.products.first().map_or(0, |places| places.price);
        let (cancel, cancel_until, percent) = match event.cancellation {
            CancellationPolicy::Never => ("never", None, 100),
            CancellationPolicy::Until { until: None, refund_percent } => {
                ("start", None, refund_percent)
            }
            CancellationPolicy::Until { until, refund_percent } => ("until", until, refund_percent),
        };
        Self {
            key: uuid::Uuid::new_v4().to_string(),
            title: event.details.name.clone(),
            description: event.details.description.clone(),
            location: event.details.venue.clone(),
            online: class.is_online,
            visibility: class.visibility.as_str().into(),
            capacity: class.capacity().to_string(),
            waitlist: class.rules.waitlist.to_string(),
            selection: selection_name(class.rules.selection).into(),
            promotion: promotion_name(class.rules.promotion).into(),
            reapply: class.rules.allow_reapply,
            fee: entered::plain_amount(fee, &event.currency),
            currency: event.currency.clone(),
            time_zone: zone.name().into(),
            starts: at(Some(event.details.event_date)),
            ends: at(event.event_end),
            recruit_start: at(event.sale.start),
            // The end that a class has by itself, and that follows its start.
            recruit_end: at(event.sale.end.filter(|end| *end != event.details.event_date)),
            pay_minutes: (class.rules.pay_window_ms / 60_000).to_string(),
            offer_minutes: (class.rules.offer_ttl_ms / 60_000).to_string(),
            cancel: cancel.into(),
            cancel_until: at(cancel_until),
            refund_percent: percent.to_string(),
        }
    }

    /// Reads the fields from a form.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let pairs = Pairs(pairs);
        let of = |name| pairs.entered(name);
        Self {
            key: of("key"),
            title: of("title"),
            // Browsers send line breaks as CR LF.
            description: of("description").replace("\r\n", "\n"),
            location: of("location"),
            online: pairs.value("online").is_some(),
            visibility: of("visibility"),
            capacity: of("capacity"),
            waitlist: of("waitlist"),
            selection: of("selection"),
            promotion: of("promotion"),
            reapply: pairs.value("reapply").is_some(),
            fee: of("fee"),
            currency: of("currency").trim().to_uppercase(),
            time_zone: of("time_zone"),
            starts: of("starts"),
            ends: of("ends"),
            recruit_start: of("recruit_start"),
            recruit_end: of("recruit_end"),
            pay_minutes: of("pay_minutes"),
            offer_minutes: of("offer_minutes"),
            cancel: of("cancel"),
            cancel_until: of("cancel_until"),
            refund_percent: of("refund_percent"),
        }
    }

    /// Returns what was entered in place of what the page showed, and everything else as it is now:
    /// what another administrator has changed since stays.
    pub(super) fn merged(&self, shown: &Self, present: &Self) -> Self {
        let fields = |form: &Self| match serde_json::to_value(form) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let (shown, present) = (fields(shown), fields(present));
        let mut merged = fields(self);
        for (name, value) in &mut merged {
            if shown.get(name) == Some(value)
                && let Some(present) = present.get(name)
            {
                *value = present.clone();
            }
        }
        let merged = serde_json::from_value(Value::Object(merged));
        Self { key: self.key.clone(), ..merged.unwrap_or_else(|_| self.clone()) }
    }

    /// Reads the draft of a new class.
    pub(super) fn draft(&self, visitor: &Visitor) -> Result<ClassDraft, Refused> {
        let zone = self.zone(visitor)?;
        let times = self.times(visitor, zone)?;
        Ok(ClassDraft {
            title: self.title(visitor)?,
            description: self.description.clone(),
            location: self.location.clone(),
            capacity: self.capacity(visitor)?,
            waitlist: self.waitlist(visitor)?,
            visibility: self.visibility(),
            fee: (self.fee(visitor)?, self.currency.clone()),
            selection: self.selection(),
            promotion: self.promotion(),
            allow_reapply: self.reapply,
            recruit_start: times.recruit_start,
            recruit_end: times.recruit_end,
            starts_at: times.starts,
            ends_at: times.ends,
            is_online: self.online,
            pay_window_ms: minutes(visitor, "pay_minutes", &self.pay_minutes)?,
            offer_ttl_ms: minutes(visitor, "offer_minutes", &self.offer_minutes)?,
            cancellation: self.cancellation(visitor, zone)?,
            time_zone: Some(zone.name().to_owned()),
        })
    }

    fn zone(&self, visitor: &Visitor) -> Result<Tz, Refused> {
        let zone = self.time_zone.trim().parse();
        zone.map_err(|_| Refused::new(visitor, "time_zone", "organiser_form.bad_zone"))
    }

    fn title(&self, visitor: &Visitor) -> Result<String, Refused> {
        match self.title.trim() {
            "" => Err(Refused::new(visitor, "title", "organiser_reason.empty")),
            title => Ok(title.to_owned()),
        }
    }

    fn capacity(&self, visitor: &Visitor) -> Result<u32, Refused> {
        number_within(visitor, "capacity", &self.capacity, PLACES)?
            .ok_or_else(|| Refused::between(visitor, "capacity", PLACES))
    }

    fn waitlist(&self, visitor: &Visitor) -> Result<WaitlistDraft, Refused> {
        let places = number_within(visitor, "waitlist", &self.waitlist, WAITLIST)?.unwrap_or(0);
        Ok(WaitlistDraft { allowed: Some(places > 0), capacity: Some(places) })
    }

    fn visibility(&self) -> Visibility {
        Visibility::parse(&self.visibility).unwrap_or(Visibility::Public)
    }

    fn selection(&self) -> Selection {
        let is_review = self.selection == selection_name(Selection::Review);
        if is_review { Selection::Review } else { Selection::FirstCome }
    }

    fn promotion(&self) -> Promotion {
        let is_offer = self.promotion == promotion_name(Promotion::Offer);
        if is_offer { Promotion::Offer } else { Promotion::Auto }
    }

    fn fee(&self, visitor: &Visitor) -> Result<Minor, Refused> {
        let text = if self.fee.trim().is_empty() { "0" } else { &self.fee };
        match entered::amount(text, &self.currency) {
            Ok(fee) if fee <= MAX_PRICE => Ok(fee),
            Ok(_) => Err(Refused::new(visitor, "fee", "organiser_form.price_too_high")),
            Err(key) => Err(Refused::new(visitor, "fee", key)),
        }
    }

    fn times(&self, visitor: &Visitor, zone: Tz) -> Result<Times, Refused> {
        let refused = |input, key| Refused::new(visitor, input, key);
        let time =
            |input, text: &str| entered::local_time(text, zone).map_err(|key| refused(input, key));
        let needed = |input, at: Option<TimestampMs>| {
            at.ok_or_else(|| refused(input, "organiser_class.start_missing"))
        };
        let starts = needed("starts", time("starts", &self.starts)?)?;
        let ends = needed("ends", time("ends", &self.ends)?)?;
        if ends <= starts {
            return Err(refused("ends", "organiser_form.ends_before"));
        }
        let recruit_start = time("recruit_start", &self.recruit_start)?;
        let recruit_end = time("recruit_end", &self.recruit_end)?;
        if recruit_end.is_some_and(|end| end > starts) {
            return Err(refused("recruit_end", "organiser_class.recruits_late"));
        }
        if recruit_start.is_some_and(|start| start >= recruit_end.unwrap_or(starts)) {
            return Err(refused("recruit_start", "organiser_class.recruits_backwards"));
        }
        Ok(Times { starts, ends, recruit_start, recruit_end })
    }

    fn cancellation(&self, visitor: &Visitor, zone: Tz) -> Result<CancellationPolicy, Refused> {
        let percent = entered::whole(&self.refund_percent)
            .ok()
            .and_then(|percent| u8::try_from(percent.unwrap_or(100)).ok())
            .filter(|percent| *percent <= 100)
            .ok_or_else(|| Refused::new(visitor, "refund_percent", "organiser_form.bad_percent"))?;
        match self.cancel.as_str() {
            "never" => Ok(CancellationPolicy::Never),
            "until" => {
                let refused = |key| Refused::new(visitor, "cancel_until", key);
                let until = entered::local_time(&self.cancel_until, zone).map_err(refused)?;
                let until = until.ok_or_else(|| refused("organiser_form.cancel_until_missing"))?;
                Ok(CancellationPolicy::Until { until: Some(until), refund_percent: percent })
            }
            _ => Ok(CancellationPolicy::Until { until: None, refund_percent: percent }),
        }
    }
}

fn minutes(visitor: &Visitor, input: &str, text: &str) -> Result<i64, Refused> {
    let read = number_within(visitor, input, text, MINUTES)?;
    let minutes = read.ok_or_else(|| Refused::between(visitor, input, MINUTES))?;
    Ok(i64::from(minutes) * 60_000)
}
