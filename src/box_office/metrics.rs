//! What box offices report to Prometheus: every name with its help text, and the one place each
//! is counted from. No customers' ids, and a bounded number of series per offering.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use metrics::{
    Counter, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::View;
use crate::cluster::NetworkError;
use crate::inventory::{Command, Rejection};

/// A season of 10,000 events would flood whoever scrapes: so many offerings get series of their
/// own, the rest is only counted.
pub(super) const MAX_OFFERING_SERIES: usize = 100;

const COMMANDS: &str = "admitone_commands_total";
const BATCH_COMMANDS: &str = "admitone_batch_commands";
const BATCH_BYTES: &str = "admitone_batch_bytes";
const APPEND_SECONDS: &str = "admitone_journal_append_seconds";
const LIVE: &str = "admitone_box_offices_live";
const CLOCK_TRUSTED: &str = "admitone_clock_trusted";
const TAKEOVERS: &str = "admitone_takeovers_total";
const FENCED: &str = "admitone_fenced_appends_total";
const REBUILDS: &str = "admitone_rebuilds_total";
const PANICS: &str = "admitone_core_panics_total";
const SEATS: &str = "admitone_places";
const FORWARDED: &str = "admitone_forwarded_calls_total";
const FORWARD_FAILURES: &str = "admitone_forward_failures_total";
const HAND_OVER_SECONDS: &str = "admitone_hand_over_seconds";
const FOLLOWED: &str = "admitone_followed_offerings";
const FOLLOWED_OLDEST: &str = "admitone_followed_oldest_seconds";
const DELTAS_PUBLISHED: &str = "admitone_feed_deltas_published_total";
const DELTAS_APPLIED: &str = "admitone_feed_deltas_applied_total";
const RESYNCS: &str = "admitone_feed_resyncs_total";

/// Names and help texts, told to the recorder once at start.
pub fn describe() {
    describe_counter!(COMMANDS, "Commands answered, by kind and outcome.");
    describe_histogram!(BATCH_COMMANDS, "Commands decided into one journal row.");
    describe_histogram!(BATCH_BYTES, "Bytes of a journal row's payload.");
    describe_histogram!(APPEND_SECONDS, "Seconds until a journal row was durable.");
    describe_gauge!(LIVE, "Box offices that are live in this process.");
    describe_gauge!(CLOCK_TRUSTED, "1 while this machine's clock agrees with the database's.");
    describe_counter!(TAKEOVERS, "Takeovers appended: starts and recoveries of box offices.");
    describe_counter!(FENCED, "Appends refused because the journal had moved on.");
    describe_counter!(REBUILDS, "States rebuilt from the journal, first starts included.");
    describe_counter!(PANICS, "Panics of the core; each cost one rebuild.");
    describe_gauge!(SEATS, "Places by offering and state, of the first hundred live offerings.");
    describe_counter!(FORWARDED, "Calls handed on to the instance that owns their offering.");
    describe_counter!(FORWARD_FAILURES, "Questions to other instances without answer, by reason.");
    describe_histogram!(HAND_OVER_SECONDS, "Seconds that handing an offering over took.");
    describe_gauge!(FOLLOWED, "Offerings of other instances that are kept up to date here.");
    describe_gauge!(
        FOLLOWED_OLDEST,
        "Seconds since the followed view was confirmed that was \
        confirmed the longest ago, of those that are read."
    );
    describe_counter!(DELTAS_PUBLISHED, "Changes told to instances that follow an offering.");
    describe_counter!(DELTAS_APPLIED, "Changes that owners told, applied to followed views.");
    describe_counter!(RESYNCS, "Times that a followed view was asked for as a whole, by reason.");
    for name in [DELTAS_PUBLISHED, DELTAS_APPLIED, FORWARDED, TAKEOVERS, FENCED, REBUILDS, PANICS] {
        // A counter that first shows up when it is 1 has no rate to alert on.
        counter!(name).absolute(0);
    }
    for reason in ["refused", "unreachable", "no_answer", "wrong_secret", "not_taken"] {
        counter!(FORWARD_FAILURES, "reason" => reason).absolute(0);
    }
}

thread_local! {
    /// Handles are kept per thread: building a key with two labels costs more than counting.
    static COUNTERS: RefCell<HashMap<(&'static str, &'static str), Counter>> = RefCell::default();
}

pub(super) fn command(command: &Command, outcome: &'static str) {
    let kind = kind(command);
    COUNTERS.with_borrow_mut(|counters| {
        let counter = counters
            .entry((kind, outcome))
            .or_insert_with(|| counter!(COMMANDS, "kind" => kind, "outcome" => outcome));
        counter.increment(1);
    });
}

pub(super) fn refused(of: &Command, rejection: &Rejection) {
    command(of, label(rejection));
}

#[expect(clippy::cast_precision_loss, reason = "a batch is far smaller than 2^52")]
pub(super) fn batch(commands: usize, bytes: usize) {
    histogram!(BATCH_COMMANDS).record(commands as f64);
    histogram!(BATCH_BYTES).record(bytes as f64);
}

pub(super) fn append(took: Duration) {
    histogram!(APPEND_SECONDS).record(took.as_secs_f64());
}

/// Calls on their way to another instance.
pub(super) fn forwarded(calls: usize) {
    counter!(FORWARDED).increment(calls as u64);
}

pub(super) fn forward_failed(error: &NetworkError) {
    let reason = match error {
        NetworkError::Refused(_) => "refused",
        NetworkError::Unreachable(_) => "unreachable",
        NetworkError::NoAnswer(_) => "no_answer",
        NetworkError::WrongSecret(_) => "wrong_secret",
        NetworkError::NotTaken(..) => "not_taken",
    };
    counter!(FORWARD_FAILURES, "reason" => reason).increment(1);
}

pub(super) fn handed_over(took: Duration) {
    histogram!(HAND_OVER_SECONDS).record(took.as_secs_f64());
}

/// Why a followed view is asked for as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resync {
    /// Nothing is known yet.
    First,
    /// To be told further news, and by a clock that is known well.
    Renewal,
    /// It is read and was not confirmed lately.
    Stale,
    /// Somebody has seen that there is more.
    Outdated,
    /// The owner has not been heard for long.
    Silence,
    /// Something was missed.
    Gap,
    /// The history is another one.
    Hash,
    /// What was said cannot be applied.
    Damaged,
    /// The feed broke and is back.
    Interrupted,
    /// The owner is another one.
    Owner,
}

pub(super) fn resync(reason: Resync) {
    let reason = match reason {
        Resync::First => "first",
        Resync::Renewal => "renewal",
        Resync::Stale => "stale",
        Resync::Outdated => "outdated",
        Resync::Silence => "silence",
        Resync::Gap => "gap",
        Resync::Hash => "hash",
        Resync::Damaged => "damaged",
        Resync::Interrupted => "interrupted",
        Resync::Owner => "owner",
    };
    counter!(RESYNCS, "reason" => reason).increment(1);
}

pub(super) fn delta_published() {
    counter!(DELTAS_PUBLISHED).increment(1);
}

pub(super) fn delta_applied() {
    counter!(DELTAS_APPLIED).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer offerings than 2^52")]
pub(super) fn followed(count: usize, oldest: Duration) {
    gauge!(FOLLOWED).set(count as f64);
    gauge!(FOLLOWED_OLDEST).set(oldest.as_secs_f64());
}

pub(super) fn takeover() {
    counter!(TAKEOVERS).increment(1);
}

pub(super) fn fenced() {
    counter!(FENCED).increment(1);
}

pub(super) fn rebuild() {
    counter!(REBUILDS).increment(1);
}

pub(super) fn panic() {
    counter!(PANICS).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer box offices than 2^52")]
pub(super) fn live(count: usize) {
    gauge!(LIVE).set(count as f64);
}

pub(super) fn clock_trusted(trusted: bool) {
    gauge!(CLOCK_TRUSTED).set(if trusted { 1.0 } else { 0.0 });
}

pub(super) fn places(view: &View) {
    let sum = |count: fn(&crate::inventory::Counts) -> u32| -> f64 {
        view.products.iter().map(|product| f64::from(count(&product.counts))).sum()
    };
    let offering = view.offering.to_string();
    for (state, places) in [
        ("available", sum(|counts| counts.available)),
        ("held", sum(|counts| counts.held)),
        ("sold", sum(|counts| counts.sold)),
        ("blocked", sum(|counts| counts.blocked)),
    ] {
        gauge!(SEATS, "offering" => offering.clone(), "state" => state).set(places);
    }
}

pub(super) fn kind(command: &Command) -> &'static str {
    match command {
        Command::PlaceHold { .. } => "place_hold",
        Command::ExtendHold { .. } => "extend_hold",
        Command::ReleaseHold { .. } => "release_hold",
        Command::CheckOut { .. } => "check_out",
        Command::Reserve { .. } => "reserve",
        Command::BeginPayment { .. } => "begin_payment",
        Command::ConfirmPayment { .. } => "confirm_payment",
        Command::FailPayment { .. } => "fail_payment",
        Command::CancelReservation { .. } => "cancel_reservation",
        Command::CheckIn { .. } => "check_in",
        Command::JoinWaitlist { .. } => "join_waitlist",
        Command::LeaveWaitlist { .. } => "leave_waitlist",
        Command::AcceptOffer { .. } => "accept_offer",
        Command::BlockSeats { .. } => "block_seats",
        Command::UnblockSeats { .. } => "unblock_seats",
        Command::BlockPlaces { .. } => "block_places",
        Command::UnblockPlaces { .. } => "unblock_places",
        Command::Resize { .. } => "resize",
        Command::AddRow { .. } => "add_row",
        Command::RemoveSeats { .. } => "remove_seats",
        Command::Reprice { .. } => "reprice",
        Command::SetSaleWindow { .. } => "set_sale_window",
        Command::ChangeSale { .. } => "change_sale",
        Command::OpenSale => "open_sale",
        Command::PauseSale => "pause_sale",
        Command::CloseSale => "close_sale",
        Command::CancelOffering => "cancel_offering",
    }
}

pub(super) fn label(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::SoldOut { .. } => "sold_out",
        Rejection::SeatsTaken { .. } => "seats_taken",
        Rejection::LimitExceeded { .. } => "limit_exceeded",
        Rejection::SaleNotOpen { .. } | Rejection::SaleClosed { .. } | Rejection::Cancelled => {
            "not_on_sale"
        }
        Rejection::HoldExpired | Rejection::ReservationExpired => "expired",
        Rejection::HoldNotFound
        | Rejection::ReservationNotFound
        | Rejection::TicketNotFound
        | Rejection::WaitlistEntryNotFound => "not_found",
        Rejection::KeyReused | Rejection::TooManyKeys => "idempotency",
        Rejection::UnknownProduct
        | Rejection::UnknownSection
        | Rejection::UnknownSeats { .. }
        | Rejection::DuplicateSeats { .. }
        | Rejection::WrongKindOfProduct { .. }
        | Rejection::Invalid { .. } => "invalid",
        Rejection::HoldEnded
        | Rejection::ExtensionExhausted
        | Rejection::WrongState { .. }
        | Rejection::PaymentInProgress
        | Rejection::AlreadyCheckedIn
        | Rejection::WaitlistUnavailable { .. }
        | Rejection::AlreadyWaiting
        | Rejection::PlacesAvailable { .. }
        | Rejection::BelowTaken { .. } => "wrong_state",
    }
}
