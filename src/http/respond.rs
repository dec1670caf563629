//! The envelope of every successful answer, and the forms of times and money in it.

use actix_web::http::header::{self, HeaderName, HeaderValue};
use std::cell::RefCell;

use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::inventory::TimestampMs;
use crate::trace;

/// `{"success":true,"data":…}`, with `meta` on pages.
#[derive(Serialize)]
struct Envelope<'a, T: Serialize> {
    success: bool,
    data: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<PageMeta>,
}

/// `{"success":true,"message":…}`, for answers without data.
#[derive(Serialize)]
struct Done {
    success: bool,
    message: &'static str,
}

/// The position of the next page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    next_cursor: Option<String>,
}

/// Answers 200 with `data`.
pub fn ok<T: Serialize>(data: &T) -> HttpResponse {
    with_status(StatusCode::OK, data)
}

/// Answers 200 without data; `message` describes the result for people.
pub fn done(message: &'static str) -> HttpResponse {
    HttpResponse::Ok().json(Done { success: true, message })
}

/// Answers 202 without data: what was asked for happens later, if at all.
pub fn accepted(message: &'static str) -> HttpResponse {
    HttpResponse::Accepted().json(Done { success: true, message })
}

/// Answers 202 with `data`: the work goes on.
pub fn accepted_with<T: Serialize>(data: &T) -> HttpResponse {
    with_status(StatusCode::ACCEPTED, data)
}

/// Answers 201 with `data`.
pub fn created<T: Serialize>(data: &T) -> HttpResponse {
    with_status(StatusCode::CREATED, data)
}

/// Answers 200 with `data` and a sentence for the user of the client.
pub fn said<T: Serialize>(data: &T, message: &str) -> HttpResponse {
    let message = Some(message);
    HttpResponse::Ok().json(Envelope { success: true, data, message, meta: None })
}

/// Answers another status, such as 202, with `data`.
pub fn with_status<T: Serialize>(status: StatusCode, data: &T) -> HttpResponse {
    HttpResponse::build(status).json(Envelope { success: true, data, message: None, meta: None })
}

/// Answers 200 with one page of a list and the cursor of the next, `null` on the last page.
pub fn page<T: Serialize>(items: &[T], next_cursor: Option<String>) -> HttpResponse {
    let meta = Some(PageMeta { next_cursor });
    HttpResponse::Ok().json(Envelope { success: true, data: &items, message: None, meta })
}

/// Sets `Location` to the path of the created resource.
pub fn locate(response: &mut HttpResponse, path: &str) {
    if let Ok(value) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, value);
    }
}

/// Marks an answer as the replay of the answer to an earlier attempt.
pub fn mark_replayed(response: &mut HttpResponse, replayed: bool) {
    if replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
}

/// Returns a body that a task of this worker feeds, a few pieces ahead of the connection. The
/// task's sends fail once the connection has closed. An error cuts the answer off without a proper
/// end.
pub fn fed_by<F, T>(feed: F) -> impl futures_util::Stream<Item = Result<Bytes, Error>>
where
    F: FnOnce(mpsc::Sender<Result<Bytes, Error>>) -> T,
    T: Future<Output = ()> + 'static,
{
    const AHEAD: usize = 4;
    let (tx, mut rx) = mpsc::channel(AHEAD);
    actix_web::rt::spawn(trace::within(trace::current(), feed(tx)));
    futures_util::stream::poll_fn(move |cx| rx.poll_recv(cx))
}

/// The range of RFC 3339: the years 0 to 9999. A time outside it, such as the end of an event that
/// begins on the last day of it, is shown as the nearest instant.
const FIRST_MS: TimestampMs = -62_167_219_200_000;
const LAST_MS: TimestampMs = 253_402_300_799_999;

/// Number of seconds whose text is cached. A prime number, because times that are shown together
/// are often whole minutes apart.
const SECONDS: usize = 11;

thread_local! {
    /// Calendar computations are slow, and most times that are shown within one second share that
    /// second.
    static SHOWN: RefCell<[(i64, String); SECONDS]> = RefCell::default();
}

/// Renders a time in the API's form: `2026-01-02T03:04:05.678Z`.
#[must_use]
pub fn rfc3339(at: TimestampMs) -> String {
    let at = at.clamp(FIRST_MS, LAST_MS);
    let (second, millis) = (at.div_euclid(1_000), at.rem_euclid(1_000));
    let slot = usize::try_from(second.rem_euclid(11)).unwrap_or_default();
    SHOWN.with_borrow_mut(|shown| {
        let (of, text) = &mut shown[slot];
        if *of != second || text.is_empty() {
            let time = DateTime::<Utc>::from_timestamp(second, 0).unwrap_or_default();
            let whole = time.to_rfc3339_opts(SecondsFormat::Secs, false);
            (*of, *text) = (second, whole.trim_end_matches("+00:00").to_owned());
        }
        format!("{text}.{millis:03}Z")
    })
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(rfc3339(1_767_322_845_678), "2026-01-02T03:00:45.678Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(i64::MIN), "0000-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_time_is_shown_the_same_whatever_was_shown_before() {
        let seconds = (0..40).chain([3, 14, 25]).map(|n| n * 7_000 + n);
        for at in seconds {
            let expected = chrono::DateTime::from_timestamp_millis(at).unwrap();
            assert_eq!(rfc3339(at), expected.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
        }
    }
}
