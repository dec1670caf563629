//! What instances tell each other about a room, and what its listeners are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use serde::{Deserialize, Serialize};

use crate::ids::{InstanceId, RoomId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{MessageRow, Store, StoreError};

/// A message as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenMessage {
    /// The message.
    pub row: MessageRow,
    /// `None` if the account is closed.
    pub author_name: Option<Arc<str>>,
}

/// A person in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ChatPerson {
    pub id: UserId,
    pub name: Arc<str>,
}

/// What an instance tells the others about a room. Instances ignore what they do not know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// Messages that are stored, in the order of their changes.
    Changes(Vec<SeenMessage>),
    Typing(ChatPerson),
    StopTyping(ChatPerson),
    Joined(ChatPerson),
    Left(ChatPerson),
    /// How many people have the room open at an instance; `asks` the others to say so too.
    Present {
        instance: InstanceId,
        people: u64,
        asks: bool,
    },
    /// A person was banned, or put out of a private room.
    Removed {
        user: UserId,
        until: Option<TimestampMs>,
        reason: Option<String>,
    },
    /// The room is closed.
    Closed,
}

/// The form in which it goes to the other instances, and comes back to the one that said it.
#[derive(Serialize, Deserialize)]
struct Sent<T> {
    from: InstanceId,
    said: T,
}

impl Said {
    pub(super) fn encode(&self, from: InstanceId) -> Bytes {
        let sent = Sent { from, said: self };
        Bytes::from(serde_json::to_vec(&sent).expect("plain JSON types alone"))
    }

    /// Returns what another instance than `me` has said.
    pub(super) fn decode(bytes: &[u8], me: InstanceId) -> Option<Self> {
        let sent: Sent<Self> = serde_json::from_slice(bytes).ok()?;
        (sent.from != me).then_some(sent.said)
    }
}

/// What listeners of a room are told. `Render` makes the frame of it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChatEvent<'a> {
    /// A new message.
    Message(&'a SeenMessage),
    /// A message that was edited or deleted.
    MessageChanged(&'a SeenMessage),
    Typing(RoomId, &'a ChatPerson),
    StopTyping(RoomId, &'a ChatPerson),
    UserJoined(RoomId, &'a ChatPerson),
    UserLeft(RoomId, &'a ChatPerson),
    /// How many people have the room open.
    Presence(RoomId, u64),
    /// The listener was put out of the room.
    Removed {
        room: RoomId,
        until: Option<TimestampMs>,
        reason: Option<&'a str>,
    },
    RoomClosed(RoomId),
}

/// Makes the frame of an event.
pub type Render = fn(&ChatEvent<'_>) -> ByteString;

/// Adds the names of authors.
pub(super) async fn named(
    store: &Store,
    rows: Vec<MessageRow>,
) -> Result<Vec<SeenMessage>, StoreError> {
    let authors: BTreeSet<_> = rows.iter().map(|row| row.author).collect();
    let people = store.people(authors).await?;
    let named = |row: MessageRow| {
        let name = people.get(&row.author).and_then(|person| person.name.as_deref());
        SeenMessage { author_name: name.map(Arc::from), row }
    };
    Ok(rows.into_iter().map(named).collect())
}
