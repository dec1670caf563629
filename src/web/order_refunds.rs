//! The payments and refunds of an order, and the cancellation of its single tickets by the customer.

use maud::{Markup, html};

use crate::http::api::offerings::tickets::TicketDto;
use crate::offerings::{refund_of, ticket_prices};
use crate::payments::Method;
use crate::store::{
    EventRow, PaymentRow, RefundRow, RefundState, ReservationRow, TicketRow, TicketState,
};
use crate::web::format::{self, money};
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// Lists payments and refunds, with `action` behind each refund.
pub(crate) fn list(
    visitor: &Visitor,
    event: &EventRow,
    (payments, refunds): (&[PaymentRow], &[RefundRow]),
    action: impl Fn(&RefundRow) -> Markup,
) -> Markup {
    let time = |at| format::date_time(visitor.language, at, zone_of(visitor, event));
    html! {
        @if !payments.is_empty() {
            h2 { (visitor.text("order_refunds.title")) }
            ul.lines {
                @for payment in payments {
                    @let state = payment_word(visitor, payment);
                    li {
                        span {
                            (visitor.text("organiser_order.payment")) " "
                            (money(visitor.language, payment.amount, &payment.currency))
                            span.hint {
                                " " (method_word(visitor, payment.method)) ", " (time(payment.created_at))
                            }
                        }
                        span.badge data-payment=(payment.state.as_str()) { (state) }
                    }
                }
                @for refund in refunds {
                    li {
                        span {
                            (visitor.text("order_refunds.refund")) " "
                            (money(visitor.language, refund.amount, &refund.currency))
                            span.hint { " " (time(refund.created_at)) }
                            (action(refund))
                        }
                        span.badge data-refund=(refund.state.as_str()) { (refund_word(visitor, refund.state)) }
                    }
                }
            }
        }
    }
}

/// Returns the state of a payment, which may be given back in part.
pub(crate) fn payment_word(visitor: &Visitor, payment: &PaymentRow) -> &'static str {
    let state = match payment.refunded {
        0 => payment.state.as_str(),
        part if part < payment.amount => "PARTLY_REFUNDED",
        _ => "REFUNDED",
    };
    visitor.language.find(&format!("payment.{state}")).unwrap_or(state)
}

/// Returns the state of a refund.
pub(crate) fn refund_word(visitor: &Visitor, state: RefundState) -> &'static str {
    let state = state.as_str();
    visitor.language.find(&format!("refund_status.{state}")).unwrap_or(state)
}

/// Returns how a payment is made.
pub(crate) fn method_word(visitor: &Visitor, method: Method) -> &'static str {
    let method = method.as_str();
    visitor.language.find(&format!("method.{method}")).unwrap_or(method)
}

/// The price of the tickets that are left of a reservation.
pub(crate) fn price_left<'a>(
    row: &ReservationRow,
    tickets: impl IntoIterator<Item = &'a TicketRow>,
) -> i64 {
    let prices = ticket_prices(row);
    let living = tickets.into_iter().filter(|ticket| ticket.state != TicketState::Void);
    living.filter_map(|ticket| prices.get(usize::from(ticket.index))).sum()
}

/// The part of the price paid that was not refunded.
pub(crate) fn refundable(row: &ReservationRow) -> i64 {
    row.total_price.saturating_sub(row.refund_amount.unwrap_or(0)).max(0)
}

/// Lists the tickets of a confirmed order. Each valid one among several can be cancelled, if the
/// event's terms allow it, and the refund is said before.
pub(crate) fn tickets(
    visitor: &Visitor,
    (event, row): (&EventRow, &ReservationRow),
    tickets: &[(TicketRow, TicketDto)],
    now: i64,
) -> Markup {
    let is_valid = |ticket: &TicketRow| ticket.state == TicketState::Valid;
    let living = tickets.iter().filter(|(ticket, _)| ticket.state != TicketState::Void).count();
    let prices = ticket_prices(row);
    let refund = |ticket: &TicketRow| {
        let price = prices.get(usize::from(ticket.index)).copied()?;
        refund_of(event, price, refundable(row), now).filter(|_| living > 1 && is_valid(ticket))
    };
    html! {
        ul.plain {
            @for (ticket, shown) in tickets {
                li {
                    a href={ "/tickets/" (ticket.id) } {
                        @match &shown.seat {
                            Some(seat) => (places::seat(visitor, seat)),
                            None => (places::product_name(event, &shown.product_id)),
                        }
                    }
                    @if ticket.state == TicketState::Void {
                        " " span.badge data-status="VOID" { (visitor.text("ticket_status.VOID")) }
                    }
                    @if let Some(refund) = refund(ticket) {
                        details.cancel {
                            summary { (visitor.text("order_refunds.cancel_ticket")) }
                            form.stack method="post"
                                action={ "/orders/" (row.id) "/refund" }
                            {
                                input type="hidden" name="ticket" value=(ticket.id);
                                input type="hidden" name="key" value={ "cancel-" (ticket.id) };
                                p { (visitor.fill("order_refunds.cancel_ticket_does", &[
                                    ("amount", &money(visitor.language, refund, &event.currency)),
                                ])) }
                                button.button.danger { (visitor.text("order_refunds.cancel_ticket")) }
                            }
                        }
                    }
                }
            }
        }
    }
}
