//! One turn of a box office: due work first, then the commands that wait, decided into one row.
//! Pure but for the answers it carries; it appends nothing and answers nothing itself.

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

/// A command and whoever waits for its answer.
pub(crate) struct Pending {
    pub(crate) request: Request,
    /// On whose behalf, as log lines and steps of traces say it.
    pub(crate) origin: Option<Origin>,
    pub(crate) span: Span,
    pub(crate) reply: oneshot::Sender<Result<Committed, SubmitError>>,
    pub(crate) permit: Permit,
    /// When it came, on the monotonic clock.
    pub(crate) since: Duration,
    /// How many instances have handed it on.
    pub(crate) hops: u8,
    /// An earlier copy of it may still be on its way: a refusal is remembered under its key.
    pub(crate) settle: bool,
}

/// What to do with the state, or with the reason why it cannot be looked at.
pub(crate) type QueryFn = Box<dyn FnOnce(Result<&Inventory, Unavailable>) + Send>;

/// A read of the owner's state, answered under the same rule as a refusal: the state is durable
/// and ownership was verified recently.
pub(crate) struct Query {
    pub(crate) look: QueryFn,
    pub(crate) permit: Permit,
}

/// What a box office is asked.
#[expect(clippy::large_enum_variant, reason = "almost all of it is commands")]
pub(crate) enum Work {
    Command(Pending),
    Query(Query),
}

impl Work {
    /// Answers without having decided.
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
        // A client that went away is not an error: its command counts all the same.
        let _ = self.reply.send(answer);
        drop(self.permit);
    }
}

/// What a command came to, to be told when the batch is durable.
pub(crate) enum Verdict {
    /// The transition at this place of the batch.
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
    /// There is more due work than fits one row; commands wait until it is done.
    pub(crate) due_remains: bool,
    weight: usize,
}

/// Rounds of due work in one row; each is bounded by the core.
const MAX_DUE_ROUNDS: usize = 32;
/// Reservations ended in one row after which due work goes on in the next: each is several relational
/// rows, and where all offerings share one writer the others' appends wait meanwhile.
const MAX_ENDED: usize = 1_000;
/// Roughly the bytes of a row's payload at which a batch is full.
const MAX_WEIGHT: usize = 1 << 20;

impl Batch {
    /// Decides due work and then the queue, up to the limits, into the row `seq`.
    ///
    /// # Panics
    /// Where the core does: the caller drops `inventory` then and looks at `self.current`.
    pub(crate) fn fill(
        &mut self,
        offering: OfferingId,
        inventory: &mut Inventory,
        queue: &mut VecDeque<Work>,
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
            let Some(transition) = inventory.run_due() else { break };
            ended += transition.changes.iter().map(reservations_ended).sum::<usize>();
            self.push(transition);
        }
        self.due_remains = inventory.next_due_at().is_some_and(|due| due <= self.at)
            && !is_planted(Bug::OffByOneExpiry);
        if self.due_remains {
            return;
        }
        while self.decided.len() < max_commands && self.weight < MAX_WEIGHT {
            match queue.pop_front() {
                Some(Work::Command(pending)) => {
                    let pending = self.current.insert(pending);
                    let Pending { request, origin, .. } = pending;
                    // A panic in here is logged as this request's.
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

    /// The request that this is all about, if it is about one: what is logged of many is logged of
    /// the offering.
    pub(crate) fn sole_origin(&self) -> Option<Origin> {
        match &self.decided[..] {
            [(pending, _)] => pending.origin.clone(),
            _ => None,
        }
    }

    /// Whether money goes back on a refusal in here. Such a one must be true of the journal as it
    /// is now: having been its owner two seconds ago is not enough.
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

    /// Takes the undecided state back: everything but the culprit waits again, in its old order.
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
        | Change::CheckedOut { lines, .. }
        | Change::ReservationConfirmed { lines, .. }
        | Change::ReservationGranted { lines, .. } => {
            lines.iter().map(|line| 2 + line.seats.len()).sum()
        }
        Change::HoldsExpired { holds } => 4 * holds.len(),
        Change::ReservationsExpired { reservations }
        | Change::ReservationsCancelled { reservations } => 4 * reservations.len(),
        Change::SeatsBlocked { seats }
        | Change::SeatsUnblocked { seats }
        | Change::SeatsRemoved { seats } => seats.len(),
        Change::OfferMade { line, .. } => 4 + line.seats.len(),
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
        | Change::WaitlistPassedOver { .. } => 4,
    };
    64 + 5 * items
}
