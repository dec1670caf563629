//! The relay of a process: expands messages and makes deliveries until it is stopped. A destination
//! that hangs keeps one task busy, and no other destination waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::deliver::{self, AWAY_FOR, Round};
use super::{Destination, Destinations, Subscription, expand};
use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// How often the relay looks for work while there is none.
const EVERY: Duration = Duration::from_millis(250);
/// The relay rests as long as this many times what an expansion took, so that it leaves most of the
/// database to sales.
const REST: u32 = 6;
const MAX_REST: Duration = Duration::from_millis(300);
/// Between rounds of deliveries it rests as long as this many times what it waited for the database:
/// hardly at all while nothing else writes, and the longer the more sales there are.
const REST_OF_ROUND: u32 = 16;
const MAX_REST_OF_ROUND: Duration = Duration::from_millis(500);

/// Expands and delivers.
#[derive(Clone)]
pub struct Relay {
    store: Store,
    clock: Arc<dyn Clock>,
    destinations: Arc<Destinations>,
}

/// A running relay. Dropping it has it stop as soon as it can.
pub struct RelayHandle {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for RelayHandle {
    fn drop(&mut self) {
        // An error means that the tasks have ended.
        let _ = self.stop.send(true);
    }
}

impl RelayHandle {
    /// Stops after the expansions and attempts that are under way.
    pub async fn stop(mut self) {
        // Errors mean that the tasks have ended with their runtime.
        let _ = self.stop.send(true);
        for task in std::mem::take(&mut self.tasks) {
            let _ = task.await;
        }
    }
}

impl Relay {
    /// Returns a relay to these destinations.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, destinations: Destinations) -> Self {
        Self { store, clock, destinations: Arc::new(destinations) }
    }

    /// Starts the relay on a runtime that outlives it.
    #[must_use]
    pub fn spawn(&self, runtime: &Handle) -> RelayHandle {
        let (stop, stopped) = watch::channel(false);
        let expanding = runtime.spawn(self.clone().expand_until(stopped.clone()));
        let delivering = runtime.spawn(self.clone().deliver_until(runtime.clone(), stopped));
        RelayHandle { stop, tasks: vec![expanding, delivering] }
    }

    async fn expand_until(self, mut stopped: watch::Receiver<bool>) {
        let mut fails = false;
        while !*stopped.borrow() {
            let began = self.clock.monotonic();
            let pause = match self.expand_once().await {
                Ok(0) => EVERY,
                Ok(_) => {
                    let worked = self.clock.monotonic().saturating_sub(began);
                    (worked * REST).min(MAX_REST)
                }
                Err(error) => {
                    if !fails {
                        tracing::warn!(%error, "messages cannot be relayed: trying on");
                    }
                    fails = true;
                    sleep(&mut stopped, EVERY * 4).await;
                    continue;
                }
            };
            fails = false;
            sleep(&mut stopped, pause).await;
        }
    }

    /// Expands some of what waits; returns how many messages there were. A journal that cannot be
    /// read holds up only its own offering.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expand_once(&self) -> Result<usize, StoreError> {
        let offerings = self.store.outbox_offerings().await?;
        let notices = self.store.notice_waiting(1).await?;
        if offerings.is_empty() && notices.is_empty() {
            return Ok(0);
        }
        let subscriptions = self.subscriptions().await?;
        let now = self.clock.now_ms();
        let mut expanded = 0;
        let sources = offerings.into_iter().map(Some).chain([None]);
        for source in sources {
            let done = match source {
                Some(id) => expand::offering(&self.store, id, &subscriptions, now).await,
                None => expand::notices(&self.store, &subscriptions, now).await,
            };
            match done {
                Ok(count) => expanded += count,
                Err(expand::ExpandError::Store(error)) => return Err(error),
                Err(error) => tracing::warn!(%error, "messages of an event are held up"),
            }
        }
        Ok(expanded)
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        let mut all = Vec::new();
        for destination in self.destinations.iter() {
            all.extend(destination.subscriptions().await?);
        }
        Ok(all)
    }

    async fn deliver_until(self, runtime: Handle, mut stopped: watch::Receiver<bool>) {
        let busy = Busy::default();
        let mut fails = false;
        while !*stopped.borrow() {
            match self.store.delivery_due(self.clock.now_ms()).await {
                Ok(due) => {
                    fails = false;
                    for name in due {
                        self.start(&runtime, &busy, name, &stopped);
                    }
                }
                Err(error) => {
                    if !fails {
                        tracing::warn!(%error, "deliveries cannot be read: trying on");
                    }
                    fails = true;
                }
            }
            sleep(&mut stopped, EVERY).await;
        }
        // What is under way records its end, or its claim ends.
        while !busy.is_empty() {
            tokio::time::sleep(EVERY / 10).await;
        }
    }

    /// Starts a task for a destination, unless it has one.
    fn start(&self, runtime: &Handle, busy: &Busy, name: String, stopped: &watch::Receiver<bool>) {
        let family = name.split(':').next().unwrap_or_default();
        let Some(destination) = self.destinations.iter().find(|one| one.family() == family) else {
            // Another process has this destination.
            return;
        };
        let Some(turn) = busy.begin(&name, self.clock.monotonic()) else { return };
        let (relay, destination, stopped) =
            (self.clone(), Arc::clone(destination), stopped.clone());
        runtime.spawn(async move {
            let turn = turn;
            if relay.drain(destination.as_ref(), &name, stopped).await == Round::Away {
                turn.rest_until(relay.clock.monotonic() + AWAY_FOR);
            }
        });
    }

    /// Makes deliveries to a destination until none is due.
    async fn drain(
        &self,
        destination: &dyn Destination,
        name: &str,
        mut stopped: watch::Receiver<bool>,
    ) -> Round {
        while !*stopped.borrow() {
            match deliver::round(&self.store, self.clock.as_ref(), destination, name).await {
                Ok(Round::Busy(waited)) => {
                    let rest = (waited * REST_OF_ROUND).min(MAX_REST_OF_ROUND);
                    sleep(&mut stopped, rest).await;
                }
                Ok(end @ (Round::Idle | Round::Away)) => return end,
                Err(error) => {
                    tracing::debug!(%error, destination = name, "deliveries were not recorded");
                    return Round::Idle;
                }
            }
        }
        Round::Idle
    }

    /// Makes all deliveries that are due, once; for tests and the end of a process.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn deliver_once(&self) -> Result<(), StoreError> {
        for name in self.store.delivery_due(self.clock.now_ms()).await? {
            let family = name.split(':').next().unwrap_or_default();
            let Some(destination) = self.destinations.iter().find(|one| one.family() == family)
            else {
                continue;
            };
            deliver::round(&self.store, self.clock.as_ref(), destination.as_ref(), &name).await?;
        }
        Ok(())
    }
}

/// The destinations that have a task, and those that are away, until when.
#[derive(Clone, Default)]
struct Busy(Arc<Mutex<HashMap<String, Option<Duration>>>>);

impl Busy {
    fn begin(&self, name: &str, now: Duration) -> Option<Turn> {
        let mut all = self.lock();
        match all.get(name) {
            Some(None) => return None,
            Some(Some(until)) if *until > now => return None,
            Some(Some(_)) | None => {}
        }
        all.insert(name.to_owned(), None);
        Some(Turn { busy: self.clone(), name: name.to_owned(), until: Mutex::new(None) })
    }

    /// True if no task is under way.
    fn is_empty(&self) -> bool {
        self.lock().values().all(Option::is_some)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Option<Duration>>> {
        self.0.lock().expect("no code panics with it")
    }
}

/// The turn of the one task of a destination; ends when dropped, also by a panic.
struct Turn {
    busy: Busy,
    name: String,
    until: Mutex<Option<Duration>>,
}

impl Turn {
    fn rest_until(&self, until: Duration) {
        *self.until.lock().expect("no code panics with it") = Some(until);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let until = self.until.lock().ok().and_then(|mut until| until.take());
        let mut all = self.busy.lock();
        match until {
            Some(until) => all.insert(self.name.clone(), Some(until)),
            None => all.remove(&self.name),
        };
    }
}

/// Sleeps, or returns at once when the relay is stopped.
async fn sleep(stopped: &mut watch::Receiver<bool>, pause: Duration) {
    tokio::select! {
        _ = stopped.wait_for(|stop| *stop) => {}
        () = tokio::time::sleep(pause) => {}
    }
}
