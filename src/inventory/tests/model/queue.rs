//! The naive model's queue: its entries in a list, its order by sorting all of them, its rate from
//! all passes ever given, and what claims of customers mean for their sessions.

use super::*;
use crate::ids::QueueEntryId;
use crate::inventory::{
    Admission, Draw, Lane, QueueEnd, QueueRules, QueueTotals, SessionEnd, chained, first_link,
    seed_of,
};

pub(super) const MINUTE: i64 = 60_000;

#[derive(Clone, Debug)]
pub(in crate::inventory::tests) struct Queue {
    pub(in crate::inventory::tests) rules: QueueRules,
    pub(super) commitment: [u8; 32],
    pub(super) began_at: i64,
    pub(in crate::inventory::tests) entries: Vec<Entry>,
    /// How many entries were on the list of the draw.
    pub(in crate::inventory::tests) closed: Option<u32>,
    pub(in crate::inventory::tests) draw: Option<Draw>,
    /// The places of the line that are served.
    pub(in crate::inventory::tests) served: usize,
    /// Orders the lane ahead of the line.
    tickets: u64,
    pub(in crate::inventory::tests) sessions: Vec<Session>,
    /// The time of each pass in nanoseconds, and the time between passes then.
    passes: Vec<(i128, i128)>,
    pub(in crate::inventory::tests) totals: QueueTotals,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::inventory::tests) struct Entry {
    pub(in crate::inventory::tests) customer: UserId,
    pub(super) id: QueueEntryId,
    pub(in crate::inventory::tests) is: Is,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inventory::tests) enum Is {
    InLine,
    /// The number orders those ahead of the line.
    Ahead(Lane, u64),
    Aside,
    Inside,
    Lapsed,
    Served,
    Left,
    Voided,
}

impl Is {
    pub(in crate::inventory::tests) fn waits(self) -> bool {
        matches!(self, Self::InLine | Self::Ahead(..))
    }
}

#[derive(Clone, Copy, Debug)]
pub(in crate::inventory::tests) struct Session {
    pub(in crate::inventory::tests) number: u32,
    pub(in crate::inventory::tests) customer: UserId,
    pub(in crate::inventory::tests) began: i64,
    pub(in crate::inventory::tests) ends: i64,
    pub(in crate::inventory::tests) used: Option<i64>,
    bought: bool,
}

impl Queue {
    fn new(rules: &QueueRules, commitment: [u8; 32], began_at: i64) -> Self {
        Self {
            rules: rules.clone(),
            commitment,
            began_at,
            entries: Vec::new(),
            closed: None,
            draw: None,
            served: 0,
            tickets: 0,
            sessions: Vec::new(),
            passes: Vec::new(),
            totals: QueueTotals::default(),
        }
    }

    pub(in crate::inventory::tests) fn newest(&self, customer: UserId) -> Option<u32> {
        let found = self.entries.iter().rposition(|entry| entry.customer == customer)?;
        Some(u32::try_from(found).unwrap())
    }

    pub(in crate::inventory::tests) fn is(&self, number: u32) -> Option<Is> {
        self.entries.get(number as usize).map(|entry| entry.is)
    }

    pub(super) fn newest_is(&self, customer: UserId) -> Option<Is> {
        self.is(self.newest(customer)?)
    }

    pub(super) fn turns(&self, customer: UserId) -> usize {
        self.entries.iter().filter(|entry| entry.customer == customer).count()
    }

    pub(super) fn waiting(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is.waits()).count()
    }

    /// The hash of the list of all entries.
    pub(super) fn root(&self) -> [u8; 32] {
        let link = |list, entry: &Entry| chained(list, *entry.id.0.as_bytes());
        self.entries.iter().fold(first_link(), link)
    }

    /// All numbers by their places in the line; empty before the draw.
    pub(in crate::inventory::tests) fn line(&self) -> Vec<u32> {
        let Some(draw) = self.draw else { return Vec::new() };
        let all = u32::try_from(self.entries.len()).unwrap();
        let (mut drawn, behind): (Vec<u32>, Vec<u32>) =
            (0..all).partition(|number| *number < self.closed.unwrap_or(0));
        drawn.sort_by_key(|number| draw.place_of(*number));
        drawn.into_iter().chain(behind).collect()
    }

    /// The numbers ahead of the line, the first first.
    pub(in crate::inventory::tests) fn ahead(&self) -> Vec<(u32, Lane)> {
        let mut ahead: Vec<(u64, u32, Lane)> = (0..)
            .zip(&self.entries)
            .filter_map(|(number, entry)| match entry.is {
                Is::Ahead(lane, ticket) => Some((ticket, number, lane)),
                _ => None,
            })
            .collect();
        ahead.sort_by_key(|(ticket, ..)| *ticket);
        ahead.into_iter().map(|(_, number, lane)| (number, lane)).collect()
    }

    /// Nanoseconds between two passes.
    fn interval(&self) -> i128 {
        let (minute, passes) = (60_000_000_000_i128, i128::from(self.rules.passes_per_minute));
        (minute + passes - 1) / passes
    }

    /// The earliest time in nanoseconds of the next pass: ten seconds' worth may be early.
    fn next_pass(&self, more: i128) -> Option<i128> {
        let early = (10_000_000_000 - self.interval()).max(0);
        let mut due = None;
        for (at, interval) in &self.passes {
            due = Some(due.map_or(*at, |due: i128| due.max(*at)) + interval);
        }
        due.map(|due| due - early + more * self.interval())
    }

    /// How many passes the rate allows at a time.
    pub(super) fn rate_allows(&self, at: i64) -> u32 {
        let now = i128::from(at) * 1_000_000;
        let early = (10_000_000_000 - self.interval()).max(0);
        let mut passes = 0;
        let mut due = self.next_pass(0).map_or(now, |pass| (pass + early).max(now));
        while passes < 1_000 && due - early <= now {
            passes += 1;
            due += self.interval();
        }
        passes
    }

    /// The first time at which the rate allows a pass.
    pub(super) fn rate_allows_at(&self, now: i64) -> i64 {
        let Some(pass) = self.next_pass(0) else { return now };
        let at = pass.div_euclid(1_000_000) + i128::from(pass.rem_euclid(1_000_000) > 0);
        now.max(i64::try_from(at).unwrap())
    }

    pub(in crate::inventory::tests) fn session(&self, customer: UserId) -> Option<&Session> {
        self.sessions.iter().find(|session| session.customer == customer)
    }

    fn set(&mut self, number: u32, is: Is) {
        self.entries[number as usize].is = is;
    }

    fn ahead_as(&mut self, lane: Lane) -> Is {
        self.tickets += 1;
        Is::Ahead(lane, self.tickets)
    }

    fn admit(&mut self, admitted: &[Admission], now: i64) {
        for admission in admitted {
            self.passes.push((i128::from(now) * 1_000_000, self.interval()));
            self.set(admission.number, Is::Inside);
            let customer = self.entries[admission.number as usize].customer;
            assert!(self.session(customer).is_none(), "{customer} is admitted twice");
            let (number, ends) = (admission.number, now + self.rules.pass_ms);
            let (began, used, bought) = (now, None, false);
            self.sessions.push(Session { number, customer, began, ends, used, bought });
            self.totals.admitted += 1;
        }
    }

    fn end_session(&mut self, number: u32, how: SessionEnd) {
        let at = self.sessions.iter().position(|session| session.number == number).unwrap();
        let session = self.sessions.remove(at);
        let is = match (session.used, how) {
            (Some(_), _) => Is::Served,
            (None, SessionEnd::Left) => Is::Left,
            (None, _) => Is::Lapsed,
        };
        self.totals.left += u32::from(is == Is::Left);
        self.totals.lapsed += u32::from(is == Is::Lapsed);
        self.set(number, is);
    }

    fn use_pass(&mut self, customer: UserId, now: i64) {
        let mut own = self.sessions.iter_mut().filter(|session| session.customer == customer);
        if let Some(session) = own.next().filter(|one| one.used.is_none() && one.ends > now) {
            (session.used, session.ends) = (Some(now), now + 15 * MINUTE);
            self.totals.used += 1;
        }
    }
}

impl Model {
    pub(in crate::inventory::tests) fn apply(&mut self, change: &Change) {
        let of_sessions = |model: &Self| -> Vec<(UserId, usize)> {
            let sessions = model.queue.iter().flat_map(|queue| &queue.sessions);
            sessions.map(|one| (one.customer, model.open_claims(one.customer))).collect()
        };
        let before = of_sessions(self);
        self.apply_one(change);
        let after = of_sessions(self);
        for (customer, now) in after {
            if let Some((_, then)) = before.iter().find(|(of, _)| *of == customer) {
                self.follow_claims(change, customer, *then, now);
            }
        }
    }

    /// What the customer's claims before and after a change mean for the session.
    fn follow_claims(&mut self, change: &Change, customer: UserId, before: usize, after: usize) {
        let at = self.at;
        let Some(queue) = &mut self.queue else { return };
        if matches!(change, Change::HoldPlaced { .. }) && after > before {
            queue.use_pass(customer, at);
        }
        let mut own = queue.sessions.iter_mut().filter(|session| session.customer == customer);
        let Some(session) = own.next() else { return };
        let is_paid = matches!(
            change,
            Change::ReservationConfirmed { .. } | Change::ReservationGranted { .. }
        );
        if after < before {
            session.bought |= is_paid;
        }
        let Some(used) = session.used else { return };
        if after > before && session.ends > at {
            session.ends = used + 15 * MINUTE;
        }
        if after < before && after == 0 {
            session.ends = session.ends.min(if is_paid { at } else { at + MINUTE });
        }
    }

    /// Holds, offers and unpaid reservations.
    pub(in crate::inventory::tests) fn open_claims(&self, customer: UserId) -> usize {
        let is_open = |claim: &&Claim| {
            claim.customer == customer
                && matches!(claim.state, State::Hold { .. } | State::Pending { .. })
        };
        self.claims.iter().filter(is_open).count()
    }

    /// Why a session ends at its deadline.
    pub(super) fn end_of(&self, session: &Session) -> SessionEnd {
        match (session.used, self.open_claims(session.customer), session.bought) {
            (None, ..) => SessionEnd::Lapsed,
            (Some(_), 1.., _) => SessionEnd::TimedOut,
            (Some(_), 0, true) => SessionEnd::Bought,
            (Some(_), 0, false) => SessionEnd::Idle,
        }
    }

    pub(super) fn apply_queue(&mut self, change: &Change) {
        let now = self.at;
        if let Change::QueueEnded { how } = change {
            assert!(*how != QueueEnd::SaleOver || self.is_over());
            self.queue = None;
            return;
        }
        if let (Change::QueueSet { rules, commitment }, None) = (change, &self.queue) {
            self.generation += 1;
            self.queue = Some(Queue::new(rules, *commitment, now));
            return;
        }
        let queue = self.queue.as_mut().expect("a change of a queue");
        match change {
            Change::QueueSet { rules, commitment } => {
                (queue.rules, queue.commitment) = (rules.clone(), *commitment);
            }
            Change::QueueEntered { entries } => {
                let entered =
                    entries.iter().map(|&(customer, id)| Entry { customer, id, is: Is::InLine });
                queue.entries.extend(entered);
            }
            Change::QueueReturned { numbers } => {
                for number in numbers {
                    let is = queue.ahead_as(Lane::Returned);
                    queue.set(*number, is);
                    queue.totals.returned += 1;
                }
            }
            Change::QueueClosed { count, .. } => {
                queue.closed = Some(*count);
                if *count == 0 {
                    queue.draw = Some(Draw::new([0; 32], 0));
                }
            }
            Change::QueueDrawn { secret, public_value } => {
                let count = queue.closed.unwrap();
                let listed =
                    Queue { entries: queue.entries[..count as usize].to_vec(), ..queue.clone() };
                queue.draw = Some(Draw::new(seed_of(secret, &listed.root(), public_value), count));
            }
            Change::QueueAdmitted { admitted, next } => {
                queue.admit(admitted, now);
                queue.served = *next as usize;
            }
            Change::QueueLeft { number } => {
                queue.set(*number, Is::Left);
                queue.totals.left += 1;
            }
            Change::QueueSetAside { numbers } => {
                for number in numbers {
                    queue.set(*number, Is::Aside);
                    queue.totals.set_aside += 1;
                }
            }
            Change::QueueVoided { numbers, .. } => {
                for number in numbers {
                    queue.set(*number, Is::Voided);
                    queue.totals.voided += 1;
                }
            }
            Change::QueuePrioritised { entries, numbers, .. } => {
                for number in numbers {
                    let is = queue.ahead_as(Lane::Priority);
                    queue.set(*number, is);
                }
                for &(customer, id) in entries {
                    let is = queue.ahead_as(Lane::Priority);
                    queue.entries.push(Entry { customer, id, is });
                }
            }
            Change::PassUsed { number } => {
                let customer = queue.entries[*number as usize].customer;
                queue.use_pass(customer, now);
            }
            Change::SessionsEnded { sessions } => {
                for (number, how) in sessions {
                    queue.end_session(*number, *how);
                }
            }
            other => unreachable!("{other:?}"),
        }
    }
}
