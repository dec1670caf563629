//! The page behind the link of an invitation: it says who invites for what. A visitor signs in, with any
//! account, and accepts.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::http::api::roles::invitations;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::client_address;
use crate::http::state::AppState;
use crate::store::{GrantRole, UserRow};
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
    let offering = match invitation.offering {
        Some(id) => state.store.event_get(id).await?.map(|event| event.details.name),
        None => None,
    };
    let account = match visitor.caller.filter(|_| visitor.has_account()) {
        Some(caller) => Some(state.accounts.user(caller.user).await?),
        None => None,
    };
    let title = visitor.text("team.invitation");
    let role = visitor.text(match invitation.role {
        GrantRole::Admin => "team.admin",
        GrantRole::Organiser => "team.organiser",
        GrantRole::Finance => "team.finance",
        GrantRole::Door => "team.door",
    });
    let event = offering.as_deref().unwrap_or(visitor.text("team.everything"));
    let values = [("shop", &*visitor.site.name), ("role", role), ("event", event)];
    let main = html! {
        section.narrow {
            h1 { (title) }
            p { (visitor.fill("team.invited_as", &values)) }
            @match &account {
                Some(user) => (acceptance(&visitor, user, &query.token)),
                None => (ways_in(&visitor)),
            }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main)))
}

fn acceptance(visitor: &Visitor, user: &UserRow, token: &str) -> Markup {
    let account = if user.email.is_empty() { &user.name } else { &user.email };
    html! {
        p.hint { (visitor.fill("team.accept_hint", &[("account", account)])) }
        form.stack method="post" action="/invitation" {
            input type="hidden" name="token" value=(token);
            button.button { (visitor.text("team.accept")) }
        }
    }
}

/// Renders the ways to an account, which lead back here.
fn ways_in(visitor: &Visitor) -> Markup {
    let back: String = form_urlencoded::byte_serialize(visitor.here.as_bytes()).collect();
    html! {
        p.hint { (visitor.text("team.needs_account")) }
        p.actions {
            a.button href={ "/register?back=" (back) } { (visitor.text("account.register")) }
            a.button.quiet href={ "/sign-in?back=" (back) } { (visitor.text("account.sign_in")) }
        }
    }
}

/// Returns the address that was invited, if a form of signing in leads back to an invitation; an empty
/// text for others. It is in no address of a page, which logs keep.
pub(super) async fn address(state: &AppState, back: &str) -> String {
    let Some(query) = back.strip_prefix("/invitation?") else { return String::new() };
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let Some((_, token)) = pairs.find(|(name, _)| name == "token") else { return String::new() };
    let found = state.accounts.roles().invitation(&token, state.clock.now_ms()).await;
    found.map_or_else(|_| String::new(), |invitation| invitation.email)
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
        Ok(row) if row.role == GrantRole::Door => Ok(see_other("/door?notice=role_accepted")),
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
