//! The public record of a queue: two verifiers, of which one shares nothing with the program,
//! accept what box offices did, and neither accepts it after any change.

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;

use admitone::archive::{self, Plan};
use admitone::box_office::{BoxOffices, Settings};
use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::ids::{OfferingId, QueueEntryId, UserId};
use admitone::inventory::{
    Command, Draw, Pass, QueueChange, Request, chained, commitment_of, first_link, seed_of,
};
use admitone::journal::LoadError;
use admitone::store::Store;
use admitone::waiting_room::record::{RecordError, Records};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::cli::process::{Ended, finished};
use crate::support::sold_event;
use crate::support::test_db::TestDb;

const SECRET: [u8; 32] = [7; 32];
const VALUE: &str = "drand 4 711: 8c1f";
const DAY_MS: i64 = 24 * 3_600_000;

/// An event with a waiting room, and those who have entered it, by number.
struct Room {
    store: Store,
    clock: Arc<ManualClock>,
    offices: Arc<BoxOffices>,
    offering: OfferingId,
    records: Records,
    people: Vec<(UserId, QueueEntryId)>,
}

impl Room {
    async fn open(db: &TestDb) -> Self {
        let store = db.store().await;
        let offering = sold_event::open(&store, 200).await;
        let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
        let settings = Settings {
            arbiters: 1,
            // The test sets this clock, but not the database's.
            max_clock_skew: Duration::from_secs(10 * 365 * 86_400),
            sweep_interval: Duration::from_secs(3_600),
            ..Settings::default()
        };
        let offices =
            BoxOffices::start(store.journal(), clock.clone(), settings, Handle::current());
        let records = Records::new(store.clone());
        Self { store, clock, offices, offering, records, people: Vec::new() }
    }

    async fn submit(&self, command: Command) {
        let request = Request { command, idempotency: None };
        self.offices.submit(self.offering, request).await.expect("it is decided");
    }

    async fn set(&self, change: QueueChange) {
        self.submit(Command::SetQueue { change: Box::new(change) }).await;
    }

    async fn enter(&mut self, customers: u32) {
        let new = || (UserId::random(), QueueEntryId::random());
        let entries: Vec<_> = (0..customers).map(|_| new()).collect();
        self.people.extend(&entries);
        let received_at = self.clock.now_ms();
        self.submit(Command::EnterQueue { entries, received_at }).await;
    }

    async fn wait(&self, seconds: i64) {
        self.clock.advance_ms(seconds * 1_000);
        self.offices.sweep().await;
    }

    fn customer(&self, number: u32) -> UserId {
        self.people[number as usize].0
    }

    async fn read(&self) -> Result<String, RecordError> {
        let mut reader = self.records.open(self.offering).await?;
        let mut all = Vec::new();
        while let Some(piece) = reader.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(String::from_utf8(all).unwrap())
    }

    /// Everything that can happen in a queue happens: it opens with 40 entries, of which one has
    /// left, and ten are admitted every ten seconds.
    async fn eventful(db: &TestDb) -> Self {
        let mut room = Self::open(db).await;
        let on = || QueueChange { enabled: Some(true), ..QueueChange::default() };
        let off = || QueueChange { enabled: Some(false), ..QueueChange::default() };
        room.set(on()).await;
        room.set(off()).await;
        let opens_at = room.clock.now_ms() + 60_000;
        let passes_per_minute = Some(60);
        room.set(QueueChange { opens_at: Some(Some(opens_at)), passes_per_minute, ..on() }).await;
        room.enter(25).await;
        let commitment = commitment_of(&SECRET);
        let public_source = Some(Some("drand, the first round after the close".into()));
        let change = QueueChange { recommits: true, commitment, public_source, ..on() };
        room.set(change).await;
        room.enter(15).await;
        room.submit(Command::LeaveQueue { customer: room.customer(5) }).await;
        room.wait(61).await;
        let root =
            room.people.iter().fold(first_link(), |list, (_, id)| chained(list, *id.0.as_bytes()));
        room.enter(5).await;
        let public_value = Some(VALUE.into());
        room.submit(Command::DrawQueue { secret: SECRET, public_value }).await;
        room.wait(1).await;
        let draw = Draw::new(seed_of(&SECRET, &root, VALUE), 40);
        // Wherever the draw has put the one who left.
        let stayed = |places: std::ops::Range<u32>| {
            places.map(|place| draw.number_at(place)).filter(|number| *number != 5)
        };
        let mut late = stayed(30..40);
        let mut next_late = || late.next().expect("nine at least");
        let (silent, other, voided, favoured) =
            (next_late(), next_late(), next_late(), next_late());
        room.submit(Command::SetAside { generation: 2, numbers: vec![silent, other] }).await;
        let (number, generation) = (stayed(0..2).next().expect("one at least"), 2);
        let pass = Pass { generation, number };
        room.submit(Command::UsePass { customer: room.customer(number), pass }).await;
        let back = vec![room.people[silent as usize]];
        let received_at = room.clock.now_ms();
        room.submit(Command::EnterQueue { entries: back, received_at }).await;
        let guest = (UserId::random(), QueueEntryId::random());
        let entries = vec![room.people[favoured as usize], guest];
        room.people.push(guest);
        room.submit(Command::Prioritise { entries, reason: "wheelchair".into() }).await;
        let customers = vec![room.customer(voided)];
        room.submit(Command::VoidEntries { customers, reason: "a robot".into() }).await;
        for _ in 0..3 {
            room.wait(10).await;
        }
        room.set(QueueChange { passes_per_minute: Some(6), ..QueueChange::default() }).await;
        for _ in 0..40 {
            room.wait(10).await;
        }
        room
    }
}

/// A record as a file, and the two programs that check it.
struct File {
    _directory: TempDir,
    path: PathBuf,
}

impl File {
    fn of(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record.ndjson");
        std::fs::write(&path, text).unwrap();
        Self { _directory: directory, path }
    }

    fn verify(&self, more: &[&str]) -> Ended {
        let path = self.path.to_str().unwrap();
        finished(&[&["queue", "verify", "--file", path], more].concat(), &[])
    }

    fn verify_in_python(&self) -> Ended {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/queue_verify.py");
        Process::new("python3").arg(script).arg(&self.path).output().expect("Python runs").into()
    }

    fn is_accepted(&self) {
        let (program, script) = (self.verify(&[]), self.verify_in_python());
        assert_eq!(program.code, 0, "{}{}", program.out, program.err);
        assert!(program.out.contains("  ok  "), "{}", program.out);
        assert_eq!(script.code, 0, "{}{}", script.out, script.err);
    }

    /// Returns what the program says.
    fn is_refused(&self, why: &str) -> String {
        let (program, script) = (self.verify(&[]), self.verify_in_python());
        assert_eq!(program.code, 1, "{why}: {}{}", program.out, program.err);
        assert!(program.out.contains("  WRONG  "), "{why}: {}", program.out);
        assert_eq!(script.code, 1, "{why}: {}{}", script.out, script.err);
        assert!(!script.err.contains("Traceback"), "{why}: {}", script.err);
        program.out
    }
}

fn lines(record: &str) -> Vec<Value> {
    record.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_type(lines: &[Value], of: &str) -> usize {
    lines.iter().position(|line| line["type"] == of).unwrap_or_else(|| panic!("no {of}"))
}

/// A way to forge a record.
type Forgery = fn(&mut Vec<Value>);

const FORGERIES: &[(&str, Forgery)] = &[
    ("an entry has another id", |lines| {
        let at = of_type(lines, "entered");
        lines[at]["entries"][3] = json!(QueueEntryId::random());
    }),
    ("two entries are swapped", |lines| {
        let at = of_type(lines, "entered");
        lines[at]["entries"].as_array_mut().unwrap().swap(3, 4);
    }),
    ("an entry comes after the close", |lines| {
        let closed = of_type(lines, "closed");
        lines.swap(closed, closed + 1);
    }),
    ("another secret", |lines| {
        let at = of_type(lines, "drawn");
        lines[at]["secret"] = json!("08".repeat(32));
    }),
    ("another public value", |lines| {
        let at = of_type(lines, "drawn");
        lines[at]["publicValue"] = json!("drand 4 712: 11aa");
    }),
    ("another source, once the list is known", |lines| {
        let at = of_type(lines, "drawn");
        let mut rules = lines[of_type(lines, "rules")].clone();
        (rules["seq"], rules["at"]) = (lines[at]["seq"].clone(), lines[at]["at"].clone());
        rules["rules"]["publicSource"] = json!("a newspaper");
        lines.insert(at, rules);
        lines.last_mut().unwrap()["lines"] = json!(lines.len() - 1);
    }),
    ("two admissions are swapped", |lines| {
        let at = of_type(lines, "admitted");
        lines[at]["admitted"].as_array_mut().unwrap().swap(1, 2);
    }),
    ("an admission is missing", |lines| {
        let at = of_type(lines, "admitted");
        lines[at]["admitted"].as_array_mut().unwrap().remove(2);
    }),
    ("all admissions of a line are missing", |lines| {
        lines.remove(of_type(lines, "admitted"));
        lines.last_mut().unwrap()["lines"] = json!(lines.len() - 1);
    }),
    ("a place is of another entry", |lines| {
        let at = of_type(lines, "admitted");
        let place = lines[at]["admitted"][2]["place"].clone();
        lines[at]["admitted"][1]["place"] = place;
    }),
    ("a guest whom the journal does not have", |lines| {
        let at = of_type(lines, "prioritised");
        lines[at]["entries"].as_array_mut().unwrap().insert(0, json!(QueueEntryId::random()));
    }),
    ("admissions before the draw", |lines| {
        let (drawn, admitted) = (of_type(lines, "drawn"), of_type(lines, "admitted"));
        assert_eq!(drawn + 1, admitted);
        lines.swap(drawn, admitted);
    }),
    ("a line is missing", |lines| drop(lines.remove(of_type(lines, "left")))),
    ("the end is missing", |lines| drop(lines.pop())),
];

on_both_databases! {
    async fn both_verifiers_accept_a_record_and_no_forged_one(db: TestDb) {
        let room = Room::eventful(&db).await;
        let record = room.read().await.expect("there was a queue");
        for (customer, _) in &room.people {
            assert!(!record.contains(&customer.to_string()), "the record names {customer}");
        }
        let all = lines(&record);
        for event in [
            "queue", "rules", "entered", "left", "closed", "drawn", "admitted", "setAside",
            "passUsed", "returned", "prioritised", "voided", "sessionsEnded", "complete",
        ] {
            of_type(&all, event);
        }
        assert_eq!((&all[0]["generation"], &all[0]["version"]), (&json!(2), &json!(1)));
        assert!(!record[..record.find("drawn").unwrap()].contains(&"07".repeat(32)));
        for lane in ["LINE", "RETURNED", "PRIORITY\",\"label\":\"wheelchair"] {
            assert!(record.contains(&format!("\"lane\":\"{lane}\"")), "{lane} is not in {record}");
        }
        let file = File::of(&record);
        file.is_accepted();
        let said = file.verify(&[]).out;
        assert!(said.contains("entries    46, of which 43 were admitted and 0 wait"), "{said}");
        assert!(said.contains("REPLACED 1 times") && said.contains("70 allowed"), "{said}");
        let entry = |number: u32| {
            let id = room.people[number as usize].1.to_string();
            file.verify(&["--entry", &id]).out
        };
        assert!(entry(5).contains("number 5") && entry(5).contains("not admitted"), "{}", entry(5));
        let guest = entry(45);
        assert!(guest.contains("by priority: \"wheelchair\""), "{guest}");
        let stranger = file.verify(&["--entry", &QueueEntryId::random().to_string()]);
        assert_eq!(stranger.code, 1, "{}", stranger.err);
        for (why, forge) in FORGERIES {
            let mut forged = all.clone();
            forge(&mut forged);
            assert_ne!(forged, all, "{why}");
            let text: String = forged.iter().map(|line| format!("{line}\n")).collect();
            let said = File::of(&text).is_refused(why);
            println!("{why}: {said}");
        }
    }

    async fn a_rate_beyond_the_rules_is_found(db: TestDb) {
        let room = Room::eventful(&db).await;
        let mut all = lines(&room.read().await.unwrap());
        let opened = all[of_type(&all, "drawn")]["at"].clone();
        let begin = of_type(&all, "drawn");
        for line in &mut all[begin..] {
            line["at"] = opened.clone();
        }
        let text: String = all.iter().map(|line| format!("{line}\n")).collect();
        let said = File::of(&text).verify(&[]);
        assert_eq!(said.code, 0, "43 of 70 passes: {}", said.out);
        let text = text.replace("\"passesPerMinute\":60", "\"passesPerMinute\":30");
        let said = File::of(&text).verify(&[]);
        assert!(said.out.contains("passes within a minute, and the rules allow 35"), "{}", said.out);
    }

    async fn a_record_has_few_readers_and_the_newest_queue(db: TestDb) {
        let room = Room::open(&db).await;
        assert!(matches!(room.read().await, Err(RecordError::NoQueue)));
        let unknown = room.records.open(OfferingId::random()).await;
        assert!(matches!(unknown, Err(RecordError::Journal(LoadError::NotFound))));
        let change = |enabled| QueueChange { enabled: Some(enabled), ..QueueChange::default() };
        room.set(change(true)).await;
        let first = room.read().await.unwrap();
        assert!(first.contains("\"generation\":1") && !first.contains("\"type\":\"ended\""));
        File::of(&first).is_accepted();
        room.set(change(false)).await;
        let ended = room.read().await.unwrap();
        assert!(ended.starts_with(first.lines().next().unwrap()), "{ended}");
        assert!(ended.contains("\"how\":\"SWITCHED_OFF\""), "{ended}");
        room.set(change(true)).await;
        let second = room.read().await.unwrap();
        assert!(second.contains("\"generation\":2") && !second.contains("SWITCHED_OFF"), "{second}");
        let mut readers = Vec::new();
        for _ in 0..8 {
            readers.push(room.records.open(room.offering).await.unwrap());
        }
        let mut other = Box::pin(room.records.open(room.offering));
        let waited = tokio::time::timeout(Duration::from_millis(100), &mut other).await;
        assert!(waited.is_err(), "nine read at a time");
        drop(readers);
        other.await.expect("its turn has come");
        // One that takes nothing is cut off, and keeps its place from the others no longer.
        let (to, _from) = tokio::sync::mpsc::channel(1);
        to.send(Ok(bytes::Bytes::new())).await.unwrap();
        room.records.open(room.offering).await.unwrap().feed(to, |error| error.to_string()).await;
        let (to, mut from) = tokio::sync::mpsc::channel(4);
        let reader = room.records.open(room.offering).await.unwrap();
        reader.feed(to, |error| error.to_string()).await;
        assert_eq!(from.recv().await.unwrap().unwrap(), second);
        assert!(from.recv().await.is_none());
    }

    async fn a_record_can_be_written_from_an_archive(db: TestDb) {
        let room = Room::eventful(&db).await;
        let record = room.read().await.unwrap();
        let (event, directory) = (room.offering.to_string(), tempfile::tempdir().unwrap());
        let show = |more: &[&str]| {
            let arguments = [&["queue", "show", "--offering", &event], more].concat();
            finished(&arguments, &[("DATABASE_URL", db.url())])
        };
        assert_eq!(show(&[]).out, record);
        room.offices.shutdown().await;
        let now = room.clock.now_ms() + 40 * DAY_MS;
        let plan = Plan { before: now - 30 * DAY_MS, now, directory: directory.path().into() };
        let moved = archive::archive(&room.store, room.offering, &plan).await.unwrap();
        assert!(moved.left > 0 && moved.deleted > 20, "{moved:?}");
        assert!(matches!(room.read().await, Err(RecordError::Archived { .. })));
        let fresh = Records::new(room.store.clone()).open(room.offering).await;
        assert!(matches!(fresh, Err(RecordError::Archived { .. })));
        let refused = show(&[]);
        assert!(refused.code == 1 && refused.err.contains("--archive"), "{}", refused.err);
        let files = directory.path().to_str().unwrap();
        let written = show(&["--archive", files]);
        assert_eq!((written.code, written.err.as_str()), (0, ""));
        // A box office that stops may write a row.
        let but_last = |text: &str| text.lines().rev().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(but_last(&written.out), but_last(&record));
        File::of(&written.out).is_accepted();
    }
}

#[test]
fn the_example_of_the_document_is_a_record() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/waiting-room.md");
    let page = std::fs::read_to_string(page).unwrap();
    let example = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    File::of(example).is_accepted();
}
