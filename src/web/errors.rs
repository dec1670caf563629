//! Failures as pages: what happened, in the visitor's language, and what to do next. The codes and
//! statuses are those of the API.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse};
use maud::html;

use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::middleware::rates::RefusalPage;
use crate::ids::OfferingId;
use crate::web::forms::{local_path, see_other};
use crate::web::layout::{self, Page};
use crate::web::policy;
pub(crate) use crate::web::refusals::explain;
use crate::web::visitor::Visitor;

/// Shows browsers the refusal of a request that reached no page.
pub(super) const PAGE_OF_REFUSAL: RefusalPage = RefusalPage(|request, failure| {
    wants_page(request).then(|| {
        let mut page = page(request, failure);
        policy::set(page.headers_mut());
        page
    })
});

/// Renders failures as pages for browsers, and adds the headers that all pages have.
pub(super) async fn as_pages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // No clone of the request may live across the call: the router changes it.
    let mut response = next.call(request).await?.map_into_boxed_body();
    if response.status().as_u16() == 405
        && matches!(*response.request().method(), Method::GET | Method::HEAD)
        && wants_page(response.request())
    {
        let page = page_of_form(response.request().path());
        if page != response.request().path() {
            response = response.into_response(see_other(&page));
        }
    }
    let failure = response.response().error().map(|error| {
        // Others are those of the framework: an address with a value that is not possible.
        error.as_error::<ApiError>().cloned().unwrap_or(ApiError::of(ErrorCode::BadRequest))
    });
    if let Some(failure) = failure.filter(|_| wants_page(response.request())) {
        let page = page(response.request(), &failure);
        response = response.into_response(page);
    }
    policy::set(response.headers_mut());
    Ok(response)
}

/// Returns the page to which the address of a form belongs. A form that was refused leaves its
/// address in the browser, and reloading it there must not lead nowhere.
fn page_of_form(path: &str) -> String {
    let mut segments = path.split('/').skip(1);
    let kept = match segments.clone().next() {
        Some("organiser") => 3,
        Some(
            "events" | "orders" | "door" | "terms" | "classes" | "enrollments" | "articles"
            | "chat",
        ) => 2,
        Some("checkout") => 3,
        Some("sign-in" | "register" | "forgot-password" | "claim" | "account") => 1,
        _ => 0,
    };
    let kept: Vec<&str> = segments.by_ref().take(kept).collect();
    format!("/{}", kept.join("/"))
}

/// Returns the event of a page from which a visitor goes on at the event's own page: what was to be
/// checked out there is gone.
fn event_of(path: &str) -> Option<OfferingId> {
    let mut segments = path.split('/').skip(1);
    let is_within = match segments.next()? {
        "checkout" => true,
        "events" => path.matches('/').count() > 2,
        _ => false,
    };
    segments.next()?.parse().ok().filter(|_| is_within)
}

/// True for requests of a browser's address line and forms; scripts and tools get JSON.
fn wants_page(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT);
    let accepts = accepted.and_then(|value| value.to_str().ok());
    accepts.is_some_and(|list| list.contains("text/html")) && !request.path().starts_with("/api/")
}

/// Answers a path that no route matches.
pub(super) async fn no_such_page() -> Result<HttpResponse, ApiError> {
    Err(ApiError::not_found("route"))
}

/// Returns the page of a failure; a visitor who has to sign in is led there and back.
fn page(request: &HttpRequest, failure: &ApiError) -> HttpResponse {
    let visitor = Visitor::of(request);
    let code = failure.code();
    if matches!(code, ErrorCode::Unauthorized | ErrorCode::TokenExpired)
        && request.method().is_safe()
    {
        let back = form_urlencoded::byte_serialize(visitor.here.as_bytes()).collect::<String>();
        return see_other(&format!("/sign-in?back={back}"));
    }
    let title = match code {
        ErrorCode::NotFound
        | ErrorCode::EventNotFound
        | ErrorCode::ClassNotFound
        | ErrorCode::EnrollmentNotFound => "error_page.not_found",
        ErrorCode::Forbidden => "error_page.forbidden",
        ErrorCode::Internal => "error_page.broken",
        _ if code.status().as_u16() == 503 => "error_page.busy",
        _ => "error_page.refused",
    };
    let back = page_of_form(request.path());
    let event = event_of(request.path()).filter(|_| code != ErrorCode::EventNotFound);
    let lacks_role = code == ErrorCode::Forbidden && visitor.has_account();
    let said = match lacks_role {
        true => visitor.text("error_page.no_role").to_owned(),
        false => explain(&visitor, failure),
    };
    let here = if request.method().is_safe() { local_path(&visitor.here) } else { &*back };
    let here: String = form_urlencoded::byte_serialize(here.as_bytes()).collect();
    let main = html! {
        section.notice-page {
            h1 { (visitor.text(title)) }
            p { (said) }
            p.actions {
                @if lacks_role {
                    a.button href={ "/sign-in?back=" (here) } { (visitor.text("error_page.other_account")) }
                }
                @match (event, request.method().is_safe()) {
                    (Some(event), _) => a.button href={ "/events/" (event) } {
                        (visitor.text("error_page.to_event"))
                    },
                    (None, true) if lacks_role => {}
                    (None, true) => a.button href=(local_path(&visitor.here)) {
                        (visitor.text("error_page.retry"))
                    },
                    (None, false) if back != "/" => a.button href=(back) {
                        (visitor.text("error_page.back"))
                    },
                    (None, false) => {}
                }
                a.button.quiet href="/" { (visitor.text("error_page.start")) }
            }
            p.fine { (visitor.text("error_page.code")) " " code { (code.as_str()) } }
        }
    };
    let page = Page::new(visitor.text(title)).main(main);
    let mut response = layout::render(&visitor, page);
    mark_refused(&mut response, code);
    if let Some(after) = failure.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after));
    }
    response
}
