//! The judge of a simulation: compares what clients were told with what the database holds at the
//! end, by a model of its own that is so naive that it has no room for the core's mistakes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::customers::{Crowd, Deed, Told};
use super::journal::Chain;
use super::looks::judge_look;
use super::world::{BEGINNING, World};
use crate::ids::{Epoch, HoldId, InstanceId, OfferingId, ProductId, ReservationId, SeatId, Seq};
use crate::inventory::{Change, Decision, Inventory, Line, Rejection, TimestampMs, Transition};
use crate::journal::{Head, Record, fold_row};

/// What the way to the one who answers may add to the age of what the answer rests on.
pub(super) const SLACK: Duration = Duration::from_millis(300);

/// Judges a whole run.
pub(super) fn judge(crowd: &Crowd) {
    let world = &crowd.site.world;
    crowd.site.database.inspect(|chains| {
        for (offering, chain) in chains {
            let Some(states) = read(world, *offering, chain) else { continue };
            for deed in crowd.deeds.borrow().iter().filter(|deed| deed.offering == *offering) {
                judge_deed(world, chain, &states, deed);
            }
            for look in crowd.looks.borrow().iter().filter(|look| look.offering == *offering) {
                let row = usize::try_from(look.view.seq.0).unwrap_or(usize::MAX);
                let state = row.checked_sub(1).and_then(|index| states.get(index));
                judge_look(world, chain, state.map(|state| &state.after), look);
            }
            judge_unasked(world, *offering, chain, &crowd.deeds.borrow());
            judge_snapshots(world, chain, &states);
            judge_finished(world, *offering, &states);
        }
    });
}

/// The state after each row, and those on the way to it.
struct Folded {
    on_the_way: Vec<Inventory>,
    after: Inventory,
}

/// The states by the core's own fold, and the naive model's opinion of every row.
fn read(world: &World, offering: OfferingId, chain: &Chain) -> Option<Vec<Folded>> {
    let (mut head, mut state) = (Head::EMPTY, Inventory::empty());
    let (mut model, mut states) = (Model::default(), Vec::with_capacity(chain.rows.len()));
    let mut owners: BTreeMap<Epoch, InstanceId> = BTreeMap::new();
    for (row, record) in &chain.rows {
        if let Err(error) = row.verify(&head) {
            world.violated(format_args!("{offering}: {error}"));
            return None;
        }
        head = row.head();
        let owner = *owners.entry(row.epoch).or_insert(row.owner);
        if owner != row.owner {
            world.violated(format_args!(
                "{offering} row {}: epoch {} has two owners",
                row.seq, row.epoch
            ));
        }
        let on_the_way = on_the_way(&state, row, record);
        if let Err(error) = fold_row(&mut state, row, record) {
            world.violated(format_args!("{offering}: {error}"));
            return None;
        }
        states.push(Folded { on_the_way, after: state.clone() });
        if let Record::Batch(transitions) = &**record {
            for transition in transitions {
                if let Err(what) = model.take(row.at, transition) {
                    world.violated(format_args!("{offering} row {}: {what}", row.seq));
                }
            }
        }
    }
    Some(states)
}

/// Between the transitions of one row: what a refusal in the middle of a batch rests on.
fn on_the_way(before: &Inventory, row: &crate::journal::Row, record: &Record) -> Vec<Inventory> {
    let Record::Batch(transitions) = record else { return Vec::new() };
    let mut state = before.clone();
    state.begin_batch(row.seq, row.at);
    let mut states = Vec::new();
    for transition in transitions.iter().take(transitions.len() - 1) {
        // What does not fit is found by the fold.
        if state.apply(transition).is_err() {
            break;
        }
        states.push(state.clone());
    }
    states
}

fn judge_deed(world: &World, chain: &Chain, states: &[Folded], deed: &Deed) {
    match &deed.told {
        Told::Done { seq, at, transition } => {
            let found = row_at(chain, *seq).is_some_and(|(row, record)| {
                let Record::Batch(transitions) = &**record else { return false };
                row.at == *at && transitions.iter().any(|one| one == transition)
            });
            if !found {
                world.violated(format_args!("acknowledged and not durable: {deed:?}"));
            }
        }
        Told::Refused(rejection) if !deed.doubtful => {
            if !was_true(chain, states, deed, rejection) {
                world.violated(format_args!("refused for a reason that never was: {deed:?}"));
            }
        }
        // What was told to be undone must not be there. A message that the network repeats may
        // still do it, later, like a second client.
        Told::Nothing(_) if !deed.doubtful && world.faults_were_without_doubles() => {
            for id in &deed.drawn {
                if drawn_in(chain).contains(id) {
                    world.violated(format_args!("done, and told that nothing was: {deed:?}"));
                }
            }
        }
        Told::Refused(_) | Told::Nothing(_) | Told::Unknown => {}
    }
    let Some(key) = deed.request.idempotency else { return };
    let made = drawn_in(chain);
    let made = deed.drawn.iter().filter(|id| made.contains(id)).count();
    if made > 1 {
        world.violated(format_args!("asked with one key, made {made} times: {deed:?}"));
    }
    if made > 0
        && matches!(deed.told, Told::Refused(_))
        && !deed.doubtful
        && world.faults_were_without_doubles()
    {
        world.violated(format_args!("refused, and made: {deed:?}"));
    }
    let effects = chain.rows.iter().filter_map(|(_, record)| match &**record {
        Record::Batch(transitions) => Some(transitions),
        Record::Takeover => None,
    });
    let effects = effects
        .flatten()
        .filter(|transition| transition.idempotency.is_some_and(|found| found.key == key.key));
    if effects.count() > 1 {
        world.violated(format_args!("one key, two effects: {deed:?}"));
    }
}

/// Whether the command would have been refused like this at any moment that the refusal may rest
/// on: from when it was asked to when it was told.
fn was_true(chain: &Chain, states: &[Folded], deed: &Deed, rejection: &Rejection) -> bool {
    let first = chain.durable_at.partition_point(|at| *at <= deed.sent_at).max(1);
    let last = usize::try_from(deed.answered_seq.0).unwrap_or(0).min(states.len());
    let ms = |at: Duration| BEGINNING + i64::try_from(at.as_millis()).unwrap_or(0);
    let (sent, answered) = (ms(deed.sent_at), ms(deed.answered_at));
    let refused = |state: &Inventory, now| {
        let mut state = state.clone();
        state.begin_batch(Seq(u64::MAX), now);
        while state.run_due().is_some() {}
        matches!(state.execute(&deed.request), Decision::Rejected(found)
            if std::mem::discriminant(&found) == std::mem::discriminant(rejection))
    };
    let rows = states.get(first - 1..last).unwrap_or_default();
    let states =
        || rows.iter().rev().flat_map(|row| std::iter::once(&row.after).chain(&row.on_the_way));
    let likely = |state: &Inventory| [answered, sent, state.at()];
    if states().any(|state| likely(state).iter().any(|now| refused(state, *now))) {
        return true;
    }
    // Its clock may be off by what is tolerated, and it was decided at some time in between.
    let between = || (sent - 1_000..=answered + 1_000).step_by(20);
    states().any(|state| between().any(|now| refused(state, now)))
}

/// Nothing is there that nobody asked for.
fn judge_unasked(world: &World, offering: OfferingId, chain: &Chain, deeds: &[Deed]) {
    let asked: BTreeSet<HoldId> =
        deeds.iter().flat_map(|deed| deed.drawn.iter().copied()).collect();
    for id in drawn_in(chain) {
        if !asked.contains(&id) {
            world.violated(format_args!("{offering}: nobody asked for {id}"));
        }
    }
}

/// Each snapshot is the state after the row that it names.
fn judge_snapshots(world: &World, chain: &Chain, states: &[Folded]) {
    for snapshot in &chain.snapshots {
        let at = usize::try_from(snapshot.seq.0).unwrap_or(usize::MAX);
        let same = at
            .checked_sub(1)
            .and_then(|index| states.get(index))
            .is_some_and(|row| row.after.to_snapshot() == snapshot.payload);
        if !same {
            world.violated(format_args!("a snapshot of row {} is of another state", snapshot.seq));
        }
    }
}

/// In the end nothing is overdue, although nobody asks any more.
fn judge_finished(world: &World, offering: OfferingId, states: &[Folded]) {
    let due = states.last().and_then(|row| row.after.next_due_at());
    if due.is_some_and(|due| due + 3_000 < world.now_ms()) {
        world.violated(format_args!("{offering}: nobody has done what was due at {due:?}"));
    }
}

fn row_at(
    chain: &Chain,
    seq: Seq,
) -> Option<&(std::sync::Arc<crate::journal::Row>, std::sync::Arc<Record>)> {
    chain.rows.iter().find(|(row, _)| row.seq == seq)
}

/// Every hold, reservation and waitlist entry that was ever made.
fn drawn_in(chain: &Chain) -> BTreeSet<HoldId> {
    let mut drawn = BTreeSet::new();
    for (_, record) in &chain.rows {
        let Record::Batch(transitions) = &**record else { continue };
        for change in transitions.iter().flat_map(|transition| &transition.changes) {
            match change {
                Change::HoldPlaced { hold, .. } => drawn.insert(*hold),
                Change::CheckedOut { reservation, .. } => drawn.insert(HoldId(reservation.0)),
                Change::WaitlistJoined { entry, .. } => drawn.insert(*entry),
                _ => false,
            };
        }
    }
    drawn
}

/// An offering, as a child would keep its books.
#[derive(Default)]
struct Model {
    seats: HashMap<SeatId, HoldId>,
    capacity: HashMap<ProductId, u32>,
    taken: HashMap<ProductId, u32>,
    claims: HashMap<HoldId, Claim>,
    reservations: HashMap<ReservationId, HoldId>,
    waiting: BTreeMap<HoldId, (ProductId, u32)>,
}

struct Claim {
    lines: Vec<Line>,
    expires_at: TimestampMs,
    is_hold: bool,
}

impl Model {
    fn take(&mut self, at: TimestampMs, transition: &Transition) -> Result<(), String> {
        for change in &transition.changes {
            self.change(at, change)?;
        }
        for (product, taken) in &self.taken {
            let free = self.capacity[product].saturating_sub(*taken);
            let fits = self.waiting.iter().find(|(_, (of, size))| of == product && *size <= free);
            if let Some((entry, _)) = fits {
                return Err(format!("{free} places are free and {entry} waits for them"));
            }
        }
        Ok(())
    }

    fn change(&mut self, at: TimestampMs, change: &Change) -> Result<(), String> {
        match change {
            Change::Created { definition } => {
                for (product, definition) in (0..).map(ProductId).zip(&definition.products) {
                    self.taken.insert(product, 0);
                    self.capacity.insert(product, definition.capacity.unwrap_or(0));
                }
                for section in &definition.sections {
                    let seats: u32 = section.rows.iter().map(|row| row.seats).sum();
                    *self.capacity.entry(section.product).or_default() += seats;
                }
            }
            Change::HoldPlaced { hold, lines, expires_at, .. } => {
                self.claim(*hold, lines, *expires_at)?;
            }
            Change::OfferMade { entry, line, expires_at, .. } => {
                self.waiting.remove(entry).ok_or("an offer to nobody")?;
                self.claim(*entry, std::slice::from_ref(line), *expires_at)?;
            }
            Change::HoldExtended { hold, expires_at, .. }
            | Change::OfferAccepted { entry: hold, expires_at, .. } => {
                let claim = self.claims.get_mut(hold).ok_or("no such hold")?;
                if claim.expires_at <= at {
                    return Err(format!("{hold} lives on at {at}, beyond its deadline"));
                }
                claim.expires_at = *expires_at;
            }
            Change::HoldReleased { hold } => self.free(*hold)?,
            Change::HoldsExpired { holds } => {
                for hold in holds {
                    let claim = self.claims.get(hold).ok_or("no such hold")?;
                    if at < claim.expires_at {
                        return Err(format!("{hold} expires before its time"));
                    }
                    self.free(*hold)?;
                }
            }
            Change::CheckedOut { hold, reservation, lines, .. } => {
                // `Reserve` holds and checks out in one.
                if !self.claims.contains_key(hold) {
                    self.claim(*hold, lines, TimestampMs::MAX)?;
                }
                let claim = self.claims.get_mut(hold).ok_or("no such hold")?;
                if claim.expires_at <= at {
                    return Err(format!("{hold} is checked out at {at}, beyond its deadline"));
                }
                claim.is_hold = false;
                if self.reservations.insert(*reservation, *hold).is_some() {
                    return Err(format!("{reservation} is made twice"));
                }
            }
            Change::ReservationsExpired { reservations }
            | Change::ReservationsCancelled { reservations } => {
                for reservation in reservations {
                    let hold = *self.reservations.get(reservation).ok_or("no such reservation")?;
                    self.free(hold)?;
                }
            }
            Change::ReservationRevived { reservation } => {
                let hold = *self.reservations.get(reservation).ok_or("no such reservation")?;
                // Its lines follow in the confirmation.
                self.claims.insert(
                    hold,
                    Claim { lines: Vec::new(), expires_at: TimestampMs::MAX, is_hold: false },
                );
            }
            Change::ReservationConfirmed { reservation, lines, .. } => {
                let hold = *self.reservations.get(reservation).ok_or("no such reservation")?;
                let claim = self.claims.get(&hold).ok_or("confirmed without places")?;
                if claim.lines.is_empty() {
                    self.claims.remove(&hold);
                    self.claim(hold, lines, TimestampMs::MAX)?;
                }
            }
            Change::WaitlistJoined { entry, product, party_size, .. } => {
                self.waiting.insert(*entry, (*product, *party_size));
            }
            Change::WaitlistLeft { entry } => {
                self.waiting.remove(entry).ok_or("nobody waits")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn claim(
        &mut self,
        hold: HoldId,
        lines: &[Line],
        expires_at: TimestampMs,
    ) -> Result<(), String> {
        for line in lines {
            for seat in &line.seats {
                if let Some(other) = self.seats.insert(*seat, hold) {
                    return Err(format!("{seat:?} is {other}'s and is given to {hold}"));
                }
            }
            let taken = self.taken.entry(line.product).or_default();
            *taken += line.quantity;
            if *taken > self.capacity[&line.product] {
                return Err(format!("{:?} is sold beyond its size", line.product));
            }
        }
        let claim = Claim { lines: lines.to_vec(), expires_at, is_hold: true };
        if self.claims.insert(hold, claim).is_some() {
            return Err(format!("{hold} is placed twice"));
        }
        Ok(())
    }

    fn free(&mut self, hold: HoldId) -> Result<(), String> {
        let claim = self.claims.remove(&hold).ok_or_else(|| format!("{hold} ends twice"))?;
        for line in &claim.lines {
            for seat in &line.seats {
                if self.seats.remove(seat) != Some(hold) {
                    return Err(format!("{seat:?} is freed by {hold}, which does not have it"));
                }
            }
            *self.taken.entry(line.product).or_default() -= line.quantity;
        }
        Ok(())
    }
}
