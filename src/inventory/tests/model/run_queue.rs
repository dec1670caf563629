//! What the naive model's queue does by itself, and when.

use super::queue::{Is, Queue};
use super::*;
use crate::inventory::{Admission, Lane, QueueEnd, TimestampMs};

/// The most sessions ended and entries admitted in one transition.
const PAGE: usize = 1_000;

impl Model {
    /// What follows in the queue from the changes so far, one kind after the other.
    pub(super) fn follow_queue(&mut self, changes: &mut Vec<Change>, looks: usize) {
        for next in [Self::end, Self::close, Self::ended_sessions, Self::admissions] {
            let Some(queue) = &self.queue else { return };
            if let Some(change) = next(self, queue, looks) {
                self.apply(&change);
                changes.push(change);
            }
        }
    }

    pub(super) fn queue_due_at(&self) -> Option<TimestampMs> {
        let queue = self.queue.as_ref()?;
        let close = self.closes_at(queue).filter(|_| queue.closed.is_none());
        let sessions = queue.sessions.iter().map(|session| session.ends);
        let all = sessions.chain(close).chain(self.ends_at(queue)).chain(self.admits_at(queue));
        all.min().map(|due| due.max(self.at))
    }

    pub(in crate::inventory::tests) fn queue_opens_at(&self) -> Option<TimestampMs> {
        let queue = self.queue.as_ref()?;
        if let Some(ruled) = queue.rules.opens_at {
            return Some(ruled);
        }
        let products = (0..).map(ProductId).zip(&self.definition.products);
        let offered = products.filter(|(id, _)| !self.withdrawn.contains_key(id));
        let starts = offered.map(|(_, product)| product.sale.start.unwrap_or(i64::MIN));
        let first = starts.min().filter(|_| self.state != SaleState::Scheduled)?;
        let of_sale = self.definition.sale.start.unwrap_or(i64::MIN);
        Some([first, of_sale, queue.began_at].into_iter().max().unwrap())
    }

    fn closes_at(&self, queue: &Queue) -> Option<TimestampMs> {
        let opens_at = self.queue_opens_at()?;
        if opens_at <= queue.began_at {
            return Some(queue.began_at);
        }
        Some(opens_at + 1_000)
    }

    fn sale_ends_at(&self) -> Option<TimestampMs> {
        self.definition.sale.end.or(self.times.map(|(_, ends)| ends))
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == SaleState::Closed || self.sale_ends_at().is_some_and(|end| end <= self.at)
    }

    fn ends_at(&self, queue: &Queue) -> Option<TimestampMs> {
        let is_served = queue.draw.is_some() && queue.waiting() + queue.sessions.len() == 0;
        if self.state == SaleState::Closed || queue.rules.draining && is_served {
            return Some(self.at);
        }
        self.sale_ends_at()
    }

    fn end(&self, queue: &Queue, _: usize) -> Option<Change> {
        self.ends_at(queue).filter(|at| *at <= self.at)?;
        let how = if self.is_over() { QueueEnd::SaleOver } else { QueueEnd::Drained };
        Some(Change::QueueEnded { how })
    }

    fn close(&self, queue: &Queue, _: usize) -> Option<Change> {
        self.closes_at(queue).filter(|at| queue.closed.is_none() && *at <= self.at)?;
        let count = u32::try_from(queue.entries.len()).unwrap();
        Some(Change::QueueClosed { count, root: queue.root() })
    }

    fn ended_sessions(&self, queue: &Queue, _: usize) -> Option<Change> {
        let mut due: Vec<_> = queue.sessions.iter().filter(|one| one.ends <= self.at).collect();
        due.sort_by_key(|session| (session.ends, session.number));
        due.truncate(PAGE);
        let sessions: Vec<_> = due.iter().map(|one| (one.number, self.end_of(one))).collect();
        (!sessions.is_empty()).then_some(Change::SessionsEnded { sessions })
    }

    fn may_admit(queue: &Queue) -> bool {
        let is_full = queue.sessions.len() >= queue.rules.active_limit as usize;
        queue.draw.is_some() && !queue.rules.paused && queue.waiting() > 0 && !is_full
    }

    fn admits_at(&self, queue: &Queue) -> Option<TimestampMs> {
        if !Self::may_admit(queue) {
            return None;
        }
        if self.room(queue) > 0 {
            return Some(queue.rate_allows_at(self.at));
        }
        let all = (0..u16::try_from(self.definition.products.len()).unwrap()).map(ProductId);
        all.filter_map(|product| self.opens_later(product)).min()
    }

    /// The start of the sale of a product that is not on sale yet, for no other reason.
    fn opens_later(&self, product: ProductId) -> Option<TimestampMs> {
        let windows = self.windows(product);
        let start = windows.iter().filter_map(|window| window.start).max()?;
        let ends = windows.iter().filter_map(|window| window.end);
        let ends = ends.chain(self.withdrawn.get(&product).copied()).min();
        let opens = self.state == SaleState::Open && start > self.at;
        (opens && ends.is_none_or(|end| end > start)).then_some(start)
    }

    /// The places that a session could hold now.
    pub(in crate::inventory::tests) fn places_for_sessions(&self) -> u32 {
        let all = (0..u16::try_from(self.definition.products.len()).unwrap()).map(ProductId);
        let free = all.filter(|product| self.on_sale(*product).is_ok()).map(|product| {
            let free = self.for_anyone(product);
            let waits = |one: &Waiting| one.product == product && one.party <= free;
            if self.waiting.iter().any(waits) { 0 } else { free }
        });
        free.sum()
    }

    /// How many more sessions may hold nothing.
    fn room(&self, queue: &Queue) -> usize {
        let percent = u64::from(self.places_for_sessions()) * u64::from(queue.rules.admit_percent);
        let most = usize::try_from(percent.div_ceil(100)).unwrap();
        most.saturating_sub(self.idle(queue))
    }

    /// Sessions that hold nothing yet.
    pub(in crate::inventory::tests) fn idle(&self, queue: &Queue) -> usize {
        let unused = queue.sessions.iter().filter(|one| one.used.is_none());
        unused.filter(|one| self.open_claims(one.customer) == 0).count()
    }

    fn admissions(&self, queue: &Queue, looks: usize) -> Option<Change> {
        if !Self::may_admit(queue) {
            return None;
        }
        let inside = queue.rules.active_limit as usize - queue.sessions.len();
        let rate = queue.rate_allows(self.at) as usize;
        let room = [rate, inside, self.room(queue), PAGE].into_iter().min().unwrap();
        if room == 0 {
            return None;
        }
        let of_lane = queue.ahead().into_iter().map(|(number, lane)| Admission { number, lane });
        let mut admitted: Vec<Admission> = of_lane.take(room).collect();
        let mut next = queue.served;
        for number in queue.line().into_iter().skip(queue.served).take(looks) {
            if admitted.len() == room {
                break;
            }
            next += 1;
            if queue.is(number) == Some(Is::InLine) {
                admitted.push(Admission { number, lane: Lane::Line });
            }
        }
        let is_empty = admitted.is_empty() && next == queue.served;
        let next = u32::try_from(next).unwrap();
        (!is_empty).then_some(Change::QueueAdmitted { admitted, next })
    }
}
