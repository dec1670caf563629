//! Roles on two instances with one database.

use std::sync::Arc;

use admitone::accounts::{Accounts, Caller, Role};
use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::config::{Config, Secret};
use admitone::ids::{OfferingId, UserId};
use admitone::roles::{NewGrant, NewInvitation, Permission, RoleError, Roles};
use admitone::store::{
    Answered, AuditFilter, GrantFilter, GrantRole, GrantRow, Granting, NewUser, OnBalance,
    OwnerProof, Revoking, Store, StoreError,
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
    match store.grant_put(&row, None, None).await.unwrap() {
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

    async fn an_instance_that_has_not_heard_gives_no_right_that_is_gone(db: TestDb) {
        let store = db.store().await;
        let (here, there) = (Roles::new(store.clone(), SECRET), Roles::new(store.clone(), SECRET));
        let (offering, now) = (OfferingId::random(), SystemClock::new().now_ms());
        person(&store, Role::Admin).await;
        let (kim, lee) = (person(&store, Role::Admin).await, person(&store, Role::User).await);
        let of_lee = give(&store, lee, GrantRole::Organiser, Some(offering)).await;
        let door = give(&store, kim, GrantRole::Door, Some(offering)).await;
        let grants = store.grant_all().await.unwrap();
        let of_kim = grants.iter().find(|it| it.user == kim && it.role == GrantRole::Admin).unwrap();
        there.learn().await.unwrap();
        let (by_kim, by_lee) = (Caller::account(kim, Role::User), Caller::account(lee, Role::User));
        let invitation = |email: &str| NewInvitation {
            email: email.into(), role: GrantRole::Admin, offering: None, language: "en",
        };
        let (open, _) = there.invite(invitation("a@example.org"), by_kim, None, now).await.unwrap();
        for grant in [of_kim.id, of_lee.id] {
            here.revoke(grant, None).await.unwrap();
        }
        assert!(there.is_admin(kim) && there.may(by_lee, Permission::Manage, offering), "not heard");
        let refused = there.invite(invitation("b@example.org"), by_kim, None, now).await;
        assert!(matches!(refused, Err(RoleError::Forbidden)), "{refused:?}");
        let unheard = async || {
            let there = Roles::new(store.clone(), SECRET);
            store.grant_put(of_kim, None, None).await.unwrap();
            give(&store, lee, GrantRole::Organiser, Some(offering)).await;
            there.learn().await.unwrap();
            for grant in store.grant_all().await.unwrap() {
                if grant.user == lee || grant.id == of_kim.id {
                    store.grant_delete(grant.id, None).await.unwrap();
                }
            }
            there
        };
        let new = NewGrant { user: lee, role: GrantRole::Admin, offering: None };
        let refused = unheard().await.grant(new, Some(by_kim), None, now).await;
        assert!(matches!(refused, Err(RoleError::Forbidden)), "{refused:?}");
        let refused = unheard().await.revoke(door.id, Some(by_lee)).await;
        assert!(matches!(refused, Err(RoleError::Forbidden)), "{refused:?}");
        let there = unheard().await;
        let refused = there.accept(&there.invitation_token(&open), by_lee, now).await;
        assert!(matches!(refused, Err(RoleError::InvitationRefused)), "{refused:?}");
        let left = store.grant_all().await.unwrap();
        assert_eq!(left.len(), 2, "the other administrator and the door: {left:?}");
    }

    async fn a_role_that_this_version_does_not_know_is_skipped(db: TestDb) {
        let store = db.store().await;
        let kim = person(&store, Role::Admin).await;
        let lee = person(&store, Role::User).await;
        let later = give(&store, lee, GrantRole::Door, Some(OfferingId::random())).await;
        db.sql("UPDATE grants SET role = 'PAINTER' WHERE role = 'DOOR'").await;
        let roles = Roles::new(store.clone(), SECRET);
        roles.learn().await.unwrap();
        assert!(roles.is_admin(kim) && roles.of(lee).is_empty());
        assert_eq!(store.grant_list(&GrantFilter::default(), 10).await.unwrap().len(), 1);
        assert_eq!(store.grant_get(later.id).await.unwrap(), None);
    }

    async fn a_role_that_is_given_while_the_account_is_closed_does_not_outlive_it(db: TestDb) {
        let store = db.store().await;
        person(&store, Role::Admin).await;
        for _ in 0..20 {
            let kim = person(&store, Role::User).await;
            let id = admitone::ids::GrantId::random();
            let row = GrantRow { id, user: kim, role: GrantRole::Admin, offering: None, granted_by: None, granted_at: 1 };
            let (given, closed) = tokio::join!(
                store.grant_put(&row, None, None),
                store.user_forget(kim, OwnerProof::default(), OnBalance::Refuse, 2),
            );
            given.unwrap();
            closed.unwrap();
            assert_eq!(store.grant_all().await.unwrap().len(), 1, "that of the other administrator");
        }
    }

    async fn of_administrators_who_lose_their_roles_at_once_one_stays(db: TestDb) {
        let store = db.store().await;
        let mut grants = Vec::new();
        for _ in 0..4 {
            let admin = person(&store, Role::Admin).await;
            grants.push((admin, store.grant_all().await.unwrap().into_iter().find(|it| it.user == admin).unwrap().id));
        }
        let revoked = grants[..2].iter().map(|(_, grant)| store.grant_delete(*grant, None));
        let closed = grants[2..].iter().map(|(user, _)| store.user_forget(*user, OwnerProof::default(), OnBalance::Refuse, 2));
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
        store.user_forget(kim.user, OwnerProof::default(), OnBalance::Refuse, 2).await.unwrap();
        assert!(store.grant_all().await.unwrap().is_empty(), "they end with the account");
        let log = store.audit_list(&AuditFilter::default(), 10).await.unwrap();
        let row = (log[0].action.as_str(), log[0].target.clone(), log[0].offering);
        assert_eq!(row, ("grant.revoke", Some(first.id.to_string()), Some(offering)));
        let gone = GrantRow { id: admitone::ids::GrantId::random(), ..first };
        let again = store.grant_put(&gone, None, None).await.unwrap();
        assert_eq!(again, Answered::Now(Granting::NoSuchAccount));
    }
}
