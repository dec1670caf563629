//! What the clients of a simulation do in its class: they apply, take offered places, pay and cancel;
//! as administrators they decide, move up in line, and change the class.

use super::customers::{ClientAnswer, Crowd, Customer, Intent};
use crate::ids::{EnrollmentId, OfferingId, ReasonId};
use crate::inventory::{Change, ClassChange, Command, Requester, Ruling, Verdict};

/// Words that administrators wrote before.
const REASON: ReasonId = ReasonId(uuid::Uuid::nil());

impl Customer {
    pub(super) async fn attend(&mut self, crowd: &Crowd, class: OfferingId) {
        let world = &crowd.site.world;
        let customer = self.id;
        let enrollment = self.enrollments.last().copied();
        let reservation = enrollment.map(EnrollmentId::reservation);
        let by = Requester::Customer(customer);
        let command = match (world.within(0, 99), enrollment, reservation) {
            (0..=4, ..) => return crowd.look(class).await,
            (5..=29, ..) | (_, None, _) => return self.apply(crowd, class).await,
            (30..=44, Some(enrollment), _) => Command::AcceptPlace { enrollment, customer },
            (45..=58, _, Some(reservation)) => return self.pay(crowd, class, reservation).await,
            (59..=66, Some(enrollment), _) => {
                let version = world.happens(200).then_some(1);
                Command::CancelEnrollment { enrollment, by, reason: None, version }
            }
            (67 | 68, _, Some(reservation)) => Command::CancelReservation { reservation, by },
            (69, ..) => return self.end_claims(crowd, class).await,
            _ => return self.teach(crowd, class).await,
        };
        crowd.ask(class, Intent::Plain(command)).await;
    }

    async fn apply(&mut self, crowd: &Crowd, class: OfferingId) {
        let wish = Intent::Apply { customer: self.id };
        let ClientAnswer::Done { transition, .. } = crowd.ask(class, wish).await else { return };
        if let Some(Change::Enrolled { enrollment, .. }) = transition.changes.first() {
            self.enrollments.push(*enrollment);
            crowd.applications.borrow_mut().push(*enrollment);
        }
    }

    /// Acts as an administrator of the class for one request.
    async fn teach(&self, crowd: &Crowd, class: OfferingId) {
        let world = &crowd.site.world;
        let few = u32::try_from(world.within(1, 4)).unwrap_or(1);
        let known = crowd.applications.borrow().clone();
        let Some(last) = known.last().copied() else { return };
        let command = match world.within(0, 13) {
            0..=2 => Command::DecideEnrollment { verdict: verdict(crowd, last) },
            3..=8 => {
                let some = known.iter().rev().filter(|_| world.happens(700)).take(6);
                let verdicts: Vec<_> = some.map(|id| verdict(crowd, *id)).collect();
                Command::DecideEnrollments { verdicts }
            }
            9 => {
                let nth = world.within(0, known.len() as u64 - 1);
                let enrollment = known[usize::try_from(nth).unwrap_or(0)];
                Command::MoveUp { enrollment, position: few, reason: REASON }
            }
            10 | 11 => {
                let change = ClassChange { capacity: Some(few), ..ClassChange::default() };
                Command::ChangeClass { change: Box::new(change) }
            }
            12 if world.regime.is_cancelled && world.happens(200) => {
                Command::CancelClass { with_enrollments: world.happens(700) }
            }
            _ => Command::RecordAttendance { marks: vec![(last, None)] },
        };
        let command = Command::ByAdmin { admin: self.id, command: Box::new(command) };
        crowd.ask(class, Intent::Plain(command)).await;
    }
}

fn verdict(crowd: &Crowd, enrollment: EnrollmentId) -> Verdict {
    let world = &crowd.site.world;
    let ruling = match world.within(0, 9) {
        0..=3 => Ruling::Approve,
        4 | 5 => Ruling::ApproveOrWaitlist,
        6 => Ruling::Waitlist,
        _ => Ruling::Reject,
    };
    let version = u32::try_from(world.within(0, 4)).ok().filter(|version| *version > 0);
    Verdict { enrollment, ruling, reason: Some(REASON), version }
}
