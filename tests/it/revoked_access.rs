//! Access tokens that are revoked before they expire, on two instances with one database.

use std::sync::Arc;

use admitone::accounts::{
    Accounts, Caller, PasswordChange, ProfileChange, Registration, Role, Session, TokenError,
};
use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::config::{Config, Secret};
use admitone::ids::UserId;
use admitone::store::{NewUser, OnBalance, OwnerProof, Store};
use futures_util::{StreamExt, stream};
use sea_orm::sqlx::{Connection, Executor, PgConnection};

use crate::support::test_app::SECRET;
use crate::support::test_db::TestDb;

const PASSWORD: &str = "correct horse battery";

fn instance(store: &Store, clock: &Arc<ManualClock>) -> Accounts {
    let config = Config { jwt_secret: Secret::new(SECRET), ..Config::default() };
    Accounts::new(store.clone(), clock.clone(), &config, tokio::runtime::Handle::current())
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(SystemClock::new().now_ms()))
}

async fn register(accounts: &Accounts, email: &str) -> Session {
    let new = Registration {
        email: email.into(),
        password: PASSWORD.into(),
        name: "Kim".into(),
        phone_number: None,
        role: Role::User,
    };
    accounts.register(new, None, None).await.unwrap()
}

async fn change_password(accounts: &Accounts, user: UserId, current: &str, new: &str) {
    let change = PasswordChange { current: current.into(), new: new.into() };
    let change = ProfileChange { password: Some(change), ..ProfileChange::default() };
    accounts.update(Caller::account(user, Role::User), change).await.unwrap();
}

/// Creates closed accounts without the work of hashing passwords.
async fn close_many(store: &Store, how_many: usize, now: i64) -> Vec<UserId> {
    let close = async |_| {
        let id = UserId::random();
        let new = NewUser {
            id,
            email: format!("{}@example.org", id.0.simple()),
            password_hash: "a hash".into(),
            name: "Lee".into(),
            phone_number: None,
            role: Role::User,
        };
        store.user_create(new, None, now).await.unwrap();
        store.user_forget(id, OwnerProof::default(), OnBalance::Refuse, now).await.unwrap();
        id
    };
    stream::iter(0..how_many).map(close).buffer_unordered(16).collect().await
}

on_both_databases! {
    async fn a_new_password_ends_older_access_tokens_on_every_instance(db: TestDb) {
        let (store, clock) = (db.store().await, clock());
        let (here, there) = (instance(&store, &clock), instance(&store, &clock));
        let old = register(&here, "kim@example.com").await;
        let other = register(&here, "lee@example.com").await;
        for instance in [&here, &there] {
            instance.learn_revocations().await.unwrap();
            assert!(instance.verify(&old.access_token).is_ok());
        }
        let refreshed = here.refresh(&old.refresh_token, None).await.unwrap();
        change_password(&here, old.user.id, PASSWORD, "another long password").await;
        assert_eq!(here.verify(&old.access_token), Err(TokenError::Invalid), "here at once");
        assert_eq!(there.learn_revocations().await.unwrap(), 1);
        for token in [&old.access_token, &refreshed.access_token] {
            for instance in [&here, &there] {
                assert_eq!(instance.verify(token), Err(TokenError::Invalid));
            }
        }
        let new = there.login("kim@example.com", "another long password".into(), None).await.unwrap();
        for instance in [&here, &there] {
            instance.learn_revocations().await.unwrap();
            assert!(instance.verify(&new.access_token).is_ok(), "a token of the new password");
            assert!(instance.verify(&other.access_token).is_ok(), "somebody else's");
        }
        // A second change lists the account anew.
        change_password(&there, old.user.id, "another long password", "a third long password").await;
        assert_eq!(here.learn_revocations().await.unwrap(), 1);
        assert_eq!(here.verify(&new.access_token), Err(TokenError::Invalid));
    }

    async fn an_ended_session_ends_on_every_instance(db: TestDb) {
        let (store, clock) = (db.store().await, clock());
        let (here, there) = (instance(&store, &clock), instance(&store, &clock));
        let first = register(&here, "kim@example.com").await;
        let mut others = Vec::new();
        for _ in 0..3 {
            others.push(here.login("kim@example.com", PASSWORD.into(), None).await.unwrap());
        }
        there.learn_revocations().await.unwrap();
        for session in others.iter().chain([&first]) {
            assert!(there.verify(&session.access_token).is_ok());
        }
        here.logout(&others[0].refresh_token).await.unwrap();
        assert_eq!(here.verify(&others[0].access_token), Err(TokenError::Invalid), "here at once");
        assert_eq!(there.learn_revocations().await.unwrap(), 1);
        assert_eq!(there.verify(&others[0].access_token), Err(TokenError::Invalid));
        assert_eq!(here.end_other_sessions(first.user.id, first.id).await.unwrap(), 2);
        assert_eq!(there.learn_revocations().await.unwrap(), 2);
        for session in &others {
            assert_eq!(there.verify(&session.access_token), Err(TokenError::Invalid));
        }
        assert!(there.verify(&first.access_token).is_ok());
        // One that starts later knows as much.
        let late = instance(&store, &clock);
        late.learn_revocations().await.unwrap();
        assert_eq!(late.verify(&others[2].access_token), Err(TokenError::Invalid));
        assert!(late.verify(&first.access_token).is_ok());
    }

    async fn an_instance_reads_what_is_new_and_nothing_twice(db: TestDb) {
        let (store, clock) = (db.store().await, clock());
        let accounts = instance(&store, &clock);
        for new in [1_005, 0, 1_001, 3, 0] {
            close_many(&store, new, clock.now_ms()).await;
            assert_eq!(accounts.learn_revocations().await.unwrap(), new);
        }
    }

    async fn an_instance_that_starts_reads_no_further_back_than_a_token_lives(db: TestDb) {
        let (store, clock) = (db.store().await, clock());
        close_many(&store, 1_005, clock.now_ms()).await;
        // The token of a guest lives for a day.
        clock.advance_ms(25 * 3_600_000);
        let late = close_many(&store, 10, clock.now_ms()).await;
        let accounts = instance(&store, &clock);
        assert_eq!(accounts.learn_revocations().await.unwrap(), 1_000, "one page of 1,015");
        let caller = |user| Caller::account(user, Role::User);
        let token = accounts.access_token(caller(late[0])).unwrap();
        assert_eq!(accounts.verify(&token), Err(TokenError::Invalid));
    }

    async fn a_database_that_was_put_back_is_read_anew(db: TestDb) {
        let (store, clock) = (db.store().await, clock());
        let accounts = instance(&store, &clock);
        close_many(&store, 3, clock.now_ms()).await;
        accounts.learn_revocations().await.unwrap();
        db.sql("UPDATE users SET revocation = NULL").await;
        db.sql("UPDATE revocation_counter SET last = 0").await;
        let again = close_many(&store, 1, clock.now_ms()).await;
        accounts.learn_revocations().await.unwrap();
        let token = accounts.access_token(Caller::account(again[0], Role::User));
        assert_eq!(accounts.verify(&token.unwrap()), Err(TokenError::Invalid));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_commits_late_is_not_missed() {
    let db = TestDb::postgres().await;
    let (store, clock) = (db.store().await, clock());
    let (here, there) = (instance(&store, &clock), instance(&store, &clock));
    let (slow, quick) =
        (register(&here, "slow@example.com").await, register(&here, "quick@example.com").await);
    there.learn_revocations().await.unwrap();
    // Another process has drawn its number and not committed yet.
    let mut late = PgConnection::connect(db.url()).await.unwrap();
    let draw = format!(
        "BEGIN; UPDATE revocation_counter SET last = last + 1;
         UPDATE users SET token_version = 1, revoked_at = {}, revocation = (SELECT last FROM revocation_counter)
         WHERE email = 'slow@example.com'",
        clock.now_ms()
    );
    late.execute(sea_orm::sqlx::AssertSqlSafe(draw)).await.unwrap();
    let closing = {
        let (store, id, now) = (store.clone(), quick.user.id, clock.now_ms());
        tokio::spawn(async move {
            store.user_forget(id, OwnerProof::default(), OnBalance::Refuse, now).await
        })
    };
    assert_eq!(there.learn_revocations().await.unwrap(), 0, "neither is visible");
    late.execute("COMMIT").await.unwrap();
    closing.await.unwrap().unwrap();
    there.learn_revocations().await.unwrap();
    for session in [slow, quick] {
        assert_eq!(there.verify(&session.access_token), Err(TokenError::Invalid));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_closed_before_there_were_revocations_stay_closed() {
    let db = TestDb::postgres().await;
    let (store, clock) = (db.store().await, clock());
    let accounts = instance(&store, &clock);
    let session = register(&accounts, "kim@example.com").await;
    assert!(
        accounts.close(session.user.id, OwnerProof::default(), OnBalance::Refuse).await.unwrap()
    );
    while store
        .schema_status()
        .await
        .unwrap()
        .applied
        .iter()
        .any(|step| step.contains("revocations"))
    {
        store.migrate_down(1).await.unwrap();
    }
    store.migrate().await.unwrap();
    let after = instance(&store, &clock);
    after.learn_revocations().await.unwrap();
    assert_eq!(after.verify(&session.access_token), Err(TokenError::Invalid));
}
