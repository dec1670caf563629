//! Random histories of events with a waiting room, which is switched on and off: many enter, leave,
//! fall silent, come back, are voided and given priority; passes are used, and places held with a
//! pass and without.

use proptest::prelude::*;

use super::super::world::{self, MINUTE, SECOND};
use super::watch::{Admissions, CUSTOMERS};
use super::{History, Seed, cases, pick};
use crate::ids::{ProductId, UserId};
use crate::inventory::{
    Command, LineRequest, Pass, QueueChange, QueueEntry, SaleState, commitment_of,
};

/// One of the secrets of a history's draws.
fn secret(number: u8) -> [u8; 32] {
    [number % 2; 32]
}

impl History {
    fn with_queue(kind: u8) -> Self {
        let mut history = Self::new(kind % 4);
        history.admissions = Some(Admissions::default());
        history
    }

    pub(super) fn queue_command(&mut self, kind: u8, seed: Seed) -> Command {
        let [_, _, who, a, b, c, d, _] = seed;
        if self.model.queue.is_none() && kind.is_multiple_of(3) {
            return Command::SetQueue { change: Box::new(self.change_of_queue(seed, true)) };
        }
        let reason = || String::from(if d > 250 { "" } else { "a reason" });
        match kind % 32 {
            0..=5 => {
                let entries = self.queuers(a, b);
                let received_at = self.now - i64::from(c % 4) * 700;
                Command::EnterQueue { entries, received_at }
            }
            6 => Command::LeaveQueue { customer: queuer(a) },
            7..=9 => self.draw_of_queue(a, b, c),
            10 => {
                let front = self.live.queue_front(usize::from(a % 4) + 1);
                let mut numbers: Vec<u32> = front.into_iter().map(|(number, _)| number).collect();
                numbers.extend((b % 4 == 0).then(|| u32::from(c)));
                let generation = self.model.generation + u32::from(d > 240);
                Command::SetAside { generation, numbers }
            }
            11 if b % 2 == 0 => {
                let customers = self.queuers(a, b % 4).into_iter().map(|(customer, _)| customer);
                Command::VoidEntries { customers: customers.collect(), reason: reason() }
            }
            11 | 12 => Command::Prioritise { entries: self.queuers(a, b % 4), reason: reason() },
            13 | 14 => {
                let enables = d % 16 > 2;
                Command::SetQueue { change: Box::new(self.change_of_queue(seed, enables)) }
            }
            15 => {
                let customer = self.insider(a, c);
                let pass = self.pass_of(customer, d).unwrap_or(Pass { generation: 1, number: 0 });
                Command::UsePass { customer, pass }
            }
            16..=22 => self.hold_with_pass(kind, seed),
            _ => {
                // Extend, release, check out, pay, confirm and cancel, or anything.
                let kinds = [22, 24, 25, 26, 26, 27, 31, 31, 35, 35, 36, 40, 42, c, c, d];
                let nth = usize::from(kind / 32 + kind % 32) % kinds.len();
                self.plain_command(kinds[nth], [0, 0, who, a, b, c, d, 0])
            }
        }
    }

    fn queuers(&mut self, a: u8, b: u8) -> Vec<QueueEntry> {
        let first = u64::from(a);
        let all = (0..u64::from(b % 12)).map(|nth| (first * 7 + nth * (1 + first % 3)) % CUSTOMERS);
        let customers: Vec<u64> = all.collect();
        customers
            .into_iter()
            .map(|customer| (world::user(customer), world::queue_entry(self.draw())))
            .collect()
    }

    /// Mostly a customer with an open session.
    fn insider(&self, a: u8, c: u8) -> UserId {
        let sessions = self.model.queue.as_ref().map_or(&[][..], |queue| &queue.sessions[..]);
        match pick(sessions, a) {
            Some(session) if c < 220 => session.customer,
            _ => queuer(a),
        }
    }

    /// The customer's pass, or sometimes another.
    fn pass_of(&self, customer: UserId, d: u8) -> Option<Pass> {
        let generation = self.model.generation;
        let number = self.model.queue.as_ref()?.newest(customer)?;
        Some(match d {
            0..=229 => Pass { generation, number },
            230..=242 => Pass { generation, number: number + 1 },
            _ => Pass { generation: generation.wrapping_sub(1), number },
        })
    }

    fn hold_with_pass(&mut self, kind: u8, [_, _, _, a, b, c, d, _]: Seed) -> Command {
        let customer = self.insider(a, c);
        let (hold, reservation) = (world::hold(self.draw()), world::reservation(self.draw()));
        let quantity = u32::from(b % 3) + 1;
        let products = u16::try_from(self.live.products()).unwrap();
        let product = ProductId(u16::from(b % 2) % products);
        let section = None;
        let lines = match b % 5 {
            0 => vec![LineRequest::Seats(self.seats(a, b, c))],
            1 if products > 3 => {
                let product = ProductId(2 + u16::from(c % 2));
                vec![LineRequest::BestAvailable { product, quantity, section }]
            }
            _ => vec![LineRequest::Quantity { product, quantity }],
        };
        let command = match kind / 32 {
            0..=4 if self.is_free => Command::Participate { hold, reservation, customer },
            0..=5 => Command::PlaceHold { hold, customer, lines },
            _ => Command::Reserve { hold, reservation, customer, lines },
        };
        let pass = match c % 8 {
            // Without a pass.
            0 => return command,
            1..=3 => self.pass_of(customer, d),
            _ => None,
        };
        if d == 255 {
            let command = Command::WithPass { pass, command: Box::new(command) };
            return Command::WithPass { pass, command: Box::new(command) };
        }
        Command::WithPass { pass, command: Box::new(command) }
    }

    fn draw_of_queue(&self, a: u8, b: u8, c: u8) -> Command {
        let queue = self.model.queue.as_ref();
        let commitment = self.live.queue_progress().map(|progress| progress.commitment);
        let is_first = commitment == Some(commitment_of(&secret(0)));
        let secret = secret(u8::from(!is_first) + u8::from(a > 235));
        let is_announced = queue.is_some_and(|queue| queue.rules.public_source.is_some());
        let public_value = match b {
            0..=235 => is_announced.then(|| format!("{c}")),
            236..=245 => Some(String::from("\n")),
            _ => (!is_announced).then(|| format!("{c}")),
        };
        Command::DrawQueue { secret, public_value }
    }

    fn change_of_queue(&self, [_, _, who, a, b, c, d, _]: Seed, enables: bool) -> QueueChange {
        let is_new = self.model.queue.is_none();
        let enabled = if is_new || !enables { Some(enables) } else { None };
        let of = |choices: &[Option<u32>; 8], seed: u8| choices[usize::from(seed % 8)];
        let opens_at = match who % 16 {
            0..=5 => Some(Some(self.now + 5 * SECOND)),
            6 | 7 => Some(Some(self.now + 5 * MINUTE)),
            8 => Some(Some(self.now - SECOND)),
            9 => Some(None),
            _ => None,
        };
        let public_source = match b / 8 {
            0 | 1 => Some(Some(String::from("a newspaper"))),
            2 => Some(None),
            3 => Some(Some(String::new())),
            _ => None,
        };
        let ms = |choices: [Option<u32>; 8], seed| of(&choices, seed).map(i64::from);
        let none = None;
        QueueChange {
            enabled,
            opens_at,
            passes_per_minute: of(
                &[none, none, Some(6), Some(60), Some(1), Some(7), Some(0), Some(3_000)],
                if a / 8 == 0 { 6 } else { a % 6 + a / 128 * (a % 2) },
            ),
            active_limit: of(
                &[none, none, Some(1), Some(3), Some(10), Some(2), Some(0), Some(2_000_000)],
                if c / 8 == 0 { c } else { c % 6 },
            ),
            admit_percent: of(
                &[none, none, none, Some(10), Some(50), Some(200), Some(0), Some(1_000)],
                if d / 8 == 0 { d } else { d % 6 },
            ),
            pass_ms: ms(
                [none, none, none, none, Some(10_000), Some(60_000), none, Some(9_999)],
                if a / 8 == 1 { a } else { a / 4 % 7 },
            ),
            silence_ms: ms([none, none, none, Some(1), none, none, none, Some(120_000)], b / 16),
            turns: match c / 8 {
                0..=3 => Some(c % 4),
                4..=8 => Some(100),
                _ => None,
            },
            paused: if c / 16 == 3 { Some(true) } else { (d % 2 == 0).then_some(false) },
            draining: if d / 16 == 5 { Some(true) } else { (b % 4 == 0).then_some(false) },
            account_before: (b == 9).then_some(Some(self.now)),
            confirmed_only: (b % 32 == 10).then_some(c % 2 == 0),
            challenge_bits: (b % 32 == 11).then_some(c % 32),
            public_source,
            commitment: commitment_of(&secret(a / 2)),
            recommits: d / 8 % 8 == 1,
        }
    }
}

fn queuer(a: u8) -> UserId {
    world::user(u64::from(a) % CUSTOMERS)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_model_agrees_on_every_outcome_of_a_queue(
        kind in any::<u8>(),
        seeds in prop::collection::vec(any::<Seed>(), 1..300),
    ) {
        let mut history = History::with_queue(kind);
        for seed in seeds {
            history.step(seed);
        }
        history.check_folds();
        if history.model.state != SaleState::Cancelled {
            let cancel = crate::inventory::Request {
                command: Command::CancelOffering,
                idempotency: None,
            };
            let decision = history.live.execute(&cancel);
            history.model.execute(&cancel, &decision);
            prop_assert_eq!(history.live.queue_progress(), None);
        }
    }
}
