//! Roles on two instances with one database.

use std::sync::Arc;

use admitone::accounts::{Accounts, Caller, Role};
use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::config::{Config, Secret};
use admitone::ids::{OfferingId, UserId};
use admitone::roles::{Permission, Roles};
use admitone::store::{
    Answered, GrantRole, GrantRow, Granting, NewUser, OnBalance, Revoking, Store, StoreError,
};

use crate::support::test_app::SECRET;

fn instance(store: &Store) -> Accounts {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let config = Config { jwt_secret: Secret::new(SECRET), ..Config::default() };
    Accounts::new(store.clone(), clock, &config, tokio::runtime::Handle::current())
}

async fn person(store: &Store, role: Role) -> UserId {
    let id = UserId::random();
    let email = format!("{}@example.org", id.0.simple());
    let (name, phone_number) = ("Lee".into(), None);
    let new = NewUser { id, email, password_hash: "a hash".into(), name, phone_number, role };
    store.user_create(new, None, 1).await.unwrap();
    id
}

async fn give(
    store: &Store,
    user: UserId,
    role: GrantRole,
    offering: Option<OfferingId>,
) -> GrantRow {
    let id = admitone::ids::GrantId::random();
    let row = GrantRow { id, user, role, offering, granted_by: None, granted_at: 1 };
    match store.grant_put(&row, None).await.unwrap() {
        Answered::Now(Granting::Granted(row)) => row,
        other => panic!("{other:?}"),
    }
}

on_both_databases! {
    async fn a_role_that_is_taken_away_ends_for_tokens_that_are_in_use(db: TestDb) {
        let store = db.store().await;
        let (here, there) = (instance(&store), instance(&store));
        let (kim, lee) = (person(&store, Role::Admin).await, person(&store, Role::Admin).await);
        let token = here.access_token(Caller::account(kim, Role::User)).unwrap();
        for instance in [&here, &there] {
            assert!(!instance.verify(&token).unwrap().is_admin(), "no grant is read yet");
            instance.learn_roles().await.unwrap();
            assert!(instance.verify(&token).unwrap().is_admin());
        }
        let grants = store.grant_all().await.unwrap();
        let of_kim = grants.iter().find(|grant| grant.user == kim).unwrap();
        let lee = Caller::account(lee, Role::User);
        here.roles().revoke(of_kim.id, Some(lee)).await.unwrap();
        assert!(!here.verify(&token).unwrap().is_admin(), "here at once");
        there.learn_roles().await.unwrap();
        assert!(!there.verify(&token).unwrap().is_admin(), "there with the next read");
        assert_eq!(store.user_get(kim).await.unwrap().unwrap().role, Role::User);
        // A forged claim gives nothing.
        let forged = here.access_token(Caller::account(kim, Role::Admin)).unwrap();
        assert!(!here.verify(&forged).unwrap().is_admin());
        let guest = here.access_token(Caller::guest(lee.user)).unwrap();
        assert!(!here.verify(&guest).unwrap().is_admin(), "a guest's token is no account's");
    }

    async fn of_administrators_who_lose_their_roles_at_once_one_stays(db: TestDb) {
        let store = db.store().await;
        let mut grants = Vec::new();
        for _ in 0..4 {
            let admin = person(&store, Role::Admin).await;
            grants.push((admin, store.grant_all().await.unwrap().into_iter().find(|it| it.user == admin).unwrap().id));
        }
        let revoked = grants[..2].iter().map(|(_, grant)| store.grant_delete(*grant));
        let closed = grants[2..].iter().map(|(user, _)| store.user_forget(*user, OnBalance::Refuse, 2));
        let (revoked, closed) = tokio::join!(
            futures_util::future::join_all(revoked),
            futures_util::future::join_all(closed),
        );
        let refused = revoked.iter().filter(|it| matches!(it, Ok(Revoking::LastAdministrator))).count()
            + closed.iter().filter(|it| matches!(it, Err(StoreError::Conflict(_)))).count();
        assert_eq!(refused, 1, "{revoked:?} {closed:?}");
        assert_eq!(store.grant_all().await.unwrap().len(), 1);
    }

    async fn a_grant_is_for_one_offering_and_made_once(db: TestDb) {
        let store = db.store().await;
        let (kim, offering) = (person(&store, Role::User).await, OfferingId::random());
        let first = give(&store, kim, GrantRole::Finance, Some(offering)).await;
        assert_eq!(give(&store, kim, GrantRole::Finance, Some(offering)).await.id, first.id);
        let roles = Roles::new(store.clone(), SECRET);
        roles.learn().await.unwrap();
        let kim = Caller::account(kim, Role::User);
        assert!(roles.may(kim, Permission::Refund, offering));
        assert!(!roles.may(kim, Permission::Manage, offering));
        assert!(!roles.may(kim, Permission::Refund, OfferingId::random()));
        assert!(!roles.may(Caller::guest(kim.user), Permission::Refund, offering));
        store.user_forget(kim.user, OnBalance::Refuse, 2).await.unwrap();
        assert!(store.grant_all().await.unwrap().is_empty(), "they end with the account");
        let gone = GrantRow { id: admitone::ids::GrantId::random(), ..first };
        let again = store.grant_put(&gone, None).await.unwrap();
        assert_eq!(again, Answered::Now(Granting::NoSuchAccount));
    }
}
