//! Pages that are the same for every visitor without cookies, kept for a moment: a crowd that waits
//! for a sale reloads one page, which is then made four times a second and not for each request.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::web::assets::accepts_gzip;
use crate::web::basket;
use crate::web::kept_pages::{Key, Rendered};
use crate::web::language::Language;
use crate::web::site::Site;

/// The largest page that is kept, in bytes.
const MAX_BYTES: usize = 256 * 1_024;

/// Answers with the kept page, or keeps the page that is made.
pub(super) async fn kept(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let site = request.app_data::<web::Data<Site>>().expect("the server sets the site").clone();
    let Some(key) = key(&request).filter(|_| site.kept_pages.is_on()) else {
        return next.call(request).await;
    };
    let clock = {
        let state = request.app_data::<web::Data<AppState>>();
        Arc::clone(&state.expect("the server sets its state").clock)
    };
    let now = clock.monotonic();
    if let Some(page) = site.kept_pages.find(&key, now) {
        let answer = page.answer(accepts_gzip(request.request()));
        return Ok(request.into_response(answer));
    }
    let (request, response) = next.call(request).await?.into_parts();
    let (head, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body)
            if head.status().as_u16() == 200
                && body.len() <= MAX_BYTES
                && is_for_everyone(head.headers()) =>
        {
            body
        }
        Ok(body) => return Ok(ServiceResponse::new(request, head.set_body(BoxBody::new(body)))),
        Err(body) => return Ok(ServiceResponse::new(request, head.set_body(body))),
    };
    let page = Rendered::new(head.headers(), body);
    site.kept_pages.keep(key, now, page.clone());
    let answer = page.answer(accepts_gzip(&request));
    Ok(ServiceResponse::new(request, answer))
}

/// The page that a request without a session asks for, if it is one that is kept: the start page or
/// an event's.
fn key(request: &ServiceRequest) -> Option<Key> {
    let path = request.path();
    let is_public = request.method() == Method::GET
        && !request.headers().contains_key(header::COOKIE)
        && request.query_string().is_empty()
        && (path == "/" || path.strip_prefix("/events/").is_some_and(is_event));
    is_public.then(|| Key { path: path.to_owned(), language: Language::of(request.request()) })
}

/// True if the answer sets no cookie but the one that lists events seen.
fn is_for_everyone(headers: &header::HeaderMap) -> bool {
    headers.get_all(header::SET_COOKIE).all(|cookie| {
        cookie.to_str().is_ok_and(|cookie| {
            cookie.strip_prefix(basket::COOKIE).is_some_and(|rest| rest.starts_with('='))
        })
    })
}

/// True for an id as links write it: other spellings would take the room of other pages.
fn is_event(id: &str) -> bool {
    id.parse::<OfferingId>().is_ok_and(|event| event.to_string() == id)
}
