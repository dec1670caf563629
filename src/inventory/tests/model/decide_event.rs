//! The naive model's decisions about added and withdrawn products, and about the event's terms.

use super::*;
use crate::inventory::{
    Availability, NewProduct, OfferingChange, ProductChange, SaleEnd, TimestampMs,
};

impl Model {
    pub(super) fn add_product(&self, new: &NewProduct) -> Answer {
        self.alive()?;
        let definition = &new.definition;
        let limits = [definition.capacity, definition.max_per_customer];
        let is_bad = new.name.is_empty()
            || definition.capacity.is_none()
            || limits.contains(&Some(0))
            || definition.price < 0
            || is_reversed(definition.sale);
        if is_bad {
            return Ok(vec![invalid()?]);
        }
        let next = u16::try_from(self.definition.products.len()).unwrap();
        let (name, description) = (new.name.clone(), new.description.clone());
        let (product, definition) = (ProductId(next), definition.clone());
        Ok(vec![Change::ProductAdded { product, name, description, definition }])
    }

    pub(super) fn change_product(&self, product: ProductId, change: &ProductChange) -> Answer {
        self.alive()?;
        let Some(of) = self.definition.products.get(product.index()) else {
            return Err(Rejection::UnknownProduct.into());
        };
        let mut changes = Vec::new();
        let (name, description) = (change.name.clone(), change.description.clone());
        if name.as_ref().is_some_and(String::is_empty) {
            return Ok(vec![invalid()?]);
        }
        if name.is_some() || description.is_some() {
            changes.push(Change::ProductDescribed { product, name, description });
        }
        let mut window = of.sale;
        change.sale_start.into_iter().for_each(|start| window.start = start);
        change.sale_end.into_iter().for_each(|end| window.end = end);
        if window != of.sale {
            if is_reversed(window) {
                return Ok(vec![invalid()?]);
            }
            changes.push(Change::SaleWindowSet { product: Some(product), window });
        }
        let is_withdrawn = self.withdrawn.contains_key(&product);
        if change.availability == Some(Availability::Withdrawn) && !is_withdrawn {
            changes.push(Change::ProductWithdrawn { product });
        }
        if change.availability == Some(Availability::Offered) && is_withdrawn {
            changes.push(Change::ProductRestored { product });
        }
        Ok(changes)
    }

    pub(super) fn change_offering(&self, change: &OfferingChange) -> Answer {
        self.alive()?;
        let mut changes = Vec::new();
        let mut times = self.times;
        match (change.starts_at, change.ends_at, self.times) {
            (None, None, _) => {}
            (Some(starts), Some(ends), _) => times = Some((starts, ends)),
            (Some(starts), None, None) => times = Some((starts, starts + 24 * HOUR)),
            (Some(starts), None, Some((from, to))) => times = Some((starts, starts + to - from)),
            (None, Some(ends), Some((from, _))) => times = Some((from, ends)),
            (None, Some(_), None) => return Ok(vec![invalid()?]),
        }
        if let Some((starts_at, ends_at)) = times {
            if starts_at >= ends_at {
                return Ok(vec![invalid()?]);
            }
            if times != self.times {
                changes.push(Change::EventTimesSet { starts_at, ends_at });
            }
        }
        let mut window = self.definition.sale;
        change.sale_start.into_iter().for_each(|start| window.start = start);
        change.sale_end.into_iter().for_each(|end| window.end = end);
        let outlasts = |end: i64| times.is_some_and(|(_, ends)| end > ends);
        if window.end.is_some_and(outlasts) {
            return Ok(vec![invalid()?]);
        }
        if window != self.definition.sale {
            if is_reversed(window) {
                return Ok(vec![invalid()?]);
            }
            changes.push(Change::SaleWindowSet { product: None, window });
        }
        if let Some(policy) = change.cancellation
            && policy != self.cancellation
        {
            if let CancellationPolicy::Until { refund_percent, .. } = policy
                && refund_percent > 100
            {
                return Ok(vec![invalid()?]);
            }
            changes.push(Change::CancellationPolicySet { policy });
        }
        if change.state == Some(SaleState::Open) {
            self.not_over(window.end, times)?;
        }
        if let Some(state) = change.state
            && state != self.state
        {
            changes.push(Change::SaleStateSet { state });
        }
        Ok(changes)
    }

    pub(super) fn not_over(
        &self,
        sale_end: Option<TimestampMs>,
        times: Option<(i64, i64)>,
    ) -> Result<(), Rejection> {
        let (end, at) = match (sale_end, times) {
            (Some(at), _) => (SaleEnd::Sale, at),
            (None, Some((_, at))) => (SaleEnd::Event, at),
            (None, None) => return Ok(()),
        };
        if self.at < at { Ok(()) } else { Err(Rejection::SaleOver { end, at }) }
    }

    /// The refund of a customer who cancels now.
    pub(super) fn comes_back(&self, paid: i64) -> Result<i64, Rejection> {
        let CancellationPolicy::Until { until, refund_percent } = self.cancellation else {
            return Err(Rejection::CancellationRefused { until: None });
        };
        let mut last = until;
        if let Some((starts, _)) = self.times {
            last = Some(last.map_or(starts, |until| until.min(starts)));
        }
        match last {
            Some(until) if until <= self.at => {
                Err(Rejection::CancellationRefused { until: Some(until) })
            }
            _ => Ok(paid * i64::from(refund_percent) / 100),
        }
    }
}

fn is_reversed(window: SaleWindow) -> bool {
    matches!(window, SaleWindow { start: Some(start), end: Some(end) } if end <= start)
}
