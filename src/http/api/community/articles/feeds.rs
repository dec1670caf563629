//! `/feeds/articles.atom` and `/feeds/articles.rss`. They are documents of their own, not of the API.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::community::articles::FeedForm;
use crate::http::api::box_office::availability::Version;
use crate::http::error::ApiError;
use crate::http::state::AppState;

const ATOM: &str = "/feeds/articles.atom";
const RSS: &str = "/feeds/articles.rss";

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(ATOM).get(atom)).service(web::resource(RSS).get(rss));
}

async fn atom(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    answer(&state, &request, FeedForm::Atom, ATOM).await
}

async fn rss(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    answer(&state, &request, FeedForm::Rss, RSS).await
}

async fn answer(
    state: &AppState,
    request: &HttpRequest,
    form: FeedForm,
    own: &str,
) -> Result<HttpResponse, ApiError> {
    let base = state.config.public_url.clone().unwrap_or_else(|| asked_for(request));
    let feed = state.articles.feed(form, &base, own).await?;
    let version = Version::weak(&blake3::hash(&feed).to_hex()[..16]);
    if version.is_known(request) {
        return Ok(version.not_modified());
    }
    let content_type = match form {
        FeedForm::Atom => "application/atom+xml; charset=utf-8",
        FeedForm::Rss => "application/rss+xml; charset=utf-8",
    };
    Ok(version.mark(HttpResponse::Ok().content_type(content_type).body(feed)))
}

/// Returns the address under which the reader knows the server, where it has no public one.
fn asked_for(request: &HttpRequest) -> String {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}
