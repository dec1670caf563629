//! The open sessions of a queue: customers who may hold places, each until a deadline.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::events::SessionEnd;
use crate::ids::UserId;
use crate::inventory::definition::TimestampMs;
use crate::inventory::id_map::IdMap;
use crate::inventory::status::Violation;

/// One open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::inventory) struct Session {
    /// The number of its entry.
    pub(in crate::inventory) number: u32,
    pub(in crate::inventory) admitted_at: TimestampMs,
    pub(in crate::inventory) ends_at: TimestampMs,
    /// The time of the first hold.
    pub(in crate::inventory) used_at: Option<TimestampMs>,
    /// Holds and unpaid reservations of the customer.
    pub(in crate::inventory) claims: u32,
    pub(in crate::inventory) has_bought: bool,
}

impl Session {
    /// True until something is held in it, or its pass is used elsewhere. One that has lost what it held
    /// keeps no place from the next in line.
    fn is_idle(&self) -> bool {
        self.claims == 0 && self.used_at.is_none()
    }

    /// Why the session ends at its deadline.
    pub(in crate::inventory) fn end(&self) -> SessionEnd {
        match self {
            Self { used_at: None, .. } => SessionEnd::Lapsed,
            Self { claims: 1.., .. } => SessionEnd::TimedOut,
            Self { has_bought: true, .. } => SessionEnd::Bought,
            Self { .. } => SessionEnd::Idle,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(in crate::inventory) struct Sessions {
    open: IdMap<UserId, Session>,
    /// By deadline and number.
    deadlines: BTreeSet<(TimestampMs, u32)>,
    /// Sessions that hold nothing yet.
    idle: u32,
}

impl Sessions {
    pub(in crate::inventory) fn open(&self) -> usize {
        self.open.len()
    }

    pub(in crate::inventory) fn idle(&self) -> u32 {
        self.idle
    }

    pub(in crate::inventory) fn of(&self, customer: UserId) -> Option<&Session> {
        self.open.get(&customer)
    }

    /// In no order.
    pub(in crate::inventory) fn iter(&self) -> impl Iterator<Item = (UserId, &Session)> {
        self.open.iter().map(|(customer, session)| (*customer, session))
    }

    pub(in crate::inventory) fn next_deadline(&self) -> Option<TimestampMs> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The numbers of the sessions whose deadline has come, the first to end first.
    pub(in crate::inventory) fn due(
        &self,
        now: TimestampMs,
        most: usize,
    ) -> impl Iterator<Item = u32> {
        self.deadlines.range(..=(now, u32::MAX)).map(|(_, number)| *number).take(most)
    }

    /// Adds a session; returns false if the customer has one.
    pub(in crate::inventory) fn add(&mut self, customer: UserId, session: Session) -> bool {
        if self.open.contains_key(&customer) {
            return false;
        }
        self.deadlines.insert((session.ends_at, session.number));
        self.idle += u32::from(session.is_idle());
        self.open.insert(customer, session);
        true
    }

    pub(in crate::inventory) fn remove(&mut self, customer: UserId) -> Option<Session> {
        let session = self.open.remove(&customer)?;
        self.deadlines.remove(&(session.ends_at, session.number));
        self.idle -= u32::from(session.is_idle());
        Some(session)
    }

    /// Changes the session of a customer, if they have one.
    pub(in crate::inventory) fn change(
        &mut self,
        customer: UserId,
        change: impl FnOnce(&mut Session),
    ) {
        let Some(session) = self.open.get_mut(&customer) else { return };
        let before = *session;
        change(session);
        let after = *session;
        self.idle = self.idle + u32::from(after.is_idle()) - u32::from(before.is_idle());
        if before.ends_at != after.ends_at {
            self.deadlines.remove(&(before.ends_at, before.number));
            self.deadlines.insert((after.ends_at, after.number));
        }
    }

    pub(in crate::inventory) fn check(&self) -> Result<(), Violation> {
        let idle = self.open.values().filter(|session| session.is_idle()).count();
        let listed =
            |session: &&Session| self.deadlines.contains(&(session.ends_at, session.number));
        let all = self.open.len();
        if idle != self.idle as usize
            || self.deadlines.len() != all
            || self.open.values().filter(listed).count() != all
        {
            return Err(Violation("the open sessions are miscounted".into()));
        }
        Ok(())
    }
}
