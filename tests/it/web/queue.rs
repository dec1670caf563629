//! The pages of a waiting room over HTTP, as a browser without scripts uses them.

use admitone::config::MailMode;
use serde_json::json;

use super::organiser::{Browser, Page, known};
use crate::http::api_client::Shop;
use crate::http::queue::abuse::solved;

const RULES: [(&str, &str); 10] = [
    ("opens", ""),
    ("passes", "600"),
    ("active", "1"),
    ("percent", "100"),
    ("pass_seconds", "300"),
    ("silence", "1800"),
    ("bits", "0"),
    ("turns", "5"),
    ("source", ""),
    ("before", ""),
];

/// A form of the rules for a button, with one field changed.
fn rules(
    button: &'static str,
    (input, value): (&str, &'static str),
) -> Vec<(&'static str, &'static str)> {
    let mut form = RULES.to_vec();
    if let Some(field) = form.iter_mut().find(|(name, _)| *name == input) {
        field.1 = value;
    }
    form.push(("do", button));
    form
}

/// Sends a form with a key of its own, as each page has one.
async fn press(browser: &Browser<'_>, at: &str, form: &[(&str, &str)]) -> Page {
    let key = uuid::Uuid::new_v4().to_string();
    let form: Vec<_> = form.iter().copied().chain([("key", key.as_str())]).collect();
    browser.post(at, &form).await
}

on_both_databases! {
    async fn a_visitor_enters_waits_holds_and_leaves_by_forms_alone(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let kim = known(&shop, "Kim", "kim@example.com").await;
        let lee = known(&shop, "Lee", "lee@example.com").await;
        let (kim, lee) = (Browser::of(&shop, &kim), Browser::of(&shop, &lee));
        let nobody = Browser::without_session(&shop);
        let page = format!("/events/{}", event.id);
        let room = format!("{page}/queue");
        let (enter, leave) = (format!("{room}/enter"), format!("{room}/leave"));
        kim.get(&room).await.shows(&["This event has no waiting room now."]);
        assert!(!kim.get(&page).await.text.contains(&room));
        assert_eq!(kim.post(&enter, &[]).await.status, 404);

        let on = json!({"enabled": true, "activeLimit": 1, "passesPerMinute": 600});
        shop.admin().put(&format!("/api/admin/events/{}/queue", event.id), &on).await.is(200);
        kim.get(&page).await.shows(&["This event has a waiting room", &room]);
        let back = format!("back=%2Fevents%2F{}%2Fqueue", event.id);
        nobody.get(&room).await.shows(&[
            &format!("/sign-in?{back}"),
            &format!("/register?{back}"),
        ]);
        let standing = event.standing();
        let hold = [("kind", "lines"), ("productId", standing), ("quantity", "1")];
        let holds = format!("{page}/holds");
        let refused = kim.post(&holds, &hold).await;
        assert_eq!(refused.status, 403);
        refused.shows(&["Please join the queue", &format!("href=\"{room}\"")]);

        let first = kim.get(&room).await;
        assert!(!first.text.contains("http-equiv=\"refresh\""), "nothing is to come by itself");
        first.shows(&[&format!("action=\"{enter}\"")]);
        kim.post(&enter, &[]).await.leads_to(&room);
        kim.get(&room).await.shows(&["<h2>It is your turn</h2>", "<title>It is your turn"]);
        kim.get(&page).await.shows(&["It is your turn until"]);
        lee.get(&page).await.shows(&["This event has a waiting room"]);
        lee.post(&enter, &[]).await.leads_to(&room);
        lee.post(&enter, &[]).await.leads_to(&room);
        let waits = lee.get(&room).await;
        waits.shows(&["<h2>You are in line</h2>", "<noscript><meta http-equiv=\"refresh\""]);
        waits.shows(&["data-queue=\"ahead\">0<", "data-queue=\"total\">1<"]);
        let refused = lee.post(&holds, &hold).await;
        assert_eq!(refused.status, 403);

        kim.post(&holds, &hold).await.leads_to(&format!("{page}?notice=held"));
        kim.get(&room).await.shows(&["You have taken places."]);
        kim.post(&leave, &[]).await.leads_to(&format!("{room}?notice=left_queue"));
        kim.post(&leave, &[]).await.leads_to(&format!("{room}?notice=left_queue"));
        kim.get(&room).await.shows(&["Your turn is over", "Enter again", &page]);
        kim.get(&page).await.shows(&["basket-hold"]);
        shop.clock.advance_ms(1_000);
        shop.sweep().await;
        lee.get(&room).await.shows(&["<h2>It is your turn</h2>"]);
        lee.post(&holds, &hold).await.leads_to(&format!("{page}?notice=held"));
    }

    async fn a_task_before_entering_is_explained_and_its_proof_is_sent_with_the_form(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let organiser = Browser::of(&shop, &shop.admin());
        let at = format!("/organiser/events/{}/queue", event.id);
        press(&organiser, &at, &rules("on", ("bits", "6"))).await.leads_to(&at);
        organiser.get(&at).await.shows(&["name=\"bits\"", "value=\"6\""]);
        let kim = known(&shop, "Kim", "kim@example.com").await;
        let browser = Browser::of(&shop, &kim);
        let room = format!("/events/{}/queue", event.id);
        let enter = format!("{room}/enter");
        browser.get(&room).await.shows(&[
            "<noscript><p class=\"warning\">This event needs scripts",
            "data-task",
            "name=\"proof\"",
        ]);
        for (form, says) in [
            (vec![], "This queue needs scripts"),
            (vec![("proof", "")], "This queue needs scripts"),
            (vec![("proof", "chal_AAAA.1")], "The small task before entering was solved too late"),
        ] {
            let refused = browser.post(&enter, &form).await;
            assert_eq!(refused.status, 403, "{form:?}");
            refused.shows(&[says, "data-task"]);
        }
        let path = format!("/api/queue/{}/challenge", event.id);
        let proof = solved(&kim.get(&path).await.is(200).data);
        browser.post(&enter, &[("proof", &proof)]).await.leads_to(&room);
        browser.get(&room).await.shows(&["<h2>It is your turn</h2>"]);
        press(&organiser, &at, &rules("save", ("bits", "0"))).await.leads_to(&at);
        shop.clock.advance_ms(2_000);
        let lee = Browser::of(&shop, &known(&shop, "Lee", "lee@example.com").await);
        assert!(!lee.get(&room).await.text.contains("data-task"));
        lee.post(&enter, &[]).await.leads_to(&room);
    }

    async fn an_organiser_sets_a_waiting_room_by_forms_alone(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let organiser = Browser::of(&shop, &shop.admin());
        let at = format!("/organiser/events/{}/queue", event.id);
        let customer = Browser::of(&shop, &known(&shop, "Kim", "kim@example.com").await);
        assert_eq!(customer.get(&at).await.status, 403);
        assert_eq!(customer.post(&at, &rules("on", ("", ""))).await.status, 403);
        organiser.get(&format!("/organiser/events/{}", event.id)).await.shows(&[&at]);
        organiser.get(&at).await.shows(&["The waiting room is off.", "name=\"passes\""]);
        for (input, value) in [
            ("passes", "0"),
            ("active", "1000001"),
            ("percent", "2000"),
            ("pass_seconds", "9"),
            ("silence", "99999999999"),
            ("bits", "25"),
            ("bits", "300"),
            ("passes", "many"),
            ("opens", "tomorrow"),
            ("turns", "0"),
            ("before", "last year"),
        ] {
            let refused = press(&organiser, &at, &rules("on", (input, value))).await;
            assert_eq!(refused.status, 422, "{input} {value}");
            refused.shows(&[&format!("id=\"field-{input}-error\""), &format!("value=\"{value}\"")]);
        }
        let long = "x".repeat(101).leak();
        let refused = press(&organiser, &at, &rules("on", ("source", long))).await;
        assert_eq!(refused.status, 422);
        refused.shows(&["id=\"field-source-error\""]);
        press(&organiser, &at, &rules("on", ("", ""))).await.leads_to(&at);
        organiser.get(&at).await.shows(&["The line is open.", "value=\"600\"", "Pause"]);
        press(&organiser, &at, &[("do", "pause")]).await.leads_to(&at);
        organiser.get(&at).await.shows(&["Paused", "Resume"]);
        press(&organiser, &at, &rules("save", ("active", "7"))).await.leads_to(&at);
        organiser.get(&at).await.shows(&["Paused", "value=\"7\""]);
        let mut strict = rules("save", ("before", "2020-01-01T09:00"));
        strict.push(("confirmed", "on"));
        press(&organiser, &at, &strict).await.leads_to(&at);
        organiser.get(&at).await.shows(&["value=\"2020-01-01T09:00\"", "value=\"on\" checked"]);
        let shut = customer.post(&format!("/events/{}/queue/enter", event.id), &[]).await;
        assert_eq!(shut.status, 403);
        shut.shows(&["The organiser does not let this account into the queue."]);
        press(&organiser, &at, &rules("save", ("", ""))).await.leads_to(&at);
        let all = organiser.get(&at).await;
        assert!(!all.text.contains("value=\"on\" checked"), "all may enter again");
        press(&organiser, &at, &[("do", "resume")]).await.leads_to(&at);
        press(&organiser, &at, &[("do", "off")]).await.leads_to(&at);
        organiser.get(&at).await.shows(&["The waiting room is off."]);
        let refused = press(&organiser, &at, &[("do", "pause")]).await;
        assert_eq!(refused.status, 404);
        refused.shows(&["There is no waiting room for this event at present."]);
        assert_eq!(press(&organiser, &at, &[("do", "what")]).await.status, 400);

        let opens = rules("on", ("opens", "2035-05-01T12:00"));
        assert_eq!(press(&organiser, &at, &opens).await.status, 303);
        organiser.get(&at).await.shows(&["value=\"2035-05-01T12:00\"", "The order is drawn at"]);
        customer.post(&format!("/events/{}/queue/enter", event.id), &[]).await.leads_to("/events/");
        let early = customer.get(&format!("/events/{}/queue", event.id)).await;
        early.shows(&["<h2>You are in</h2>", "The order is drawn at", "data-countdown"]);
    }
    async fn an_organiser_lets_guests_go_first_voids_entries_and_makes_an_announced_draw(
        db: TestDb
    ) {
        let shop = Shop::open_with(db, |config| config.mail = Some(MailMode::Keep)).await;
        let event = shop.event().await;
        let organiser = Browser::of(&shop, &shop.admin());
        let at = format!("/organiser/events/{}/queue", event.id);
        let room = format!("/events/{}/queue", event.id);
        let (kim, lee) = (
            known(&shop, "Kim", "kim@example.com").await,
            known(&shop, "Lee", "lee@example.com").await,
        );
        let (kim, lee) = (Browser::of(&shop, &kim), Browser::of(&shop, &lee));
        let on = json!({
            "enabled": true, "paused": true, "opensAt": shop.time_in(60),
            "publicSource": "drand, the round of the opening",
        });
        shop.admin().put(&format!("/api/admin/events/{}/queue", event.id), &on).await.is(200);
        kim.post(&format!("{room}/enter"), &[]).await.leads_to(&room);
        let guests = [("do", "guests"), ("guests", "lee@example.com"), ("guests_reason", "press")];
        shop.app.db.sql("UPDATE users SET email_confirmed_at = 1 WHERE name = 'Lee'").await;
        let early = press(&organiser, &at, &guests).await;
        assert_eq!(early.status, 409, "no guests before the draw: {}", early.text);
        assert!(!organiser.get(&at).await.text.contains("name=\"public_value\""));

        shop.clock.advance_ms(62_000);
        shop.sweep().await;
        shop.app.state().waiting_rooms.tend_once(true).await;
        organiser.get(&at).await.shows(&["drand, the round of the opening", "Make the draw"]);
        let empty = press(&organiser, &at, &[("do", "draw"), ("public_value", " ")]).await;
        assert_eq!(empty.status, 422);
        empty.shows(&["id=\"field-public_value-error\""]);
        let draw = [("do", "draw"), ("public_value", "4 812: 9e1c")];
        press(&organiser, &at, &draw).await.leads_to(&at);
        organiser.get(&at).await.shows(&["The line is open."]);

        for (people, reason, field) in [
            ("lee@example.com, who@example.com", "press", "guests"),
            ("lee", "press", "guests"),
            ("lee@example.com", "", "guests_reason"),
        ] {
            let form = [("do", "guests"), ("guests", people), ("guests_reason", reason)];
            let refused = press(&organiser, &at, &form).await;
            assert_eq!(refused.status, 422, "{people}: {}", refused.text);
            refused.shows(&[&format!("id=\"field-{field}-error\""), people]);
        }
        // Anyone may have registered an address that is not confirmed.
        shop.app.db.sql("UPDATE users SET email_confirmed_at = NULL").await;
        let refused = press(&organiser, &at, &guests).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        refused.shows(&["lee@example.com, or its owner has not confirmed the address"]);
        shop.app.db.sql("UPDATE users SET email_confirmed_at = 1 WHERE name = 'Lee'").await;
        press(&organiser, &at, &guests).await.leads_to(&at);
        lee.get(&room).await.shows(&["data-queue=\"ahead\">0<"]);
        kim.get(&room).await.shows(&["data-queue=\"ahead\">1<"]);
        let void = [("do", "void"), ("void", "KIM@example.com\n"), ("void_reason", "a bot")];
        press(&organiser, &at, &void).await.leads_to(&at);
        kim.get(&room).await.shows(&["Your entry does not count"]);
        let again = press(&organiser, &at, &void).await;
        assert_eq!(again.status, 422, "{}", again.text);
        again.shows(&["id=\"field-void-error\"", "None of them is in this line now."]);
    }
}
