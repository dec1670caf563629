//! The line as server-sent events: `status` whenever what the customer is told has changed, at most
//! once a second.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use super::shown::render;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Access, Caller, Path};
use crate::http::middleware::connections::Connection;
use crate::http::respond::fed_by;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::QueuePlace;
use crate::telemetry::metrics::Listener;
use crate::waiting_room::RoomStatus;

/// The pause between two looks near the front.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause far from it.
const FAR_EVERY: Duration = Duration::from_secs(5);
/// Interval of heartbeats on a quiet stream, without which proxies would close it.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Adds the route below `/api/queue/{event}`.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/stream").get(follow));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "get",
    "/api/queue/{event}/stream",
    &[ErrorCode::NoQueue, ErrorCode::NotInQueue, ErrorCode::TooManyStreams],
)];

/// Follow one's own place as server-sent events.
///
/// The data of each `status` is that of `…/status`; it comes when the position, the pass or the
/// prospects have changed. A poll is the way back when the stream is refused: streams are bounded.
#[utoipa::path(get, path = "/api/queue/{event}/stream", tag = "queue", operation_id = "followQueue",
    params(("event" = OfferingId, Path)),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn follow(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let counted = connection.as_ref().map(|it| state.connections.begin_stream(it)).transpose()?;
    let caller = access.caller;
    let customer = caller.user;
    let following = state.waiting_rooms.follow(customer)?;
    let mut told = state.waiting_rooms.status(event, customer).await?;
    let first = frame(&state, caller, &told);
    let listener = Listener::begin();
    let body = fed_by(move |tx| async move {
        let _counted = (listener, counted, following);
        if tx.send(Ok(first)).await.is_err() {
            return;
        }
        let mut quiet = Duration::ZERO;
        let mut ended = pin!(state.accounts.until_ended(&access));
        while !connection.as_ref().is_some_and(|it| it.is_half_closed()) {
            let pause = match told.estimate.map(|estimate| estimate.low) {
                Some(60..) => FAR_EVERY,
                Some(_) | None => LOOK_EVERY,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The customer has logged out.
                () = &mut ended => return,
                // An endless answer would keep the process from stopping.
                () = state.lifecycle.stopping() => return,
                // The client no longer reads.
                () = tx.closed() => return,
            }
            quiet += pause;
            let bytes = match state.waiting_rooms.status(event, customer).await {
                Ok(status) if differs(&told, &status) => {
                    told = status;
                    frame(&state, caller, &told)
                }
                Ok(_) if quiet >= HEARTBEAT => Bytes::from_static(b": still here\n\n"),
                Ok(_) => continue,
                // The queue has ended, or cannot be read: the client asks again by itself.
                Err(_) => return,
            };
            quiet = Duration::ZERO;
            if tx.send(Ok(bytes)).await.is_err() {
                return;
            }
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body))
}

/// True if a customer should be told.
fn differs(told: &RoomStatus, now: &RoomStatus) -> bool {
    let is_inside = |status: &RoomStatus| matches!(status.entry.place, QueuePlace::Inside { .. });
    told.ahead != now.ahead
        || is_inside(told) != is_inside(now)
        || told.entry.place != now.entry.place
        || told.outlook != now.outlook
        || told.seen.progress.rules.paused != now.seen.progress.rules.paused
}

fn frame(state: &AppState, caller: Caller, status: &RoomStatus) -> Bytes {
    let dto = render(caller.user, status, state.clock.now_ms());
    let data = serde_json::to_string(&dto).expect("an answer holds only plain JSON types");
    Bytes::from(format!("event: status\ndata: {data}\n\n"))
}
