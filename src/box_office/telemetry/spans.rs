//! The trace spans of box offices: the name and attributes of each step of a traced request. They
//! name no customer. For requests that are not traced, none of this is computed.

use std::time::Duration;

use crate::box_office::protocol::{Call, CallAnswer};
use crate::box_office::{Committed, SubmitError, Unavailable, command};
use crate::ids::{OfferingId, Seq};
use crate::inventory::Command;
use crate::journal::Owner;
use crate::trace::{Kind, Origin, Span, Tracer};

const OFFERING: &str = "admitone.offering.id";
const OUTCOME: &str = "admitone.outcome";

/// Begins the span of a command that comes to its box office.
pub(crate) fn command(
    tracer: &Tracer,
    origin: &mut Option<Origin>,
    (offering, command): (OfferingId, &Command),
) -> Span {
    let kind = command::kind(command);
    let mut span = tracer.begin(origin, || (Kind::Internal, kind.into()));
    if span.is_recorded() {
        span.set("admitone.command", kind);
        span.set(OFFERING, offering.to_string());
    }
    span
}

/// Begins the span of a call that is forwarded to the owner.
pub(crate) fn forwarded(
    tracer: &Tracer,
    origin: &mut Option<Origin>,
    (offering, call, to): (OfferingId, &Call, &Owner),
) -> Span {
    let mut span =
        tracer.begin(origin, || (Kind::Client, format!("forward {}", kind(call)).into()));
    if span.is_recorded() {
        let (host, port) = to.address.rsplit_once(':').unwrap_or((&to.address, ""));
        span.set("server.address", host.to_owned());
        span.set("server.port", port.parse().unwrap_or(0_u16));
        span.set("admitone.epoch", to.epoch.0);
        span.set(OFFERING, offering.to_string());
    }
    span
}

/// Begins the span of a call from another instance.
pub(crate) fn received(
    tracer: &Tracer,
    origin: &mut Option<Origin>,
    (offering, call, hops): (OfferingId, &Call, u8),
) -> Span {
    let mut span = tracer.begin(origin, || (Kind::Server, format!("answer {}", kind(call)).into()));
    if span.is_recorded() {
        span.set("admitone.hops", u16::from(hops));
        span.set(OFFERING, offering.to_string());
    }
    span
}

/// The row, or the proof of ownership, for which a command waited together with others.
pub(crate) struct Turn {
    pub(crate) seq: Seq,
    pub(crate) commands: usize,
    /// Monotonic time at which the batch was sealed.
    pub(crate) sealed: Duration,
    pub(crate) took: Duration,
}

/// Records the turn in which a command was decided.
pub(crate) fn decided(span: &mut Span, turn: &Turn) {
    if span.is_recorded() {
        span.set("admitone.wait_ms", turn.sealed.saturating_sub(span.began()));
        span.set("admitone.batch.seq", turn.seq.0);
        span.set("admitone.batch.commands", turn.commands);
        span.set("admitone.batch.append_ms", turn.took);
    }
}

/// Ends the span of a command with its answer.
pub(crate) fn answered(mut span: Span, answer: &Result<Committed, SubmitError>) {
    if span.is_recorded() {
        tell(&mut span, answer);
    }
    span.end();
}

/// Ends the span of a sent or received call, with its answer or without one.
pub(crate) fn called(mut span: Span, answer: Option<&CallAnswer>) {
    if span.is_recorded() {
        match answer {
            Some(CallAnswer::Submitted(answer)) => tell(&mut span, answer),
            Some(looked) => match looked.unavailable() {
                Some(why) => tell(&mut span, &Err(why.clone().into())),
                None => span.set(OUTCOME, "looked"),
            },
            None => span.fail("no answer"),
        }
    }
    span.end();
}

/// Records the outcome. A refusal is an answer like any other; a request not decided is a failure.
fn tell(span: &mut Span, answer: &Result<Committed, SubmitError>) {
    let outcome = match answer {
        Ok(committed) if committed.replayed => "replayed",
        Ok(_) => "committed",
        Err(SubmitError::Rejected(rejection)) => command::reason(rejection),
        Err(SubmitError::Unavailable(why)) => {
            span.fail(why.to_string());
            label(why)
        }
    };
    span.set(OUTCOME, outcome);
}

fn kind(call: &Call) -> &'static str {
    match call {
        Call::Submit(request) | Call::Settle(request) => command::kind(&request.command),
        Call::Hold(_) => "show_hold",
        Call::WaitlistEntry(_) | Call::EndedEntry(_) => "show_waitlist_entry",
        Call::Seat(_) => "show_seat",
        Call::Holdings(..) => "show_holdings",
        Call::LiveHolds(..) => "list_holds",
        Call::Waiting(..) => "list_waitlist",
        Call::Queue(_) => "read_queue",
    }
}

fn label(why: &Unavailable) -> &'static str {
    match why {
        Unavailable::NoSuchOffering => "no_such_offering",
        Unavailable::Busy => "busy",
        Unavailable::Recovering => "recovering",
        Unavailable::OutcomeUnknown => "outcome_unknown",
        Unavailable::ClockSkewed => "clock_skewed",
        Unavailable::Stopping => "stopping",
        Unavailable::BadData => "bad_data",
        Unavailable::Failed => "failed",
        Unavailable::Moving => "moving",
    }
}
