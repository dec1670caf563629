//! The limits of connections, and which are ended first when one is reached.

/// How many connections and streams there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one network address.
    pub connections_per_address: usize,
    /// Streams in all.
    pub streams: usize,
    /// Streams of one network address.
    pub streams_per_address: usize,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Too many from one network address.
    Address,
    /// Too many in all.
    All,
}

/// The order in which connections are ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    Idle,
    Arriving,
    Stream,
    Sending,
}
