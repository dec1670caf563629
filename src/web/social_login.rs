//! Signing in by a provider in a browser: the end of a login, and the changes of the ways to sign in.

use actix_web::cookie::Cookie;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::html;
use serde::Deserialize;

use crate::accounts::{Access, AnswerMode, Returned, SocialOutcome, SocialWish};
use crate::http::api::accounts::social::{CallbackQuery, attempt_cookie, cookie_name, provider_of};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{FromDevice, Path};
use crate::http::state::AppState;
use crate::web::account::{refused, refused_with, with_new_password};
use crate::web::errors::explain;
use crate::web::forms::{Form, local_path, see_other};
use crate::web::layout::{self, Page};
use crate::web::signed_in;
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/sign-in/{provider}").get(begin))
        .service(web::resource("/sign-in/{provider}/callback").get(finish))
        .service(web::resource("/account/identities/{provider}").post(link))
        .service(web::resource("/account/identities/{provider}/remove").post(unlink))
        .service(web::resource("/account/first-password").post(set_password))
        .service(web::resource("/account/email").post(add_email));
}

/// The page to go on to after signing in.
#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

/// Leads the browser to a provider.
async fn begin(
    state: web::Data<AppState>,
    Path(name): Path<String>,
    query: web::Query<Back>,
) -> Result<HttpResponse, ApiError> {
    let redirect = local_path(&query.back).to_owned();
    let wish = SocialWish { mode: AnswerMode::Page, redirect, link_to: None };
    let start = state.accounts.social_begin(provider_of(&name)?, wish).await?;
    let mut response = see_other(&start.url);
    let _ = response.add_cookie(&attempt_cookie(&state.config, start.cookie));
    Ok(response)
}

/// Ends a login, to which the callback of the API led the browser on.
async fn finish(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path(name): Path<String>,
    FromDevice(device): FromDevice,
    query: web::Query<CallbackQuery>,
) -> Result<HttpResponse, ApiError> {
    let provider = provider_of(&name)?;
    let cookie = request.cookie(cookie_name(&state.config));
    let cookie = cookie.as_ref().map(Cookie::value);
    let returned: Returned = query.into_inner().into();
    // A link to this page, or an older tab that comes back, is not the end of the login under way.
    let is_end = cookie.is_some_and(|cookie| state.accounts.is_end_of(cookie, &returned));
    let ended =
        state.accounts.social_finish(provider, returned, cookie, visitor.caller, &device).await;
    let mut response = match ended {
        Ok(end) => match end.outcome {
            SocialOutcome::Linked => see_other("/account?notice=linked"),
            SocialOutcome::SignedIn { session, is_new } => {
                let user = session.user.id;
                if is_new {
                    state.accounts.welcome(user, Some(visitor.language)).await;
                }
                // The account's page has the terms that are still to be agreed to.
                let is_to_agree = is_new && !state.terms.has_completed_sign_up(user).await;
                let back = if is_to_agree { "/account?notice=social_new" } else { &end.redirect };
                signed_in::lead_on(&state, &request, &visitor, *session, back).await
            }
        },
        Err(error) => failed(&visitor, &error.into()),
    };
    if is_end {
        let _ = response.add_cookie(&attempt_cookie(&state.config, String::new()));
    }
    Ok(response)
}

/// Says why no session was opened, and how to go on.
fn failed(visitor: &Visitor, failure: &ApiError) -> HttpResponse {
    let title = visitor.text("social.failed");
    let is_taken = failure.code() == ErrorCode::EmailTaken;
    let main = html! {
        section.notice-page {
            h1 { (title) }
            p role="alert" {
                @if is_taken { (visitor.text("social.email_taken")) } @else { (explain(visitor, failure)) }
            }
            p.actions {
                @if visitor.has_account() {
                    a.button href="/account" { (visitor.text("account.title")) }
                } @else {
                    a.button href={ "/sign-in?back=" (if is_taken { "/account" } else { "/" }) } {
                        (visitor.text("account.sign_in"))
                    }
                }
                a.button.quiet href="/" { (visitor.text("error_page.start")) }
            }
            p.fine { (visitor.text("error_page.code")) " " code { (failure.code().as_str()) } }
        }
    };
    refused_with(layout::render(visitor, Page::new(title).main(main)), failure)
}

/// Returns what the session of a visitor proves.
fn access_of(visitor: &Visitor) -> Result<Access, ApiError> {
    visitor.access.ok_or_else(|| ApiError::of(ErrorCode::Unauthorized))
}

#[derive(Deserialize)]
struct Nothing {}

/// Begins to add a provider. The answer is a page that goes on to the provider: browsers do not follow
/// a form to another site, as the policy of these pages says.
async fn link(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(name): Path<String>,
    _: Form<Nothing>,
) -> Result<HttpResponse, ApiError> {
    let provider = provider_of(&name)?;
    let started = state.accounts.social_begin_link(access_of(&visitor)?, provider).await;
    let start = match started {
        Ok(start) => start,
        Err(error) => return refused(&state, &visitor, error.into()).await,
    };
    let mut offered = state.accounts.social_providers();
    let label = offered.find(|(other, _)| *other == provider).map_or("", |(_, name)| name);
    let title = visitor.fill("social.continue", &[("provider", label)]);
    let main = html! {
        section.notice-page {
            h1 { (title) }
            p { (visitor.text("social.going_on")) }
            p.actions { a.button href=(start.url) { (title) } }
        }
    };
    let mut response = layout::render(&visitor, Page::new(&title).main(main));
    if let Ok(value) = header::HeaderValue::from_str(&format!("0; url={}", start.url)) {
        response.headers_mut().insert(header::REFRESH, value);
    }
    let _ = response.add_cookie(&attempt_cookie(&state.config, start.cookie));
    Ok(response)
}

async fn unlink(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(name): Path<String>,
    _: Form<Nothing>,
) -> Result<HttpResponse, ApiError> {
    match state.accounts.unlink(access_of(&visitor)?, provider_of(&name)?).await {
        Ok(()) => Ok(see_other("/account?notice=unlinked")),
        Err(error) => refused(&state, &visitor, error.into()).await,
    }
}

#[derive(Deserialize)]
struct FirstPassword {
    password: String,
}

/// A first password ends all other sessions; that of the visitor goes on with new tokens.
async fn set_password(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(entered): Form<FirstPassword>,
) -> Result<HttpResponse, ApiError> {
    let access = access_of(&visitor)?;
    match state.accounts.set_first_password(access, entered.password).await {
        Ok(updated) => Ok(with_new_password(&visitor, updated)),
        Err(error) => refused(&state, &visitor, error.into()).await,
    }
}

#[derive(Deserialize)]
struct NewEmail {
    email: String,
}

async fn add_email(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(entered): Form<NewEmail>,
) -> Result<HttpResponse, ApiError> {
    match state.accounts.add_email(access_of(&visitor)?, &entered.email).await {
        Ok(_) => Ok(see_other("/account?notice=saved")),
        Err(error) => refused(&state, &visitor, error.into()).await,
    }
}
