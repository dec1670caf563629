//! One room on three instances that share Postgres and Redis: each listener gets each message once and in
//! order, also while Redis is away and after its own instance is gone.

use std::sync::Arc;
use std::time::Duration;

use admitone::accounts::Caller;
use admitone::accounts::Role;
use admitone::cluster::pubsub::RedisPubSub;
use admitone::community::chat::{
    Chat, ChatConnection, ChatEvent, ChatPerson, Frames, MessageDraft, RoomDraft,
};
use admitone::ids::{InstanceId, RoomId, UserId};
use bytestring::ByteString;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use crate::support::private_redis::PrivateRedis;
use crate::support::test_db::TestDb;

const NOW: i64 = 1_800_000_000_000;
/// The longest wait for a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// The number of a change, for messages; empty for all else.
fn render(event: &ChatEvent<'_>) -> ByteString {
    match event {
        ChatEvent::Message(seen) | ChatEvent::MessageChanged(seen) => {
            seen.row.rev.to_string().into()
        }
        _ => ByteString::new(),
    }
}

async fn instance(db: &TestDb, redis: &PrivateRedis) -> Arc<Chat> {
    let feed = RedisPubSub::start(&redis.url(), "", "chat").expect("a feed");
    Chat::start(db.store().await, Arc::new(feed), InstanceId::random(), render)
}

fn person() -> ChatPerson {
    ChatPerson { id: UserId::random(), name: "Kim".into() }
}

/// A client that listens to the room.
struct Listener {
    _connection: ChatConnection,
    waiting: mpsc::Receiver<Frames>,
    told: Vec<u64>,
}

impl Listener {
    async fn enter(chat: &Chat, room: RoomId, after: Option<u64>) -> Self {
        let (connection, waiting, _) = chat.connect(person());
        chat.enter(&connection, room, after, NOW).await.expect("it enters");
        Self { _connection: connection, waiting, told: Vec::new() }
    }

    /// Waits until a change with this number came.
    async fn hear(&mut self, last: u64) {
        while self.told.last().is_none_or(|told| *told < last) {
            let frames = tokio::time::timeout(PATIENCE, self.waiting.recv()).await;
            let frames = frames.unwrap_or_else(|_| panic!("{last} does not come: {:?}", self.told));
            let frames = frames.expect("the room goes on");
            self.told.extend(frames.iter().filter_map(|frame| frame.parse::<u64>().ok()));
        }
    }
}

/// Sends messages at once, by people of all instances.
async fn say(chats: &[Arc<Chat>], room: RoomId, count: usize) {
    let one = async |number: usize| {
        let (chat, author) = (&chats[number % chats.len()], person());
        let caller = Caller::account(author.id, Role::User);
        chat.join(caller, room, NOW).await.expect("joins");
        let draft = MessageDraft { content: format!("{number}"), ..MessageDraft::default() };
        chat.send(&author, room, draft, NOW).await.expect("it is stored");
    };
    join_all((0..count).map(one)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_listener_gets_each_message_once_from_any_instance() {
    let (db, mut redis) = (TestDb::postgres().await, PrivateRedis::start());
    let chats =
        [instance(&db, &redis).await, instance(&db, &redis).await, instance(&db, &redis).await];
    let draft = RoomDraft { name: "Row 7".into(), description: String::new(), is_private: false };
    let owner = Caller::account(UserId::random(), Role::User);
    let (room, _) = chats[0].create_room(owner, draft, None, NOW).await.expect("a room");
    let room = room.room.id;
    let mut listeners = Vec::new();
    for chat in &chats {
        listeners.push(Listener::enter(chat, room, None).await);
    }
    say(&chats, room, 60).await;
    for listener in &mut listeners {
        listener.hear(60).await;
    }
    // What is said while Redis is away comes too.
    redis.stop();
    say(&chats, room, 20).await;
    for listener in &mut listeners {
        listener.hear(80).await;
    }
    redis.up();
    // An instance dies with its listener, who comes back at another.
    let lost = listeners.remove(0);
    let seen = lost.told.last().copied();
    drop(lost.waiting);
    say(&chats[1..], room, 20).await;
    let mut back = Listener::enter(&chats[1], room, seen).await;
    back.hear(100).await;
    for listener in &mut listeners {
        listener.hear(100).await;
        assert_eq!(listener.told, (1..=100).collect::<Vec<u64>>());
    }
    let whole: Vec<u64> = lost.told.iter().chain(&back.told).copied().collect();
    assert_eq!(whole, (1..=100).collect::<Vec<u64>>(), "no gap and nothing twice");
    let stored = db.count("SELECT count(*) FROM chat_messages").await;
    assert_eq!(stored, 100);
}
