//! What a waiting room does by itself: closes its list for the draw, ends sessions, admits the
//! next, ends with the sale. Bounded per transition; what is left follows as due work, after the
//! commands that wait.

use super::queue::{Admission, CLOSING_MS, EntryState, Queue, QueueEnd};
use super::{Change, Inventory, SaleState, TimestampMs};
use crate::ids::ProductId;
use crate::planted::{Bug, is_planted};

/// The most sessions that end in one transition.
const ENDS: usize = 1_000;
/// The most admissions in one transition.
const ADMISSIONS: u32 = 1_000;

impl Inventory {
    /// Adds what follows in the queue from the changes so far, in the same transition: nobody in
    /// between finds the place that the next in line is admitted for.
    pub(super) fn follow_queue(&mut self, changes: &mut Vec<Change>, looks: u32) {
        if self.queue.is_none() || self.sale_state == SaleState::Cancelled {
            return;
        }
        for next in [Self::queue_end, Self::queue_close, Self::sessions_end, Self::admissions] {
            let Some(queue) = &self.queue else { return };
            if let Some(change) = next(self, queue, looks) {
                self.apply_live(&change);
                changes.push(change);
            }
        }
    }

    /// The time of the queue's next work; `None` if it waits for something else than time.
    pub(super) fn queue_due_at(&self) -> Option<TimestampMs> {
        let queue = self.queue.as_deref()?;
        let close = match queue.line.closed {
            None => self.queue_closes_at(queue),
            Some(_) => None,
        };
        let (end, sessions) = (self.queue_ends_at(queue), queue.sessions.next_deadline());
        let admission = self.admits_at(queue);
        let due = [end, close, sessions, admission].into_iter().flatten().min()?;
        Some(due.max(self.now))
    }

    /// The time of the draw: as ruled, or the first instant on sale. `None` if that is not known.
    pub(super) fn queue_opens_at(&self) -> Option<TimestampMs> {
        let queue = self.queue.as_deref()?;
        if queue.rules.opens_at.is_some() {
            return queue.rules.opens_at;
        }
        if self.sale_state == SaleState::Scheduled {
            return None;
        }
        let first = self.products.iter().filter(|product| product.withdrawn_at.is_none());
        let first = first.map(|product| product.sale.start.unwrap_or(TimestampMs::MIN)).min();
        let of_sale = self.sale.start.unwrap_or(TimestampMs::MIN);
        first.map(|first| first.max(of_sale).max(queue.began_at))
    }

    fn queue_closes_at(&self, queue: &Queue) -> Option<TimestampMs> {
        let opens_at = self.queue_opens_at()?;
        // Nobody can have come before the opening of a queue that began after it.
        Some(match opens_at <= queue.began_at {
            true => queue.began_at,
            false => opens_at.saturating_add(CLOSING_MS),
        })
    }

    /// True if no place will be sold any more, as the sale is now.
    pub(super) fn sale_is_over(&self) -> bool {
        self.sale_state == SaleState::Closed
            || self.sale_window().end.is_some_and(|end| end <= self.now)
    }

    fn queue_ends_at(&self, queue: &Queue) -> Option<TimestampMs> {
        let is_served =
            queue.line.draw.is_some() && queue.line.waiting() == 0 && queue.sessions.open() == 0;
        if self.sale_state == SaleState::Closed || (queue.rules.draining && is_served) {
            return Some(self.now);
        }
        self.sale_window().end
    }

    fn queue_end(&self, queue: &Queue, _: u32) -> Option<Change> {
        let due = self.queue_ends_at(queue).is_some_and(|at| at <= self.now);
        let how = if self.sale_is_over() { QueueEnd::SaleOver } else { QueueEnd::Drained };
        due.then_some(Change::QueueEnded { how })
    }

    fn queue_close(&self, queue: &Queue, _: u32) -> Option<Change> {
        if queue.line.closed.is_some() || self.queue_closes_at(queue)? > self.now {
            return None;
        }
        Some(Change::QueueClosed { count: queue.line.len(), root: queue.line.chain() })
    }

    fn sessions_end(&self, queue: &Queue, _: u32) -> Option<Change> {
        let due = queue.sessions.due(self.now, ENDS).filter_map(|number| {
            let customer = queue.line.entry(number)?.customer;
            Some((number, queue.sessions.of(customer)?.end()))
        });
        let sessions: Vec<_> = due.collect();
        (!sessions.is_empty()).then_some(Change::SessionsEnded { sessions })
    }

    /// The time from which the next in line may be admitted, if nothing but time is in the way.
    fn admits_at(&self, queue: &Queue) -> Option<TimestampMs> {
        if !Self::has_next(queue) || Self::room_inside(queue) == 0 {
            return None;
        }
        if self.room_for_sessions(queue) > 0 {
            return Some(queue.rate_allows_at().max(self.now));
        }
        // Not on sale yet: its opening frees all places at once.
        (0_u16..).take(self.products.len()).filter_map(|id| self.opens_at(ProductId(id))).min()
    }

    fn has_next(queue: &Queue) -> bool {
        queue.line.draw.is_some() && !queue.rules.paused && queue.line.waiting() > 0
    }

    fn room_inside(queue: &Queue) -> u32 {
        let open = u32::try_from(queue.sessions.open()).unwrap_or(u32::MAX);
        if is_planted(Bug::ActiveLimitIgnored) {
            return ADMISSIONS;
        }
        queue.rules.active_limit.saturating_sub(open)
    }

    /// How many sessions more the places left are enough for.
    fn room_for_sessions(&self, queue: &Queue) -> u32 {
        let left = u64::from(self.places_for_queue());
        // Rounded up, so that the last place is not kept from everybody.
        let enough = (left * u64::from(queue.rules.admit_percent)).div_ceil(100);
        if is_planted(Bug::AdmitsBeyondStock) {
            return ADMISSIONS;
        }
        u32::try_from(enough).unwrap_or(u32::MAX).saturating_sub(queue.sessions.idle())
    }

    /// Places on sale that a session could hold now.
    pub(super) fn places_for_queue(&self) -> u32 {
        let all = (0_u16..).take(self.products.len()).map(ProductId);
        let on_sale = all.filter(|product| self.on_sale(*product).is_ok());
        on_sale
            .map(|product| self.available_past_waitlist(product).min(self.offerable(product)))
            .fold(0, u32::saturating_add)
    }

    fn admissions(&self, queue: &Queue, looks: u32) -> Option<Change> {
        if !Self::has_next(queue) {
            return None;
        }
        let rate = match is_planted(Bug::RateIgnored) {
            true => ADMISSIONS,
            false => queue.rate_allows(self.now),
        };
        let room = rate.min(Self::room_inside(queue)).min(ADMISSIONS);
        if room == 0 {
            return None;
        }
        let room = room.min(self.room_for_sessions(queue));
        if room == 0 {
            return None;
        }
        let (admitted, next) = next_in_line(queue, room, looks);
        if admitted.is_empty() && next == queue.line.next {
            return None;
        }
        Some(Change::QueueAdmitted { admitted, next })
    }
}

/// The entries to admit next, at most `room`, and the place at which the line goes on afterwards.
fn next_in_line(queue: &Queue, room: u32, looks: u32) -> (Vec<Admission>, u32) {
    let line = &queue.line;
    let mut admitted = Vec::new();
    let lane = |number: u32| line.entry(number).and_then(|entry| entry.state.lane());
    for number in line.ahead().iter().take(room as usize) {
        admitted.extend(lane(*number).map(|lane| Admission { number: *number, lane }));
    }
    let mut next = line.next;
    let end = next.saturating_add(looks);
    while (admitted.len() as u64) < u64::from(room) && next < end {
        let Some(number) = line.number_at(next) else { break };
        let skips = is_planted(Bug::LineSkipsOne) && next % 7 == 3;
        let entry = line.entry(number).filter(|entry| entry.state == EntryState::Waiting);
        if entry.is_some() && !skips {
            admitted.extend(lane(number).map(|lane| Admission { number, lane }));
        }
        next += 1;
    }
    (admitted, next)
}
