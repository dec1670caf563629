//! The clients of a simulation. Each sends its request to any machine, and repeats it until the
//! answer is certain if it has an idempotency key, and records the answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::machine::{Machines, Site};
use crate::box_office::{QueueAnswer, Unavailable, View};
use crate::ids::{
    EnrollmentId, HoldId, OfferingId, PaymentId, ProductId, QueueEntryId, ReservationId, SeatId,
    Seq, UserId,
};
use crate::inventory::{
    Availability, CancellationPolicy, Change, Command, LineRequest, NewProduct, OfferingChange,
    ProductChange, ProductDefinition, Rejection, Request, Requester, SaleWindow, TimestampMs,
};

/// The answer that a client received.
#[derive(Clone, Debug)]
pub(super) enum ClientAnswer {
    /// The request was carried out, with this effect.
    Done { seq: Seq, at: TimestampMs, transition: Arc<crate::inventory::Transition> },
    /// The request was refused.
    Refused(Rejection),
    /// Certainly nothing was decided.
    Nothing(#[expect(dead_code, reason = "shown in the trace")] Unavailable),
    /// The client has no key to repeat the request with, and does not know its outcome.
    Unknown,
}

/// One request of a client, and its answer.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) offering: OfferingId,
    /// The request as last sent.
    pub(super) request: Request,
    /// The ids of holds and reservations that its attempts drew.
    pub(super) drawn: Vec<HoldId>,
    pub(super) told: ClientAnswer,
    /// When the last attempt was sent, the journal's last row when it was answered, and when that
    /// was.
    pub(super) sent_at: Duration,
    pub(super) answered_seq: Seq,
    pub(super) answered_at: Duration,
    /// Whether an earlier attempt may have been carried out.
    pub(super) doubtful: bool,
}

/// A view that a client read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) offering: OfferingId,
    pub(super) view: Arc<View>,
    pub(super) sent_at: Duration,
}

/// What a client was told of a queue and of its own entry there.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    pub(super) offering: OfferingId,
    pub(super) customer: UserId,
    pub(super) answer: Option<QueueAnswer>,
    pub(super) sent_at: Duration,
    pub(super) answered_seq: Seq,
}

/// State shared by all clients.
pub(super) struct Crowd {
    pub(super) site: Site,
    pub(super) machines: Machines,
    pub(super) offerings: Vec<OfferingId>,
    /// The offering, if any, in which customers participate for free.
    pub(super) free: Option<OfferingId>,
    /// The offering, if any, that is a class.
    pub(super) class: Option<OfferingId>,
    /// The offering, if any, with a waiting room.
    pub(super) queue: Option<OfferingId>,
    /// The clients who have entered its queue.
    pub(super) queued: RefCell<Vec<UserId>>,
    /// All applications for the class that clients know of.
    pub(super) applications: RefCell<Vec<EnrollmentId>>,
    pub(super) steps_left: Cell<u32>,
    /// True in the calm phase: no request may fail or have an unknown outcome.
    pub(super) is_calm: Cell<bool>,
    /// Customers of an earlier day, with their holds and reservations.
    pub(super) regulars: RefCell<Vec<Customer>>,
    pub(super) deeds: RefCell<Vec<Operation>>,
    pub(super) looks: RefCell<Vec<Read>>,
    pub(super) polls: RefCell<Vec<Poll>>,
    pub(super) finished: Cell<usize>,
}

/// A client, and its holds and reservations.
pub(super) struct Customer {
    pub(super) id: UserId,
    holds: Vec<(OfferingId, HoldId)>,
    reservations: Vec<(OfferingId, ReservationId)>,
    entries: Vec<(OfferingId, HoldId)>,
    pub(super) enrollments: Vec<EnrollmentId>,
}

/// Runs one client.
pub(super) async fn visit(crowd: Rc<Crowd>) {
    let regular = crowd.regulars.borrow_mut().pop();
    let mut customer = regular.unwrap_or_else(|| Customer {
        id: UserId::random(),
        holds: Vec::new(),
        reservations: Vec::new(),
        entries: Vec::new(),
        enrollments: Vec::new(),
    });
    while crowd.steps_left.get() > 0 {
        crowd.steps_left.set(crowd.steps_left.get() - 1);
        customer.step(&crowd).await;
        let world = &crowd.site.world;
        tokio::time::sleep(world.millis(0, 80)).await;
    }
    crowd.regulars.borrow_mut().push(customer);
    crowd.finished.set(crowd.finished.get() + 1);
}

impl Customer {
    async fn step(&mut self, crowd: &Crowd) {
        let world = &crowd.site.world;
        let draw = |count: usize| usize::try_from(world.within(0, count as u64 - 1)).unwrap_or(0);
        let offering = crowd.offerings[draw(crowd.offerings.len())];
        if crowd.class == Some(offering) {
            return self.attend(crowd, offering).await;
        }
        if crowd.queue == Some(offering) && world.happens(600) {
            return self.queue_up(crowd, offering).await;
        }
        match world.within(0, 99) {
            0..=9 => crowd.look(offering).await,
            10..=54 => self.hold(crowd, offering).await,
            55..=66 if !self.holds.is_empty() => {
                let (offering, hold) = self.holds.swap_remove(draw(self.holds.len()));
                let command = Command::ReleaseHold { hold, customer: self.id };
                crowd.ask(offering, Intent::Plain(command)).await;
            }
            67 | 68 if !self.holds.is_empty() => {
                let (offering, hold) = self.holds[draw(self.holds.len())];
                let command = self.change(crowd, hold);
                crowd.ask(offering, Intent::Plain(command)).await;
            }
            69 | 70 if !self.holds.is_empty() => {
                let (offering, hold) = self.holds[draw(self.holds.len())];
                let command = Command::ExtendHold { hold, customer: self.id };
                crowd.ask(offering, Intent::Plain(command)).await;
            }
            71..=84 if !self.holds.is_empty() => {
                let (offering, hold) = self.holds.swap_remove(draw(self.holds.len()));
                self.buy(crowd, offering, hold).await;
            }
            85..=90 if !self.reservations.is_empty() => {
                let (offering, reservation) =
                    self.reservations.swap_remove(draw(self.reservations.len()));
                let by = Requester::Customer(self.id);
                let mut command = Command::CancelReservation { reservation, by };
                if world.happens(500) {
                    let tickets = vec![u8::from(world.happens(300))];
                    command = Command::CancelTickets { reservation, tickets, refund: None, by };
                    self.reservations.push((offering, reservation));
                }
                crowd.ask(offering, Intent::Plain(command)).await;
            }
            91..=95 => {
                let wish = Intent::Wait { customer: self.id, product: ProductId(0), party_size: 1 };
                if let ClientAnswer::Done { transition, .. } = crowd.ask(offering, wish).await
                    && let Some(Change::WaitlistJoined { entry, .. }) = transition.changes.first()
                {
                    self.entries.push((offering, *entry));
                }
            }
            96 if world.happens(300) => self.end_claims(crowd, offering).await,
            96 => self.administer(crowd, offering).await,
            _ if !self.entries.is_empty() => {
                let (offering, entry) = self.entries.swap_remove(draw(self.entries.len()));
                let customer = self.id;
                let command = if world.happens(700) {
                    Command::AcceptOffer { entry, customer }
                } else {
                    Command::LeaveWaitlist { entry, customer }
                };
                if let ClientAnswer::Done { .. } = crowd.ask(offering, Intent::Plain(command)).await
                {
                    self.holds.push((offering, entry));
                }
            }
            _ => self.hold(crowd, offering).await,
        }
    }

    /// Acts as an administrator for one request.
    async fn administer(&mut self, crowd: &Crowd, offering: OfferingId) {
        let world = &crowd.site.world;
        let (offering, command) = match (world.within(0, 3), self.reservations.last().copied()) {
            // With another product, no customer could participate any more.
            (0, _) if crowd.free == Some(offering) => return,
            (0, _) => (offering, Command::AddProduct { product: late_product() }),
            (1, _) => {
                let withdrawn = world.happens(500);
                let availability =
                    if withdrawn { Availability::Withdrawn } else { Availability::Offered };
                let change =
                    ProductChange { availability: Some(availability), ..ProductChange::default() };
                (offering, Command::ChangeProduct { product: ProductId(2), change })
            }
            (2, Some((offering, reservation))) => {
                let command = if world.happens(500) {
                    let gate = "North".into();
                    Command::CheckInAtGate { reservation, ticket: 0, gate }
                } else {
                    Command::UndoCheckIn { reservation, ticket: 0 }
                };
                (offering, command)
            }
            _ => {
                let refund_percent = u8::try_from(world.within(0, 100)).unwrap_or(100);
                let policy = CancellationPolicy::Until { until: None, refund_percent };
                let cancellation = Some(policy);
                let change = OfferingChange { cancellation, ..OfferingChange::default() };
                (offering, Command::ChangeOffering { change })
            }
        };
        let command = Command::ByAdmin { admin: self.id, command: Box::new(command) };
        crowd.ask(offering, Intent::Plain(command)).await;
    }

    /// Closes its account, for one offering.
    pub(super) async fn end_claims(&mut self, crowd: &Crowd, offering: OfferingId) {
        let command = Command::EndClaims { customer: self.id };
        crowd.ask(offering, Intent::Plain(command)).await;
        self.holds.retain(|(of, _)| *of != offering);
        self.entries.retain(|(of, _)| *of != offering);
    }

    async fn participate(&mut self, crowd: &Crowd, offering: OfferingId) {
        let wish = Intent::Participate { customer: self.id };
        let ClientAnswer::Done { transition, .. } = crowd.ask(offering, wish).await else { return };
        if let Some(Change::ReservationGranted { reservation, .. }) = transition.changes.last() {
            self.reservations.push((offering, *reservation));
        }
    }

    pub(super) async fn hold(&mut self, crowd: &Crowd, offering: OfferingId) {
        let world = &crowd.site.world;
        if crowd.free == Some(offering) && world.happens(700) {
            return self.participate(crowd, offering).await;
        }
        let quantity = u32::try_from(world.within(1, 2)).unwrap_or(1);
        let line = match world.within(0, 9) {
            0..=3 => LineRequest::Quantity { product: ProductId(0), quantity },
            4..=6 => {
                let seat = u32::try_from(world.within(0, SEATS - 1)).unwrap_or(0);
                LineRequest::Seats(vec![SeatId(seat)])
            }
            _ => LineRequest::BestAvailable { product: ProductId(1), quantity, section: None },
        };
        let with_pass = crowd.queue == Some(offering) && world.happens(900);
        let wish = Intent::Hold { customer: self.id, lines: vec![line], with_pass };
        if let ClientAnswer::Done { transition, .. } = crowd.ask(offering, wish).await
            && let Some(Change::HoldPlaced { hold, expires_at, .. }) = transition.changes.first()
        {
            if world.happens(150) {
                return self.act_at_the_deadline(crowd, offering, (*hold, *expires_at)).await;
            }
            self.holds.push((offering, *hold));
        }
    }

    /// Other places for a hold: some of them are often those that it has.
    fn change(&self, crowd: &Crowd, hold: HoldId) -> Command {
        let world = &crowd.site.world;
        let first = world.within(0, SEATS - 1);
        let seats = first..(first + world.within(0, 2)).min(SEATS);
        let seats = seats.map(|seat| SeatId(u32::try_from(seat).unwrap_or(0))).collect();
        let quantity = u32::try_from(world.within(0, 2)).unwrap_or(1);
        let places = if quantity > 0 { vec![(ProductId(0), quantity)] } else { Vec::new() };
        Command::ChangeHold { hold, customer: self.id, places, seats }
    }

    /// Acts in the very millisecond in which the hold expires, or just before.
    async fn act_at_the_deadline(
        &mut self,
        crowd: &Crowd,
        offering: OfferingId,
        (hold, expires_at): (HoldId, TimestampMs),
    ) {
        let world = &crowd.site.world;
        let early = i64::try_from(world.within(0, 10)).unwrap_or(0);
        let left = u64::try_from(expires_at - early - world.now_ms()).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(left)).await;
        if world.happens(500) {
            let command = Command::ExtendHold { hold, customer: self.id };
            crowd.ask(offering, Intent::Plain(command)).await;
        } else {
            self.buy(crowd, offering, hold).await;
        }
    }

    async fn buy(&mut self, crowd: &Crowd, offering: OfferingId, hold: HoldId) {
        let wish = Intent::CheckOut { customer: self.id, hold };
        let ClientAnswer::Done { transition, .. } = crowd.ask(offering, wish).await else { return };
        let Some(Change::CheckedOut { reservation, .. }) = transition.changes.first() else {
            return;
        };
        let reservation = *reservation;
        self.pay(crowd, offering, reservation).await;
        self.reservations.push((offering, reservation));
    }

    /// Pays, and lets the payment fail at times.
    pub(super) async fn pay(
        &self,
        crowd: &Crowd,
        offering: OfferingId,
        reservation: ReservationId,
    ) {
        let payment = PaymentId::random();
        let begin = Command::BeginPayment { reservation, payment, customer: self.id };
        if let ClientAnswer::Done { .. } = crowd.ask(offering, Intent::Plain(begin)).await {
            let world = &crowd.site.world;
            if world.happens(100) {
                let until = world.now_ms() + 60_000;
                let defer = Command::DeferPayment { reservation, payment, until };
                crowd.ask(offering, Intent::Plain(defer)).await;
            }
            let ends = match world.happens(950) {
                true => Command::ConfirmPayment { reservation, payment },
                false => Command::FailAndCancel { reservation, payment },
            };
            crowd.ask(offering, Intent::Plain(ends)).await;
        }
    }
}

fn late_product() -> NewProduct {
    let sale = SaleWindow::default();
    let definition =
        ProductDefinition { price: 10, capacity: Some(3), max_per_customer: None, sale };
    NewProduct { name: "Late".into(), description: String::new(), definition }
}

/// Numbered seats of every offering.
pub(super) const SEATS: u64 = 8;

/// The request that a client wants to make; ids that a server would draw are drawn anew for each
/// attempt.
pub(super) enum Intent {
    Plain(Command),
    Hold {
        customer: UserId,
        lines: Vec<LineRequest>,
        with_pass: bool,
    },
    CheckOut {
        customer: UserId,
        hold: HoldId,
    },
    Wait {
        customer: UserId,
        product: ProductId,
        party_size: u32,
    },
    Participate {
        customer: UserId,
    },
    Complimentary {
        customer: UserId,
        lines: Vec<LineRequest>,
    },
    Apply {
        customer: UserId,
    },
    /// Enters the queue of a waiting room.
    Enter {
        customer: UserId,
    },
    /// Gets priority in it from an organiser.
    Guest {
        customer: UserId,
    },
}

impl Intent {
    pub(super) fn command(&self, drawn: &mut Vec<HoldId>) -> Command {
        let mut draw = || {
            let id = HoldId::random();
            drawn.push(id);
            id
        };
        match self {
            Self::Plain(command) => command.clone(),
            Self::Hold { customer, lines, with_pass } => {
                let (hold, customer, lines) = (draw(), *customer, lines.clone());
                let command = Command::PlaceHold { hold, customer, lines };
                match with_pass {
                    true => Command::WithPass { pass: None, command: Box::new(command) },
                    false => command,
                }
            }
            Self::Enter { customer } => Command::EnterQueue {
                entries: vec![(*customer, QueueEntryId(draw().0))],
                received_at: TimestampMs::MAX,
            },
            Self::Guest { customer } => Command::Prioritise {
                entries: vec![(*customer, QueueEntryId(draw().0))],
                reason: "a guest".into(),
            },
            Self::CheckOut { customer, hold } => Command::CheckOut {
                hold: *hold,
                reservation: ReservationId(draw().0),
                customer: *customer,
            },
            // Hold and reservation share one id, since an attempt makes both or neither.
            Self::Participate { customer } => {
                let hold = draw();
                let (reservation, customer) = (ReservationId(hold.0), *customer);
                Command::Participate { hold, reservation, customer }
            }
            Self::Complimentary { customer, lines } => {
                let hold = draw();
                let (reservation, customer) = (ReservationId(hold.0), *customer);
                let lines = lines.clone();
                Command::IssueComplimentary { hold, reservation, customer, lines }
            }
            Self::Apply { customer } => {
                let (enrollment, customer) = (EnrollmentId(draw().0), *customer);
                Command::Apply { enrollment, customer, answers: None }
            }
            Self::Wait { customer, product, party_size } => Command::JoinWaitlist {
                entry: draw(),
                customer: *customer,
                product: *product,
                party_size: *party_size,
            },
        }
    }
}
