//! How places, prices and events are written on pages.

use maud::{Markup, html};

use crate::http::dto::{LineDto, Money, SeatDto};
use crate::ids::SeatId;
use crate::inventory::CancellationPolicy;
use crate::store::EventRow;
use crate::venues::{EventSeats, SeatMarks};
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

/// Writes places without numbers.
pub(crate) fn counted(visitor: &Visitor, quantity: u32, product: &str) -> String {
    let values = [("n", &*format::number(quantity)), ("product", product)];
    visitor.fill("place.places", &values)
}

/// Lists the places of a hold or an order with their prices.
pub(crate) fn lines(visitor: &Visitor, event: &EventRow, lines: &[LineDto]) -> Markup {
    marked_lines(visitor, event, lines, &EventSeats::default())
}

/// As [`lines`], with what a buyer has to know of each seat by the plan, and whether seats that were
/// asked for together are.
pub(crate) fn marked_lines(
    visitor: &Visitor,
    event: &EventRow,
    lines: &[LineDto],
    seats: &EventSeats,
) -> Markup {
    let marks = |one: &SeatDto| {
        let id = SeatId::from_public(event.id, &one.id).ok();
        marks(visitor, id.map(|id| seats.marks(id)).unwrap_or_default())
    };
    html! {
        ul.lines {
            @for line in lines {
                @if line.seats.is_empty() {
                    li {
                        span {
                            (counted(visitor, line.quantity, product_name(event, &line.product_id)))
                        }
                        span.price { (price(visitor, &times(&line.unit_price, line.quantity))) }
                    }
                }
                @for one in &line.seats {
                    li {
                        span {
                            (seat(visitor, one))
                            @let product = product_name(event, &line.product_id);
                            // Where each section is a product of its own, its name says it already.
                            @if product != one.section { span.hint { " " (product) } }
                            @for mark in marks(one) { " " span.mark { (mark) } }
                        }
                        span.price { (price(visitor, &line.unit_price)) }
                    }
                }
            }
        }
        @for line in lines {
            @match line.fit {
                "SPLIT_ROWS" => p.hint { (visitor.text("place.split_rows")) },
                "SCATTERED" => p.hint { (visitor.text("place.scattered")) },
                _ => {}
            }
        }
    }
}

/// Returns what a buyer has to know of a seat, in words.
pub(crate) fn marks(visitor: &Visitor, of: SeatMarks) -> Vec<&'static str> {
    let words = [
        (of.accessible, "place.accessible"),
        (of.companion, "place.companion"),
        (of.restricted, "place.restricted"),
    ];
    words.into_iter().filter(|(has, _)| *has).map(|(_, key)| visitor.text(key)).collect()
}

/// Explains the properties that some seats of an event have; nothing if none has any.
pub(crate) fn marks_explained(visitor: &Visitor, of: SeatMarks) -> Markup {
    let explained = [
        (of.accessible, "place.accessible", "place.accessible_explained"),
        (of.companion, "place.companion", "place.companion_explained"),
        (of.restricted, "place.restricted", "place.restricted_explained"),
    ];
    html! {
        @if of != SeatMarks::default() {
            dl.marks {
                @for (_, name, words) in explained.into_iter().filter(|(has, ..)| *has) {
                    dt { (visitor.text(name)) }
                    dd { (visitor.text(words)) }
                }
            }
        }
    }
}

fn times(price: &Money, quantity: u32) -> Money {
    Money { amount: price.amount.saturating_mul(i64::from(quantity)), ..price.clone() }
}

/// Returns the address of the page of an event or a class.
pub(crate) fn address(event: &EventRow) -> String {
    format!("/{}/{}", if event.is_class { "classes" } else { "events" }, event.id)
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
