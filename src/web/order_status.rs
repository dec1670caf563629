//! The state of an order in words, the same for buyers and organisers. A confirmed order without a
//! payment was given away, or is for an event that costs nothing: it must not say that it is paid.

use maud::{Markup, html};

use crate::http::api::box_office::reservations::ReservationDto;
use crate::store::EventRow;
use crate::web::visitor::Visitor;

/// Returns the word for the state of an order.
pub(crate) fn word<'a>(visitor: &Visitor, event: &EventRow, order: &'a ReservationDto) -> &'a str {
    let status = match is_paid(order) {
        true => order.status,
        false if order.payment_id.is_none() && is_for_sale(event, order) => "GIVEN",
        false => "FREE",
    };
    visitor.language.find(&format!("order_status.{status}")).unwrap_or(order.status)
}

/// Renders the state of an order.
pub(crate) fn badge(visitor: &Visitor, event: &EventRow, order: &ReservationDto) -> Markup {
    html! { span.badge data-status=(order.status) { (word(visitor, event, order)) } }
}

/// False for a confirmed order that nothing was paid for.
pub(crate) fn is_paid(order: &ReservationDto) -> bool {
    order.status != "CONFIRMED" || order.total_price.amount > 0
}

/// True if other buyers pay for such places.
fn is_for_sale(event: &EventRow, order: &ReservationDto) -> bool {
    let costs = |id: &str| {
        let product = event.products.iter().find(|product| product.id.to_public(event.id) == id);
        product.is_some_and(|product| product.price > 0)
    };
    order.lines.iter().any(|line| costs(&line.product_id))
}
