//! Registering: an account, with agreement to the terms that are asked for.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use maud::html;
use serde::Deserialize;

use crate::accounts::{Registration, Role};
use crate::config::MailMode;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::FromDevice;
use crate::http::state::AppState;
use crate::ids::TermId;
use crate::terms::TermRow;
use crate::web::account::{
    COUNTED, Query, cookie_advice, email_field, password_field, refused_with,
};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::forms::{Form, local_path, noted};
use crate::web::guests;
use crate::web::invitation;
use crate::web::layout::{self, Page};
use crate::web::signed_in;
use crate::web::social;
use crate::web::terms;
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/register").get(register_page).post(register));
}

#[derive(Default, Deserialize)]
struct Entered {
    email: String,
    password: String,
    name: String,
    #[serde(default)]
    back: String,
    /// The ticked boxes among others: one for each of the terms.
    #[serde(flatten)]
    others: HashMap<String, String>,
}

impl Entered {
    fn has_ticked(&self, term: &TermRow) -> bool {
        self.others.contains_key(&terms::box_of(term.id))
    }
}

async fn register_page(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let email = match invitation::address(&state, &query.back).await {
        invited if !invited.is_empty() => invited,
        _ => guests::address(&state, &visitor).await?,
    };
    let entered = Entered { back: query.back.clone(), email, ..Entered::default() };
    let asked = state.terms.for_sign_up().await?;
    Ok(show(&state, &request, &visitor, &entered, &asked, None))
}

fn show(
    state: &AppState,
    request: &HttpRequest,
    visitor: &Visitor,
    entered: &Entered,
    asked: &[TermRow],
    refused: Option<&str>,
) -> HttpResponse {
    let name = Field {
        name: "name",
        label: visitor.text("account.name"),
        value: &entered.name,
        autocomplete: Some("name"),
        required: true,
        max_length: Some(100),
        ..Field::default()
    };
    let back = local_path(&entered.back);
    let query = form_urlencoded::byte_serialize(back.as_bytes()).collect::<String>();
    let main = html! {
        section.narrow {
            h1 { (visitor.text("account.register")) }
            (cookie_advice(request, visitor))
            form.stack method="post" action="/register" data-counted {
                (refusal(refused))
                input type="hidden" name="back" value=(local_path(&entered.back));
                (name.render())
                (email_field(visitor, &entered.email))
                (password_field(visitor, "new-password", Some(visitor.text("account.password_hint"))))
                (terms::boxes(visitor, asked, |term| entered.has_ticked(term)))
                button.button { (visitor.text("account.register")) }
            }
            (social::buttons(state, visitor, back))
            @if visitor.caller.is_some_and(|caller| caller.guest) {
                p.hint { (visitor.text("guest.becomes_account")) }
            }
            p { a href={ "/sign-in?back=" (query) } { (visitor.text("account.has_account")) } }
        }
    };
    layout::render(visitor, Page::new(visitor.text("account.register")).main(main).script(COUNTED))
}

async fn register(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    FromDevice(device): FromDevice,
    Form(entered): Form<Entered>,
) -> Result<HttpResponse, ApiError> {
    let registration = Registration {
        email: entered.email.clone(),
        password: entered.password.clone(),
        name: entered.name.clone(),
        phone_number: None,
        role: Role::User,
    };
    let asked = state.terms.for_sign_up().await?;
    let agreed: Vec<TermId> =
        asked.iter().filter(|term| entered.has_ticked(term)).map(|term| term.id).collect();
    // The API makes the account all the same; a person at a page can tick the boxes at once.
    let is_missing = |term: &TermRow| term.is_required && !agreed.contains(&term.id);
    let opened = match asked.iter().any(is_missing) {
        true => Err(ApiError::of(ErrorCode::TermsNotAgreed)),
        false => {
            let opened = state
                .accounts
                .register_as(visitor.caller, registration, &agreed, None, device)
                .await;
            opened.map_err(ApiError::from)
        }
    };
    let session = match opened {
        Ok(session) => session,
        Err(failure) => {
            let said = explain(&visitor, &failure);
            let page = show(&state, &request, &visitor, &entered, &asked, Some(&said));
            return Ok(refused_with(page, &failure));
        }
    };
    state.accounts.welcome(session.user.id, Some(visitor.language)).await;
    let notice = match state.config.mail_mode() {
        MailMode::Off => "account_made",
        _ => "account_made_mailed",
    };
    let back = noted(local_path(&entered.back), notice);
    Ok(signed_in::lead_on(&state, &request, &visitor, session, &back).await)
}
