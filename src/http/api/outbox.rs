//! Messages for other systems: the feed of an event, and the deliveries of the relay.

pub mod deliveries;
pub mod feed;
