//! The page on which people close their account.

use admitone::accounts::Role;
use serde_json::json;

use super::organiser::{Browser, known};
use crate::clients::{PASSWORD, account};
use crate::http::api_client::Shop;

on_both_databases! {
    async fn a_person_closes_the_account_on_a_page_and_chooses_what_becomes_of_things(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        // The account has a password, and this token of it no session.
        let kim = account(&shop, "kim@example.com", Role::User).await;
        let browser = Browser::of(&shop, &kim);
        browser.get("/account").await.shows(&["/account/close", "Close the account"]);
        let page = browser.get("/account/close").await;
        page.shows(&["cannot be undone", "1,000,000", "name=\"balance\"", "name=\"password\""]);
        assert!(!page.text.contains("name=\"reservations\""), "{}", page.text);
        // A choice about orders comes with orders.
        let order = kim.buy(&event, &event.places(1)).await;
        let page = browser.get("/account/close").await;
        page.shows(&["Hamlet", &format!("/orders/{order}"), "value=\"keep\"", "value=\"cancel\""]);
        // Nothing is closed without the choices and the password.
        let form = [("password", PASSWORD), ("reservations", "keep")];
        let refused = browser.post("/account/close", &form).await;
        assert_eq!(refused.status, 409);
        refused.shows(&["role=\"alert\"", "still has orders or money"]);
        for password in ["", "battery staple"] {
            let form = [("password", password), ("reservations", "keep"), ("balance", "forfeit")];
            let refused = browser.post("/account/close", &form).await;
            assert_eq!(refused.status, 422);
            refused.shows(&["role=\"alert\"", "Current password"]);
        }
        kim.get("/api/users/me").await.is(200);
        let form = [("password", PASSWORD), ("reservations", "keep"), ("balance", "forfeit")];
        let closed = browser.post("/account/close", &form).await;
        closed.leads_to("/account/close?done=yes");
        kim.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
        let done = Browser::without_session(&shop).get("/account/close?done=yes").await;
        done.shows(&["Your account is closed", "/sign-in"]);
        assert_eq!(shop.app.db.count("SELECT count(*) FROM tickets WHERE status = 'VALID'").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_password_the_page_asks_for_a_young_session() {
    let shop = Shop::open(crate::support::test_db::TestDb::sqlite().await).await;
    let kim = known(&shop, "Kim", "kim@example.com").await;
    let sql = "UPDATE users SET password_hash = '-' WHERE email = 'kim@example.com'";
    shop.app.db.sql(sql).await;
    let browser = Browser::of(&shop, &kim);
    let page = browser.get("/account/close").await;
    page.shows(&["10 minutes"]);
    assert!(!page.text.contains("name=\"password\""), "{}", page.text);
    let refused = browser.post("/account/close", &[]).await;
    assert_eq!(refused.status, 403);
    refused.shows(&["sign in again"]);
    // Visitors and guests have nothing to close here.
    let nobody = Browser::without_session(&shop);
    nobody.get("/account/close").await.leads_to("/sign-in?back=");
    nobody.get("/account/close?done=yes").await.shows(&["Your account is closed"]);
    assert_eq!(nobody.post("/account/close", &[]).await.status, 401);
    // The last administrator finds no button.
    let admin = Browser::of(&shop, &shop.admin());
    let page = admin.get("/account/close").await;
    page.shows(&["last administrator"]);
    assert!(!page.text.contains("action=\"/account/close\""), "{}", page.text);
    // Nor does the right password close the account.
    let lee = account(&shop, "lee@example.com", Role::User).await;
    let sql = "UPDATE users SET password_hash = (SELECT password_hash FROM users \
               WHERE email = 'lee@example.com') WHERE role = 'ADMIN'";
    shop.app.db.sql(sql).await;
    let refused = admin.post("/account/close", &[("password", PASSWORD)]).await;
    assert_eq!(refused.status, 409);
    let (_, said) = refused.text.split_once("role=\"alert\"").expect("a refusal");
    let (said, _) = said.split_once("</p>").expect("a paragraph");
    assert!(said.contains("last administrator"), "{said}");
    shop.admin().get("/api/users/me").await.is(200);
    lee.get("/api/users/me").await.is(200);
    let me = kim.get("/api/users/me").await.is(200).data;
    assert_eq!(me["email"], json!("kim@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_password_a_young_session_closes_the_account_and_an_old_one_does_not() {
    let shop = Shop::open(crate::support::test_db::TestDb::sqlite().await).await;
    for (email, age_ms, status) in
        [("young@example.com", 9 * 60_000, 303), ("old@example.com", 10 * 60_000 + 1, 403)]
    {
        let body = json!({"email": email, "password": PASSWORD, "name": "Kim"});
        let session = shop.nobody().post("/api/auth/register", &body).await.is(201).data;
        let user = session["user"]["id"].as_str().unwrap().parse().unwrap();
        let kim = shop.with_token(user, session["accessToken"].as_str().unwrap().to_owned());
        shop.app
            .db
            .sql(&format!("UPDATE users SET password_hash = '-' WHERE email = '{email}'"))
            .await;
        shop.clock.advance_ms(age_ms);
        let closed = Browser::of(&shop, &kim).post("/account/close", &[]).await;
        assert_eq!(closed.status, status, "{email}: {}", closed.text);
        if status == 403 {
            closed.shows(&["sign in again"]);
            kim.get("/api/users/me").await.is(200);
        } else {
            closed.leads_to("/account/close?done=yes");
            kim.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
        }
    }
}
