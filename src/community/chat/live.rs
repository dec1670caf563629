//! One room with its listeners in this process: it hands on changes in the order of their numbers, each
//! once to each listener. A gap in the numbers is a lost message of the feed: what lies in it is read from
//! the table.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::open_rooms::OpenRooms;
use super::outbox::{Frames, Outbox};
use super::presence::Presence;
use super::said::{ChatEvent, ChatPerson, Render, Said, SeenMessage, named};
use crate::cluster::pubsub::{PubSub, Received, Subscription};
use crate::community::metrics;
use crate::ids::{InstanceId, RoomId, UserId};
use crate::store::{RoomStand, Store, StoreError};

/// Changes that are kept for listeners who come back.
const KEPT: usize = 512;
/// The most changes that a listener who comes back is sent again.
const MOST_MISSED: u64 = 1_000;
/// Listeners from which on changes go out together, and how long the first of them waits.
const CROWD: usize = 100;
const TOGETHER: Duration = Duration::from_millis(40);
/// The largest room in which everyone is told who comes, goes and types.
const SMALL: u64 = 100;
/// The least time between two words that a person types.
const TYPED_EVERY: Duration = Duration::from_secs(1);
/// People in one statement.
const CHECKED_AT_ONCE: usize = 500;
/// Interval of the counts of people.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// What all rooms of this process share.
pub(super) struct Site {
    pub(super) store: Store,
    pub(super) feed: Arc<dyn PubSub>,
    pub(super) me: InstanceId,
    pub(super) render: Render,
}

impl Site {
    /// Tells the listeners of the other processes.
    pub(super) fn publish(&self, room: RoomId, said: &Said) {
        self.feed.publish(room.0, said.encode(self.me));
    }
}

/// A listener to add.
pub(super) struct NewListener {
    pub(super) connection: u64,
    pub(super) person: ChatPerson,
    pub(super) outbox: Outbox,
    /// The rooms that the connection listens to.
    pub(super) rooms: Arc<OpenRooms>,
    /// The number of the last change that the client has seen.
    pub(super) after: Option<u64>,
}

/// The state of a room for a listener that has entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The number of the last change that the listener has been sent, or need not be sent.
    pub rev: u64,
    /// How many people have the room open.
    pub present: u64,
    /// True if more has changed than is sent again: the client reads the history.
    pub has_missed: bool,
}

/// What a room's task is asked or told.
pub(super) enum ToRoom {
    Enter(NewListener, oneshot::Sender<Result<Entered, StoreError>>),
    Leave(u64),
    Said(Said),
    /// A listener types, or has stopped.
    Types {
        connection: u64,
        types: bool,
    },
    /// The room as the table has it.
    Stands(RoomStand),
}

struct Listener {
    person: ChatPerson,
    outbox: Outbox,
    rooms: Arc<OpenRooms>,
    /// The number of the last change that it has been sent.
    rev: u64,
    /// When others were told last that it types.
    typed_at: Option<Instant>,
    /// True once the table has been asked whether it is a member.
    is_checked: bool,
}

/// A room with listeners.
pub(super) struct Live {
    room: RoomId,
    site: Arc<Site>,
    waiting: mpsc::Receiver<ToRoom>,
    feed: Subscription,
    listeners: HashMap<u64, Listener>,
    presence: Presence,
    /// The number of the last change that is known; `None` until the table is read.
    rev: Option<u64>,
    /// As the table had it when the listeners were checked.
    members_rev: i64,
    /// The last changes, without gaps, up to `rev`.
    kept: VecDeque<(u64, ByteString)>,
    /// How many of the last of `kept` wait to be sent, and until when.
    unsent: usize,
    send_at: Option<Instant>,
}

impl Live {
    pub(super) fn new(room: RoomId, site: Arc<Site>, waiting: mpsc::Receiver<ToRoom>) -> Self {
        let feed = site.feed.subscribe(room.0);
        let presence = Presence::new(site.me);
        let (listeners, kept) = (HashMap::new(), VecDeque::with_capacity(KEPT));
        let (rev, members_rev, unsent, send_at) = (None, 0, 0, None);
        Self {
            room,
            site,
            waiting,
            feed,
            listeners,
            presence,
            rev,
            members_rev,
            kept,
            unsent,
            send_at,
        }
    }

    /// Runs until no listener is left. What still waits then is for another task.
    pub(super) async fn run(mut self) -> mpsc::Receiver<ToRoom> {
        let mut counting = interval(COUNT_EVERY);
        counting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut had_some = false;
        loop {
            let send_at = self.send_at;
            let due = async move {
                match send_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                what = self.waiting.recv() => match what {
                    Some(ToRoom::Enter(listener, reply)) => {
                        had_some = true;
                        let entered = self.enter(listener).await;
                        let _ = reply.send(entered);
                    }
                    Some(ToRoom::Leave(connection)) => self.leave(connection),
                    Some(ToRoom::Said(said)) => self.hear(said).await,
                    Some(ToRoom::Types { connection, types }) => self.type_in(connection, types),
                    Some(ToRoom::Stands(stand)) => self.compare(stand).await,
                    None => break,
                },
                heard = self.feed.next() => match heard {
                    Received::Message(bytes) => {
                        if let Some(said) = Said::decode(&bytes, self.site.me) {
                            self.hear(said).await;
                        }
                    }
                    Received::Interrupted => self.catch_up().await,
                },
                () = due => self.send(),
                _ = counting.tick() => self.count(),
            }
            if had_some && self.listeners.is_empty() {
                break;
            }
        }
        self.presence.end(|said| self.site.publish(self.room, &said));
        self.waiting
    }

    /// Adds a listener, and sends it what it has missed.
    async fn enter(&mut self, new: NewListener) -> Result<Entered, StoreError> {
        let NewListener { connection, person, outbox, rooms, after } = new;
        let rev = match self.rev {
            Some(rev) => rev,
            None => self.begin().await?,
        };
        // What waits to be sent goes to those who were here before.
        self.send();
        let (rev, has_missed) = match after {
            None => (rev, false),
            // A number from the future, such as that of another database.
            Some(after) if after > rev => (rev, true),
            Some(after) => match self.missed(after, rev).await? {
                Some((frames, until)) => {
                    if !frames.is_empty() {
                        outbox.send(frames);
                    }
                    (until, false)
                }
                None => (rev, true),
            },
        };
        let before = self.listeners.remove(&connection);
        let is_back = before.is_some_and(|before| self.presence.go(before.person.id));
        let is_new = self.presence.come(person.id) && !is_back;
        if is_new && self.presence.people() <= SMALL {
            self.tell_all(&ChatEvent::UserJoined(self.room, &person));
            self.site.publish(self.room, &Said::Joined(person.clone()));
        }
        let (typed_at, is_checked) = (None, false);
        let listener = Listener { person, outbox, rooms, rev, typed_at, is_checked };
        self.listeners.insert(connection, listener);
        Ok(Entered { rev, present: self.presence.people(), has_missed })
    }

    /// Reads where the room stands.
    async fn begin(&mut self) -> Result<u64, StoreError> {
        let found = self.site.store.chat_room_revs(&[self.room]).await?;
        let rev = found.first().map_or(0, |stand| stand.rev);
        self.rev = Some(rev);
        Ok(rev)
    }

    /// Compares what is known with the table: messages of the feed may be lost.
    async fn compare(&mut self, stand: RoomStand) {
        if stand.is_closed {
            return self.close();
        }
        if self.rev.is_some_and(|own| own < stand.rev) {
            self.catch_up().await;
        }
        self.check(stand.members_rev).await;
    }

    /// Drops listeners who are no longer members: all are looked at if someone was sent out, else those
    /// who have come since.
    async fn check(&mut self, members_rev: i64) {
        let all = members_rev != self.members_rev;
        let listeners = self.listeners.values().filter(|it| all || !it.is_checked);
        let people: HashSet<UserId> = listeners.map(|listener| listener.person.id).collect();
        let people: Vec<UserId> = people.into_iter().collect();
        for some in people.chunks(CHECKED_AT_ONCE) {
            let members = match self.site.store.chat_members_among(self.room, some).await {
                Ok(members) => members,
                // The look of the next second comes here again.
                Err(error) => return tracing::debug!(%error, "members cannot be read"),
            };
            let is_out = |id: &UserId| some.contains(id) && !members.contains(id);
            let removed = ChatEvent::Removed { room: self.room, until: None, reason: None };
            let frame = (self.site.render)(&removed);
            self.drop_listeners(|listener| is_out(&listener.person.id), &frame);
            for listener in self.listeners.values_mut() {
                listener.is_checked |= members.contains(&listener.person.id);
            }
        }
        self.members_rev = members_rev;
    }

    /// Tells the others that a listener types, in a room of few and not more often than they can see.
    fn type_in(&mut self, connection: u64, types: bool) {
        let is_small = self.presence.people() <= SMALL;
        let Some(listener) = self.listeners.get_mut(&connection).filter(|_| is_small) else {
            return;
        };
        let now = Instant::now();
        let is_soon = listener.typed_at.is_some_and(|at| now < at + TYPED_EVERY);
        if types && is_soon || !types && listener.typed_at.is_none() {
            return;
        }
        listener.typed_at = types.then_some(now);
        let person = listener.person.clone();
        let event = match types {
            true => ChatEvent::Typing(self.room, &person),
            false => ChatEvent::StopTyping(self.room, &person),
        };
        self.tell_others(&event, person.id);
        let said = if types { Said::Typing(person) } else { Said::StopTyping(person) };
        self.site.publish(self.room, &said);
    }

    /// Returns the changes after `after`, and the number of the last; `None` if they are too many.
    async fn missed(&mut self, after: u64, rev: u64) -> Result<Option<(Frames, u64)>, StoreError> {
        if after == rev {
            return Ok(Some((Frames::from([]), rev)));
        }
        if self.kept.front().is_some_and(|(first, _)| *first <= after + 1) {
            let frames = self.kept.iter().filter(|(number, _)| *number > after);
            return Ok(Some((frames.map(|(_, frame)| frame.clone()).collect(), rev)));
        }
        let rows = self.site.store.chat_changes(self.room, after, MOST_MISSED + 1).await?;
        if rows.len() as u64 > MOST_MISSED {
            return Ok(None);
        }
        let last = rows.last().map_or(rev, |row| row.rev.max(rev));
        let seen = named(&self.site.store, rows).await?;
        Ok(Some((seen.iter().map(|seen| self.frame(seen, after)).collect(), last)))
    }

    fn leave(&mut self, connection: u64) {
        let Some(listener) = self.listeners.remove(&connection) else { return };
        let is_gone = self.presence.go(listener.person.id);
        if is_gone && self.presence.people() <= SMALL {
            self.tell_all(&ChatEvent::UserLeft(self.room, &listener.person));
            self.site.publish(self.room, &Said::Left(listener.person));
        }
    }

    async fn hear(&mut self, said: Said) {
        match said {
            Said::Changes(changes) => self.take(changes).await,
            Said::Typing(person) if self.presence.people() <= SMALL => {
                self.tell_others(&ChatEvent::Typing(self.room, &person), person.id);
            }
            Said::StopTyping(person) if self.presence.people() <= SMALL => {
                self.tell_others(&ChatEvent::StopTyping(self.room, &person), person.id);
            }
            Said::Typing(_) | Said::StopTyping(_) => {}
            // One who has the room open here too was told of before.
            Said::Joined(person) if !self.presence.has(person.id) => {
                self.tell_all(&ChatEvent::UserJoined(self.room, &person));
            }
            Said::Left(person) if !self.presence.has(person.id) => {
                self.tell_all(&ChatEvent::UserLeft(self.room, &person));
            }
            Said::Joined(_) | Said::Left(_) => {}
            Said::Present { instance, people, asks } => {
                if self.presence.hear(instance, people, asks) {
                    self.count();
                }
            }
            Said::Removed { user, until, reason } => {
                let reason = reason.as_deref();
                let frame =
                    (self.site.render)(&ChatEvent::Removed { room: self.room, until, reason });
                self.drop_listeners(|listener| listener.person.id == user, &frame);
            }
            Said::Closed => self.close(),
        }
    }

    /// Hands on the changes that are next, and looks into the table if one is missing before them.
    async fn take(&mut self, changes: Vec<SeenMessage>) {
        let Some(rev) = self.rev else { return };
        let new = changes.into_iter().filter(|seen| seen.row.rev > rev);
        for (next, seen) in (rev + 1..).zip(new) {
            if seen.row.rev != next {
                self.send_soon();
                return self.catch_up().await;
            }
            self.keep(&seen);
        }
        self.send_soon();
    }

    /// Reads what is missing from the table.
    async fn catch_up(&mut self) {
        let Some(mut rev) = self.rev else { return };
        metrics::caught_up();
        loop {
            let read = self.site.store.chat_changes(self.room, rev, KEPT as u64).await;
            let seen = match read {
                Ok(rows) if rows.is_empty() => return,
                Ok(rows) => named(&self.site.store, rows).await,
                Err(error) => Err(error),
            };
            let seen = match seen {
                Ok(seen) => seen,
                // The look of the next second comes here again.
                Err(error) => return tracing::debug!(%error, "missed messages cannot be read"),
            };
            let is_all = seen.len() < KEPT;
            for seen in seen {
                rev = seen.row.rev;
                self.keep(&seen);
            }
            // Together: one by one they would be more than an outbox takes.
            self.send_soon();
            if is_all {
                return;
            }
        }
    }

    /// Keeps a change, which waits to be sent.
    fn keep(&mut self, seen: &SeenMessage) {
        let before = seen.row.rev.saturating_sub(1);
        // A message that was changed again leaves out its earlier number: no one needs it.
        let frame = self.frame(seen, before.min(self.rev.unwrap_or(before)));
        self.rev = Some(seen.row.rev);
        if self.unsent == KEPT {
            self.send();
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((seen.row.rev, frame));
        self.unsent += 1;
    }

    /// Sends what waits: at once, or together with what follows in a crowd.
    fn send_soon(&mut self) {
        match self.listeners.len() {
            0..CROWD => self.send(),
            _ => {
                self.send_at.get_or_insert_with(|| Instant::now() + TOGETHER);
            }
        }
    }

    /// Sends what waits to be sent to the listeners who have not been sent it.
    fn send(&mut self) {
        let first = self.kept.len() - std::mem::take(&mut self.unsent);
        self.send_at = None;
        let Some((from, _)) = self.kept.get(first) else { return };
        let from = *from;
        let frames: Frames = self.kept.range(first..).map(|(_, frame)| frame.clone()).collect();
        let last = self.rev.unwrap_or(from);
        let mut slow = Vec::new();
        for (connection, listener) in &mut self.listeners {
            let sent = match listener.rev < from {
                true => listener.outbox.send(Arc::clone(&frames)),
                false => {
                    let of = self.kept.range(first..).filter(|(number, _)| *number > listener.rev);
                    let some: Frames = of.map(|(_, frame)| frame.clone()).collect();
                    some.is_empty() || listener.outbox.send(some)
                }
            };
            listener.rev = listener.rev.max(last);
            if !sent {
                slow.push(*connection);
            }
        }
        for connection in slow {
            self.leave(connection);
        }
    }

    /// Returns the frame of a change for those who have seen the room up to `known`.
    fn frame(&self, seen: &SeenMessage, known: u64) -> ByteString {
        let is_new = seen.row.seq > known;
        (self.site.render)(&match is_new {
            true => ChatEvent::Message(seen),
            false => ChatEvent::MessageChanged(seen),
        })
    }

    fn close(&mut self) {
        self.send();
        let frame = (self.site.render)(&ChatEvent::RoomClosed(self.room));
        self.drop_listeners(|_| true, &frame);
    }

    /// Tells listeners that they are out of the room.
    fn drop_listeners(&mut self, which: impl Fn(&Listener) -> bool, frame: &ByteString) {
        let dropped: Vec<u64> = self
            .listeners
            .iter()
            .filter(|(_, listener)| which(listener))
            .map(|(connection, _)| *connection)
            .collect();
        for connection in dropped {
            if let Some(listener) = self.listeners.remove(&connection) {
                listener.rooms.remove(self.room);
                listener.outbox.send_one(frame.clone());
                self.presence.go(listener.person.id);
            }
        }
    }

    fn tell_all(&self, event: &ChatEvent<'_>) {
        self.tell_some(event, |_| true);
    }

    fn tell_others(&self, event: &ChatEvent<'_>, than: UserId) {
        self.tell_some(event, |listener| listener.person.id != than);
    }

    fn tell_some(&self, event: &ChatEvent<'_>, which: impl Fn(&Listener) -> bool) {
        let frames = Frames::from([(self.site.render)(event)]);
        for listener in self.listeners.values().filter(|listener| which(listener)) {
            // One that is too slow is found out by the next message.
            listener.outbox.send(Arc::clone(&frames));
        }
    }

    /// Tells the other instances and the listeners how many people are here, if that has changed.
    fn count(&mut self) {
        if let Some(said) = self.presence.news() {
            self.site.publish(self.room, &said);
        }
        if let Some(people) = self.presence.changed() {
            self.tell_all(&ChatEvent::Presence(self.room, people));
        }
    }
}
