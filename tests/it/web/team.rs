//! The pages of people with roles: what each sees, the team, invitations, and the audit log.

use admitone::ids::{InvitationId, OfferingId};
use admitone::roles::NewGrant;
use admitone::store::GrantRole;
use serde_json::json;

use super::organiser::{Browser, filled, known};
use crate::http::api_client::{Person, Shop};

async fn member<'a>(
    shop: &'a Shop,
    name: &str,
    role: GrantRole,
    offering: OfferingId,
) -> Person<'a> {
    let person = known(shop, name, &format!("{name}@example.com")).await;
    let new = NewGrant { user: person.user, role, offering: Some(offering) };
    let state = shop.app.state();
    state.accounts.roles().grant(new, None, None, state.clock.now_ms()).await.unwrap();
    person
}

on_both_databases! {
    async fn people_with_a_role_see_their_own_offerings_and_what_they_may_use(db: TestDb) {
        let shop = Shop::open(db).await;
        let mine = shop.event().await;
        let mut other = shop.event_body();
        other["name"] = "Macbeth".into();
        let other = shop.event_from(other).await;
        let here = format!("/organiser/events/{}", mine.id);
        let there = format!("/organiser/events/{}", other.id);

        let organiser = member(&shop, "kim", GrantRole::Organiser, mine.offering()).await;
        let organiser = Browser::of(&shop, &organiser);
        let list = organiser.get("/organiser").await;
        list.shows(&["Hamlet", "/organiser/team", "/organiser/audit"]);
        assert!(!list.text.contains("Macbeth") && !list.text.contains("/organiser/webhooks"));
        organiser.get(&here).await.shows(&["id=\"actions\"", "/organiser/team?event="]);
        for path in [&*there, "/organiser/webhooks", "/organiser/users", "/organiser/events/new"] {
            assert_eq!(organiser.get(path).await.status, 403, "{path}");
        }
        organiser.post(&format!("{here}/actions"), &[("key", "1"), ("do", "pause")]).await.leads_to(&here);

        let finance = member(&shop, "lee", GrantRole::Finance, mine.offering()).await;
        let finance = Browser::of(&shop, &finance);
        let page = finance.get(&here).await;
        page.shows(&["Hamlet", "/orders"]);
        assert!(!page.text.contains("id=\"actions\""));
        let refused = finance.post(&format!("{here}/actions"), &[("key", "2"), ("do", "open")]).await;
        assert_eq!(refused.status, 403);
        assert_eq!(finance.get(&format!("/door/{}", mine.id)).await.status, 403);

        let door = member(&shop, "park", GrantRole::Door, mine.offering()).await;
        let door = Browser::of(&shop, &door);
        let choice = door.get("/door").await;
        choice.shows(&["Hamlet"]);
        assert!(!choice.text.contains("Macbeth"));
        assert_eq!(door.get(&format!("/door/{}", mine.id)).await.status, 200);
        for path in [&*format!("/door/{}", other.id), &*here, "/organiser/team"] {
            assert_eq!(door.get(path).await.status, 403, "{path}");
        }
        let customer = Browser::of(&shop, &known(&shop, "choi", "choi@example.com").await);
        for path in ["/organiser", "/door", "/organiser/team", "/organiser/audit.csv", &*here] {
            assert_eq!(customer.get(path).await.status, 403, "{path}");
        }
        // What was done is in the log, what was refused at the gate is not.
        let log = organiser.get("/organiser/audit?action=sale").await;
        log.shows(&["sale.pause", "PAUSED", "/organiser/audit.csv?action=sale"]);
        let file = organiser.get("/organiser/audit.csv").await;
        assert!(file.text.contains("sale.pause") && !file.text.contains(&other.id), "{}", file.text);
    }

    async fn payments_and_refunds_of_another_offering_stay_out_of_reach(db: TestDb) {
        let shop = Shop::open(db).await;
        let (mine, other) = (shop.event().await, shop.event().await);
        let kim = known(&shop, "kim", "kim@example.com").await;
        let (own, foreign) =
            (kim.buy(&mine, &mine.places(1)).await, kim.buy(&other, &other.places(1)).await);
        let finance = member(&shop, "lee", GrantRole::Finance, mine.offering()).await;
        let finance = Browser::of(&shop, &finance);
        let of = |order: &str| format!("/organiser/payments?order={order}");
        let link = |order: &str| format!("/organiser/orders/{order}");
        finance.get(&of(&own)).await.shows(&[&link(&own)]);
        assert!(!finance.get(&of(&foreign)).await.text.contains(&link(&foreign)));
        // A refund of the other order, by the page of one's own.
        let cancel = format!("/api/reservations/{foreign}/cancel");
        shop.admin().post_nothing(&cancel).await.is(200);
        shop.refund_all().await;
        let refunds = "SELECT count(*) FROM refunds WHERE state = 'REFUSED'";
        shop.app.db.sql("UPDATE refunds SET state = 'REFUSED'").await;
        assert_eq!(shop.app.db.count(refunds).await, 1);
        let refund = shop.admin().get("/api/admin/refunds").await.is(200).data[0]["id"].clone();
        let form = [("refund", refund.as_str().unwrap())];
        let retry = |order: &str| format!("{}/retry", link(order));
        assert_eq!(finance.post(&retry(&own), &form).await.status, 404);
        assert_eq!(finance.post(&retry(&foreign), &form).await.status, 403);
        assert_eq!(shop.app.db.count(refunds).await, 1, "nothing was tried again");
        let admin = Browser::of(&shop, &shop.admin());
        admin.post(&retry(&foreign), &form).await.leads_to(&link(&foreign));
        assert_eq!(shop.app.db.count(refunds).await, 0);
    }

    async fn acts_of_pages_name_what_they_made_and_what_was_refused(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = Browser::of(&shop, &shop.admin());
        let made = admin.post("/organiser/events/new", &filled()).await.leads_to("/organiser/events/");
        let event = made.trim_start_matches("/organiser/events/").split('?').next().unwrap();
        let row = async |action: &str| {
            let path = format!("/api/admin/audit-log?action={action}");
            shop.admin().get(&path).await.is(200).data[0].clone()
        };
        let created = row("event.create").await;
        assert_eq!([&created["target"], &created["offeringId"]], [event, event]);
        assert_eq!(created["after"]["id"], event);
        let form = [("key", "1"), ("email", "lee@example.com"), ("role", "DOOR"), ("eventId", event)];
        admin.post("/organiser/team", &form).await.leads_to("/organiser/team");
        let sent = row("invitation.send").await;
        let open = shop.admin().get("/api/admin/invitations").await.is(200).data;
        assert_eq!([&sent["target"], &sent["offeringId"]], [&open[0]["id"], &json!(event)]);
        assert_eq!(sent["after"]["email"], "(not kept)");
        // The door's page shows a refusal, and its row has the code.
        let form = [("code", "0".repeat(64)), ("gate", String::new())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(admin.post(&format!("/door/{event}/check"), &form).await.status, 404);
        assert_eq!(row("ticket.check-in").await["outcome"], "TICKET_NOT_FOUND");
        let form = [("do", "preview"), ("name", "Hall"), ("plan", "")];
        admin.post("/organiser/venues", &form).await;
        assert!(row("venue.draw-plan").await["outcome"].is_string());
    }

    async fn no_form_hides_its_act_below_another_offering_or_name(db: TestDb) {
        let shop = Shop::open(db).await;
        let (a, b) = (shop.event().await, shop.event().await);
        let kim = member(&shop, "kim", GrantRole::Organiser, a.offering()).await;
        let new = NewGrant { user: kim.user, role: GrantRole::Organiser, offering: Some(b.offering()) };
        let state = shop.app.state();
        state.accounts.roles().grant(new, None, None, state.clock.now_ms()).await.unwrap();
        let browser = Browser::of(&shop, &kim);
        let rows = async |of: &str, action: &str| {
            let path = format!("/api/admin/audit-log?offeringId={of}&action={action}");
            shop.admin().get(&path).await.is(200).data.as_array().unwrap().clone()
        };
        let spaced = format!(" {} ", b.id);
        for (nth, event) in [&*b.id, &spaced].into_iter().enumerate() {
            let (key, email) = (nth.to_string(), format!("mole{nth}@example.com"));
            let form = [("key", &*key), ("email", &email), ("role", "ORGANISER"), ("mclassId", &a.id),
                ("offeringId", &a.id), ("eventId", event), ("code", "x"), ("ticket", "x")];
            browser.post("/organiser/team", &form).await.leads_to("/organiser/team");
            assert_eq!(rows(&b.id, "invitation.send").await.len(), nth + 1);
        }
        assert_eq!(rows(&a.id, "invitation.send").await.len(), 0);
        let form = [("key", "9"), ("email", "x@example.com"), ("role", "DOOR"), ("eventId", &*b.id), ("eventId", &*a.id)];
        assert_eq!(browser.post("/organiser/team", &form).await.status, 422);

        let here = format!("/organiser/events/{}", a.id);
        for (action, first, second) in [("sale.pause", "pause", "x"), ("event.cancel", "cancel", "pause")] {
            let form = [("key", first), ("do", first), ("do", second), ("confirm", "햄릿 — Hamlet")];
            browser.post(&format!("{here}/actions"), &form).await.leads_to(&here);
            assert_eq!(rows(&a.id, action).await.len(), 1, "{action}");
        }
    }

    async fn a_person_is_invited_by_a_form_accepts_on_a_page_and_is_removed(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let admin = Browser::of(&shop, &shop.admin());
        let team = format!("/organiser/team?event={}", event.id);
        let form = [("key", "1"), ("email", "not an address"), ("role", "DOOR"), ("eventId", &event.id)];
        let refused = admin.post("/organiser/team", &form).await;
        assert_eq!(refused.status, 422);
        refused.shows(&["id=\"field-email-error\"", "not an address"]);
        let form = [("key", "2"), ("email", "lee@example.com"), ("role", "DOOR"), ("eventId", &event.id)];
        admin.post("/organiser/team", &form).await.leads_to(&team);
        let page = admin.get(&team).await;
        page.shows(&["lee@example.com", "/withdraw"]);
        let (_, id) = page.text.split_once("/organiser/team/invitations/").unwrap();
        let id: InvitationId = id.split('/').next().unwrap().parse().unwrap();
        let state = shop.app.state();
        let row = state.store.invitation_get(id).await.unwrap().unwrap();
        let token = state.accounts.roles().invitation_token(&row);
        let link = format!("/invitation?token={token}");

        let nobody = Browser::without_session(&shop);
        nobody.get(&link).await.leads_to("/sign-in?back=");
        let lee = Browser::of(&shop, &known(&shop, "Lee", "lee@example.com").await);
        lee.get(&link).await.shows(&["Door", "Hamlet", "name=\"token\""]);
        lee.post("/invitation", &[("token", &token)]).await.leads_to("/door");
        assert_eq!(lee.get(&link).await.status, 410);
        let page = admin.get(&team).await;
        page.shows(&["Lee", "/revoke"]);
        let (_, grant) = page.text.split_once("action=\"/organiser/team/").unwrap();
        let grant = grant.split('/').next().unwrap();
        let form = [("eventId", &*event.id)];
        admin.post(&format!("/organiser/team/{grant}/revoke"), &form).await.leads_to(&team);
        assert_eq!(lee.get("/door").await.status, 403);
    }
}
