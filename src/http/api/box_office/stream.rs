//! The stream of availability: a full frame first, then changes, at most ten frames a second. A
//! worker encodes each frame once for all its listeners; a listener that falls behind gets a full
//! frame again. A status change through time alone is a frame too.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use utoipa::ToSchema;

use crate::box_office::View;
use crate::http::api::box_office::availability::{
    CountsDto, counts, status_name, summary, version,
};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::Path;
use crate::http::middleware::connections::{Connection, Full};
use crate::http::respond::{fed_by, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, SeatId, Seq};
use crate::offerings::SaleStatus;
use crate::telemetry::metrics::Listener;

/// The least time between frames of one event.
const FRAME_EVERY: Duration = Duration::from_millis(100);
/// Interval of heartbeats on a quiet stream, without which proxies would close it.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Number of frames that a listener may be behind before it gets a full frame.
const BACKLOG: usize = 32;
/// Attempts to follow an event further after its box office has closed.
const FOLLOW_TRIES: u32 = 30;
/// Time after which a client should request a refused stream again.
const RETRY_STREAM: Duration = Duration::from_secs(10);
/// The most changed seats that are listed; beyond it, the client is asked to read the seat map.
const MAX_SEATS: usize = 2_000;

/// Adds the route of the stream, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/stream").get(follow));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] =
    &[("get", "/api/events/{event}/stream", &[ErrorCode::TooManyStreams])];

#[derive(Clone)]
struct Frame {
    bytes: Bytes,
    /// The journal row that the frame follows.
    after: Seq,
    /// The state after the frame.
    shown: Shown,
}

/// The state that a listener has been shown.
#[derive(Clone)]
struct Shown {
    view: Arc<View>,
    status: SaleStatus,
}

impl Shown {
    fn of(state: &AppState, view: &Arc<View>) -> Self {
        Self { view: Arc::clone(view), status: SaleStatus::of(view, state.clock.now_ms()) }
    }

    fn full(&self) -> Bytes {
        frame("availability", &self.view, &summary(&self.view, self.status.name))
    }

    /// Returns the bytes to send to a listener for a frame; `None` if the listener needs none.
    fn take_in(&mut self, frame: Frame) -> Option<Bytes> {
        let Frame { bytes, after, shown } = frame;
        let (seq, status) = (self.view.seq, self.status.name);
        // The listener's state already includes the frame, or time changed nothing in it.
        let is_known = after != seq || shown.status.name == status;
        if shown.view.seq < seq || (shown.view.seq == seq && is_known) {
            return None;
        }
        *self = shown;
        // The frame may begin before or after the listener's state, and a delta would then lose
        // changes.
        Some(if after == seq { bytes } else { self.full() })
    }

    /// Returns the time until the clock must be checked again.
    fn pause(&self, state: &AppState) -> Duration {
        let left = |until| u64::try_from(until - state.clock.now_ms()).unwrap_or_default();
        let left = self.status.until.map(|until| Duration::from_millis(left(until)));
        // Checked even if no change is expected, because clocks can be set.
        left.map_or(HEARTBEAT, |left| left.min(HEARTBEAT))
    }
}

/// The events with listeners on this worker.
#[derive(Clone, Default)]
pub(crate) struct Streams {
    by_event: Rc<RefCell<HashMap<OfferingId, broadcast::Sender<Frame>>>>,
}

/// The changes since the previous frame.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delta {
    /// The row of the frame that this one follows; a client whose last frame has another `seq` has
    /// missed a frame.
    previous_seq: u64,
    /// The last journal row in this frame.
    seq: u64,
    as_of: String,
    /// The status of the sale, as in the event itself. If it changed with time alone, `previousSeq`
    /// equals `seq`.
    #[schema(value_type = crate::http::openapi::forms::EventStatus)]
    status: &'static str,
    /// The products whose counts changed, with all their counts.
    products: Vec<CountsDto>,
    /// The seats whose status changed.
    seats: Vec<SeatDelta>,
    /// Whether too much changed to list it: read the seat map.
    resync: bool,
}

/// The new status of a seat.
#[derive(Serialize, ToSchema)]
pub struct SeatDelta {
    id: String,
    /// `AVAILABLE`, `HELD`, `SOLD` or `BLOCKED`.
    #[schema(value_type = crate::http::openapi::forms::SeatStatus)]
    status: &'static str,
}

/// Follow availability as server-sent events: first `availability` (all counts), then `delta`.
///
/// Each frame's id is `seq-hash`, as in the `ETag` of the seat map; a client that reconnects sends
/// the last one as `Last-Event-ID`. A frame is sent whenever a count, a seat or the `status`
/// changes; the status also changes when a sale window opens or closes. The data of `availability`
/// is that of `…/availability`, the data of `delta` has the schema `Delta`; at most ten frames are
/// sent per second.
#[utoipa::path(get, path = "/api/events/{event}/stream", tag = "events", security(()),
    params(("event" = OfferingId, Path), ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn follow(
    state: web::Data<AppState>,
    streams: web::Data<Streams>,
    request: HttpRequest,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let counted = connection.as_ref().map(|it| state.connections.begin_stream(it)).transpose()?;
    let mut frames = streams.subscribe(&state, event).await?;
    let mut shown = Shown::of(&state, &state.offices.view(event).await?);
    let last_id = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    // A client that reconnects with the current version still needs the current status of the sale.
    let first = match last_id == Some(&version(&shown.view)) {
        true => delta(&shown.view, &shown),
        false => shown.full(),
    };
    let listener = Listener::begin();
    let body = fed_by(move |tx| async move {
        let _counted = (listener, counted);
        if tx.send(Ok(first)).await.is_err() {
            return;
        }
        // A client that has closed its side has disconnected, or learns this way that the stream
        // ended.
        while !connection.as_ref().is_some_and(|it| it.is_half_closed()) {
            let bytes = tokio::select! {
                frame = frames.recv() => match frame {
                    Ok(frame) => match shown.take_in(frame) {
                        Some(bytes) => bytes,
                        None => continue,
                    },
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        let Ok(view) = state.offices.view(event).await else { return };
                        shown = Shown::of(&state, &view);
                        shown.full()
                    }
                    // The event cannot be followed anywhere: the client reconnects by itself.
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                () = tokio::time::sleep(HEARTBEAT) => Bytes::from_static(b": still here\n\n"),
                // An endless answer would keep the process from stopping.
                () = state.lifecycle.stopping() => return,
                // The client no longer reads.
                () = tx.closed() => return,
            };
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

impl From<Full> for ApiError {
    fn from(full: Full) -> Self {
        let message = match full {
            Full::All => "this server has as many streams as it takes: retry after Retry-After",
            Full::Address => {
                "this network address has as many streams as one may have: retry after Retry-After"
            }
        };
        Self::new(ErrorCode::TooManyStreams, message).with_retry_after(RETRY_STREAM)
    }
}

impl Streams {
    async fn subscribe(
        &self,
        state: &web::Data<AppState>,
        event: OfferingId,
    ) -> Result<broadcast::Receiver<Frame>, ApiError> {
        if let Some(sender) = self.by_event.borrow().get(&event) {
            return Ok(sender.subscribe());
        }
        let views = state.offices.watch(event).await?;
        let mut by_event = self.by_event.borrow_mut();
        // Another request may have subscribed while the offering woke.
        if let Some(sender) = by_event.get(&event) {
            return Ok(sender.subscribe());
        }
        let (sender, receiver) = broadcast::channel(BACKLOG);
        by_event.insert(event, sender.clone());
        let (streams, state) = (self.clone(), state.clone());
        actix_web::rt::spawn(async move {
            publish(&state, event, views, &sender).await;
            // Only if no other channel has taken the place meanwhile.
            let mut by_event = streams.by_event.borrow_mut();
            if by_event.get(&event).is_some_and(|other| other.same_channel(&sender)) {
                by_event.remove(&event);
            }
        });
        Ok(receiver)
    }
}

/// Turns views into frames until no listener is left, or the event can no longer be followed.
/// Listeners do not notice that its views may come from another instance than before.
async fn publish(
    state: &AppState,
    event: OfferingId,
    mut views: watch::Receiver<Arc<View>>,
    frames: &broadcast::Sender<Frame>,
) {
    let mut shown = Shown::of(state, &views.borrow_and_update());
    loop {
        tokio::select! {
            changed = views.changed() => if changed.is_err() {
                match follow_anew(state, event, frames).await {
                    Some(new) => views = new,
                    None => return,
                }
            },
            () = tokio::time::sleep(shown.pause(state)) => if frames.receiver_count() == 0 {
                return;
            },
        }
        let mut view = Arc::clone(&views.borrow_and_update());
        // The views of another instance may be a little behind.
        if view.seq < shown.view.seq {
            view = Arc::clone(&shown.view);
        }
        let now = Shown::of(state, &view);
        if (now.view.seq, now.status.name) == (shown.view.seq, shown.status.name) {
            shown = now;
            continue;
        }
        let (bytes, after) = (delta(&shown.view, &now), shown.view.seq);
        shown = now;
        if frames.send(Frame { bytes, after, shown: shown.clone() }).is_err() {
            return;
        }
        tokio::time::sleep(FRAME_EVERY).await;
    }
}

/// Returns the views of an event whose box office has closed, once they are available; `None` if
/// they do not become available.
async fn follow_anew(
    state: &AppState,
    event: OfferingId,
    frames: &broadcast::Sender<Frame>,
) -> Option<watch::Receiver<Arc<View>>> {
    for _ in 0..FOLLOW_TRIES {
        if frames.receiver_count() == 0 || state.lifecycle.is_stopping() {
            return None;
        }
        tokio::time::sleep(FRAME_EVERY).await;
        if let Ok(views) = state.offices.watch(event).await {
            return Some(views);
        }
    }
    None
}

fn delta(before: &View, shown: &Shown) -> Bytes {
    let after = &shown.view;
    let known = counts(before);
    let changed = counts(after).into_iter().filter(|product| !known.contains(product)).collect();
    let seats = changed_seats(before, after);
    let resync = seats.is_none();
    let delta = Delta {
        previous_seq: before.seq.0,
        seq: after.seq.0,
        as_of: rfc3339(after.as_of),
        status: shown.status.name,
        products: changed,
        seats: seats.unwrap_or_default(),
        resync,
    };
    frame("delta", after, &delta)
}

/// Returns the changed seats; `None` if there are too many, or if the map itself changed.
fn changed_seats(before: &View, after: &View) -> Option<Vec<SeatDelta>> {
    let mut changed = Vec::new();
    for (old, new) in before.sections.iter().zip(&after.sections) {
        if Arc::ptr_eq(old, new) {
            continue;
        }
        if old.rows.len() != new.rows.len() {
            return None;
        }
        for (old, new) in old.rows.iter().zip(&new.rows) {
            let pairs = old.seats.iter().zip(&new.seats);
            for (seat, (old, new)) in (new_ids(new.first_seat)).zip(pairs) {
                if old == new {
                    continue;
                }
                let status = status_name(*new)?;
                changed.push(SeatDelta { id: seat.to_public(after.offering), status });
                if changed.len() > MAX_SEATS {
                    return None;
                }
            }
        }
    }
    Some(changed)
}

fn new_ids(first: SeatId) -> impl Iterator<Item = SeatId> {
    (first.0..).map(SeatId)
}

fn frame(event: &str, view: &View, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("frames are plain data");
    Bytes::from(format!("event: {event}\nid: {}\ndata: {data}\n\n", version(view)))
}
