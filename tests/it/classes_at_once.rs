//! Thousands apply for one class in the same moment, and many cancel while others still come: on three
//! instances with Postgres, and on one with SQLite. The journal is replayed by rules of its own.

mod replay;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use admitone::ids::{EnrollmentId, OfferingId};
use admitone::inventory::EnrollmentStatus;
use admitone::journal::Head;
use admitone::store::Store;
use futures_util::future::join_all;
use rand::seq::SliceRandom;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cluster::CLUSTER_SECRET;
use crate::support::customers::{Answer, Customer, Shop, rng, seed};
use crate::support::private_redis::PrivateRedis;
use crate::support::process::{Mint, Server};
use crate::support::test_db::{TestDb, eventually};
use replay::Replay;

/// How many people do what.
#[derive(Clone, Copy)]
struct Sizes {
    people: usize,
    places: usize,
    waitlist: usize,
    /// Of those enrolled, after the rush.
    cancel: usize,
    /// Who apply while those cancel.
    latecomers: usize,
}

/// A person and the outcome of the application; `None` if the class was full.
type Outcome = (Customer, Option<EnrollmentId>, String);

struct Rush {
    shop: Arc<Shop>,
    mint: Arc<Mint>,
    store: Store,
    class: OfferingId,
    sizes: Sizes,
    seed: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_at_three_instances_get_places_or_the_line_and_are_promoted_in_order() {
    let (db, redis) = (TestDb::postgres().await, PrivateRedis::start());
    let mut servers = ["a", "b", "c"].map(|name| instance(&db, &redis, name));
    for server in &mut servers {
        server.start_again();
    }
    for server in &mut servers {
        server.until_ready().await;
    }
    let sizes = Sizes { people: 3_000, places: 200, waitlist: 100, cancel: 150, latecomers: 300 };
    let rush = Rush::open(&db, &servers, sizes).await;
    rush.until_acquainted(&servers).await;
    rush.run(&db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_at_one_instance_get_places_or_the_line_and_are_promoted_in_order() {
    let db = TestDb::sqlite().await;
    let server = Server::start(db.url()).await;
    let sizes = Sizes { people: 300, places: 20, waitlist: 10, cancel: 15, latecomers: 30 };
    Rush::open(&db, &[server], sizes).await.run(&db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_of_a_thousand_is_cancelled_and_each_is_told_once() {
    let db = TestDb::sqlite().await;
    let servers = [Server::start(db.url()).await];
    let sizes = Sizes { people: 1_000, places: 900, waitlist: 100, cancel: 0, latecomers: 0 };
    let rush = Rush::open(&db, &servers, sizes).await;
    let all = rush.all_at_once(0..sizes.people).await;
    let living: Vec<_> = all.into_iter().filter_map(|(_, id, _)| id).collect();
    assert_eq!(living.len(), sizes.people);
    rush.cancel_the_class(&db, living).await;
}

fn instance(db: &TestDb, redis: &PrivateRedis, name: &str) -> Server {
    let settings = [
        ("REDIS_URL", redis.url()),
        ("ADMITONE_CLUSTER_SECRET", CLUSTER_SECRET.into()),
        ("ADMITONE_INSTANCE", name.into()),
        ("ADMITONE_WORKERS", "1".into()),
    ];
    Server::with_settings(db.url(), &settings)
}

impl Rush {
    /// Makes the class at running servers.
    async fn open(db: &TestDb, servers: &[Server], sizes: Sizes) -> Self {
        let bases: Vec<String> = servers.iter().map(|server| server.base.clone()).collect();
        let (mint, seed) = (servers[0].mint(), seed());
        let any = Shop::over(&bases, OfferingId::random(), 0);
        let body = json!({
            "title": "Pottery", "location": "Studio 3", "capacity": sizes.places,
            "allowWaitlist": true, "waitlistCapacity": sizes.waitlist,
            "selectionType": "FIRST_COME",
            "startAt": "2090-05-01T10:00:00Z", "endAt": "2090-05-01T12:00:00Z",
        });
        let to = (Method::POST, "/api/mclasses");
        let made = any.ask(&mint.admin(), &mut rng(seed, u64::MAX), to, Some(body)).await;
        assert!(made.is_ok(), "{made:?}");
        let class: OfferingId = id_of(made.data()).parse().expect("a UUID");
        let shop = Arc::new(Shop::over(&bases, class, 0));
        Self { shop, mint, store: db.store().await, class, sizes, seed }
    }

    /// Waits until each instance knows all.
    async fn until_acquainted(&self, servers: &[Server]) {
        let admin = self.mint.admin();
        for server in servers {
            let one = Shop::new(&server.base, self.class, 0);
            let to = (Method::GET, "/api/admin/instances");
            eventually("everybody knows everybody", async || {
                let answer = one.ask(&admin, &mut rng(0, 0), to.clone(), None).await;
                answer.data().as_array().map(Vec::len) == Some(servers.len())
            })
            .await;
        }
    }

    async fn run(&self, db: &TestDb) {
        let first = self.all_at_once(0..self.sizes.people).await;
        self.check_the_rush(&first).await;
        let enrolled: Vec<_> =
            first.into_iter().filter_map(|(who, id, _)| id.map(|id| (who, id))).collect();
        let (canceled, late) = self.cancel_while_others_apply(enrolled.clone()).await;
        let replay = self.replay().await;
        assert_eq!(replay.wrong, Vec::<String>::new());
        for id in &canceled {
            assert_eq!(replay.status(*id), Some(EnrollmentStatus::Canceled), "{id}");
        }
        let late: Vec<_> = late.iter().filter_map(|(_, id, _)| *id).collect();
        let known: BTreeSet<_> = enrolled.iter().map(|(_, id)| *id).chain(late).collect();
        assert_eq!(known, replay.ids(), "the answers and the journal name the same enrollments");
        println!(
            "{} rows, {} promoted, {} in line at the end, {} requests without an answer",
            replay.rows,
            replay.promoted.len(),
            replay.line.len(),
            self.shop.lost.load(std::sync::atomic::Ordering::Relaxed),
        );
        // The line is never empty at the end, so every free place before was given.
        assert!(!replay.promoted.is_empty() && !replay.line.is_empty(), "the line moved");
        assert_eq!(replay.taken(), self.sizes.places);
        self.check_rows(db, &replay).await;
        self.check_messages(db, &replay).await;
        let path = format!("/api/events/{}/audit", self.class);
        let audit = self.ask(&self.mint.admin(), Method::GET, &path, None).await;
        assert_eq!((audit.is_ok(), &audit.data()["invariants"]), (true, &json!("ok")), "{audit:?}");
    }

    async fn ask(&self, by: &Customer, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut rng = rng(self.seed, rand::random());
        self.shop.ask(by, &mut rng, (method, path), body).await
    }

    async fn apply(&self, who: Customer) -> Outcome {
        let path = format!("/api/mclasses/{}/enrollments", self.class);
        let answer = self.ask(&who, Method::POST, &path, Some(json!({}))).await;
        if answer.is_ok() {
            let id = id_of(answer.data()).parse().expect("a UUID");
            let status = answer.data()["status"].as_str().unwrap_or_default();
            return (who, Some(id), status.to_owned());
        }
        assert_eq!(answer.status, 409, "{answer:?}");
        assert_eq!(answer.code(), "CLASS_FULL", "{answer:?}");
        (who, None, "CLASS_FULL".to_owned())
    }

    async fn all_at_once(&self, people: std::ops::Range<usize>) -> Vec<Outcome> {
        join_all(people.map(|_| self.apply(self.mint.customer()))).await
    }

    /// The first rush: as many places, waiting and refusals as there must be, and the line as the
    /// journal has it.
    async fn check_the_rush(&self, outcomes: &[Outcome]) {
        let Sizes { people, places, waitlist, .. } = self.sizes;
        let count = |status: &str| outcomes.iter().filter(|(.., it)| it == status).count();
        let counts = (count("APPROVED"), count("WAITLISTED"), count("CLASS_FULL"));
        assert_eq!(counts, (places, waitlist, people - places - waitlist));
        let replay = self.replay().await;
        assert_eq!(replay.wrong, Vec::<String>::new());
        let waiting: HashMap<EnrollmentId, &Customer> = outcomes
            .iter()
            .filter(|(.., status)| status == "WAITLISTED")
            .filter_map(|(who, id, _)| id.map(|id| (id, who)))
            .collect();
        assert_eq!(replay.line.len(), waitlist);
        let looks = replay.line.values().map(async |id| {
            let who = waiting.get(id).expect("who waits was told so");
            let path = format!("/api/mclasses/{}/enrollments/{id}", self.class);
            let seen = self.ask(who, Method::GET, &path, None).await;
            let seen = seen.data();
            assert_eq!(seen["waitlistTotal"], json!(waitlist));
            seen["waitlistPosition"].as_u64()
        });
        // By rank: the first in the journal's order is told 1, the next 2, and so on.
        let told: Vec<_> = join_all(looks).await.into_iter().flatten().collect();
        assert_eq!(told, (1..=waitlist as u64).collect::<Vec<_>>());
    }

    /// Returns who cancelled, and the outcomes of those who applied meanwhile.
    async fn cancel_while_others_apply(
        &self,
        mut enrolled: Vec<(Customer, EnrollmentId)>,
    ) -> (Vec<EnrollmentId>, Vec<Outcome>) {
        // In the journal's order, so that the seed alone decides who cancels.
        let line: Vec<_> = self.replay().await.in_order;
        enrolled.sort_by_key(|(_, id)| line.iter().position(|one| one == id));
        enrolled.shuffle(&mut rng(self.seed, 1));
        enrolled.truncate(self.sizes.cancel);
        let late = self.all_at_once(0..self.sizes.latecomers);
        let (canceled, late) =
            tokio::join!(join_all(enrolled.iter().map(|one| self.cancel(one))), late);
        (canceled, late)
    }

    async fn cancel(&self, (who, id): &(Customer, EnrollmentId)) -> EnrollmentId {
        let path = format!("/api/mclasses/{}/enrollments/{id}", self.class);
        let answer = self.ask(who, Method::DELETE, &path, None).await;
        assert_eq!((answer.is_ok(), &answer.data()["status"]), (true, &json!("CANCELED")));
        *id
    }

    /// Ends the class: each enrollment that lives ends with it, and each person is told once.
    async fn cancel_the_class(&self, db: &TestDb, mut living: Vec<EnrollmentId>) {
        let path = format!("/api/mclasses/{}?cancelEnrollments=true", self.class);
        let answer = self.ask(&self.mint.admin(), Method::DELETE, &path, None).await;
        assert!(answer.is_ok(), "{answer:?}");
        let ended = "SELECT count(*) FROM enrollments WHERE status = 'CANCELED' \
                     AND cause = 'CLASS_CANCELLED'";
        eventually("all have ended with the class", async || {
            db.count(ended).await == living.len() as i64
        })
        .await;
        let mut told = Self::told(db, "enrollment.canceled").await;
        told.sort_unstable();
        living.sort_unstable();
        assert_eq!(told, living);
    }

    async fn replay(&self) -> Replay {
        let all = u64::from(u32::MAX);
        let rows = self.store.journal_rows(self.class, Head::EMPTY, all).await;
        let rows = rows.expect("the journal is whole: gapless, chained, decodable");
        let mut replay = Replay::of(self.sizes.places, self.sizes.waitlist);
        for (row, record) in &rows {
            replay.take(row, record);
        }
        replay
    }

    /// The rows of enrollments and their counts are what the journal says.
    async fn check_rows(&self, db: &TestDb, replay: &Replay) {
        let ids: Vec<_> = replay.ids().into_iter().collect();
        let mut found = Vec::new();
        for some in ids.chunks(200) {
            found.extend(self.store.enrollment_get_many(some).await.expect("rows can be read"));
        }
        assert_eq!(found.len(), ids.len());
        assert_eq!(db.count("SELECT count(*) FROM enrollments").await, ids.len() as i64);
        let rank_of: HashMap<_, _> = replay.line.iter().map(|(rank, id)| (*id, *rank)).collect();
        for row in &found {
            let status = replay.status(row.id).map(word);
            assert_eq!(Some(row.status.as_str()), status, "{row:?}");
            assert_eq!(row.rank, rank_of.get(&row.id).copied(), "{row:?}");
            let was_promoted = replay.promoted.contains(&row.id);
            assert_eq!(row.promoted_at.is_some(), was_promoted, "{row:?}");
        }
        for column in ["applied", "approved", "waitlisted", "rejected", "canceled"] {
            let counted = db.count(&format!("SELECT {column} FROM class_counts")).await;
            let expected = replay.count(&column.to_uppercase());
            assert_eq!(counted, expected as i64, "{column}");
        }
    }

    /// Each promoted person gets one message, in the order of the line, and no other person does.
    async fn check_messages(&self, db: &TestDb, replay: &Replay) {
        assert_eq!(Self::told(db, "enrollment.promoted").await, replay.promoted);
    }

    /// Returns the enrollments of the messages of a kind, in their order.
    async fn told(db: &TestDb, kind: &str) -> Vec<EnrollmentId> {
        let of_kind = format!(
            "SELECT payload FROM outbox_messages WHERE kind = '{kind}' ORDER BY seq, position"
        );
        let told = db.texts(&of_kind).await;
        told.iter()
            .map(|payload| {
                let payload: Value = serde_json::from_str(payload).expect("JSON");
                let id =
                    payload["enrollmentId"].as_str().or(payload["data"]["enrollmentId"].as_str());
                id.unwrap_or_else(|| panic!("an id: {payload}")).parse().expect("a UUID")
            })
            .collect()
    }
}

fn id_of(data: &Value) -> &str {
    data["id"].as_str().expect("an id")
}

fn word(status: EnrollmentStatus) -> &'static str {
    match status {
        EnrollmentStatus::Applied => "APPLIED",
        EnrollmentStatus::Waitlisted | EnrollmentStatus::Offered => "WAITLISTED",
        EnrollmentStatus::Approved => "APPROVED",
        EnrollmentStatus::Rejected => "REJECTED",
        EnrollmentStatus::Canceled => "CANCELED",
    }
}
