//! How places, prices and events are written on pages.

use maud::{Markup, html};

use crate::http::dto::{LineDto, Money, SeatDto};
use crate::inventory::CancellationPolicy;
use crate::store::EventRow;
use crate::web::format::{self, money};
use crate::web::visitor::Visitor;
use chrono_tz::Tz;

/// Returns the time zone in which the times of an event are shown.
pub(crate) fn zone_of(visitor: &Visitor, event: &EventRow) -> Tz {
    event.time_zone.as_deref().map_or(visitor.site.zone, format::zone)
}

/// Writes a price.
pub(crate) fn price(visitor: &Visitor, of: &Money) -> String {
    money(visitor.language, of.amount, &of.currency)
}

/// Writes a seat, as its ticket shows it.
pub(crate) fn seat(visitor: &Visitor, of: &SeatDto) -> String {
    let values = [("section", &*of.section), ("row", &of.row), ("seat", &of.label)];
    visitor.fill("place.seat", &values)
}

/// Returns the name of a product of an event by its public id.
pub(crate) fn product_name<'a>(event: &'a EventRow, id: &str) -> &'a str {
    let found = event.products.iter().find(|product| product.id.to_public(event.id) == id);
    found.map_or("", |product| &product.name)
}

/// Lists the places of a hold or an order with their prices.
pub(crate) fn lines(visitor: &Visitor, event: &EventRow, lines: &[LineDto]) -> Markup {
    html! {
        ul.lines {
            @for line in lines {
                @if line.seats.is_empty() {
                    li {
                        span { (line.quantity) " × " (product_name(event, &line.product_id)) }
                        span.price { (price(visitor, &times(&line.unit_price, line.quantity))) }
                    }
                }
                @for one in &line.seats {
                    li {
                        span { (seat(visitor, one)) }
                        span.price { (price(visitor, &line.unit_price)) }
                    }
                }
            }
        }
    }
}

fn times(price: &Money, quantity: u32) -> Money {
    Money { amount: price.amount.saturating_mul(i64::from(quantity)), ..price.clone() }
}

/// Renders the heading of an event: name, time, place.
pub(crate) fn heading(visitor: &Visitor, event: &EventRow) -> Markup {
    html! {
        p.when { (format::time(visitor.language, event.details.event_date, zone_of(visitor, event))) }
        @if !event.details.venue.is_empty() {
            p.where { (event.details.venue) }
        }
    }
}

/// Says on which terms a paid order can be cancelled.
pub(crate) fn cancellation(visitor: &Visitor, event: &EventRow) -> String {
    match event.cancellation {
        CancellationPolicy::Never => visitor.text("event.no_cancellation").to_owned(),
        CancellationPolicy::Until { until, refund_percent } => {
            let until = until.unwrap_or(event.details.event_date);
            let until = format::date_time(visitor.language, until, zone_of(visitor, event));
            let percent = refund_percent.to_string();
            visitor.fill("event.cancellation", &[("until", &until), ("percent", &percent)])
        }
    }
}
