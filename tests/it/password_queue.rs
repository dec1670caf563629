//! Logins and registrations of customers while others flood the server with passwords.

use std::net::IpAddr;
use std::sync::Arc;

use admitone::accounts::{AccountError, Accounts, Registration, Role};
use admitone::clock::SystemClock;
use admitone::config::{Config, Secret};
use admitone::ids::UserId;
use admitone::store::NewUser;
use futures_util::future::{join, join_all};

use crate::support::test_app::SECRET;
use crate::support::test_db::TestDb;

const PASSWORD: &str = "correct horse battery";
/// More than the queue admits.
const FLOOD: u16 = 700;

async fn accounts(db: &TestDb) -> Accounts {
    let config =
        Config { jwt_secret: Secret::new(SECRET), password_hashers: 1, ..Config::default() };
    let runtime = tokio::runtime::Handle::current();
    Accounts::new(db.store().await, Arc::new(SystemClock::new()), &config, runtime)
}

fn registration(email: &str) -> Registration {
    Registration {
        email: email.into(),
        password: PASSWORD.into(),
        name: "Kim".into(),
        phone_number: None,
        role: Role::User,
    }
}

/// Returns an address in a network of its own.
fn network(number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    [10, 1, high, low].into()
}

async fn flooded_from(of: impl Fn(u16) -> Option<IpAddr>) {
    let db = TestDb::sqlite().await;
    let accounts = accounts(&db).await;
    accounts.register(registration("kim@example.com"), None, None).await.unwrap();
    let emails: Vec<_> = (0..FLOOD).map(|number| format!("nobody{number}@example.com")).collect();
    let guesses = (0..FLOOD)
        .zip(&emails)
        .map(|(number, email)| accounts.login(email, PASSWORD.into(), of(number)));
    let people = async {
        let mine = Some(IpAddr::from([192, 0, 2, 1]));
        let login = accounts.login("kim@example.com", PASSWORD.into(), mine);
        join(login, accounts.register(registration("lee@example.com"), None, mine)).await
    };
    let (guessed, (login, registered)) = join(join_all(guesses), people).await;
    assert!(login.is_ok(), "{login:?}");
    assert!(registered.is_ok(), "{registered:?}");
    // The same answer as for a known address with a wrong password, to reveal no accounts.
    for answer in guessed {
        assert!(matches!(answer, Err(AccountError::InvalidCredentials)), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_addresses_from_one_network_keeps_nobody_out() {
    flooded_from(|_| Some([10, 0, 0, 1].into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_addresses_from_many_networks_keeps_nobody_out() {
    flooded_from(|number| Some(network(number))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_addresses_through_a_proxy_keeps_nobody_out() {
    flooded_from(|_| None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_that_guesses_at_known_accounts_is_a_wait_for_itself_alone() {
    let db = TestDb::sqlite().await;
    let accounts = accounts(&db).await;
    let kim = accounts.register(registration("kim@example.com"), None, None).await.unwrap().user;
    // A lock ends guesses at one account: these are at many.
    let store = db.store().await;
    let emails: Vec<_> = (0..FLOOD / 5).map(|nth| format!("known{nth}@example.com")).collect();
    for email in &emails {
        let (id, email) = (UserId::random(), email.clone());
        let (password_hash, name) = (kim.password_hash.clone(), "Lee".into());
        let new = NewUser { id, email, password_hash, name, phone_number: None, role: Role::User };
        store.user_create(new, None, 0).await.unwrap();
    }
    let wrong = |email| accounts.login(email, "a wrong guess".into(), Some(network(1)));
    let guesses = join_all(emails.iter().cycle().take(FLOOD.into()).map(|email| wrong(email)));
    let right = accounts.login("kim@example.com", PASSWORD.into(), Some(network(2)));
    let (mut guesses, mut right) = (std::pin::pin!(guesses), std::pin::pin!(right));
    let first = futures_util::future::select(&mut guesses, &mut right).await;
    match first {
        futures_util::future::Either::Right((login, _)) => assert!(login.is_ok(), "{login:?}"),
        futures_util::future::Either::Left(_) => panic!("the other network had to wait for all"),
    }
}
