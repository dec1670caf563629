//! Random commands on a class, and what must hold in it after every step.

use super::super::model::State;
use super::super::world::{self, HOUR, MINUTE};
use super::{History, pick};
use crate::ids::{AnswersId, EnrollmentId, ProductId, ReasonId, UserId};
use crate::inventory::{
    Attendance, CancellationPolicy, Change, ClassChange, ClassRules, Command, EnrollmentStatus,
    EnrollmentView, OfferingChange, Promotion, Requester, ReservationStatus, Ruling, SaleState,
    Selection, Verdict,
};

const PLACES: ProductId = ProductId(0);
const REASON: ReasonId = ReasonId(uuid::Uuid::from_bytes([9; 16]));

/// The rules of a class, which `kind` varies.
pub(super) fn rules(kind: u8) -> ClassRules {
    ClassRules {
        selection: if kind & 1 == 0 { Selection::FirstCome } else { Selection::Review },
        promotion: if kind & 2 == 0 { Promotion::Auto } else { Promotion::Offer },
        waitlist: u32::from(kind >> 2) % 4,
        offer_ttl_ms: 7 * MINUTE,
        pay_window_ms: 10 * MINUTE,
        allow_reapply: kind & 64 == 0,
    }
}

/// What makes a class of an offering.
pub(super) fn opening(kind: u8) -> Vec<Change> {
    let starts_at = world::START + (20 + i64::from(kind)) * HOUR;
    let policy = CancellationPolicy::Until { until: None, refund_percent: 80 };
    vec![
        Change::EventTimesSet { starts_at, ends_at: starts_at + 2 * HOUR },
        Change::CancellationPolicySet { policy },
        Change::ClassRulesSet { rules: rules(kind) },
    ]
}

impl History {
    pub(super) fn class_command(&mut self, kind: u8, seed: super::Seed) -> Command {
        let [_, _, who, a, b, c, d, _] = seed;
        let customer = world::user(u64::from(who % 5));
        let fresh = world::enrollment(self.draw());
        let (id, owner) = self.enrollment_for(kind, a).unwrap_or((fresh, customer));
        let owner = if b < 240 { owner } else { customer };
        let reservation = id.reservation();
        let version = self.version_of(id, c);
        let reason = d.is_multiple_of(2).then_some(REASON);
        let (own, enrollment) = (Requester::Customer(owner), id);
        match kind % 64 {
            0..=15 => {
                let enrollment = if c > 250 { id } else { fresh };
                let answers = d.is_multiple_of(2).then_some(AnswersId(fresh.0));
                Command::Apply { enrollment, customer, answers }
            }
            16 => {
                let answers = AnswersId(fresh.0);
                Command::ReplaceAnswers { enrollment, customer: owner, answers, version }
            }
            17..=20 => Command::CancelEnrollment { enrollment, by: own, reason, version },
            21 | 22 => {
                let by = Requester::Admin;
                Command::CancelEnrollment { enrollment, by, reason, version }
            }
            23..=27 => Command::AcceptPlace { enrollment, customer: owner },
            28..=34 => Command::DecideEnrollment { verdict: self.verdict(id, [b, c, d]) },
            35..=38 => {
                let all = self.enrollments.iter().rev().take(usize::from(a % 6)).enumerate();
                let verdicts = all.map(|(nth, (id, _))| {
                    let turn = b.wrapping_mul(u8::try_from(nth).unwrap() + 1);
                    self.verdict(*id, [turn, c, d])
                });
                Command::DecideEnrollments { verdicts: verdicts.collect() }
            }
            39 | 40 => {
                let position = u32::from(b % 4);
                Command::MoveUp { enrollment, position, reason: REASON }
            }
            41 => self.attendance([a, b, c]),
            42..=44 => self.class_change([a, b, c, d]),
            45..=47 => {
                let payment = world::payment(self.draw());
                Command::BeginPayment { reservation, payment, customer: owner }
            }
            48..=51 => match self.payment_of(a, c) {
                Some((reservation, payment)) => Command::ConfirmPayment { reservation, payment },
                None => Command::ConfirmPayment { reservation, payment: world::payment(0) },
            },
            52 => match self.payment_of(a, c) {
                Some((reservation, payment)) if c % 2 == 0 => {
                    Command::FailAndCancel { reservation, payment }
                }
                Some((reservation, payment)) => Command::FailPayment { reservation, payment },
                None => Command::FailPayment { reservation, payment: world::payment(0) },
            },
            53 => self.defer(a, c, b),
            54 => {
                let by = if c % 3 == 0 { Requester::Admin } else { own };
                Command::CancelReservation { reservation, by }
            }
            55 => self.cancel_some(reservation, owner, [a, b & 1, c, d]),
            56 => self.at_the_door(a, 0, c),
            57 if c % 3 == 0 => Command::EndClaims { customer: owner },
            57 => Command::Resize { product: PLACES, total: 1 + u32::from(b % 5) },
            58 => Command::BlockPlaces { product: PLACES, quantity: u32::from(b % 3) },
            59 | 60 => Command::UnblockPlaces { product: PLACES, quantity: 1 + u32::from(b % 2) },
            61 if a > 250 => Command::CancelClass { with_enrollments: b.is_multiple_of(2) },
            61 => Command::Reprice { product: PLACES, price: i64::from(c % 3) * 10_000 },
            // Commands of events.
            _ => self.plain_command(kind, seed),
        }
    }

    /// An enrollment, mostly in the state that the command is for.
    fn enrollment_for(&self, kind: u8, a: u8) -> Option<(EnrollmentId, UserId)> {
        use EnrollmentStatus::{Applied, Approved, Offered, Waitlisted};
        let wanted = match kind % 64 {
            23..=27 => Some(Offered),
            28..=32 => Some(Applied),
            39 | 40 => Some(Waitlisted),
            45..=47 | 54 => Some(Approved),
            _ => None,
        };
        let all = &self.model.class.as_ref()?.enrollments;
        let fit = all.iter().filter(|one| wanted.is_some_and(|status| status == one.status));
        let fit: Vec<_> = fit.map(|one| (one.id, one.customer)).collect();
        let of_all = pick(&self.enrollments, a).copied();
        if a.is_multiple_of(8) { of_all } else { pick(&fit, a).copied().or(of_all) }
    }

    /// Mostly none or the present version, sometimes a stale one.
    fn version_of(&self, id: EnrollmentId, c: u8) -> Option<u32> {
        let all = &self.model.class.as_ref()?.enrollments;
        let version = all.iter().find(|one| one.id == id).map_or(1, |one| one.version);
        match c % 8 {
            0..=3 => None,
            4..=6 => Some(version),
            _ => Some(version.saturating_sub(1)),
        }
    }

    fn verdict(&self, enrollment: EnrollmentId, [b, c, d]: [u8; 3]) -> Verdict {
        let ruling = match b % 8 {
            0..=2 => Ruling::Approve,
            3 | 4 => Ruling::ApproveOrWaitlist,
            5 => Ruling::Waitlist,
            _ => Ruling::Reject,
        };
        let reason = d.is_multiple_of(2).then_some(REASON);
        Verdict { enrollment, ruling, reason, version: self.version_of(enrollment, c) }
    }

    fn attendance(&self, [a, b, c]: [u8; 3]) -> Command {
        let paid =
            self.model.claims.iter().filter(|claim| matches!(claim.state, State::Confirmed { .. }));
        let paid = paid.map(|claim| EnrollmentId(claim.hold.0)).take(usize::from(a % 3));
        let known = pick(&self.enrollments, a).filter(|_| b > 200).map(|(id, _)| *id);
        let mark = [None, Some(Attendance::Present), Some(Attendance::Late)];
        let marks = paid.chain(known).map(|id| (id, mark[usize::from(c % 3)])).collect();
        Command::RecordAttendance { marks }
    }

    fn class_change(&self, [a, b, c, d]: [u8; 4]) -> Command {
        let later = |seed: u8| self.now + (i64::from(seed) - 30) * HOUR;
        let mut wanted = self.model.class.as_ref().map_or(rules(a), |class| class.rules);
        match a % 6 {
            0 => wanted.waitlist = u32::from(b % 4),
            1 => wanted.promotion = rules(b).promotion,
            2 => wanted.allow_reapply = !wanted.allow_reapply,
            3 if b > 100 => wanted.selection = rules(b).selection,
            4 if b > 240 => wanted.offer_ttl_ms = 59_999,
            _ => {}
        }
        let terms = OfferingChange {
            sale_end: d.is_multiple_of(8).then(|| c.is_multiple_of(2).then(|| later(c))),
            state: match d % 16 {
                1 => Some(SaleState::Closed),
                2..=8 => Some(SaleState::Open),
                _ => None,
            },
            starts_at: d.is_multiple_of(9).then(|| later(b)),
            ..OfferingChange::default()
        };
        let change = ClassChange {
            capacity: c.is_multiple_of(2).then_some(u32::from(c / 2 % 6)),
            fee: b.is_multiple_of(8).then_some(i64::from(b / 8 % 4) * 10_000 - 10_000),
            rules: (a % 6 < 5).then_some(wanted),
            terms,
        };
        Command::ChangeClass { change: Box::new(change) }
    }

    pub(super) fn compare_class(&self) {
        let (Some(live), Some(model)) = (&self.live.class, &self.model.class) else {
            assert!(self.live.class.is_none() && self.model.class.is_none());
            return;
        };
        assert_eq!(live.rules, model.rules);
        assert_eq!(live.enrollments.len(), model.enrollments.len());
        assert_eq!(
            live.enrollments.line().map(|(rank, id)| (id, rank)).collect::<Vec<_>>(),
            model.line
        );
        let mut living = Vec::new();
        for one in &model.enrollments {
            let rank = model.line.iter().find(|(id, _)| *id == one.id).map(|(_, rank)| *rank);
            let view = EnrollmentView {
                id: one.id,
                customer: one.customer,
                status: one.status,
                version: one.version,
                rank,
                had_place: one.is_spent,
                applied_at: one.applied_at,
                attendance: one.attendance,
            };
            assert_eq!(live.enrollments.get(one.id), Some(&view));
            if one.status.is_living() {
                assert!(!living.contains(&one.customer), "one living enrollment per customer");
                living.push(one.customer);
            }
            let place = self.live.reservation(one.id.reservation());
            let lives = place.is_some_and(|place| match place.status {
                ReservationStatus::PaymentPending { .. } | ReservationStatus::Confirmed { .. } => {
                    true
                }
                ReservationStatus::Expired | ReservationStatus::Cancelled => false,
            });
            assert_eq!(lives, one.status == EnrollmentStatus::Approved, "{}", one.id);
        }
        let of = |status| model.enrollments.iter().filter(|one| one.status == status).count();
        let taken = of(EnrollmentStatus::Approved) + of(EnrollmentStatus::Offered);
        let counts = self.live.counts(PLACES);
        assert_eq!((counts.held + counts.sold) as usize, taken);
        assert!(taken <= counts.total as usize, "no place beyond the capacity");
        let has_started =
            self.live.event_times().is_some_and(|times| times.starts_at <= self.live.now);
        let is_cancelled = self.live.sale_state() == SaleState::Cancelled;
        assert!(
            counts.available == 0 || model.line.is_empty() || has_started || is_cancelled,
            "no place is free while the line is not empty"
        );
    }
}
