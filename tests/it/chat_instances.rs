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
use admitone::store::NewUser;
use bytestring::ByteString;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use crate::support::private_redis::PrivateRedis;
use crate::support::test_db::TestDb;

const NOW: i64 = 1_800_000_000_000;
/// The longest wait for a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one hears who is out of the room.
const OUT: &str = "out";

/// The number of a change, for messages; `OUT`; empty for all else.
fn render(event: &ChatEvent<'_>) -> ByteString {
    match event {
        ChatEvent::Message(seen) | ChatEvent::MessageChanged(seen) => {
            seen.row.rev.to_string().into()
        }
        ChatEvent::Removed { .. } => OUT.into(),
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
    connection: ChatConnection,
    waiting: mpsc::Receiver<Frames>,
    told: Vec<u64>,
}

impl Listener {
    async fn enter(chat: &Chat, room: RoomId, after: Option<u64>) -> Self {
        Self::of(chat, person(), room, after).await
    }

    async fn of(chat: &Chat, person: ChatPerson, room: RoomId, after: Option<u64>) -> Self {
        let (connection, waiting, _) = chat.connect(person);
        chat.enter(&connection, room, after, NOW).await.expect("it enters");
        Self { connection, waiting, told: Vec::new() }
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

/// Makes an account.
async fn account(chat: &TestDb) -> ChatPerson {
    let person = person();
    let new = NewUser {
        id: person.id,
        email: format!("{}@example.com", person.id),
        password_hash: "none".into(),
        name: person.name.to_string(),
        phone_number: None,
        role: Role::User,
    };
    chat.store().await.user_create(new, None, NOW).await.expect("an account");
    person
}

/// Makes an open room.
async fn room(chat: &Chat) -> (Caller, RoomId) {
    let draft = RoomDraft { name: "Row 7".into(), description: String::new(), is_private: false };
    let owner = Caller::account(UserId::random(), Role::User);
    let (room, _) = chat.create_room(owner, draft, None, NOW).await.expect("a room");
    (owner, room.room.id)
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
    let (_, room) = room(&chats[0]).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_ends_listeners_of_other_instances_also_while_redis_is_away() {
    let (db, mut redis) = (TestDb::postgres().await, PrivateRedis::start());
    let chats = [instance(&db, &redis).await, instance(&db, &redis).await];
    let (owner, room) = room(&chats[0]).await;
    let banned = account(&db).await;
    let mut out = Listener::of(&chats[1], banned.clone(), room, None).await;
    let mut stays = Listener::enter(&chats[1], room, None).await;
    redis.stop();
    let ban = (None, "rude");
    chats[0].ban(owner, (room, banned.id), ban, NOW).await.expect("a ban");
    loop {
        let frames = tokio::time::timeout(PATIENCE, out.waiting.recv()).await.expect("it is told");
        if frames.expect("a frame").iter().any(|frame| *frame == OUT) {
            break;
        }
    }
    assert!(!out.connection.rooms.has(room), "the connection knows that it is out");
    say(&chats[..1], room, 1).await;
    stays.hear(1).await;
    while let Ok(frames) = out.waiting.try_recv() {
        assert!(frames.iter().all(|frame| frame.parse::<u64>().is_err()), "{frames:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_changes_come_together_and_end_no_listener() {
    const MANY: usize = 200;
    let (db, redis) = (TestDb::postgres().await, PrivateRedis::start());
    let chats = [instance(&db, &redis).await];
    let (_, room) = room(&chats[0]).await;
    let mut listener = Listener::enter(&chats[0], room, None).await;
    // More than a room keeps for those who come back.
    for done in 1..=3 {
        say(&chats, room, MANY).await;
        listener.hear(done * MANY as u64).await;
    }
    let mut others = Vec::new();
    for _ in 0..100 {
        others.push(Listener::enter(&chats[0], room, None).await);
    }
    say(&chats, room, MANY).await;
    for other in others.iter_mut().chain([&mut listener]) {
        let mut batches = 0;
        while other.told.last().is_none_or(|told| *told < 4 * MANY as u64) {
            let frames = tokio::time::timeout(PATIENCE, other.waiting.recv()).await;
            let frames = frames.expect("they come").expect("the room goes on");
            let told = frames.iter().filter_map(|frame| frame.parse::<u64>().ok());
            let before = other.told.len();
            other.told.extend(told);
            batches += usize::from(other.told.len() > before);
        }
        assert!(batches <= MANY / 4, "{batches} batches for {MANY} messages");
    }
    assert_eq!(listener.told, (1..=4 * MANY as u64).collect::<Vec<_>>());
}
