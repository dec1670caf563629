//! What each role may do, as a table.

use super::*;

#[test]
fn each_role_may_do_what_the_table_says() {
    use Permission::{Administer, Any, Door, Manage, ReadOrders, Refund};
    for (role, allowed) in [
        (GrantRole::Admin, &[Administer, Manage, ReadOrders, Refund, Door, Any][..]),
        (GrantRole::Organiser, &[Manage, ReadOrders, Refund, Door, Any]),
        (GrantRole::Finance, &[ReadOrders, Refund, Any]),
        (GrantRole::Door, &[Door, Any]),
    ] {
        let found: Vec<_> = Permission::ALL.into_iter().filter(|it| it.is_of(role)).collect();
        assert_eq!(found, allowed, "{role:?}");
    }
}

#[test]
fn a_scope_has_the_offerings_it_names_and_no_other() {
    let (one, other) = (OfferingId::random(), OfferingId::random());
    assert!(Scope::All.contains(one) && !Scope::All.is_empty());
    let scope = Scope::Some(vec![one]);
    assert!(scope.contains(one) && !scope.contains(other) && !scope.is_empty());
    assert!(Scope::Some(Vec::new()).is_empty());
    assert_eq!(scope.offerings(), Some(vec![one]));
}
