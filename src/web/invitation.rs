//! The page behind the link of an invitation: a visitor signs in, with any account, and accepts.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::html;
use serde::Deserialize;

use crate::http::api::roles::invitations;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::client_address;
use crate::http::state::AppState;
use crate::store::GrantRole;
use crate::web::errors::explain;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/invitation").get(page).post(accept));
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Token>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let invitation = match state.accounts.roles().invitation(&query.token, now).await {
        Ok(invitation) => invitation,
        Err(error) => return ended(&visitor, error.into()),
    };
    if !visitor.has_account() {
        let back: String = form_urlencoded::byte_serialize(visitor.here.as_bytes()).collect();
        return Ok(see_other(&format!("/sign-in?back={back}")));
    }
    let offering = match invitation.offering {
        Some(id) => state.store.event_get(id).await?.map(|event| event.details.name),
        None => None,
    };
    let user = state.accounts.user(visitor.caller()?.user).await?;
    let account = if user.email.is_empty() { &user.name } else { &user.email };
    let title = visitor.text("team.invitation");
    let role = visitor.text(match invitation.role {
        GrantRole::Admin => "team.admin",
        GrantRole::Organiser => "team.organiser",
        GrantRole::Finance => "team.finance",
        GrantRole::Door => "team.door",
    });
    let main = html! {
        section.narrow {
            h1 { (title) }
            p { (role) @if let Some(name) = offering { " · " (name) } }
            p.hint { (visitor.fill("team.accept_hint", &[("account", account)])) }
            form.stack method="post" action="/invitation" {
                input type="hidden" name="token" value=(query.token);
                button.button { (visitor.text("team.accept")) }
            }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main)))
}

async fn accept(
    state: web::Data<AppState>,
    visitor: Visitor,
    request: HttpRequest,
    Form(entered): Form<Token>,
) -> Result<HttpResponse, ApiError> {
    let access = visitor.access.ok_or_else(|| ApiError::of(ErrorCode::Unauthorized))?;
    let address = client_address(&request);
    match invitations::accepted(&state, access, address, &entered.token).await {
        Ok(row) if row.role == GrantRole::Door => Ok(see_other("/door")),
        Ok(_) => Ok(see_other("/organiser?notice=role_accepted")),
        Err(error) => ended(&visitor, error),
    }
}

/// Says that an invitation cannot be used.
fn ended(visitor: &Visitor, error: ApiError) -> Result<HttpResponse, ApiError> {
    if error.code() != ErrorCode::InvalidLink {
        return Err(error);
    }
    let title = visitor.text("mail_links.ended");
    let main = html! {
        section.narrow {
            h1 { (title) }
            p role="alert" { (explain(visitor, &error)) }
        }
    };
    let mut page = layout::render(visitor, Page::new(title).main(main));
    *page.status_mut() = error.code().status();
    Ok(page)
}
