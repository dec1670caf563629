//! The open connections of this process, limited so that file descriptors are left for customers
//! who buy. At the limit a new connection replaces an open one: first an idle connection, then one
//! whose request is still arriving, then the oldest stream, then a long answer that is being sent.
//! A connection whose request is being answered is never ended, nor is one of another instance.

mod limits;
mod metrics;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::task::Waker;

use futures_util::task::AtomicWaker;

use crate::network::{Proxies, counted};
use limits::Worth;
pub use limits::{Full, Limits};
pub use metrics::{describe as describe_metrics, stalled, unsent};

/// The most connections that are being ended and still hold their descriptors.
pub const MAX_ENDING: usize = 32;

/// All connections to the API's listener.
pub struct Connections {
    limits: Limits,
    /// Their connections are those of many clients.
    proxies: Proxies,
    /// Number of connections accepted so far: a logical clock that orders the last uses of
    /// connections.
    accepted: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    by_id: HashMap<u64, Arc<Connection>>,
    by_address: HashMap<IpAddr, Count>,
    streams: usize,
    /// Number of connections that are being ended; they are no longer in any of the fields above.
    ending: usize,
}

#[derive(Clone, Copy, Default)]
struct Count {
    connections: usize,
    streams: usize,
}

/// One connection, shared by its socket and its requests.
pub struct Connection {
    id: u64,
    /// The address that the connection counts under; `None` for loopback and proxies.
    address: Option<IpAddr>,
    /// The value of [`Connections::accepted`] at its last request.
    used: AtomicU64,
    /// Number of its requests so far.
    requests: AtomicU32,
    activity: AtomicU8,
    /// True if another instance opened it.
    of_instance: AtomicBool,
    is_ended: AtomicBool,
    is_half_closed: AtomicBool,
    closes: AtomicBool,
    /// True if nothing is read from its client until the current request is answered.
    is_held_back: AtomicBool,
    /// True once it is a WebSocket: its client sends as it likes.
    is_socket: AtomicBool,
    /// True if a frame of its client was taken since the socket last asked.
    was_heard: AtomicBool,
    task: AtomicWaker,
}

/// Between requests, or receiving the head of the first.
const IDLE: u8 = 0;
/// Receiving the body of a request.
const ARRIVING: u8 = 1;
const REQUEST: u8 = 2;
/// Sending a long answer.
const SENDING: u8 = 3;
const STREAM: u8 = 4;

/// A connection that is open until this is dropped.
pub struct Opened {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

/// A request that is under way until this is dropped, including its answer if that is long.
pub struct UnderWay(Arc<Connection>);

/// A stream that is counted until this is dropped.
pub struct OpenStream {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

impl Connections {
    /// Returns a registry without open connections.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Self::behind(Proxies::default(), limits)
    }

    /// Returns a registry without open connections, which bounds no proxy's share of them.
    #[must_use]
    pub fn behind(proxies: Proxies, limits: Limits) -> Arc<Self> {
        let (accepted, open) = (AtomicU64::new(0), Mutex::default());
        Arc::new(Self { limits, proxies, accepted, open })
    }

    /// Counts an accepted connection. At a limit, ends other connections to make room.
    ///
    /// # Errors
    /// [`Full`] if no connection may be ended.
    pub fn accept(self: &Arc<Self>, peer: Option<SocketAddr>) -> Result<Opened, Full> {
        // Nor that of this machine, whose programs need no connections to harm it.
        let is_bounded =
            |ip: &IpAddr| !ip.to_canonical().is_loopback() && !self.proxies.contains(*ip);
        let address = peer.map(|peer| peer.ip()).filter(is_bounded).map(counted);
        let id = self.accepted.fetch_add(1, Relaxed);
        let mut open = self.open();
        let Limits { connections, connections_per_address, .. } = self.limits;
        let of_address = address.map_or(0, |address| open.count(address).connections);
        if of_address >= connections_per_address && !open.make_room(connections, address) {
            metrics::refused(Full::Address);
            return Err(Full::Address);
        }
        if open.by_id.len() >= connections && !open.make_room(connections, None) {
            metrics::refused(Full::All);
            return Err(Full::All);
        }
        let connection = Arc::new(Connection {
            id,
            address,
            used: AtomicU64::new(id),
            requests: AtomicU32::new(0),
            activity: AtomicU8::new(IDLE),
            of_instance: AtomicBool::new(false),
            is_ended: AtomicBool::new(false),
            is_half_closed: AtomicBool::new(false),
            closes: AtomicBool::new(false),
            is_held_back: AtomicBool::new(false),
            is_socket: AtomicBool::new(false),
            was_heard: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        open.by_id.insert(id, Arc::clone(&connection));
        if let Some(address) = address {
            open.by_address.entry(address).or_default().connections += 1;
        }
        Ok(Opened { connections: Arc::clone(self), connection })
    }

    /// Records that a request has arrived on a connection.
    #[must_use]
    pub fn begin_request(&self, connection: &Arc<Connection>) -> UnderWay {
        connection.used.store(self.accepted.load(Relaxed), Relaxed);
        connection.requests.fetch_add(1, Relaxed);
        connection.set(REQUEST);
        UnderWay(Arc::clone(connection))
    }

    /// Counts a stream that was requested on a connection.
    ///
    /// # Errors
    /// [`Full`]; the connection then closes after the answer, which frees its descriptor.
    pub fn begin_stream(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
    ) -> Result<OpenStream, Full> {
        let mut open = self.open();
        let Limits { streams, streams_per_address, .. } = self.limits;
        let of_address = connection.address.map_or(0, |address| open.count(address).streams);
        let full = match (open.streams >= streams, of_address >= streams_per_address) {
            (true, _) => Some(Full::All),
            (_, true) => Some(Full::Address),
            _ => None,
        };
        if let Some(full) = full {
            metrics::stream_refused(full);
            connection.closes.store(true, Relaxed);
            return Err(full);
        }
        open.streams += 1;
        if let Some(address) = connection.address {
            open.by_address.entry(address).or_default().streams += 1;
        }
        connection.set(STREAM);
        let (connections, connection) = (Arc::clone(self), Arc::clone(connection));
        Ok(OpenStream { connections, connection })
    }

    /// Returns the limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Publishes the gauges.
    pub fn measure(&self) {
        metrics::open(self.open().by_id.len(), self.limits);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // No code panics while holding this lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn count(&self, address: IpAddr) -> Count {
        self.by_address.get(&address).copied().unwrap_or_default()
    }

    /// Ends connections of one address, or of any; returns whether there will be room. Ends several
    /// at a time, because finding them scans all connections.
    fn make_room(&mut self, connections: usize, address: Option<IpAddr>) -> bool {
        if address.is_none() {
            static LOGGED: Once = Once::new();
            LOGGED.call_once(|| {
                tracing::warn!(
                    connections,
                    "as many connections are open as may be: idle ones and streams make room, see \
                     ADMITONE_MAX_CONNECTIONS and ulimit -n"
                );
            });
        }
        if self.ending >= MAX_ENDING.min(connections) {
            return false;
        }
        let wanted = (connections / 64).clamp(1, MAX_ENDING - self.ending);
        let is_of = |c: &&Arc<Connection>| address.is_none() || c.address == address;
        let candidates = self.by_id.values().filter(is_of);
        let rank = |c: &Arc<Connection>| Some((c.worth()?, c.used.load(Relaxed), c.id));
        let mut candidates: Vec<_> = candidates.filter_map(rank).collect();
        candidates.sort_unstable();
        candidates.truncate(wanted);
        for (worth, _, id) in &candidates {
            let Some(connection) = self.by_id.remove(id) else { continue };
            metrics::ended(*worth);
            self.forget(connection.address, |count| count.connections -= 1);
            self.ending += 1;
            connection.end();
        }
        !candidates.is_empty()
    }

    fn forget(&mut self, address: Option<IpAddr>, less: impl FnOnce(&mut Count)) {
        let Some(address) = address else { return };
        let Some(count) = self.by_address.get_mut(&address) else { return };
        less(count);
        if count.connections == 0 && count.streams == 0 {
            self.by_address.remove(&address);
        }
    }
}

impl Connection {
    /// Marks the connection as one of another instance, which is never ended to make room.
    pub fn is_of_instance(&self) {
        self.of_instance.store(true, Relaxed);
    }

    /// True if a stream runs on it.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.activity.load(Relaxed) == STREAM
    }

    /// True if a request of its client is being answered.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        matches!(self.activity.load(Relaxed), REQUEST | SENDING | STREAM)
    }

    /// True if its first request is under way.
    pub(super) fn is_at_first_request(&self) -> bool {
        self.requests.load(Relaxed) == 1
    }

    /// Returns the number of its requests so far, if none is under way.
    #[must_use]
    pub fn idle_after(&self) -> Option<u32> {
        (self.activity.load(Relaxed) == IDLE).then(|| self.requests.load(Relaxed))
    }

    /// Stops reading from the client until the answer is complete; then the registered task is
    /// woken.
    pub fn hold_back(&self) {
        self.is_held_back.store(true, Relaxed);
    }

    fn set(&self, activity: u8) {
        self.activity.store(activity, Relaxed);
        if self.is_held_back.load(Relaxed) && !self.is_answering() {
            self.is_held_back.store(false, Relaxed);
            self.task.wake();
        }
    }

    /// Makes a WebSocket of it, until it ends.
    pub fn become_socket(&self) {
        self.is_socket.store(true, SeqCst);
    }

    /// True if it is a WebSocket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.is_socket.load(SeqCst)
    }

    /// Records that a frame of the WebSocket's client was taken: there is room for more.
    pub fn hear(&self) {
        self.was_heard.store(true, SeqCst);
        self.task.wake();
    }

    /// True if a frame was taken since this was asked last.
    #[must_use]
    pub fn was_heard(&self) -> bool {
        self.was_heard.swap(false, SeqCst)
    }

    /// Records that the peer has closed its sending side.
    pub fn half_close(&self) {
        self.is_half_closed.store(true, Relaxed);
    }

    /// True if the peer sends no more.
    #[must_use]
    pub fn is_half_closed(&self) -> bool {
        self.is_half_closed.load(Relaxed)
    }

    /// True if it is to be closed after the answer.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.closes.load(Relaxed)
    }

    /// True if its socket must fail from now on.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.is_ended.load(SeqCst)
    }

    /// True if its socket must fail from now on; otherwise `task` is woken when it must.
    #[must_use]
    pub fn is_ended_or_wakes(&self, task: &Waker) -> bool {
        self.task.register(task);
        self.is_ended.load(SeqCst)
    }

    /// Makes its socket fail from now on.
    pub fn end(&self) {
        self.is_ended.store(true, SeqCst);
        self.task.wake();
    }

    /// Returns its rank for being ended; `None` if it must not be ended.
    fn worth(&self) -> Option<Worth> {
        if self.is_ended.load(Relaxed) || self.of_instance.load(Relaxed) {
            return None;
        }
        match self.activity.load(Relaxed) {
            IDLE => Some(Worth::Idle),
            ARRIVING => Some(Worth::Arriving),
            STREAM => Some(Worth::Stream),
            SENDING => Some(Worth::Sending),
            _ => None,
        }
    }
}

impl Opened {
    /// Returns the connection.
    #[must_use]
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let Self { connections, connection } = self;
        let mut open = connections.open();
        if open.by_id.remove(&connection.id).is_some() {
            open.forget(connection.address, |count| count.connections -= 1);
        } else {
            open.ending -= 1;
        }
    }
}

impl UnderWay {
    /// Returns the connection.
    #[must_use]
    pub fn connection(&self) -> &Arc<Connection> {
        &self.0
    }

    /// Records whether the server waits for the rest of the request.
    pub fn is_arriving(&self, is_arriving: bool) {
        match (is_arriving, self.0.activity.load(Relaxed)) {
            (true, REQUEST) => self.0.set(ARRIVING),
            (false, ARRIVING) => self.0.set(REQUEST),
            _ => {}
        }
    }

    /// Records that the answer is ready, and long.
    pub fn is_sending(&self) {
        if !self.0.is_streaming() {
            self.0.set(SENDING);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // A stream stays open after its request.
        if !self.0.is_streaming() {
            self.0.set(IDLE);
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let Self { connections, connection } = self;
        connection.set(IDLE);
        let mut open = connections.open();
        open.streams -= 1;
        open.forget(connection.address, |count| count.streams -= 1);
    }
}

#[cfg(test)]
mod tests;
