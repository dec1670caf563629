//! The pages of what fans do: articles with their comments, the chat, setlists, likes and reports.

mod article;
mod article_form;
mod articles;
mod chat;
mod chat_people;
mod chat_room;
mod comments;
mod fans;
mod reports;
mod setlist;
mod setlist_form;

pub(crate) use reports::{kind_text, reason_text};

use actix_web::web;
use maud::{Markup, html};

use crate::caller::Caller;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::IdempotencyKey;
use crate::web::format;
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.configure(fans::configure)
        .configure(articles::configure)
        // Before the page of an article, whose address it could be.
        .configure(article_form::configure)
        .configure(article::configure)
        .configure(comments::configure)
        .configure(chat::configure)
        .configure(chat_room::configure)
        .configure(chat_people::configure)
        .configure(setlist::configure)
        .configure(setlist_form::configure)
        .configure(reports::configure);
}

/// Returns the caller, who has an account.
///
/// # Errors
/// The visitor has to sign in first.
fn member(visitor: &Visitor) -> Result<Caller, ApiError> {
    let caller = visitor.caller()?;
    if caller.guest {
        return Err(ApiError::of(ErrorCode::Unauthorized));
    }
    Ok(caller)
}

/// Returns a new key for a form, so that sending it twice does one thing.
fn new_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Returns the key that a form was sent with.
fn key_of(sent: &str) -> IdempotencyKey {
    IdempotencyKey((!sent.is_empty()).then(|| sent.to_owned()))
}

/// Returns a count as people read it.
fn count(number: i64) -> String {
    format::number(number.unsigned_abs())
}

/// Renders the name of a person, who may have none.
fn name_of(visitor: &Visitor, name: Option<&str>) -> Markup {
    html! {
        @match name.filter(|name| !name.is_empty()) {
            Some(name) => span.person { (name) },
            None => span.person.hint { (visitor.text("community.no_name")) },
        }
    }
}

/// Renders the way to the moderators, for a thing that another person wrote.
fn report_link(visitor: &Visitor, kind: &str, id: uuid::Uuid) -> Markup {
    let back: String = form_urlencoded::byte_serialize(visitor.here.as_bytes()).collect();
    html! {
        a.fine href={ "/report?kind=" (kind) "&id=" (id) "&back=" (back) } rel="nofollow" {
            (visitor.text("community.report"))
        }
    }
}

/// Renders text that a person wrote in several lines.
fn lines(text: &str) -> Markup {
    html! { p.plain-text { (text) } }
}

/// Returns the time and id that an address continues a list after.
fn after<I: std::str::FromStr>(text: Option<&str>) -> Option<(i64, I)> {
    let (at, id) = text?.split_once('_')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}

#[derive(serde::Deserialize)]
struct Noticed {
    notice: Option<String>,
    after: Option<String>,
}
