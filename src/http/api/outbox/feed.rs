//! `/api/events/{event}/feed` and `/api/mclasses/{class}/feed`: the messages of an event or a class in
//! their order, from any of them on, as lines of JSON or as server-sent events. They are read from the
//! journal, and so none is missing.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::error::InternalError;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Deserialize;

use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Access, Path, Query, Staff};
use crate::http::middleware::connections::Connection;
use crate::http::respond::fed_by;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::journal::LoadError;
use crate::journal::messages::Position;
use crate::outbox::{self, FeedError, FeedPage};
use crate::roles::Permission;

/// Messages read at a time.
const PAGE: usize = 200;
/// How often an open stream looks for new messages.
const EVERY: Duration = Duration::from_millis(500);
/// Looks in vain after which an open stream sends a heartbeat.
const HEARTBEAT_AFTER: u32 = 30;

/// What the gate has checked before, by the table of routes of staff. An open answer checks it again
/// before each read: a role may be taken away meanwhile.
const NEEDED: Permission = Permission::ReadOrders;

/// Adds the route, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/feed").get(feed));
}

/// Adds the route of classes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/mclasses/{class}/feed").get(of_class));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/events/{event}/feed", OF_FEEDS),
    ("get", "/api/mclasses/{class}/feed", OF_FEEDS),
];

const OF_FEEDS: &[ErrorCode] =
    &[ErrorCode::FeedArchived, ErrorCode::TooManyStreams, ErrorCode::Forbidden];

/// Where a reader begins, and how much it wants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedQuery {
    after: Option<String>,
    limit: Option<u32>,
}

impl From<FeedError> for ApiError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::NoSuchMessage => Self::new(
                ErrorCode::NotFound,
                "no message here has this cursor: begin with 0, or with the last cursor \
                 that you have",
            ),
            FeedError::Archived(seq) => Self::new(
                ErrorCode::FeedArchived,
                format!("the rows up to {seq} were moved to files: begin with a later message"),
            ),
            FeedError::Journal(LoadError::NotFound) => Self::of(ErrorCode::EventNotFound),
            FeedError::Journal(error @ LoadError::Unavailable(_)) => Self::unavailable(error),
            FeedError::Journal(error) => Self::internal(error),
            FeedError::Store(error) => error.into(),
        }
    }
}

/// Read the messages of an event in their order.
///
/// One line of JSON for each message, from the one after the cursor `after` to the last; without
/// `after`, or with `0`, from the first. Each message names its `cursor` and, as `previous`, that of
/// the message before it: a reader whose last cursor equals `previous` has missed nothing. A line
/// for each of at most `limit` messages; without `limit`, of all. With `Accept: text/event-stream`
/// the answer stays open and new messages follow; a client that reconnects sends the last id as
/// `Last-Event-ID`. No message holds names or addresses.
#[utoipa::path(get, path = "/api/events/{event}/feed", tag = "events",
    params(("event" = OfferingId, Path), ("after" = Option<String>, Query),
        ("limit" = Option<u32>, Query, description = "The most messages to answer with.",
            minimum = 1), ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "application/x-ndjson", body = String)))]
pub(crate) async fn feed(
    state: web::Data<AppState>,
    request: HttpRequest,
    _: Staff,
    access: Access,
    Path(event): Path<OfferingId>,
    Query(query): Query<FeedQuery>,
) -> Result<HttpResponse, ApiError> {
    answer(state, (&request, access), event, query).await
}

/// Read the messages of a class in their order.
///
/// As the feed of an event, with the same query and the same forms: one line of JSON for each message,
/// or server-sent events that stay open.
#[utoipa::path(get, path = "/api/mclasses/{class}/feed", tag = "classes",
    params(("class" = OfferingId, Path), ("after" = Option<String>, Query),
        ("limit" = Option<u32>, Query, description = "The most messages to answer with.",
            minimum = 1), ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "application/x-ndjson", body = String)))]
pub(crate) async fn of_class(
    state: web::Data<AppState>,
    request: HttpRequest,
    _: Staff,
    access: Access,
    Path(class): Path<OfferingId>,
    Query(query): Query<FeedQuery>,
) -> Result<HttpResponse, ApiError> {
    // A class that was deleted has its feed still.
    state.classes.class(class).await?;
    answer(state, (&request, access), class, query).await
}

async fn answer(
    state: web::Data<AppState>,
    (request, access): (&HttpRequest, Access),
    event: OfferingId,
    query: FeedQuery,
) -> Result<HttpResponse, ApiError> {
    let of_header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let follows = of_header("accept").is_some_and(|accept| accept.contains("text/event-stream"));
    let after = query.after.as_deref().or_else(|| of_header("last-event-id").filter(|_| follows));
    let Some(after) = Position::from_cursor(after.unwrap_or("0")) else {
        return Err(ApiError::invalid("after", "must be 0 or the cursor of a message"));
    };
    if query.limit == Some(0) {
        return Err(ApiError::invalid("limit", "must be at least 1"));
    }
    let left = query.limit.map_or(usize::MAX, |limit| limit as usize);
    let first = outbox::read_feed(&state.store, event, after, PAGE.min(left)).await?;
    if follows {
        return follow(state, (request, access), event, first);
    }
    let body = fed_by(move |tx| async move {
        let (mut page, mut left) = (first, left);
        loop {
            page.messages.truncate(left);
            left -= page.messages.len();
            let lines = page.messages.iter().map(|(_, line)| format!("{line}\n"));
            if tx.send(Ok(Bytes::from(lines.collect::<String>()))).await.is_err() {
                return;
            }
            if page.is_end || left == 0 {
                return;
            }
            let next = match state.accounts.may_go_on(&access, NEEDED, event) {
                true => outbox::read_feed(&state.store, event, page.last, PAGE.min(left))
                    .await
                    .map_err(|error| error.to_string()),
                false => Err("the caller may not read it any more".to_owned()),
            };
            page = match next {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%event, error, "a feed broke off");
                    let broken = InternalError::new(error, Default::default());
                    let _ = tx.send(Err(broken.into())).await;
                    return;
                }
            };
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(body))
}

/// Answers with a stream that stays open.
fn follow(
    state: web::Data<AppState>,
    (request, access): (&HttpRequest, Access),
    event: OfferingId,
    first: FeedPage,
) -> Result<HttpResponse, ApiError> {
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let counted = connection.as_ref().map(|it| state.connections.begin_stream(it)).transpose()?;
    let body = fed_by(move |tx| async move {
        let _counted = counted;
        let (mut page, mut in_vain) = (first, 0);
        let mut ended = pin!(state.accounts.until_ended(&access));
        while !connection.as_ref().is_some_and(|it| it.is_half_closed()) {
            let frames = page.messages.iter().map(|(position, line)| {
                format!("id: {}\nevent: message\ndata: {line}\n\n", position.to_cursor())
            });
            let mut bytes = frames.collect::<String>();
            in_vain = if bytes.is_empty() { in_vain + 1 } else { 0 };
            if in_vain == HEARTBEAT_AFTER {
                (in_vain, bytes) = (0, ": still here\n\n".to_owned());
            }
            if !bytes.is_empty() && tx.send(Ok(Bytes::from(bytes))).await.is_err() {
                return;
            }
            if page.is_end {
                tokio::select! {
                    () = tokio::time::sleep(EVERY) => {}
                    () = &mut ended => return,
                    () = state.lifecycle.stopping() => return,
                    () = tx.closed() => return,
                }
            }
            if !state.accounts.may_go_on(&access, NEEDED, event) {
                return;
            }
            // The client reconnects with the last id that it has.
            let Ok(next) = outbox::read_feed(&state.store, event, page.last, PAGE).await else {
                return;
            };
            page = next;
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(body))
}
