//! Classes and enrollments in words: their states, times, fees, and what is left.

use chrono_tz::Tz;
use maud::{Markup, html};

use crate::classes::{ClassStatus, SeenEnrollment};
use crate::http::respond::rfc3339;
use crate::inventory::Selection;
use crate::store::{ClassRow, EnrollmentRow, EnrollmentState, ReservationState};
use crate::web::format::{self, money, number};
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

/// Returns the time zone of a class.
pub(crate) fn zone(visitor: &Visitor, class: &ClassRow) -> Tz {
    zone_of(visitor, &class.event)
}

/// True if an application would be refused now, since neither a place nor the line has room.
pub(crate) fn is_full(class: &ClassRow) -> bool {
    class.rules.selection == Selection::FirstCome
        && class.places_left() == 0
        && class.in_line() >= i64::from(class.rules.waitlist)
}

/// Writes the fee.
pub(crate) fn fee(visitor: &Visitor, class: &ClassRow) -> String {
    match class.event.products.first().map_or(0, |places| places.price) {
        0 => visitor.text("class.free").to_owned(),
        fee => money(visitor.language, fee, &class.event.currency),
    }
}

/// Writes a count of the store.
pub(crate) fn count(n: i64) -> String {
    number(u64::try_from(n).unwrap_or_default())
}

/// Renders the state of a class.
pub(crate) fn badge(visitor: &Visitor, status: ClassStatus) -> Markup {
    let text = visitor.text(match status {
        ClassStatus::Upcoming => "class.upcoming",
        ClassStatus::Recruiting => "class.recruiting",
        ClassStatus::Closed => "class.closed",
        ClassStatus::Ended => "class.ended",
        ClassStatus::Canceled => "class.canceled",
    });
    html! { span.badge data-status=(status.as_str()) { (text) } }
}

/// Renders when and where a class is.
pub(crate) fn heading(visitor: &Visitor, class: &ClassRow) -> Markup {
    let (event, zone) = (&class.event, zone(visitor, class));
    html! {
        p.when {
            @let start = event.details.event_date;
            (format::time(visitor.language, start, zone))
            @if let Some(end) = event.event_end {
                " – " time datetime=(rfc3339(end)) { (format::end_time(visitor.language, start, end, zone)) }
            }
        }
        @if class.is_online || !event.details.venue.is_empty() {
            p.where {
                @if class.is_online { (visitor.text("class.online")) }
                @if class.is_online && !event.details.venue.is_empty() { " · " }
                (event.details.venue)
            }
        }
    }
}

/// Renders what an applicant may expect: when applications open, places left, or the line.
pub(crate) fn outlook(visitor: &Visitor, class: &ClassRow, status: ClassStatus) -> Markup {
    let left = class.places_left();
    let (waiting, room) = (class.in_line(), i64::from(class.rules.waitlist));
    match status {
        ClassStatus::Upcoming => html! {
            @if let Some(at) = class.event.sale.start {
                span.opens {
                    (visitor.text("class.opens")) " "
                    time data-countdown data-reload datetime=(rfc3339(at)) {
                        (format::date_time(visitor.language, at, zone(visitor, class)))
                    }
                }
            }
        },
        ClassStatus::Closed | ClassStatus::Ended | ClassStatus::Canceled => Markup::default(),
        ClassStatus::Recruiting => html! {
            span {
                @if class.rules.selection == Selection::Review {
                    (visitor.fill("class.places", &[("n", &count(class.capacity()))]))
                } @else if left > 0 {
                    (visitor.fill("class.left", &[("n", &count(left))]))
                } @else if waiting < room {
                    (visitor.fill("class.in_line", &[("n", &count(waiting))]))
                } @else {
                    (visitor.text("class.full"))
                }
            }
        },
    }
}

/// Returns the word for the state of an enrollment. An offered place is a state of its own to people.
pub(crate) fn state(visitor: &Visitor, row: &EnrollmentRow) -> &'static str {
    visitor.text(match row.status {
        EnrollmentState::Applied => "enrollment.applied",
        EnrollmentState::Approved => "enrollment.approved",
        EnrollmentState::Rejected => "enrollment.rejected",
        EnrollmentState::Waitlisted if row.offer_expires_at.is_some() => "enrollment.offered",
        EnrollmentState::Waitlisted => "enrollment.waitlisted",
        EnrollmentState::Canceled => "enrollment.canceled",
    })
}

/// Renders the state of an enrollment.
pub(crate) fn state_badge(visitor: &Visitor, row: &EnrollmentRow) -> Markup {
    html! { span.badge data-status=(row.status.as_str()) { (state(visitor, row)) } }
}

/// Returns why an enrollment ended, in words.
pub(crate) fn cause(visitor: &Visitor, cause: Option<&str>) -> Option<&'static str> {
    let key = match cause? {
        "CUSTOMER" => "enrollment.by_customer",
        "ADMIN" => "enrollment.by_admin",
        "UNPAID" => "enrollment.unpaid",
        "OFFER_EXPIRED" => "enrollment.offer_expired",
        "CLASS_CANCELLED" => "enrollment.class_cancelled",
        "ACCOUNT_CLOSED" => "enrollment.account_closed",
        _ => return None,
    };
    Some(visitor.text(key))
}

/// Writes the place in line, as in "Number 3 of 12 in line".
pub(crate) fn line(visitor: &Visitor, seen: &SeenEnrollment) -> Option<String> {
    let line = seen.line?;
    let (position, total) = (number(line.position), number(line.total));
    Some(visitor.fill("enrollment.position", &[("position", &position), ("total", &total)]))
}

/// True while the fee of an approved enrollment is not paid.
pub(crate) fn owes(seen: &SeenEnrollment) -> bool {
    seen.row.status == EnrollmentState::Approved
        && seen.reservation.as_ref().is_some_and(|it| it.state == ReservationState::PaymentPending)
}
