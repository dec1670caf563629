//! The check_all of a simulation: compares the answers that clients received with the contents of the
//! database at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::class_model::follows_version;
use super::customers::{ClientAnswer, Crowd, Operation, Poll, Read};
use super::journal::Chain;
use super::model::Model;
use super::world::{BEGINNING, World};
use crate::ids::{Epoch, HoldId, InstanceId, OfferingId, Seq};
use crate::inventory::{Change, Command, Decision, Inventory, Rejection};
use crate::journal::{Head, Record, Row, fold_row};
use crate::simulation::read_checker::{check_read, oldest, was_told};

/// Judges a whole run.
pub(super) fn check_all(crowd: &Crowd) {
    let world = &crowd.site.world;
    let (deeds, looks) = (crowd.deeds.borrow(), crowd.looks.borrow());
    let polls = crowd.polls.borrow();
    crowd.site.database.inspect(|chains| {
        for (offering, chain) in chains {
            let facts = Facts::of(chain);
            let mut checks = Vec::new();
            for deed in deeds.iter().filter(|deed| deed.offering == *offering) {
                check_operation(world, chain, &facts, deed);
                if let (ClientAnswer::Refused(rejection), false) = (&deed.told, deed.doubtful) {
                    let first = chain.durable_at.partition_point(|at| *at <= deed.sent_at);
                    let last = number(deed.answered_seq).min(chain.rows.len());
                    let what = What::Refusal(deed, rejection);
                    checks.push(Check { first: first.max(1), last, what });
                }
            }
            for look in looks.iter().filter(|look| look.offering == *offering) {
                let row = number(look.view.seq);
                checks.push(Check { first: row, last: row, what: What::Read(look) });
            }
            for poll in polls.iter().filter(|poll| poll.offering == *offering) {
                let first = chain.durable_at.partition_point(|at| *at <= oldest(poll.sent_at));
                let last = number(poll.answered_seq).min(chain.rows.len());
                checks.push(Check { first: first.max(1), last, what: What::Poll(poll) });
            }
            for (seq, hash) in &chain.written {
                let row = number(*seq);
                checks.push(Check { first: row, last: row, what: What::Snapshot(*hash) });
            }
            check_unasked(world, *offering, &facts, &deeds);
            if let Some(end) = check_states(world, (*offering, chain), checks) {
                check_finished(world, *offering, &end);
            }
        }
    });
}

fn number(seq: Seq) -> usize {
    usize::try_from(seq.0).unwrap_or(usize::MAX)
}

/// Facts of a journal, computed once.
struct Facts {
    /// Every hold, reservation and waitlist entry that was ever made.
    made: BTreeSet<HoldId>,
    /// Number of effects of each idempotency key.
    effects: HashMap<[u8; 16], usize>,
}

impl Facts {
    fn of(chain: &Chain) -> Self {
        let mut facts = Self { made: drawn_in(chain), effects: HashMap::new() };
        for (_, record) in &chain.rows {
            let Record::Batch(transitions) = &**record else { continue };
            for key in transitions.iter().filter_map(|transition| transition.idempotency) {
                *facts.effects.entry(key.key).or_default() += 1;
            }
        }
        facts
    }
}

/// A comparison with the states after the rows `first..=last`, counted from 1.
struct Check<'a> {
    first: usize,
    last: usize,
    what: What<'a>,
}

enum What<'a> {
    Refusal(&'a Operation, &'a Rejection),
    Read(&'a Read),
    Poll(&'a Poll),
    Snapshot(blake3::Hash),
}

/// The state after a row, and the states between its transitions.
struct Folded {
    row: usize,
    on_the_way: Vec<Inventory>,
    after: Inventory,
}

/// Folds the journal, runs the naive model beside it, and makes all comparisons on the way, because a
/// long journal has more states than fit into memory. Returns the last state.
fn check_states(
    world: &World,
    (offering, chain): (OfferingId, &Chain),
    mut checks: Vec<Check<'_>>,
) -> Option<Inventory> {
    checks.sort_by_key(|check| check.last);
    // The first row that any check from there on needs.
    let mut needed = vec![usize::MAX; checks.len() + 1];
    for (index, check) in checks.iter().enumerate().rev() {
        needed[index] = check.first.min(needed[index + 1]);
    }
    let (mut next, mut states) = (0, VecDeque::new());
    let mut reader = Reader::default();
    for (row, (fields, record)) in (1..).zip(&chain.rows) {
        let is_needed = needed[next] <= row;
        let on_the_way =
            if is_needed { on_the_way(&reader.state, fields, record) } else { Vec::new() };
        if let Err(what) = reader.read(fields, record) {
            world.violated(format_args!("{offering} row {row}: {what}"));
            return None;
        }
        if is_needed {
            states.push_back(Folded { row, on_the_way, after: reader.state.clone() });
        }
        while let Some(check) = checks.get(next).filter(|check| check.last <= row) {
            check_check(world, chain, &states, check);
            next += 1;
        }
        while states.front().is_some_and(|state: &Folded| state.row < needed[next]) {
            states.pop_front();
        }
    }
    // Checks of rows that do not exist.
    for check in checks.iter().skip(next) {
        check_check(world, chain, &VecDeque::new(), check);
    }
    Some(reader.state)
}

fn check_check(world: &World, chain: &Chain, states: &VecDeque<Folded>, check: &Check<'_>) {
    let (first, last) = (check.first, check.last);
    let rows = || states.iter().filter(|state| (first..=last).contains(&state.row));
    match check.what {
        What::Refusal(deed, rejection) => {
            let rows: Vec<&Folded> = rows().collect();
            if !was_true(&rows, deed, rejection) {
                world.violated(format_args!("refused for a reason that never was: {deed:?}"));
            }
        }
        What::Read(look) => check_read(world, chain, rows().next().map(|row| &row.after), look),
        What::Poll(poll) => {
            let mut states = rows().flat_map(|row| row.on_the_way.iter().chain([&row.after]));
            if !states.any(|state| was_told(state, poll)) {
                world.violated(format_args!("told what never was: {poll:?}"));
            }
        }
        // Each snapshot is the state after the row that it names.
        What::Snapshot(hash) => {
            if rows().next().is_none_or(|row| blake3::hash(&row.after.to_snapshot()) != hash) {
                world.violated(format_args!("a snapshot of row {last} is of another state"));
            }
        }
    }
}

/// The core's own fold, and the naive model beside it.
struct Reader {
    head: Head,
    state: Inventory,
    model: Model,
    owners: BTreeMap<Epoch, InstanceId>,
}

impl Default for Reader {
    fn default() -> Self {
        let (model, owners) = (Model::default(), BTreeMap::new());
        Self { head: Head::EMPTY, state: Inventory::empty(), model, owners }
    }
}

impl Reader {
    fn read(&mut self, row: &Row, record: &Record) -> Result<(), String> {
        row.verify(&self.head).map_err(|error| error.to_string())?;
        self.head = row.head();
        let owner = *self.owners.entry(row.epoch).or_insert(row.owner);
        if owner != row.owner {
            return Err(format!("epoch {} has two owners", row.epoch));
        }
        fold_row(&mut self.state, row, record).map_err(|error| error.to_string())?;
        let Record::Batch(transitions) = record else { return Ok(()) };
        transitions.iter().try_for_each(|transition| self.model.take(row.at, transition))
    }
}

/// Returns the states between the transitions of one row: a refusal in the middle of a batch rests on
/// one.
fn on_the_way(before: &Inventory, row: &Row, record: &Record) -> Vec<Inventory> {
    let Record::Batch(transitions) = record else { return Vec::new() };
    let mut state = before.clone();
    state.begin_batch(row.seq, row.at);
    let mut states = Vec::new();
    for transition in transitions.iter().take(transitions.len() - 1) {
        // The fold reports a transition that does not fit.
        if state.apply(transition).is_err() {
            break;
        }
        states.push(state.clone());
    }
    states
}

fn check_operation(world: &World, chain: &Chain, facts: &Facts, deed: &Operation) {
    match &deed.told {
        ClientAnswer::Done { seq, at, transition } => {
            let row = number(*seq).checked_sub(1).and_then(|index| chain.rows.get(index));
            let found = row.is_some_and(|(row, record)| {
                let Record::Batch(transitions) = &**record else { return false };
                row.seq == *seq && row.at == *at && transitions.iter().any(|one| one == transition)
            });
            if !found {
                world.violated(format_args!("acknowledged and not durable: {deed:?}"));
            }
            if !decided_as_seen(&deed.request.command, &transition.changes) {
                world.violated(format_args!("decided at another version: {deed:?}"));
            }
        }
        // A request that was answered as undone must not be in the journal. If the network repeats a
        // message, the copy may still carry it out later, like a second client.
        ClientAnswer::Nothing(_) if !deed.doubtful && world.faults_were_without_doubles() => {
            for id in &deed.drawn {
                if facts.made.contains(id) {
                    world.violated(format_args!("done, and told that nothing was: {deed:?}"));
                }
            }
        }
        ClientAnswer::Refused(_) | ClientAnswer::Nothing(_) | ClientAnswer::Unknown => {}
    }
    let Some(key) = deed.request.idempotency else { return };
    let made = deed.drawn.iter().filter(|id| facts.made.contains(id)).count();
    if made > 1 {
        world.violated(format_args!("asked with one key, made {made} times: {deed:?}"));
    }
    if made > 0
        && matches!(deed.told, ClientAnswer::Refused(_))
        && !deed.doubtful
        && world.faults_were_without_doubles()
    {
        world.violated(format_args!("refused, and made: {deed:?}"));
    }
    if facts.effects.get(&key.key).is_some_and(|effects| *effects > 1) {
        world.violated(format_args!("one key, two effects: {deed:?}"));
    }
}

/// True if applications were decided at the versions that the administrator had seen.
fn decided_as_seen(command: &Command, changes: &[Change]) -> bool {
    match command {
        Command::ByAdmin { command, .. } => decided_as_seen(command, changes),
        Command::DecideEnrollment { verdict } => follows_version(verdict, changes),
        Command::DecideEnrollments { verdicts } => {
            verdicts.iter().all(|verdict| follows_version(verdict, changes))
        }
        _ => true,
    }
}

/// True if the command would have been refused like this at some moment that the refusal may rest on:
/// between sending the request and receiving the answer.
fn was_true(rows: &[&Folded], deed: &Operation, rejection: &Rejection) -> bool {
    let ms = |at: Duration| BEGINNING + i64::try_from(at.as_millis()).unwrap_or(0);
    let (sent, answered) = (ms(deed.sent_at), ms(deed.answered_at));
    let refused = |state: &Inventory, now| {
        let mut state = state.clone();
        let at = state.begin_batch(Seq(u64::MAX), now);
        let refuses = |mut state: Inventory| {
            matches!(state.execute(&deed.request), Decision::Rejected(found)
                if std::mem::discriminant(&found) == std::mem::discriminant(rejection))
        };
        // The queue's own work comes after the commands that wait.
        while state.claims_due_at().is_some_and(|due| due <= at) && state.run_due().is_some() {}
        if state.queue_generation() > 0 && refuses(state.clone()) {
            return true;
        }
        while state.run_due().is_some() {}
        refuses(state)
    };
    let states =
        || rows.iter().rev().flat_map(|row| std::iter::once(&row.after).chain(&row.on_the_way));
    let likely = |state: &Inventory| [answered, sent, state.at()];
    if states().any(|state| likely(state).iter().any(|now| refused(state, *now))) {
        return true;
    }
    // The clock may be off by the tolerated amount, and the decision was made at some time in
    // between.
    let between = || (sent - 1_000..=answered + 1_000).step_by(20);
    states().any(|state| between().any(|now| refused(state, now)))
}

/// Checks that nothing was made without a request.
fn check_unasked(world: &World, offering: OfferingId, facts: &Facts, deeds: &[Operation]) {
    let asked: BTreeSet<HoldId> =
        deeds.iter().flat_map(|deed| deed.drawn.iter().copied()).collect();
    for id in &facts.made {
        if !asked.contains(id) {
            world.violated(format_args!("{offering}: nobody asked for {id}"));
        }
    }
}

/// Checks that nothing is overdue at the end, although no requests arrive any more.
fn check_finished(world: &World, offering: OfferingId, end: &Inventory) {
    let due = end.next_due_at();
    if due.is_some_and(|due| due + 3_000 < world.now_ms()) {
        world.violated(format_args!("{offering}: nobody has done what was due at {due:?}"));
    }
}

/// Returns every hold, reservation and waitlist entry that was ever made.
fn drawn_in(chain: &Chain) -> BTreeSet<HoldId> {
    let mut drawn = BTreeSet::new();
    for (_, record) in &chain.rows {
        let Record::Batch(transitions) = &**record else { continue };
        for change in transitions.iter().flat_map(|transition| &transition.changes) {
            match change {
                Change::HoldPlaced { hold, .. } => drawn.insert(*hold),
                Change::CheckedOut { reservation, .. } => drawn.insert(HoldId(reservation.0)),
                Change::WaitlistJoined { entry, .. } => drawn.insert(*entry),
                Change::Enrolled { enrollment, .. } => drawn.insert(HoldId(enrollment.0)),
                Change::QueueEntered { entries } | Change::QueuePrioritised { entries, .. } => {
                    drawn.extend(entries.iter().map(|(_, id)| HoldId(id.0)));
                    false
                }
                _ => false,
            };
        }
    }
    drawn
}
