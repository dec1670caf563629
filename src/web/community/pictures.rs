//! One's pictures: uploads, their numbers and how articles show them, and their deletion.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::member;
use crate::http::api::community::images::file_of;
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{Path, is_from_our_pages};
use crate::http::state::AppState;
use crate::ids::ImageId;
use crate::store::ImageRow;
use crate::web::errors::explain;
use crate::web::fields::refusal;
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Pictures on one page.
const SHOWN: u64 = 24;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/account/pictures").get(page).post(upload))
        .service(web::resource("/account/pictures/{image}/delete").post(delete));
}

#[derive(Default, Deserialize)]
struct Query {
    after: Option<ImageId>,
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, &query, None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    query: &Query,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(visitor)?;
    let found = state.pictures.of(caller, query.after, SHOWN).await?;
    let next = found.last().filter(|_| found.len() as u64 == SHOWN).map(|last| last.id);
    let title = visitor.text("pictures.title");
    let main = html! {
        p.back { a href="/account" { (visitor.text("account.title")) } }
        h1 { (title) }
        form.stack method="post" action="/account/pictures" enctype="multipart/form-data" {
            (refusal(refused))
            div.field {
                label for="field-file" { (visitor.text("pictures.file")) }
                input id="field-file" name="file" type="file" required
                    accept="image/jpeg,image/png,image/webp" aria-describedby="field-file-hint";
                p.hint id="field-file-hint" { (visitor.text("pictures.hint")) }
            }
            button.button { (visitor.text("pictures.upload")) }
        }
        @if found.is_empty() { p.empty { (visitor.text("pictures.none")) } }
        ul.cards { @for row in &found { (card(visitor, row)) } }
        @if let Some(next) = next {
            p.more { a.button.quiet href={ "/account/pictures?after=" (next) } { (visitor.text("start.more")) } }
        }
    };
    Ok(layout::render(visitor, Page::new(title).main(main).notice(query.notice.as_deref())))
}

fn card(visitor: &Visitor, row: &ImageRow) -> Markup {
    let url = format!("/images/{}/800", row.id);
    html! {
        li.card {
            a href=(url) {
                img src={ "/images/" (row.id) "/320" } alt=(visitor.text("pictures.one")) loading="lazy";
            }
            p.fine { (format::time(visitor.language, row.created_at, visitor.site.zone)) }
            p.fine { (visitor.text("pictures.number")) " " code { (row.id) } }
            p.fine { (visitor.text("pictures.in_text")) " " code { "![](" (url) ")" } }
            form method="post" action={ "/account/pictures/" (row.id) "/delete" } {
                button.button.quiet { (visitor.text("comments.delete")) }
            }
        }
    }
}

async fn upload(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    if !is_from_our_pages(&request) {
        return Err(ApiError::of(ErrorCode::ForeignPage));
    }
    let caller = member(&visitor)?;
    let allowed = state.pictures.may_upload(caller, visitor.now).await;
    let file = file_of(&request, payload).await;
    allowed?;
    let kept = match file {
        Ok(file) => {
            let kept = state.pictures.upload(caller, file, visitor.now).await;
            kept.map(|_| ()).map_err(ApiError::from)
        }
        Err(failure) => Err(failure),
    };
    finish(&state, &visitor, kept, "picture_kept").await
}

async fn delete(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(image): Path<ImageId>,
    Form(_): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let gone = state.pictures.delete(caller, image).await.map_err(ApiError::from);
    finish(&state, &visitor, gone, "picture_deleted").await
}

/// Leads back to the pictures, or shows them with what was refused.
async fn finish(
    state: &AppState,
    visitor: &Visitor,
    done: Result<(), ApiError>,
    notice: &str,
) -> Result<HttpResponse, ApiError> {
    let failure = match done {
        Ok(()) => return Ok(see_other(&format!("/account/pictures?notice={notice}"))),
        Err(failure) if matches!(failure.code().status().as_u16(), 404 | 500..) => {
            return Err(failure);
        }
        Err(failure) => failure,
    };
    let said = match failure.code() {
        ErrorCode::WrongState => visitor.text("pictures.in_use").to_owned(),
        ErrorCode::PayloadTooLarge => visitor.text("pictures.too_large").to_owned(),
        _ => explain(visitor, &failure),
    };
    let mut page = show(state, visitor, &Query::default(), Some(&said)).await?;
    mark_refused(&mut page, failure.code());
    Ok(page)
}
