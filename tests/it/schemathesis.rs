//! The whole API document, tried with schemathesis as a user and as an administrator: no server
//! error, no undocumented answer, and a request that fits its schema is refused only by the rules
//! that tests/schemathesis/hooks.py lists. `tests/fuzz` tries longer.

mod things;

use std::process::{Command, Stdio};

use admitone::accounts::Role;
use serde_json::json;

use crate::clients::{PASSWORD, account};
use crate::http::api_client::{Answer, Person, Shop};
use crate::http::social::browser::{Browser, open};
use crate::http::social::provider::Provider;
use crate::support::test_db::TestDb;

/// Who calls.
#[derive(Clone, Copy)]
enum Who {
    Account(Role),
    /// An account that a provider has made: without a password, and with an address if the provider
    /// confirms one.
    ByProvider(Option<&'static str>),
}

/// The operations that close the account, end its tokens or take its role, which the others need, with
/// the people who try them.
const ENDS: [(&str, Who); 4] = [
    ("forgetMe", Who::Account(Role::User)),
    ("endSessions", Who::Account(Role::User)),
    ("revokeRole", Who::Account(Role::Admin)),
    ("setFirstPassword", Who::ByProvider(Some("caller@example.com"))),
];

/// The operations that an account without a password answers in another way.
const WITHOUT_A_PASSWORD: [&str; 6] =
    ["addEmail", "changeMe", "getMe", "linkIdentity", "listIdentities", "unlinkIdentity"];

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_user_can_send_is_answered_as_documented() {
    try_all_but_ends(Role::User).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_an_administrator_can_send_is_answered_as_documented() {
    try_all_but_ends(Role::Admin).await;
}

async fn try_all_but_ends(role: Role) {
    let others = ENDS.map(|(operation, _)| ["--exclude-operation-id", operation]).concat();
    try_as(Who::Account(role), &others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_an_account_its_sessions_or_its_role_is_answered_as_documented() {
    for (operation, who) in ENDS {
        try_as(who, &["--include-operation-id", operation]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_without_a_password_sends_is_answered_as_documented() {
    let these = WITHOUT_A_PASSWORD.map(|operation| ["--include-operation-id", operation]).concat();
    try_as(Who::ByProvider(None), &these).await;
}

/// Opens a shop with providers, signs a person in, and tries the operations.
async fn try_as(who: Who, operations: &[&str]) {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let signed_in = match who {
        Who::Account(role) => {
            account(&shop, "caller@example.com", role).await;
            let login = json!({"email": "caller@example.com", "password": PASSWORD});
            shop.nobody().post("/api/auth/login", &login).await.is(200)
        }
        Who::ByProvider(email) => {
            let claims =
                json!({"sub": "the caller", "email": email, "email_verified": email.is_some()});
            Browser::of(&shop).log_in(&at, "google", &claims).await.is(200)
        }
    };
    try_all(&shop, &at, &person(&shop, &signed_in), operations).await;
}

fn person<'a>(shop: &'a Shop, signed_in: &Answer) -> Person<'a> {
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let user = text(&signed_in.data["user"]["id"]).parse().expect("a UUID");
    shop.with_token(user, text(&signed_in.data["accessToken"]))
}

async fn try_all(shop: &Shop, at: &Provider, person: &Person<'_>, more: &[&str]) {
    let things = things::things(shop, at, person).await;
    let setting = |name, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/run");
    let mut command = Command::new(script);
    command
        .args([&shop.app.url(""), person.token()])
        .arg(setting("ADMITONE_FUZZ_EXAMPLES", "5"))
        .args(["--seed", &setting("ADMITONE_FUZZ_SEED", "1")])
        .args(["--phases", &setting("ADMITONE_FUZZ_PHASES", "examples,fuzzing")])
        .args(more)
        .env("THINGS", things.to_string())
        .stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let output = run.unwrap_or_else(|error| panic!("{script} cannot be run: {error}"));
    let said = [&*output.stdout, &*output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    // How many operations and cases were tried.
    println!("{}", said.rsplit_once("SUMMARY").map_or(&*said, |(_, summary)| summary));
}
