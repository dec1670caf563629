//! The organiser's pages of venues and their plans.

use super::organiser::{Browser, with};
use crate::http::api_client::Shop;

const HALL: &str = "Stalls, Gold, 5 x 10, arc\nCircle, Silver, 2 x 20";

fn filled<'a>(plan: &'a str, button: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("key", "5f0f2c1a-0000-4000-8000-000000000001"),
        ("name", "Old <b>theatre</b>"),
        ("place", "Seoul"),
        ("time_zone", "Asia/Seoul"),
        ("plan", plan),
        ("do", button),
    ]
}

on_both_databases! {
    async fn a_plan_is_drawn_before_it_is_saved_and_versions_say_what_changes(db: TestDb) {
        let shop = Shop::open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        let preview = organiser.post("/organiser/venues", &filled(HALL, "preview")).await;
        assert_eq!(preview.status, 200);
        preview.shows(&["Nothing is saved yet.", "<svg", "Gold · 50 seats", "Silver · 40 seats", "Old &lt;b&gt;theatre"]);
        organiser.get("/organiser/venues").await.shows(&["No venues yet."]);

        let at = organiser.post("/organiser/venues", &filled(HALL, "save")).await.leads_to("/organiser/venues/");
        let at = at.split('?').next().unwrap().to_owned();
        organiser.get(&at).await.shows(&["Plan, version 1", "Gold · 50 seats", "no event"]);

        // An event uses the version; a new one says what it changes, and the event keeps its own.
        let venue = at.rsplit('/').next().unwrap().to_owned();
        let mut form: Vec<(&str, &str)> = with(&[("product-1-name", "Silver"), ("product-1-stock", "")]);
        form.retain(|(name, _)| !name.starts_with("section-"));
        for (name, value) in &mut form {
            match *name {
                "product-0-name" => *value = "Gold",
                "time_zone" => *value = "Asia/Seoul",
                _ => {}
            }
        }
        form.push(("plan", &venue));
        organiser.post("/organiser/events/new", &form).await.leads_to("/organiser/events/");
        let wider = "Stalls, Gold, 5 x 12, arc\nBalcony, Silver, 1 x 20";
        let again = [("key", "k2"), ("plan", wider), ("do", "preview")];
        organiser.post(&at, &again).await.shows(&["30 seats added, 40 removed, 0 in another price zone", "Balcony, Circle, Stalls"]);
        let save = [("key", "k2"), ("plan", wider), ("do", "save")];
        organiser.post(&at, &save).await.leads_to(&at);
        organiser.get(&at).await.shows(&[">Stage</text>"]);
        let page = organiser.get(&at).await;
        page.shows(&["Plan, version 2", "30 seats added, 40 removed", "&lt;script&gt;햄릿"]);
        organiser.get(&format!("{at}?version=1")).await.shows(&["Plan, version 1", "Gold · 50 seats"]);
        assert_eq!(organiser.get(&format!("{at}?version=3")).await.status, 404);
        // A new version may begin with the document of another one.
        organiser.get(&format!("{at}?from=2")).await.shows(&["&quot;name&quot;: &quot;Balcony&quot;"]);
    }
}

on_both_databases! {
    async fn a_refused_plan_names_its_line_and_a_venue_can_be_renamed(db: TestDb) {
        let shop = Shop::open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        for (plan, says) in [
            ("Stalls, Gold, 5 x 10\nCircle", "Line 2: write section"),
            ("Stalls, Gold, 5 x 10\n\nCircle, Silver, 2000 x 2", "Line 3, rows: It must be 1 to 1,000"),
            ("Stalls, Gold, 5 x 10\nStalls, Gold, 5 x 10", "Line 2, section: This name is used twice"),
            ("", "1 to 200 lines"),
            ("A, G, 1000 x 150\nB, G, 1000 x 150", "The plan has 300,000 seats; at most 200,000"),
            ("{\"format\":1}", "The JSON is not that of a plan"),
            ("{\"format\":2,\"name\":\"x\",\"zones\":[],\"sections\":[]}", "In the JSON at format"),
        ] {
            for button in ["preview", "save"] {
                let refused = organiser.post("/organiser/venues", &filled(plan, button)).await;
                assert_eq!(refused.status, 422, "{plan}");
                refused.shows(&[says, "id=\"field-plan-error\"", "value=\"Seoul\""]);
                assert!(!refused.text.contains("blocks["), "{plan}");
            }
        }
        let mut nowhere = filled(HALL, "save");
        nowhere[3].1 = "Nowhere";
        organiser.post("/organiser/venues", &nowhere).await
            .shows(&["id=\"field-time_zone-error\"", "no time zone"]);
        organiser.get("/organiser/venues").await.shows(&["No venues yet."]);

        let at = organiser.post("/organiser/venues", &filled(HALL, "save")).await.leads_to("/organiser/venues/");
        let edit = format!("{}/edit", at.split('?').next().unwrap());
        let mut form = vec![("key", "e1"), ("name", "New theatre"), ("place", ""), ("time_zone", "Europe/Berlin")];
        organiser.post(&edit, &form).await.leads_to("/organiser/venues/");
        organiser.get(&at).await.shows(&["<h1>New theatre</h1>", "<p>Europe/Berlin</p>"]);
        (form[0].1, form[1].1) = ("e2", " ");
        let refused = organiser.post(&edit, &form).await;
        assert_eq!(refused.status, 422);
        refused.shows(&["id=\"edit\" open", "Name: It must have 1 to 200 characters"]);
        assert_eq!(Browser::of(&shop, &shop.customer()).post(&edit, &form).await.status, 403);
    }
}
