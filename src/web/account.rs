//! Signing in, and the visitor's own account.

use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::accounts::{LoginFrom, PasswordChange, ProfileChange, Updated};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{FromDevice, client_address};
use crate::http::state::AppState;
use crate::web::cookies::{self, EndedElsewhere};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::format::money;
use crate::web::forms::{Form, local_path, noted, see_other};
use crate::web::guests;
use crate::web::invitation;
use crate::web::layout::{self, Page};
use crate::web::mail_links;
use crate::web::signed_in;
use crate::web::social;
use crate::web::terms;
use crate::web::visitor::Visitor;

/// The script of forms that are counted strictly.
pub(super) const COUNTED: &str = "sign-in.js";

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/sign-in").get(sign_in_page).post(sign_in))
        .service(web::resource("/account").get(account_page).post(change))
        .service(web::resource("/account/password").post(change_password))
        .service(web::resource("/account/confirmation").post(send_confirmation))
        .service(web::resource("/account/charge").post(charge));
}

/// Where to go after signing in, and the notice to show.
#[derive(Deserialize)]
pub(super) struct Query {
    #[serde(default)]
    pub(super) back: String,
    notice: Option<String>,
}

#[derive(Default, Deserialize)]
struct SignIn {
    email: String,
    password: String,
    #[serde(default)]
    back: String,
}

async fn sign_in_page(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let email = invitation::address(&state, &query.back).await;
    let entered = SignIn { back: query.back.clone(), email, ..SignIn::default() };
    let has_ended = request.extensions().get::<EndedElsewhere>().is_some();
    let has_ended = has_ended && visitor.caller.is_none();
    let notice = query.notice.as_deref().or(has_ended.then_some("ended_elsewhere"));
    let mut page = show_sign_in(&state, &request, &visitor, &entered, notice, None).await?;
    if has_ended {
        // It is said once.
        cookies::close(&mut page, &visitor.site);
    }
    Ok(page)
}

async fn show_sign_in(
    state: &AppState,
    request: &HttpRequest,
    visitor: &Visitor,
    entered: &SignIn,
    notice: Option<&str>,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    // A guest's orders stay the guest's: the code finds them after the sign-in.
    let guest = guests::at_sign_in(state, visitor).await?;
    let back = local_path(&entered.back);
    let query = form_urlencoded::byte_serialize(back.as_bytes()).collect::<String>();
    let claim = html! {
        p {
            (visitor.text("account.guest_orders")) " "
            a href="/claim" { (visitor.text("account.bought_as_guest")) }
        }
    };
    let is_for_tickets = back.starts_with("/tickets") || back.starts_with("/orders");
    let main = html! {
        section.narrow {
            h1 { (visitor.text("account.sign_in")) }
            (cookie_advice(request, visitor))
            @if is_for_tickets { (claim) }
            form.stack method="post" action="/sign-in" data-counted {
                (refusal(refused))
                input type="hidden" name="back" value=(back);
                (email_field(visitor, &entered.email))
                (password_field(visitor, "current-password", None))
                button.button { (visitor.text("account.sign_in")) }
            }
            (mail_links::forgot(state, visitor))
            (social::buttons(state, visitor, back))
            (guest)
            p {
                (visitor.text("account.none_yet")) " "
                a href={ "/register?back=" (query) } { (visitor.text("account.no_account_yet")) }
            }
            @if !is_for_tickets { (claim) }
        }
    };
    let title = visitor.text("account.sign_in");
    Ok(layout::render(visitor, Page::new(title).main(main).script(COUNTED).notice(notice)))
}

/// Says that this browser will not keep a session, where that is so.
pub(super) fn cookie_advice(request: &HttpRequest, visitor: &Visitor) -> Markup {
    html! {
        @if !cookies::keeps_cookies(request, &visitor.site) {
            p.warning role="alert" { (visitor.text("account.needs_https")) }
        }
    }
}

/// Renders the field for an address.
pub(super) fn email_field(visitor: &Visitor, value: &str) -> Markup {
    let label = visitor.text("account.email");
    let field = Field { name: "email", label, kind: "email", value, ..Field::default() };
    Field { autocomplete: Some("email"), required: true, max_length: Some(254), ..field }.render()
}

/// Renders the field for a password; `autocomplete` says whether it is a new one.
pub(super) fn password_field(visitor: &Visitor, autocomplete: &str, hint: Option<&str>) -> Markup {
    let label = visitor.text("account.password");
    let field = Field { name: "password", label, kind: "password", hint, ..Field::default() };
    let is_new = autocomplete == "new-password";
    Field {
        autocomplete: Some(autocomplete),
        required: true,
        min_length: is_new.then_some(8),
        max_length: Some(128),
        ..field
    }
    .render()
}

async fn sign_in(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    FromDevice(device): FromDevice,
    Form(entered): Form<SignIn>,
) -> Result<HttpResponse, ApiError> {
    let known = request.cookie(visitor.site.cookies.device);
    let device_token = known.as_ref().map(actix_web::cookie::Cookie::value);
    let from = LoginFrom { device, device_token };
    let opened = state.accounts.login(&entered.email, entered.password.clone(), from).await;
    let session = match opened.map_err(ApiError::from) {
        Ok(session) => session,
        Err(failure) => {
            let said = explain(&visitor, &failure);
            let page =
                show_sign_in(&state, &request, &visitor, &entered, None, Some(&said)).await?;
            return Ok(refused_with(page, &failure));
        }
    };
    Ok(signed_in::lead_on(&state, &request, &visitor, session, &entered.back).await)
}

/// Gives the page of a form that was refused the status of the refusal.
pub(super) fn refused_with(mut page: HttpResponse, failure: &ApiError) -> HttpResponse {
    *page.status_mut() = failure.code().status();
    if let Some(after) = failure.retry_after_seconds() {
        page.headers_mut().insert(header::RETRY_AFTER, after.into());
    }
    page
}

async fn account_page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show_account(&state, &visitor, query.notice.as_deref(), None).await
}

async fn show_account(
    state: &AppState,
    visitor: &Visitor,
    notice: Option<&str>,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    if caller.guest {
        return Err(ApiError::of(ErrorCode::Unauthorized));
    }
    let user = state.accounts.user(caller.user).await?;
    let balances = state.store.wallet_get(caller.user).await?;
    let ways = state.accounts.ways_in(caller).await?;
    let terms = terms::of_account(state, visitor, caller.user).await?;
    let name = Field {
        name: "name",
        label: visitor.text("account.name"),
        value: &user.name,
        autocomplete: Some("name"),
        required: true,
        max_length: Some(100),
        ..Field::default()
    };
    // One that is not confirmed may have been mistyped.
    let is_to_add_email =
        user.email.is_empty() || (!user.has_password() && user.email_confirmed_at.is_none());
    let is_to_confirm = social::is_to_confirm(state, &user);
    let main = html! {
        section.narrow {
            h1 { (visitor.text("account.title")) }
            (refusal(refused))
            @if !user.email.is_empty() { p { (user.email) } }
            @if is_to_add_email { (social::email_form(visitor, user.email.is_empty())) }
            @if is_to_confirm {
                form.row method="post" action="/account/confirmation" {
                    span.hint { (visitor.text("mail_links.not_confirmed")) }
                    button.link { (visitor.text("mail_links.another")) }
                }
            }
            form.stack method="post" action="/account" {
                (name.render())
                button.button { (visitor.text("account.save")) }
            }
            p { a href="/account/sessions" { (visitor.text("sessions.title")) } }
            p { a href="/enrollments" { (visitor.text("enrollment.title")) } }
            p { a href="/account/likes" { (visitor.text("fans.likes")) } }
            p { a href="/account/pictures" { (visitor.text("pictures.title")) } }
            p { a href="/account/articles" { (visitor.text("articles.mine")) } }
            p { a href="/chat?own=on" { (visitor.text("chat.own_rooms")) } }
            h2 { (visitor.text("account.wallet")) }
            @if balances.is_empty() {
                p { (visitor.text("account.wallet_empty")) }
            }
            ul.plain {
                @for balance in &balances {
                    li { (money(visitor.language, balance.amount, &balance.currency)) }
                }
            }
            @if state.config.allows_self_charge() {
                form.row method="post" action="/account/charge" {
                    input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                    button.button.quiet { (visitor.text("account.charge_demo")) }
                }
            }
            (terms)
            (social::of_account(state, visitor, &ways))
            @if !user.has_password() {
                @if is_to_confirm { p.hint { (visitor.text("social.confirm_first")) } }
                @else if !user.email.is_empty() { (social::first_password(visitor)) }
            } @else {
            h2 { (visitor.text("account.change_password")) }
            form.stack method="post" action="/account/password" {
                (Field {
                    name: "current", label: visitor.text("account.current_password"),
                    kind: "password", autocomplete: Some("current-password"), required: true,
                    ..Field::default()
                }.render())
                (password_field(visitor, "new-password", Some(visitor.text("account.password_hint"))))
                button.button.quiet { (visitor.text("account.change_password")) }
            }
            }
            form.stack method="post" action="/sign-out" {
                button.button.quiet { (visitor.text("account.sign_out")) }
            }
            p { a href="/account/close" { (visitor.text("closing.title")) } }
        }
    };
    let title = visitor.text("account.title");
    Ok(layout::render(visitor, Page::new(title).main(main).notice(notice)))
}

#[derive(Deserialize)]
struct Change {
    name: String,
}

async fn change(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(change): Form<Change>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    let change = ProfileChange { name: Some(change.name), ..ProfileChange::default() };
    match state.accounts.update(caller, change).await {
        Ok(_) => Ok(see_other("/account?notice=saved")),
        Err(error) => refused(&state, &visitor, error.into()).await,
    }
}

#[derive(Deserialize)]
struct NewPassword {
    current: String,
    password: String,
}

/// A new password ends all other sessions; that of the visitor goes on with new tokens.
async fn change_password(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(entered): Form<NewPassword>,
) -> Result<HttpResponse, ApiError> {
    let access = visitor.access.ok_or_else(|| ApiError::of(ErrorCode::Unauthorized))?;
    let change = PasswordChange { current: entered.current, new: entered.password };
    let change = ProfileChange { password: Some(change), ..ProfileChange::default() };
    match state.accounts.update(access, change).await {
        Ok(updated) => Ok(with_new_password(&visitor, updated)),
        Err(error) => refused(&state, &visitor, error.into()).await,
    }
}

/// Leads on after a new password, with the new tokens of the visitor's session.
pub(super) fn with_new_password(visitor: &Visitor, updated: Updated) -> HttpResponse {
    let Some(session) = updated.session else {
        return see_other("/sign-in?back=/account&notice=password_changed");
    };
    let mut response = see_other("/account?notice=new_password");
    cookies::open(&mut response, &visitor.site, session);
    response
}

pub(super) async fn refused(
    state: &AppState,
    visitor: &Visitor,
    failure: ApiError,
) -> Result<HttpResponse, ApiError> {
    if failure.code() == ErrorCode::Internal {
        return Err(failure);
    }
    let said = explain(visitor, &failure);
    Ok(refused_with(show_account(state, visitor, None, Some(&said)).await?, &failure))
}

#[derive(Deserialize)]
struct Confirmation {
    /// The page that asks for it; the account's by default.
    #[serde(default)]
    back: String,
}

/// Sends another link that confirms the address.
async fn send_confirmation(
    state: web::Data<AppState>,
    visitor: Visitor,
    request: HttpRequest,
    Form(asked): Form<Confirmation>,
) -> Result<HttpResponse, ApiError> {
    state.accounts.send_confirmation(visitor.caller()?, client_address(&request)).await?;
    let back = match local_path(&asked.back) {
        "/" => "/account",
        back => back,
    };
    let notice = match state.accounts.can_notify() {
        true => "confirmation_sent",
        false => "sends_no_mails",
    };
    Ok(see_other(&noted(back, notice)))
}

#[derive(Deserialize)]
struct Charge {
    key: String,
}

/// Money for trying the shop out, where the operator allows that customers charge their wallets.
async fn charge(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(charge): Form<Charge>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.payer()?;
    crate::web::purchase::charge_wallet(&state, caller, &charge.key).await?;
    Ok(see_other("/account?notice=charged"))
}
