//! Mails through a real server that refuses some recipients, delays others, and dies in the middle.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::config::{Config, MailMode, Secret};
use admitone::ids::UserId;
use admitone::store::{Answered, DeliveryRow, DeliveryState, NewNotice, NewUser, Role, Store};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{AT_ONCE, deliveries, name_of, pass_time, per_second, until};
use crate::support::smtp_server::SmtpServer;
use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;

/// Mails under way at a time, as the relay has it: the most that the server's death leaves in doubt.
const UNDER_WAY: usize = 8;

/// Returns by which rule the server judges the recipient of this number, out of every hundred.
fn rule(number: usize) -> &'static str {
    match number % 100 {
        0..5 => "gone",
        5 => "busy",
        6..16 => "grey",
        16 => "slow",
        17 => "cut",
        _ => "kim",
    }
}

/// Returns why mails by this rule are parked in the end; `None` if they arrive.
fn reason(rule: &str) -> Option<&'static str> {
    match rule {
        "gone" => Some("the mail server answered 550 5.1.1"),
        "busy" => Some("the mail server answered 451 4.7.1"),
        "cut" => Some("the mail server hung up, or its answer was not understood"),
        _ => None,
    }
}

/// Makes an account for each mail, and a message to each of them; returns their rules.
pub async fn prepare(
    store: &Store,
    count: usize,
    rule: fn(usize) -> &'static str,
) -> HashMap<UserId, &'static str> {
    let now = SystemClock::new().now_ms();
    let one = async |number: usize| {
        let (id, rule) = (UserId::random(), rule(number));
        let account = NewUser {
            id,
            email: format!("{rule}+{number}@example.com"),
            password_hash: "x".into(),
            name: "김민수".into(),
            phone_number: None,
            role: Role::User,
        };
        let made = store.user_create(account, None, now).await.unwrap();
        assert!(matches!(made, Answered::Now(_)));
        let notice = NewNotice {
            kind: "webhook.disabled",
            offering: None,
            user: Some(id),
            payload: json!({ "url": "https://shop.example/hook", "reason": "it failed" }),
        };
        store.notice_put(&notice, now).await.unwrap();
        (id, rule)
    };
    stream::iter(0..count).map(one).buffer_unordered(AT_ONCE).collect().await
}

/// Starts a server that mails what waits in the database.
pub async fn open(db: TestDb, clock: Arc<ManualClock>, url: String) -> TestApp {
    let sends = |config: &mut Config| {
        config.mail = Some(MailMode::Smtp);
        config.smtp_url = Some(Secret::new(url));
        config.mail_from = Some("Tickets <tickets@example.com>".into());
        config.public_url = Some("https://tickets.example.com".into());
    };
    TestApp::with(db).admin(UserId::random()).clock(clock).config(sends).start().await
}

/// How often each mail arrived, by its `Message-ID`.
fn arrivals(taken: &[Value]) -> BTreeMap<&str, usize> {
    let mut arrivals = BTreeMap::new();
    for mail in taken {
        *arrivals.entry(mail["id"].as_str().unwrap()).or_default() += 1;
    }
    arrivals
}

/// Checks that each mail arrived or is parked with its reason; returns how many are parked, by it.
fn check_ends(
    rows: &[DeliveryRow],
    rules: &HashMap<UserId, &'static str>,
    arrivals: &BTreeMap<&str, usize>,
) -> BTreeMap<&'static str, usize> {
    let mut parked = BTreeMap::new();
    assert_eq!(rows.len(), rules.len(), "a delivery for each mail");
    for row in rows {
        let arrived = arrivals.get(format!("<{}@example.com>", row.id).as_str()).copied();
        let Some(reason) = reason(rules[&row.user.unwrap()]) else {
            assert!(row.state == DeliveryState::Done && arrived.is_some(), "lost: {row:?}");
            continue;
        };
        assert_eq!((row.state, row.error.as_deref()), (DeliveryState::Parked, Some(reason)));
        assert_eq!(arrived, None, "{row:?}");
        *parked.entry(reason).or_default() += 1;
    }
    parked
}

async fn run(db: TestDb, mails: usize) {
    let rules = prepare(&db.store().await, mails, rule).await;
    let dies_after = mails / 2;
    let mut server = SmtpServer::start(&["--brief", "--die-after", &dies_after.to_string()]);
    let (url, port) = (server.url(), server.port.to_string());
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let (began, from) = (SystemClock::new(), clock.now_ms());
    let app = open(db, clock.clone(), url).await;
    until("the server dies", async || server.is_dead()).await;
    let until_death = began.monotonic();
    let away = "SELECT count(*) FROM deliveries
                WHERE state = 'WAITING' AND error = 'the connection to the mail server failed'";
    until("the relay misses it", async || app.db.count(away).await > 0).await;
    let before = server.end();
    let next = SmtpServer::start(&["--brief", "--port", &port]);
    until("no mail waits", async || pass_time(&app.db, &clock).await).await;

    let after = next.end();
    let taken: Vec<Value> = before.iter().chain(&after).cloned().collect();
    let arrivals = arrivals(&taken);
    let rows = deliveries(&app.state().store, "mail").await;
    let parked = check_ends(&rows, &rules, &arrivals);
    let repeated: Vec<_> = arrivals.iter().filter(|(_, count)| **count > 1).collect();
    println!(
        "{}: {mails} mails in {:.0} s, {:.1} h by the relay's clock; {:.0} a second until the mail server \
         died after {dies_after}; {} arrived, {} of them {} times: {:?}; parked: {parked:?}",
        name_of(&app.db),
        began.monotonic().as_secs_f64(),
        Duration::from_millis((clock.now_ms() - from).unsigned_abs()).as_secs_f64() / 3_600.0,
        per_second(dies_after, until_death),
        arrivals.len(),
        repeated.len(),
        taken.len() - arrivals.len() + repeated.len(),
        repeated,
    );
    // The one before whose answer the server died came again; besides it only those could that were
    // under way with it.
    let in_doubt: BTreeSet<&str> =
        before[dies_after - UNDER_WAY..].iter().map(|mail| mail["id"].as_str().unwrap()).collect();
    assert!(
        repeated.iter().all(|(id, count)| in_doubt.contains(*id) && **count == 2),
        "{repeated:?}"
    );
    assert_eq!(arrivals[before[dies_after - 1]["id"].as_str().unwrap()], 2);
}

on_both_databases! {
    async fn each_of_many_mails_arrives_or_is_parked_though_the_mail_server_dies(db: TestDb) {
        run(db, 300).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: prints figures for docs/performance.md"]
async fn ten_thousand_mails() {
    run(TestDb::postgres().await, 10_000).await;
    run(TestDb::sqlite().await, 10_000).await;
}
