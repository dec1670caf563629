//! The limits of connections, and the order in which connections are ended when a limit is reached.

/// The allowed numbers of connections and streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most connections in total.
    pub connections: usize,
    /// The most connections of one network address.
    pub connections_per_address: usize,
    /// The most streams in total.
    pub streams: usize,
    /// The most streams of one network address.
    pub streams_per_address: usize,
}

/// The limit that leaves no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The limit of one network address.
    Address,
    /// The limit of all connections or streams.
    All,
}

/// The kinds of connections in the order in which they are ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    Idle,
    Arriving,
    Stream,
    Sending,
}
