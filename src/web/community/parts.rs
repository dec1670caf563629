//! What the pages of fans share: who may write, keys of forms, names of people, and lists.

use std::str::FromStr;

use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use crate::accounts::Caller;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::IdempotencyKey;
use crate::web::format;
use crate::web::visitor::Visitor;

/// Returns the caller, who has an account.
///
/// # Errors
/// The visitor has to sign in first.
pub(super) fn member(visitor: &Visitor) -> Result<Caller, ApiError> {
    let caller = visitor.caller()?;
    if caller.guest {
        return Err(ApiError::of(ErrorCode::Unauthorized));
    }
    Ok(caller)
}

/// Returns a new key for a form, so that sending it twice does one thing.
pub(super) fn new_key() -> String {
    Uuid::new_v4().to_string()
}

/// Returns the key that a form was sent with.
pub(super) fn key_of(sent: &str) -> IdempotencyKey {
    IdempotencyKey((!sent.is_empty()).then(|| sent.to_owned()))
}

/// Returns a count as people read it.
pub(super) fn count(number: i64) -> String {
    format::number(number.unsigned_abs())
}

/// Renders the name of a person, who may have none.
pub(super) fn name_of(visitor: &Visitor, name: Option<&str>) -> Markup {
    html! {
        @match name.filter(|name| !name.is_empty()) {
            Some(name) => span.person { (name) },
            None => span.person.hint { (visitor.text("community.no_name")) },
        }
    }
}

/// Renders the way to the moderators, for a thing that another person wrote.
pub(super) fn report_link(visitor: &Visitor, kind: &str, id: Uuid) -> Markup {
    let back: String = form_urlencoded::byte_serialize(visitor.here.as_bytes()).collect();
    html! {
        a.fine href={ "/report?kind=" (kind) "&id=" (id) "&back=" (back) } rel="nofollow" {
            (visitor.text("community.report"))
        }
    }
}

/// Renders text that a person wrote in several lines.
pub(super) fn lines(text: &str) -> Markup {
    html! { p.plain-text { (text) } }
}

/// Returns the time and id that an address continues a list after.
pub(super) fn after<I: FromStr>(text: Option<&str>) -> Option<(i64, I)> {
    let (at, id) = text?.split_once('_')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}

/// The query of a list: what the visitor has just done, and where the page begins.
#[derive(Deserialize)]
pub(super) struct Noticed {
    pub(super) notice: Option<String>,
    pub(super) after: Option<String>,
}
