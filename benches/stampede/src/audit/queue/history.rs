//! What the journal says happened in a waiting room, by entry and over time.

use std::collections::HashMap;

use uuid::Uuid;

use admitone::ids::UserId;
use admitone::inventory::{Change, Draw, QueueEntry, QueueRules, SessionEnd, TimestampMs, seed_of};

/// The queue of an event, from its journal.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct History {
    pub rules: QueueRules,
    /// Places in all.
    pub places: i64,
    /// By number.
    pub entries: Vec<Life>,
    pub numbers: HashMap<UserId, u32>,
    pub drawn_at: Option<TimestampMs>,
    pub draw: Option<Draw>,
    /// The admissions in their order: time and number.
    pub admissions: Vec<(TimestampMs, u32)>,
    /// When entries were put ahead of the line, and how many.
    pub ahead: Vec<(TimestampMs, u32)>,
    /// The number of places sold, whenever it changed.
    pub sold: Vec<(TimestampMs, i64)>,
    /// From the time at which the rules allowed an admission to the admission, in milliseconds;
    /// and true if what made room for it was a place or a session that became free.
    pub delays: Vec<(i64, bool)>,
    closed: Option<[u8; 32]>,
}

/// One entry.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Life {
    pub customer: UserId,
    pub id: Uuid,
    pub entered_at: TimestampMs,
    /// When it was admitted, and how many were admitted before it.
    pub admitted: Option<(TimestampMs, usize)>,
    pub first_hold_at: Option<TimestampMs>,
    pub ended: Option<(TimestampMs, SessionEnd)>,
    /// When it left the line, or was voided.
    pub left_at: Option<TimestampMs>,
    /// True if it was passed over for silence, or put ahead.
    pub was_moved: bool,
}

impl History {
    /// True if the event had a waiting room.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.drawn_at.is_some() || !self.entries.is_empty()
    }

    pub(crate) fn take(&mut self, change: &Change, at: TimestampMs) {
        match change {
            Change::QueueSet { rules, .. } => self.rules = rules.clone(),
            Change::QueueEntered { entries } => self.enter(entries, at, false),
            Change::QueuePrioritised { entries, numbers, .. } => {
                self.put_ahead(at, numbers.len() + entries.len());
                self.moved(numbers);
                self.enter(entries, at, true);
            }
            Change::QueueReturned { numbers } => {
                self.put_ahead(at, numbers.len());
                self.moved(numbers);
            }
            Change::QueueSetAside { numbers } => self.moved(numbers),
            Change::QueueClosed { count, root } => {
                self.closed = Some(*root);
                if *count == 0 {
                    (self.drawn_at, self.draw) = (Some(at), Some(Draw::new([0; 32], 0)));
                }
            }
            Change::QueueDrawn { secret, public_value } => {
                self.drawn_at = Some(at);
                let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
                let root = self.closed.unwrap_or_default();
                self.draw = Some(Draw::new(seed_of(secret, &root, public_value), count));
            }
            Change::QueueAdmitted { admitted, .. } => {
                for admission in admitted {
                    let before = self.admissions.len();
                    self.admissions.push((at, admission.number));
                    self.change(admission.number, |life| life.admitted = Some((at, before)));
                }
            }
            Change::QueueLeft { number } => {
                self.change(*number, |life| life.left_at = Some(at));
            }
            Change::QueueVoided { numbers, .. } => {
                numbers
                    .iter()
                    .for_each(|number| self.change(*number, |life| life.left_at = Some(at)));
            }
            Change::SessionsEnded { sessions } => {
                for (number, how) in sessions {
                    self.change(*number, |life| life.ended = Some((at, *how)));
                }
            }
            Change::HoldPlaced { customer, .. } => {
                if let Some(number) = self.numbers.get(customer).copied() {
                    self.change(number, |life| {
                        life.first_hold_at.get_or_insert(at);
                    });
                }
            }
            _ => {}
        }
    }

    /// Takes the places after a row.
    pub(crate) fn places(&mut self, at: TimestampMs, total: i64, sold: i64) {
        self.places = total;
        if self.sold.last().map_or(0, |(_, last)| *last) != sold {
            self.sold.push((at, sold));
        }
    }

    fn enter(&mut self, entries: &[QueueEntry], entered_at: TimestampMs, was_moved: bool) {
        for (customer, id) in entries {
            let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
            self.numbers.insert(*customer, number);
            self.entries.push(Life {
                customer: *customer,
                id: id.0,
                entered_at,
                admitted: None,
                first_hold_at: None,
                ended: None,
                left_at: None,
                was_moved,
            });
        }
    }

    fn put_ahead(&mut self, at: TimestampMs, number: usize) {
        self.ahead.push((at, u32::try_from(number).unwrap_or(u32::MAX)));
    }

    fn moved(&mut self, numbers: &[u32]) {
        numbers.iter().for_each(|number| self.change(*number, |life| life.was_moved = true));
    }

    fn change(&mut self, number: u32, change: impl FnOnce(&mut Life)) {
        if let Some(life) = self.entries.get_mut(number as usize) {
            change(life);
        }
    }

    /// How many entries were put ahead of the line after one time and up to another.
    #[must_use]
    pub fn put_ahead_between(&self, after: TimestampMs, until: TimestampMs) -> u32 {
        let within = self.ahead.iter().filter(|(at, _)| *at > after && *at <= until);
        within.map(|(_, number)| *number).sum()
    }

    /// How many were admitted up to a time.
    #[must_use]
    pub fn admitted_until(&self, at: TimestampMs) -> usize {
        self.admissions.partition_point(|(admitted_at, _)| *admitted_at <= at)
    }
}

impl Life {
    /// True if a session was open during the whole time.
    pub(in crate::audit) fn is_inside(
        &self,
        from: TimestampMs,
        until: TimestampMs,
        pass_ms: i64,
    ) -> bool {
        let Some((admitted_at, _)) = self.admitted else { return false };
        let ended_at = self.ended.map_or(TimestampMs::MAX, |(at, _)| at);
        // A session ends at its deadline, and the row that says so follows.
        let deadline = match self.first_hold_at {
            Some(held_at) if held_at < admitted_at.saturating_add(pass_ms) => TimestampMs::MAX,
            Some(_) | None => admitted_at.saturating_add(pass_ms),
        };
        admitted_at <= from && until < ended_at.min(deadline)
    }
}
