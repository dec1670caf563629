//! Accounts, refresh tokens, links of mails and remembered answers.

use admitone::ids::{SessionId, UserId};
use admitone::store::{
    Answered, Balance, Device, Key, LinkPurpose, MailLink, NewUser, OnBalance, OwnerProof, Proof,
    Prunable, RefreshToken, Role, Rotation, Store, StoreError,
};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::support::test_db::{TestDb, eventually};

const PASSWORD_HASH: &str = "$argon2id$…";

fn new_user(email: &str) -> NewUser {
    NewUser {
        id: UserId::random(),
        email: email.into(),
        password_hash: PASSWORD_HASH.into(),
        name: "Kim Jiyeon 김지연".into(),
        phone_number: Some("010-1234-5678".into()),
        role: Role::User,
    }
}

async fn user(store: &Store) -> UserId {
    let new = new_user(&format!("{}@example.org", Uuid::new_v4()));
    let id = new.id;
    store.user_create(new, None, 1).await.unwrap();
    id
}

fn token(user: UserId, byte: u8, session: SessionId) -> RefreshToken {
    RefreshToken { session, user, token_hash: [byte; 32], issued_at: 1_000, expires_at: 2_000 }
}

/// A link that confirms the address of an account or a guest.
fn link(user: UserId) -> MailLink {
    MailLink {
        id: Uuid::new_v4(),
        user,
        purpose: LinkPurpose::ConfirmEmail,
        token_hash: [1; 32],
        created_at: 1,
        expires_at: 9_000,
    }
}

async fn open(store: &Store, token: &RefreshToken) {
    let opened = store
        .refresh_token_open(token, Proof::Password(PASSWORD_HASH), &Device::default())
        .await
        .unwrap();
    assert!(opened.is_some(), "the account is open and has this password");
}

on_both_databases! {
    async fn an_address_has_one_account(db: TestDb) {
        let store = db.store().await;
        let first = new_user("kim@example.org");
        store.user_create(first.clone(), None, 1).await.unwrap();
        let taken = store.user_create(new_user("kim@example.org"), None, 2).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
        let found = store.user_by_email("kim@example.org").await.unwrap().unwrap();
        assert_eq!((found.id, found.name), (first.id, first.name));
        assert!(store.user_by_email("lee@example.org").await.unwrap().is_none());
    }

    async fn a_forgotten_account_frees_its_address_and_ends_its_tokens(db: TestDb) {
        let store = db.store().await;
        let new = new_user("kim@example.org");
        let id = new.id;
        store.user_create(new, None, 1).await.unwrap();
        open(&store, &token(id, 1, SessionId::random())).await;
        store.user_forget(id, OwnerProof::default(), OnBalance::Refuse, 2).await.unwrap();
        assert!(store.user_by_email("kim@example.org").await.unwrap().is_none());
        let successor = token(id, 2, SessionId(Uuid::nil()));
        let rotated = store.refresh_token_rotate([1; 32], successor, 1_500).await.unwrap();
        assert!(matches!(rotated, Rotation::Refused));
        store.user_create(new_user("kim@example.org"), None, 3).await.unwrap();
    }

    async fn a_refresh_token_that_comes_twice_ends_its_family(db: TestDb) {
        let store = db.store().await;
        let user = user(&store).await;
        let session = SessionId::random();
        open(&store, &token(user, 1, session)).await;
        open(&store, &token(user, 9, SessionId::random())).await;
        let rotate = async |shown: u8, next: u8| {
            store.refresh_token_rotate([shown; 32], token(user, next, SessionId(Uuid::nil())), 1_500).await.unwrap()
        };
        assert!(matches!(rotate(1, 2).await, Rotation::Rotated(row, _) if row.id == user));
        assert!(matches!(rotate(1, 3).await, Rotation::Reused(_)));
        // The successor that was issued first is revoked too, whether a thief or the owner has it.
        assert!(matches!(rotate(2, 4).await, Rotation::Refused));
        assert!(matches!(rotate(3, 5).await, Rotation::Refused), "it was never kept");
        assert!(matches!(rotate(9, 6).await, Rotation::Rotated(..)), "another login lives on");
    }

    async fn of_two_uses_at_once_of_a_refresh_token_one_wins_and_the_family_ends(db: TestDb) {
        let store = db.store().await;
        let user = user(&store).await;
        open(&store, &token(user, 1, SessionId::random())).await;
        let uses = (10..14_u8).map(|next| {
            store.refresh_token_rotate([1; 32], token(user, next, SessionId(Uuid::nil())), 1_500)
        });
        let results = futures_util::future::join_all(uses).await;
        let count = |wanted: fn(&Rotation) -> bool| {
            results.iter().filter(|result| wanted(result.as_ref().unwrap())).count()
        };
        assert_eq!(count(|rotation| matches!(rotation, Rotation::Rotated(..))), 1, "{results:?}");
        // The later uses find the token used, or its family revoked already.
        assert!(count(|rotation| matches!(rotation, Rotation::Reused(_))) >= 1, "{results:?}");
        let live = "SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL AND revoked_at IS NULL";
        assert_eq!(db.count(live).await, 0);
    }

    async fn an_expired_refresh_token_is_refused(db: TestDb) {
        let store = db.store().await;
        let user = user(&store).await;
        open(&store, &token(user, 1, SessionId::random())).await;
        let late = store.refresh_token_rotate([1; 32], token(user, 2, SessionId(Uuid::nil())), 2_000).await;
        assert!(matches!(late.unwrap(), Rotation::Refused));
        assert_eq!(store.prune(Prunable::ExpiredTokens, 2_001).await.unwrap(), 1);
    }

    async fn a_charge_counts_once_per_key(db: TestDb) {
        let store = db.store().await;
        let user = user(&store).await;
        let key = |fingerprint| Key {
            principal: user,
            operation: "wallet.charge",
            key_hash: [1; 16],
            fingerprint: [fingerprint; 16],
        };
        let charge = Balance { currency: "KRW".into(), amount: 500 };
        let charges = (0..4).map(|_| async { store.wallet_charge(user, &charge, &key(1), 5).await });
        let answers = futures_util::future::join_all(charges).await;
        let now = answers.iter().filter(|answer| matches!(answer, Ok(Answered::Now(500)))).count();
        assert_eq!(now, 1, "{answers:?}");
        for answer in answers {
            match answer.unwrap() {
                Answered::Now(balance) => assert_eq!(balance, 500),
                Answered::Before(kept) => assert_eq!(kept, "500"),
            }
        }
        let other = store.wallet_charge(user, &charge, &key(2), 6).await;
        assert!(matches!(other, Err(StoreError::KeyReused)), "{other:?}");
        assert_eq!(store.wallet_get(user).await.unwrap(), [charge]);
        assert_eq!(store.prune(Prunable::IdempotencyKeys, 6).await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_postgres_cannot_hold_is_bad_data() {
    let db = TestDb::postgres().await;
    let store = db.store().await;
    let mut new = new_user("nul@example.org");
    new.name = "a\0b".into();
    let refused = store.user_create(new, None, 1).await;
    assert!(matches!(refused, Err(StoreError::BadData(_))), "{refused:?}");
}

/// An address may be taken from its account in the moment in which its link is used: both lock the account
/// before its links, so that one waits for the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_used_beside_the_end_of_all_links_without_a_deadlock() {
    let db = TestDb::postgres().await;
    let store = db.store().await;
    let user = user(&store).await;
    let link = link(user);
    store.mail_link_put(&link).await.unwrap();
    let email = store.user_get(user).await.unwrap().unwrap().email;
    let mut other = PgConnection::connect(db.url()).await.unwrap();
    let taken = format!("BEGIN; UPDATE users SET updated_at = 2 WHERE id = '{user}'");
    other.execute(AssertSqlSafe(taken)).await.unwrap();
    let using = tokio::spawn(async move {
        store.mail_link_use((link.id, user), LinkPurpose::ConfirmEmail, &email, 3).await
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("it waits", async || db.count(waiting).await == 1).await;
    other.execute("DELETE FROM mail_links; COMMIT").await.expect("no deadlock");
    assert!(!using.await.unwrap().expect("no deadlock"), "the link is gone");
}

/// The same for a guest, who registers in the moment in which the link is used.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_registers_beside_the_use_of_a_link_without_a_deadlock() {
    let db = TestDb::postgres().await;
    let store = db.store().await;
    let new = new_user("kim@example.org");
    store.guest_put(new.id, "kim@example.org", 1).await.unwrap();
    let link = link(new.id);
    store.mail_link_put(&link).await.unwrap();
    let mut using = PgConnection::connect(db.url()).await.unwrap();
    using.execute("BEGIN; UPDATE guests SET email_confirmed_at = 2").await.unwrap();
    let registering = tokio::spawn(async move { store.user_create(new, None, 3).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("it waits", async || db.count(waiting).await == 1).await;
    using.execute("DELETE FROM mail_links; COMMIT").await.expect("no deadlock");
    registering.await.unwrap().expect("no deadlock");
}
