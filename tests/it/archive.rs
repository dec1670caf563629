//! Archives: old rows move from the database to files, and the event keeps all its promises.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use admitone::accounts::{Caller, Role};
use admitone::archive::{self, ArchiveError, Plan};
use admitone::clock::{Clock, ManualClock};
use admitone::config::Config;
use admitone::ids::{OfferingId, UserId};
use admitone::journal::{Head, Journal, LoadError, Snapshot, export, fold};
use admitone::store::{Prunable, Store};
use sea_orm::sqlx::{Connection, Executor, PgConnection};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::process::finished;
use crate::support::test_app::{TestApp, TestUser, standing_event};
use crate::support::test_db::{TestDb, eventually};

/// 2021-01-01: long ago for the program that runs beside the server, on the machine's clock.
const START: i64 = 1_609_459_200_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// A server whose event has 40 days of history, and a customer who bought from it.
struct Past {
    app: TestApp,
    clock: Arc<ManualClock>,
    event: OfferingId,
    product: Value,
    buyer: UserId,
    files: TempDir,
}

impl Past {
    async fn of(db: TestDb) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let keeps = |config: &mut Config| config.relay = false;
        let app = TestApp::with(db).clock(clock.clone()).config(keeps).start().await;
        let made = app.create_event(standing_event(100)).await;
        let event = made["id"].as_str().unwrap().parse().unwrap();
        let (product, buyer) = (made["products"][0]["id"].clone(), app.user().await.id);
        let past = Self { app, clock, event, product, buyer, files: tempfile::tempdir().unwrap() };
        past.app.charge(&past.buyer(), 1_000_000).await.expect(201);
        for _ in 0..4 {
            past.buy().await;
            past.hold().await.expect(201);
        }
        past.wait(40).await;
        past.hold().await.expect(201);
        past
    }

    /// Returns the buyer with a token issued now.
    fn buyer(&self) -> TestUser {
        let caller = Caller::account(self.buyer, Role::User);
        let token = self.app.state().accounts.access_token(caller).unwrap();
        TestUser { id: self.buyer, token }
    }

    async fn wait(&self, days: i64) {
        self.clock.advance_ms(days * DAY_MS);
        self.app.state().offices.sweep().await;
    }

    async fn hold(&self) -> crate::support::test_app::Answer {
        let body = json!({ "lines": [{ "productId": self.product, "quantity": 1 }] });
        self.app.post(&format!("/api/events/{}/holds", self.event), &self.buyer(), body).await
    }

    async fn buy(&self) {
        let body = json!({ "eventId": self.event, "productId": self.product, "quantity": 1 });
        let made = self.app.post("/api/reservations", &self.buyer(), body).await.expect(201);
        let path = format!("/api/reservations/{}/payments", made["id"].as_str().unwrap());
        self.app.post(&path, &self.buyer(), json!({ "method": "wallet" })).await.expect(200);
    }

    fn store(&self) -> Store {
        self.app.state().store.clone()
    }

    fn plan(&self) -> Plan {
        let now = self.clock.now_ms();
        Plan { before: now - 30 * DAY_MS, now, directory: self.files.path().into() }
    }

    /// Archives as `admitone archive` does, on a runtime that reaches the server's database.
    async fn archive(&self) -> Result<archive::Outcome, ArchiveError> {
        let (store, event, plan) = (self.store(), self.event, self.plan());
        let archiving = async move { archive::archive(&store, event, &plan).await };
        self.app.state().runtime.spawn(archiving).await.unwrap()
    }

    async fn audit(&self) -> Value {
        let path = format!("/api/events/{}/audit", self.event);
        self.app.get_anonymously(&path).await.expect(200)
    }

    async fn rows(&self) -> i64 {
        self.app.db.count("SELECT count(*) FROM journal").await
    }

    fn directory(&self) -> std::path::PathBuf {
        self.files.path().join(self.event.to_string())
    }

    /// Runs the program beside the server.
    fn run(&self, arguments: &[&str]) -> crate::cli::process::Ended {
        finished(arguments, &[("DATABASE_URL", self.app.db.url())])
    }

    async fn counts(&self) -> Value {
        let path = format!("/api/events/{}/availability", self.event);
        self.app.get_anonymously(&path).await.expect(200)["products"].clone()
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Returns archive files that are damaged, each with the reason that the refusal must contain.
fn unfit_files(lines: &str) -> [(String, &'static str); 5] {
    let digit_of = |name: &str| {
        let at = lines.find(name).unwrap() + name.len();
        let mut other = lines.to_owned();
        other.replace_range(at..=at, if &lines[at..=at] == "1" { "2" } else { "1" });
        other
    };
    let last = lines.lines().last().unwrap();
    [
        (digit_of(r#""hash":""#), "row 1: its hash does not follow"),
        (digit_of(r#""atMs":"#), "row 1: its hash does not follow"),
        (lines.replacen(r#""record":"Takeover""#, r#""record":null"#, 1), "its readable part"),
        (lines.replace(&format!("{last}\n"), ""), "it ends with row 4, and should with row 5"),
        (format!("{lines}{last}\n"), "row 5: a row is missing before it"),
    ]
}

on_both_databases! {
    async fn old_rows_go_to_files_and_the_event_goes_on_as_before(db: TestDb) {
        let mut past = Past::of(db).await;
        let (before, counts, rows) = (past.audit().await, past.counts().await, past.rows().await);
        let outcome = past.archive().await.unwrap();
        assert!(outcome.archived > 8 && outcome.left > 0, "{outcome:?}");
        assert_eq!(outcome.deleted, outcome.archived);
        assert_eq!(past.rows().await, rows - i64::try_from(outcome.deleted).unwrap());
        assert_eq!(names(&past.directory()), [format!("{:012}-{:012}.jsonl", 1, outcome.archived)]);

        // The remaining rows continue the archived ones: the audit is as before, and adds where
        // they begin.
        let mut after = past.audit().await;
        assert_eq!(after["archived"]["seq"], outcome.archived);
        after.as_object_mut().unwrap().remove("archived");
        assert_eq!(after, before);
        let full = format!("/api/events/{}/audit?full=true", past.event);
        past.app.get(&full, &past.app.admin()).await.expect(200);
        let (event, files) = (past.event.to_string(), past.files.path().display().to_string());
        let ended = past.run(&["journal", "verify", &event, "--archive", &files]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!(ended.out.contains("whole") && ended.out.contains("are archived"), "{}", ended.out);
        let digest = past.audit().await["archived"]["digest"].as_str().unwrap().to_owned();
        let of_files = past.directory().display().to_string();
        let verify = ["journal", "verify", "--file", &of_files, "--digest", &digest];
        assert_eq!(past.run(&verify).code, 0);

        // Commands report where the rows are.
        let shown = past.run(&["journal", "show", &event]);
        assert!(shown.code == 0 && shown.err.contains("are archived in"), "{}", shown.err);
        let refused = past.run(&["journal", "show", &event, "--from", "1"]);
        assert!(refused.code == 1 && refused.err.contains(&files), "{}", refused.err);

        // An instance that starts now serves the event and sells on.
        past.app.restart().await;
        assert_eq!(past.counts().await, counts);
        past.hold().await.expect(201);
        past.buy().await;
        past.wait(40).await;
        past.hold().await.expect(201);
        let again = past.archive().await.unwrap();
        assert!(again.archived > outcome.archived);
        assert_eq!(names(&past.directory()).len(), 2);
        let ended = past.run(&["journal", "verify", &event, "--archive", &files]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert_eq!(past.archive().await.unwrap().deleted, 0, "there is nothing more to do");
        past.hold().await.expect(201);
    }

    async fn an_archive_that_was_interrupted_goes_on_and_one_of_another_history_stops_it(db: TestDb) {
        let past = Past::of(db).await;
        let store = past.store();
        let rows = store.journal_rows(past.event, Head::EMPTY, 5).await.unwrap();
        let lines: String =
            rows.iter().map(|(row, record)| export::to_line(row, record) + "\n").collect();
        fs::create_dir_all(past.directory()).unwrap();
        let finished = past.directory().join("000000000001-000000000005.jsonl");
        let before = past.rows().await;
        for (unfit, says) in unfit_files(&lines) {
            fs::write(&finished, &unfit).unwrap();
            let refused = past.archive().await.unwrap_err().to_string();
            assert!(refused.contains(says), "{says}: {refused}");
            assert_eq!(past.rows().await, before, "nothing was deleted");
        }
        // A finished file that was never recorded, and a file that was still being written.
        fs::write(&finished, &lines).unwrap();
        fs::write(past.directory().join("000000000006.part"), "half a li").unwrap();
        let outcome = past.archive().await.unwrap();
        assert_eq!(outcome.deleted, outcome.archived);
        let rest = format!("{:012}-{:012}.jsonl", 6, outcome.archived);
        assert_eq!(names(&past.directory()), ["000000000001-000000000005.jsonl".into(), rest]);
        past.audit().await;
    }

    async fn a_state_that_is_lost_is_made_anew_from_the_files(db: TestDb) {
        let mut past = Past::of(db).await;
        past.archive().await.unwrap();
        let (counts, event) = (past.counts().await, past.event.to_string());
        past.app.shutdown().await;
        past.app.db.sql("UPDATE snapshots SET payload = hash").await;
        let files = past.files.path().display().to_string();
        let damaged = past.run(&["journal", "verify", &event]);
        assert_eq!(damaged.code, 1);
        let command = format!("admitone archive rebuild {event} --from ");
        assert!(damaged.out.contains(&command), "{}", damaged.out);
        let rebuilt = past.run(&["archive", "rebuild", &event, "--from", &files]);
        assert_eq!(rebuilt.code, 0, "{}", rebuilt.err);
        assert_eq!(past.run(&["journal", "verify", &event]).code, 0);
        past.app.restart().await;
        assert_eq!(past.counts().await, counts);
        past.hold().await.expect(201);
        // A gap in the files: the rebuild is refused.
        let name = &names(&past.directory())[0];
        let path = past.directory().join(name);
        let text = fs::read_to_string(&path).unwrap();
        let without: Vec<&str> = text.lines().enumerate().filter(|(at, _)| *at != 3).map(|it| it.1).collect();
        fs::write(&path, without.join("\n")).unwrap();
        let refused = past.run(&["archive", "rebuild", &event, "--from", &files]);
        assert!(refused.code == 1 && refused.err.contains("a row is missing"), "{}", refused.err);
    }

    async fn a_state_is_made_anew_while_only_some_of_its_rows_are_deleted(db: TestDb) {
        let past = Past::of(db).await;
        let rows = past.rows().await;
        let kept = "CREATE TABLE kept AS SELECT * FROM journal WHERE seq > 4";
        past.app.db.sql(kept).await;
        let outcome = past.archive().await.unwrap();
        // The state after a run that was killed when it had deleted four rows.
        let back = format!("INSERT INTO journal SELECT * FROM kept WHERE seq <= {}", outcome.archived);
        assert_eq!(past.app.db.sql(&back).await, outcome.archived - 4);
        past.app.db.sql("UPDATE snapshots SET payload = hash").await;
        let (event, files) = (past.event.to_string(), past.files.path().display().to_string());
        let rebuilt = past.run(&["archive", "rebuild", &event, "--from", &files]);
        assert!(rebuilt.out.contains(&format!("after row {},", outcome.archived)), "{}", rebuilt.out);
        assert_eq!(past.audit().await["archived"]["seq"], outcome.archived);
        let again = past.archive().await.unwrap();
        assert_eq!((again.archived, again.deleted), (outcome.archived, outcome.archived - 4));
        assert_eq!(past.rows().await, rows - i64::try_from(outcome.archived).unwrap());
        past.hold().await.expect(201);
        past.audit().await;
    }

    async fn the_state_after_the_archived_rows_outlives_later_snapshots(db: TestDb) {
        let past = Past::of(db).await;
        let outcome = past.archive().await.unwrap();
        let store = past.store();
        for _ in 0..4 {
            past.hold().await.expect(201);
            let loaded = store.load(past.event).await.unwrap();
            let (head, inventory) = (loaded.head, fold(&loaded).unwrap());
            let snapshot = Snapshot {
                seq: head.seq,
                epoch: head.epoch,
                at: inventory.at(),
                hash: head.hash,
                format: admitone::journal::FORMAT,
                payload: inventory.to_snapshot().into(),
            };
            assert!(store.keep_snapshot(past.event, snapshot).await.unwrap());
        }
        let kept = format!("SELECT count(*) FROM snapshots WHERE seq = {}", outcome.archived);
        assert_eq!(past.app.db.count(&kept).await, 1);
        assert_eq!(past.app.db.count("SELECT count(*) FROM snapshots").await, 3);
        past.audit().await;
        let gone = store.journal_rows(past.event, Head::EMPTY, 1).await.unwrap_err();
        assert!(matches!(gone, LoadError::Damaged { .. }));
    }

    async fn what_nobody_needs_is_deleted_and_what_nobody_took_is_kept_in_a_file(db: TestDb) {
        let past = Past::of(db).await;
        let body = json!({ "eventId": past.event, "productId": past.product, "quantity": 1 });
        past.app.post("/api/reservations", &past.buyer(), body).await.expect(201);
        past.wait(40).await;
        let count = async |sql: &str| past.app.db.count(sql).await;
        assert_eq!(count("SELECT count(*) FROM reservations WHERE status = 'EXPIRED'").await, 1);
        let waiting = count("SELECT count(*) FROM outbox_messages").await;
        let recent = past.clock.now_ms() - 30 * DAY_MS;
        let recent = format!("SELECT count(*) FROM outbox_messages WHERE created_at >= {recent}");
        let recent = count(&recent).await;
        assert!(waiting > recent && recent > 0);

        // The reservation is old but expired only now, so a payment may still revive it.
        let prune = async || {
            let (store, plan) = (past.store(), past.plan());
            let pruning = async move { archive::prune(&store, &plan).await.unwrap() };
            past.app.state().runtime.spawn(pruning).await.unwrap()
        };
        assert_eq!(prune().await, 0);
        past.app.db.sql("UPDATE reservations SET updated_at = created_at WHERE status = 'EXPIRED'").await;
        let one = "id IN (SELECT id FROM payments LIMIT 1)";
        let of_it = "(SELECT id FROM reservations WHERE status = 'EXPIRED')";
        let never = i64::MAX / 2;
        let on_its_way =
            format!("UPDATE payments SET reservation_id = {of_it}, next_try_at = {never} WHERE {one}");
        past.app.db.sql(&on_its_way).await;
        assert_eq!(prune().await, 0);
        past.app.db.sql("UPDATE payments SET next_try_at = NULL").await;

        let (store, plan) = (past.store(), past.plan());
        let doing = async move {
            let moved = archive::outbox(&store, &plan).await.unwrap();
            (moved, archive::prune(&store, &plan).await.unwrap())
        };
        let (moved, pruned) = past.app.state().runtime.spawn(doing).await.unwrap();
        assert_eq!(i64::try_from(moved).unwrap(), waiting - recent);
        assert_eq!(pruned, 1, "the reservation that expired");
        assert_eq!(count("SELECT count(*) FROM outbox_messages").await, recent);
        let file = names(past.files.path()).remove(0);
        let lines = fs::read_to_string(past.files.path().join(file)).unwrap();
        assert_eq!(lines.lines().count() as u64, moved);
        assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));

        past.app.db.sql("UPDATE outbox_messages SET processed_at = 1").await;
        let store = past.store();
        let pruning = async move { store.prune(Prunable::TakenMessages, 2).await.unwrap() };
        assert_eq!(past.app.state().runtime.spawn(pruning).await.unwrap(), recent.unsigned_abs());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_comes_late_does_not_replace_the_state_of_archived_rows() {
    let past = Past::of(TestDb::postgres().await).await;
    let (store, db) = (past.store(), &past.app.db);
    let rows = store.journal_rows(past.event, Head::EMPTY, 3).await.unwrap();
    let row = &rows[2].0;
    let late = Snapshot {
        seq: row.seq,
        epoch: row.epoch,
        at: row.at,
        hash: row.hash,
        format: row.format,
        payload: row.payload.clone(),
    };
    // The late snapshot has read its own row; then rows up to a later one are archived.
    let mut session = PgConnection::connect(db.url()).await.unwrap();
    session.execute("BEGIN; LOCK TABLE snapshots IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let event = past.event;
    let keeping =
        past.app.state().runtime.spawn(async move { store.keep_snapshot(event, late).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("it waits", async || db.count(waiting).await == 1).await;
    let archived =
        "INSERT INTO archives (offering_id, seq, epoch, at, hash, tally, directory, archived_at)
            SELECT offering_id, seq, epoch, at, hash, '', '', at FROM journal WHERE seq = 5;
        INSERT INTO snapshots (offering_id, seq, epoch, at, hash, format, payload)
            SELECT offering_id, seq, epoch, at, hash, format, payload FROM journal WHERE seq = 5;
        DELETE FROM journal WHERE seq <= 5; COMMIT";
    session.execute(archived).await.unwrap();
    assert!(!keeping.await.unwrap().unwrap());
    assert_eq!(db.count("SELECT count(*) FROM snapshots WHERE seq = 5").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_archives_all_events_and_says_what_it_did() {
    let past = Past::of(TestDb::sqlite().await).await;
    let files = past.files.path().display().to_string();
    for (arguments, code, says) in [
        (&["archive"][..], 2, "--to <DIR>"),
        (&["archive", "--to", &files, "--older-than-days", "1"], 2, "is not in 2.."),
        (&["archive", "rebuild", "x", "--from", &files], 2, "invalid value 'x'"),
        (&["archive", "--to", "/proc/nowhere"], 1, "cannot make /proc/nowhere"),
    ] {
        let ended = past.run(arguments);
        assert!(ended.code == code && ended.err.contains(says), "{} {}", ended.code, ended.err);
    }
    let ended = past.run(&["archive", "--to", &files]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains(&format!("{}  archived ", past.event)), "{}", ended.out);
    assert!(ended.out.contains("; 1 rows are left"), "{}", ended.out);
    past.hold().await.expect(201);
    past.audit().await;
}
