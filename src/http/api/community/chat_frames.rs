//! The frames of the chat: what clients ask for, and what they are told.

use bytestring::ByteString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chat_messages::{self, ChatMessageDto};
use crate::community::chat::{ChatEvent, ChatPerson, Entered, SeenMessage};
use crate::http::dto;
use crate::http::error::ApiError;
use crate::ids::{MessageId, RoomId, UserId};

/// What a client asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(
    tag = "event",
    content = "data",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub(super) enum Asked {
    JoinRoom {
        room_id: RoomId,
        #[serde(default)]
        after: Option<u64>,
    },
    LeaveRoom {
        room_id: RoomId,
    },
    SendMessage {
        room_id: RoomId,
        content: String,
        #[serde(default)]
        nonce: Option<String>,
        #[serde(default)]
        reply_to_message_id: Option<MessageId>,
    },
    EditMessage {
        room_id: RoomId,
        message_id: MessageId,
        content: String,
    },
    DeleteMessage {
        room_id: RoomId,
        message_id: MessageId,
    },
    Typing {
        room_id: RoomId,
    },
    StopTyping {
        room_id: RoomId,
    },
    Read {
        room_id: RoomId,
        seq: u64,
    },
    #[serde(skip)]
    #[default]
    Nothing,
}

impl Asked {
    /// Returns the name of the event.
    pub(super) fn event(&self) -> &'static str {
        match self {
            Self::JoinRoom { .. } => "joinRoom",
            Self::LeaveRoom { .. } => "leaveRoom",
            Self::SendMessage { .. } => "sendMessage",
            Self::EditMessage { .. } => "editMessage",
            Self::DeleteMessage { .. } => "deleteMessage",
            Self::Typing { .. } => "typing",
            Self::StopTyping { .. } => "stopTyping",
            Self::Read { .. } => "read",
            Self::Nothing => "",
        }
    }

    fn room(&self) -> Option<RoomId> {
        match self {
            Self::JoinRoom { room_id, .. }
            | Self::LeaveRoom { room_id }
            | Self::SendMessage { room_id, .. }
            | Self::EditMessage { room_id, .. }
            | Self::DeleteMessage { room_id, .. }
            | Self::Typing { room_id }
            | Self::StopTyping { room_id }
            | Self::Read { room_id, .. } => Some(*room_id),
            Self::Nothing => None,
        }
    }

    fn nonce(&self) -> Option<&str> {
        match self {
            Self::SendMessage { nonce, .. } => nonce.as_deref(),
            _ => None,
        }
    }
}

/// A frame that is not understood: why, and its event if it names one.
pub(super) type Misunderstood = Box<(ApiError, Option<String>)>;

/// Parses a frame.
///
/// # Errors
/// [`Misunderstood`].
pub(super) fn parse(text: &str) -> Result<Asked, Misunderstood> {
    let wrong = |why: String, event| Box::new((ApiError::invalid("frame", why), event));
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let why = format!("is not JSON such as {{\"event\": …, \"data\": {{…}}}}: {error}");
        wrong(why, None)
    })?;
    let event = value["event"].as_str().map(str::to_owned);
    if !value.is_object() || !value["data"].is_object() {
        let why = "must be an object with `event`, a text, and `data`, an object";
        return Err(wrong(why.to_owned(), event));
    }
    let parsed = serde_json::from_value(value);
    parsed.map_err(|error| wrong(format!("is not understood: {error}"), event))
}

/// Returns a frame.
pub(super) fn frame(event: &str, data: &impl Serialize) -> ByteString {
    #[derive(Serialize)]
    struct Frame<'a, T> {
        event: &'a str,
        data: &'a T,
    }
    serde_json::to_string(&Frame { event, data }).expect("plain JSON types alone").into()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserDto<'a> {
    id: UserId,
    name: &'a str,
}

impl<'a> UserDto<'a> {
    fn of(person: &'a ChatPerson) -> Self {
        Self { id: person.id, name: &person.name }
    }
}

/// The first frame of a connection.
#[derive(Serialize)]
pub(super) struct Welcome<'a> {
    user: UserDto<'a>,
}

impl<'a> Welcome<'a> {
    pub(super) fn of(person: &'a ChatPerson) -> Self {
        Self { user: UserDto::of(person) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InRoom<'a> {
    room_id: RoomId,
    user: UserDto<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfRoom {
    room_id: RoomId,
}

/// Returns the frame for a client that has joined a room.
pub(super) fn joined(room_id: RoomId, entered: Entered, unread: u64) -> ByteString {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct JoinedRoom {
        room_id: RoomId,
        rev: u64,
        present: u64,
        unread: u64,
        has_missed: bool,
    }
    let Entered { rev, present, has_missed } = entered;
    frame("joinedRoom", &JoinedRoom { room_id, rev, present, unread, has_missed })
}

/// Returns the frame for a client that listens to a room no more.
pub(super) fn left(room_id: RoomId) -> ByteString {
    frame("leftRoom", &OfRoom { room_id })
}

/// Returns the frame of a message.
pub(super) fn message(seen: &SeenMessage) -> ByteString {
    frame("message", &chat_messages::render(seen))
}

/// Returns the frame of a failure.
pub(super) fn failure(error: &ApiError, event: Option<&str>, asked: &Asked) -> ByteString {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Failed<'a> {
        code: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<&'a Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        event: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        room_id: Option<RoomId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        nonce: Option<&'a str>,
    }
    let failed = Failed {
        code: error.code().as_str(),
        message: error.message(),
        details: error.details(),
        event,
        room_id: asked.room(),
        nonce: asked.nonce(),
    };
    frame("error", &failed)
}

/// Makes the frames of what happens in rooms.
pub(crate) fn render(event: &ChatEvent<'_>) -> ByteString {
    let in_room = |name, room_id: &RoomId, person| {
        frame(name, &InRoom { room_id: *room_id, user: UserDto::of(person) })
    };
    match event {
        ChatEvent::Message(seen) => message(seen),
        ChatEvent::MessageChanged(seen) => {
            let changed: ChatMessageDto = chat_messages::render(seen);
            frame("messageChanged", &changed)
        }
        ChatEvent::Typing(room, person) => in_room("typing", room, person),
        ChatEvent::StopTyping(room, person) => in_room("stopTyping", room, person),
        ChatEvent::UserJoined(room, person) => in_room("userJoined", room, person),
        ChatEvent::UserLeft(room, person) => in_room("userLeft", room, person),
        ChatEvent::Presence(room_id, count) => {
            #[derive(Serialize)]
            #[serde(rename_all = "camelCase")]
            struct Presence {
                room_id: RoomId,
                count: u64,
            }
            frame("presence", &Presence { room_id: *room_id, count: *count })
        }
        ChatEvent::Removed { room, until, reason } => {
            #[derive(Serialize)]
            #[serde(rename_all = "camelCase")]
            struct Removed<'a> {
                room_id: RoomId,
                /// Absent for one who has left.
                #[serde(skip_serializing_if = "Option::is_none")]
                reason: Option<&'a str>,
                #[serde(skip_serializing_if = "Option::is_none")]
                until: Option<String>,
            }
            let (reason, until) = (*reason, dto::time(*until));
            frame("leftRoom", &Removed { room_id: *room, reason, until })
        }
        ChatEvent::RoomClosed(room_id) => frame("roomClosed", &OfRoom { room_id: *room_id }),
    }
}
