//! Limits on requests: which one counts for a request, what its answer says about it, and the refusal of
//! a request beyond. It stands before everything that costs more.

pub mod table;

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use serde_json::json;

use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{client_address, sighted_caller};
use crate::http::state::AppState;
use crate::limits::{Class, Limits, Principal, Standing};
use crate::network;

/// The proof of work of a request that was refused before.
pub const ANSWER_HEADER: &str = "x-challenge-answer";
/// The same in the address of a form, which cannot set headers.
const ANSWER_FIELD: &str = "challengeAnswer";
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");
const REFUSED: &str = "admitone_requests_limited_total";
const REDEEMED: &str = "admitone_limit_challenges_total";
const ALONE: &str = "admitone_limits_alone";

/// How a page shows a refusal that came before any page was asked for; `None` for a request of a program.
#[derive(Clone, Copy)]
pub struct RefusalPage(pub fn(&HttpRequest, &ApiError) -> Option<HttpResponse>);

/// What the answer to a counted request says about the limit.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    class: Class,
    standing: Standing,
}

/// Describes the metrics to the recorder.
pub fn describe_metrics() {
    describe_counter!(REFUSED, "Requests beyond a limit, by its class.");
    describe_counter!(REDEEMED, "Proofs of work for requests beyond a limit, by outcome.");
    describe_gauge!(
        ALONE,
        "1 while limits are counted by this instance alone, since Redis is away."
    );
    gauge!(ALONE).set(0.0);
    for class in Class::COUNTED {
        counter!(REFUSED, "class" => class.as_str()).absolute(0);
    }
    for outcome in ["passed", "failed"] {
        counter!(REDEEMED, "outcome" => outcome).absolute(0);
    }
}

/// Sets whether this instance counts alone.
pub fn measure(limits: &Limits) {
    gauge!(ALONE).set(f64::from(u8::from(limits.is_cut_off())));
}

/// Counts a request whose route has this pattern. `None` if it is not counted.
///
/// # Errors
/// [`ErrorCode::TooManyRequests`], and what the refusal says about the limit.
pub async fn count(
    state: &AppState,
    request: &ServiceRequest,
    (class, pattern): (Class, Option<&str>),
) -> Result<Option<Counted>, (ApiError, Counted)> {
    if !state.config.rate_limits || class == Class::Free {
        return Ok(None);
    }
    let Some((together, mut of)) = principals(request.request(), (class, pattern)) else {
        return Ok(None);
    };
    let mut standing = state.limits.count(class, of).await;
    if let Some(wider) = together
        && standing.is_some_and(|standing| standing.is_within)
        && let Some(of_all) = state.limits.count(class, wider).await
        && !of_all.is_within
    {
        (of, standing) = (wider, Some(of_all));
    }
    let Some(standing) = standing else { return Ok(None) };
    let counted = Counted { class, standing };
    if standing.is_within {
        return Ok(Some(counted));
    }
    let network = match of {
        Principal::Network(network) => Some(network),
        Principal::Site(_) => client_address(request.request()).map(network::counted),
        Principal::Person(_) => None,
    };
    if let Some(network) = network
        && let Some(proof) = answer(request)
    {
        let redeemed = state.limits.redeem(class, network, &proof).await;
        let outcome = if redeemed.is_ok() { "passed" } else { "failed" };
        counter!(REDEEMED, "outcome" => outcome).increment(1);
        if let Ok(Some(standing)) = redeemed
            && standing.is_within
        {
            return Ok(Some(Counted { standing, ..counted }));
        }
    }
    counter!(REFUSED, "class" => class.as_str()).increment(1);
    Err((refusal(counted, network), counted))
}

/// Returns the one that a request is counted under, behind the wider one that it is counted under too, if
/// there is one; `None` for a request without an address.
fn principals(
    request: &HttpRequest,
    (class, pattern): (Class, Option<&str>),
) -> Option<(Option<Principal>, Principal)> {
    let network = || client_address(request).map(network::counted).map(Principal::Network);
    match sighted_caller(request).filter(|_| class.is_by_person()) {
        Some(caller) => {
            // A participation is an order in one request, and guests cost nothing. By its route: the
            // path of a request is not decoded here, and an encoded letter would make another of it.
            let is_participation = || {
                class == Class::General
                    && request.method() == Method::POST
                    && pattern.is_some_and(|pattern| pattern.ends_with("/participate"))
            };
            let is_bound = caller.guest && (class.bounds_guests() || is_participation());
            let together = if is_bound { network() } else { None };
            Some((together, Principal::Person(caller.user)))
        }
        None => {
            let site = || client_address(request).and_then(network::site).map(Principal::Site);
            let together = if class.bounds_sites() { site() } else { None };
            network().map(|network| (together, network))
        }
    }
}

fn refusal(counted: Counted, network: Option<IpAddr>) -> ApiError {
    let class = counted.class.as_str();
    let error = ApiError::of(ErrorCode::TooManyRequests)
        .with_retry_after(counted.standing.wait())
        .with_details(json!({ "class": class }));
    match network {
        Some(_) => error.with_detail("challenge", json!(challenge_path(counted.class))),
        None => error,
    }
}

/// Returns the path of the challenge for a request beyond the limit of this class.
#[must_use]
pub fn challenge_path(class: Class) -> String {
    format!("/api/challenge?class={}", class.as_str())
}

/// Returns the proof of work that a request shows: in its header, or in the address of a form.
fn answer(request: &ServiceRequest) -> Option<String> {
    if let Some(sent) = request.headers().get(ANSWER_HEADER) {
        return sent.to_str().ok().map(|text| text.trim().to_owned());
    }
    if request.path().starts_with("/api/") {
        return None;
    }
    let mut fields = form_urlencoded::parse(request.query_string().as_bytes());
    fields.find(|(name, _)| name == ANSWER_FIELD).map(|(_, value)| value.into_owned())
}

impl Counted {
    /// Adds the headers of draft-ietf-httpapi-ratelimit-headers. Answers of the sale itself go without
    /// them, since caches keep some and every byte of the others counts; their refusals have them.
    pub fn mark(self, headers: &mut HeaderMap, is_refused: bool) {
        if self.class == Class::Hot && !is_refused {
            return;
        }
        // All that may come at once, and the time after which all of it is there again.
        let (quota, window) = (self.standing.quota(), self.standing.window_s());
        let class = self.class.as_str();
        let (left, until) = (self.standing.remaining(), self.standing.seconds_to_full());
        let texts = [
            (POLICY, format!("\"{class}\";q={quota};w={window}")),
            (STANDING, format!("\"{class}\";r={left};t={until}")),
        ];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

/// Returns the answer to a refused request as a page, if it came from a browser's address line or a form.
#[must_use]
pub fn page(request: &ServiceRequest, error: &ApiError) -> Option<HttpResponse> {
    let RefusalPage(render) = request.app_data::<RefusalPage>()?;
    render(request.request(), error)
}
