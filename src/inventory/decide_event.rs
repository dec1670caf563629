//! Decides changes of the offering's products and terms: ticket types added, changed and withdrawn,
//! the times of the event and of its sale, the refund after a cancellation.

use super::decide::Decided;
use super::terms::{
    Availability, CancellationPolicy, DEFAULT_EVENT_LENGTH_MS, EventTimes, NewProduct,
    OfferingChange, ProductChange,
};
use super::validate::{MAX_PRICE, MAX_PRODUCTS, bad_name, bad_text};
use super::{Change, Inventory, Rejection, SaleEnd, SaleState, SaleWindow};
use crate::ids::ProductId;

fn invalid(reason: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::Invalid { reason: reason.into() }
}

impl Inventory {
    pub(super) fn decide_add_product(&self, new: &NewProduct) -> Decided {
        self.not_cancelled()?;
        let NewProduct { name, description, definition } = new;
        if self.products.len() >= MAX_PRODUCTS {
            return Err(invalid("more products than one event may have").into());
        }
        describable(Some(name), Some(description))?;
        let Some(places) = definition.capacity else {
            return Err(invalid("a product that is added has totalStock places").into());
        };
        if places == 0 || definition.max_per_customer == Some(0) {
            return Err(invalid("totalStock and maxPerCustomer must be at least 1").into());
        }
        if !(0..=MAX_PRICE).contains(&definition.price) {
            return Err(invalid("the price is out of range").into());
        }
        sale_in_order(definition.sale)?;
        self.room_for(i64::from(places))?;
        let next = u16::try_from(self.products.len()).expect("there are at most 1,000 products");
        Ok(vec![Change::ProductAdded {
            product: ProductId(next),
            name: name.clone(),
            description: description.clone(),
            definition: definition.clone(),
        }])
    }

    pub(super) fn decide_change_product(&self, id: ProductId, change: &ProductChange) -> Decided {
        self.not_cancelled()?;
        let found = self.products.get(id.index()).ok_or(Rejection::UnknownProduct)?;
        let ProductChange { name, description, sale_start, sale_end, availability } = change;
        let mut changes = Vec::new();
        if name.is_some() || description.is_some() {
            describable(name.as_ref(), description.as_ref())?;
            let (name, description) = (name.clone(), description.clone());
            changes.push(Change::ProductDescribed { product: id, name, description });
        }
        let window = SaleWindow {
            start: sale_start.unwrap_or(found.sale.start),
            end: sale_end.unwrap_or(found.sale.end),
        };
        if window != found.sale {
            sale_in_order(window)?;
            changes.push(Change::SaleWindowSet { product: Some(id), window });
        }
        match (availability, found.withdrawn_at) {
            (Some(Availability::Withdrawn), None) => {
                changes.push(Change::ProductWithdrawn { product: id });
            }
            (Some(Availability::Offered), Some(_)) => {
                changes.push(Change::ProductRestored { product: id });
            }
            (Some(Availability::Withdrawn), Some(_))
            | (Some(Availability::Offered), None)
            | (None, _) => {}
        }
        Ok(changes)
    }

    pub(super) fn decide_change_offering(&self, change: &OfferingChange) -> Decided {
        self.not_cancelled()?;
        let mut changes = Vec::new();
        let times = self.times_after(change)?;
        if times != self.times
            && let Some(EventTimes { starts_at, ends_at }) = times
        {
            changes.push(Change::EventTimesSet { starts_at, ends_at });
        }
        let window = SaleWindow {
            start: change.sale_start.unwrap_or(self.sale.start),
            end: change.sale_end.unwrap_or(self.sale.end),
        };
        if let (Some(end), Some(times)) = (window.end, times)
            && end > times.ends_at
        {
            let reason = "saleEndAt must not be after eventEndAt: set the other one as well";
            return Err(invalid(reason).into());
        }
        if window != self.sale {
            sale_in_order(window)?;
            changes.push(Change::SaleWindowSet { product: None, window });
        }
        if let Some(policy) = change.cancellation.filter(|policy| *policy != self.cancellation) {
            sensible(policy)?;
            changes.push(Change::CancellationPolicySet { policy });
        }
        if change.state == Some(SaleState::Open) {
            self.can_open(window, times)?;
        }
        if let Some(state) = change.state.filter(|state| *state != self.sale_state) {
            changes.push(Change::SaleStateSet { state });
        }
        Ok(changes)
    }

    /// Refuses to open a sale that has ended by its times: it would look open and sell nothing.
    pub(super) fn can_open(
        &self,
        sale: SaleWindow,
        times: Option<EventTimes>,
    ) -> Result<(), Rejection> {
        let of_event = times.map(|times| (SaleEnd::Event, times.ends_at));
        let (end, at) = match sale.end.map(|end| (SaleEnd::Sale, end)).or(of_event) {
            Some(ended) if ended.1 <= self.now => ended,
            Some(_) | None => return Ok(()),
        };
        Err(Rejection::SaleOver { end, at })
    }

    fn times_after(&self, change: &OfferingChange) -> Result<Option<EventTimes>, Rejection> {
        let times = match (change.starts_at, change.ends_at, self.times) {
            (None, None, times) => return Ok(times),
            (Some(starts_at), Some(ends_at), _) => EventTimes { starts_at, ends_at },
            (Some(starts_at), None, old) => {
                let length = old.map_or(DEFAULT_EVENT_LENGTH_MS, |old| old.ends_at - old.starts_at);
                EventTimes { starts_at, ends_at: starts_at.saturating_add(length) }
            }
            (None, Some(ends_at), Some(old)) => EventTimes { starts_at: old.starts_at, ends_at },
            (None, Some(_), None) => {
                return Err(invalid("eventEndAt needs eventDate, which is not known here yet"));
            }
        };
        if times.starts_at >= times.ends_at {
            return Err(invalid("eventEndAt must be after eventDate"));
        }
        Ok(Some(times))
    }
}

fn sale_in_order(window: SaleWindow) -> Result<(), Rejection> {
    match (window.start, window.end) {
        (Some(start), Some(end)) if start >= end => {
            Err(invalid("a sale must start before it ends"))
        }
        _ => Ok(()),
    }
}

pub(super) fn sensible(policy: CancellationPolicy) -> Result<(), Rejection> {
    match policy {
        CancellationPolicy::Until { refund_percent: 101.., .. } => {
            Err(invalid("cancellation.refundPercent must be 0 to 100"))
        }
        CancellationPolicy::Until { .. } | CancellationPolicy::Never => Ok(()),
    }
}

fn describable(name: Option<&String>, description: Option<&String>) -> Result<(), Rejection> {
    if let Some(problem) = name.and_then(|name| bad_name(name)) {
        return Err(invalid(format!("name {problem}")));
    }
    match description.and_then(|text| bad_text(text)) {
        Some(problem) => Err(invalid(format!("description {problem}"))),
        None => Ok(()),
    }
}
