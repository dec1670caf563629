//! A queue in a snapshot: `inventory/snapshot.rs` has the number of its version.

use serde::{Deserialize, Serialize};

use super::draw::Draw;
use super::events::QueueTotals;
use super::line::{Closed, Entry, EntryState, Line};
use super::rules::QueueRules;
use super::sessions::{Session, Sessions};
use super::state::Queue;
use crate::ids::UserId;
use crate::inventory::definition::TimestampMs;
use crate::inventory::status::Violation;

#[derive(Serialize, Deserialize)]
pub(in crate::inventory) struct SavedQueue {
    rules: QueueRules,
    commitment: [u8; 32],
    began_at: TimestampMs,
    /// By number.
    entries: Vec<Entry>,
    closed: Option<Closed>,
    seed: Option<[u8; 32]>,
    next: u32,
    /// The lane ahead of the line, in order.
    ahead: Vec<u32>,
    /// Sorted by number.
    sessions: Vec<(UserId, Session)>,
    next_pass_ns: i64,
    totals: QueueTotals,
}

impl SavedQueue {
    pub(in crate::inventory) fn of(queue: &Queue) -> Self {
        let line = &queue.line;
        let mut sessions: Vec<_> =
            queue.sessions.iter().map(|(customer, session)| (customer, *session)).collect();
        sessions.sort_unstable_by_key(|(_, session)| session.number);
        Self {
            rules: queue.rules.clone(),
            commitment: queue.commitment,
            began_at: queue.began_at,
            entries: line.iter().copied().collect(),
            closed: line.closed,
            seed: line.draw.map(|draw| *draw.seed()),
            next: line.next,
            ahead: line.ahead().iter().copied().collect(),
            sessions,
            next_pass_ns: queue.next_pass_ns,
            totals: queue.totals,
        }
    }

    pub(in crate::inventory) fn load(self) -> Result<Queue, Violation> {
        let bad = |what: &str| Violation(format!("a queue of a snapshot {what}"));
        let mut queue = Queue::new(self.rules, self.commitment, self.began_at);
        let mut line = Line::default();
        for entry in self.entries {
            let newest = line.newest_of(entry.customer).map(|(_, newest)| newest.state);
            if newest.is_some_and(|newest| newest.waits() || newest == EntryState::Inside) {
                return Err(bad("has a customer twice"));
            }
            line.push(entry);
        }
        line.order_ahead(self.ahead);
        line.closed = self.closed;
        let count = match self.closed {
            Some(closed) if closed.count <= line.len() => closed.count,
            Some(_) => return Err(bad("is closed over more entries than it has")),
            None if self.seed.is_some() => return Err(bad("is drawn and not closed")),
            None => 0,
        };
        line.draw = self.seed.map(|seed| Draw::new(seed, count));
        if self.next > line.len() {
            return Err(bad("was served beyond its end"));
        }
        line.next = self.next;
        queue.line = line;
        let mut sessions = Sessions::default();
        for (customer, session) in self.sessions {
            if !sessions.add(customer, session) {
                return Err(bad("has a session twice"));
            }
        }
        queue.sessions = sessions;
        queue.next_pass_ns = self.next_pass_ns;
        queue.totals = self.totals;
        Ok(queue)
    }
}
