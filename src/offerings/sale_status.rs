//! The status of an event's sale in one word: from its switch, the windows of the sale and of its
//! products, the places that are left, and the time. It is the same everywhere an event is shown.

use crate::box_office::View;
use crate::inventory::{SaleState, SaleWindow, TimestampMs};

/// The status of a sale, and the times between which it holds if nothing else changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleStatus {
    /// `SCHEDULED`, `SELLING`, `PAUSED`, `SOLD_OUT`, `ENDED` or `CANCELLED`.
    pub name: &'static str,
    /// When a window last opened or closed.
    since: Option<TimestampMs>,
    /// When a window next opens or closes.
    pub until: Option<TimestampMs>,
}

impl SaleStatus {
    /// Returns the status that a view shows at `now`.
    #[must_use]
    pub fn of(view: &View, now: TimestampMs) -> Self {
        let products = view.products.iter();
        let products = products.map(|product| (product.sale, product.counts.available > 0));
        Self::by(view.sale_state, view.sale, products, now)
    }

    /// Returns the status by the administrator's switch, the window of the sale as a whole, the
    /// window of each product and whether it has free places.
    #[must_use]
    pub fn by(
        state: SaleState,
        window: SaleWindow,
        products: impl Iterator<Item = (SaleWindow, bool)> + Clone,
        now: TimestampMs,
    ) -> Self {
        let windows = products.clone().map(|(window, _)| window).chain([window]);
        let bounds = windows.flat_map(|window| [window.start, window.end]).flatten();
        let name = match state {
            SaleState::Cancelled => "CANCELLED",
            SaleState::Closed => "ENDED",
            SaleState::Scheduled | SaleState::Open | SaleState::Paused if is_over(window, now) => {
                "ENDED"
            }
            SaleState::Paused => "PAUSED",
            SaleState::Scheduled => "SCHEDULED",
            SaleState::Open if is_ahead(window, now) => "SCHEDULED",
            SaleState::Open => of_products(window, products, now),
        };
        Self {
            name,
            since: bounds.clone().filter(|bound| *bound <= now).max(),
            until: bounds.filter(|bound| *bound > now).min(),
        }
    }

    /// True if the status is still the same at `now`.
    #[must_use]
    pub fn is_good_at(&self, now: TimestampMs) -> bool {
        self.since.is_none_or(|since| since <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// Returns the status while the sale as a whole is open.
fn of_products(
    sale: SaleWindow,
    products: impl Iterator<Item = (SaleWindow, bool)>,
    now: TimestampMs,
) -> &'static str {
    let (mut is_sold_out, mut is_to_come, mut has_more_to_come) = (false, false, false);
    for (window, has_places) in products {
        let opens_too_late = window.start.zip(sale.end).is_some_and(|(start, end)| start >= end);
        if is_over(window, now) || opens_too_late {
            continue;
        }
        if is_ahead(window, now) {
            is_to_come = true;
            has_more_to_come |= has_places;
        } else if has_places {
            return "SELLING";
        } else {
            is_sold_out = true;
        }
    }
    match (has_more_to_come, is_sold_out, is_to_come) {
        (true, ..) | (false, false, true) => "SCHEDULED",
        (false, true, _) => "SOLD_OUT",
        (false, false, false) => "ENDED",
    }
}

fn is_over(window: SaleWindow, now: TimestampMs) -> bool {
    window.end.is_some_and(|end| now >= end)
}

fn is_ahead(window: SaleWindow, now: TimestampMs) -> bool {
    window.start.is_some_and(|start| now < start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALWAYS: SaleWindow = SaleWindow { start: None, end: None };
    const PAST: SaleWindow = SaleWindow { start: None, end: Some(100) };
    const NOW: SaleWindow = SaleWindow { start: Some(100), end: Some(200) };
    const NEXT: SaleWindow = SaleWindow { start: Some(200), end: None };

    #[test]
    fn it_is_selling_where_something_can_be_bought_and_nowhere_else() {
        use SaleState::{Cancelled, Closed, Open, Paused, Scheduled};
        let (free, gone) = (true, false);
        for (state, window, products, expected) in [
            (Open, ALWAYS, vec![(ALWAYS, free)], "SELLING"),
            (Open, ALWAYS, vec![(ALWAYS, gone)], "SOLD_OUT"),
            (Open, ALWAYS, vec![(ALWAYS, gone), (NOW, free)], "SELLING"),
            (Open, ALWAYS, vec![(PAST, free)], "ENDED"),
            (Open, ALWAYS, vec![(PAST, free), (NOW, gone)], "SOLD_OUT"),
            (Open, ALWAYS, vec![(NEXT, free)], "SCHEDULED"),
            (Open, ALWAYS, vec![(NEXT, gone)], "SCHEDULED"),
            (Open, ALWAYS, vec![(NOW, gone), (NEXT, free)], "SCHEDULED"),
            (Open, ALWAYS, vec![(NOW, gone), (NEXT, gone)], "SOLD_OUT"),
            (Open, NOW, vec![(NEXT, free)], "ENDED"),
            (Open, NEXT, vec![(ALWAYS, free)], "SCHEDULED"),
            (Open, PAST, vec![(ALWAYS, free)], "ENDED"),
            (Scheduled, ALWAYS, vec![(ALWAYS, free)], "SCHEDULED"),
            (Scheduled, PAST, vec![(ALWAYS, free)], "ENDED"),
            (Paused, ALWAYS, vec![(ALWAYS, gone)], "PAUSED"),
            (Paused, PAST, vec![(ALWAYS, free)], "ENDED"),
            (Closed, NEXT, vec![(ALWAYS, free)], "ENDED"),
            (Cancelled, PAST, vec![(ALWAYS, free)], "CANCELLED"),
        ] {
            let found = SaleStatus::by(state, window, products.iter().copied(), 150);
            assert_eq!(found.name, expected, "{state:?} {window:?} {products:?}");
        }
    }

    #[test]
    fn it_stays_until_the_next_bound_of_any_window() {
        let products = [(PAST, true), (NEXT, true)];
        let at = |state, now| SaleStatus::by(state, NOW, products.iter().copied(), now);
        assert_eq!(at(SaleState::Open, 99).until, Some(100));
        assert_eq!(at(SaleState::Paused, 100).until, Some(200));
        assert_eq!(at(SaleState::Open, 200).until, None);
        let between = at(SaleState::Open, 150);
        for (now, expected) in [(99, false), (100, true), (199, true), (200, false)] {
            assert_eq!(between.is_good_at(now), expected, "{now}");
        }
    }
}
