//! The gate of staff for pages: those of organisers and of the door, and pages of customers on which staff
//! may act for another. The gate itself, and its tables, are `http/staff.rs`.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse};

use crate::http::error::{ApiError, ErrorCode};
use crate::http::staff::{carry_out, enter, page_rule};
use crate::web::visitor::Visitor;

/// Where pages of customers end on which staff may act for another.
const SHARED: &[&str] = &["/cancel", "/refund", "/release", "/leave", "/answers"];

/// True for requests whose page may have a rule.
fn may_have_rule(request: &ServiceRequest) -> bool {
    let path = request.path();
    let is_below = |of: &&str| {
        path.strip_prefix(*of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let changes = !request.method().is_safe();
    // A path in another spelling is compared with all patterns.
    ["/organiser", "/door"].iter().any(is_below)
        || path.contains('%')
        || (changes && SHARED.iter().any(|end| path.ends_with(end)))
}

/// Lets requests for pages of staff through the gate.
pub(super) async fn gate(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if !may_have_rule(&request) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    // As the router reads it: percent-decoded.
    let pattern = request.resource_map().match_pattern(request.match_info().as_str());
    let rule = pattern.and_then(|pattern| page_rule(request.method().as_str(), &pattern));
    let Some(rule) = rule else {
        // A page without a rule refuses everyone: only the gate makes `Visitor::staff` succeed.
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let visitor = Visitor::of(request.request());
    let access = visitor.access.ok_or_else(|| ApiError::of(ErrorCode::Unauthorized));
    let act = match enter(&mut request, rule, access).await {
        Ok(act) => act,
        Err(error) => return Ok(refused(request.into_parts().0, error)),
    };
    let answered = match act {
        Some(act) => match carry_out(act, request, next).await {
            Ok(answered) => answered,
            Err(not_begun) => return Ok(refused(not_begun.request, not_begun.error)),
        },
        None => next.call(request).await,
    };
    Ok(answered?.map_into_boxed_body())
}

/// Answers with a failure, of which a page is made. An error would be answered without a page, and so would
/// be an answer that is made by `into_response`, which drops the failure.
fn refused(request: HttpRequest, error: ApiError) -> ServiceResponse<BoxBody> {
    ServiceResponse::new(request, HttpResponse::from_error(error))
}
