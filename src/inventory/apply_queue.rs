//! Folds the changes of a waiting room, and what claims of customers mean for their sessions.

use super::apply::{Applied, violation};
use super::claim::Kind;
use super::queue::{
    Admission, Closed, Draw, Entry, EntryState, IDLE_MS, Lane, Queue, QueueEntry, QueueRules,
    SESSION_MS, Session, SessionEnd, commitment_of, seed_of,
};
use super::{Change, Inventory, UserId, Violation};
use crate::planted::{Bug, is_planted};

impl Inventory {
    pub(super) fn apply_queue(&mut self, change: &Change) -> Applied {
        match change {
            Change::QueueSet { rules, commitment } => self.set_queue(rules, *commitment),
            Change::QueueEntered { entries } => self.enter(entries, EntryState::Waiting),
            Change::QueueReturned { numbers } => {
                numbers.iter().try_for_each(|number| self.return_entry(*number))
            }
            Change::QueueClosed { count, root } => self.close_queue(*count, *root),
            Change::QueueDrawn { secret, public_value } => self.draw_queue(secret, public_value),
            Change::QueueAdmitted { admitted, next } => self.admit(admitted, *next),
            Change::QueueLeft { number } => {
                self.queue_mut()?.totals.left += 1;
                self.end_waiting(*number, EntryState::Left)
            }
            Change::QueueSetAside { numbers } => {
                let queue = self.queue_mut()?;
                queue.totals.set_aside += u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                numbers.iter().try_for_each(|number| self.set_aside(*number))
            }
            Change::QueueVoided { numbers, .. } => {
                let queue = self.queue_mut()?;
                queue.totals.voided += u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                numbers.iter().try_for_each(|number| self.void(*number))
            }
            Change::QueuePrioritised { entries, numbers, .. } => {
                for number in numbers {
                    self.prioritise(*number)?;
                }
                self.enter(entries, EntryState::Priority)
            }
            Change::PassUsed { number } => self.use_pass(*number),
            Change::SessionsEnded { sessions } => {
                sessions.iter().try_for_each(|(number, how)| self.end_session(*number, *how))
            }
            Change::QueueEnded { .. } => {
                self.queue_mut()?;
                self.queue = None;
                Ok(())
            }
            other => violation(format!("not a change of a queue: {other:?}")),
        }
    }

    fn queue_mut(&mut self) -> Result<&mut Queue, Violation> {
        self.queue.as_deref_mut().ok_or_else(|| Violation("there is no queue".into()))
    }

    fn set_queue(&mut self, rules: &QueueRules, commitment: [u8; 32]) -> Applied {
        if self.class.is_some() {
            return violation("a class has no queue");
        }
        match self.queue.as_deref_mut() {
            Some(queue) => {
                let is_closed = queue.line.closed.is_some();
                if is_closed && commitment != queue.commitment {
                    return violation("the secret of a closed queue changes");
                }
                queue.rules = rules.clone();
                queue.commitment = commitment;
            }
            None => {
                self.queue_generation += 1;
                let queue = Queue::new(rules.clone(), commitment, self.now);
                self.queue = Some(Box::new(queue));
            }
        }
        Ok(())
    }

    fn enter(&mut self, entries: &[QueueEntry], state: EntryState) -> Applied {
        let queue = self.queue_mut()?;
        for &(customer, id) in entries {
            let newest = queue.line.newest_of(customer).map(|(_, entry)| entry.state);
            if newest.is_some_and(|newest| newest.waits() || newest == EntryState::Inside) {
                return violation(format!("{customer} is in the queue already"));
            }
            queue.line.push(Entry { customer, id, state });
        }
        Ok(())
    }

    fn return_entry(&mut self, number: u32) -> Applied {
        let queue = self.queue_mut()?;
        queue.totals.returned += 1;
        match queue.line.set(number, EntryState::Returned)? {
            EntryState::Aside => Ok(()),
            _ => violation(format!("entry {number} was not set aside")),
        }
    }

    fn close_queue(&mut self, count: u32, root: [u8; 32]) -> Applied {
        let queue = self.queue_mut()?;
        let is_this = count == queue.line.len() && root == queue.line.chain();
        if queue.line.closed.is_some() || !is_this {
            return violation("a queue is closed twice, or over another list");
        }
        queue.line.close(count, root);
        if count == 0 {
            // Nobody to draw for.
            queue.line.draw = Some(Draw::new([0; 32], 0));
        }
        Ok(())
    }

    fn draw_queue(&mut self, secret: &[u8; 32], public_value: &str) -> Applied {
        let queue = self.queue_mut()?;
        let Some(Closed { count, root }) = queue.line.closed else {
            return violation("a draw before its list was closed");
        };
        if queue.line.draw.is_some() || commitment_of(secret) != queue.commitment {
            return violation("a second draw, or one with another secret");
        }
        let seed = seed_of(secret, &root, public_value);
        queue.line.draw = Some(Draw::new(seed, count));
        Ok(())
    }

    fn admit(&mut self, admitted: &[Admission], next: u32) -> Applied {
        let now = self.now;
        let passes = u32::try_from(admitted.len()).unwrap_or(u32::MAX);
        let queue = self.queue_mut()?;
        // The order is that of the line, whatever the rules were at the time: what the journal says
        // is compared with it.
        if queue.line.draw.is_none() || !follows_the_line(queue, admitted, next) {
            return violation("an admission out of turn");
        }
        queue.passes_given(passes, now);
        queue.totals.admitted += passes;
        queue.line.next = next;
        let ends_at = now.saturating_add(queue.rules.pass_ms);
        for admission in admitted {
            let number = admission.number;
            let queue = self.queue_mut()?;
            queue.line.set(number, EntryState::Inside)?;
            let Some(customer) = queue.line.entry(number).map(|entry| entry.customer) else {
                return violation(format!("the queue has no entry {number}"));
            };
            let claims = self.open_claims_of(customer);
            let session = Session {
                number,
                admitted_at: now,
                ends_at,
                used_at: None,
                claims,
                has_bought: false,
            };
            if !self.queue_mut()?.sessions.add(customer, session) {
                return violation(format!("{customer} is admitted twice"));
            }
        }
        Ok(())
    }

    fn end_waiting(&mut self, number: u32, state: EntryState) -> Applied {
        let before = self.queue_mut()?.line.set(number, state)?;
        if before.waits() || before == EntryState::Aside {
            return Ok(());
        }
        violation(format!("entry {number} does not wait"))
    }

    fn set_aside(&mut self, number: u32) -> Applied {
        match self.queue_mut()?.line.set(number, EntryState::Aside)?.waits() {
            true => Ok(()),
            false => violation(format!("entry {number} does not wait")),
        }
    }

    /// The session of a voided entry has ended before, by a change of its own.
    fn void(&mut self, number: u32) -> Applied {
        match self.queue_mut()?.line.set(number, EntryState::Voided)? {
            EntryState::Inside => violation(format!("entry {number} has an open session")),
            EntryState::Voided => violation(format!("entry {number} is void already")),
            EntryState::Waiting
            | EntryState::Returned
            | EntryState::Priority
            | EntryState::Aside
            | EntryState::Lapsed
            | EntryState::Served
            | EntryState::Left => Ok(()),
        }
    }

    fn prioritise(&mut self, number: u32) -> Applied {
        match self.queue_mut()?.line.set(number, EntryState::Priority)? {
            EntryState::Waiting | EntryState::Returned | EntryState::Aside => Ok(()),
            _ => violation(format!("entry {number} does not wait behind others")),
        }
    }

    fn use_pass(&mut self, number: u32) -> Applied {
        let now = self.now;
        let queue = self.queue_mut()?;
        let Some(customer) = queue.line.entry(number).map(|entry| entry.customer) else {
            return violation(format!("the queue has no entry {number}"));
        };
        let fresh = queue.sessions.of(customer).is_some_and(|found| found.used_at.is_none());
        if !fresh {
            return violation(format!("{customer} has no unused pass"));
        }
        queue.totals.used += 1;
        queue.sessions.change(customer, |session| {
            session.used_at = Some(now);
            session.ends_at = now.saturating_add(SESSION_MS);
        });
        Ok(())
    }

    fn end_session(&mut self, number: u32, how: SessionEnd) -> Applied {
        let queue = self.queue_mut()?;
        let Some(customer) = queue.line.entry(number).map(|entry| entry.customer) else {
            return violation(format!("the queue has no entry {number}"));
        };
        let session = queue.sessions.remove(customer).filter(|session| session.number == number);
        let Some(session) = session else {
            return violation(format!("{customer} has no open session"));
        };
        let state = match (how, session.used_at) {
            (SessionEnd::Left, None) => EntryState::Left,
            (_, None) => EntryState::Lapsed,
            (_, Some(_)) => EntryState::Served,
        };
        match state {
            EntryState::Lapsed => queue.totals.lapsed += 1,
            EntryState::Left => queue.totals.left += 1,
            _ => {}
        }
        queue.line.set(number, state)?;
        Ok(())
    }

    /// Holds, offers and unpaid reservations of a customer.
    pub(super) fn open_claims_of(&self, customer: UserId) -> u32 {
        let living = self.claims.living_from(self.customers.newest(customer));
        let open = living.filter(|(_, claim)| match &claim.kind {
            Kind::Hold(_) => true,
            Kind::Reservation(reservation) => !reservation.state.is_confirmed(),
        });
        u32::try_from(open.count()).unwrap_or(u32::MAX)
    }

    /// A customer has one more hold, or one more unpaid reservation.
    pub(super) fn session_claims_more(&mut self, customer: UserId, uses_pass: bool) {
        let now = self.now;
        let Some(queue) = self.queue.as_deref_mut() else { return };
        let mut is_first = false;
        queue.sessions.change(customer, |session| {
            session.claims += 1;
            if session.ends_at <= now {
                // Over already: due work ends it.
                return;
            }
            if uses_pass && session.used_at.is_none() {
                is_first = true;
                session.used_at = Some(now);
            }
            // A session that was about to end with its last claim goes on with the next one.
            if let Some(used_at) = session.used_at {
                session.ends_at = used_at.saturating_add(SESSION_MS);
            }
        });
        queue.totals.used += u32::from(is_first);
    }

    /// A hold or an unpaid reservation of a customer has ended; `is_paid` if it was confirmed.
    pub(super) fn session_claims_less(&mut self, customer: UserId, is_paid: bool) {
        let now = self.now;
        let Some(queue) = self.queue.as_deref_mut() else { return };
        queue.sessions.change(customer, |session| {
            session.claims = session.claims.saturating_sub(1);
            session.has_bought |= is_paid;
            if session.claims > 0 || session.used_at.is_none() {
                return;
            }
            let idle = if is_paid { 0 } else { IDLE_MS };
            session.ends_at = session.ends_at.min(now.saturating_add(idle));
        });
    }
}

/// True if these are the next entries in turn, and `next` is the place where the line goes on.
fn follows_the_line(queue: &Queue, admitted: &[Admission], next: u32) -> bool {
    if is_planted(Bug::LineSkipsOne) {
        return true;
    }
    let line = &queue.line;
    let of_lane = admitted.iter().take_while(|one| one.lane != Lane::Line).count();
    let (of_lane, of_line) = admitted.split_at(of_lane);
    let is_front =
        line.ahead().iter().take(of_lane.len()).eq(of_lane.iter().map(|one| &one.number));
    let moves = next > line.next;
    // The line is served only once the lane ahead is empty.
    if !is_front || (moves && of_lane.len() < line.ahead().len()) || next > line.len() {
        return false;
    }
    let passed = (line.next..next).filter_map(|place| line.number_at(place));
    let waited = passed.filter(|number| {
        line.entry(*number).is_some_and(|entry| entry.state == EntryState::Waiting)
    });
    waited.eq(of_line.iter().map(|one| one.number))
}
