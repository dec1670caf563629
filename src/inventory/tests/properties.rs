//! Long random histories. After every step every invariant holds and the naive model agrees on the
//! outcome, with whole transitions compared; a fold of the journal gives the same state, and so
//! does a snapshot, from which the history then continues.

mod administration;
mod classes;
mod compared;
mod plain;
mod queue;
mod watch;

use proptest::prelude::*;

use super::model::Model;
use super::world::{self, HOUR, MINUTE, SECOND, START};
use crate::ids::{EnrollmentId, HoldId, PaymentId, ReservationId, Seq, UserId};
use crate::inventory::{Command, Decision, Idempotency, Inventory, Request, SaleState, Transition};

/// The bytes that determine a step; each is used as needed, modulo the number of choices.
type Seed = [u8; 8];

struct History {
    live: Inventory,
    model: Model,
    rows: Vec<(Seq, i64, Vec<Transition>)>,
    holds: Vec<(HoldId, UserId)>,
    reservations: Vec<(ReservationId, UserId)>,
    payments: Vec<PaymentId>,
    /// Applications for the class.
    enrollments: Vec<(EnrollmentId, UserId)>,
    requests: Vec<Request>,
    drawn: u64,
    now: i64,
    /// The state before the open batch.
    without_row: Vec<u8>,
    /// True for a free event, in which customers participate.
    is_free: bool,
    /// The admissions of an event with a waiting room; `None` if the history has no queue.
    admissions: Option<watch::Admissions>,
}

impl History {
    fn new(kind: u8) -> Self {
        let (is_free, definition) = match kind % 8 {
            0 => (true, world::free(false)),
            1 => (true, world::free(true)),
            2 | 3 => (false, world::definition()),
            _ => (false, world::class(1 + u32::from(kind / 8 % 4), i64::from(kind % 2) * 20_000)),
        };
        let mut live = world::opened(definition.clone());
        let mut model = Model::new(&definition, START);
        let mut first = world::created(definition);
        if kind % 8 >= 4 {
            let changes = classes::opening((kind / 8) | (kind << 5));
            live.apply(&Transition { idempotency: None, changes: changes.clone() }).unwrap();
            changes.iter().for_each(|change| model.apply(change));
            first.changes.extend(changes);
        }
        let rows = vec![(Seq(1), START, vec![first])];
        let (holds, reservations, payments, enrollments, requests) = Default::default();
        let now = START;
        let mut history = Self {
            live,
            model,
            rows,
            holds,
            reservations,
            payments,
            enrollments,
            requests,
            drawn: 0,
            now,
            without_row: Vec::new(),
            is_free,
            admissions: None,
        };
        history.begin_batch();
        history
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    fn step(&mut self, seed: Seed) {
        let [kind, time, .., batch] = seed;
        self.now += match time % 16 {
            0..=6 => 0,
            // The clock of another machine.
            7 => -400,
            8 => 300,
            9..=11 => 10 * SECOND,
            12 | 13 => 2 * MINUTE,
            14 => 6 * MINUTE,
            _ if time > 240 => 25 * HOUR,
            _ => 40 * MINUTE,
        };
        if self.rows.last().is_some_and(|row| batch % 4 != 0 || row.1 < self.now) {
            self.begin_batch();
        }
        let (before, has_row) = (self.live.to_snapshot(), !self.rows.last().unwrap().2.is_empty());
        let request = self.request(kind, seed);
        let decision = self.live.execute(&request);
        self.model.execute(&request, &decision);
        if let Decision::Decided(transition) = decision {
            self.watch(&transition);
            self.rows.last_mut().unwrap().2.push(transition);
            self.remember(&request);
        } else {
            assert!(has_row || self.without_row == before, "a turn without effect leaves a trace");
            assert!(self.live.to_snapshot() == before, "a refusal changes nothing");
        }
        self.compare();
        if batch % 32 == 7 {
            self.live = Inventory::from_snapshot(&self.live.to_snapshot()).unwrap();
            // The open batch is not part of a snapshot.
            self.begin_batch();
        }
    }

    fn begin_batch(&mut self) {
        // A batch without effect does not become a row.
        if self.rows.last().is_some_and(|row| row.2.is_empty()) {
            self.rows.pop();
        }
        self.without_row = self.live.to_snapshot();
        let seq = self.rows.last().unwrap().0.next();
        let at = self.live.begin_batch(seq, self.now);
        self.model.begin_batch(seq, self.now);
        self.rows.push((seq, at, Vec::new()));
        loop {
            let due = self.live.run_due();
            self.model.run_due(due.as_ref());
            self.live.check().unwrap();
            let Some(transition) = due else { break };
            self.watch(&transition);
            self.rows.last_mut().unwrap().2.push(transition);
        }
        let next = self.live.next_due_at();
        assert!(next.is_none_or(|next| next > at), "due at {next:?} still, at {at}");
    }

    fn remember(&mut self, request: &Request) {
        let mut command = &request.command;
        while let Command::ByAdmin { command: inner, .. }
        | Command::WithPass { command: inner, .. } = command
        {
            command = inner;
        }
        match command {
            Command::PlaceHold { hold, customer, .. }
            | Command::JoinWaitlist { entry: hold, customer, .. } => {
                self.holds.push((*hold, *customer));
            }
            Command::Reserve { hold, reservation, customer, .. }
            | Command::IssueComplimentary { hold, reservation, customer, .. }
            | Command::Participate { hold, reservation, customer } => {
                self.holds.push((*hold, *customer));
                self.reservations.push((*reservation, *customer));
            }
            Command::CheckOut { reservation, customer, .. } => {
                self.reservations.push((*reservation, *customer));
            }
            Command::BeginPayment { payment, .. } => self.payments.push(*payment),
            Command::Apply { enrollment, customer, .. } => {
                self.enrollments.push((*enrollment, *customer));
                self.reservations.push((enrollment.reservation(), *customer));
            }
            _ => {}
        }
        if request.idempotency.is_some() {
            self.requests.push(request.clone());
        }
    }

    /// Folds the journal so far, from the start and from a snapshot in its middle.
    fn check_folds(&self) {
        let expected = self.live.to_snapshot();
        let mut fold = Inventory::empty();
        let mut resumed: Option<Inventory> = None;
        for (index, (seq, at, transitions)) in self.rows.iter().enumerate() {
            for state in [Some(&mut fold), resumed.as_mut()].into_iter().flatten() {
                if transitions.is_empty() {
                    continue;
                }
                state.begin_batch(*seq, *at);
                for transition in transitions {
                    state.apply(transition).unwrap();
                }
            }
            if index == self.rows.len() / 2 {
                resumed = Some(Inventory::from_snapshot(&fold.to_snapshot()).unwrap());
            }
        }
        assert!(fold.to_snapshot() == expected, "the fold is the live state");
        let (size, guess) = (expected.len(), self.live.snapshot_size());
        assert!((guess / 2..=2 * guess + 1_000).contains(&size), "{size} bytes, not {guess}");
        if self.rows.last().is_some_and(|row| !row.2.is_empty()) {
            assert_eq!(fold.next_due_at(), self.live.next_due_at());
        }
        if let Some(resumed) = resumed {
            assert!(resumed.to_snapshot() == expected, "a snapshot and its tail are the fold");
        }
    }

    fn request(&mut self, kind: u8, seed: Seed) -> Request {
        if kind >= 250
            && let Some(earlier) = pick(&self.requests, seed[2])
        {
            let mut request = earlier.clone();
            self.redraw(&mut request.command);
            if let Some(key) = request.idempotency.as_mut().filter(|_| seed[3] > 200) {
                key.fingerprint[0] ^= 1;
            }
            return request;
        }
        let command = self.command(kind, seed);
        let idempotency = seed[6].is_multiple_of(2).then(|| Idempotency {
            key: *world::hold(self.draw()).0.as_bytes(),
            fingerprint: [seed[3]; 16],
            principal: world::user(u64::from(seed[2] % 5)),
        });
        Request { command, idempotency }
    }

    /// Draws new ids, as the server does for a retry.
    fn redraw(&mut self, command: &mut Command) {
        match command {
            Command::ByAdmin { command, .. } | Command::WithPass { command, .. } => {
                self.redraw(command);
            }
            Command::PlaceHold { hold, .. } | Command::JoinWaitlist { entry: hold, .. } => {
                *hold = world::hold(self.draw());
            }
            Command::Reserve { hold, reservation, .. }
            | Command::IssueComplimentary { hold, reservation, .. }
            | Command::Participate { hold, reservation, .. } => {
                *hold = world::hold(self.draw());
                *reservation = world::reservation(self.draw());
            }
            Command::CheckOut { reservation, .. } => {
                *reservation = world::reservation(self.draw());
            }
            Command::Apply { enrollment, .. } => *enrollment = world::enrollment(self.draw()),
            _ => {}
        }
    }

    /// A command of a customer, or of an administrator on behalf of a customer.
    fn command(&mut self, kind: u8, seed: Seed) -> Command {
        // Sometimes a command that the offering refuses whole.
        let of_class = self.live.class.is_some() != (seed[5] == 255 && kind > 128);
        let command = match of_class {
            _ if self.admissions.is_some() => self.queue_command(kind, seed),
            true => self.class_command(kind, seed),
            false => self.plain_command(kind, seed),
        };
        if !seed[7].is_multiple_of(5) {
            return command;
        }
        let admin = world::user(100 + u64::from(seed[6] % 2));
        Command::ByAdmin { admin, command: Box::new(command) }
    }
}

fn pick<T>(from: &[T], seed: u8) -> Option<&T> {
    if from.is_empty() {
        return None;
    }
    // The newest are the most likely to be useful.
    let back = usize::from(seed) * usize::from(seed) * from.len() / (255 * 255 + 1);
    from.get(from.len() - 1 - back)
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_model_agrees_on_every_outcome(
        kind in any::<u8>(),
        seeds in prop::collection::vec(any::<Seed>(), 1..400),
        ends_cancelled in any::<bool>(),
    ) {
        let mut history = History::new(kind);
        for seed in seeds {
            history.step(seed);
        }
        history.check_folds();
        if ends_cancelled && history.model.state != SaleState::Cancelled {
            let command = match history.live.class {
                Some(_) => Command::CancelClass { with_enrollments: true },
                None => Command::CancelOffering,
            };
            let request = Request { command, idempotency: None };
            let decision = history.live.execute(&request);
            history.model.execute(&request, &decision);
            if let Decision::Decided(transition) = decision {
                history.rows.last_mut().unwrap().2.push(transition);
            }
            history.begin_batch();
            prop_assert_eq!(history.live.next_due_at(), None);
            for product in history.products() {
                let counts = history.live.counts(product);
                prop_assert_eq!(counts.available + counts.blocked, counts.total);
            }
            history.check_folds();
        }
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_sound(
        kind in any::<u8>(),
        seeds in prop::collection::vec(any::<Seed>(), 1..60),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut history = History::new(kind);
        for seed in seeds {
            history.step(seed);
        }
        let sealed = history.live.to_snapshot();
        let mut damaged = sealed.clone();
        for (at, byte) in &damage {
            let at = at.index(damaged.len());
            damaged[at] = *byte;
        }
        prop_assert_eq!(Inventory::from_snapshot(&damaged).is_ok(), damaged == sealed);
        // As earlier versions wrote it: without a seal.
        let mut bytes = sealed[..sealed.len() - 16].to_vec();
        prop_assert!(Inventory::from_snapshot(&bytes).is_ok());
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(mut sound) = Inventory::from_snapshot(&bytes) {
            sound.check().unwrap();
            sound.begin_batch(Seq(9_999), START + 100 * HOUR);
            while sound.run_due().is_some() {}
        }
        bytes.truncate(cut.index(bytes.len()));
        let _ = Inventory::from_snapshot(&bytes);
    }
}
