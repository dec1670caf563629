//! Clients generated from the API document, in TypeScript and Python, compile under strict rules
//! and buy tickets from a running server.

use std::process::{Command, Stdio};

use admitone::accounts::{Registration, Role};
use admitone::store::{Balance, Key};

use crate::http::api_client::{Person, Shop};
use crate::support::test_db::TestDb;

/// The password of accounts that [`account`] makes.
pub const PASSWORD: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_typescript_client_compiles_strictly_and_buys_tickets() {
    buys_two_tickets("typescript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_python_client_type_checks_strictly_and_buys_tickets() {
    buys_two_tickets("python").await;
}

async fn buys_two_tickets(language: &str) {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let email = format!("{language}@example.com");
    account(&shop, &email, Role::User).await;
    let script = format!("{}/tests/clients/{language}/run", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(&script);
    command.args([&shop.app.url(""), &event.id, &email, PASSWORD]).stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let output = run.unwrap_or_else(|error| panic!("{script} cannot be run: {error}"));
    let said = [&*output.stdout, &*output.stderr].concat();
    assert!(output.status.success(), "{script}:\n{}", String::from_utf8_lossy(&said));
    assert_eq!(event.counts(event.stalls()).await.sold, 2);
}

/// Returns a person with an account and money in the wallet.
pub async fn account<'a>(shop: &'a Shop, email: &str, role: Role) -> Person<'a> {
    let state = shop.app.state();
    let registration = Registration {
        email: email.into(),
        password: PASSWORD.into(),
        name: "김민수".into(),
        phone_number: None,
        role,
    };
    let user = state.accounts.register(registration, None, None).await.expect("registers").user.id;
    let key = Key {
        principal: user,
        operation: "test.charge",
        key_hash: rand::random(),
        fingerprint: [0; 16],
    };
    let charge = Balance { currency: "KRW".into(), amount: 1_000_000 };
    state.store.wallet_charge(user, &charge, &key, 0).await.expect("charges");
    shop.person(user, role)
}
