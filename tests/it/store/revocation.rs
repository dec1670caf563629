//! Refresh tokens against every way to end them: after a revocation no token of that login is
//! valid, however fast a client refreshes meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use admitone::ids::{SessionId, UserId};
use admitone::store::{
    Device, EmailAdded, Forgotten, FreshSession, IdentityLinked, IdentityUnlinked, NO_PASSWORD,
    NewIdentity, NewPassword, NewUser, OnBalance, OwnerProof, Proof, RefreshToken, Role, Rotation,
    SocialProvider, Store, StoreError, UserChange, UserChanged,
};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::support::test_db::TestDb;

const RACES: u32 = 40;
const OLD: &str = "the old hash";
const NOW: i64 = 1_500;

type Hash = [u8; 32];

async fn person(store: &Store, role: Role) -> UserId {
    person_with(store, role, OLD).await
}

async fn person_with(store: &Store, role: Role, hash: &str) -> UserId {
    let new = NewUser {
        id: UserId::random(),
        email: format!("{}@example.org", Uuid::new_v4()),
        password_hash: hash.into(),
        name: "Kim".into(),
        phone_number: None,
        role,
    };
    let id = new.id;
    store.user_create(new, None, 1).await.unwrap();
    id
}

fn token(user: UserId, token_hash: Hash) -> RefreshToken {
    RefreshToken {
        session: SessionId::random(),
        user,
        token_hash,
        issued_at: 1_000,
        expires_at: 2_000,
    }
}

fn new_password() -> UserChange {
    let password = NewPassword {
        proved: Some(OLD.into()),
        hash: "the new hash".into(),
        keeps: None,
        requires: None,
    };
    UserChange { password: Some(password), ..UserChange::default() }
}

fn identity(subject: &str) -> NewIdentity {
    let (provider, issuer) = (SocialProvider::Google, String::new());
    NewIdentity { provider, issuer, subject: subject.into(), email: None }
}

/// Opens a session, and returns it as one that changes the ways to sign in.
async fn session(store: &Store, user: UserId, hash: &str) -> FreshSession {
    let token = token(user, rand::random());
    let opened = store.refresh_token_open(&token, Proof::Password(hash), &Device::default()).await;
    assert!(opened.unwrap().is_some());
    FreshSession { id: token.session, opened_since: token.issued_at }
}

/// Refreshes with the latest token until a refresh is refused. A refresh that began after the
/// revocation was answered must not succeed.
async fn refresh_until_refused(
    store: &Store,
    (user, first): (UserId, Hash),
    revoked: &AtomicBool,
    refreshed: &Notify,
) {
    let mut latest = first;
    loop {
        let is_late = revoked.load(Ordering::SeqCst);
        let next = rand::random();
        match store.refresh_token_rotate(latest, token(user, next), NOW).await.unwrap() {
            Rotation::Rotated(..) => assert!(!is_late, "it outlived its revocation"),
            Rotation::Refused | Rotation::Reused(_) => return,
            Rotation::Repeated(..) => panic!("each successor is asked for once"),
        }
        latest = next;
        refreshed.notify_one();
    }
}

/// Runs `revoke` in a race with a client that refreshes, many times.
async fn race(db: &TestDb, revoke: impl AsyncFn(&Store, UserId, Hash)) {
    let store = db.store().await;
    for _ in 0..RACES {
        let (user, first) = (person(&store, Role::User).await, rand::random());
        let opened = store
            .refresh_token_open(&token(user, first), Proof::Password(OLD), &Device::default())
            .await
            .unwrap();
        assert!(opened.is_some());
        let (revoked, refreshed) = (AtomicBool::new(false), Notify::new());
        let revoking = async {
            refreshed.notified().await;
            revoke(&store, user, first).await;
            revoked.store(true, Ordering::SeqCst);
        };
        let refreshing = refresh_until_refused(&store, (user, first), &revoked, &refreshed);
        futures_util::future::join(revoking, refreshing).await;
    }
    let live = "SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL AND revoked_at IS NULL";
    assert_eq!(db.count(live).await, 0);
}

on_both_databases! {
    async fn a_logout_wins_over_refreshes_under_way(db: TestDb) {
        race(&db, async |store, _, first| {
            store.refresh_token_revoke(first, NOW).await.unwrap();
        })
        .await;
    }

    async fn a_new_password_wins_over_refreshes_under_way(db: TestDb) {
        race(&db, async |store, user, _| {
            let changed = store.user_update(user, new_password(), NOW).await.unwrap();
            assert!(matches!(changed, UserChanged::Now(_)));
        })
        .await;
    }

    async fn a_reuse_that_is_detected_wins_over_refreshes_under_way(db: TestDb) {
        race(&db, async |store, user, first| {
            let copy = token(user, rand::random());
            let rotation = store.refresh_token_rotate(first, copy, NOW).await.unwrap();
            assert!(matches!(rotation, Rotation::Reused(_)), "{rotation:?}");
        })
        .await;
    }

    async fn a_closed_account_wins_over_refreshes_under_way(db: TestDb) {
        race(&db, async |store, user, _| {
            let closed = store.user_forget(user, OwnerProof::default(), OnBalance::Refuse, NOW).await.unwrap();
            assert!(matches!(closed, Forgotten::Now(_)), "{closed:?}");
        })
        .await;
    }

    async fn a_login_with_a_password_that_was_changed_meanwhile_opens_nothing(db: TestDb) {
        let store = db.store().await;
        let user = person(&store, Role::User).await;
        store.user_update(user, new_password(), NOW).await.unwrap();
        let opened = store.refresh_token_open(&token(user, [1; 32]), Proof::Password(OLD), &Device::default()).await.unwrap();
        assert!(opened.is_none(), "it was verified against the old hash");
        assert!(store.refresh_token_open(&token(user, [2; 32]), Proof::Password("the new hash"), &Device::default()).await.unwrap().is_some());
        let changed = store.user_update(user, new_password(), NOW).await.unwrap();
        assert!(matches!(changed, UserChanged::OtherPassword), "{changed:?}");
    }

    async fn a_login_by_an_identity_that_was_unlinked_meanwhile_opens_nothing(db: TestDb) {
        let store = db.store().await;
        let user = person(&store, Role::User).await;
        let identity = identity("kim");
        let session = session(&store, user, OLD).await;
        store.social_identity_link(user, &identity, session, NOW).await.unwrap();
        let open = async |hash| {
            let (token, proof) = (token(user, [hash; 32]), Proof::Identity(&identity));
            store.refresh_token_open(&token, proof, &Device::default()).await.unwrap()
        };
        assert!(open(1).await.is_some());
        let of = SocialProvider::Google;
        let unlinked =
            store.social_identity_unlink(user, of, &|_| false, session, NOW).await.unwrap();
        assert!(matches!(unlinked, IdentityUnlinked::Yes(ended) if ended.len() == 1));
        assert!(open(2).await.is_none());
    }

    async fn ways_in_change_only_while_the_session_lives_that_asks_for_it(db: TestDb) {
        let store = db.store().await;
        let user = person_with(&store, Role::User, NO_PASSWORD).await;
        let others = session(&store, user, NO_PASSWORD).await;
        store.social_identity_link(user, &identity("kim"), others, NOW).await.unwrap();
        let (ended, lives) =
            (session(&store, user, NO_PASSWORD).await, session(&store, user, NO_PASSWORD).await);
        assert!(store.session_end(user, ended.id, NOW).await.unwrap());
        let too_old = FreshSession { opened_since: lives.opened_since + 1, ..lives };
        let of_another = person_with(&store, Role::User, NO_PASSWORD).await;
        let of_another = session(&store, of_another, NO_PASSWORD).await;
        for refused in [ended, too_old, of_another] {
            let kakao = NewIdentity { provider: SocialProvider::Kakao, ..identity("thief") };
            let linked = store.social_identity_link(user, &kakao, refused, NOW).await.unwrap();
            assert_eq!(linked, IdentityLinked::NotFresh);
            let google = SocialProvider::Google;
            let unlinked =
                store.social_identity_unlink(user, google, &|_| true, refused, NOW).await.unwrap();
            assert_eq!(unlinked, IdentityUnlinked::NotFresh);
            let email = "thief@example.org";
            let added = store.user_email_add(user, email, refused, NOW).await.unwrap();
            assert!(matches!(added, EmailAdded::NotFresh), "{added:?}");
            let proved = Some(NO_PASSWORD.to_owned());
            let (hash, requires) = ("the thief's".to_owned(), Some(refused));
            let password = NewPassword { proved, hash, keeps: None, requires };
            let change = UserChange { password: Some(password), ..UserChange::default() };
            let changed = store.user_update(user, change, NOW).await.unwrap();
            assert!(matches!(changed, UserChanged::NotFresh), "{changed:?}");
        }
        assert_eq!(store.social_identity_list(user).await.unwrap().len(), 1);
        let added = store.user_email_add(user, "kim@example.org", lives, NOW).await.unwrap();
        assert!(matches!(added, EmailAdded::Now(_)), "{added:?}");
    }

    async fn an_account_is_closed_only_while_what_was_proved_holds(db: TestDb) {
        let store = db.store().await;
        let user = person(&store, Role::User).await;
        let lives = session(&store, user, OLD).await;
        let ended = session(&store, user, OLD).await;
        store.session_end(user, ended.id, NOW).await.unwrap();
        let proof = |hash: &str, session| OwnerProof {
            password_hash: Some(hash.into()),
            session,
            ..OwnerProof::default()
        };
        let of_guest = OwnerProof { is_guest: true, ..OwnerProof::default() };
        for refused in [proof("another hash", Some(lives)), proof(OLD, Some(ended)), of_guest] {
            let kept = store.user_forget(user, refused, OnBalance::Forfeit, NOW).await.unwrap();
            assert!(matches!(kept, Forgotten::NotProved), "{kept:?}");
        }
        assert!(store.user_get(user).await.unwrap().is_some());
        let closed = store.user_forget(user, proof(OLD, Some(lives)), OnBalance::Forfeit, NOW).await;
        assert!(matches!(closed.unwrap(), Forgotten::Now(_)));
    }

    async fn a_password_by_mail_removes_what_another_person_may_have_linked(db: TestDb) {
        let store = db.store().await;
        let user = person(&store, Role::User).await;
        // The address is confirmed by the first password, or by a click before it.
        for (subject, now, left) in [("stranger", NOW, 0), ("owner", NOW + 1, 1)] {
            let hash = store.user_get(user).await.unwrap().unwrap().password_hash;
            let session = session(&store, user, &hash).await;
            store.social_identity_link(user, &identity(subject), session, now).await.unwrap();
            let next = format!("the hash after {subject}");
            let set = store.user_password_by_mail(user, &hash, next, now).await.unwrap().unwrap();
            assert_eq!(set.removed.len(), 1 - left, "{subject}");
            assert_eq!(set.user.email_confirmed_at, Some(NOW));
            assert_eq!(store.social_identity_list(user).await.unwrap().len(), left, "{subject}");
        }
        let again = store.user_password_by_mail(user, OLD, "x".into(), NOW).await.unwrap();
        assert!(again.is_none(), "it has another password");
    }

    async fn a_password_by_mail_keeps_the_identity_whose_provider_confirmed_the_address(db: TestDb) {
        let store = db.store().await;
        for (email, left) in [("kim@example.org", 2), ("", 1)] {
            let named = NewIdentity { email: Some("kim@example.org".into()), ..identity(email) };
            let new = NewUser {
                id: UserId::random(),
                email: email.into(),
                password_hash: NO_PASSWORD.into(),
                name: "Kim".into(),
                phone_number: None,
                role: Role::User,
            };
            let user = new.id;
            store.social_identity_register(new, false, &named, 1_000).await.unwrap();
            let first = session(&store, user, NO_PASSWORD).await;
            if email.is_empty() {
                // The address comes later, and is confirmed by a mail.
                store.user_email_add(user, "lee@example.org", first, 1_100).await.unwrap();
                let confirmed = "UPDATE users SET email_confirmed_at = 1200 WHERE email = 'lee@example.org'";
                db.sql(confirmed).await;
            }
            let kakao = NewIdentity { provider: SocialProvider::Kakao, ..identity(email) };
            store.social_identity_link(user, &kakao, first, 1_300).await.unwrap();
            let set = store.user_password_by_mail(user, NO_PASSWORD, "new".into(), NOW).await;
            assert_eq!(set.unwrap().unwrap().removed.len(), 2 - left);
            let kept = store.social_identity_list(user).await.unwrap();
            assert_eq!(kept.len(), left);
            assert_eq!(kept[left - 1].provider, SocialProvider::Kakao);
        }
    }

    async fn a_session_of_the_version_before_is_as_old_as_its_first_token(db: TestDb) {
        let store = db.store().await;
        let user = person(&store, Role::User).await;
        let first = token(user, [1; 32]);
        let here = Device::default();
        let opened = store.refresh_token_open(&first, Proof::Password(OLD), &here).await.unwrap();
        assert!(opened.is_some());
        // That version writes no row of the session.
        db.sql("DELETE FROM sessions").await;
        for (used, next) in [([1; 32], [2; 32]), ([2; 32], [3; 32])] {
            let next = RefreshToken { issued_at: NOW, ..token(user, next) };
            let rotation = store.refresh_token_rotate(used, next, NOW).await.unwrap();
            assert!(matches!(rotation, Rotation::Rotated(..)), "{rotation:?}");
            let [row] = &store.session_list(user, NOW).await.unwrap()[..] else { panic!("one") };
            assert_eq!((row.created_at, row.last_seen_at), (first.issued_at, NOW));
            let session = FreshSession { id: row.id, opened_since: first.issued_at + 1 };
            assert!(!store.session_is_fresh(user, session, NOW).await.unwrap());
        }
    }

    async fn a_refresh_token_is_answered_again_for_a_minute(db: TestDb) {
        let store = db.store().await;
        for (later, is_repeated) in [(60_000, true), (60_001, false)] {
            let (user, first) = (person(&store, Role::User).await, rand::random());
            let token = |hash| RefreshToken { expires_at: i64::MAX, ..token(user, hash) };
            let opened = token(first);
            store.refresh_token_open(&opened, Proof::Password(OLD), &Device::default()).await.unwrap();
            let next = token(rand::random());
            let used = store.refresh_token_rotate(first, next.clone(), NOW).await.unwrap();
            assert!(matches!(used, Rotation::Rotated(..)), "{used:?}");
            let again = store.refresh_token_rotate(first, next, NOW + later).await.unwrap();
            let was_repeated = matches!(again, Rotation::Repeated(..));
            assert_eq!(was_repeated, is_repeated, "{again:?}");
            assert!(was_repeated || matches!(again, Rotation::Reused(_)), "{again:?}");
        }
    }

    async fn nothing_of_a_closed_account_comes_back(db: TestDb) {
        let store = db.store().await;
        let user = person(&store, Role::User).await;
        store.user_forget(user, OwnerProof::default(), OnBalance::Refuse, NOW).await.unwrap();
        for hash in [OLD, ""] {
            let opened = store.refresh_token_open(&token(user, [1; 32]), Proof::Password(hash), &Device::default()).await.unwrap();
            assert!(opened.is_none());
        }
        let rename = UserChange { name: Some("Kim".into()), ..UserChange::default() };
        for change in [rename, new_password()] {
            let changed = store.user_update(user, change, NOW).await.unwrap();
            assert!(matches!(changed, UserChanged::Gone), "{changed:?}");
        }
        assert_eq!(store.user_get(user).await.unwrap().unwrap().name, "");
    }

    async fn of_administrators_who_close_their_accounts_at_once_one_stays(db: TestDb) {
        let store = db.store().await;
        let mut admins = Vec::new();
        for _ in 0..4 {
            admins.push(person(&store, Role::Admin).await);
        }
        let closings = admins.iter().map(|admin| store.user_forget(*admin, OwnerProof::default(), OnBalance::Refuse, NOW));
        let closed = futures_util::future::join_all(closings).await;
        let refused = closed.iter().filter(|result| matches!(result, Err(StoreError::Conflict(_))));
        assert_eq!(refused.count(), 1, "{closed:?}");
    }
}
