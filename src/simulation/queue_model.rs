//! The rules of a waiting room, in the simplest possible books: who waits where, who is inside and
//! until when, and when passes were given.

use std::collections::{BTreeSet, HashMap};

use crate::ids::{HoldId, ProductId, ReservationId, UserId};
use crate::inventory::{
    Change, Draw, Lane, QueueEntry, QueueRules, SaleState, TimestampMs, commitment_of, seed_of,
};

/// The longest time from the first hold to the end of a session.
const SESSION_MS: i64 = 15 * 60_000;

#[derive(Default)]
pub(super) struct QueueModel {
    queue: Option<Queue>,
    /// Holds, offers and unpaid reservations by their holds' ids.
    open: HashMap<HoldId, UserId>,
    holds: HashMap<ReservationId, (HoldId, UserId)>,
    withdrawn: BTreeSet<ProductId>,
}

struct Queue {
    rules: QueueRules,
    commitment: [u8; 32],
    entries: Vec<(UserId, Is)>,
    /// The numbers of those ahead of the line.
    ahead: Vec<u32>,
    /// The list of the draw: how many entries, and their hash.
    closed: Option<(u32, [u8; 32])>,
    draw: Option<Draw>,
    sessions: HashMap<u32, Session>,
    passes: Vec<TimestampMs>,
    /// The fastest rate so far.
    fastest: u32,
}

struct Session {
    customer: UserId,
    ends_at: TimestampMs,
    is_used: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    InLine,
    Ahead,
    Aside,
    Inside,
    Over,
}

impl QueueModel {
    /// True if the product is not sold any more.
    pub(super) fn is_withdrawn(&self, product: ProductId) -> bool {
        self.withdrawn.contains(&product)
    }

    /// Takes a change; `places` are free on sale after it, and `is_gift` if an organiser gives places
    /// away in its transition.
    pub(super) fn take(
        &mut self,
        at: TimestampMs,
        change: &Change,
        places: u32,
        is_gift: bool,
    ) -> Result<(), String> {
        if let Change::HoldPlaced { customer, .. } = change
            && let Some(queue) = &mut self.queue
            && !is_gift
        {
            queue.hold(at, *customer)?;
        }
        self.follow_claims(change);
        match change {
            Change::ProductWithdrawn { product } => drop(self.withdrawn.insert(*product)),
            Change::ProductRestored { product } => drop(self.withdrawn.remove(product)),
            Change::QueueEnded { .. } | Change::SaleStateSet { state: SaleState::Cancelled } => {
                self.queue = None;
            }
            Change::QueueSet { rules, commitment } => match &mut self.queue {
                Some(queue) => queue.set(rules, *commitment)?,
                None => self.queue = Some(Queue::new(rules, *commitment)),
            },
            Change::QueueAdmitted { admitted, next } => {
                let queue = self.queue.as_mut().ok_or("an admission without a queue")?;
                for admission in admitted {
                    queue.admit(at, admission.number, admission.lane)?;
                }
                queue.check_line(*next)?;
                queue.check_rate()?;
                let has_none = |one: &&Session| {
                    !one.is_used && !self.open.values().any(|of| *of == one.customer)
                };
                let idle = queue.sessions.values().filter(has_none).count() as u64;
                let percent = u64::from(places) * u64::from(queue.rules.admit_percent);
                if idle > percent.div_ceil(100) {
                    return Err(format!("{idle} are inside without a hold, for {places} places"));
                }
            }
            change => {
                if let Some(queue) = &mut self.queue {
                    queue.change(change)?;
                }
            }
        }
        Ok(())
    }

    fn follow_claims(&mut self, change: &Change) {
        match change {
            Change::HoldPlaced { hold, customer, .. }
            | Change::OfferMade { entry: hold, customer, .. } => {
                self.open.insert(*hold, *customer);
            }
            Change::CheckedOut { hold, reservation, customer, .. } => {
                self.holds.insert(*reservation, (*hold, *customer));
            }
            Change::HoldReleased { hold } => drop(self.open.remove(hold)),
            Change::HoldsExpired { holds } => {
                self.open.retain(|hold, _| !holds.contains(hold));
            }
            Change::ReservationConfirmed { reservation, .. }
            | Change::ReservationGranted { reservation, .. } => self.close(*reservation),
            Change::ReservationsExpired { reservations }
            | Change::ReservationsCancelled { reservations } => {
                reservations.iter().for_each(|reservation| self.close(*reservation));
            }
            Change::ReservationRevived { reservation } => {
                self.open.extend(self.holds.get(reservation).copied());
            }
            _ => {}
        }
    }

    fn close(&mut self, reservation: ReservationId) {
        if let Some((hold, _)) = self.holds.get(&reservation) {
            self.open.remove(hold);
        }
    }
}

impl Queue {
    fn new(rules: &QueueRules, commitment: [u8; 32]) -> Self {
        Self {
            rules: rules.clone(),
            commitment,
            entries: Vec::new(),
            ahead: Vec::new(),
            closed: None,
            draw: None,
            sessions: HashMap::new(),
            passes: Vec::new(),
            fastest: rules.passes_per_minute,
        }
    }

    fn set(&mut self, rules: &QueueRules, commitment: [u8; 32]) -> Result<(), String> {
        if self.closed.is_some() && self.commitment != commitment {
            return Err("the secret of a closed queue was replaced".into());
        }
        self.fastest = self.fastest.max(rules.passes_per_minute);
        (self.rules, self.commitment) = (rules.clone(), commitment);
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Result<(), String> {
        match change {
            Change::QueueEntered { entries } => self.enter(entries, Is::InLine)?,
            Change::QueueReturned { numbers } => {
                numbers.iter().try_for_each(|number| self.turn(*number, Is::Ahead))?;
            }
            Change::QueuePrioritised { entries, numbers, .. } => {
                numbers.iter().try_for_each(|number| self.turn(*number, Is::Ahead))?;
                self.enter(entries, Is::Ahead)?;
            }
            Change::QueueSetAside { numbers } => {
                numbers.iter().try_for_each(|number| self.turn(*number, Is::Aside))?;
            }
            Change::QueueVoided { numbers, .. } => {
                numbers.iter().try_for_each(|number| self.turn(*number, Is::Over))?;
            }
            Change::QueueLeft { number } => self.turn(*number, Is::Over)?,
            Change::QueueClosed { count, root } => {
                if self.closed.is_some() || *count as usize != self.entries.len() {
                    return Err(format!("closed twice, or over {count} entries"));
                }
                self.closed = Some((*count, *root));
                self.draw = (*count == 0).then(|| Draw::new([0; 32], 0));
            }
            Change::QueueDrawn { secret, public_value } => {
                let (count, root) = self.closed.ok_or("a draw before the close")?;
                if self.draw.is_some() || commitment_of(secret) != self.commitment {
                    return Err("a second draw, or one with another secret".into());
                }
                self.draw = Some(Draw::new(seed_of(secret, &root, public_value), count));
            }
            Change::SessionsEnded { sessions } => {
                for (number, _) in sessions {
                    self.sessions.remove(number).ok_or("no such session")?;
                    self.entries[*number as usize].1 = Is::Over;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, entries: &[QueueEntry], is: Is) -> Result<(), String> {
        for (customer, _) in entries {
            let is_in = |(of, is): &(UserId, Is)| of == customer && *is != Is::Over;
            if self.entries.iter().any(is_in) {
                return Err(format!("{customer} entered the queue twice"));
            }
            if is == Is::Ahead {
                self.ahead.push(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
            }
            self.entries.push((*customer, is));
        }
        Ok(())
    }

    fn turn(&mut self, number: u32, is: Is) -> Result<(), String> {
        let entry = self.entries.get_mut(number as usize).ok_or("no such entry")?;
        entry.1 = is;
        self.ahead.retain(|one| *one != number);
        if is == Is::Ahead {
            self.ahead.push(number);
        }
        Ok(())
    }

    fn hold(&mut self, at: TimestampMs, customer: UserId) -> Result<(), String> {
        let session = self.sessions.values_mut().find(|session| session.customer == customer);
        let Some(session) = session.filter(|session| at < session.ends_at) else {
            return Err(format!("{customer} holds places without a pass"));
        };
        if !session.is_used {
            (session.is_used, session.ends_at) = (true, at + SESSION_MS);
        }
        Ok(())
    }

    fn admit(&mut self, at: TimestampMs, number: u32, lane: Lane) -> Result<(), String> {
        let (customer, is) = *self.entries.get(number as usize).ok_or("no such entry")?;
        let is_next = match lane {
            Lane::Line => is == Is::InLine && self.ahead.is_empty(),
            Lane::Returned | Lane::Priority => self.ahead.first() == Some(&number),
        };
        if !is_next || self.draw.is_none() {
            return Err(format!("entry {number} is admitted out of turn: it is {is:?}"));
        }
        self.turn(number, Is::Inside)?;
        let ends_at = at + self.rules.pass_ms;
        self.sessions.insert(number, Session { customer, ends_at, is_used: false });
        self.passes.push(at);
        if self.sessions.len() > self.rules.active_limit as usize {
            return Err(format!("{} sessions are open", self.sessions.len()));
        }
        Ok(())
    }

    /// Nobody waits before the place at which the line goes on.
    fn check_line(&self, next: u32) -> Result<(), String> {
        let draw = self.draw.ok_or("an admission before the draw")?;
        for place in 0..next {
            if self.entries[draw.number_at(place) as usize].1 == Is::InLine {
                return Err(format!("place {place} of the line was passed over"));
            }
        }
        Ok(())
    }

    /// Ten seconds' worth of passes may come at once, and one always.
    fn check_rate(&self) -> Result<(), String> {
        let (Some(last), rate) = (self.passes.last(), i64::from(self.fastest)) else {
            return Ok(());
        };
        for (count, first) in (1..).zip(self.passes.iter().rev()) {
            let time = last - first;
            if count > (rate * (time + 10_000) / 60_000).max(1 + rate * time / 60_000) {
                return Err(format!("{count} passes in {time} ms at {rate} a minute"));
            }
        }
        Ok(())
    }
}
