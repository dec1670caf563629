//! The forms for single tickets and refunds on the page of an order.

use maud::{Markup, html};

use super::refunds::paid_form;
use crate::payments::Method;
use crate::store::{EventRow, RefundRow, RefundState, ReservationRow, TicketRow};
use crate::web::format::money;
use crate::web::visitor::Visitor;

/// Renders the form that cancels a ticket at a price, with the amount to give back.
pub(super) fn cancel_ticket(
    visitor: &Visitor,
    event: &EventRow,
    row: &ReservationRow,
    (ticket, price): (&TicketRow, i64),
) -> Markup {
    let price = money(visitor.language, price, &event.currency);
    let hint = visitor.fill("order_refunds.amount_hint", &[("amount", &price)]);
    let (amount, reason) = (format!("amount-{}", ticket.index), format!("reason-{}", ticket.index));
    html! {
        details.cancel {
            summary { (visitor.text("order_refunds.cancel_ticket")) }
            form.stack method="post"
                action={ "/organiser/orders/" (row.id) "/refund" }
            {
                input type="hidden" name="ticket" value=(ticket.id);
                input type="hidden" name="key" value={ "cancel-" (ticket.id) };
                div.field {
                    label for=(amount) { (visitor.text("order_refunds.amount")) " (" (event.currency) ")" }
                    input id=(amount) name="amount" type="text" maxlength="24"
                        aria-describedby={ (amount) "-hint" };
                    p.hint id={ (amount) "-hint" } { (hint) }
                }
                div.field {
                    label for=(reason) { (visitor.text("order_refunds.reason")) }
                    input id=(reason) name="reason" type="text" maxlength="500";
                }
                button.button.danger { (visitor.text("order_refunds.cancel_ticket")) }
            }
        }
    }
}

/// Renders what else an organiser sees of a refund: the reasons, the button to try it
/// again, and the one that says that it is paid.
pub(super) fn refund(
    visitor: &Visitor,
    row: &ReservationRow,
    (refund, method): (&RefundRow, Option<Method>),
) -> Markup {
    html! {
        @if let Some(note) = &refund.note { span.hint { " " (note) } }
        @if let Some(error) = &refund.error { span.hint { " " (error) } }
        @if refund.state == RefundState::Refused {
            form method="post" action={ "/organiser/orders/" (row.id) "/retry" } {
                input type="hidden" name="refund" value=(refund.id);
                button.button.quiet { (visitor.text("order_refunds.retry")) }
            }
        }
        (paid_form(visitor, method, refund, Some(row.id)))
    }
}
