//! The payment of an order: the choice of a method, the wait for a gateway, and a decline with the ways
//! to try again. The wait needs no script: the page asks again by itself.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use maud::{Markup, html};
use serde::Deserialize;

use crate::http::error::ApiError;
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::inventory::TimestampMs;
use crate::payments::gateway::simulator::{Outcome, Script};
use crate::payments::{Method, PayBy};
use crate::store::{EventRow, PaymentRow, PaymentState, ReservationRow};
use crate::web::fields::Field;
use crate::web::format::{self, money};
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

/// The pause after which a page asks again for a payment that a gateway makes, in seconds.
const ASK_AGAIN_S: u32 = 3;

/// The payments of an order, as its page shows them.
#[derive(Default)]
pub(super) struct Attempts {
    pending: Option<PaymentRow>,
    declined: Option<PaymentRow>,
    /// How many payments have failed.
    failed: usize,
}

impl Attempts {
    /// Reads them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn read(state: &AppState, row: &ReservationRow) -> Result<Self, ApiError> {
        let mut all = state.payments.list_of(row.id).await?;
        let waits = |one: &PaymentRow| {
            one.method.is_by_gateway()
                && matches!(one.state, PaymentState::Pending | PaymentState::Authorized)
        };
        let pending = all.iter().position(waits).map(|at| all.swap_remove(at));
        let failed = all.iter().filter(|one| one.state == PaymentState::Failed).count();
        let declined = all.into_iter().rfind(|one| one.gateway.decline_reason.is_some());
        Ok(Self { pending, declined, failed })
    }

    /// Makes the browser ask again while a gateway is at work. An administrator's word takes days, and
    /// is not waited for.
    pub(super) fn ask_again(&self, response: &mut HttpResponse) {
        let asks = |row: &&PaymentRow| row.method != Method::Manual;
        if let Some(row) = self.pending.as_ref().filter(asks) {
            // With the address: a page that answers a form must not be asked for without it.
            let value = format!("{ASK_AGAIN_S}; url=/orders/{}", row.reservation);
            let value = HeaderValue::try_from(value).expect("an id is plain text");
            response.headers_mut().insert(header::REFRESH, value);
        }
    }

    /// Returns when the money is waited for, beyond the pay window, by a payment that waits.
    pub(super) fn deadline(&self) -> Option<TimestampMs> {
        self.pending.as_ref().and_then(|row| row.gateway.deadline)
    }

    /// True if what waits is a bank transfer: the customer may give the order up.
    pub(super) fn wait_for_a_transfer(&self) -> bool {
        self.pending
            .as_ref()
            .is_some_and(|row| row.method == Method::Manual && row.state == PaymentState::Pending)
    }

    /// Renders the wait; `None` if no payment waits.
    pub(super) fn wait(&self, visitor: &Visitor, event: &EventRow) -> Option<Markup> {
        let row = self.pending.as_ref()?;
        let amount = money(visitor.language, row.amount, &row.currency);
        let deadline = row.gateway.deadline.unwrap_or(row.created_at);
        let until = format::date_time(visitor.language, deadline, zone_of(visitor, event));
        Some(html! {
            section.pending role="status" {
                @if row.method == Method::Manual {
                    h2 { (visitor.text("pay.manual_waits")) }
                    p { (visitor.fill("pay.manual_explained", &[
                        ("amount", &amount), ("until", &until), ("order", &row.reservation.to_string()),
                    ])) }
                } @else {
                    h2 { (visitor.text("pay.waits")) }
                    p { (visitor.text("pay.waits_explained")) }
                    @if let Some(url) = &row.gateway.redirect_url {
                        p { a.button href=(url) rel="noreferrer" { (visitor.text("pay.to_bank")) } }
                    }
                    p { a href={ "/orders/" (row.reservation) } { (visitor.text("pay.look")) } }
                }
            }
        })
    }

    /// Forgets the last decline, where the page says already why a payment was refused.
    pub(super) fn without_decline(self) -> Self {
        Self { declined: None, ..self }
    }

    fn decline(&self, visitor: &Visitor) -> Markup {
        html! {
            @if self.declined.is_some() {
                p.error role="alert" { (visitor.text("pay.declined")) }
            }
        }
    }
}

/// Renders the ways to pay, with the deadline.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn ways(
    state: &AppState,
    visitor: &Visitor,
    row: &ReservationRow,
    event: &EventRow,
    attempts: &Attempts,
) -> Result<Markup, ApiError> {
    let balances = state.store.wallet_get(row.user).await?;
    let balance = balances.iter().find(|balance| balance.currency == event.currency);
    let balance = balance.map_or(0, |balance| balance.amount);
    let offers = |method| state.payments.offers(method);
    let is_none = !visitor.has_account() && !offers(Method::Simulator) && !offers(Method::Manual);
    let may_promise = state.accounts.may_promise_payment(visitor.caller()?).await?;
    let key = key(row, attempts);
    Ok(html! {
        (attempts.decline(visitor))
        p.basket-time {
            (visitor.text("orders.pay_within")) " "
            time data-countdown data-reload datetime=(rfc3339(row.pay_by)) {
                (format::date_time(visitor.language, row.pay_by, zone_of(visitor, event)))
            }
        }
        @if visitor.has_account() {
            (by_wallet(visitor, (row, &key), event, balance))
        }
        @if offers(Method::Manual) && !may_promise { (needs_account(state, visitor, row).await?) }
        @if offers(Method::Manual) && may_promise {
            form.stack method="post" action={ "/orders/" (row.id) "/pay" } {
                input type="hidden" name="key" value={ (key) "-manual" };
                input type="hidden" name="method" value="manual";
                p { (visitor.text("pay.manual_choice")) }
                button.button.quiet { (visitor.text("pay.by_manual")) }
            }
        }
        @if offers(Method::Simulator) {
            (by_simulator(visitor, (row, &key)))
        }
        @if is_none {
            p.warning { (visitor.text("orders.no_method")) }
        }
    })
}

/// Says what a customer needs to pay by hand, with another link for an address that is not confirmed.
async fn needs_account(
    state: &AppState,
    visitor: &Visitor,
    row: &ReservationRow,
) -> Result<Markup, ApiError> {
    let has_address = match state.store.user_get(row.user).await? {
        Some(user) => !user.email.is_empty(),
        None => state.accounts.guest_contact(row.user).await?.is_some(),
    };
    let may_confirm = state.accounts.can_notify() && has_address;
    let order = format!("/orders/{}", row.id);
    Ok(html! {
        @if may_confirm {
            form.row method="post" action="/account/confirmation" {
                input type="hidden" name="back" value=(order);
                span.hint { (visitor.text("pay.manual_needs_account")) }
                button.link { (visitor.text("mail_links.another")) }
            }
        } @else if visitor.has_account() {
            p.hint {
                (visitor.text("pay.manual_needs_address")) " "
                a href="/account" { (visitor.text("account.title")) }
            }
        } @else {
            p.hint {
                (visitor.text("pay.manual_needs_account_alone")) " "
                a href={ "/register?back=" (order) } { (visitor.text("account.register")) }
            }
        }
    })
}

/// The key of the next payment of an order: however often a form is sent, the order is paid once, and
/// after a decline it can be paid again.
fn key(row: &ReservationRow, attempts: &Attempts) -> String {
    match attempts.failed {
        0 => format!("order-{}", row.id),
        failed => format!("order-{}-{failed}", row.id),
    }
}

fn by_wallet(
    visitor: &Visitor,
    (row, key): (&ReservationRow, &str),
    event: &EventRow,
    balance: i64,
) -> Markup {
    html! {
        form.stack method="post" action={ "/orders/" (row.id) "/pay" } {
            input type="hidden" name="key" value=(key);
            input type="hidden" name="method" value="wallet";
            p { (visitor.fill("orders.balance", &[
                ("amount", &money(visitor.language, balance, &event.currency)),
            ])) }
            button.button disabled[balance < row.total_price] { (visitor.text("orders.pay_by_wallet")) }
            @if balance < row.total_price {
                p.hint { (visitor.text("orders.too_little")) " "
                    a href="/account" { (visitor.text("account.wallet")) } }
            }
        }
    }
}

fn by_simulator(visitor: &Visitor, (row, key): (&ReservationRow, &str)) -> Markup {
    let outcomes = [
        ("succeed", visitor.text("pay.outcome_succeed")),
        ("wait", visitor.text("pay.outcome_wait")),
        ("decline", visitor.text("pay.outcome_decline")),
    ]
    .map(|(word, text)| (word.to_owned(), text.to_owned()));
    let outcome = Field {
        name: "outcome",
        label: visitor.text("pay.outcome"),
        value: "succeed",
        ..Field::default()
    };
    html! {
        form.stack method="post" action={ "/orders/" (row.id) "/pay" } {
            input type="hidden" name="key" value={ (key) "-simulator" };
            input type="hidden" name="method" value="simulator";
            p.warning { (visitor.text("pay.simulator_explained")) }
            (outcome.choice(&outcomes))
            button.button { (visitor.text("pay.by_simulator")) }
        }
    }
}

/// The form of a payment.
#[derive(Deserialize)]
pub(super) struct Pay {
    pub(super) key: String,
    method: String,
    #[serde(default)]
    outcome: String,
}

/// After how many ms the simulator's `wait` succeeds.
const SIMULATED_WAIT_MS: u32 = 8_000;

impl Pay {
    /// Returns how to pay.
    ///
    /// # Errors
    /// There is no such method, or no such outcome.
    pub(super) fn pay_by(&self) -> Result<PayBy, ApiError> {
        let method = match &*self.method {
            "wallet" => Method::Wallet,
            "manual" => Method::Manual,
            "simulator" => Method::Simulator,
            _ => return Err(ApiError::invalid("method", "is not a method of payment")),
        };
        let script = match (method, &*self.outcome) {
            (Method::Simulator, "" | "succeed") => Some((Outcome::Succeed, None)),
            (Method::Simulator, "wait") => Some((Outcome::Succeed, Some(SIMULATED_WAIT_MS))),
            (Method::Simulator, "decline") => Some((Outcome::Decline, None)),
            (_, "") => None,
            _ => return Err(ApiError::invalid("outcome", "is not one of the simulator")),
        };
        let script = script.map(|(outcome, delay_ms)| Script { outcome, delay_ms });
        let options = script.map(|script| serde_json::to_string(&script).expect("plain data"));
        Ok(PayBy { method, options, return_url: None })
    }
}
