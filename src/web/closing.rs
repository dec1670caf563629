//! The page on which people close their account: what becomes of what they have, choices where there are
//! any, and the proof that it is the owner who asks.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::accounts::AccountError;
use crate::closing::{Left, OnReservations, Settlement};
use crate::http::api::accounts::users;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::web::account::refused_with;
use crate::web::cookies;
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::format::money;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/account/close").get(page).post(close));
}

#[derive(Deserialize)]
struct Query {
    /// Set once the account is closed.
    done: Option<String>,
}

/// What the owner has chosen.
#[derive(Default, Deserialize)]
struct Entered {
    #[serde(default)]
    password: String,
    #[serde(default)]
    reservations: String,
    #[serde(default)]
    balance: String,
}

impl Entered {
    fn settlement(&self) -> Settlement {
        let reservations = match &*self.reservations {
            "keep" => Some(OnReservations::KeepTickets),
            "cancel" => Some(OnReservations::Cancel),
            _ => None,
        };
        Settlement { reservations, forfeits_balance: !self.balance.is_empty() }
    }
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    if query.done.is_some() && !visitor.has_account() {
        return Ok(closed(&visitor));
    }
    show(&state, &visitor, &Entered::default(), None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    entered: &Entered,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    if caller.guest {
        return Err(ApiError::of(ErrorCode::Unauthorized));
    }
    let user = state.accounts.user(caller.user).await?;
    let left = state.closing().left(caller.user).await?;
    let mut events: Vec<_> = left.reservations.iter().map(|one| one.offering).collect();
    events.sort_unstable();
    events.dedup();
    let names: HashMap<_, _> = state.store.event_names(&events).await?.into_iter().collect();
    let is_last = match state.accounts.may_close(caller.user).await {
        Ok(()) => false,
        Err(AccountError::LastAdministrator) => true,
        Err(error) => return Err(error.into()),
    };
    let title = visitor.text("closing.title");
    let main = html! {
        section.narrow {
            p.back { a href="/account" { (visitor.text("account.title")) } }
            h1 { (title) }
            (refusal(refused))
            @if is_last && refused.is_none() {
                p.warning { (explain(visitor, &ApiError::of(ErrorCode::LastAdministrator))) }
            }
            ul {
                li { (visitor.text("closing.erased")) }
                li { (visitor.text("closing.ends")) }
                li { (visitor.text("closing.for_good")) }
            }
            @if !is_last {
                form.stack method="post" action="/account/close" {
                    (reservations(visitor, &left, &names, entered))
                    (balance(visitor, &left, entered))
                    @if !left.payments.is_empty() {
                        p.warning { (visitor.text("closing.payments")) }
                    }
                    @if user.has_password() {
                        (Field {
                            name: "password", label: visitor.text("account.current_password"),
                            kind: "password", autocomplete: Some("current-password"),
                            required: true, max_length: Some(128), ..Field::default()
                        }.render())
                    } @else {
                        p.hint { (visitor.text("closing.sign_in_anew")) }
                    }
                    button.button.danger { (title) }
                }
            }
        }
    };
    Ok(layout::render(visitor, Page::new(title).main(main)))
}

/// Renders what becomes of orders that are not over; a choice only where tickets could be kept.
fn reservations(
    visitor: &Visitor,
    left: &Left,
    names: &HashMap<OfferingId, String>,
    entered: &Entered,
) -> Markup {
    if left.reservations.is_empty() {
        return html! {};
    }
    let is_chosen = |value: &str| entered.reservations == value;
    let choice = |value: &'static str, text: &'static str| {
        html! {
            label.check {
                input type="radio" name="reservations" value=(value) required
                    checked[is_chosen(value)];
                span { (visitor.text(text)) }
            }
        }
    };
    html! {
        fieldset {
            legend { (visitor.text("closing.orders")) }
            ul.plain {
                @for one in &left.reservations {
                    li {
                        a href={ "/orders/" (one.id) } {
                            (names.get(&one.offering).map_or("", String::as_str))
                        }
                        " · "
                        (visitor.text(if one.is_paid { "closing.paid" } else { "closing.unpaid" }))
                    }
                }
            }
            @if left.reservations.iter().any(|one| one.is_paid) {
                (choice("keep", "closing.keep"))
                p.hint { (visitor.text("closing.keep_hint")) }
                (choice("cancel", "closing.cancel"))
            } @else {
                input type="hidden" name="reservations" value="keep";
                p.hint { (visitor.text("closing.unpaid_end")) }
            }
        }
    }
}

/// Renders what becomes of money, where there is some or some comes back.
fn balance(visitor: &Visitor, left: &Left, entered: &Entered) -> Markup {
    let comes_back = left.reservations.iter().any(|one| one.refunds_to_wallet);
    if left.balances.is_empty() && !comes_back {
        return html! {};
    }
    html! {
        fieldset {
            legend { (visitor.text("account.wallet")) }
            @if !left.balances.is_empty() {
                ul.plain {
                    @for balance in &left.balances {
                        li { (money(visitor.language, balance.amount, &balance.currency)) }
                    }
                }
            }
            @if comes_back { p.hint { (visitor.text("closing.comes_back")) } }
            label.check {
                input type="checkbox" name="balance" value="forfeit"
                    required[!left.balances.is_empty()] checked[!entered.balance.is_empty()];
                span { (visitor.text("closing.forfeit")) }
            }
        }
    }
}

/// Closes the account. Its cookies end with it.
async fn close(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(entered): Form<Entered>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.payer()?;
    let access = visitor.access.ok_or_else(|| ApiError::of(ErrorCode::Unauthorized))?;
    if caller.guest {
        return Err(ApiError::of(ErrorCode::Unauthorized));
    }
    // A session that is young closes by itself only an account without a password.
    let has_password = state.accounts.user(caller.user).await?.has_password();
    let password = has_password.then(|| entered.password.clone());
    if let Err(failure) = users::closed(&state, access, password, entered.settlement()).await {
        if failure.code() == ErrorCode::Internal {
            return Err(failure);
        }
        let said = explain(&visitor, &failure);
        let page = show(&state, &visitor, &entered, Some(&said)).await?;
        return Ok(refused_with(page, &failure));
    }
    let mut response = see_other("/account/close?done=yes");
    cookies::close(&mut response, &visitor.site);
    Ok(response)
}

fn closed(visitor: &Visitor) -> HttpResponse {
    let title = visitor.text("closing.done");
    let main = html! {
        section.narrow {
            h1 { (title) }
            p role="status" { (visitor.text("closing.done_explained")) }
            p { a.button href="/" { (visitor.text("error_page.start")) } }
        }
    };
    layout::render(visitor, Page::new(title).main(main))
}
