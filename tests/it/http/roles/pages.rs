//! What each role may do on every page of staff.

use admitone::http::staff::{Listed, listed_pages};
use admitone::store::GrantRole;
use reqwest::Method;

use super::{Stage, account, member};
use crate::http::api_client::{Person, Shop};
use crate::support::test_db::TestDb;

/// Asks for a page, or sends it a form without fields, which changes hardly anything; returns the status.
async fn status((shop, stage): (&Shop, &Stage<'_>), person: &Person<'_>, rule: &Listed) -> u16 {
    let method: Method = rule.method.parse().unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let request = client.build().unwrap().request(method, shop.app.url(&stage.path(rule.path)));
    let request = request
        .header("Cookie", format!("__Host-admitone={}", person.token()))
        .header("Accept", "text/html")
        .header("Sec-Fetch-Site", "same-origin")
        .header("Content-Type", "application/x-www-form-urlencoded");
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_staff_asks_for_the_role_that_the_table_names() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let stage = Stage::of(&shop).await;
    let elsewhere = [shop.event().await.offering()];
    let (customer, admin) = (account(&shop).await, shop.admin());
    let rules: Vec<_> = listed_pages().into_iter().filter(|rule| !rule.is_shared).collect();
    for rule in &rules {
        assert_eq!(status((&shop, &stage), &customer, rule).await, 403, "{rule:?}");
    }
    for role in [GrantRole::Door, GrantRole::Finance, GrantRole::Organiser] {
        let (here, there) =
            (member(&shop, role, &stage.offerings()).await, member(&shop, role, &elsewhere).await);
        for rule in &rules {
            let may = rule.permission.is_of(role);
            let is_refused = status((&shop, &stage), &there, rule).await == 403;
            assert_eq!(is_refused, rule.is_of_offering || !may, "{role:?} elsewhere: {rule:?}");
            let found = status((&shop, &stage), &here, rule).await;
            assert_eq!(found == 403, !may, "{role:?}: {rule:?}: {found}");
        }
    }
    // Each is there, in any state of its thing: a rule for a page that was renamed would leave the new one
    // without. A page that is there refuses another method, and one that is not is not found.
    for rule in rules {
        let other = Listed { method: "DELETE", ..rule };
        assert_eq!(status((&shop, &stage), &admin, &other).await, 405, "{rule:?}");
    }
}
