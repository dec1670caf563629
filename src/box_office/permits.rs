//! Back-pressure: each command has a permit, which travels with it until it is answered. The bound
//! of an actix mailbox does not suffice: every clone of an address has a free slot of its own, and
//! a dropped HTTP request would free its slot while its command still waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The permits of one offering.
#[derive(Debug)]
pub(crate) struct Permits {
    taken: AtomicUsize,
    /// The limit for common commands.
    common: usize,
    /// The limit for commands that free or pay for places; includes `common`.
    all: usize,
}

/// The permits that a command may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A new claim, or a read.
    Common,
    /// Frees places, or completes an earlier promise.
    Urgent,
    /// Customers who enter a queue, up to a thousand at a time: they have permits of their own.
    Entry,
}

/// Room for one command; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: Arc<Permits>,
}

impl Permits {
    pub(crate) fn new(all: usize, reserved: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), common: all.saturating_sub(reserved), all })
    }

    /// Takes a permit; returns `None` if there is no room.
    pub(crate) fn take(self: &Arc<Self>, urgency: Urgency) -> Option<Permit> {
        let limit = match urgency {
            Urgency::Common => self.common,
            Urgency::Urgent | Urgency::Entry => self.all,
        };
        // Relaxed: the counter guards no other memory, and a count that is off by a racing command
        // is harmless.
        if self.taken.fetch_add(1, Ordering::Relaxed) >= limit {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit { permits: Arc::clone(self) })
    }

    /// True if any command is on its way, waiting or at work.
    pub(crate) fn in_use(&self) -> bool {
        self.taken() > 0
    }

    /// The number of permits that are taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_holds_leaves_room_to_pay() {
        let permits = Permits::new(3, 1);
        let held: Vec<_> = (0..2).map(|_| permits.take(Urgency::Common)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(permits.take(Urgency::Common).is_none());
        let urgent = permits.take(Urgency::Urgent);
        assert!(urgent.is_some() && permits.take(Urgency::Urgent).is_none());
        drop((held, urgent));
        assert!(!permits.in_use());
    }
}
