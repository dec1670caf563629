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
        let (id, organiser) = (organiser.user, Browser::of(&shop, &organiser));
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
        let payments = finance.get("/organiser/payments").await;
        assert!(!payments.text.contains("/organiser/payments/notifications"), "{}", payments.text);
        let refused = finance.post(&format!("{here}/actions"), &[("key", "2"), ("do", "open")]).await;
        assert_eq!(refused.status, 403);
        assert_eq!(finance.get(&format!("/door/{}", mine.id)).await.status, 403);

        let door = member(&shop, "park", GrantRole::Door, mine.offering()).await;
        let door = Browser::of(&shop, &door);
        let choice = door.get("/door").await;
        choice.shows(&["Hamlet"]);
        assert!(!choice.text.contains("Macbeth") && !choice.text.contains("\"/organiser\""));
        let refused = door.get(&here).await;
        let back: String = form_urlencoded::byte_serialize(here.as_bytes()).collect();
        refused.shows(&["Your account has no role for this page.", &format!("/sign-in?back={back}")]);
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
        let log = organiser.get("/organiser/audit").await;
        let link = format!("<a href=\"/organiser/events/{}\">햄릿 — Hamlet</a>", mine.id);
        log.shows(&["type=\"date\"", "<select id=\"field-event\"", &link]);
        assert!(!log.text.contains("Macbeth") && !log.text.contains("/organiser/users/"), "{}", log.text);
        let by_id = format!("/organiser/audit?actor={id}");
        log.shows(&["press a name in the list", &format!("<a href=\"{by_id}\">kim</a>")]);
        // An address is an administrator's to search for: the rows would tell whose it is.
        let mut told = Vec::new();
        for address in ["Kim@example.com", "admin@admitone.local", "unknown@example.com"] {
            let log = organiser.get(&format!("/organiser/audit?actor={address}")).await;
            assert_eq!(log.status, 422, "{address}");
            log.shows(&["Only administrators can search by e-mail address."]);
            assert!(!log.text.contains("sale.pause"), "{}", log.text);
            let file = organiser.get(&format!("/organiser/audit.csv?actor={address}")).await;
            assert_eq!(file.status, 422, "{address}");
            let (_, error) = log.text.split_once("id=\"field-actor-error\"").expect("a refusal");
            told.push(error.split("</").next().map(str::to_owned));
        }
        assert!(told.iter().all(|error| *error == told[0]), "{told:?}");
        for (query, is_found) in [
            (&*format!("actor={id}"), true),
            ("actor=0190f5a0-0000-7000-8000-000000000000", false),
            ("from=1970-01-02&to=9000-01-01", true),
            ("to=1970-01-02", false),
            ("from=9000-01-01", false),
        ] {
            let log = organiser.get(&format!("/organiser/audit?{query}")).await;
            assert_eq!((log.status, log.text.contains("sale.pause")), (200, is_found), "{query}");
        }
        for (query, says) in [
            ("actor=kim", "or enter the id of an account"),
            ("from=yesterday", "This is no date."),
            ("to=2026-02-30", "This is no date."),
            ("event=Hamlet", "Choose an event or a class from the list."),
        ] {
            let log = organiser.get(&format!("/organiser/audit?{query}")).await;
            assert_eq!(log.status, 422, "{query}");
            log.shows(&[says]);
            let file = organiser.get(&format!("/organiser/audit.csv?{query}")).await;
            assert_eq!(file.status, 422, "{query}");
        }
        let admin = Browser::of(&shop, &shop.admin());
        let log = admin.get("/organiser/audit?actor=kim@example.com").await;
        log.shows(&["/organiser/users/", "sale.pause", "Macbeth"]);
        let none = admin.get("/organiser/audit?actor=choi@example.com").await;
        assert_eq!((none.status, none.text.contains("sale.pause")), (200, false));
        let neither = admin.get("/organiser/audit?actor=kim").await;
        neither.shows(&["neither an e-mail address nor the id"]);
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
        let form = [("key", "1"), ("email", "lee@example.com"), ("role", "DOOR"), ("offeringId", event)];
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
        // So do forms that are shown again, and the page of a failure.
        let form = [("key", "2"), ("email", "no address"), ("role", "DOOR"), ("offeringId", event)];
        admin.post("/organiser/team", &form).await;
        let refused = async |action: &str, code: &str| {
            let path = format!("/api/admin/audit-log?action={action}");
            let rows = shop.admin().get(&path).await.is(200).data;
            let row = rows.as_array().unwrap().iter().find(|row| row["outcome"] == code).cloned();
            row.unwrap_or_else(|| panic!("{action} {code}: {rows}"))
        };
        let sent = refused("invitation.send", "INVALID").await;
        assert_eq!((&sent["after"]["offeringId"], &sent["after"]["key"]), (&json!(event), &json!(null)));
        let form = [("key", "3"), ("do", "pause")];
        let sale = format!("/organiser/events/{event}/actions");
        admin.post(&sale, &[("key", "4"), ("do", "pause")]).await;
        admin.post(&sale, &form).await;
        refused("sale.pause", "WRONG_STATE").await;
        let nothing = uuid::Uuid::new_v4();
        admin.post(&format!("/organiser/refunds/{nothing}/retry"), &[("key", "5")]).await;
        refused("refund.retry", "NOT_FOUND").await;
        let form = [("do", "preview"), ("name", "Hall"), ("plan", "")];
        admin.post("/organiser/venues", &form).await;
        assert!(row("venue.draw-plan").await["outcome"].is_string());
    }

    async fn an_event_is_chosen_by_name_and_refusals_are_whole_sentences(db: TestDb) {
        let shop = Shop::open(db).await;
        let mine = shop.event().await;
        let mut other = shop.event_body();
        other["name"] = "Macbeth".into();
        shop.clock.advance_ms(1);
        let other = shop.event_from(other).await;
        let class = json!({"title": "Pottery", "location": "Studio", "capacity": 2,
            "startAt": shop.time_in(80_000), "endAt": shop.time_in(97_200), "timeZone": "Asia/Seoul",
            "selectionType": "FIRST_COME"});
        shop.admin().post("/api/mclasses", &class).await.is(201);
        let admin = Browser::of(&shop, &shop.admin());
        let page = admin.get("/organiser/team").await;
        page.shows(&["<select id=\"field-offeringId\"", "Everything (admin", "Macbeth (", "Pottery (", "Event or class"]);
        assert!(page.text.find("Macbeth (") < page.text.find("Hamlet ("), "the newest is first");
        let organiser = member(&shop, "kim", GrantRole::Organiser, mine.offering()).await;
        let page = Browser::of(&shop, &organiser).get("/organiser/team").await;
        page.shows(&["Hamlet (", "Please choose"]);
        assert!(!page.text.contains("Macbeth"), "{}", page.text);
        for (key, role, event, said) in [
            ("1", "DOOR", "", "This role is for one event"),
            ("2", "ADMIN", &*other.id, "choose “Everything”"),
            ("3", "DOOR", "7", "does not exist. Please choose another one."),
            ("4", "DOOR", "0190f5a0-0000-7000-8000-000000000000", "does not exist"),
        ] {
            let form = [("key", key), ("email", "lee@example.com"), ("role", role), ("offeringId", event)];
            let refused = admin.post("/organiser/team", &form).await;
            assert_eq!(refused.status, 422, "{event}");
            refused.shows(&["Event or class: ", said]);
        }
        let form = [("key", "5"), ("email", "lee@example.com"), ("role", "DOOR"), ("offeringId", &*other.id)];
        admin.post("/organiser/team", &form).await.leads_to("/organiser/team?event=");
    }

    async fn many_invitations_of_one_address_are_refused_on_the_form(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let admin = Browser::of(&shop, &shop.admin());
        for key in ["1", "2", "3", "4", "5"] {
            let form = [("key", key), ("email", "lee@example.com"), ("role", "DOOR"), ("offeringId", &*event.id)];
            admin.post("/organiser/team", &form).await.leads_to("/organiser/team");
        }
        let form = [("key", "6"), ("email", "lee@example.com"), ("role", "DOOR"), ("offeringId", &*event.id)];
        let refused = admin.post("/organiser/team", &form).await;
        assert_eq!(refused.status, 429);
        refused.shows(&["id=\"field-email-error\"", "lee@example.com", "Please try again in 60"]);
    }

    async fn taking_a_role_away_asks_by_name_and_the_last_administrator_stays(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        member(&shop, "kim", GrantRole::Door, event.offering()).await;
        let admin = Browser::of(&shop, &shop.admin());
        let page = admin.get("/organiser/team").await;
        page.shows(&["<details>", "Take the role “Door” (햄릿 — Hamlet) away from kim?", "The last administrator stays."]);
        assert_eq!(page.text.matches("/revoke\"").count(), 1, "{}", page.text);
        let grants = shop.admin().get("/api/admin/grants").await.is(200).data;
        let is_admin = |grant: &&serde_json::Value| grant["role"] == "ADMIN";
        let last = grants.as_array().unwrap().iter().find(is_admin).unwrap()["id"].clone();
        let path = format!("/organiser/team/{}/revoke", last.as_str().unwrap());
        let refused = admin.post(&path, &[]).await;
        assert_eq!(refused.status, 409);
        refused.shows(&["This is the last administrator"]);
        let kim = known(&shop, "lee", "lee@example.com").await;
        let state = shop.app.state();
        let new = NewGrant { user: kim.user, role: GrantRole::Admin, offering: None };
        state.accounts.roles().grant(new, None, None, state.clock.now_ms()).await.unwrap();
        let page = admin.get("/organiser/team").await;
        assert_eq!(page.text.matches("/revoke\"").count(), 3, "{}", page.text);
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
                ("eventId", &a.id), ("offeringId", event), ("code", "x"), ("ticket", "x")];
            browser.post("/organiser/team", &form).await.leads_to("/organiser/team");
            assert_eq!(rows(&b.id, "invitation.send").await.len(), nth + 1);
        }
        assert_eq!(rows(&a.id, "invitation.send").await.len(), 0);
        let form = [("key", "9"), ("email", "x@example.com"), ("role", "DOOR"), ("offeringId", &*b.id), ("offeringId", &*a.id)];
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
        let form = [("key", "1"), ("email", "not an address"), ("role", "DOOR"), ("offeringId", &event.id)];
        let refused = admin.post("/organiser/team", &form).await;
        assert_eq!(refused.status, 422);
        refused.shows(&["id=\"field-email-error\"", "not an address"]);
        let form = [("key", "2"), ("email", "lee@example.com"), ("role", "DOOR"), ("offeringId", &event.id)];
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
        let page = nobody.get(&link).await;
        page.shows(&["invites you. Your role: Door. It is for: 햄릿 — Hamlet.", "/sign-in?back=", "/register?back="]);
        let back: String = form_urlencoded::byte_serialize(link.as_bytes()).collect();
        for form in ["sign-in", "register"] {
            let page = nobody.get(&format!("/{form}?back={back}")).await;
            page.shows(&["value=\"lee@example.com\""]);
        }
        let other = format!("/invitation?token={}", "0".repeat(64));
        let back: String = form_urlencoded::byte_serialize(other.as_bytes()).collect();
        let page = nobody.get(&format!("/sign-in?back={back}")).await;
        assert!(page.status == 200 && !page.text.contains("lee@"), "{}", page.text);
        let lee = Browser::of(&shop, &known(&shop, "Lee", "lee@example.com").await);
        lee.get(&link).await.shows(&["Door", "Hamlet", "name=\"token\""]);
        let confirmed = "SELECT count(*) FROM users WHERE email_confirmed_at IS NOT NULL";
        let before = shop.app.db.count(confirmed).await;
        let door = lee.post("/invitation", &[("token", &token)]).await.leads_to("/door?notice=");
        assert_eq!(shop.app.db.count(confirmed).await, before + 1, "the mailed link proved the address");
        lee.get(&door).await.shows(&["The role is yours."]);
        assert_eq!(lee.get(&link).await.status, 410);
        let page = admin.get(&team).await;
        page.shows(&["Lee", "/revoke"]);
        let (_, grant) = page.text.split_once("action=\"/organiser/team/").unwrap();
        let grant = grant.split('/').next().unwrap();
        let form = [("offeringId", &*event.id)];
        admin.post(&format!("/organiser/team/{grant}/revoke"), &form).await.leads_to(&team);
        assert_eq!(lee.get("/door").await.status, 403);
    }
}
