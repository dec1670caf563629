//! The naive model's decisions about the queue, and who may hold places.

use std::ops::RangeInclusive;

use super::queue::{Is, Queue};
use super::*;
use crate::inventory::{
    Lane, Pass, QueueChange, QueueEnd, QueueEntry, QueueRules, SessionEnd, commitment_of,
};

/// What came with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Nothing,
    Own,
    This(Pass),
}

impl Model {
    pub(super) fn decide_queue(&self, command: &Command) -> Answer {
        self.alive()?;
        if let Command::SetQueue { change } = command {
            return self.set_queue(change);
        }
        let Some(queue) = &self.queue else { return Err(Rejection::NoQueue.into()) };
        match command {
            Command::EnterQueue { entries, received_at } => {
                self.enter(queue, entries, *received_at)
            }
            Command::LeaveQueue { customer } => {
                let change = self.leaving(*customer).ok_or(Rejection::QueueEntryNotFound)?;
                Ok(vec![change])
            }
            Command::DrawQueue { secret, public_value } => {
                let is_due = queue.closed.is_some() && queue.draw.is_none();
                if !is_due {
                    return Err(wrong().into());
                }
                if commitment_of(secret) != queue.commitment {
                    return Ok(vec![invalid()?]);
                }
                let is_announced = queue.rules.public_source.is_some();
                let public_value = match public_value {
                    None if is_announced => return Err(wrong().into()),
                    Some(value) if !is_announced || !is_text(value) => return Ok(vec![invalid()?]),
                    value => value.clone().unwrap_or_default(),
                };
                Ok(vec![Change::QueueDrawn { secret: *secret, public_value }])
            }
            Command::SetAside { generation, numbers } => {
                if *generation != self.generation || numbers.len() > 1_000 {
                    return Ok(vec![invalid()?]);
                }
                let all = 0..u32::try_from(queue.entries.len()).unwrap();
                let waits = |number: &u32| queue.is(*number).is_some_and(Is::waits);
                let numbers =
                    all.filter(|one| numbers.contains(one) && waits(one)).collect::<Vec<_>>();
                if numbers.is_empty() {
                    return Err(Rejection::QueueEntryNotFound.into());
                }
                Ok(vec![Change::QueueSetAside { numbers }])
            }
            Command::VoidEntries { customers, reason } => self.void(queue, customers, reason),
            Command::Prioritise { entries, reason } => self.prioritise(queue, entries, reason),
            Command::UsePass { customer, pass } => {
                self.may_hold(*customer, Shown::This(*pass))?;
                match queue.session(*customer) {
                    Some(session) if session.used.is_some() => Err(Rejection::PassUsed.into()),
                    _ => Ok(vec![Change::PassUsed { number: pass.number }]),
                }
            }
            other => unreachable!("{other:?}"),
        }
    }

    pub(super) fn may_hold(&self, customer: UserId, shown: Shown) -> Result<(), Rejection> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let session = queue.session(customer);
        if let Some(open) = session.filter(|session| session.ends > self.at) {
            let this = Pass { generation: self.generation, number: open.number };
            return match shown {
                Shown::Own => Ok(()),
                Shown::Nothing => Err(Rejection::PassRequired),
                Shown::This(pass) if pass == this => Ok(()),
                Shown::This(_) => Err(Rejection::PassExpired),
            };
        }
        if matches!(shown, Shown::This(pass) if pass.generation != self.generation) {
            return Err(Rejection::PassExpired);
        }
        Err(match (session.map(|session| session.used), queue.newest_is(customer)) {
            (Some(None), _) | (None, Some(Is::Lapsed)) => Rejection::PassExpired,
            (Some(Some(_)), _) | (None, Some(Is::Served)) => Rejection::PassUsed,
            (None, _) => Rejection::PassRequired,
        })
    }

    fn set_queue(&self, change: &QueueChange) -> Answer {
        let Some(queue) = &self.queue else {
            if change.enabled != Some(true) {
                return Err(Rejection::NoQueue.into());
            }
            if self.is_over() {
                return Err(Rejection::SaleClosed { paused: false }.into());
            }
            let (rules, commitment) = (ruled(QueueRules::default(), change)?, change.commitment);
            return Ok(vec![Change::QueueSet { rules, commitment }]);
        };
        if change.enabled == Some(false) {
            return Ok(vec![Change::QueueEnded { how: QueueEnd::SwitchedOff }]);
        }
        let rules = ruled(queue.rules.clone(), change)?;
        let is_late = rules.opens_at != queue.rules.opens_at
            || rules.public_source != queue.rules.public_source
            || change.recommits;
        if queue.closed.is_some() && is_late {
            return Err(wrong().into());
        }
        let commitment = if change.recommits { change.commitment } else { queue.commitment };
        Ok(vec![Change::QueueSet { rules, commitment }])
    }

    fn enter(&self, queue: &Queue, entries: &[QueueEntry], received_at: i64) -> Answer {
        if !(1..=1_000).contains(&entries.len()) {
            return Ok(vec![invalid()?]);
        }
        let is_closing = queue.closed.is_none()
            && self.queue_opens_at().is_some_and(|at| at <= received_at && at <= self.at);
        let (mut entered, mut returned, mut is_refused) = (Vec::new(), Vec::new(), false);
        for (customer, id) in first_of_each(entries) {
            let is_known = match queue.newest_is(customer) {
                Some(Is::Aside) => {
                    returned.push(queue.newest(customer).unwrap());
                    true
                }
                Some(is) if is.waits() => true,
                Some(Is::Inside | Is::Voided) => true,
                Some(_) => queue.turns(customer) >= usize::from(queue.rules.turns),
                None => false,
            };
            if !is_known && queue.rules.draining {
                is_refused = true;
            } else if !is_known {
                entered.push((customer, id));
            }
        }
        if is_closing && !entered.is_empty() {
            return Err(Rejection::QueueClosing.into());
        }
        let mut changes = Vec::new();
        if !entered.is_empty() {
            changes.push(Change::QueueEntered { entries: entered });
        }
        if !returned.is_empty() {
            changes.push(Change::QueueReturned { numbers: returned });
        }
        match (changes.is_empty(), is_refused) {
            (false, _) => Ok(changes),
            (true, true) => Err(Rejection::QueueDraining.into()),
            (true, false) => Err(Rejection::InQueue.into()),
        }
    }

    pub(super) fn leaving(&self, customer: UserId) -> Option<Change> {
        let queue = self.queue.as_ref()?;
        let number = queue.newest(customer)?;
        match queue.is(number)? {
            Is::InLine | Is::Ahead(..) | Is::Aside => Some(Change::QueueLeft { number }),
            Is::Inside => {
                Some(Change::SessionsEnded { sessions: vec![(number, SessionEnd::Left)] })
            }
            Is::Lapsed | Is::Served | Is::Left | Is::Voided => None,
        }
    }

    fn void(&self, queue: &Queue, customers: &[UserId], reason: &str) -> Answer {
        bounded(customers.len(), reason)?;
        let mut numbers: Vec<u32> = Vec::new();
        for number in customers.iter().filter_map(|customer| queue.newest(*customer)) {
            let is = queue.is(number).unwrap();
            let counts = is.waits() || matches!(is, Is::Aside | Is::Inside);
            if counts && !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        if numbers.is_empty() {
            return Err(Rejection::QueueEntryNotFound.into());
        }
        let inside = numbers.iter().filter(|number| queue.is(**number) == Some(Is::Inside));
        let sessions: Vec<_> = inside.map(|number| (*number, SessionEnd::Left)).collect();
        let mut changes = Vec::new();
        if !sessions.is_empty() {
            changes.push(Change::SessionsEnded { sessions });
        }
        changes.push(Change::QueueVoided { numbers, reason: reason.into() });
        Ok(changes)
    }

    fn prioritise(&self, queue: &Queue, named: &[QueueEntry], reason: &str) -> Answer {
        bounded(named.len(), reason)?;
        let (mut entries, mut numbers) = (Vec::new(), Vec::new());
        for (customer, id) in first_of_each(named) {
            match queue.newest_is(customer) {
                Some(Is::InLine | Is::Aside | Is::Ahead(Lane::Returned, _)) => {
                    numbers.push(queue.newest(customer).unwrap());
                }
                Some(Is::Inside | Is::Ahead(..)) => {}
                Some(Is::Lapsed | Is::Served | Is::Left | Is::Voided) | None => {
                    entries.push((customer, id));
                }
            }
        }
        if entries.is_empty() && numbers.is_empty() {
            return Err(Rejection::InQueue.into());
        }
        if !entries.is_empty() && queue.draw.is_none() {
            return Err(wrong().into());
        }
        Ok(vec![Change::QueuePrioritised { entries, numbers, reason: reason.into() }])
    }
}

fn first_of_each(entries: &[QueueEntry]) -> Vec<QueueEntry> {
    let mut firsts: Vec<QueueEntry> = Vec::new();
    for entry in entries {
        if !firsts.iter().any(|first| first.0 == entry.0) {
            firsts.push(*entry);
        }
    }
    firsts
}

fn bounded(customers: usize, reason: &str) -> Result<(), Rejection> {
    if (1..=1_000).contains(&customers) && is_text(reason) { Ok(()) } else { invalid() }
}

fn is_text(text: &str) -> bool {
    let letters = text.chars().count();
    letters > 0 && letters <= 100 && text.chars().all(|letter| !letter.is_control())
}

/// The rules after a change, each part within its bounds.
fn ruled(rules: QueueRules, change: &QueueChange) -> Result<QueueRules, Rejection> {
    fn part<T: PartialOrd + Copy>(
        old: T,
        new: Option<T>,
        bounds: RangeInclusive<T>,
    ) -> Result<T, Rejection> {
        match new {
            Some(new) if !bounds.contains(&new) => invalid(),
            new => Ok(new.unwrap_or(old)),
        }
    }
    let source = change.public_source.clone().unwrap_or(rules.public_source);
    if source.as_ref().is_some_and(|source| !is_text(source)) {
        return invalid();
    }
    Ok(QueueRules {
        opens_at: change.opens_at.unwrap_or(rules.opens_at),
        passes_per_minute: part(rules.passes_per_minute, change.passes_per_minute, 1..=1_000_000)?,
        active_limit: part(rules.active_limit, change.active_limit, 1..=1_000_000)?,
        admit_percent: part(rules.admit_percent, change.admit_percent, 1..=1_000)?,
        pass_ms: part(rules.pass_ms, change.pass_ms, 10_000..=HOUR)?,
        silence_ms: part(rules.silence_ms, change.silence_ms, 120_000..=24 * HOUR)?,
        turns: part(rules.turns, change.turns, 1..=100)?,
        paused: change.paused.unwrap_or(rules.paused),
        draining: change.draining.unwrap_or(rules.draining),
        account_before: change.account_before.unwrap_or(rules.account_before),
        confirmed_only: change.confirmed_only.unwrap_or(rules.confirmed_only),
        challenge_bits: part(rules.challenge_bits, change.challenge_bits, 0..=24)?,
        public_source: source,
    })
}
