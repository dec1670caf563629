//! One turn of a box office: due work first, then the waiting commands, decided into one row. Pure
//! except for the reply channels that it carries; it neither appends nor replies itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::box_office::permits::Permit;
use crate::box_office::telemetry::spans;
use crate::box_office::{Committed, Settings, SubmitError, Unavailable};
use crate::ids::{OfferingId, Seq};
use crate::inventory::{
    Change, Command, Decision, Inventory, Place, Rejection, Request, TimestampMs, Transition,
};
use crate::planted::{Bug, is_planted};
use crate::trace::{self, Origin, Span};

/// A command and the channel for its reply.
pub(crate) struct Pending {
    pub(crate) request: Request,
    /// The request it is made for, as named in log lines and trace spans.
    pub(crate) origin: Option<Origin>,
    pub(crate) span: Span,
    pub(crate) reply: oneshot::Sender<Result<Committed, SubmitError>>,
    pub(crate) permit: Permit,
    /// Monotonic time of its arrival.
    pub(crate) since: Duration,
    /// How many instances have forwarded it.
    pub(crate) hops: u8,
    /// True if an earlier copy of it may still be on its way: a refusal is remembered under its
    /// key.
    pub(crate) settle: bool,
}

/// Runs on the state, or on the reason why the state cannot be read.
pub(crate) type QueryFn = Box<dyn FnOnce(Result<&Inventory, Unavailable>) + Send>;

/// A read of the owner's state, answered under the same rule as a refusal: the state is durable
/// and ownership was verified recently.
pub(crate) struct Query {
    pub(crate) look: QueryFn,
    pub(crate) permit: Permit,
}

/// A request to a box office.
#[expect(clippy::large_enum_variant, reason = "almost all of it is commands")]
pub(crate) enum Work {
    Command(Pending),
    Query(Query),
}

impl Work {
    /// True for a command by which customers enter the queue.
    pub(crate) fn is_entry(&self) -> bool {
        match self {
            Self::Command(pending) => {
                matches!(pending.request.command, Command::EnterQueue { .. })
            }
            Self::Query(_) => false,
        }
    }

    /// Answers that nothing was decided.
    pub(crate) fn refuse(self, why: Unavailable) {
        match self {
            Self::Command(pending) => pending.answer(Err(why.into())),
            Self::Query(look) => (look.look)(Err(why)),
        }
    }
}

impl Pending {
    pub(crate) fn answer(self, answer: Result<Committed, SubmitError>) {
        spans::answered(self.span, &answer);
        // A client that has disconnected is not an error: its command still counts.
        let _ = self.reply.send(answer);
        drop(self.permit);
    }
}

/// The result of a command, which is sent once the batch is durable.
pub(crate) enum Verdict {
    /// The index of its transition in the batch.
    Effect(usize),
    Replay(Place),
    Refused(Rejection),
}

/// The decisions of one turn.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) at: TimestampMs,
    pub(crate) transitions: Vec<Arc<Transition>>,
    pub(crate) decided: Vec<(Pending, Verdict)>,
    pub(crate) queries: Vec<Query>,
    /// The command being decided right now: the culprit if the core panics.
    pub(crate) current: Option<Pending>,
    /// True if more work is due than fits one row.
    pub(crate) due_remains: bool,
    weight: usize,
}

/// Commands of up to a thousand customers who enter the event's queue in one row.
const MAX_ENTRY_COMMANDS: usize = 2;
/// Rounds of due work in one row; each is bounded by the core.
const MAX_DUE_ROUNDS: usize = 32;
/// Ended reservations in one row after which due work continues in the next row: each is several
/// relational rows and, if all offerings share one writer, the appends of the others wait
/// meanwhile.
const MAX_ENDED: usize = 1_000;
/// Approximate payload bytes of a row at which a batch is full.
const MAX_WEIGHT: usize = 1 << 20;

impl Batch {
    /// Decides due work, then the waiting commands, then a page of the event's queue and those who
    /// enter it, up to the limits, into the row `seq`. Commands wait while claims are due; they do
    /// not wait for the event's queue.
    ///
    /// # Panics
    /// If the core panics: the caller then drops `inventory` and reads `self.current`.
    pub(crate) fn fill(
        &mut self,
        offering: OfferingId,
        inventory: &mut Inventory,
        (queue, entries): (&mut VecDeque<Work>, &mut VecDeque<Work>),
        settings: &Settings,
        (seq, now, max_commands): (Seq, TimestampMs, usize),
    ) {
        self.at = inventory.begin_batch(seq, now);
        let mut ended = 0;
        for _ in 0..MAX_DUE_ROUNDS {
            if ended >= MAX_ENDED {
                break;
            }
            if is_planted(Bug::OffByOneExpiry) && inventory.next_due_at() == Some(self.at) {
                break;
            }
            if !claims_are_due(inventory, self.at) {
                break;
            }
            let Some(transition) = inventory.run_due() else { break };
            ended += transition.changes.iter().map(reservations_ended).sum::<usize>();
            self.push(transition);
        }
        self.due_remains = claims_are_due(inventory, self.at) && !is_planted(Bug::OffByOneExpiry);
        if self.due_remains {
            return;
        }
        self.decide_all(offering, inventory, queue, settings, max_commands);
        // In every row, so that a flood of commands cannot keep the queue from moving.
        if inventory.next_due_at().is_some_and(|due| due <= self.at)
            && let Some(transition) = inventory.run_due()
        {
            self.push(transition);
        }
        let room = match max_commands {
            // Commands are decided one by one, to find the one that the database refuses.
            1 => 1,
            _ => self.decided.len() + MAX_ENTRY_COMMANDS,
        };
        self.decide_all(offering, inventory, entries, settings, room);
        self.due_remains = !entries.is_empty()
            || (inventory.next_due_at().is_some_and(|due| due <= self.at)
                && !is_planted(Bug::OffByOneExpiry));
    }

    fn decide_all(
        &mut self,
        offering: OfferingId,
        inventory: &mut Inventory,
        queue: &mut VecDeque<Work>,
        settings: &Settings,
        max_commands: usize,
    ) {
        while self.decided.len() < max_commands && self.weight < MAX_WEIGHT {
            match queue.pop_front() {
                Some(Work::Command(pending)) => {
                    let pending = self.current.insert(pending);
                    let Pending { request, origin, .. } = pending;
                    // A panic in this closure is logged under this request.
                    let decision = trace::scope(origin, || {
                        if let Some(hook) = &settings.before_decide {
                            hook(offering, request);
                        }
                        inventory.execute(request)
                    });
                    let verdict = match decision {
                        Decision::Decided(transition) => Verdict::Effect(self.push(transition)),
                        Decision::Replayed(place) => Verdict::Replay(place),
                        Decision::Rejected(rejection) => {
                            let settled = match pending.settle {
                                true => inventory.settle(&pending.request, &rejection),
                                false => None,
                            };
                            match settled {
                                Some(transition) => Verdict::Effect(self.push(transition)),
                                None => Verdict::Refused(rejection),
                            }
                        }
                    };
                    self.decided.extend(self.current.take().map(|pending| (pending, verdict)));
                }
                Some(Work::Query(look)) => self.queries.push(look),
                None => break,
            }
        }
    }

    /// Returns the origin of the only request in the batch, if there is exactly one: a batch of
    /// several is logged under the offering alone.
    pub(crate) fn sole_origin(&self) -> Option<Origin> {
        match &self.decided[..] {
            [(pending, _)] => pending.origin.clone(),
            _ => None,
        }
    }

    /// True if the batch refuses a payment command, because money then goes back. Such a refusal
    /// must hold for the journal as it is now: proof of ownership from two seconds ago does not
    /// suffice.
    pub(crate) fn refuses_payment(&self) -> bool {
        self.decided.iter().any(|(pending, verdict)| {
            let of_payment = matches!(
                pending.request.command,
                Command::BeginPayment { .. }
                    | Command::ConfirmPayment { .. }
                    | Command::FailPayment { .. }
            );
            of_payment && matches!(verdict, Verdict::Refused(_))
        })
    }

    fn push(&mut self, transition: Transition) -> usize {
        self.weight += transition.changes.iter().map(weight).sum::<usize>();
        self.transitions.push(Arc::new(transition));
        self.transitions.len() - 1
    }

    /// Puts all work but the culprit back into `queue`, undecided and in its old order; returns the
    /// culprit.
    pub(crate) fn requeue(self, queue: &mut VecDeque<Work>) -> Option<Pending> {
        for look in self.queries.into_iter().rev() {
            queue.push_front(Work::Query(look));
        }
        for (pending, _) in self.decided.into_iter().rev() {
            queue.push_front(Work::Command(pending));
        }
        self.current
    }
}

fn claims_are_due(inventory: &Inventory, at: TimestampMs) -> bool {
    inventory.claims_due_at().is_some_and(|due| due <= at)
}

fn reservations_ended(change: &Change) -> usize {
    let (Change::ReservationsExpired { reservations }
    | Change::ReservationsCancelled { reservations }) = change
    else {
        return 0;
    };
    reservations.len()
}

fn weight(change: &Change) -> usize {
    let items = match change {
        Change::HoldPlaced { lines, .. }
        | Change::HoldChanged { lines, .. }
        | Change::CheckedOut { lines, .. }
        | Change::ReservationConfirmed { lines, .. }
        | Change::ReservationGranted { lines, .. } => {
            lines.iter().map(|line| 2 + line.seats.len()).sum()
        }
        Change::HoldsExpired { holds } => 4 * holds.len(),
        Change::TicketsCancelled { tickets, .. } => 4 + tickets.len(),
        Change::ReservationsExpired { reservations }
        | Change::ReservationsCancelled { reservations } => 4 * reservations.len(),
        Change::SeatsBlocked { seats }
        | Change::SeatsUnblocked { seats }
        | Change::SeatsRemoved { seats }
        | Change::SeatsKept { seats, .. }
        | Change::KeptSeatsReleased { seats } => seats.len(),
        Change::OfferMade { line, .. } => 4 + line.seats.len(),
        Change::EnrollmentsCanceled { enrollments, .. } => 10 * enrollments.len(),
        Change::Enrolled { .. }
        | Change::AnswersReplaced { .. }
        | Change::EnrollmentApproved { .. }
        | Change::EnrollmentWaitlisted { .. }
        | Change::PlaceOffered { .. }
        | Change::EnrollmentRejected { .. }
        | Change::EnrollmentRevived { .. }
        | Change::WaitlistMoved { .. } => 12,
        Change::QueueEntered { entries } => 7 * entries.len(),
        Change::QueuePrioritised { entries, numbers, reason } => {
            4 + 7 * entries.len() + numbers.len() + reason.len() / 5
        }
        Change::QueueReturned { numbers } | Change::QueueSetAside { numbers } => numbers.len(),
        Change::QueueVoided { numbers, reason } => numbers.len() + reason.len() / 5,
        Change::QueueAdmitted { admitted, .. } => 2 * admitted.len(),
        Change::SessionsEnded { sessions } => 2 * sessions.len(),
        Change::QueueSet { .. } | Change::QueueDrawn { .. } => 40,
        Change::QueueClosed { .. } => 10,
        Change::ProductAdded { name, description, .. } => 8 + (name.len() + description.len()) / 5,
        Change::ProductDescribed { name, description, .. } => {
            4 + [name, description].into_iter().flatten().map(String::len).sum::<usize>() / 5
        }
        Change::Created { .. }
        | Change::HoldExtended { .. }
        | Change::HoldReleased { .. }
        | Change::PaymentBegun { .. }
        | Change::PaymentFailed { .. }
        | Change::ReservationRevived { .. }
        | Change::CheckedIn { .. }
        | Change::WaitlistJoined { .. }
        | Change::WaitlistLeft { .. }
        | Change::OfferAccepted { .. }
        | Change::PlacesBlocked { .. }
        | Change::PlacesUnblocked { .. }
        | Change::Resized { .. }
        | Change::RowAdded { .. }
        | Change::Repriced { .. }
        | Change::SaleWindowSet { .. }
        | Change::SaleStateSet { .. }
        | Change::Refused { .. }
        | Change::ActedBy { .. }
        | Change::CheckedInAtGate { .. }
        | Change::CheckInUndone { .. }
        | Change::ProductWithdrawn { .. }
        | Change::ProductRestored { .. }
        | Change::EventTimesSet { .. }
        | Change::CancellationPolicySet { .. }
        | Change::ReservationCancelledFor { .. }
        | Change::PaymentDeferred { .. }
        | Change::ClassRulesSet { .. }
        | Change::AttendanceRecorded { .. }
        | Change::VerdictRefused { .. }
        | Change::QueueLeft { .. }
        | Change::PassUsed { .. }
        | Change::QueueEnded { .. }
        | Change::WaitlistPassedOver { .. } => 4,
    };
    64 + 5 * items
}
