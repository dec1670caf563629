//! Journalled data: the content of rows, and the row around it.

use super::classes::{self, ENROLLMENT, REASON};
use super::queue::{self, COMMITMENT, ROOT, SECRET};
use super::{Sample, check_pinned, every, id};
use crate::ids::{
    AnswersId, BatchId, Epoch, HoldId, InstanceId, OfferingId, PaymentId, ProductId, ReservationId,
    SeatId, SectionId, Seq, UserId,
};
use crate::inventory::{
    Approval, Attendance, CancelCause, CancellationPolicy, Change, Definition, Entered, Fit,
    Idempotency, Line, Policy, ProductDefinition, QueueEnd, Rejection, RowDefinition, SaleEnd,
    SaleState, SaleWindow, SectionDefinition, SessionEnd, Transition,
};
use crate::journal::{FORMAT, Head, Record, Row, RowFields, export};

const AT: i64 = 1_795_000_000_000;
const HOLD: HoldId = HoldId(uuid::Uuid::from_bytes([1; 16]));
const RESERVATION: ReservationId = ReservationId(uuid::Uuid::from_bytes([2; 16]));
const PAYMENT: PaymentId = PaymentId(uuid::Uuid::from_bytes([3; 16]));
const CUSTOMER: UserId = UserId(uuid::Uuid::from_bytes([4; 16]));
const STANDING: ProductId = ProductId(0);
const SEATED: ProductId = ProductId(1);
const STALLS: SectionId = SectionId(0);

#[test]
fn what_is_journalled_keeps_its_bytes() {
    let mut samples = Vec::new();
    for (name, change) in changes() {
        samples.push(Sample::of(name, &change));
        samples.push(Sample::json(name, &change));
    }
    for (name, rejection) in rejections() {
        samples.push(Sample::of(name, &rejection));
        samples.push(Sample::json(name, &rejection));
    }
    let states = every!(SaleState { Scheduled, Open, Paused, Closed, Cancelled });
    samples.extend(states.iter().map(|(name, state)| Sample::of(name, state)));
    let fits = every!(Fit { Exact, LeavesOrphan, SplitRows, Scattered });
    samples.extend(fits.iter().map(|(name, fit)| Sample::of(name, fit)));
    let ends = every!(SaleEnd { Sale, Event });
    samples.extend(ends.iter().map(|(name, end)| Sample::of(name, end)));
    let (until, refund_percent) = (None, 100);
    let policies = every!(CancellationPolicy { Never, Until { until, refund_percent } });
    samples.extend(policies.iter().map(|(name, policy)| Sample::of(name, policy)));
    let unbounded = SaleWindow { start: None, end: None };
    samples.push(Sample::of("SaleWindow, open", &unbounded));
    samples.push(Sample::of("Transition", &transition()));
    samples.push(Sample::json("Transition", &transition()));
    let records =
        every!(Record { Takeover, Batch(vec![transition().into(), transition().into()]) });
    samples.extend(records.iter().map(|(name, record)| Sample::of(name, record)));
    check_pinned(&samples, "src/box_office/encodings/journal.txt", include_str!("journal.txt"));
}

/// The hash of a row covers each of its fields in this form; every later row rests on it.
#[test]
fn a_row_keeps_its_canonical_form_and_its_exported_line() {
    assert_eq!(FORMAT, 2, "rows of each format need a sample of their own here");
    let previous = Head { seq: Seq(6), epoch: Epoch(2), hash: [9; 32] };
    let fields = RowFields {
        offering: OfferingId(id(5)),
        epoch: Epoch(3),
        owner: InstanceId(id(6)),
        batch_id: BatchId(id(7)),
        at: AT,
    };
    let record = Record::Batch(vec![transition().into()]);
    let row = Row::new(&previous, fields, &record);
    assert_eq!(row.verify(&previous).unwrap(), record);
    let mut newer = transition();
    newer.changes.push(Change::ActedBy { admin: CUSTOMER });
    let second = Row::new(&row.head(), fields, &Record::Batch(vec![newer.into()]));
    assert_eq!((row.format, second.format), (1, 2));
    let samples = [
        Sample::bytes("Row::hash, format 2", &second.hash),
        Sample::bytes("Row::payload, format 2", &second.payload),
        Sample::bytes("Row::hash", &row.hash),
        Sample::bytes("Row::payload", &row.payload),
        Sample { name: "Row as a line".into(), pinned: export::to_line(&row, &record) },
    ];
    check_pinned(&samples, "src/box_office/encodings/row.txt", include_str!("row.txt"));
}

pub(super) fn line() -> Line {
    Line {
        product: SEATED,
        quantity: 2,
        unit_price: 150_000,
        seats: Box::new([SeatId(7), SeatId(300)]),
        fit: Fit::SplitRows,
    }
}

pub(super) fn transition() -> Transition {
    Transition {
        idempotency: Some(idempotency()),
        changes: vec![
            Change::HoldReleased { hold: HOLD },
            Change::OfferMade { entry: HOLD, customer: CUSTOMER, line: line(), expires_at: AT },
        ],
    }
}

pub(super) fn idempotency() -> Idempotency {
    Idempotency { key: [0xa1; 16], fingerprint: [0xa2; 16], principal: CUSTOMER }
}

pub(super) fn window() -> SaleWindow {
    SaleWindow { start: Some(AT), end: Some(AT + 86_400_000) }
}

pub(super) fn definition() -> Definition {
    let row = |name: &str, seats| RowDefinition { name: name.into(), seats };
    Definition {
        currency: *b"KRW",
        products: vec![
            ProductDefinition {
                price: 99_000,
                capacity: Some(5_000),
                max_per_customer: Some(4),
                sale: window(),
            },
            ProductDefinition {
                price: 150_000,
                capacity: None,
                max_per_customer: None,
                sale: SaleWindow { start: None, end: None },
            },
        ],
        sections: vec![SectionDefinition {
            name: "가 구역".into(),
            product: SEATED,
            rows: vec![row("A", 40), row("B", 42)],
        }],
        policy: Policy {
            hold_ttl_ms: 300_000,
            hold_max_ms: 900_000,
            pay_window_ms: 600_000,
            payment_grace_ms: 120_000,
            offer_ttl_ms: 600_001,
            max_places_per_hold: 20,
            max_per_customer: Some(8),
            waitlist_capacity: 10_000,
        },
        sale: window(),
        sale_state: SaleState::Scheduled,
    }
}

pub(super) fn cancellation() -> CancellationPolicy {
    CancellationPolicy::Until { until: Some(AT), refund_percent: 80 }
}

fn changes() -> Vec<(&'static str, Change)> {
    let (hold, reservation, payment, customer) = (HOLD, RESERVATION, PAYMENT, CUSTOMER);
    let (entry, product, section) = (HOLD, STANDING, STALLS);
    let lines = || vec![line()];
    let seats = || vec![SeatId(7), SeatId(300)];
    let (enrollment, moved, enrollments) = (ENROLLMENT, classes::moved(), classes::canceled());
    let (answers, reason, rank) = (AnswersId(id(0x24)), Some(REASON), 1_048_576);
    let numbers = || vec![2, 300];
    every!(Change {
        Created { definition: definition() },
        HoldPlaced { hold, customer, lines: lines(), expires_at: AT },
        HoldExtended { hold, lines: lines(), expires_at: AT },
        HoldReleased { hold },
        HoldsExpired { holds: vec![hold, HoldId(id(8))] },
        CheckedOut { hold, reservation, customer, lines: lines(), pay_by: AT },
        PaymentBegun { reservation, payment, pay_by: AT },
        ReservationConfirmed { reservation, payment, customer, lines: lines() },
        PaymentFailed { reservation, payment, pay_by: AT },
        ReservationsExpired { reservations: vec![reservation] },
        ReservationRevived { reservation },
        ReservationsCancelled { reservations: vec![reservation] },
        CheckedIn { reservation, ticket: 3 },
        WaitlistJoined { entry, customer, product, party_size: 2 },
        WaitlistLeft { entry },
        OfferMade { entry, customer, line: line(), expires_at: AT },
        OfferAccepted { entry, line: line(), expires_at: AT },
        SeatsBlocked { seats: seats() },
        SeatsUnblocked { seats: seats() },
        PlacesBlocked { product, quantity: 5 },
        PlacesUnblocked { product, quantity: 5 },
        Resized { product, total: 6_000 },
        RowAdded { section, name: "C".into(), seats: 12, first_seat: SeatId(82) },
        SeatsRemoved { seats: seats() },
        Repriced { product, price: 88_000 },
        SaleWindowSet { product: Some(product), window: window() },
        SaleStateSet { state: SaleState::Paused },
        Refused { rejection: Box::new(Rejection::SoldOut { requested: 3, available: 1 }) },
        ActedBy { admin: customer },
        CheckedInAtGate { reservation, ticket: 3, gate: "North 2".into() },
        CheckInUndone { reservation, ticket: 3 },
        ProductAdded {
            product,
            name: "Late".into(),
            description: "Standing".into(),
            definition: definition().products.remove(0),
        },
        ProductDescribed { product, name: Some("Late".into()), description: None },
        ProductWithdrawn { product },
        ProductRestored { product },
        EventTimesSet { starts_at: AT, ends_at: AT + 86_400_000 },
        CancellationPolicySet { policy: cancellation() },
        ReservationCancelledFor { reservation, refund: 79_200 },
        WaitlistPassedOver { entry },
        ReservationGranted { reservation, customer, lines: lines() },
        HoldChanged { hold, lines: lines(), expires_at: AT },
        SeatsKept { seats: seats(), until: AT },
        KeptSeatsReleased { seats: seats() },
        TicketsCancelled { reservation, tickets: vec![1, 3], refund: 79_200 },
        PaymentDeferred { reservation, payment, pay_by: AT },
        ClassRulesSet { rules: classes::rules() },
        Enrolled { enrollment, customer, answers: Some(answers), into: Entered::Approved },
        AnswersReplaced { enrollment, customer, answers, version: 2 },
        EnrollmentApproved {
            enrollment,
            customer,
            line: line(),
            pay_by: Some(AT),
            how: Approval::Decided { reason },
            moved,
        },
        EnrollmentWaitlisted { enrollment, customer, rank, reason, moved },
        PlaceOffered { enrollment, customer, line: line(), expires_at: AT, moved },
        EnrollmentRejected { enrollment, customer, reason, moved },
        EnrollmentsCanceled { enrollments, cause: CancelCause::Unpaid, reason },
        EnrollmentRevived { enrollment, customer, moved },
        WaitlistMoved { enrollment, rank: -rank, reason: REASON, version: 7 },
        AttendanceRecorded { enrollment, attendance: Some(Attendance::Late), version: 7 },
        VerdictRefused { enrollment, rejection: Box::new(Rejection::NoPlacesLeft { left: 0 }) },
        QueueSet { rules: queue::rules(), commitment: COMMITMENT },
        QueueEntered { entries: queue::entries() },
        QueueReturned { numbers: numbers() },
        QueueClosed { count: 1_000, root: ROOT },
        QueueDrawn { secret: SECRET, public_value: "a number of a newspaper".into() },
        QueueAdmitted { admitted: queue::admitted(), next: 301 },
        QueueLeft { number: 300 },
        QueueSetAside { numbers: numbers() },
        QueueVoided { numbers: numbers(), reason: "a reason".into() },
        QueuePrioritised {
            entries: queue::entries(),
            numbers: numbers(),
            reason: "a reason".into(),
        },
        PassUsed { number: 300 },
        SessionsEnded { sessions: vec![(300, SessionEnd::Bought), (2, SessionEnd::Left)] },
        QueueEnded { how: QueueEnd::Drained },
    })
}

pub(crate) fn rejections() -> Vec<(&'static str, Rejection)> {
    let seats = || vec![SeatId(7), SeatId(300)];
    every!(Rejection {
        SoldOut { requested: 3, available: 1 },
        SeatsTaken { seats: seats() },
        UnknownProduct,
        UnknownSection,
        UnknownSeats { seats: seats() },
        DuplicateSeats { seats: seats() },
        WrongKindOfProduct { numbered: true },
        Invalid { reason: "a reason".into() },
        LimitExceeded { max: 4, current: 3 },
        SaleNotOpen { opens_at: Some(AT) },
        SaleClosed { paused: true },
        Cancelled,
        HoldNotFound,
        HoldExpired,
        HoldEnded,
        ExtensionExhausted,
        ReservationNotFound,
        ReservationExpired,
        WrongState { what: "reservation".into(), state: "confirmed".into() },
        PaymentInProgress,
        AlreadyCheckedIn,
        TicketNotFound,
        WaitlistUnavailable { full: true },
        AlreadyWaiting,
        PlacesAvailable { available: 2 },
        WaitlistEntryNotFound,
        BelowTaken { taken: 9 },
        KeyReused,
        TooManyKeys,
        ProductWithdrawn,
        CancellationRefused { until: Some(AT) },
        SaleOver { end: SaleEnd::Event, at: AT },
        NotParticipable,
        AlreadyParticipated { reservation: Some(RESERVATION), hold: None },
        WrongOffering { is_class: true },
        RecruitmentNotOpen { opens_at: Some(AT) },
        RecruitmentOver { ended_at: Some(AT) },
        AlreadyEnrolled { enrollment: ENROLLMENT },
        ReapplyRefused { enrollment: ENROLLMENT },
        ClassFull { capacity: 200, waitlist: 30 },
        NoPlacesLeft { left: 0 },
        EnrollmentNotFound,
        VersionConflict { current: 300 },
        SelectionFrozen,
        HasEnrollments { living: 200 },
        PlacesLeft { left: 2 },
        TooManyApplications { limit: 20 },
        QueueIsOn,
        NoQueue,
        QueueClosing,
        QueueDraining,
        QueueFull { max: 4_000_000 },
        InQueue,
        QueueEntryNotFound,
        PassRequired,
        PassExpired,
        PassUsed,
    })
}
