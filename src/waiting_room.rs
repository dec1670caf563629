//! The waiting rooms of events: what people are told of their places in line, and what their box
//! offices are told of them. The line itself, its order and its admissions are the box office's
//! (`src/inventory/queue.rs`); here many requests become few: customers enter by the thousand in one
//! command, and a poll is answered from what this instance knows.

mod accuracy;
mod entering;
mod error;
mod gather;
mod guard;
mod metrics;
mod outlet;
mod pace;
mod pass;
pub mod record;
mod room;
#[cfg(test)]
mod sample;
mod status;
mod tending;
mod watch;

pub use entering::Entrant;
pub use error::WaitingRoomError;
pub use guard::{Challenge, Flaw, Following, Guard, MAX_STREAMS};
pub use metrics::{describe as describe_metrics, measure as measure_queues};
pub use outlet::hand_out_answers;
pub use pace::{Estimate, Pace};
use pass::Passes;
pub use status::{Outlook, RoomStatus, Seen, people_in};

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;

use crate::box_office::{BoxOffices, Committed, SubmitError, Unavailable};
use crate::clock::Clock;
use crate::executor::Executor;
use crate::ids::{OfferingId, QueueEntryId, UserId};
use crate::inventory::{
    Command, Idempotency, Pass, QueueChange, QueueEntryView, QueuePlace, Rejection, Request,
    TimestampMs, commitment_of,
};
use crate::store::Store;
use record::{Reader, RecordError, Records};
use room::Room;

/// The waiting rooms of this process.
pub struct WaitingRooms {
    offices: Arc<BoxOffices>,
    store: Store,
    clock: Arc<dyn Clock>,
    executor: Executor,
    guard: Guard,
    rooms: DashMap<OfferingId, Arc<Room>>,
    records: Records,
    watch: watch::Watch,
    /// When this process began to listen to customers.
    began_at: TimestampMs,
}

impl WaitingRooms {
    /// Creates the service; [`Self::tend`] must run for draws and silent customers to be seen to.
    #[must_use]
    pub fn new(
        store: Store,
        offices: Arc<BoxOffices>,
        clock: Arc<dyn Clock>,
        executor: Executor,
        guard: Guard,
    ) -> Arc<Self> {
        let began_at = clock.now_ms();
        let (rooms, records, watch) =
            (DashMap::new(), Records::new(store.clone()), watch::Watch::default());
        let this = Self { offices, store, clock, executor, guard, rooms, records, watch, began_at };
        let this = Arc::new(this);
        let weak = Arc::downgrade(&this);
        this.offices.set_heard(Arc::new(move |event, customers, within_ms| match weak.upgrade() {
            Some(rooms) => rooms.heard(event, customers, within_ms),
            None => vec![true; customers.len()],
        }));
        this
    }

    /// Says where a customer is. Who was passed over for silence returns to the line by asking.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn status(
        &self,
        event: OfferingId,
        customer: UserId,
    ) -> Result<RoomStatus, WaitingRoomError> {
        let room = self.room(event);
        let (known, early) = room.note_poll(customer);
        if let Some(known) = known
            && early.is_none()
            && let Some(status) = room.status_at_hand(customer, &known)
        {
            return Ok(status);
        }
        // Boxed: most polls have returned, and their future stays small.
        let told = Box::pin(self.status_in(&room, customer, early)).await;
        self.forget_if_unknown(event, told.as_ref().err());
        told
    }

    async fn status_in(
        &self,
        room: &Arc<Room>,
        customer: UserId,
        early: Option<Duration>,
    ) -> Result<RoomStatus, WaitingRoomError> {
        if let Some(early) = early {
            metrics::poll_slowed();
            tokio::time::sleep(early).await;
        }
        if let Some(status) = room.known_status(customer).await? {
            return Ok(status);
        }
        let mut entry = match room.ask(customer).await {
            Ok(entry) => entry,
            // The owner is gone for a moment: what was last known, with its age.
            Err(error) => return room.last_status(customer, &error).ok_or(error),
        };
        if entry.is_some_and(|entry| entry.place == QueuePlace::Aside) {
            entry = room.enter(customer).await?;
        }
        match entry {
            Some(_) => self.told(room, customer, entry).await,
            None => Err(Rejection::QueueEntryNotFound.into()),
        }
    }

    /// Until when it is a customer's turn; `None` if it is not, or nobody can say now. It is no poll:
    /// who only looks at the event's page keeps no place by it.
    pub async fn turn_until(&self, event: OfferingId, customer: UserId) -> Option<TimestampMs> {
        let room = self.room(event);
        if room.known_status(customer).await.ok()?.is_some() {
            // Far from the front.
            return None;
        }
        match room.ask(customer).await.ok()??.place {
            QueuePlace::Inside { ends_at, .. } => Some(ends_at),
            QueuePlace::BeforeDraw
            | QueuePlace::InLine { .. }
            | QueuePlace::Ahead { .. }
            | QueuePlace::Aside
            | QueuePlace::Lapsed
            | QueuePlace::Served
            | QueuePlace::Left
            | QueuePlace::Voided => None,
        }
    }

    /// The state of the line, the same for everybody.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn progress(&self, event: OfferingId) -> Result<Arc<Seen>, WaitingRoomError> {
        let seen = self.room(event).progress().await;
        self.forget_if_unknown(event, seen.as_ref().err());
        seen
    }

    /// As [`Self::progress`], read at the owner now.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn fresh_progress(&self, event: OfferingId) -> Result<Arc<Seen>, WaitingRoomError> {
        self.room(event).fresh_progress().await
    }

    /// Whether each of these customers was heard of at this instance within the time. Who was never
    /// heard of counts as heard until this process is old enough to know.
    #[must_use]
    pub fn heard(&self, event: OfferingId, customers: &[UserId], within_ms: i64) -> Vec<bool> {
        let now = self.clock.now_ms();
        let is_young = now - self.began_at < within_ms;
        let room = self.rooms.get(&event).map(|room| Arc::clone(&room));
        let heard =
            |customer: &UserId| room.as_ref()?.last_heard(*customer).map(|at| now - at < within_ms);
        customers.iter().map(|customer| heard(customer).unwrap_or(is_young)).collect()
    }

    /// Opens the public record of an event's newest queue.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn record(&self, event: OfferingId) -> Result<Reader, RecordError> {
        self.records.open(event).await
    }

    /// Ends a customer's entry, or their session.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn leave(
        &self,
        event: OfferingId,
        customer: UserId,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, WaitingRoomError> {
        let left = self.submit(event, Command::LeaveQueue { customer }, idempotency).await;
        self.room(event).forget(customer);
        left
    }

    /// Uses a customer's pass for a purchase in another shop: as their first hold here would.
    ///
    /// # Errors
    /// [`WaitingRoomError`]; [`Rejection::PassRequired`] for a pass that is not this customer's.
    pub async fn use_pass(
        &self,
        event: OfferingId,
        customer: UserId,
        pass: &str,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, WaitingRoomError> {
        let pass = self.read_pass(event, customer, pass).ok_or(Rejection::PassRequired)?;
        self.submit(event, Command::UsePass { customer, pass }, idempotency).await
    }

    /// Reads a pass; `None` if it is forged, or of another customer or event.
    #[must_use]
    pub fn read_pass(&self, event: OfferingId, customer: UserId, pass: &str) -> Option<Pass> {
        self.guard.passes.read(event, customer, pass)
    }

    /// Switches a queue on or off, or changes its rules, in the name of an organiser.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn set(
        &self,
        event: OfferingId,
        admin: UserId,
        mut change: QueueChange,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, WaitingRoomError> {
        let now = self.clock.now_ms();
        if change.opens_at.flatten().is_some_and(|opens_at| opens_at <= now) {
            let reason = "opensAt must be in the future: leave it out to open the line at once";
            return Err(Rejection::Invalid { reason: reason.into() }.into());
        }
        if change.enabled == Some(true) {
            // The secret is kept before the journal has its hash: it is never missing at the draw.
            let secret: [u8; 32] = rand::random();
            change.commitment = commitment_of(&secret);
            self.store.queue_secret_put(event, change.commitment, secret, now).await?;
        }
        let command = Command::SetQueue { change: Box::new(change) };
        self.submit_by_admin(event, admin, command, idempotency).await
    }

    /// Makes the draw that waits for a public value.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn draw(
        &self,
        event: OfferingId,
        admin: UserId,
        public_value: String,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, WaitingRoomError> {
        let seen = self.fresh_progress(event).await?;
        let secret = self.store.queue_secret(event, seen.progress.commitment).await?;
        let secret = secret.ok_or(WaitingRoomError::SecretLost)?;
        let command = Command::DrawQueue { secret, public_value: Some(public_value) };
        self.submit_by_admin(event, admin, command, idempotency).await
    }

    /// Voids the entries of customers.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn void(
        &self,
        event: OfferingId,
        admin: UserId,
        customers: Vec<UserId>,
        reason: String,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, WaitingRoomError> {
        let room = self.room(event);
        customers.iter().for_each(|customer| room.forget(*customer));
        let command = Command::VoidEntries { customers, reason };
        self.submit_by_admin(event, admin, command, idempotency).await
    }

    /// Puts customers ahead of the line.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn prioritise(
        &self,
        event: OfferingId,
        admin: UserId,
        customers: &[UserId],
        reason: String,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, WaitingRoomError> {
        let room = self.room(event);
        let named = customers.iter().map(|customer| {
            room.forget(*customer);
            (*customer, QueueEntryId::random())
        });
        let command = Command::Prioritise { entries: named.collect(), reason };
        self.submit_by_admin(event, admin, command, idempotency).await
    }

    async fn submit_by_admin(
        &self,
        event: OfferingId,
        admin: UserId,
        command: Command,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, WaitingRoomError> {
        let command = Command::ByAdmin { admin, command: Box::new(command) };
        let idempotency = idempotency.map(|given| {
            // Administrators have no limit on acts: each key has a share of its own.
            let principal = UserId(uuid::Uuid::from_bytes(given.key));
            Idempotency { principal, ..given }
        });
        self.submit(event, command, idempotency).await
    }

    async fn submit(
        &self,
        event: OfferingId,
        command: Command,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, WaitingRoomError> {
        let request = Request { command, idempotency };
        Ok(self.offices.submit(event, request).await?)
    }

    async fn told(
        &self,
        room: &Room,
        customer: UserId,
        entry: Option<QueueEntryView>,
    ) -> Result<RoomStatus, WaitingRoomError> {
        let seen = room.progress().await?;
        // A customer who entered just now and is not there was refused by the rules of turns.
        let entry = entry.ok_or(SubmitError::Unavailable(Unavailable::Recovering))?;
        Ok(room.status_of(customer, &entry, &seen))
    }

    /// Drops the room of an event that does not exist: anybody can make up ids.
    fn forget_if_unknown(&self, event: OfferingId, error: Option<&WaitingRoomError>) {
        if let Some(WaitingRoomError::Office(SubmitError::Unavailable(
            Unavailable::NoSuchOffering,
        ))) = error
        {
            self.rooms.remove(&event);
        }
    }

    /// Drops the rooms that nobody has asked for lately. What they know of their customers is of no
    /// use any more then: all of them have been silent for too long.
    fn forget_unused(&self) {
        let now = self.clock.now_ms();
        self.rooms.retain(|_, room| Arc::strong_count(room) > 1 || room.is_worth_keeping(now));
    }

    fn room(&self, event: OfferingId) -> Arc<Room> {
        if let Some(room) = self.rooms.get(&event) {
            room.use_now();
            return Arc::clone(&room);
        }
        let new = || {
            let (offices, clock) = (Arc::clone(&self.offices), Arc::clone(&self.clock));
            let passes = self.guard.passes.clone();
            Arc::new(Room::new(event, offices, clock, self.executor.clone(), passes))
        };
        Arc::clone(&self.rooms.entry(event).or_insert_with(new))
    }
}
