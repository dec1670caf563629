//! The bound of streams per customer: a page has one, and a few devices are enough for a person.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::ids::UserId;

/// The most streams of one customer at this instance, of all queues.
pub const MAX_STREAMS: usize = 5;

/// The open streams of customers.
#[derive(Default)]
pub(in crate::waiting_room) struct Streams {
    open: DashMap<UserId, usize>,
}

/// A stream that counts until this is dropped.
pub struct Following {
    streams: Arc<Streams>,
    customer: UserId,
}

impl Streams {
    /// Counts a stream; `None` if the customer has as many as one may have.
    pub(in crate::waiting_room) fn begin(self: &Arc<Self>, customer: UserId) -> Option<Following> {
        let mut count = self.open.entry(customer).or_insert(0);
        if *count >= MAX_STREAMS {
            return None;
        }
        *count += 1;
        Some(Following { streams: Arc::clone(self), customer })
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let Entry::Occupied(mut count) = self.streams.open.entry(self.customer) else { return };
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_has_few_streams_and_ended_ones_make_room() {
        let streams = Arc::new(Streams::default());
        let (kim, lee) = (UserId::random(), UserId::random());
        let mut open: Vec<_> =
            (0..MAX_STREAMS).map(|_| streams.begin(kim).expect("room")).collect();
        assert!(streams.begin(kim).is_none());
        let of_lee = streams.begin(lee);
        assert!(of_lee.is_some(), "of another customer");
        open.pop();
        assert!(streams.begin(kim).is_some(), "one has ended");
        drop((open, of_lee));
        assert!(streams.open.is_empty(), "nothing is kept of those without a stream");
    }
}
