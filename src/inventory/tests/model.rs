//! The naive second model: lists, searched completely each time. It shares no code with the core
//! except the types of its contract. It decides independently; only where best available may choose
//! freely does it take over the core's choice, after checking by brute force that the choice is
//! right.

mod apply;
mod apply_reservation;
mod cancel_tickets;
mod class;
mod complimentary;
mod decide;
mod decide_admin;
mod decide_change;
mod decide_class;
mod decide_event;
mod decide_queue;
mod decide_reservation;
mod offers;
mod queue;
mod run_queue;
mod seats;

use std::collections::BTreeMap;

use crate::ids::{HoldId, PaymentId, ProductId, ReservationId, SeatId, Seq, UserId};
use crate::inventory::{
    CancellationPolicy, Change, Command, Counts, Decision, Definition, EntryEnding, Fit, Line,
    LineRequest, Place, Policy, Rejection, Request, Requester, RowDefinition, SaleState,
    SaleWindow, SeatStatus, Transition,
};
pub(super) use queue::{Is, Queue};
use seats::{Seat, all_seats, check_choice};

const HOUR: i64 = 3_600_000;
/// Places of a queue's line that are looked at in one transition.
const LOOKS: usize = 1_000;
/// As [`LOOKS`], where the transition does something else, too.
const LOOKS_OF_COMMANDS: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) at: i64,
    /// The model before the open batch; restored if the batch has no effect.
    before: Option<Box<Model>>,
    place: Place,
    policy: Policy,
    definition: Definition,
    pub(super) state: SaleState,
    times: Option<(i64, i64)>,
    cancellation: CancellationPolicy,
    withdrawn: BTreeMap<ProductId, i64>,
    /// Until when each kept seat is kept.
    kept: BTreeMap<SeatId, i64>,
    blocked: BTreeMap<ProductId, u32>,
    pub(super) seats: Vec<Seat>,
    pub(super) claims: Vec<Claim>,
    ended: Vec<(HoldId, UserId, Ended, i64)>,
    pub(super) waiting: Vec<Waiting>,
    /// Ended entries of the waitlist, and how they ended.
    pub(super) ended_entries: Vec<(HoldId, EntryEnding, i64)>,
    keys: Vec<([u8; 16], [u8; 16], Place, i64)>,
    pub(super) class: Option<class::Class>,
    pub(super) queue: Option<Queue>,
    /// How many queues there have been.
    pub(super) generation: u32,
    /// The pass that came with the command that is being decided.
    shown: decide_queue::Shown,
    /// The core's refusal of the command that is being decided.
    refused: Option<Rejection>,
}

#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) hold: HoldId,
    pub(super) customer: UserId,
    pub(super) lines: Vec<Line>,
    pub(super) state: State,
    /// The lines with the places of cancelled tickets; empty while no ticket was cancelled.
    pub(super) bought: Vec<Line>,
    pub(super) gone: Vec<u8>,
    pub(super) refunded: i64,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    Hold { placed: i64, expires: i64, offered: bool },
    Pending { id: ReservationId, pay_by: i64, window: i64, payment: Option<(PaymentId, Place)> },
    Confirmed { id: ReservationId, payment: Option<PaymentId>, place: Place, used: Vec<u8> },
    Expired { id: ReservationId, at: i64, window: i64, payment: Option<PaymentId> },
    Cancelled { id: ReservationId, at: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Expired,
    Otherwise,
}

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) entry: HoldId,
    pub(super) customer: UserId,
    pub(super) product: ProductId,
    pub(super) party: u32,
}

enum No {
    Because(Rejection),
    Already(Place),
}

impl From<Rejection> for No {
    fn from(rejection: Rejection) -> Self {
        Self::Because(rejection)
    }
}

type Answer = Result<Vec<Change>, No>;

fn invalid<T>() -> Result<T, Rejection> {
    Err(Rejection::Invalid { reason: "".into() })
}

fn wrong() -> Rejection {
    Rejection::WrongState { what: "".into(), state: "".into() }
}

/// A refusal without its texts: only the other fields are compared.
fn plain(rejection: &Rejection) -> Rejection {
    match rejection {
        Rejection::Invalid { .. } => Rejection::Invalid { reason: "".into() },
        Rejection::WrongState { .. } => wrong(),
        other => other.clone(),
    }
}

fn without_text(change: &Change) -> Change {
    match change {
        Change::VerdictRefused { enrollment, rejection } => {
            let rejection = Box::new(plain(rejection));
            Change::VerdictRefused { enrollment: *enrollment, rejection }
        }
        other => other.clone(),
    }
}

impl Model {
    pub(super) fn new(definition: &Definition, at: i64) -> Self {
        Self {
            at,
            before: None,
            place: Place { seq: Seq(0), index: 0 },
            policy: definition.policy,
            definition: definition.clone(),
            state: definition.sale_state,
            times: None,
            cancellation: CancellationPolicy::Until { until: None, refund_percent: 100 },
            withdrawn: BTreeMap::new(),
            kept: BTreeMap::new(),
            blocked: BTreeMap::new(),
            seats: all_seats(definition),
            claims: Vec::new(),
            ended: Vec::new(),
            waiting: Vec::new(),
            ended_entries: Vec::new(),
            keys: Vec::new(),
            class: None,
            queue: None,
            generation: 0,
            shown: decide_queue::Shown::Nothing,
            refused: None,
        }
    }

    pub(super) fn begin_batch(&mut self, seq: Seq, now: i64) {
        if self.place.index == 0
            && let Some(before) = self.before.take()
        {
            *self = *before;
        }
        self.before = None;
        self.before = Some(Box::new(self.clone()));
        self.at = self.at.max(now);
        self.place = Place { seq, index: 0 };
        let at = self.at;
        self.keys.retain(|key| at - key.3 < 24 * HOUR);
        self.ended.retain(|ended| at - ended.3 < HOUR);
        self.claims.retain(|claim| match claim.state {
            State::Expired { at: end, .. } | State::Cancelled { at: end, .. } => {
                at - end < 24 * HOUR
            }
            State::Hold { .. } | State::Pending { .. } | State::Confirmed { .. } => true,
        });
    }

    /// Asserts that the core decided as this model decides.
    pub(super) fn execute(&mut self, request: &Request, core: &Decision) {
        if let Some(key) = &request.idempotency
            && let Some(known) = self.keys.iter().find(|known| known.0 == key.key)
        {
            let expected = if known.1 == key.fingerprint {
                Decision::Replayed(known.2)
            } else {
                Decision::Rejected(Rejection::KeyReused)
            };
            assert_eq!(*core, expected, "a key that was used before");
            return;
        }
        let hints: &[Change] = match core {
            Decision::Decided(transition) => &transition.changes,
            Decision::Replayed(_) | Decision::Rejected(_) => &[],
        };
        self.refused = match core {
            Decision::Rejected(rejection) => Some(rejection.clone()),
            Decision::Decided(_) | Decision::Replayed(_) => None,
        };
        self.shown = decide_queue::Shown::Nothing;
        match (self.decide(&request.command, hints), core) {
            (Ok(changes), Decision::Decided(transition)) => {
                let changes = self.with_consequences(Some(&request.command), changes);
                self.follow(changes, &transition.changes, LOOKS_OF_COMMANDS);
                if let Some(key) = &request.idempotency {
                    self.keys.push((key.key, key.fingerprint, self.place, self.at));
                }
                self.place.index += 1;
            }
            (Err(No::Because(mine)), Decision::Rejected(theirs)) => {
                assert_eq!(plain(&mine), plain(theirs), "{:?}", request.command);
            }
            (Err(No::Already(mine)), Decision::Replayed(theirs)) => assert_eq!(mine, *theirs),
            (Ok(mine), theirs) => panic!("{:?}: {mine:?}, not {theirs:?}", request.command),
            (Err(No::Because(mine)), theirs) => {
                panic!("{:?}: {mine:?}, not {theirs:?}", request.command)
            }
            (Err(No::Already(mine)), theirs) => {
                panic!("{:?}: {mine:?}, not {theirs:?}", request.command)
            }
        }
    }

    /// As [`Self::execute`], for a round of due work.
    pub(super) fn run_due(&mut self, core: Option<&Transition>) {
        let theirs = core.map_or(&[][..], |transition| &transition.changes);
        let due = self.with_consequences(None, self.due());
        self.follow(due, theirs, LOOKS);
        self.place.index += u32::from(core.is_some());
    }

    /// Applies changes and what follows; asserts that all equal the core's. At most `looks` places
    /// of the line are looked at if nothing else is done.
    fn follow(&mut self, mut changes: Vec<Change>, theirs: &[Change], looks: usize) {
        for change in changes.clone() {
            self.apply(&change);
        }
        while let Some(change) = self.next_offer(theirs.get(changes.len())) {
            self.apply(&change);
            changes.push(change);
        }
        let looks = if changes.is_empty() { looks } else { LOOKS_OF_COMMANDS };
        self.follow_queue(&mut changes, looks);
        // The texts of refusals are not compared.
        let theirs: Vec<Change> = theirs.iter().map(without_text).collect();
        assert_eq!(changes, theirs);
    }

    fn due(&self) -> Vec<Change> {
        let cancelled = self.state == SaleState::Cancelled;
        let (mut holds, mut reservations, mut in_part) = (Vec::new(), Vec::new(), Vec::new());
        for claim in &self.claims {
            match claim.state {
                State::Hold { expires, .. } if cancelled || expires <= self.at => {
                    holds.push(claim.hold);
                }
                State::Pending { id, pay_by, .. } if cancelled || pay_by <= self.at => {
                    reservations.push(id);
                }
                State::Confirmed { id, .. } if cancelled && !claim.gone.is_empty() => {
                    let refund = claim.worth().min(claim.left());
                    let reservation = id;
                    in_part.push(Change::ReservationCancelledFor { reservation, refund });
                }
                State::Confirmed { id, .. } if cancelled => reservations.push(id),
                _ => {}
            }
        }
        in_part.sort_unstable_by_key(|change| match change {
            Change::ReservationCancelledFor { reservation, .. } => *reservation,
            other => unreachable!("{other:?}"),
        });
        holds.sort_unstable();
        reservations.sort_unstable();
        let mut changes = Vec::new();
        if !holds.is_empty() {
            changes.push(Change::HoldsExpired { holds });
        }
        if !reservations.is_empty() && cancelled {
            changes.push(Change::ReservationsCancelled { reservations });
        } else if !reservations.is_empty() {
            changes.push(Change::ReservationsExpired { reservations });
        }
        changes.extend(in_part);
        let mut released: Vec<(i64, SeatId)> =
            self.kept.iter().map(|(seat, until)| (*until, *seat)).collect();
        released.retain(|(until, _)| *until <= self.at && !cancelled);
        released.sort_unstable();
        if !released.is_empty() {
            let seats = released.into_iter().map(|(_, seat)| seat).collect();
            changes.push(Change::KeptSeatsReleased { seats });
        }
        if changes.is_empty() && cancelled && self.class.is_some() {
            return self.rest_of_class();
        }
        if changes.is_empty() && cancelled {
            let left = |waiting: &Waiting| Change::WaitlistLeft { entry: waiting.entry };
            return self.waiting.iter().map(left).collect();
        }
        changes
    }

    pub(super) fn next_due_at(&self) -> Option<i64> {
        let live = self.claims.iter().filter_map(|claim| match claim.state {
            State::Hold { expires, .. } => Some(expires),
            State::Pending { pay_by, .. } => Some(pay_by),
            State::Confirmed { .. } if self.state == SaleState::Cancelled => Some(self.at),
            State::Confirmed { .. } | State::Expired { .. } | State::Cancelled { .. } => None,
        });
        if self.state == SaleState::Cancelled {
            let is_left = !self.waiting.is_empty() || !self.rest_of_class().is_empty();
            return (live.count() > 0 || is_left).then_some(self.at);
        }
        if self.next_in_line().is_some() {
            return Some(self.at);
        }
        let offers = self.waiting.iter().filter_map(|waiting| {
            if waiting.party > self.for_anyone(waiting.product) || self.state != SaleState::Open {
                return None;
            }
            if self.withdrawn.contains_key(&waiting.product) {
                return None;
            }
            let windows = self.windows(waiting.product);
            let start = windows.iter().filter_map(|window| window.start).max();
            let opens = self.at.max(start.unwrap_or(self.at));
            windows.iter().all(|window| window.end.is_none_or(|end| opens < end)).then_some(opens)
        });
        let queue = self.queue_due_at();
        live.chain(offers).chain(self.kept.values().copied()).chain(queue).min()
    }

    fn product(&self, product: ProductId) -> &crate::inventory::ProductDefinition {
        &self.definition.products[product.index()]
    }

    pub(super) fn counts(&self, product: ProductId) -> Counts {
        let mut counts = Counts {
            total: self.product(product).capacity.unwrap_or(0),
            blocked: self.blocked.get(&product).copied().unwrap_or(0),
            ..Counts::default()
        };
        for seat in self.seats.iter().filter(|seat| seat.product == product) {
            counts.total += u32::from(seat.status != SeatStatus::Removed);
            counts.blocked += u32::from(seat.status == SeatStatus::Blocked);
        }
        for claim in &self.claims {
            for line in claim.lines.iter().filter(|line| line.product == product) {
                match claim.state {
                    State::Hold { .. } | State::Pending { .. } => counts.held += line.quantity,
                    State::Confirmed { .. } => counts.sold += line.quantity,
                    State::Expired { .. } | State::Cancelled { .. } => {}
                }
            }
        }
        counts.available = counts.total - counts.held - counts.sold - counts.blocked;
        counts
    }

    fn places_of(&self, customer: UserId, product: Option<ProductId>) -> u32 {
        let live = self.claims.iter().filter(|claim| {
            let ended = matches!(claim.state, State::Expired { .. } | State::Cancelled { .. });
            claim.customer == customer && !ended
        });
        live.flat_map(|claim| &claim.lines)
            .filter(|line| product.is_none_or(|product| product == line.product))
            .map(|line| line.quantity)
            .sum()
    }

    fn limits(&self, customer: UserId, wanted: &[(ProductId, u32)]) -> Result<(), Rejection> {
        let all: u32 = wanted.iter().map(|(_, places)| places).sum();
        let over_all = self.policy.max_per_customer.map(|max| (max, None, all));
        let each = wanted.iter().filter_map(|(product, places)| {
            Some((self.product(*product).max_per_customer?, Some(*product), *places))
        });
        for (max, product, more) in over_all.into_iter().chain(each) {
            let current = self.places_of(customer, product);
            if current + more > max {
                return Err(Rejection::LimitExceeded { max, current });
            }
        }
        Ok(())
    }

    fn on_sale(&self, product: ProductId) -> Result<(), Rejection> {
        let windows = self.windows(product);
        let opens_at = windows.iter().filter_map(|window| window.start).max();
        let over = windows.iter().any(|window| window.end.is_some_and(|end| end <= self.at));
        match self.state {
            SaleState::Cancelled => Err(Rejection::Cancelled),
            SaleState::Paused => Err(Rejection::SaleClosed { paused: true }),
            SaleState::Closed => Err(Rejection::SaleClosed { paused: false }),
            SaleState::Scheduled => Err(Rejection::SaleNotOpen { opens_at }),
            SaleState::Open if self.withdrawn.contains_key(&product) => {
                Err(Rejection::ProductWithdrawn)
            }
            SaleState::Open if over => Err(Rejection::SaleClosed { paused: false }),
            SaleState::Open if opens_at.is_some_and(|start| self.at < start) => {
                Err(Rejection::SaleNotOpen { opens_at })
            }
            SaleState::Open => Ok(()),
        }
    }

    /// The windows of the offering and of a product. A sale without an end of its own ends with the
    /// event.
    fn windows(&self, product: ProductId) -> [SaleWindow; 2] {
        let mut sale = self.definition.sale;
        if let (None, Some((_, ends))) = (sale.end, self.times) {
            sale.end = Some(ends);
        }
        [sale, self.product(product).sale]
    }

    fn alive(&self) -> Result<(), Rejection> {
        if self.state == SaleState::Cancelled { Err(Rejection::Cancelled) } else { Ok(()) }
    }

    fn line(&self, product: ProductId, quantity: u32, seats: Box<[SeatId]>, fit: Fit) -> Line {
        Line { product, quantity, unit_price: self.product(product).price, seats, fit }
    }

    fn status(&self, seat: SeatId) -> SeatStatus {
        self.seats.get(seat.index()).map_or(SeatStatus::Removed, |seat| seat.status)
    }

    fn set_seats(&mut self, seats: &[SeatId], status: SeatStatus) {
        for seat in seats {
            self.seats[seat.index()].status = status;
        }
    }

    fn find_reservation(&self, id: ReservationId) -> Option<usize> {
        self.claims.iter().position(|claim| match claim.state {
            State::Hold { .. } => false,
            State::Pending { id: of, .. }
            | State::Confirmed { id: of, .. }
            | State::Expired { id: of, .. }
            | State::Cancelled { id: of, .. } => of == id,
        })
    }

    fn find_hold(&self, id: HoldId, customer: UserId) -> Result<usize, Rejection> {
        let found = self
            .claims
            .iter()
            .position(|claim| claim.hold == id && matches!(claim.state, State::Hold { .. }));
        if let Some(at) = found.filter(|at| self.claims[*at].customer == customer) {
            return Ok(at);
        }
        match self.ended.iter().find(|ended| ended.0 == id && ended.1 == customer) {
            Some((_, _, Ended::Expired, _)) => Err(Rejection::HoldExpired),
            Some((_, _, Ended::Otherwise, _)) => Err(Rejection::HoldEnded),
            None => Err(Rejection::HoldNotFound),
        }
    }

    fn accepted(&self, id: HoldId, customer: UserId) -> Result<&Claim, Rejection> {
        let claim = &self.claims[self.find_hold(id, customer)?];
        if matches!(claim.state, State::Hold { offered: true, .. }) {
            return Err(wrong());
        }
        Ok(claim)
    }

    fn offer(&self, id: HoldId, customer: UserId) -> Result<&Claim, Rejection> {
        if self.waiting.iter().any(|w| w.entry == id && w.customer == customer) {
            return Err(wrong());
        }
        let at = self.find_hold(id, customer).map_err(|rejection| match rejection {
            Rejection::HoldNotFound => Rejection::WaitlistEntryNotFound,
            other => other,
        })?;
        let claim = &self.claims[at];
        if matches!(claim.state, State::Hold { offered: true, .. }) {
            return Ok(claim);
        }
        Err(wrong())
    }
}
