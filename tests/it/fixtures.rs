//! Databases and journals that earlier versions wrote, kept in `tests/fixtures`: they must fold,
//! verify, migrate up and be served for ever. `tests/fixtures/README.md` explains when to add one.

mod classes;
mod dump;
mod history;
mod people;
mod queue;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use admitone::audit::OfflineAudit;
use admitone::clock::ManualClock;
use admitone::journal::export;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::process::finished;
use crate::support::test_app::{TestApp, TestUser};
use crate::support::test_db::TestDb;

/// When the history of every fixture begins, in ms since the Unix epoch: 2026-11-27T12:00:00Z.
const START: i64 = 1_795_780_800_000;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Returns one directory per fixture, the oldest first.
fn all() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    all.sort();
    assert!(!all.is_empty(), "the fixtures are beside the tests");
    all
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn journals_of_earlier_versions_fold_and_verify() {
    for fixture in all() {
        let path = fixture.join("journal.jsonl");
        let mut audit = OfflineAudit::default();
        for line in read(&path).lines() {
            let row = export::from_line(line).unwrap();
            let record = audit.take(&row).unwrap();
            export::check_line(line, &row, &record).unwrap();
        }
        let (_, report) = audit.report().unwrap();
        let arguments = ["journal", "verify", "--file", path.to_str().unwrap(), "--digest"];
        let ended = finished(&[&arguments[..], &[&report.digest]].concat(), &[]);
        assert_eq!(ended.code, 0, "{}: {}", path.display(), ended.err);
        assert!(ended.out.contains("nothing is missing"), "{}", ended.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_of_earlier_versions_migrate_up_and_are_served_on_postgres() {
    for fixture in all() {
        let db = TestDb::postgres_unmigrated().await;
        is_served(db, &fixture, "postgres").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_of_earlier_versions_migrate_up_and_are_served_on_sqlite() {
    for fixture in all() {
        is_served(TestDb::sqlite_unmigrated(), &fixture, "sqlite").await;
    }
}

async fn is_served(db: TestDb, fixture: &Path, database: &str) {
    db.sql(&read(&fixture.join(format!("{database}.sql")))).await;
    let told: Value =
        serde_json::from_str(&read(&fixture.join(format!("{database}.json")))).unwrap();
    let clock = Arc::new(ManualClock::at(told["endsAt"].as_i64().unwrap()));
    let admin = told["admin"].as_str().unwrap().parse().unwrap();
    let app = TestApp::with(db).clock(clock).admin(admin).start().await;

    for (event, says) in told["events"].as_object().unwrap() {
        for view in ["", "/availability", "/seats", "/audit", "/plan"] {
            if says[view].is_null() {
                // The operation is newer than the fixture.
                continue;
            }
            let now = app.get_anonymously(&format!("/api/events/{event}{view}")).await.expect(200);
            says_as_much(&says[view], &now, &format!("{event}{view}"));
        }
        let verified = format!("/api/events/{event}/audit?full=true");
        app.get(&verified, &app.admin()).await.expect(200);
    }
    // Older fixtures have nothing of staff.
    for (path, says) in told["staff"].as_object().into_iter().flatten() {
        says_as_much(says, &app.get(path, &app.admin()).await.expect(200), path);
    }
    let person = &told["person"];
    let login = json!({ "email": person["email"], "password": person["password"] });
    let session = app.post_anonymously("/api/auth/login", login).await.expect(200);
    let user = TestUser {
        id: session["user"]["id"].as_str().unwrap().parse().unwrap(),
        token: session["accessToken"].as_str().unwrap().into(),
    };
    for (path, says) in person["sees"].as_object().unwrap() {
        says_as_much(says, &app.get(path, &user).await.expect(200), path);
    }
    sells_on(&app, &told["sale"], &user).await;
}

/// Checks that work begun before goes on: the hold is paid for, more is sold, and the audit passes.
async fn sells_on(app: &TestApp, sale: &Value, user: &TestUser) {
    let event = sale["event"].as_str().unwrap();
    let holds = format!("/api/events/{event}/holds");
    let hold = |body| app.post(&holds, user, body);
    let lines = json!({ "lines": [{ "productId": sale["productId"], "quantity": 1 }] });
    let held = hold(lines).await.expect(201);
    hold(json!({ "seats": [sale["takenSeat"]] })).await.expect_error(409, "SEATS_TAKEN");
    for hold in [&held["id"], &sale["openHold"]] {
        let body = json!({ "eventId": event, "holdId": hold });
        let reservation = app.post("/api/reservations", user, body).await.expect(201);
        let path = format!("/api/reservations/{}", reservation["id"].as_str().unwrap());
        let pay = json!({ "method": "wallet" });
        app.post(&format!("{path}/payments"), user, pay).await.expect(200);
        let paid = app.get(&path, user).await.expect(200);
        assert_eq!(paid["status"], "CONFIRMED");
    }
    let ticket = json!({ "code": sale["unusedTicket"] });
    app.post("/api/checkins", &app.admin(), ticket.clone()).await.expect(200);
    app.post("/api/checkins", &app.admin(), ticket).await.expect_error(409, "ALREADY_CHECKED_IN");
    let wallet = async || app.get("/api/wallet", user).await.expect(200);
    let before = wallet().await;
    let again = json!({ "amount": { "amount": 3_000_000, "currency": "KRW" } });
    let repeated = app.post_with_key("/api/wallet/charges", user, "the-first-charge", again).await;
    repeated.expect(201);
    assert_eq!(wallet().await, before, "keys are remembered");
    app.get_anonymously(&format!("/api/events/{event}/audit")).await.expect(200);
}

/// Fields of a drawn section that follow from its seats: each version draws them in its own way, and
/// the version of a drawing is its hash.
const DRAWN: &[&str] = &["outline", "label"];

/// The number that version 25 had wrong: while a place was offered, all that were free were counted as
/// taken.
fn is_corrected(name: &str, then: &Value) -> bool {
    name == "placesLeft" && *then == 0
}

/// Checks that every field recorded then has the same value now; more fields may be present. Fields
/// that change by themselves are left out when the fixture is written.
fn says_as_much(then: &Value, now: &Value, at: &str) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (name, value) in then {
                let of_section = at.contains("/plan.sections[") && DRAWN.contains(&name.as_str());
                let is_drawn = of_section || at.ends_with("/plan") && name == "version";
                let at = format!("{at}.{name}");
                let now = now.get(name).unwrap_or_else(|| panic!("{at} is gone"));
                if !is_drawn && !is_corrected(name, value) {
                    says_as_much(value, now, &at);
                }
            }
        }
        (Value::Array(then), Value::Array(now)) => {
            assert_eq!(then.len(), now.len(), "{at}: {now:?}");
            for (index, (then, now)) in then.iter().zip(now).enumerate() {
                says_as_much(then, now, &format!("{at}[{index}]"));
            }
        }
        _ => assert_eq!(then, now, "{at}"),
    }
}

async fn write(db: TestDb, name: &str) {
    let fixture = directory().join(dump::newest_migration());
    fs::create_dir_all(&fixture).unwrap();
    let clock = Arc::new(ManualClock::at(START));
    let mut app = TestApp::with(db).clock(clock.clone()).start().await;
    let (told, journal) = history::write(&mut app, &clock).await;
    app.shutdown().await;
    let told = serde_json::to_string_pretty(&told).unwrap() + "\n";
    fs::write(fixture.join(format!("{name}.json")), told).unwrap();
    fs::write(fixture.join(format!("{name}.sql")), dump::dump(&app.db).await).unwrap();
    if name == "sqlite" {
        fs::write(fixture.join("journal.jsonl"), journal).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes a fixture: see tests/fixtures/README.md"]
async fn write_the_fixture_of_this_version() {
    write(TestDb::sqlite().await, "sqlite").await;
    write(TestDb::postgres().await, "postgres").await;
}

/// Reads the paths that the tests above read, as [`history`] records them.
async fn note(app: &TestApp, user: &TestUser, paths: &[&str]) -> Value {
    let mut seen = serde_json::Map::new();
    for path in paths {
        let answer = app.call(Method::GET, path).by(user).send().await.expect(200);
        seen.insert((*path).into(), lasting(answer));
    }
    seen.into()
}

/// Removes the fields that depend on the time of the request or change with a new owner.
fn lasting(mut said: Value) -> Value {
    match &mut said {
        Value::Object(fields) => {
            for passing in ["serverTime", "asOf", "seq", "epoch", "digest", "takeovers"] {
                fields.remove(passing);
            }
            fields.values_mut().for_each(|value| *value = lasting(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = lasting(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    said
}
