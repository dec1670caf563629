//! The state of an event's sale in words, the same on the event's page and on the list of its seats:
//! whether places can be taken now, from when or until when, and how many. The script of the page
//! shows another sentence when the state changes.

use maud::{Markup, html};

use super::shown::Shown;
use crate::box_office::ProductView;
use crate::http::respond::rfc3339;
use crate::inventory::TimestampMs;
use crate::store::ProductRow;
use crate::web::format;
use crate::web::places::zone_of;
use crate::web::shop::state_badge;
use crate::web::visitor::Visitor;

/// The states in which an event's places are shown, as the script compares them.
pub(super) const TO_BE_SEEN: &str = "SCHEDULED SELLING PAUSED SOLD_OUT";

/// Renders the badge of the state with its sentence: all sentences, of which the present one shows.
pub(super) fn state(visitor: &Visitor, shown: &Shown) -> Markup {
    let when = |status: &str, content: Markup| {
        html! {
            p.sale-says data-show-when=(status) hidden[shown.status != status] { (content) }
        }
    };
    let has_basket = shown.has_basket();
    let sold_out = |with_basket: bool, content: Markup| {
        let is_shown = shown.status == "SOLD_OUT" && has_basket == with_basket;
        html! {
            p.sale-says data-show-when="SOLD_OUT" data-with-basket=(with_basket) hidden[!is_shown] {
                (content)
            }
        }
    };
    html! {
        (when("SCHEDULED", scheduled(visitor, shown)))
        @if let Some(end) = shown.view.sale.end {
            (when("SELLING", html! {
                (visitor.text("sale_says.until")) " " (at(visitor, shown, end))
            }))
        }
        (when("PAUSED", html! { (visitor.text("sale_says.paused")) }))
        (sold_out(true, html! {
            (visitor.text("sale_says.sold_out_to_you")) " " (to_basket(visitor, shown))
        }))
        (sold_out(false, html! {
            (visitor.text("sale_says.sold_out")) " "
            @if shown.has_waitlist() && !shown.takes_part() {
                (visitor.text("sale_says.waitlist")) " "
                a href={ "/events/" (shown.event.id) } { (visitor.text("sale_says.to_waitlist")) }
            }
        }))
        (when("ENDED", html! {
            (visitor.text(if shown.is_past() { "sale_says.past" } else { "sale_says.ended" })) " "
            a href="/" { (visitor.text("basket.look")) }
        }))
        (when("CANCELLED", html! {
            (visitor.text("sale_says.cancelled")) " "
            a href="/orders" { (visitor.text("basket.orders")) }
        }))
    }
}

/// Says that places are taken in turn, while a waiting room is on, and whether it is the visitor's.
pub(super) fn waiting_room(visitor: &Visitor, shown: &Shown) -> Markup {
    html! {
        @if let Some(until) = shown.turn_until {
            p.notice {
                (visitor.text("queue.is_turn")) " " (at(visitor, shown, until)) ". "
                (to_waiting_room(visitor, shown))
            }
        } @else if shown.queue.is_some() {
            p.warning {
                (visitor.text("queue.is_on")) " " (to_waiting_room(visitor, shown))
            }
        }
    }
}

/// Renders the link to the waiting room.
pub(super) fn to_waiting_room(visitor: &Visitor, shown: &Shown) -> Markup {
    html! {
        a href={ "/events/" (shown.event.id) "/queue" } { (visitor.text("js.queue.toRoom")) }
    }
}

/// Renders the link to the visitor's own places.
pub(super) fn to_basket(visitor: &Visitor, shown: &Shown) -> Markup {
    html! {
        a href={ "/events/" (shown.event.id) "#basket" } { (visitor.text("sale_says.to_basket")) }
    }
}

/// Renders the badge of the state, and the time at which the sale opens.
pub(super) fn badge(visitor: &Visitor, shown: &Shown) -> Markup {
    html! {
        span.badge data-sale-state data-status=(shown.status) {
            (visitor.language.find(&format!("sale.{}", shown.status)).unwrap_or(shown.status))
        }
    }
}

/// Returns the time at which a place can first be taken, as far as it is known.
fn opens_at(shown: &Shown) -> Option<TimestampMs> {
    let ahead = |at: &TimestampMs| *at > shown.now;
    let sale = shown.view.sale.start.filter(ahead);
    let products = shown.products().filter_map(|(_, view)| view.sale.start.filter(ahead)).min();
    sale.max(products.filter(|_| all_ahead(shown)))
}

fn all_ahead(shown: &Shown) -> bool {
    shown.products().all(|(_, view)| view.sale.start.is_some_and(|start| start > shown.now))
}

fn scheduled(visitor: &Visitor, shown: &Shown) -> Markup {
    html! {
        @match opens_at(shown) {
            Some(opens) => {
                (visitor.text("sale_says.opens")) " "
                time datetime=(rfc3339(opens)) {
                    (format::date_time(visitor.language, opens, zone_of(visitor, &shown.event)))
                }
                ". " (visitor.text("sale_says.left")) " "
                (countdown(visitor, shown, opens))
            }
            None => (visitor.text("sale_says.not_open")),
        }
    }
}

fn at(visitor: &Visitor, shown: &Shown, time: TimestampMs) -> Markup {
    format::time(visitor.language, time, zone_of(visitor, &shown.event))
}

/// Renders the time that is left; the page is loaded again at its end.
fn countdown(visitor: &Visitor, shown: &Shown, until: TimestampMs) -> Markup {
    html! {
        time role="timer" data-countdown="left" data-reload datetime=(rfc3339(until)) {
            (format::date_time(visitor.language, until, zone_of(visitor, &shown.event)))
        }
    }
}

/// Says how many places can be taken at once and by one person.
pub(super) fn limits(visitor: &Visitor, shown: &Shown) -> String {
    let at_once = shown.most_at_once();
    let person = shown.most_per_customer();
    let most = person.map_or(at_once, |person| person.min(at_once));
    let most = format::number(most);
    let at_once = visitor.fill("sale_says.at_once", &[("max", &most)]);
    match person {
        Some(person) => {
            let person = visitor.fill("sale_says.per_person", &[("max", &format::number(person))]);
            format!("{at_once} {person}")
        }
        None => at_once,
    }
}

/// True if a product's own window is open; the sale as a whole may be closed.
pub(super) fn is_in_window(shown: &Shown, of_view: &ProductView) -> bool {
    let (start, end) = (of_view.sale.start, of_view.sale.end);
    start.is_none_or(|start| start <= shown.now) && end.is_none_or(|end| shown.now < end)
}

/// Says what a product's own window, and its limit for one person, allow; nothing for products
/// without either.
pub(super) fn of_product(
    visitor: &Visitor,
    shown: &Shown,
    product: &ProductRow,
    of_view: &ProductView,
) -> Markup {
    let (start, end) = (of_view.sale.start, of_view.sale.end);
    let opens = start.filter(|start| *start > shown.now);
    let is_over = end.is_some_and(|end| end <= shown.now);
    let ends = end.filter(|_| opens.is_none() && !is_over);
    html! {
        @if let Some(opens) = opens {
            span.hint { (visitor.text("sale_says.product_opens")) " " (at(visitor, shown, opens)) }
            span.hint { (visitor.text("sale_says.left")) " " (countdown(visitor, shown, opens)) }
        }
        @if is_over { span.hint { (visitor.text("sale_says.product_over")) } }
        @if let Some(ends) = ends.filter(|end| shown.view.sale.end.is_none_or(|all| *end < all)) {
            span.hint { (visitor.text("sale_says.product_until")) " " (at(visitor, shown, ends)) }
        }
        @if let Some(max) = product.max_per_customer {
            span.hint { (visitor.fill("sale_says.per_person", &[("max", &format::number(max.unsigned_abs()))])) }
        }
    }
}

/// Renders the number of free places of a product, or that there is none, or that it is not on sale.
pub(super) fn left(visitor: &Visitor, of_view: &ProductView) -> Markup {
    let free = of_view.counts.available;
    html! {
        @if free == 0 { (visitor.text("sale.SOLD_OUT")) } @else { (format::number(free)) }
    }
}

/// Renders the badge of the state for a refusal.
pub(super) fn refusal_badge(visitor: &Visitor, shown: &Shown) -> Markup {
    state_badge(visitor, shown.status)
}
