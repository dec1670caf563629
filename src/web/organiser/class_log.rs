//! The log of a class: who did what with its enrollments, the newest first.

use actix_web::{HttpResponse, web};
use maud::html;
use serde::Deserialize;

use super::enrollment_words::{log_line, older};
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Entries on one page.
const SHOWN: u64 = 100;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/classes/{class}/log").get(page));
}

#[derive(Deserialize)]
struct Query {
    after: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let class = state.classes.class(id).await?;
    let after = PageQuery { limit: None, cursor: query.into_inner().after }.after()?;
    let (entries, last) = state.classes.changes_of_class(id, after, SHOWN).await?;
    let title = visitor.text("organiser_class.log");
    let main = html! {
        p.back { a href={ "/organiser/classes/" (id) } { (class.event.details.name) } }
        h1 { (title) }
        p.hint { (visitor.text("organiser_class.log_hint")) }
        @if entries.is_empty() { p.empty { (visitor.text("organiser_class.none")) } }
        ul.plain {
            @for entry in &entries {
                li {
                    a href={ "/organiser/enrollments/" (entry.enrollment) } {
                        (entry.applicant_name.as_deref().unwrap_or(visitor.text("organiser_live.no_account")))
                    }
                    ": " (log_line(&visitor, &class, entry))
                }
            }
        }
        (older(&visitor, &format!("/organiser/classes/{id}/log"), last))
    };
    Ok(layout::render(&visitor, Page::new(title).main(main).class("wide")))
}
