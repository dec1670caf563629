//! The pictures that people uploaded, as browsers load them. They never change.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::ImageId;

/// A picture can be opened as a page: then it may load and run nothing.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/images/{image}/{width}").get(serve));
}

async fn serve(
    state: web::Data<AppState>,
    request: HttpRequest,
    Path((image, width)): Path<(ImageId, u32)>,
) -> Result<HttpResponse, ApiError> {
    let version = format!("\"{image}-{width}\"");
    let known = request.headers().get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == version.as_bytes()) {
        return Ok(HttpResponse::NotModified().finish());
    }
    let (bytes, content_type) = state.pictures.bytes(image, width).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header((header::CACHE_CONTROL, FOREVER))
        .insert_header((header::ETAG, version))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(bytes))
}
