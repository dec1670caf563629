//! The visitor's sessions: where the account is signed in, and how to end that.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::accounts::{Access, AccountError, SessionRow};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;
use crate::ids::SessionId;
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/account/sessions").get(list))
        .service(web::resource("/account/sessions/end").post(end))
        .service(web::resource("/account/sessions/end-others").post(end_others));
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let access = of_account(&visitor)?;
    let mut sessions = state.accounts.sessions(access.caller.user).await?;
    let is_other = |row: &SessionRow| access.session != Some(row.id);
    // This one first, the others as they were used.
    sessions.sort_by_key(is_other);
    let title = visitor.text("sessions.title");
    let main = html! {
        section.narrow {
            p.back { a href="/account" { (visitor.text("account.title")) } }
            h1 { (title) }
            p { (visitor.text("sessions.explained")) }
            ul.lines {
                @for row in &sessions {
                    (shown(&visitor, row, !is_other(row)))
                }
            }
            @if sessions.iter().any(is_other) {
                form method="post" action="/account/sessions/end-others" {
                    button.button.quiet { (visitor.text("sessions.end_others")) }
                }
            }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main).notice(query.notice.as_deref())))
}

fn shown(visitor: &Visitor, row: &SessionRow, is_current: bool) -> Markup {
    let time = |at| format::time(visitor.language, at, visitor.site.zone);
    let device = match row.device.as_str() {
        "" => visitor.text("sessions.unknown_device"),
        named => named,
    };
    html! {
        li {
            div {
                strong { (device) }
                @if is_current { " " span.badge { (visitor.text("sessions.this_one")) } }
                p.hint {
                    (visitor.text("sessions.last_seen")) " " (time(row.last_seen_at))
                    @if let Some(address) = &row.address { " · " (address) }
                    br;
                    (visitor.text("sessions.signed_in")) " " (time(row.created_at))
                }
            }
            @if !is_current {
                form method="post" action="/account/sessions/end" {
                    input type="hidden" name="session" value=(row.id);
                    button.link {
                        (visitor.text("sessions.end")) span.visually-hidden { ": " (device) }
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct End {
    session: SessionId,
}

async fn end(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(form): Form<End>,
) -> Result<HttpResponse, ApiError> {
    let caller = of_account(&visitor)?.caller;
    match state.accounts.end_session(caller.user, form.session).await {
        // One that has ended meanwhile is where the visitor wanted it.
        Ok(()) | Err(AccountError::NotFound) => {
            Ok(see_other("/account/sessions?notice=session_ended"))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize)]
struct Nothing {}

async fn end_others(
    state: web::Data<AppState>,
    visitor: Visitor,
    _: Form<Nothing>,
) -> Result<HttpResponse, ApiError> {
    let access = of_account(&visitor)?;
    match access.session {
        Some(current) => {
            state.accounts.end_other_sessions(access.caller.user, current).await?;
            Ok(see_other("/account/sessions?notice=sessions_ended"))
        }
        // A token from before there were sessions ends with all others.
        None => {
            state.accounts.end_all_sessions(access.caller.user).await?;
            Ok(see_other("/sign-in?back=/account/sessions"))
        }
    }
}

/// Returns the session of a visitor who has an account.
fn of_account(visitor: &Visitor) -> Result<Access, ApiError> {
    let access = visitor.access.filter(|access| !access.caller.guest);
    access.ok_or_else(|| ApiError::of(ErrorCode::Unauthorized))
}
