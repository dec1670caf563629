//! The rules of a waiting room, checked anew from the journal: nobody is admitted out of turn or
//! faster than the rate or beyond what is left, and while a queue is on places are held in open
//! sessions alone.

pub mod history;
pub(super) mod record;
pub(super) mod told;

use std::collections::{HashMap, VecDeque};

use admitone::ids::UserId;
use admitone::inventory::{
    Change, Draw, Lane, QueueEntry, QueueRules, SaleState, TimestampMs, chained, commitment_of,
    first_link, seed_of,
};

/// The longest time from the first hold to the end of a session.
const SESSION_MS: i64 = 15 * 60_000;
/// A pass, in the unit of [`Line::level`].
const PASS: i64 = 60_000;
/// The time whose worth of passes may come at once.
const BURST_MS: i64 = 10_000;

/// The places that are left, and who holds some.
#[derive(Clone, Copy)]
pub(super) struct Stock<'a> {
    pub(super) left: i64,
    /// The number of holds and unpaid reservations of each customer.
    pub(super) claims: &'a HashMap<UserId, u32>,
}

/// The queue of an event, as its journal has it.
#[derive(Default)]
pub(super) struct Queue {
    line: Option<Line>,
    /// See [`history::History::delays`].
    pub(super) delays: Vec<(i64, bool)>,
}

struct Line {
    rules: QueueRules,
    commitment: [u8; 32],
    entries: Vec<(UserId, Is)>,
    /// The hash of the ids of all entries.
    root: [u8; 32],
    /// The numbers of those ahead of the line.
    ahead: VecDeque<u32>,
    closed: Option<(u32, [u8; 32])>,
    draw: Option<Draw>,
    /// The first place of the line that is not served.
    next: u32,
    sessions: HashMap<UserId, Session>,
    /// The fastest rate so far; a leaky bucket of passes runs out at it, so that no time sees more
    /// passes than the rate and its burst allow.
    fastest: i64,
    level: i64,
    level_at: TimestampMs,
    /// The number of those who wait.
    waiting: u32,
    /// The time from which the rules allow an admission.
    due: Option<TimestampMs>,
    /// True if places or sessions were what kept people from being admitted.
    was_blocked: bool,
}

struct Session {
    number: u32,
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

impl Is {
    fn waits(self) -> bool {
        matches!(self, Self::InLine | Self::Ahead)
    }
}

impl Queue {
    /// Folds a change at a time; returns what is wrong with it. An organiser gives places away past
    /// the queue.
    pub(super) fn take(
        &mut self,
        change: &Change,
        at: TimestampMs,
        by_organiser: bool,
        stock: Stock<'_>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        match (change, &mut self.line) {
            (Change::QueueEnded { .. }, _)
            | (Change::SaleStateSet { state: SaleState::Cancelled }, _) => self.line = None,
            (Change::QueueSet { rules, commitment }, line @ None) => {
                *line = Some(Line::new(rules, *commitment, at));
            }
            (change, Some(line)) => {
                line.take(change, at, by_organiser, &mut wrong);
                if matches!(change, Change::QueueAdmitted { admitted, .. } if !admitted.is_empty())
                {
                    wrong.extend(line.beyond_stock(stock));
                    self.delays.push(line.delay(at));
                }
            }
            (Change::QueueEntered { .. } | Change::QueueAdmitted { .. }, None) => {
                wrong.push("a change of a queue that is off".into());
            }
            (_, None) => {}
        }
        wrong
    }

    /// Notes, after a whole row, whether the rules allow an admission.
    pub(super) fn settle(&mut self, at: TimestampMs, stock: Stock<'_>) {
        if let Some(line) = &mut self.line {
            line.settle(at, stock);
        }
    }
}

impl Line {
    fn new(rules: &QueueRules, commitment: [u8; 32], at: TimestampMs) -> Self {
        Self {
            rules: rules.clone(),
            commitment,
            entries: Vec::new(),
            root: first_link(),
            ahead: VecDeque::new(),
            closed: None,
            draw: None,
            next: 0,
            sessions: HashMap::new(),
            fastest: i64::from(rules.passes_per_minute),
            level: 0,
            level_at: at,
            waiting: 0,
            due: None,
            was_blocked: false,
        }
    }

    fn take(
        &mut self,
        change: &Change,
        at: TimestampMs,
        by_organiser: bool,
        wrong: &mut Vec<String>,
    ) {
        match change {
            Change::QueueSet { rules, commitment } => {
                if self.closed.is_some() && *commitment != self.commitment {
                    wrong.push("the secret of a closed queue was replaced".into());
                }
                self.fastest = self.fastest.max(i64::from(rules.passes_per_minute));
                (self.rules, self.commitment) = (rules.clone(), *commitment);
            }
            Change::QueueEntered { entries } => self.enter(entries, Is::InLine),
            Change::QueueReturned { numbers } => self.turn(numbers, Is::Ahead, wrong),
            Change::QueueSetAside { numbers } => self.turn(numbers, Is::Aside, wrong),
            Change::QueueVoided { numbers, .. } => self.turn(numbers, Is::Over, wrong),
            Change::QueueLeft { number } => self.turn(&[*number], Is::Over, wrong),
            Change::QueuePrioritised { entries, numbers, .. } => {
                self.turn(numbers, Is::Ahead, wrong);
                self.enter(entries, Is::Ahead);
            }
            Change::QueueClosed { count, root } => {
                if self.entries.len() != *count as usize || self.root != *root {
                    wrong.push(format!("closed over another list than that of {count} entries"));
                }
                self.closed = Some((*count, *root));
                self.draw = (*count == 0).then(|| Draw::new([0; 32], 0));
            }
            Change::QueueDrawn { secret, public_value } => {
                let Some((count, root)) = self.closed.filter(|_| self.draw.is_none()) else {
                    return wrong.push("a draw of a queue that is not closed, or a second".into());
                };
                if commitment_of(secret) != self.commitment {
                    wrong.push("the draw was made by another secret than promised".into());
                }
                self.draw = Some(Draw::new(seed_of(secret, &root, public_value), count));
            }
            Change::QueueAdmitted { admitted, next } => {
                for admission in admitted {
                    self.admit(admission.number, admission.lane, at, wrong);
                }
                self.pass_gaps();
                if self.next < *next {
                    wrong.push(format!("entry {:?} was passed over", self.first_in_line()));
                }
                self.next = *next;
                if self.sessions.len() > self.rules.active_limit as usize {
                    wrong.push(format!("{} sessions are open", self.sessions.len()));
                }
            }
            Change::PassUsed { number } => {
                let session = self.sessions.values_mut().find(|one| one.number == *number);
                match session {
                    Some(session) => session.use_pass(at),
                    None => wrong.push(format!("the pass of {number}, who is not inside")),
                }
            }
            Change::SessionsEnded { sessions } => {
                for (number, _) in sessions {
                    let customer =
                        self.entries.get(*number as usize).map(|(customer, _)| *customer);
                    if customer.and_then(|customer| self.sessions.remove(&customer)).is_none() {
                        wrong.push(format!("the session of {number} ended, and was not open"));
                    }
                    self.turn(&[*number], Is::Over, wrong);
                }
            }
            Change::HoldPlaced { customer, .. } if !by_organiser => {
                match self.sessions.get_mut(customer).filter(|session| at < session.ends_at) {
                    Some(session) => session.use_pass(at),
                    None => wrong.push(format!("{customer} holds places without a pass")),
                }
            }
            _ => {}
        }
    }

    fn enter(&mut self, entries: &[QueueEntry], is: Is) {
        for (customer, id) in entries {
            if is == Is::Ahead {
                self.ahead.extend(u32::try_from(self.entries.len()));
            }
            self.entries.push((*customer, is));
            self.waiting += 1;
            self.root = chained(self.root, *id.0.as_bytes());
        }
    }

    fn turn(&mut self, numbers: &[u32], is: Is, wrong: &mut Vec<String>) {
        for number in numbers {
            let Some(entry) = self.entries.get_mut(*number as usize) else {
                wrong.push(format!("the queue has no entry {number}"));
                continue;
            };
            let was = std::mem::replace(&mut entry.1, is);
            self.waiting = self.waiting + u32::from(is.waits()) - u32::from(was.waits());
            if was == Is::Ahead {
                self.ahead.retain(|one| one != number);
            }
            if is == Is::Ahead {
                self.ahead.push_back(*number);
            }
        }
    }

    fn admit(&mut self, number: u32, lane: Lane, at: TimestampMs, wrong: &mut Vec<String>) {
        let is_next = match lane {
            Lane::Line => {
                self.pass_gaps();
                self.ahead.is_empty() && self.first_in_line() == Some(number)
            }
            Lane::Returned | Lane::Priority => self.ahead.front() == Some(&number),
        };
        if !is_next || self.draw.is_none() {
            wrong.push(format!("entry {number} was admitted out of turn"));
        }
        self.turn(&[number], Is::Inside, wrong);
        let Some((customer, _)) = self.entries.get(number as usize) else { return };
        let session = Session { number, ends_at: at + self.rules.pass_ms, is_used: false };
        if self.sessions.insert(*customer, session).is_some() {
            wrong.push(format!("{customer} was admitted twice"));
        }
        let run_out = (at - self.level_at).saturating_mul(self.fastest);
        self.level = self.level.saturating_sub(run_out).max(0) + PASS;
        self.level_at = at;
        if self.level > (self.fastest * BURST_MS).max(PASS) {
            wrong.push(format!("entry {number} was admitted beyond the rate"));
        }
    }

    /// The most sessions that may hold nothing yet.
    fn most_idle(&self, stock: Stock<'_>) -> usize {
        let left = u64::try_from(stock.left).unwrap_or(0);
        let most = (left * u64::from(self.rules.admit_percent)).div_ceil(100);
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    fn idle(&self, stock: Stock<'_>) -> usize {
        let holds =
            |customer: &UserId| stock.claims.get(customer).is_some_and(|claims| *claims > 0);
        let idle = self.sessions.iter().filter(|(_, session)| !session.is_used);
        idle.filter(|(customer, _)| !holds(customer)).count()
    }

    fn beyond_stock(&self, stock: Stock<'_>) -> Option<String> {
        let (idle, most) = (self.idle(stock), self.most_idle(stock));
        (idle > most).then(|| {
            let left = stock.left;
            format!("{idle} are inside with nothing, for {left} places: {most} may be")
        })
    }

    /// How late an admission is, and true if a place or a session had to become free for it.
    fn delay(&mut self, at: TimestampMs) -> (i64, bool) {
        let due = self.due.take();
        (due.map_or(0, |due| (at - due).max(0)), self.was_blocked)
    }

    fn settle(&mut self, at: TimestampMs, stock: Stock<'_>) {
        let has_next = self.draw.is_some() && !self.rules.paused && self.waiting > 0;
        let has_room = self.sessions.len() < self.rules.active_limit as usize
            && self.idle(stock) < self.most_idle(stock);
        if !has_next || !has_room {
            (self.due, self.was_blocked) = (None, has_next);
            return;
        }
        if self.due.is_none() {
            let most = (self.fastest * BURST_MS).max(PASS);
            let over = (self.level + PASS - most).max(0);
            let rate_at = self.level_at
                + over.div_euclid(self.fastest)
                + i64::from(over.rem_euclid(self.fastest) > 0);
            // Who waits for the rate does not wait for a place.
            self.was_blocked &= rate_at <= at;
            self.due = Some(rate_at.max(at));
        }
    }

    /// The entry at the first place that is not served.
    fn first_in_line(&self) -> Option<u32> {
        let draw = self.draw?;
        let is_place = (self.next as usize) < self.entries.len();
        is_place.then(|| draw.number_at(self.next))
    }

    /// Goes on to the first place whose entry still waits there.
    fn pass_gaps(&mut self) {
        while let Some(number) = self.first_in_line()
            && self.entries[number as usize].1 != Is::InLine
        {
            self.next += 1;
        }
    }
}

impl Session {
    fn use_pass(&mut self, at: TimestampMs) {
        if !self.is_used {
            (self.is_used, self.ends_at) = (true, at + SESSION_MS);
        }
    }
}
