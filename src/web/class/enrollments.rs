//! The visitor's own enrollments in all classes.

use actix_web::{HttpResponse, web};
use maud::html;
use serde::Deserialize;

use super::words;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Enrollments on one page.
const SHOWN: u64 = 20;

#[derive(Deserialize)]
pub(super) struct Query {
    after: Option<String>,
    notice: Option<String>,
}

pub(super) async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    if caller.guest {
        return Err(ApiError::of(ErrorCode::Unauthorized));
    }
    let after = query.after.as_deref().and_then(|text| {
        let (at, id) = text.split_once('_')?;
        Some((at.parse().ok()?, id.parse().ok()?))
    });
    let found = state.classes.enrollments_of(caller, None, after, SHOWN).await?;
    let mut mine = Vec::with_capacity(found.found.len());
    for seen in &found.found {
        mine.push((seen, state.classes.class(seen.row.class).await?));
    }
    let title = visitor.text("enrollment.title");
    let main = html! {
        h1 { (title) }
        @if mine.is_empty() {
            section.empty {
                p { (visitor.text("enrollment.none")) }
                p { a.button href="/classes" { (visitor.text("enrollment.look")) } }
            }
        }
        ul.cards {
            @for (seen, class) in &mine {
                li.card {
                    a.card-link href={ "/enrollments/" (seen.row.id) } {
                        h2 { (class.event.details.name) }
                    }
                    (words::heading(&visitor, class))
                    p.facts {
                        (words::state_badge(&visitor, &seen.row))
                        @if let Some(line) = words::line(&visitor, seen) { span { (line) } }
                        @if words::owes(seen) { span { (visitor.text("enrollment.to_pay")) } }
                    }
                }
            }
        }
        @if let Some(next) = &found.next_cursor {
            p.more { a.button.quiet href={ "/enrollments?after=" (next) } { (visitor.text("start.more")) } }
        }
    };
    let page = Page::new(title).main(main);
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}
