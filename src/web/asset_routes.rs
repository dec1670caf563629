//! The routes of assets.

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::error::ApiError;
use crate::web::site::Site;

const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Adds the route of assets.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/assets/{build}/{file:.*}").get(serve))
        .service(web::resource("/favicon.ico").get(favicon))
        .service(web::resource("/sw.js").get(service_worker));
}

async fn serve(
    site: web::Data<Site>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (build, file) = path.into_inner();
    let asset = site.assets.get(&file).ok_or_else(|| ApiError::not_found("file"))?;
    // A page of another build may still be open while instances are replaced: it gets this build's
    // file, which must not be kept under the other's name.
    let cache = match build == site.assets.build() {
        true => FOREVER,
        false => HeaderValue::from_static("no-store"),
    };
    Ok(asset.answer(&request, cache))
}

async fn favicon(site: web::Data<Site>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let asset = site.assets.get("icon.svg").ok_or_else(|| ApiError::not_found("file"))?;
    Ok(asset.answer(&request, HeaderValue::from_static("public, max-age=86400")))
}

/// The service worker has a fixed path, because its scope is the folder that it is served from.
async fn service_worker(
    site: web::Data<Site>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let asset = site.assets.get("sw.js").ok_or_else(|| ApiError::not_found("file"))?;
    Ok(asset.answer(&request, HeaderValue::from_static("no-cache")))
}
