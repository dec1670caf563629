//! Buying without an account: an e-mail address at the checkout, and a code with which the order is
//! found again on another device.

use std::net::IpAddr;

use actix_web::cookie::Cookie;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::accounts::AccountError;
use crate::http::error::ApiError;
use crate::http::extract::client_address;
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::store::{ReservationFilter, ReservationState};
use crate::web::basket::{self, Moved};
use crate::web::cookies;
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::forms::{Form, noted};
use crate::web::layout::{self, Page};
use crate::web::sessions;
use crate::web::visitor::Visitor;

/// The most guests of an event among whom a claim code is looked for, newest first.
const MOST_GUESTS: u64 = 50_000;

/// The notice that the code of places that were given away has ended by its use.
pub(super) const NEW_CODE: &str = "new_claim_code";

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/claim").get(claim_page).post(claim));
}

/// Renders the field for the address of a guest.
pub(super) fn email_field(visitor: &Visitor, email: &str, hint: Option<&str>) -> Markup {
    let field = Field {
        name: "email",
        label: visitor.text("account.email"),
        kind: "email",
        value: email,
        hint,
        autocomplete: Some("email"),
        required: true,
        max_length: Some(254),
        ..Field::default()
    };
    field.render()
}

/// Renders the way to an account, for a visitor who is about to buy as a guest.
pub(super) fn or_sign_in(visitor: &Visitor, back: &str) -> Markup {
    let back = form_urlencoded::byte_serialize(back.as_bytes()).collect::<String>();
    html! {
        p {
            (visitor.text("guest.or")) " "
            a href={ "/sign-in?back=" (back) } { (visitor.text("account.sign_in")) }
        }
    }
}

/// Notes the address of the guest who buys.
///
/// # Errors
/// The address is not valid, or too many were noted.
pub(super) async fn identify(
    state: &AppState,
    visitor: &Visitor,
    email: &str,
    from: Option<IpAddr>,
) -> Result<(), ApiError> {
    let caller = visitor.caller()?;
    state.accounts.guest_checkout(caller, email, from).await?;
    state.accounts.welcome_guest(caller.user, Some(visitor.language), from).await;
    Ok(())
}

/// Renders the code with which a guest finds the order again; nothing for accounts.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn claim_code(state: &AppState, visitor: &Visitor) -> Result<Markup, ApiError> {
    let caller = visitor.caller()?;
    let contact = match caller.guest {
        true => state.accounts.guest_contact(caller.user).await?,
        false => None,
    };
    Ok(html! {
        @if let Some(contact) = contact {
            section.claim-code {
                h2 { (visitor.text("guest.keep_code")) }
                p {
                    (visitor.fill("guest.code_explained", &[("email", &contact.email)])) " "
                    a href="/claim" { (visitor.text("guest.claim")) }
                }
                p.code-large { code { (contact.claim_code) } }
                p { a href="/register?back=/tickets" { (visitor.text("guest.make_account")) } }
            }
        }
    })
}

/// Says what becomes of a guest's basket and orders at a sign-in; nothing for other visitors.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn at_sign_in(state: &AppState, visitor: &Visitor) -> Result<Markup, ApiError> {
    let Some(guest) = visitor.caller.filter(|caller| caller.guest) else {
        return Ok(Markup::default());
    };
    let contact = state.accounts.guest_contact(guest.user).await?;
    Ok(html! {
        section.claim-code {
            p { (visitor.text("guest.basket_comes")) }
            @if let Some(contact) = contact {
                p { (visitor.fill("guest.orders_stay", &[("email", &contact.email)])) }
                p.code-large { code { (contact.claim_code) } }
            }
        }
    })
}

/// Returns the address that a guest has left: the new account is likely to have it too.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn address(state: &AppState, visitor: &Visitor) -> Result<String, ApiError> {
    let Some(guest) = visitor.caller.filter(|caller| caller.guest) else {
        return Ok(String::new());
    };
    let contact = state.accounts.guest_contact(guest.user).await?;
    Ok(contact.map_or_else(String::new, |contact| contact.email))
}

/// Returns the address of a guest who has paid for an order, if it is another one than was entered. All
/// orders of a guest have one address and one code: another address would take the first order away from
/// its buyer.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn other_buyer(
    state: &AppState,
    visitor: &Visitor,
    entered: &str,
) -> Result<Option<String>, ApiError> {
    let known = address(state, visitor).await?;
    let is_same = crate::accounts::normalise_email(entered).is_ok_and(|entered| entered == known);
    if known.is_empty() || is_same {
        return Ok(None);
    }
    let filter = ReservationFilter {
        user: visitor.caller.map(|caller| caller.user),
        state: Some(ReservationState::Confirmed),
        ..ReservationFilter::default()
    };
    let orders = state.store.reservation_list(filter, 1).await?;
    Ok((!orders.is_empty()).then_some(known))
}

/// Returns the guest of an event to whom a claim code belongs; `None` for other texts.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn with_code(
    state: &AppState,
    event: OfferingId,
    text: &str,
) -> Result<Option<UserId>, ApiError> {
    if !crate::accounts::may_be_claim_code(text) {
        return Ok(None);
    }
    let guests = state.store.guests_of_event(event, MOST_GUESTS).await?;
    Ok(state.accounts.guest_with_code(&guests, text))
}

#[derive(Default, Deserialize)]
struct Claim {
    email: String,
    code: String,
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

async fn claim_page(
    request: HttpRequest,
    visitor: Visitor,
    query: web::Query<Query>,
) -> HttpResponse {
    let mut page = show(&visitor, &Claim::default(), query.notice.as_deref(), None);
    cookies::mark_claim(&mut page, &request, &visitor.site);
    page
}

/// Why a code was refused.
enum Refused {
    Said(String),
    /// The code is right, and its guest has an account by now.
    HasAccount,
    /// The code was right, and has ended by its use.
    Used,
}

fn show(
    visitor: &Visitor,
    entered: &Claim,
    notice: Option<&str>,
    refused: Option<&Refused>,
) -> HttpResponse {
    let code = Field {
        name: "code",
        label: visitor.text("guest.code"),
        value: &entered.code,
        autocomplete: Some("off"),
        required: true,
        max_length: Some(40),
        ..Field::default()
    };
    let main = html! {
        section.narrow {
            h1 { (visitor.text("guest.claim")) }
            p { (visitor.text("guest.claim_explained")) }
            @if visitor.has_account() {
                p.warning { (visitor.text("guest.claim_signs_out")) }
            }
            form.stack method="post" action="/claim" {
                @match refused {
                    Some(Refused::Said(text)) => (refusal(Some(text))),
                    Some(Refused::HasAccount) => p.error role="alert" {
                        (visitor.text("guest.claimed_by_account")) " "
                        a href="/sign-in?back=/tickets" { (visitor.text("account.sign_in")) }
                    },
                    Some(Refused::Used) => (refusal(Some(visitor.text("guest.code_used")))),
                    None => {}
                }
                (email_field(visitor, &entered.email, None))
                (code.render())
                button.button { (visitor.text("guest.find")) }
            }
            p.hint {
                (visitor.text("guest.made_account")) " "
                a href="/sign-in?back=/tickets" { (visitor.text("account.sign_in")) }
            }
        }
    };
    let title = visitor.text("guest.claim");
    layout::render(visitor, Page::new(title).main(main).notice(notice))
}

async fn claim(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Form(entered): Form<Claim>,
) -> Result<HttpResponse, ApiError> {
    let from = client_address(&request);
    let key = request.cookie(visitor.site.cookies.claim);
    let key = key.as_ref().map(Cookie::value);
    match state.accounts.claim(&entered.email, &entered.code, key, from).await {
        Ok(claimed) => {
            let session = claimed.session;
            // Another guest's basket comes along, as it does at a sign-in.
            let other = visitor.caller.filter(|caller| caller.guest && caller.user != session.user);
            let moved = match other {
                Some(guest) => basket::hand_over(&state, &request, guest, session.user).await,
                None => Moved::default(),
            };
            sessions::end_earlier(&state, &request, &visitor).await;
            // The tickets have no other way in: this counts more than the basket.
            let path = match claimed.is_new_code {
                true => noted("/tickets", NEW_CODE),
                false => moved.noted("/tickets"),
            };
            let mut response = sessions::lead_on(&request, &path);
            cookies::open_guest(&mut response, &visitor.site, session.access_token);
            Ok(response)
        }
        Err(error) => {
            let refused = match &error {
                AccountError::ClaimedByAccount => Some(Refused::HasAccount),
                AccountError::ClaimUsed => Some(Refused::Used),
                _ => None,
            };
            let failure = ApiError::from(error);
            let refused = refused.unwrap_or_else(|| Refused::Said(explain(&visitor, &failure)));
            let mut page = show(&visitor, &entered, None, Some(&refused));
            *page.status_mut() = failure.code().status();
            Ok(page)
        }
    }
}
