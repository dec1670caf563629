//! The organiser's pages over HTTP, as a browser without scripts uses them.

use admitone::accounts::Role;
use admitone::ids::UserId;
use admitone::store::NewUser;
use reqwest::header::{COOKIE, LOCATION, REFRESH};
use serde_json::json;

use crate::http::api_client::{Person, Shop};

/// A browser with the session of a person.
pub struct Browser<'a> {
    shop: &'a Shop,
    client: reqwest::Client,
    token: Option<String>,
}

/// A page, or where a form led.
pub struct Page {
    pub status: u16,
    pub text: String,
    pub location: String,
    /// The page that the browser asks for by itself, and when.
    pub refresh: String,
}

impl<'a> Browser<'a> {
    pub fn of(shop: &'a Shop, person: &Person<'_>) -> Self {
        Self { token: Some(person.token().to_owned()), ..Self::without_session(shop) }
    }

    pub fn without_session(shop: &'a Shop) -> Self {
        let none = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(none).build().unwrap();
        Self { shop, client, token: None }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Page {
        let mut request = request.header("Accept", "text/html");
        if let Some(token) = &self.token {
            request = request.header(COOKIE, format!("__Host-admitone={token}"));
        }
        let answer = request.send().await.unwrap();
        let header = |name| answer.headers().get(name).map(|to| to.to_str().unwrap().to_owned());
        let (location, refresh) = (header(LOCATION), header(REFRESH));
        let (location, refresh) = (location.unwrap_or_default(), refresh.unwrap_or_default());
        let status = answer.status().as_u16();
        Page { status, text: answer.text().await.unwrap(), location, refresh }
    }

    pub async fn get(&self, path: &str) -> Page {
        self.send(self.client.get(self.shop.app.url(path))).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(self.shop.app.url(path));
        let request = request.header("Sec-Fetch-Site", "same-origin");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        self.send(request.body(body)).await
    }
}

impl Page {
    #[track_caller]
    pub fn shows(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.text.contains(text), "{text:?} is not on the page:\n{}", self.text);
        }
        self
    }

    #[track_caller]
    pub fn leads_to(&self, start: &str) -> String {
        assert_eq!(self.status, 303, "{}", self.text);
        assert!(self.location.starts_with(start), "{}", self.location);
        self.location.clone()
    }
}

pub async fn known<'a>(shop: &'a Shop, name: &str, email: &str) -> Person<'a> {
    let new = NewUser {
        id: UserId::random(),
        email: email.into(),
        password_hash: "kept elsewhere".into(),
        name: name.into(),
        phone_number: None,
        role: Role::User,
    };
    let id = new.id;
    shop.app.state().store.user_create(new, None, 0).await.unwrap();
    shop.person(id, Role::User)
}

/// A form of an event with numbered seats and standing places.
pub fn filled() -> Vec<(&'static str, &'static str)> {
    vec![
        ("key", "6a1f3a52-8a0e-4c0e-9a55-0d8f6a2b1c3d"),
        ("do", "publish"),
        ("name", "<script>햄릿</script>"),
        ("venue", "Old theatre"),
        ("description", "One\nTwo"),
        ("time_zone", "America/New_York"),
        ("starts", "2035-05-01T19:30"),
        ("ends", ""),
        ("sale_start", ""),
        ("sale_end", "2035-05-01T18:00"),
        ("cancel", "start"),
        ("cancel_until", ""),
        ("refund_percent", "80"),
        ("currency", "usd"),
        ("product-0-name", "Stalls"),
        ("product-0-price", "80.50"),
        ("product-0-stock", ""),
        ("product-0-limit", ""),
        ("product-1-name", "Standing"),
        ("product-1-price", "30"),
        ("product-1-stock", "200"),
        ("product-1-limit", "4"),
        ("section-0-name", "Left"),
        ("section-0-product", "0"),
        ("section-0-rows", "A-C: 10\nD: 5"),
        ("hold_minutes", "7"),
        ("pay_minutes", "10"),
        ("max_places", "8"),
        ("max_per_customer", ""),
        ("waitlist", "on"),
    ]
}

pub fn with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut form = filled();
    for (name, value) in changes {
        match form.iter_mut().find(|(known, _)| known == name) {
            Some(field) => field.1 = value,
            None => form.push((name, value)),
        }
    }
    form
}

on_both_databases! {
    async fn an_event_is_made_on_a_page_once_and_shown_as_it_was_entered(db: TestDb) {
        let shop = Shop::open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        let made = organiser.post("/organiser/events/new", &filled()).await;
        let at = made.leads_to("/organiser/events/");
        // Sent twice, it is still one event.
        assert_eq!(organiser.post("/organiser/events/new", &filled()).await.leads_to("/"), at);

        let id = at.trim_start_matches("/organiser/events/").split('?').next().unwrap().to_owned();
        let event = shop.nobody().get(&format!("/api/events/{id}")).await.is(200).data;
        assert_eq!(event["name"], "<script>햄릿</script>");
        assert_eq!(event["eventDate"], "2035-05-01T23:30:00.000Z");
        assert_eq!(event["saleEndAt"], "2035-05-01T22:00:00.000Z");
        assert_eq!(event["eventEndAt"], "2035-05-02T02:30:00.000Z", "an evening, not a day");
        assert_eq!(event["timeZone"], "America/New_York");
        assert_eq!(event["status"], "SELLING");
        assert_eq!(event["products"][0]["price"], json!({"amount": 8_050, "currency": "USD"}));
        assert_eq!(event["products"][0]["totalStock"], 35);
        assert_eq!(event["products"][1]["maxPerCustomer"], 4);
        assert_eq!(event["cancellation"]["refundPercent"], 80);

        organiser.get(&at).await.shows(&["&lt;script&gt;햄릿", "0 / 235", "$80.50", "The event is made."]);
        organiser.get("/organiser?q=theatre").await.shows(&["&lt;script&gt;햄릿", "0 / 235"]);
        let edit = format!("/organiser/events/{id}/edit");
        organiser.get(&edit).await.shows(&["2035-05-01T19:30", "value=\"Old theatre\""]);

        // Only what changes is changed.
        let form = with(&[("name", "Hamlet"), ("ends", "2035-05-01T22:30"), ("starts", "2035-05-01T20:00")]);
        organiser.post(&edit, &form).await.leads_to(&format!("/organiser/events/{id}"));
        let event = shop.nobody().get(&format!("/api/events/{id}")).await.is(200).data;
        assert_eq!((&event["name"], &event["eventDate"]), (&json!("Hamlet"), &json!("2035-05-02T00:00:00.000Z")));
        assert_eq!(event["eventEndAt"], "2035-05-02T02:30:00.000Z");
        assert_eq!(event["products"][0]["name"], "Stalls");

        // The end that the API chose stays, until the field is emptied.
        let mut body = shop.event_body();
        body["eventDate"] = json!("2035-05-01T10:00:00Z");
        body["timeZone"] = json!("Etc/UTC");
        let by_api = shop.event_from(body).await;
        for (ends, expected) in [("2035-05-02T10:00", "2035-05-02T10:00:00.000Z"), ("", "2035-05-01T13:00:00.000Z")] {
            let form = [("key", ends), ("name", "Macbeth"), ("time_zone", "Etc/UTC"), ("starts", "2035-05-01T10:00"),
                ("ends", ends), ("cancel", "start"), ("refund_percent", "100")];
            let edit = format!("/organiser/events/{}/edit", by_api.id);
            organiser.post(&edit, &form).await.leads_to("/organiser/events/");
            let event = shop.nobody().get(&by_api.path).await.is(200).data;
            assert_eq!((&event["name"], &event["eventEndAt"]), (&json!("Macbeth"), &json!(expected)));
        }

        let add = [("key", "a"), ("do", "add"), ("prefix", "new"), ("new-name", "Late"), ("new-price", "9.99"),
            ("new-stock", "10"), ("new-limit", "")];
        organiser.post(&format!("/organiser/events/{id}/products"), &add).await.leads_to(&edit);
        let event = shop.nobody().get(&format!("/api/events/{id}")).await.is(200).data;
        assert_eq!(event["products"][2]["price"]["amount"], 999);
    }
}

on_both_databases! {
    async fn a_form_says_what_a_failed_payment_does_to_an_order(db: TestDb) {
        let shop = Shop::open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        let new = organiser.get("/organiser/events/new").await;
        new.shows(&["An order whose payment fails", "value=\"KEEP_OPEN\"", "value=\"CANCEL\""]);
        let form = with(&[("on_payment_failure", "CANCEL")]);
        let at = organiser.post("/organiser/events/new", &form).await.leads_to("/organiser/events/");
        let id = at.trim_start_matches("/organiser/events/").split('?').next().unwrap().to_owned();
        let says = async || {
            let event = shop.nobody().get(&format!("/api/events/{id}")).await.is(200).data;
            event["onPaymentFailure"].as_str().unwrap().to_owned()
        };
        assert_eq!(says().await, "CANCEL");
        let edit = format!("/organiser/events/{id}/edit");
        organiser.get(&edit).await.shows(&["<option value=\"CANCEL\" selected"]);

        // A form that does not say it changes nothing of it.
        organiser.post(&edit, &with(&[("key", "b"), ("name", "Hamlet")])).await.leads_to("/organiser");
        assert_eq!(says().await, "CANCEL");
        let form = with(&[("key", "c"), ("name", "Hamlet"), ("on_payment_failure", "KEEP_OPEN")]);
        organiser.post(&edit, &form).await.leads_to("/organiser");
        assert_eq!(says().await, "KEEP_OPEN");
        organiser.get(&edit).await.shows(&["<option value=\"KEEP_OPEN\" selected"]);
        for page in [edit.as_str(), "/organiser/events/new"] {
            let bad = with(&[("key", "d"), ("on_payment_failure", "cancel")]);
            let refused = organiser.post(page, &bad).await;
            assert_eq!(refused.status, 422);
            refused.shows(&["id=\"field-on_payment_failure-error\"", "Old theatre",
                "Choose what happens to an order whose payment fails."]);
        }
        assert_eq!(says().await, "KEEP_OPEN");
    }

    async fn a_refused_form_comes_back_with_what_was_entered(db: TestDb) {
        let shop = Shop::open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        for (changes, input, says) in [
            (vec![("name", " ")], "name", "needs a name"),
            (vec![("starts", "")], "starts", "Say when"),
            (vec![("starts", "2035-03-11T02:30"), ("sale_end", "")], "starts", "does not exist"),
            (vec![("ends", "2035-05-01T19:00")], "ends", "end after it begins"),
            (vec![("time_zone", "Nowhere")], "time_zone", "no time zone"),
            (vec![("product-0-price", "80.505")], "product-0-price", "decimal places"),
            (vec![("product-0-price", "1,00")], "product-0-price", "in digits"),
            (vec![("product-0-price", "₩1,000")], "product-0-price", "another currency"),
            (vec![("product-0-price", "99,999,999,999,999")], "product-0-price", "too high"),
            (vec![("product-1-stock", "10000001")], "product-1-stock", "1 to 10,000,000"),
            (vec![("currency", "us")], "currency", "Currency: Write a currency as three letters"),
            (vec![("section-0-name", "Left"), ("section-1-name", "Left"), ("section-1-product", "0"),
                ("section-1-rows", "A: 1")], "section-1-name", "Section 2, Section: This name is used twice"),
            (vec![("ends", "2035-05-01T22:00"), ("sale_end", "2035-05-01T22:30")], "sale_end", "by the end of the event"),
            (vec![("sale_start", "2035-05-02T19:30"), ("sale_end", "")], "sale_start", "before the event ends"),
            (vec![("sale_start", "2035-05-01T18:00")], "sale_end", "after it opens"),
            (vec![("product-1-stock", "")], "product-1-stock", "how many places"),
            (vec![("product-1-name", "Stalls")], "product-1-name", "this name"),
            (vec![("section-0-rows", "A 10")], "section-0-rows", "a colon"),
            (vec![("section-0-rows", "A: 100000")], "section-0-rows", "1 to 1,000 seats"),
            (vec![("section-0-rows", "1-999999:1")], "section-0-rows", "at most 1,000 rows"),
            (vec![("refund_percent", "101")], "refund_percent", "0 to 100"),
            (vec![("max_places", "65")], "max_places", "from 1 to 64"),
            (vec![("hold_minutes", "43201")], "hold_minutes", "from 1 to 43,200"),
            (vec![("hold_minutes", "x")], "hold_minutes", "whole number"),
        ] {
            let refused = organiser.post("/organiser/events/new", &with(&changes)).await;
            assert_eq!(refused.status, 422, "{changes:?}: {}", refused.location);
            let link = format!("href=\"#field-{input}\"");
            refused.shows(&[&format!("id=\"field-{input}-error\""), "aria-invalid=\"true\""]);
            for raw in ["products[", "seatMap", "saleEndAt", "policy.", "Seconds"] {
                assert!(!refused.text.contains(raw), "{raw}: {changes:?}");
            }
            refused.shows(&[&link, says, "Old theatre", "A-C: 10", "value=\"200\"", "value=\"7\""]
                .into_iter().filter(|text| *text != "A-C: 10" || input != "section-0-rows")
                .filter(|text| *text != "value=\"200\"" || input != "product-1-stock")
                .filter(|text| *text != "value=\"7\"" || input != "hold_minutes").collect::<Vec<_>>());
            assert!(refused.text.contains(&format!("id=\"field-{input}\"")), "{input}");
        }
        let listed = shop.nobody().get("/api/events").await.is(200).data;
        assert_eq!(listed, json!([]));

        // The buttons that add and remove keep everything too.
        let more = organiser.post("/organiser/events/new", &with(&[("do", "add-product")])).await;
        assert_eq!(more.status, 200);
        more.shows(&["id=\"field-product-2-name\"", "value=\"Standing\"", "A-C: 10"]);
        let fewer = organiser.post("/organiser/events/new", &with(&[("do", "remove-product-0")])).await;
        fewer.shows(&["value=\"Standing\"", "id=\"field-product-0-name\""]);
        assert!(!fewer.text.contains("id=\"field-product-1-name\""));
    }
}

on_both_databases! {
    async fn the_organiser_s_pages_are_for_administrators(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let customer = Browser::of(&shop, &shop.customer());
        let nobody = Browser::without_session(&shop);
        let below = format!("/organiser/events/{}", event.id);
        for path in ["", "/edit", "/orders", "/orders.csv", "/holds", "/holds.csv", "/waitlist", "/waitlist.csv", "/seats"] {
            let path = format!("{below}{path}");
            assert_eq!(customer.get(&path).await.status, 403, "{path}");
            nobody.get(&path).await.leads_to("/sign-in?back=");
        }
        for path in ["/organiser", "/organiser/events/new", "/organiser/users"] {
            assert_eq!(customer.get(path).await.status, 403, "{path}");
        }
        let pause = [("key", "k"), ("do", "pause")];
        assert_eq!(customer.post(&format!("{below}/actions"), &pause).await.status, 403);
        assert_eq!(customer.post("/organiser/events/new", &filled()).await.status, 403);
        assert_eq!(shop.nobody().get(&event.path).await.is(200).data["status"], "SELLING");
    }
}

on_both_databases! {
    async fn actions_change_the_sale_and_refusals_say_why(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let organiser = Browser::of(&shop, &shop.admin());
        let buyer = known(&shop, "Kim", "kim@example.com").await;
        buyer.buy(&event, &event.places(2)).await;
        let page = format!("/organiser/events/{}", event.id);
        let act = |form: Vec<(&'static str, String)>| {
            let (organiser, path) = (&organiser, format!("{page}/actions"));
            async move {
                let key = rand::random::<u64>().to_string();
                let mut pairs: Vec<(&str, &str)> = vec![("key", &key)];
                pairs.extend(form.iter().map(|(name, value)| (*name, value.as_str())));
                organiser.post(&path, &pairs).await
            }
        };
        let name = |name: &str| name.to_owned();
        act(vec![("do", name("pause"))]).await.leads_to(&page);
        assert_eq!(shop.nobody().get(&event.path).await.is(200).data["status"], "PAUSED");
        assert_eq!(act(vec![("do", name("pause"))]).await.status, 409);
        let paused = organiser.get(&page).await;
        assert!(paused.text.contains("id=\"action-open\"") && !paused.text.contains("id=\"action-pause\""));
        act(vec![("do", name("open"))]).await.leads_to(&page);
        let open = organiser.get(&page).await;
        assert!(!open.text.contains("id=\"action-open\"") && open.text.contains("id=\"action-pause\""));

        let standing = event.standing().to_owned();
        act(vec![("do", name("block")), ("block-product", standing.clone()), ("block-quantity", name("5"))]).await
            .leads_to(&page);
        assert_eq!(event.counts(&standing).await.blocked, 5);
        act(vec![("do", name("resize")), ("resize-product", standing.clone()), ("total", name("7"))]).await
            .leads_to(&page);
        let refused = act(vec![("do", name("resize")), ("resize-product", standing.clone()), ("total", name("6"))]).await;
        assert_eq!(refused.status, 409);
        act(vec![("do", name("reprice")), ("reprice-product", standing.clone()), ("price", name("₩1,234"))]).await
            .leads_to(&page);
        let refused = act(vec![("do", name("reprice")), ("reprice-product", standing), ("price", name("12.5"))]).await;
        assert_eq!(refused.status, 422);
        // The form that was refused is open, with what was entered and the reason.
        refused.shows(&["id=\"action-reprice\" open", "value=\"12.5\"", "more decimal places"]);

        let seats = vec![("do", name("block-seats")), ("in", name("0")), ("rows", name("A 2-3\nB"))];
        act(seats).await.leads_to(&page);
        assert_eq!(event.counts(event.stalls()).await.blocked, 8);
        act(vec![("do", name("unblock-seats")), ("in", name("0")), ("rows", name("*"))]).await.leads_to(&page);
        assert_eq!(event.counts(event.stalls()).await.blocked, 0);
        let picked = event.seats().await[..2].join(" ");
        act(vec![("do", name("remove-seats")), ("picked", picked)]).await.leads_to(&page);
        act(vec![("do", name("add-row")), ("section", name("1")), ("row", name("Z")), ("row-seats", name("9"))]).await
            .leads_to(&page);
        assert_eq!(event.counts(event.stalls()).await.total, 16 - 2 + 9);

        organiser.get(&page).await.shows(&["1 confirmed orders are cancelled", "₩100,000", "kim@example.com"]);
        assert_eq!(act(vec![("do", name("cancel")), ("confirm", name("Hamlet"))]).await.status, 422);
        assert_eq!(shop.nobody().get(&event.path).await.is(200).data["status"], "SELLING");
        act(vec![("do", name("cancel")), ("confirm", name("햄릿 — Hamlet"))]).await.leads_to(&page);
        assert_eq!(shop.nobody().get(&event.path).await.is(200).data["status"], "CANCELLED");
        organiser.get(&page).await.shows(&["This event is cancelled."]);
    }
}

on_both_databases! {
    async fn orders_are_found_explained_downloaded_and_cancelled(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let organiser = Browser::of(&shop, &shop.admin());
        let formula = known(&shop, "=HYPERLINK(\"http://x\")", "formula@example.com").await;
        let other = known(&shop, "Lee, <b>Ann</b>", "lee@example.org").await;
        let seat = event.seats().await[0].clone();
        let order = formula.buy(&event, &json!({"seats": [seat]})).await;
        shop.clock.advance_ms(1_000);
        other.buy(&event, &event.places(2)).await;
        other.post(&event.at("holds"), &event.places(3)).await.is(201);
        let join = json!({"productId": event.standing(), "partySize": 16});
        formula.post(&event.at("waitlist"), &join).await.is(201);

        let page = format!("/organiser/events/{}", event.id);
        organiser.get(&page).await.shows(&["Places sold so far: 3", "₩190,000", "Lee, &lt;b&gt;Ann&lt;/b&gt;"]);
        let found = organiser.get(&format!("{page}/orders?q=formula&status=CONFIRMED")).await;
        found.shows(&["formula@example.com"]);
        assert!(!found.text.contains("lee@example.org"));

        let csv = organiser.get(&format!("{page}/orders.csv")).await.text;
        assert!(csv.starts_with("\u{FEFF}Order,"), "{csv}");
        let rows: Vec<_> = csv.lines().collect();
        assert_eq!(rows.len(), 3, "{csv}");
        assert!(rows[1].contains(",Paid,\"Lee, <b>Ann</b>\",lee@example.org,2,2 × Standing,100000,KRW,"), "{csv}");
        assert!(rows[2].contains("\"'=HYPERLINK(\"\"http://x\"\")\",formula@example.com,1,"), "{csv}");
        let held = organiser.get(&format!("{page}/holds.csv")).await.text;
        assert!(held.contains("lee@example.org,3 × Standing,"), "{held}");
        let waiting = organiser.get(&format!("{page}/waitlist.csv")).await.text;
        assert!(waiting.contains("formula@example.com,Standing,16"), "{waiting}");
        organiser.get(&format!("{page}/holds")).await.shows(&["3 × Standing"]);
        organiser.get(&format!("{page}/waitlist")).await.shows(&["formula@example.com"]);
        for (list, text, is_found) in [
            ("holds", "LEE@", true), ("holds", "standing", true), ("holds", "kim", false),
            ("waitlist", "formula", true), ("waitlist", "Standing", true), ("waitlist", "lee", false),
        ] {
            let found = organiser.get(&format!("{page}/{list}?q={text}")).await;
            assert_eq!(found.text.contains("role=\"rowheader\""), is_found, "{list} {text}");
            let csv = organiser.get(&format!("{page}/{list}.csv?q={text}")).await.text;
            assert_eq!(csv.lines().count(), 1 + usize::from(is_found), "{csv}");
        }

        let at = format!("/organiser/orders/{order}");
        let ticket = formula.tickets().await[0].clone();
        let gate = json!({"code": ticket["code"], "gate": "North"});
        shop.admin().post("/api/checkins", &gate).await.is(200);
        let shown = organiser.get(&at).await;
        let checked_in = ["Ticket 1, Left, row A, seat 1", "Ticket 1 used<span class=\"hint\">Left, row A, seat 1<"];
        shown.shows(&checked_in);
        let times: Vec<_> = shown.text.rsplit("</time>").skip(1).filter_map(|part| part.rsplit(' ').nth(1)).collect();
        assert!(times.len() >= 5 && times.iter().all(|time| time.len() == "19:30:00".len()), "{times:?}");
        let undo = json!({"ticketId": ticket["id"]});
        shop.admin().post("/api/checkins/undo", &undo).await.is(200);
        shown.shows(&["Places held", "Ordered", "Payment begun", "Paid, tickets issued", "₩90,000 is given back"]);
        assert!(!shown.text.contains("Older entries are not shown"));
        let cancel = [("key", "cancel-1")];
        organiser.post(&format!("{at}/cancel"), &cancel).await.leads_to(&at);
        organiser.get(&at).await.shows(&["Cancelled", "by an organiser", "Given back: ₩90,000"]);
        shop.refund_all().await;
        assert_eq!(formula.balance().await, 90_000);
        assert_eq!(organiser.post(&format!("{at}/cancel"), &[("key", "2")]).await.status, 409);
    }
}

on_both_databases! {
    async fn people_are_found_and_their_wallets_charged_once(db: TestDb) {
        let shop = Shop::open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        let kim = known(&shop, "김민수", "kim@example.com").await;
        known(&shop, "Lee", "lee@example.org").await;
        let found = organiser.get("/organiser/users?q=EXAMPLE.COM").await;
        found.shows(&["김민수", "Customer"]);
        assert!(!found.text.contains("lee@example.org"));
        organiser.get("/organiser/users").await.shows(&["kim@example.com", "lee@example.org"]);

        let at = format!("/organiser/users/{}", kim.user);
        let charge = |amount| [("key", "c1"), ("amount", amount), ("currency", "krw")];
        for _ in 0..2 {
            organiser.post(&format!("{at}/charge"), &charge("5000")).await.leads_to(&at);
        }
        assert_eq!(kim.balance().await, 5_000);
        let warns = "anyone may have registered it";
        organiser.get(&at).await.shows(&["₩5,000", warns, "(not confirmed)"]);
        let confirm = "UPDATE users SET email_confirmed_at = 1 WHERE email = 'kim@example.com'";
        shop.app.db.sql(confirm).await;
        let confirmed = organiser.get(&at).await;
        confirmed.shows(&["Address confirmed"]);
        assert!(!confirmed.text.contains(warns), "{}", confirmed.text);
        let found = organiser.get("/organiser/users?q=example").await.text;
        assert_eq!(found.matches("(not confirmed)").count(), 1, "only that of Lee: {found}");
        for amount in ["0", "-5", "1.5", "much"] {
            assert_eq!(organiser.post(&format!("{at}/charge"), &charge(amount)).await.status, 422, "{amount}");
        }
        assert_eq!(kim.balance().await, 5_000);
    }
}
