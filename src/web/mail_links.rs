//! Pages of links in mails: asking for a new password and setting it, and confirming an address. A link
//! is used by a form and not by being opened, since programs that look through mails open links too.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::accounts::{AccountError, Confirmed};
use crate::config::MailMode;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::store::LinkPurpose;
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/forgot-password").get(forgot_page).post(ask))
        .service(web::resource("/reset-password").get(reset_page).post(reset))
        .service(web::resource("/confirm").get(confirm_page).post(confirm));
}

/// Renders the way to a new password; nothing where no mail is sent.
pub(super) fn forgot(state: &AppState, visitor: &Visitor) -> Markup {
    html! {
        @if state.config.mail_mode() != MailMode::Off {
            p { a href="/forgot-password" { (visitor.text("mail_links.forgot")) } }
        }
    }
}

#[derive(Default, Deserialize)]
struct Ask {
    email: String,
}

async fn forgot_page(state: web::Data<AppState>, visitor: Visitor) -> HttpResponse {
    show_forgot(&state, &visitor, &Ask::default(), None)
}

fn show_forgot(
    state: &AppState,
    visitor: &Visitor,
    entered: &Ask,
    refused: Option<&str>,
) -> HttpResponse {
    let email = Field {
        name: "email",
        label: visitor.text("account.email"),
        kind: "email",
        value: &entered.email,
        autocomplete: Some("email"),
        required: true,
        max_length: Some(254),
        ..Field::default()
    };
    let title = visitor.text("mail_links.forgot");
    let main = html! {
        section.narrow {
            h1 { (title) }
            @if state.config.mail_mode() == MailMode::Off {
                p.warning { (visitor.text("mail_links.no_mail")) }
            } @else {
                p { (visitor.text("mail_links.forgot_explained")) }
                form.stack method="post" action="/forgot-password" {
                    (refusal(refused))
                    (email.render())
                    button.button { (visitor.text("mail_links.send")) }
                }
            }
        }
    };
    layout::render(visitor, Page::new(title).main(main))
}

async fn ask(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(entered): Form<Ask>,
) -> Result<HttpResponse, ApiError> {
    if let Err(error) = state.accounts.request_reset(&entered.email) {
        let failure = ApiError::from(error);
        let said = explain(&visitor, &failure);
        let mut page = show_forgot(&state, &visitor, &entered, Some(&said));
        *page.status_mut() = failure.code().status();
        return Ok(page);
    }
    let title = visitor.text("mail_links.sent");
    let main = html! {
        section.narrow {
            h1 { (title) }
            p role="status" { (visitor.text("mail_links.sent_explained")) }
            p { a href="/sign-in" { (visitor.text("account.sign_in")) } }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main)))
}

/// The token of a link.
#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
}

async fn reset_page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Token>,
) -> Result<HttpResponse, ApiError> {
    match state.accounts.is_link(&query.token, LinkPurpose::ResetPassword).await? {
        true => Ok(show_reset(&visitor, &query.token, None)),
        false => Ok(ended(&visitor, LinkPurpose::ResetPassword)),
    }
}

fn show_reset(visitor: &Visitor, token: &str, refused: Option<&str>) -> HttpResponse {
    let password = Field {
        name: "password",
        label: visitor.text("account.password"),
        kind: "password",
        hint: Some(visitor.text("account.password_hint")),
        autocomplete: Some("new-password"),
        required: true,
        min_length: Some(8),
        max_length: Some(128),
        ..Field::default()
    };
    let title = visitor.text("mail_links.new_password");
    let main = html! {
        section.narrow {
            h1 { (title) }
            p { (visitor.text("mail_links.new_password_explained")) }
            form.stack method="post" action="/reset-password" {
                (refusal(refused))
                input type="hidden" name="token" value=(token);
                (password.render())
                button.button { (visitor.text("account.save")) }
            }
        }
    };
    layout::render(visitor, Page::new(title).main(main))
}

#[derive(Deserialize)]
struct Reset {
    token: String,
    password: String,
}

async fn reset(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(entered): Form<Reset>,
) -> Result<HttpResponse, ApiError> {
    match state.accounts.reset_with_link(&entered.token, entered.password).await {
        Ok(_) => Ok(see_other("/sign-in?back=/account&notice=password_changed")),
        Err(AccountError::LinkRefused) => Ok(ended(&visitor, LinkPurpose::ResetPassword)),
        Err(error) => {
            let failure = ApiError::from(error);
            let said = explain(&visitor, &failure);
            let mut page = show_reset(&visitor, &entered.token, Some(&said));
            *page.status_mut() = failure.code().status();
            Ok(page)
        }
    }
}

async fn confirm_page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Token>,
) -> Result<HttpResponse, ApiError> {
    if !state.accounts.is_link(&query.token, LinkPurpose::ConfirmEmail).await? {
        return Ok(ended(&visitor, LinkPurpose::ConfirmEmail));
    }
    let title = visitor.text("mail_links.confirm");
    let main = html! {
        section.narrow {
            h1 { (title) }
            p { (visitor.text("mail_links.confirm_explained")) }
            form.stack method="post" action="/confirm" {
                input type="hidden" name="token" value=(query.token);
                button.button { (title) }
            }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main)))
}

async fn confirm(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(entered): Form<Token>,
) -> Result<HttpResponse, ApiError> {
    match state.accounts.confirm(&entered.token).await {
        Ok(Confirmed::Account(_)) if visitor.has_account() => {
            Ok(see_other("/account?notice=confirmed"))
        }
        Ok(Confirmed::Account(_)) => Ok(see_other("/?notice=confirmed")),
        // A visitor who is signed in to an account stays so, and finds the orders by their code.
        Ok(Confirmed::Guest(_)) if visitor.has_account() => {
            Ok(see_other("/account?notice=confirmed_guest"))
        }
        Ok(Confirmed::Guest(guest)) if visitor.caller.is_some_and(|own| own.user == guest) => {
            Ok(see_other("/orders?notice=confirmed"))
        }
        // The browser stays whose it is: the guest may be a stranger's, who left this address.
        Ok(Confirmed::Guest(_)) => Ok(see_other("/claim?notice=confirmed_guest")),
        Err(AccountError::LinkRefused) => Ok(ended(&visitor, LinkPurpose::ConfirmEmail)),
        Err(error) => Err(error.into()),
    }
}

/// Says that a link cannot be used, and how to get another.
fn ended(visitor: &Visitor, purpose: LinkPurpose) -> HttpResponse {
    let failure = ApiError::from(AccountError::LinkRefused);
    let title = visitor.text("mail_links.ended");
    let main = html! {
        section.narrow {
            h1 { (title) }
            p role="alert" { (explain(visitor, &failure)) }
            @match purpose {
                LinkPurpose::ResetPassword => p {
                    a.button href="/forgot-password" { (visitor.text("mail_links.another")) }
                },
                LinkPurpose::ConfirmEmail => p.actions {
                    a.button href="/orders" { (visitor.text("orders.title")) }
                    a.button.quiet href="/claim" { (visitor.text("guest.claim")) }
                },
            }
        }
    };
    let mut page = layout::render(visitor, Page::new(title).main(main));
    *page.status_mut() = failure.code().status();
    page
}
