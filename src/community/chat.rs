//! Chat: rooms, and messages that are stored before anyone is told of them. Listeners get each change of
//! a room once, in order, from any instance; a client that comes back asks for what followed the last
//! change that it saw.

mod error;
mod hub;
mod live;
mod open_rooms;
mod outbox;
mod presence;
mod rooms;
mod said;
mod writer;

pub use error::ChatError;
pub use live::Entered;
pub use open_rooms::OpenRooms;
pub use outbox::{Frames, Outbox, Overflow};
pub use rooms::{MAX_DESCRIPTION, MAX_NAME, RoomDraft};
pub use said::{ChatEvent, ChatPerson, Render, SeenMessage};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{Semaphore, SemaphorePermit};

use error::account;
use hub::Hub;
use live::NewListener;
use said::named;
use writer::Writer;

use crate::caller::Caller;
use crate::cluster::pubsub::PubSub;
use crate::community::metrics;
use crate::ids::{InstanceId, MessageId, RoomId};
use crate::inventory::TimestampMs;
use crate::store::{
    ChatWrite, ChatWritten, MemberRow, MemberState, MessageRow, Role, RoomRow, Store,
};
use crate::text::{self, InvalidField};

/// The most characters of a message.
pub const MAX_MESSAGE: usize = 2_000;
/// The most characters of the name that a client gives a message.
pub const MAX_NONCE: usize = 64;

/// Connections that enter rooms, or note what they have read, at once.
const TURNS: usize = 3;

/// The chat of this process.
pub struct Chat {
    store: Store,
    hub: Arc<Hub>,
    writer: Writer,
    connections: AtomicU64,
    turns: Semaphore,
}

/// A room as one person sees it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ListedRoom {
    pub room: RoomRow,
    /// `None` for a person who has never joined.
    pub member: Option<MemberRow>,
    /// Messages of others that the person has not read.
    pub unread: u64,
}

/// A message to send.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MessageDraft {
    pub content: String,
    /// Sent again with the same name, it is the same message.
    pub nonce: Option<String>,
    pub reply_to: Option<MessageId>,
}

/// A connection of a person.
pub struct ChatConnection {
    /// Distinguishes the connections of this process.
    pub id: u64,
    /// The person.
    pub person: ChatPerson,
    /// Where its frames go.
    pub outbox: Outbox,
    /// The rooms that it listens to.
    pub rooms: Arc<OpenRooms>,
}

impl Drop for ChatConnection {
    fn drop(&mut self) {
        metrics::disconnected();
    }
}

impl Chat {
    /// Starts the chat: `feed` reaches the other instances, `render` makes the frames of listeners. To be
    /// called in the runtime.
    pub fn start(store: Store, feed: Arc<dyn PubSub>, me: InstanceId, render: Render) -> Arc<Self> {
        let hub = Hub::start(store.clone(), feed, me, render);
        let writer = Writer::start(Arc::clone(&hub));
        let (connections, turns) = (AtomicU64::new(0), Semaphore::new(TURNS));
        Arc::new(Self { store, hub, writer, connections, turns })
    }

    /// Returns a connection of a person, and the side of its outbox that is read.
    #[must_use]
    pub fn connect(
        &self,
        person: ChatPerson,
    ) -> (ChatConnection, tokio::sync::mpsc::Receiver<Frames>, Arc<Overflow>) {
        metrics::connected();
        let (outbox, waiting, overflow) = Outbox::new();
        let id = self.connections.fetch_add(1, Relaxed);
        (ChatConnection { id, person, outbox, rooms: Arc::default() }, waiting, overflow)
    }

    /// Lets a connection listen to a room, which its person joins. What followed the change `after` is sent
    /// again.
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`] or [`ChatError::Banned`].
    pub async fn enter(
        &self,
        connection: &ChatConnection,
        id: RoomId,
        after: Option<u64>,
        now: TimestampMs,
    ) -> Result<Entered, ChatError> {
        let caller = Caller::account(connection.person.id, Role::User);
        let (_, member) = self.seen_by(caller.user, id, now).await?;
        if member.is_none_or(|member| member.state != MemberState::Joined) {
            self.join(caller, id, now).await?;
        }
        let listener = NewListener {
            connection: connection.id,
            person: connection.person.clone(),
            outbox: connection.outbox.clone(),
            rooms: Arc::clone(&connection.rooms),
            after,
        };
        let entered = self.hub.enter(id, listener).await?;
        // A ban that came between the look and the entry told no listener.
        if let Err(refused) = self.seen_by(caller.user, id, now).await {
            self.hub.leave(id, connection.id).await;
            return Err(refused);
        }
        Ok(entered)
    }

    /// Lets a connection listen to a room no more. Its person stays a member.
    pub async fn quit(&self, connection: &ChatConnection, id: RoomId) {
        self.hub.leave(id, connection.id).await;
    }

    /// Stores a message, and tells the room. Returns it, and whether the author has sent it before.
    ///
    /// # Errors
    /// The field that is not allowed, [`ChatError::NoSuchRoom`], [`ChatError::NotJoined`],
    /// [`ChatError::Banned`] or [`ChatError::Busy`].
    pub async fn send(
        &self,
        author: &ChatPerson,
        room: RoomId,
        draft: MessageDraft,
        now: TimestampMs,
    ) -> Result<(SeenMessage, bool), ChatError> {
        let content = content(&draft.content)?;
        let nonce = draft.nonce.map(|name| text::line("nonce", &name, MAX_NONCE)).transpose()?;
        let write = ChatWrite::Send {
            id: MessageId::random(),
            room,
            author: author.id,
            nonce,
            content,
            reply_to: draft.reply_to,
            at: now,
        };
        let written = self.writer.write(write, Arc::clone(&author.name)).await?;
        let is_repeated = matches!(written, ChatWritten::Before(_));
        Ok((seen(author, done(written)?), is_repeated))
    }

    /// Changes the content of a message (its author).
    ///
    /// # Errors
    /// As [`Self::send`], [`ChatError::NoSuchMessage`] or [`ChatError::NotAllowed`].
    pub async fn edit(
        &self,
        author: &ChatPerson,
        (room, id): (RoomId, MessageId),
        text: &str,
        now: TimestampMs,
    ) -> Result<SeenMessage, ChatError> {
        let content = content(text)?;
        let write = ChatWrite::Edit { room, id, by: author.id, content, at: now };
        let written = self.writer.write(write, Arc::clone(&author.name)).await?;
        Ok(seen(author, done(written)?))
    }

    /// Deletes a message (its author, or a moderator of the room; `is_staff` for those of the whole site).
    /// Its content is gone.
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`], [`ChatError::NoSuchMessage`] or [`ChatError::NotAllowed`].
    pub async fn delete(
        &self,
        by: &ChatPerson,
        (room, id): (RoomId, MessageId),
        is_staff: bool,
        now: TimestampMs,
    ) -> Result<SeenMessage, ChatError> {
        let found = self.store.chat_message_get(room, id).await?;
        let found = found.ok_or(ChatError::NoSuchMessage)?;
        let people = self.store.people([found.author]).await?;
        let name = people.get(&found.author).and_then(|person| person.name.clone());
        let author_name: Arc<str> = name.unwrap_or_default().into();
        let write = ChatWrite::Delete { room, id, by: by.id, is_staff, at: now };
        let row = done(self.writer.write(write, Arc::clone(&author_name)).await?)?;
        Ok(SeenMessage { row, author_name: Some(author_name).filter(|name| !name.is_empty()) })
    }

    /// Returns messages of a room by their places: the newest below `before`, newest first, or the oldest
    /// above `after`, oldest first.
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`] or [`ChatError::Banned`].
    pub async fn history(
        &self,
        caller: Caller,
        room: RoomId,
        (before, after): (Option<u64>, Option<u64>),
        limit: u64,
        now: TimestampMs,
    ) -> Result<Vec<SeenMessage>, ChatError> {
        self.seen_by(account(caller)?, room, now).await?;
        let rows = self.store.chat_message_list(room, (before, after), limit).await?;
        Ok(named(&self.store, rows).await?)
    }

    /// Notes up to which message the caller has read.
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`] or [`ChatError::Banned`].
    pub async fn read(
        &self,
        caller: Caller,
        room: RoomId,
        seq: u64,
        now: TimestampMs,
    ) -> Result<(), ChatError> {
        let (row, _) = self.seen_by(account(caller)?, room, now).await?;
        self.store.chat_member_read(room, caller.user, seq.min(row.last_rev)).await?;
        Ok(())
    }

    /// Tells a room that the person of a connection types, or has stopped, if it listens to the room.
    pub fn typing(&self, connection: &ChatConnection, room: RoomId, types: bool) {
        self.hub.type_in(room, connection.id, types);
    }

    /// Waits for a turn: few connections at once read and write what entering a room needs, so that a crowd
    /// that enters leaves the database to the sale.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }
}

fn content(text: &str) -> Result<String, InvalidField> {
    let text = text::paragraph("content", text, MAX_MESSAGE)?;
    if !text.chars().any(text::is_visible) {
        return Err(InvalidField::new("content", "must not be empty"));
    }
    Ok(text)
}

fn seen(author: &ChatPerson, row: MessageRow) -> SeenMessage {
    let author_name = Some(Arc::clone(&author.name)).filter(|name| !name.is_empty());
    SeenMessage { row, author_name }
}

fn done(written: ChatWritten) -> Result<MessageRow, ChatError> {
    match written {
        ChatWritten::Done(row) | ChatWritten::Before(row) => Ok(row),
        ChatWritten::NoRoom => Err(ChatError::NoSuchRoom),
        ChatWritten::NotJoined => Err(ChatError::NotJoined),
        ChatWritten::Banned(member) => Err(ChatError::banned(&member)),
        ChatWritten::NoMessage => Err(ChatError::NoSuchMessage),
        ChatWritten::NoParent => {
            Err(InvalidField::new("replyToMessageId", "must be the id of a message of this room")
                .into())
        }
        ChatWritten::NotYours => Err(ChatError::NotAllowed(
            "only its author edits a message; its author and moderators delete it",
        )),
    }
}
