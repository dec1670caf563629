//! Decides the commands of a waiting room: entering and leaving its queue, the draw, the rules, and
//! whether a customer may hold places.

use super::decide::Decided;
use super::queue::{
    EntryState, MAX_QUEUE_BATCH, MAX_QUEUE_ENTRIES, MAX_QUEUE_TEXT, Pass, Queue, QueueChange,
    QueueEnd, QueueEntry, QueueRules, SessionEnd, Shown, commitment_of,
};
use super::{Change, Command, Inventory, Rejection, TimestampMs, UserId};
use crate::planted::{Bug, is_planted};

fn invalid(reason: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::Invalid { reason: reason.into() }
}

fn wrong(what: &'static str, state: &'static str) -> Rejection {
    Rejection::WrongState { what: what.into(), state: state.into() }
}

impl Inventory {
    pub(super) fn decide_queue(&self, command: &Command) -> Decided {
        self.not_cancelled()?;
        match command {
            Command::SetQueue { change } => self.decide_set_queue(change),
            Command::EnterQueue { entries, received_at } => {
                self.decide_enter(entries, *received_at)
            }
            Command::LeaveQueue { customer } => self.decide_leave_queue(*customer),
            Command::DrawQueue { secret, public_value } => {
                self.decide_draw(secret, public_value.as_deref())
            }
            Command::SetAside { generation, numbers } => {
                self.decide_set_aside(*generation, numbers)
            }
            Command::VoidEntries { customers, reason } => self.decide_void(customers, reason),
            Command::Prioritise { entries, reason } => self.decide_prioritise(entries, reason),
            Command::UsePass { customer, pass } => self.decide_use_pass(*customer, *pass),
            other => unreachable!("not a command of a queue: {other:?}"),
        }
    }

    pub(super) fn queue(&self) -> Result<&Queue, Rejection> {
        self.queue.as_deref().ok_or(Rejection::NoQueue)
    }

    /// Whether the customer may place a hold now.
    pub(super) fn admits(&self, customer: UserId, shown: Shown) -> Result<(), Rejection> {
        let Some(queue) = &self.queue else { return Ok(()) };
        if is_planted(Bug::HoldWithoutPass) {
            return Ok(());
        }
        let session = queue.sessions.of(customer).filter(|found| found.ends_at > self.now);
        match (session, shown) {
            (Some(_), Shown::OfCustomer) => Ok(()),
            (Some(_), Shown::None) => Err(Rejection::PassRequired),
            (Some(found), Shown::Pass(Pass { generation, number })) => {
                let is_this = generation == self.queue_generation && number == found.number;
                if is_this { Ok(()) } else { Err(Rejection::PassExpired) }
            }
            (None, Shown::Pass(pass)) if pass.generation != self.queue_generation => {
                Err(Rejection::PassExpired)
            }
            (None, _) => Err(self.without_session(queue, customer)),
        }
    }

    /// Why a customer without an open session may not hold places.
    fn without_session(&self, queue: &Queue, customer: UserId) -> Rejection {
        // Due work runs after the commands that wait: the session may have ended just now.
        if let Some(ended) = queue.sessions.of(customer) {
            return match ended.end() {
                SessionEnd::Lapsed => Rejection::PassExpired,
                SessionEnd::Bought | SessionEnd::Idle | SessionEnd::TimedOut | SessionEnd::Left => {
                    Rejection::PassUsed
                }
            };
        }
        match queue.line.newest_of(customer).map(|(_, entry)| entry.state) {
            Some(EntryState::Lapsed) => Rejection::PassExpired,
            Some(EntryState::Served) => Rejection::PassUsed,
            Some(
                EntryState::Waiting
                | EntryState::Returned
                | EntryState::Priority
                | EntryState::Aside
                | EntryState::Inside
                | EntryState::Left
                | EntryState::Voided,
            )
            | None => Rejection::PassRequired,
        }
    }

    fn decide_set_queue(&self, change: &QueueChange) -> Decided {
        let Some(queue) = &self.queue else {
            if change.enabled != Some(true) {
                return Err(Rejection::NoQueue.into());
            }
            if self.sale_is_over() {
                return Err(Rejection::SaleClosed { paused: false }.into());
            }
            let rules = changed(QueueRules::default(), change)?;
            let commitment = change.commitment;
            return Ok(vec![Change::QueueSet { rules, commitment }]);
        };
        if change.enabled == Some(false) {
            return Ok(vec![Change::QueueEnded { how: QueueEnd::SwitchedOff }]);
        }
        let rules = changed(queue.rules.clone(), change)?;
        if queue.line.closed.is_some() && rules.opens_at != queue.rules.opens_at {
            return Err(wrong("queue", "open: opensAt can change only before").into());
        }
        if queue.line.closed.is_some() && rules.public_source != queue.rules.public_source {
            // Who knows the list and the secret could choose a source by what it would say.
            return Err(wrong("queue", "closed: publicSource can change only before").into());
        }
        let mut commitment = queue.commitment;
        if change.recommits {
            if queue.line.closed.is_some() {
                return Err(wrong("draw", "closed: its secret can change only before").into());
            }
            commitment = change.commitment;
        }
        Ok(vec![Change::QueueSet { rules, commitment }])
    }

    fn decide_enter(&self, entries: &[QueueEntry], received_at: TimestampMs) -> Decided {
        let queue = self.queue()?;
        if entries.is_empty() || entries.len() > MAX_QUEUE_BATCH {
            return Err(invalid("one to 1,000 customers enter at a time").into());
        }
        let closing = queue.line.closed.is_none()
            && self.queue_opens_at().is_some_and(|opens_at| received_at.min(self.now) >= opens_at);
        let (mut entered, mut returned) = (Vec::new(), Vec::new());
        let mut full = false;
        let mut late = false;
        let mut refused = false;
        let mut seen = std::collections::BTreeSet::new();
        for &(customer, id) in entries {
            if !seen.insert(customer) {
                continue;
            }
            match queue.line.newest_of(customer) {
                Some((number, entry)) if entry.state == EntryState::Aside => returned.push(number),
                Some((_, entry)) if entry.state.waits() || entry.state == EntryState::Inside => {}
                Some((_, entry)) if entry.state == EntryState::Voided => {}
                Some(_) if queue.line.turns_of(customer) >= queue.rules.turns => {}
                _ if queue.rules.draining => refused = true,
                _ if queue.line.len() as usize + entered.len() >= MAX_QUEUE_ENTRIES as usize => {
                    full = true;
                }
                _ if closing => late = true,
                _ => entered.push((customer, id)),
            }
        }
        let mut changes = Vec::with_capacity(2);
        if !entered.is_empty() {
            changes.push(Change::QueueEntered { entries: entered });
        }
        if !returned.is_empty() {
            changes.push(Change::QueueReturned { numbers: returned });
        }
        if late {
            // The whole batch comes again, so that nobody in it is overtaken.
            return Err(Rejection::QueueClosing.into());
        }
        if changes.is_empty() {
            return Err(match (refused, full) {
                (true, _) => Rejection::QueueDraining,
                (false, true) => Rejection::QueueFull { max: MAX_QUEUE_ENTRIES },
                (false, false) => Rejection::InQueue,
            }
            .into());
        }
        Ok(changes)
    }

    fn decide_leave_queue(&self, customer: UserId) -> Decided {
        match self.leaving_queue(customer) {
            Some(change) => Ok(vec![change]),
            None => Err(match &self.queue {
                Some(_) => Rejection::QueueEntryNotFound,
                None => Rejection::NoQueue,
            }
            .into()),
        }
    }

    /// The end of a customer's entry or session; `None` if there is neither.
    pub(super) fn leaving_queue(&self, customer: UserId) -> Option<Change> {
        let (number, entry) = self.queue.as_deref()?.line.newest_of(customer)?;
        match entry.state {
            EntryState::Waiting
            | EntryState::Returned
            | EntryState::Priority
            | EntryState::Aside => Some(Change::QueueLeft { number }),
            EntryState::Inside => {
                Some(Change::SessionsEnded { sessions: vec![(number, SessionEnd::Left)] })
            }
            EntryState::Lapsed | EntryState::Served | EntryState::Left | EntryState::Voided => None,
        }
    }

    fn decide_draw(&self, secret: &[u8; 32], public_value: Option<&str>) -> Decided {
        let queue = self.queue()?;
        if queue.line.draw.is_some() {
            return Err(wrong("draw", "made already").into());
        }
        if queue.line.closed.is_none() {
            return Err(wrong("draw", "not due: the queue is not closed yet").into());
        }
        if commitment_of(secret) != queue.commitment {
            return Err(invalid("this is not the secret that the queue was committed to").into());
        }
        let public_value = match (&queue.rules.public_source, public_value) {
            (None, None) => "",
            (Some(_), Some(value)) if is_text(value) => value,
            (Some(_), Some(_)) => {
                return Err(invalid("publicValue must be 1 to 100 printable characters").into());
            }
            (Some(_), None) => {
                return Err(wrong("draw", "waiting for its public value").into());
            }
            (None, Some(_)) => {
                return Err(invalid("no public value was announced for this draw").into());
            }
        };
        Ok(vec![Change::QueueDrawn { secret: *secret, public_value: public_value.into() }])
    }

    fn decide_set_aside(&self, generation: u32, numbers: &[u32]) -> Decided {
        let queue = self.queue()?;
        if generation != self.queue_generation || numbers.len() > MAX_QUEUE_BATCH {
            return Err(invalid("these are not entries of this queue").into());
        }
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.retain(|number| queue.line.entry(*number).is_some_and(|entry| entry.state.waits()));
        if numbers.is_empty() {
            return Err(Rejection::QueueEntryNotFound.into());
        }
        Ok(vec![Change::QueueSetAside { numbers }])
    }

    fn decide_void(&self, customers: &[UserId], reason: &str) -> Decided {
        let queue = self.queue()?;
        bounded(customers.len(), reason)?;
        let mut ended = Vec::new();
        let mut numbers = Vec::new();
        for customer in customers {
            let Some((number, entry)) = queue.line.newest_of(*customer) else { continue };
            if numbers.contains(&number) {
                continue;
            }
            match entry.state {
                EntryState::Waiting
                | EntryState::Returned
                | EntryState::Priority
                | EntryState::Aside => numbers.push(number),
                EntryState::Inside => {
                    ended.push((number, SessionEnd::Left));
                    numbers.push(number);
                }
                EntryState::Lapsed | EntryState::Served | EntryState::Left | EntryState::Voided => {
                }
            }
        }
        if numbers.is_empty() {
            return Err(Rejection::QueueEntryNotFound.into());
        }
        let mut changes = Vec::with_capacity(2);
        if !ended.is_empty() {
            changes.push(Change::SessionsEnded { sessions: ended });
        }
        changes.push(Change::QueueVoided { numbers, reason: reason.into() });
        Ok(changes)
    }

    fn decide_prioritise(&self, entries: &[QueueEntry], reason: &str) -> Decided {
        let queue = self.queue()?;
        bounded(entries.len(), reason)?;
        let (mut new, mut numbers) = (Vec::new(), Vec::new());
        let mut seen = std::collections::BTreeSet::new();
        for &(customer, id) in entries {
            if !seen.insert(customer) {
                continue;
            }
            match queue.line.newest_of(customer).map(|(number, entry)| (number, entry.state)) {
                Some((number, EntryState::Waiting | EntryState::Returned | EntryState::Aside)) => {
                    numbers.push(number);
                }
                Some((_, EntryState::Priority | EntryState::Inside)) => {}
                Some((
                    _,
                    EntryState::Lapsed | EntryState::Served | EntryState::Left | EntryState::Voided,
                ))
                | None => new.push((customer, id)),
            }
        }
        if queue.line.len() as usize + new.len() > MAX_QUEUE_ENTRIES as usize {
            return Err(Rejection::QueueFull { max: MAX_QUEUE_ENTRIES }.into());
        }
        if new.is_empty() && numbers.is_empty() {
            return Err(Rejection::InQueue.into());
        }
        if !new.is_empty() && queue.line.draw.is_none() {
            // They would be on the list of the draw, or come between it and its close.
            return Err(wrong("queue", "not open: guests enter after the draw").into());
        }
        Ok(vec![Change::QueuePrioritised { entries: new, numbers, reason: reason.into() }])
    }

    fn decide_use_pass(&self, customer: UserId, pass: Pass) -> Decided {
        let queue = self.queue()?;
        self.admits(customer, Shown::Pass(pass))?;
        if queue.sessions.of(customer).is_some_and(|session| session.used_at.is_some()) {
            return Err(Rejection::PassUsed.into());
        }
        Ok(vec![Change::PassUsed { number: pass.number }])
    }
}

fn bounded(customers: usize, reason: &str) -> Result<(), Rejection> {
    if customers == 0 || customers > MAX_QUEUE_BATCH {
        return Err(invalid("name 1 to 1,000 customers at a time"));
    }
    if !is_text(reason) {
        return Err(invalid("reason must be 1 to 100 printable characters: it is public"));
    }
    Ok(())
}

fn is_text(text: &str) -> bool {
    (1..=MAX_QUEUE_TEXT).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn changed(mut rules: QueueRules, change: &QueueChange) -> Result<QueueRules, Rejection> {
    const HOUR_MS: i64 = 3_600_000;
    fn within<T: PartialOrd + Copy>(
        field: &mut T,
        new: Option<T>,
        (least, most): (T, T),
        bounds: &'static str,
    ) -> Result<(), Rejection> {
        let Some(new) = new else { return Ok(()) };
        if new < least || new > most {
            return Err(invalid(bounds));
        }
        *field = new;
        Ok(())
    }
    let rate = "passesPerMinute must be 1 to 1,000,000: pause the queue to admit nobody";
    within(&mut rules.passes_per_minute, change.passes_per_minute, (1, 1_000_000), rate)?;
    let active = "activeLimit must be 1 to 1,000,000: pause the queue to admit nobody";
    within(&mut rules.active_limit, change.active_limit, (1, 1_000_000), active)?;
    let percent = "admitPercent must be 1 to 1,000";
    within(&mut rules.admit_percent, change.admit_percent, (1, 1_000), percent)?;
    let pass = "passSeconds must be 10 to 3,600";
    within(&mut rules.pass_ms, change.pass_ms, (10_000, HOUR_MS), pass)?;
    let silence = "silenceSeconds must be 120 to 86,400: people poll once a minute";
    within(&mut rules.silence_ms, change.silence_ms, (120_000, 24 * HOUR_MS), silence)?;
    within(&mut rules.turns, change.turns, (1, 100), "turns must be 1 to 100")?;
    let bits = "challengeBits must be 0 to 24";
    within(&mut rules.challenge_bits, change.challenge_bits, (0, 24), bits)?;
    rules.opens_at = change.opens_at.unwrap_or(rules.opens_at);
    rules.paused = change.paused.unwrap_or(rules.paused);
    rules.draining = change.draining.unwrap_or(rules.draining);
    rules.account_before = change.account_before.unwrap_or(rules.account_before);
    rules.confirmed_only = change.confirmed_only.unwrap_or(rules.confirmed_only);
    if let Some(source) = &change.public_source {
        if source.as_deref().is_some_and(|source| !is_text(source)) {
            return Err(invalid("publicSource must be 1 to 100 printable characters"));
        }
        rules.public_source.clone_from(source);
    }
    Ok(rules)
}
