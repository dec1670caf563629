//! Messages between instances: commands, answers, and the view updates of the feed.

use std::sync::Arc;

use serde::Serialize;

use super::classes::{self, ENROLLMENT, REASON};
use super::journal::{cancellation, definition, idempotency, line, rejections, transition, window};
use super::queue::{self, PASS, SECRET};
use super::{Sample, check_pinned, every, id};
use crate::box_office::protocol::{Call, CallAnswer, PeerReply, PeerRequest, TracedCall};
use crate::box_office::views::update::{Delta, ShownView, Stamp, Version, ViewUpdate};
use crate::box_office::views::view::{View, ViewBuilder};
use crate::box_office::{Committed, SubmitError, Unavailable};
use crate::cluster::{HELLO, PROTOCOL, Seal};
use crate::ids::{
    AnswersId, Epoch, HoldId, InstanceId, OfferingId, PaymentId, ProductId, ReservationId, SeatId,
    SectionId, Seq, UserId,
};
use crate::inventory::{
    Attendance, Availability, Change, Command, EndedEntryView, EntryEnding, HoldStatus, HoldView,
    Holdings, Inventory, LineRequest, LiveEntry, LiveHold, NewProduct, OfferingChange,
    ProductChange, Rejection, Request, Requester, ReservationStatus, SaleState, SeatClaim,
    SeatClaimKind, SeatStatus, SeatView, Transition, WaitlistView,
};
use crate::journal::{Head, Owner};
use crate::trace::{Context, Origin, RequestId};

const AT: i64 = 1_795_000_000_000;
const OFFERING: OfferingId = OfferingId(uuid::Uuid::from_bytes([5; 16]));
const INSTANCE: InstanceId = InstanceId(uuid::Uuid::from_bytes([6; 16]));
const HOLD: HoldId = HoldId(uuid::Uuid::from_bytes([1; 16]));
const CUSTOMER: UserId = UserId(uuid::Uuid::from_bytes([4; 16]));

fn pin<T>(samples: &mut Vec<Sample>, named: &[(&str, T)])
where
    T: Serialize + serde::de::DeserializeOwned,
{
    samples.extend(named.iter().map(|(name, value)| Sample::of(name, value)));
}

#[test]
fn what_instances_say_to_each_other_keeps_its_bytes() {
    let mut samples = Vec::new();
    pin(&mut samples, &commands());
    pin(&mut samples, &line_requests());
    pin(&mut samples, &every!(Requester { Customer(CUSTOMER), Admin }));
    pin(&mut samples, &[("Request", request())]);
    pin(&mut samples, &questions());
    pin(&mut samples, &calls());
    pin(&mut samples, &answers());
    pin(&mut samples, &call_answers());
    pin(&mut samples, &unavailable());
    let refused = Rejection::UnknownProduct;
    let errors = every!(SubmitError { Rejected(refused), Unavailable(Unavailable::Busy) });
    pin(&mut samples, &errors);
    pin(&mut samples, &hold_statuses());
    pin(&mut samples, &every!(Availability { Offered, Withdrawn }));
    pin(
        &mut samples,
        &every!(EntryEnding { Left, PassedOver, EventCancelled, Declined, Accepted, Expired }),
    );
    pin(&mut samples, &seat_claims());
    pin(&mut samples, &reservation_statuses());
    let seats = every!(SeatStatus { Available, Held, Sold, Blocked, Removed, Kept });
    pin(&mut samples, &seats);
    let given = RequestId::given("a-request-of-a-client").unwrap();
    pin(
        &mut samples,
        &every!(RequestId { Drawn([0xb1; 16]), Given(match given {
        RequestId::Given(text) => text,
        RequestId::Drawn(_) => unreachable!("a client's own id is kept"),
    }) }),
    );
    pin(&mut samples, &[("Origin", origin())]);
    assert_eq!(rejections().len(), 57, "an answer carries each of them, as the journal does");
    check_pinned(&samples, "src/box_office/encodings/wire.txt", include_str!("wire.txt"));
}

#[test]
fn what_the_feed_says_keeps_its_bytes() {
    let (before, after) = views();
    let (stamp, version) = (stamp(), Version::of(&before));
    let delta = Box::new(Delta::between(&before, &after).unwrap());
    let mut samples = Vec::new();
    pin(
        &mut samples,
        &every!(ViewUpdate {
            Unchanged { stamp, version },
            Changed { stamp, delta },
            Over { owner: INSTANCE },
        }),
    );
    let grown = Delta::between(&before, &with_a_row(&before)).unwrap();
    pin(&mut samples, &[("Delta, of a section's shape", grown)]);
    let shown = ShownView { stamp, now_ms: 1_234, view: before };
    pin(&mut samples, &[("ShownView", shown)]);
    check_pinned(&samples, "src/box_office/encodings/feed.txt", include_str!("feed.txt"));
}

/// The envelope of peer requests, and the first request.
#[test]
fn a_seal_keeps_its_form() {
    assert_eq!(PROTOCOL, 1, "a seal of the new protocol needs a line");
    let seal = Seal::new("a secret of the cluster, of at least thirty-two bytes");
    let samples = [
        Sample { name: "Seal".into(), pinned: seal.of(b"a question") },
        Sample::bytes("HELLO", HELLO),
    ];
    check_pinned(&samples, "src/box_office/encodings/seal.txt", include_str!("seal.txt"));
}

fn request() -> Request {
    Request {
        command: Command::ReleaseHold { hold: HOLD, customer: CUSTOMER },
        idempotency: Some(idempotency()),
    }
}

fn line_requests() -> Vec<(&'static str, LineRequest)> {
    let (product, section) = (ProductId(1), Some(SectionId(0)));
    every!(LineRequest {
        Quantity { product, quantity: 2 },
        Seats(vec![SeatId(7), SeatId(300)]),
        BestAvailable { product, quantity: 3, section },
    })
}

fn commands() -> Vec<(&'static str, Command)> {
    let (hold, customer, entry) = (HOLD, CUSTOMER, HOLD);
    let (product, section) = (ProductId(0), SectionId(0));
    let (reservation, payment) = (ReservationId(id(2)), PaymentId(id(3)));
    let lines = || line_requests().into_iter().map(|(_, line)| line).collect();
    let seats = || vec![SeatId(7), SeatId(300)];
    let (enrollment, answers, version) = (ENROLLMENT, AnswersId(id(0x24)), Some(3));
    let by = Requester::Customer(customer);
    let marks = || vec![(enrollment, Some(Attendance::Absent)), (enrollment, None)];
    every!(Command {
        PlaceHold { hold, customer, lines: lines() },
        ExtendHold { hold, customer },
        ReleaseHold { hold, customer },
        CheckOut { hold, reservation, customer },
        Reserve { hold, reservation, customer, lines: lines() },
        BeginPayment { reservation, payment, customer },
        ConfirmPayment { reservation, payment },
        FailPayment { reservation, payment },
        CancelReservation { reservation, by: Requester::Customer(customer) },
        CheckIn { reservation, ticket: 3 },
        JoinWaitlist { entry, customer, product, party_size: 2 },
        LeaveWaitlist { entry, customer },
        AcceptOffer { entry, customer },
        BlockSeats { seats: seats() },
        UnblockSeats { seats: seats() },
        BlockPlaces { product, quantity: 5 },
        UnblockPlaces { product, quantity: 5 },
        Resize { product, total: 6_000 },
        AddRow { section, name: "C".into(), seats: 12 },
        RemoveSeats { seats: seats() },
        Reprice { product, price: 88_000 },
        SetSaleWindow { product: Some(product), window: window() },
        ChangeSale { start: Some(Some(AT)), end: Some(None), state: Some(SaleState::Open) },
        OpenSale,
        PauseSale,
        CloseSale,
        CancelOffering,
        EndClaims { customer },
        ByAdmin { admin: customer, command: Box::new(Command::PauseSale) },
        CheckInAtGate { reservation, ticket: 3, gate: "North 2".into() },
        UndoCheckIn { reservation, ticket: 3 },
        AddProduct { product: new_product() },
        ChangeProduct { product, change: product_change() },
        ChangeOffering { change: offering_change() },
        Participate { hold, reservation, customer },
        ChangeHold { hold, customer, places: vec![(product, 2)], seats: seats() },
        KeepSeats { seats: seats(), until: AT },
        IssueComplimentary { hold, reservation, customer, lines: lines() },
        CancelTickets {
            reservation,
            tickets: vec![1, 3],
            refund: Some(79_200),
            by: Requester::Admin,
        },
        DeferPayment { reservation, payment, until: AT },
        FailAndCancel { reservation, payment },
        Apply { enrollment, customer, answers: Some(answers) },
        ReplaceAnswers { enrollment, customer, answers, version },
        CancelEnrollment { enrollment, by, reason: Some(REASON), version },
        AcceptPlace { enrollment, customer },
        DecideEnrollment { verdict: classes::verdict() },
        DecideEnrollments { verdicts: vec![classes::verdict()] },
        MoveUp { enrollment, position: 1, reason: REASON },
        RecordAttendance { marks: marks() },
        ChangeClass { change: Box::new(classes::change()) },
        CancelClass { with_enrollments: true },
        SetQueue { change: Box::new(queue::change()) },
        EnterQueue { entries: queue::entries(), received_at: AT },
        LeaveQueue { customer },
        DrawQueue { secret: SECRET, public_value: Some("a number of a newspaper".into()) },
        SetAside { generation: 2, numbers: vec![2, 300] },
        VoidEntries { customers: vec![customer], reason: "a reason".into() },
        Prioritise { entries: queue::entries(), reason: "a reason".into() },
        UsePass { customer, pass: PASS },
        WithPass {
            pass: Some(PASS),
            command: Box::new(Command::PlaceHold { hold, customer, lines: lines() }),
        },
    })
}

fn seat_claims() -> Vec<(&'static str, SeatClaimKind)> {
    let (hold, reservation) = (HOLD, ReservationId(id(2)));
    let payment = Some(PaymentId(id(3)));
    let pending = ReservationStatus::PaymentPending { pay_by: AT, payment };
    every!(SeatClaimKind {
        Hold { hold, status: HoldStatus::Offered, expires_at: AT },
        Reservation { reservation, status: pending },
    })
}

fn reservation_statuses() -> Vec<(&'static str, ReservationStatus)> {
    let payment = PaymentId(id(3));
    every!(ReservationStatus {
        PaymentPending { pay_by: AT, payment: None },
        Confirmed { payment: Some(payment) },
        Expired,
        Cancelled,
    })
}

fn new_product() -> NewProduct {
    let definition = definition().products.remove(0);
    NewProduct { name: "Late".into(), description: "Standing".into(), definition }
}

fn product_change() -> ProductChange {
    ProductChange {
        name: Some("Late".into()),
        description: None,
        sale_start: Some(Some(AT)),
        sale_end: Some(None),
        availability: Some(Availability::Withdrawn),
    }
}

fn offering_change() -> OfferingChange {
    OfferingChange {
        sale_start: Some(Some(AT)),
        sale_end: Some(None),
        state: Some(SaleState::Open),
        starts_at: Some(AT),
        ends_at: Some(AT + 86_400_000),
        cancellation: Some(cancellation()),
    }
}

fn origin() -> Origin {
    let parent: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let state: &[u8] = b"vendor=value";
    let request_id = RequestId::given("a-request-of-a-client").unwrap();
    Origin { request_id, context: Context::read([parent], [state]) }
}

fn calls() -> Vec<(&'static str, Call)> {
    every!(Call {
        Submit(request()),
        Hold(HOLD),
        WaitlistEntry(HOLD),
        Settle(request()),
        EndedEntry(HOLD),
        Seat(SeatId(300)),
        Holdings(CUSTOMER, 100),
        LiveHolds(Some((AT, HOLD)), 100),
        Waiting(Some((7, HOLD)), 100),
        Queue(vec![CUSTOMER, UserId(id(9))]),
    })
}

fn questions() -> Vec<(&'static str, PeerRequest)> {
    let offering = OFFERING;
    let asked = |(_, call)| TracedCall { call, origin: Some(origin()) };
    // The variants of the first version: each later one has a line of its own.
    let calls = calls().into_iter().take(4).map(asked).collect();
    every!(PeerRequest {
        Calls { from: INSTANCE, offering, hops: 1, timeout_ms: 5_000, calls },
        Prepare { offering },
        Adopt { offering },
        Move { offering, to: "b:8080".into() },
        Show { offering },
        Heard { offering, customers: vec![CUSTOMER], within_ms: 1_800_000 },
    })
}

fn committed() -> Committed {
    let transition: Arc<Transition> = transition().into();
    Committed { seq: Seq(7), at: AT, transition, replayed: true }
}

fn hold_view() -> HoldView {
    let (lines, status) = (vec![line()], HoldStatus::Active);
    HoldView { customer: CUSTOMER, lines, status, expires_at: AT }
}

fn hold_statuses() -> Vec<(&'static str, HoldStatus)> {
    let reservation = ReservationId(id(2));
    every!(HoldStatus { Active, Offered, Converted { reservation }, Released, Expired })
}

fn call_answers() -> Vec<(&'static str, CallAnswer)> {
    let waiting =
        WaitlistView { customer: CUSTOMER, product: ProductId(0), party_size: 2, position: 5 };
    let (customer, product) = (CUSTOMER, ProductId(0));
    let how = EntryEnding::PassedOver;
    let ended = EndedEntryView { customer, product, party_size: 2, how, at: AT };
    let (hold, status, expires_at) = (HOLD, HoldStatus::Active, AT);
    let kind = SeatClaimKind::Hold { hold, status, expires_at };
    let claim = Some(SeatClaim { customer, kind });
    let (section, row, number) = ("A".into(), "1".into(), 12);
    let seat = SeatView { section, row, number, product, status: SeatStatus::Held, claim };
    every!(CallAnswer {
        Submitted(Ok(committed())),
        Hold(Ok(Some(hold_view()))),
        WaitlistEntry(Ok(Some(waiting))),
        EndedEntry(Ok(Some(ended))),
        Seat(Ok(Some(seat))),
        Holdings(Ok(holdings())),
        LiveHolds(Ok(holdings().holds)),
        Waiting(Ok(holdings().entries)),
        Queue(Ok(Some(Box::new(queue::answer())))),
    })
}

fn holdings() -> Holdings {
    let (customer, product) = (CUSTOMER, ProductId(0));
    let hold = LiveHold {
        id: HOLD,
        customer,
        lines: vec![line()],
        offered: true,
        placed_at: AT,
        expires_at: AT + 300_000,
    };
    let entry = LiveEntry { id: HOLD, customer, product, party_size: 2, position: 5, arrival: 300 };
    let reservations = vec![ReservationId(id(2))];
    Holdings { holds: vec![hold], reservations, entries: vec![entry] }
}

fn answers() -> Vec<(&'static str, PeerReply)> {
    let owner = || Owner { incarnation: INSTANCE, address: "b:8080".into(), epoch: Epoch(3) };
    let mut all: Vec<_> = call_answers().into_iter().take(3).map(|(_, answer)| answer).collect();
    all.push(CallAnswer::Submitted(Err(Rejection::UnknownProduct.into())));
    all.push(CallAnswer::Hold(Err(Unavailable::Moving)));
    let shown = ShownView { stamp: stamp(), now_ms: 1_234, view: views().0 };
    every!(PeerReply {
        Calls(all),
        NotOwner(Some(owner())),
        Prepared,
        InService(owner()),
        Failed(Unavailable::Recovering),
        Shown(Box::new(shown)),
        Heard(vec![true, false]),
    })
}

fn unavailable() -> Vec<(&'static str, Unavailable)> {
    every!(Unavailable {
        NoSuchOffering,
        Busy,
        Recovering,
        OutcomeUnknown,
        ClockSkewed,
        Stopping,
        BadData,
        Failed,
        Moving,
    })
}

fn stamp() -> Stamp {
    Stamp { owner: INSTANCE, said_at_ms: 1_000, proven_at_ms: 900 }
}

/// The views of an offering before and after a hold of two seats.
fn views() -> (View, View) {
    let mut inventory = Inventory::empty();
    let mut view_builder = ViewBuilder::default();
    let mut view = |seq, change| {
        inventory.begin_batch(Seq(seq), AT);
        inventory.apply(&Transition { idempotency: None, changes: vec![change] }).unwrap();
        let head = Head { seq: Seq(seq), epoch: Epoch(1), hash: [0xc0; 32] };
        view_builder.paint(OFFERING, &inventory, &head, AT)
    };
    let mut small = definition();
    small.sections[0].rows[0].seats = 6;
    small.sections[0].rows[1].seats = 4;
    let before = view(1, Change::Created { definition: small });
    let mut held = line();
    held.seats = Box::new([SeatId(2), SeatId(3)]);
    let placed = Change::HoldPlaced {
        hold: HOLD,
        customer: CUSTOMER,
        lines: vec![held],
        expires_at: AT + 300_000,
    };
    let after = view(2, placed);
    (before, after)
}

/// The same view with one more row, so that the section has another shape.
fn with_a_row(view: &View) -> View {
    let mut grown = view.clone();
    let mut section = (*grown.sections[0]).clone();
    section.rows.push(section.rows[0].clone());
    grown.sections[0] = Arc::new(section);
    grown
}
