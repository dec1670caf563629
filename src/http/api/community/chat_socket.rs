//! The chat over a WebSocket: frames are JSON, `{"event": …, "data": {…}}`, in both directions. A frame
//! that is not understood is answered with `error` and changes nothing; one that breaks the protocol ends
//! the connection. `docs/asyncapi.yaml` describes all frames.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, ProtocolError, Session};
use bytestring::ByteString;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::chat_frames::{Asked, failure, frame, parse};
use super::chat_messages::may_send;
use crate::caller::Caller as Person;
use crate::community::chat::{ChatConnection, Frames, MessageDraft};
use crate::community::metrics;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Access, is_from_our_pages};
use crate::http::middleware::connections::Connection;
use crate::http::state::AppState;
use crate::ids::RoomId;
use crate::telemetry::metrics::Listener;

/// The largest frame in bytes: a message of 2,000 characters, each as two escapes of JSON, and the rest.
const MAX_FRAME: usize = 32 * 1_024;
/// The largest frame that is read at all. A connection that is closed over unread bytes hears no reason.
const MAX_READ: usize = 64 * 1_024;
/// Interval of pings, and the silence after which a client counts as gone.
const PING_EVERY: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(40);
/// Time for what still waits when a connection ends.
const ENDING: Duration = Duration::from_secs(5);
/// Rooms that one connection listens to.
const MAX_ROOMS: usize = 50;
/// Frames that a client may send in [`FLOOD_WINDOW`]; one that sends more is closed.
const MAX_FRAMES: u32 = 100;
/// The time that they are counted in.
const FLOOD_WINDOW: Duration = Duration::from_secs(5);

/// Adds the route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/chat/socket").get(open));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "get",
    "/api/chat/socket",
    &[
        ErrorCode::AccountRequired,
        ErrorCode::ForeignPage,
        ErrorCode::TooManyStreams,
        ErrorCode::BadRequest,
    ],
)];

/// Open the chat: a WebSocket.
///
/// Frames are described by `/api-docs/asyncapi.json`. The socket is authenticated as any request is, by the
/// header `Authorization` or, from a page of this server, by its cookie; it ends with the session.
#[utoipa::path(get, path = "/api/chat/socket", tag = "chat", operation_id = "openChat",
    responses((status = 101, description = "The protocol changes to WebSocket")))]
pub(crate) async fn open(
    state: web::Data<AppState>,
    access: Access,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let by_header = request.headers().contains_key(actix_web::http::header::AUTHORIZATION);
    // A browser sends the cookie whichever page opens the socket.
    if !by_header && !is_from_our_pages(&request) {
        return Err(ApiError::of(ErrorCode::ForeignPage));
    }
    let person = state.chat.person(access.caller).await?;
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let counted = connection.as_ref().map(|it| state.connections.begin_stream(it)).transpose()?;
    let (response, session, frames) = actix_ws::handle(&request, payload).map_err(|error| {
        ApiError::new(ErrorCode::BadRequest, format!("this opens a WebSocket: {error}"))
    })?;
    if let Some(connection) = &connection {
        connection.become_socket();
    }
    let frames =
        frames.max_frame_size(MAX_READ).aggregate_continuations().max_continuation_size(MAX_READ);
    let (listening, waiting, overflow) = state.chat.connect(person);
    let socket = Socket {
        state,
        access,
        listening: Arc::new(listening),
        session,
        frames_left: MAX_FRAMES,
        frames_since: Instant::now(),
        connection,
    };
    actix_web::rt::spawn(async move {
        let _counted = (Listener::begin(), counted);
        socket.run(frames, waiting, overflow).await;
    });
    Ok(response)
}

/// What a client is told that sends too many frames.
const FLOOD: &str = "too many frames";

/// Why a connection ends, as the client is told.
enum End {
    /// The client has closed it, or is gone.
    Gone,
    /// With a code and a reason.
    Close(CloseCode, &'static str),
}

struct Socket {
    state: web::Data<AppState>,
    access: Access,
    listening: Arc<ChatConnection>,
    session: Session,
    /// Frames that the client may still send in this window.
    frames_left: u32,
    frames_since: Instant,
    connection: Option<Arc<Connection>>,
}

impl Socket {
    async fn run(
        mut self,
        mut frames: actix_ws::AggregatedMessageStream,
        mut waiting: tokio::sync::mpsc::Receiver<Frames>,
        overflow: Arc<crate::community::chat::Overflow>,
    ) {
        let state = self.state.clone();
        let access = self.access;
        let mut ended = pin!(state.accounts.until_ended(&access));
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let hello = frame("welcome", &super::chat_frames::Welcome::of(&self.listening.person));
        let mut end = self.send(&[hello]).await.err();
        while end.is_none() {
            end = tokio::select! {
                // Polled in this order: a client that floods hears of the end all the same.
                biased;
                () = &mut ended => Some(End::Close(CloseCode::Policy, "the session has ended")),
                () = state.lifecycle.stopping() => {
                    Some(End::Close(CloseCode::Restart, "the server stops: connect again"))
                }
                () = overflow.happens() => Some(End::Close(CloseCode::Again, "too slow")),
                some = waiting.recv() => match some {
                    Some(some) => tokio::select! {
                        sent = self.send(&some) => sent.err(),
                        () = overflow.happens() => Some(End::Close(CloseCode::Again, "too slow")),
                    },
                    None => Some(End::Gone),
                },
                came = frames.recv() => {
                    heard = Instant::now();
                    let taken = self.take(came).await;
                    if let Some(connection) = &self.connection {
                        connection.hear();
                    }
                    taken.err()
                }
                _ = ping.tick() => match heard.elapsed() > SILENCE {
                    true => Some(End::Gone),
                    false => self.session.ping(b"").await.is_err().then_some(End::Gone),
                },
            };
        }
        for room in self.listening.rooms.take() {
            state.chat.quit(&self.listening, room).await;
        }
        if let Some(End::Close(code, reason)) = end {
            if let Some(reason) = counted_as(&code, reason) {
                metrics::ended(reason);
            }
            let _ = timeout(ENDING, self.close(code, reason)).await;
        }
    }

    async fn close(mut self, code: CloseCode, reason: &'static str) {
        if code == CloseCode::Again {
            let told = ApiError::new(ErrorCode::TooSlow, "frames wait that were not read in time");
            let _ = self.send(&[failure(&told, None, &Asked::default())]).await;
        }
        let reason = CloseReason { code, description: Some(reason.to_owned()) };
        let _ = self.session.close(Some(reason)).await;
    }

    async fn send(&mut self, frames: &[ByteString]) -> Result<(), End> {
        for frame in frames {
            self.session.text(frame.clone()).await.map_err(|_| End::Gone)?;
        }
        Ok(())
    }

    /// Takes what came from the client.
    async fn take(
        &mut self,
        came: Option<Result<AggregatedMessage, ProtocolError>>,
    ) -> Result<(), End> {
        match came {
            Some(Ok(AggregatedMessage::Text(text))) if text.len() > MAX_FRAME => {
                Err(End::Close(CloseCode::Size, "a frame has at most 32 KiB"))
            }
            Some(Ok(AggregatedMessage::Text(text))) => {
                self.count_frame()?;
                let answers = self.hear(&text).await;
                self.send(&answers).await
            }
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                self.count_frame()?;
                self.session.pong(&bytes).await.map_err(|_| End::Gone)
            }
            Some(Ok(AggregatedMessage::Pong(_))) => Ok(()),
            Some(Ok(AggregatedMessage::Binary(_))) => {
                Err(End::Close(CloseCode::Unsupported, "frames are text"))
            }
            Some(Ok(AggregatedMessage::Close(_))) => Err(End::Close(CloseCode::Normal, "")),
            Some(Err(ProtocolError::Overflow)) => {
                Err(End::Close(CloseCode::Size, "a frame has at most 32 KiB"))
            }
            Some(Err(ProtocolError::Io(error)))
                if error.kind() == std::io::ErrorKind::InvalidData =>
            {
                Err(End::Close(CloseCode::Invalid, "text is UTF-8"))
            }
            Some(Err(_)) => Err(End::Close(CloseCode::Protocol, "not a frame of WebSocket")),
            None => Err(End::Gone),
        }
    }

    /// Counts a frame of the client.
    fn count_frame(&mut self) -> Result<(), End> {
        if self.frames_since.elapsed() > FLOOD_WINDOW {
            (self.frames_left, self.frames_since) = (MAX_FRAMES, Instant::now());
        }
        match self.frames_left.checked_sub(1) {
            Some(left) => {
                self.frames_left = left;
                Ok(())
            }
            None if !self.state.config.rate_limits => Ok(()),
            None => Err(End::Close(CloseCode::Policy, FLOOD)),
        }
    }

    /// Listens to a room no more.
    async fn leave(&self, room: RoomId) {
        self.listening.rooms.remove(room);
        self.state.chat.quit(&self.listening, room).await;
    }

    /// Does what a frame asks for. Returns the frames that answer it.
    async fn hear(&mut self, text: &str) -> Vec<ByteString> {
        let asked = match parse(text) {
            Ok(asked) => asked,
            Err(misunderstood) => {
                let (error, event) = *misunderstood;
                return vec![failure(&error, event.as_deref(), &Asked::default())];
            }
        };
        match self.carry_out(&asked).await {
            Ok(answer) => answer.into_iter().collect(),
            Err(error) => vec![failure(&error, Some(asked.event()), &asked)],
        }
    }

    async fn carry_out(&mut self, asked: &Asked) -> Result<Option<ByteString>, ApiError> {
        let (state, listening) = (self.state.clone(), Arc::clone(&self.listening));
        let now = state.clock.now_ms();
        let caller = Person::account(listening.person.id, crate::accounts::Role::User);
        // Connections to the database belong to the runtime that does all of its work.
        let runtime = state.runtime.clone();
        let done: Result<Option<ByteString>, ApiError> = match asked.clone() {
            Asked::JoinRoom { room_id, after } => {
                let was_here = listening.rooms.has(room_id);
                if !listening.rooms.add(room_id, MAX_ROOMS) {
                    return Err(ApiError::invalid(
                        "roomId",
                        "is one room too many: leave another first",
                    ));
                }
                let entering = async move {
                    let _turn = state.chat.turn().await;
                    let entered = state.chat.enter(&listening, room_id, after, now).await?;
                    let unread = state.chat.room(caller, room_id, now).await?.unread;
                    Ok(Some(super::chat_frames::joined(room_id, entered, unread)))
                };
                let entered = on(&runtime, entering).await;
                if entered.is_err() && !was_here {
                    self.leave(room_id).await;
                }
                entered
            }
            Asked::LeaveRoom { room_id } => {
                self.leave(room_id).await;
                Ok(Some(super::chat_frames::left(room_id)))
            }
            Asked::SendMessage { room_id, content, nonce, reply_to_message_id } => {
                let draft = MessageDraft { content, nonce, reply_to: reply_to_message_id };
                let is_here = listening.rooms.has(room_id);
                let sending = async move {
                    may_send(&state, caller, room_id).await?;
                    let (seen, is_repeated) =
                        state.chat.send(&listening.person, room_id, draft, now).await?;
                    // One who listens gets a new message as everyone does.
                    Ok((is_repeated || !is_here).then(|| super::chat_frames::message(&seen)))
                };
                on(&runtime, sending).await
            }
            Asked::EditMessage { room_id, message_id, content } => {
                let editing = async move {
                    may_send(&state, caller, room_id).await?;
                    let of = (room_id, message_id);
                    state.chat.edit(&listening.person, of, &content, now).await?;
                    Ok(None)
                };
                on(&runtime, editing).await
            }
            Asked::DeleteMessage { room_id, message_id } => {
                let deleting = async move {
                    let of = (room_id, message_id);
                    let is_staff = state.moderation.is_moderator(caller);
                    state.chat.delete(&listening.person, of, is_staff, now).await?;
                    Ok(None)
                };
                on(&runtime, deleting).await
            }
            Asked::Typing { room_id } | Asked::StopTyping { room_id } => {
                let types = matches!(asked, Asked::Typing { .. });
                state.chat.typing(&listening, room_id, types);
                Ok(None)
            }
            Asked::Read { room_id, seq } => {
                let reading = async move {
                    let _turn = state.chat.turn().await;
                    state.chat.read(caller, room_id, seq, now).await?;
                    Ok(None)
                };
                on(&runtime, reading).await
            }
            Asked::Nothing => Ok(None),
        };
        done
    }
}

/// Runs work on the runtime of the database.
async fn on<T: Send + 'static>(
    runtime: &tokio::runtime::Handle,
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    match runtime.spawn(work).await {
        Ok(done) => done,
        Err(error) => Err(ApiError::internal(error)),
    }
}

/// Returns the reason for which metrics count an end, if an operator can do something about it.
fn counted_as(code: &CloseCode, reason: &str) -> Option<&'static str> {
    match code {
        CloseCode::Again => Some("slow"),
        CloseCode::Policy if reason == FLOOD => Some("flood"),
        CloseCode::Policy => Some("session"),
        _ => None,
    }
}
