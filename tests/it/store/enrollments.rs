//! The rows of a class say what its state says, after any history.

use std::collections::BTreeMap;
use std::sync::Arc;

use admitone::ids::{
    AnswersId, EnrollmentId, InstanceId, OfferingId, PaymentId, ProductId, ReasonId, ReservationId,
    UserId,
};
use admitone::inventory::{
    Attendance, ClassChange, ClassRules, Command, Decision, EnrollmentStatus, Inventory, Promotion,
    Request, Requester, ReservationStatus, Ruling, Selection, Transition, Verdict,
};
use admitone::journal::{Journal as _, Record, fold_row};
use admitone::store::{
    NewClass, ReservationState, Store, Visibility, attendance_name, enrollment_status,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::projection::Purchase;
use crate::journal::{Writer, new_event, time_of};
use crate::support::test_db::TestDb;

const PLACES: ProductId = ProductId(0);
/// Rows of a history; each is a millisecond after the one before.
const ROWS: usize = 120;

/// A class with its state, its journal and its rows.
struct School {
    seed: u64,
    store: Store,
    writer: Writer,
    state: Inventory,
    rng: StdRng,
    students: Vec<UserId>,
    enrollments: Vec<(EnrollmentId, UserId)>,
    payments: BTreeMap<ReservationId, PaymentId>,
    /// What the present row holds.
    row: Vec<Arc<Transition>>,
}

impl School {
    async fn open(db: &TestDb, fee: i64) -> Self {
        let seed = rand::random();
        println!("seed {seed}");
        let store = db.store().await;
        let mut rng = StdRng::seed_from_u64(seed);
        let mut event = new_event();
        event.definition.products.truncate(1);
        event.products.truncate(1);
        event.definition.sections.clear();
        event.definition.products[0].price = fee;
        event.definition.products[0].capacity = Some(2);
        event.definition.products[0].max_per_customer = None;
        let mut either = || rng.random_range(0..2) == 0;
        let rules = ClassRules {
            selection: if either() { Selection::Review } else { Selection::FirstCome },
            promotion: if either() { Promotion::Offer } else { Promotion::Auto },
            waitlist: 3,
            offer_ttl_ms: 9,
            pay_window_ms: 12,
            allow_reapply: true,
        };
        let visibility = Visibility::Public;
        event.class = Some(NewClass { rules, visibility, is_online: false });
        store.event_create(&event, None, 1_000).await.unwrap();
        let (offering, head) = (event.id, store.head(event.id).await.unwrap());
        let instance = InstanceId::random();
        let students = (0..5).map(|_| UserId::random()).collect();
        let mut writer = Writer { store: store.clone(), offering, instance, head };
        writer.take_over().await.unwrap();
        let mut state = Inventory::empty();
        for (row, record) in store.load(offering).await.unwrap().tail {
            fold_row(&mut state, &row, &record).unwrap();
        }
        let (enrollments, payments, row) = Default::default();
        Self { seed, store, writer, state, rng, students, enrollments, payments, row }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.rng.random_range(0..below)
    }

    async fn live(&mut self) {
        for _ in 0..ROWS {
            let seq = self.writer.head.seq.next();
            self.state.begin_batch(seq, time_of(seq));
            while let Some(due) = self.state.run_due() {
                self.row.push(Arc::new(due));
            }
            for _ in 0..=self.draw(3) {
                let command = self.command();
                self.execute(command).await;
            }
            let row = std::mem::take(&mut self.row);
            if row.is_empty() {
                self.state.begin_row();
            }
            let record = if row.is_empty() { Record::Takeover } else { Record::Batch(row) };
            if matches!(record, Record::Takeover) {
                self.writer.take_over().await.unwrap();
                continue;
            }
            let append = self.writer.append_of(self.writer.head.epoch, record);
            self.writer.send(append).await.unwrap();
        }
    }

    async fn execute(&mut self, command: Command) {
        let admin = UserId::random();
        let command = match &command {
            Command::Apply { .. } | Command::BeginPayment { .. } => command,
            other if self.draw(3) == 0 => {
                Command::ByAdmin { admin, command: Box::new(other.clone()) }
            }
            _ => command,
        };
        let request = Request { command: command.clone(), idempotency: None };
        let Decision::Decided(transition) = self.state.execute(&request) else { return };
        match command {
            Command::Apply { enrollment, customer, .. } => {
                self.enrollments.push((enrollment, customer));
            }
            Command::BeginPayment { reservation, payment, customer } => {
                let lines = self.state.reservation(reservation).unwrap().lines;
                let hold = admitone::ids::HoldId(reservation.0);
                let purchase = Purchase { customer, hold, reservation, payment, lines };
                purchase.set_aside(&self.store, self.writer.offering).await;
                self.payments.insert(reservation, payment);
            }
            _ => {}
        }
        self.row.push(Arc::new(transition));
    }

    fn command(&mut self) -> Command {
        let student = self.draw(5);
        let customer = self.students[student];
        let new = EnrollmentId(UserId::random().0);
        let known = self.enrollments.len().min(8);
        let nth = if known == 0 { 0 } else { self.enrollments.len() - 1 - self.draw(known) };
        let (enrollment, owner) = self.enrollments.get(nth).copied().unwrap_or((new, customer));
        let reservation = enrollment.reservation();
        let reason = Some(ReasonId(new.0)).filter(|_| self.draw(2) == 0);
        let (own, version) = (Requester::Customer(owner), None);
        let answers = AnswersId(new.0);
        let mark = [None, Some(Attendance::Present), Some(Attendance::Absent)][self.draw(3)];
        match self.draw(20) {
            0..=5 => Command::Apply { enrollment: new, customer, answers: Some(answers) },
            6 => Command::ReplaceAnswers { enrollment, customer: owner, answers, version },
            7 => Command::CancelEnrollment { enrollment, by: own, reason, version },
            8 => {
                let by = Requester::Admin;
                Command::CancelEnrollment { enrollment, by, reason, version }
            }
            9 | 10 => Command::AcceptPlace { enrollment, customer: owner },
            11 | 12 => {
                let verdicts: Vec<_> =
                    self.enrollments.iter().rev().take(5).map(|(id, _)| *id).collect();
                let verdicts = verdicts.into_iter().map(|id| self.verdict(id, reason)).collect();
                Command::DecideEnrollments { verdicts }
            }
            13 => {
                let reason = ReasonId(new.0);
                Command::MoveUp { enrollment, position: 1, reason }
            }
            14 => Command::RecordAttendance { marks: vec![(enrollment, mark)] },
            15 => {
                let capacity = u32::try_from(1 + self.draw(4)).ok();
                let change = ClassChange { capacity, ..ClassChange::default() };
                Command::ChangeClass { change: Box::new(change) }
            }
            16 | 17 => {
                let payment = PaymentId::random();
                Command::BeginPayment { reservation, payment, customer: owner }
            }
            18 => match self.payments.get(&reservation).copied() {
                Some(payment) => Command::ConfirmPayment { reservation, payment },
                None => Command::CheckIn { reservation, ticket: 0 },
            },
            _ => Command::CancelReservation { reservation, by: own },
        }
    }

    fn verdict(&mut self, enrollment: EnrollmentId, reason: Option<ReasonId>) -> Verdict {
        let ruling = match self.draw(6) {
            0 | 1 => Ruling::Approve,
            2 => Ruling::ApproveOrWaitlist,
            3 => Ruling::Waitlist,
            _ => Ruling::Reject,
        };
        Verdict { enrollment, ruling, reason, version: None }
    }

    /// Each enrollment by the state, as a line of text.
    fn expected(&self) -> Vec<String> {
        let line = |one: &admitone::inventory::EnrollmentView| {
            let number = |value: Option<i64>| value.map_or("-".into(), |value| value.to_string());
            let offer = self.state.hold(one.id.offer());
            let offer = offer.filter(|_| one.status == EnrollmentStatus::Offered);
            let offer = number(offer.map(|offer| offer.expires_at));
            let place = self.state.reservation(one.id.reservation());
            let place = place.map_or("-", |place| state_name(place.status));
            let mark = one.attendance.map_or("-", attendance_name);
            let (id, user, status) = (one.id.0, one.customer.0, enrollment_status(one.status));
            let (version, rank, applied_at) = (one.version, number(one.rank), one.applied_at);
            format!(
                "{} {} {status} {version} {rank} {offer} {mark} {applied_at} {place}",
                id.simple(),
                user.simple()
            )
        };
        let mut all: Vec<_> = self.state.enrollments().iter().map(line).collect();
        all.sort();
        all
    }
}

fn state_name(status: ReservationStatus) -> &'static str {
    match status {
        ReservationStatus::PaymentPending { .. } => ReservationState::PaymentPending.as_str(),
        ReservationStatus::Confirmed { .. } => ReservationState::Confirmed.as_str(),
        ReservationStatus::Expired => ReservationState::Expired.as_str(),
        ReservationStatus::Cancelled => ReservationState::Cancelled.as_str(),
    }
}

/// The same from the rows.
async fn rows(db: &TestDb) -> Vec<String> {
    let hex = |column: &str| match db.is_postgres() {
        true => format!("replace({column}::text, '-', '')"),
        false => format!("lower(hex({column}))"),
    };
    let text = |column: &str| format!("coalesce(CAST({column} AS text), '-')");
    let columns = [
        hex("e.id"),
        hex("e.user_id"),
        text("e.status"),
        text("e.version"),
        text("e.line_rank"),
        text("e.offer_expires_at"),
        text("e.attendance"),
        text("e.applied_at"),
        text("r.status"),
    ];
    let line = columns.join(" || ' ' || ");
    let from = "enrollments e LEFT JOIN reservations r ON r.id = e.id";
    let mut all = db.texts(&format!("SELECT {line} FROM {from}")).await;
    all.sort();
    all
}

async fn check(db: &TestDb, school: &School) {
    assert_eq!(rows(db).await, school.expected(), "seed {}", school.seed);
    let all = school.state.enrollments();
    let of = |wanted: &[EnrollmentStatus]| {
        i64::try_from(all.iter().filter(|one| wanted.contains(&one.status)).count()).unwrap()
    };
    use EnrollmentStatus::{Applied, Approved, Canceled, Offered, Rejected, Waitlisted};
    for (column, wanted) in [
        ("applied", &[Applied][..]),
        ("approved", &[Approved]),
        ("waitlisted", &[Waitlisted, Offered]),
        ("rejected", &[Rejected]),
        ("canceled", &[Canceled]),
    ] {
        let counted = db.count(&format!("SELECT {column} FROM class_counts")).await;
        assert_eq!(counted, of(wanted), "{column}");
    }
    let mut ranks: Vec<i64> = all.iter().filter_map(|one| one.rank).collect();
    ranks.sort_unstable();
    for (ahead, rank) in ranks.iter().enumerate() {
        let place =
            school.store.enrollment_line_place(school.writer.offering, *rank).await.unwrap();
        assert_eq!((place.position, place.total), (ahead as u64 + 1, ranks.len() as u64));
    }
    let hours = "SELECT CAST(sum(applications) AS bigint) FROM class_hours";
    assert_eq!(db.count(hours).await, i64::try_from(all.len()).unwrap());
    let valid = "SELECT count(*) FROM tickets WHERE status IN ('VALID', 'USED')";
    let sold = i64::from(school.state.counts(PLACES).sold);
    assert_eq!(db.count(valid).await, sold, "a ticket for each place that is paid");
    let causeless = "SELECT count(*) FROM enrollments
        WHERE (status = 'CANCELED') <> (cause IS NOT NULL AND canceled_at IS NOT NULL)";
    assert_eq!(db.count(causeless).await, 0);
    let unlogged = "SELECT count(*) FROM enrollments e WHERE decided_by IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM enrollment_changes c WHERE c.enrollment_id = e.id
            AND c.actor_id = e.decided_by AND c.action IN ('APPROVED', 'WAITLISTED', 'REJECTED'))";
    assert_eq!(db.count(unlogged).await, 0, "an administrator decided only what the log says");
    // The journal, read back, is the state.
    let mut fold = Inventory::empty();
    for (row, record) in school.store.load(school.writer.offering).await.unwrap().tail {
        fold_row(&mut fold, &row, &record).unwrap();
    }
    fold.check().unwrap();
    assert_eq!(fold.enrollments(), all);
}

on_both_databases! {
    async fn the_rows_of_a_free_class_say_what_its_state_says(db: TestDb) {
        let mut school = School::open(&db, 0).await;
        school.live().await;
        check(&db, &school).await;
    }

    async fn the_rows_of_a_paid_class_say_what_its_state_says(db: TestDb) {
        let mut school = School::open(&db, 12_000).await;
        school.live().await;
        check(&db, &school).await;
    }

    async fn the_place_in_a_long_line_is_found_from_either_end(db: TestDb) {
        let store = db.store().await;
        let class = OfferingId::random();
        let id = class.0.simple();
        let (class_id, any) = match db.is_postgres() {
            true => (format!("'{id}'::uuid"), "gen_random_uuid()"),
            false => (format!("x'{id}'"), "randomblob(16)"),
        };
        db.sql(&format!(
            "INSERT INTO enrollments (id, class_id, user_id, status, version, line_rank, applied_at,
                updated_at)
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
            SELECT {any}, {class_id}, {any}, 'WAITLISTED', 1, i * 10, i, i FROM n;
            INSERT INTO class_counts (class_id, applied, approved, waitlisted, rejected, canceled)
            VALUES ({class_id}, 0, 0, 2501, 0, 0);
            INSERT INTO enrollments (id, class_id, user_id, status, version, offer_expires_at,
                applied_at, updated_at)
            VALUES ({any}, {class_id}, {any}, 'WAITLISTED', 1, 9, 9, 9)"
        ))
        .await;
        for position in [1, 2, 1_499, 1_500, 1_501, 1_502, 2_499, 2_500_u64] {
            let rank = i64::try_from(position * 10).unwrap();
            let place = store.enrollment_line_place(class, rank).await.unwrap();
            assert_eq!((place.position, place.total), (position, 2_500), "who is offered a place left");
        }
    }
}
