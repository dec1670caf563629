//! What fans see of events beside their sales, the artists, and series.

use admitone::clock::Clock;
use serde_json::{Value, json};

use super::api_client::{Event, Shop};

const HOUR: i64 = 3_600_000;

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["eventId"].as_str().unwrap()).collect()
}

async fn artist(shop: &Shop, name: &str) -> String {
    let made = shop.admin().post("/api/artists", &json!({"name": name})).await.is(201).data;
    made["id"].as_str().unwrap().to_owned()
}

/// An event that begins so many hours from now, and lasts for two.
async fn begins<'a>(shop: &'a Shop, name: &str, hours: i64) -> Event<'a> {
    let at = |hours: i64| admitone::http::respond::rfc3339(shop.clock.now_ms() + hours * HOUR);
    let mut body = shop.event_body();
    body["name"] = json!(name);
    body["eventDate"] = json!(at(hours));
    body["eventEndAt"] = json!(at(hours + 2));
    shop.event_from(body).await
}

on_both_databases! {
    async fn an_organiser_says_what_fans_see_of_an_event(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let at = event.at("concert");
        let plain = shop.nobody().get(&at).await.is(200).data;
        assert_eq!(plain["stage"], "UPCOMING");
        assert_eq!(plain["category"], Value::Null);
        assert_eq!(plain["likesCount"], 0);
        assert_eq!(plain["ticketOpenDate"], shop.nobody().get(&format!("/api/events/{}", event.id)).await.is(200).data["saleStartAt"]);
        assert!(plain["priceTiers"][0]["price"]["amount"].is_i64(), "{plain}");

        let (one, two) = (artist(&shop, "아이유").await, artist(&shop, "Guest").await);
        let series = admin.post("/api/series", &json!({"name": "World tour"})).await.is(201).data;
        let body = json!({"category": "CONCERT", "artistIds": [two, one], "seriesId": series["id"],
            "ticketLinks": [{"name": "Hall", "url": "https://tickets.example.com/1"}],
            "ticketOpenDate": "2030-01-01T10:00:00.000Z"});
        shop.customer().put(&at, &body).await.refused(403, "FORBIDDEN");
        let put = admin.put(&at, &body).await.is(200).data;
        assert_eq!(put["artists"], json!([{"id": two, "name": "Guest"}, {"id": one, "name": "아이유"}]));
        assert_eq!(put["ticketLinks"], body["ticketLinks"]);
        assert_eq!(put["ticketOpenDate"], body["ticketOpenDate"]);
        assert_eq!(shop.nobody().get(&at).await.is(200).data, put);
        shop.customer().put(&event.at("like"), &json!({})).await.is(200);
        assert_eq!(shop.nobody().get(&at).await.is(200).data["likesCount"], 1);
        let dates = shop.nobody().get(&format!("/api/series/{}", series["id"].as_str().unwrap())).await.is(200).data;
        assert_eq!(ids(&dates["dates"]), [event.id.as_str()]);

        for (field, value) in [
            ("category", json!("OPERA")),
            ("artistIds", json!([one, one])),
            ("artistIds", json!(["0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d"])),
            ("seriesId", json!("0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d")),
            ("posterId", json!("0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d")),
            ("ticketLinks", json!([{"name": "x", "url": "javascript:alert(1)"}])),
            ("ticketLinks", json!([{"name": "x", "url": "https://a:b@example.com"}])),
            ("ticketOpenDate", json!("yesterday")),
        ] {
            let mut wrong = body.clone();
            wrong[field] = value;
            admin.put(&at, &wrong).await.refused(422, "INVALID");
        }
        assert_eq!(shop.nobody().get(&at).await.is(200).data["artists"], put["artists"]);
        for taken in [format!("/api/artists/{one}"), format!("/api/series/{}", series["id"].as_str().unwrap())] {
            admin.delete(&taken).await.refused(409, "WRONG_STATE");
        }
        admin.delete(&at).await.is(200);
        admin.delete(&at).await.is(200);
        let bare = shop.nobody().get(&at).await.is(200).data;
        assert_eq!(bare["artists"], json!([]));
        assert_eq!(bare["likesCount"], 1, "likes are not what the organiser says");
        admin.delete(&format!("/api/artists/{one}")).await.is(200);
        shop.nobody().get(&format!("/api/artists/{one}")).await.refused(404, "NOT_FOUND");
        shop.nobody().get("/api/events/0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d/concert").await
            .refused(404, "EVENT_NOT_FOUND");
    }

    async fn concerts_are_listed_by_artist_category_place_time_and_stage(db: TestDb) {
        let shop = Shop::open(db).await;
        let (admin, nobody) = (shop.admin(), shop.nobody());
        let (late, early) = (begins(&shop, "Late", 72).await, begins(&shop, "Early", 24).await);
        let gone = begins(&shop, "Gone", 48).await;
        let name = artist(&shop, "아이유").await;
        admin.put(&late.at("concert"), &json!({"category": "MUSICAL", "artistIds": [name]})).await.is(200);
        admin.delete(&format!("/api/events/{}", gone.id)).await.is(200);
        for who in [shop.customer(), shop.customer()] {
            who.put(&late.at("like"), &json!({})).await.is(200);
        }
        shop.customer().put(&gone.at("like"), &json!({})).await.is(200);
        let (late_id, early_id, gone_id) = (&*late.id, &*early.id, &*gone.id);
        for (query, found) in [
            ("", vec![early_id, gone_id, late_id]),
            ("?sort=recent", vec![gone_id, early_id, late_id]),
            ("?sort=popular", vec![late_id, gone_id, early_id]),
            (&format!("?artist={name}"), vec![late_id]),
            ("?category=MUSICAL", vec![late_id]),
            ("?category=PLAY", vec![]),
            ("?stage=CANCELLED", vec![gone_id]),
            ("?stage=UPCOMING", vec![early_id, late_id]),
            ("?stage=ONGOING", vec![]),
            ("?place=nowhere", vec![]),
        ] {
            if query == "?category=PLAY" {
                nobody.get(&format!("/api/concerts{query}")).await.refused(422, "INVALID");
                continue;
            }
            let listed = nobody.get(&format!("/api/concerts{query}")).await.is(200);
            assert_eq!(ids(&listed.data), found, "{query}");
        }
        for sort in ["date", "recent", "popular"] {
            let whole = nobody.get(&format!("/api/concerts?sort={sort}")).await.is(200);
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            for _ in 0..4 {
                let page = format!("/api/concerts?sort={sort}&limit=1{cursor}");
                let page = nobody.get(&page).await.is(200);
                seen.extend(ids(&page.data).into_iter().map(str::to_owned));
                let next = page.body["meta"]["nextCursor"].as_str().map(str::to_owned);
                let Some(next) = next else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(seen, ids(&whole.data), "{sort}: page by page");
        }
        shop.clock.advance_ms(25 * HOUR);
        let stage = |event: &Event<'_>| { let at = event.at("concert"); let nobody = shop.nobody();
            async move { nobody.get(&at).await.is(200).data["stage"].clone() } };
        assert_eq!(stage(&early).await, "ONGOING");
        assert_eq!(ids(&nobody.get("/api/concerts?stage=ONGOING").await.is(200).data), [early_id]);
        shop.clock.advance_ms(HOUR);
        assert_eq!(stage(&early).await, "COMPLETED");
        assert_eq!(stage(&gone).await, "CANCELLED");
        nobody.get("/api/concerts?cursor=x").await.refused(422, "INVALID");
    }

    async fn artists_are_added_once_changed_and_found(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let body = json!({"name": " 아이유 ", "otherNames": ["IU"], "description": "Singer"});
        let one = admin.post_with_key("/api/artists", "a", &body).await.is(201).data;
        let again = admin.post_with_key("/api/artists", "a", &body).await.is(201).data;
        assert_eq!((&one["id"], &one["name"]), (&again["id"], &json!("아이유")));
        let at = format!("/api/artists/{}", one["id"].as_str().unwrap());
        admin.patch(&at, &json!({"description": "Actor"})).await.is(200);
        let read = shop.nobody().get(&at).await.is(200).data;
        assert_eq!((&read["description"], &read["otherNames"]), (&json!("Actor"), &json!(["IU"])));
        for q in ["iu", "아이", ""] {
            let found = shop.nobody().get(&format!("/api/artists?q={q}")).await.is(200).data;
            assert_eq!(found.as_array().unwrap().len(), 1, "{q}");
        }
        let none = shop.nobody().get("/api/artists?q=%25").await.is(200).data;
        assert_eq!(none, json!([]));
        for wrong in [json!({"name": ""}), json!({"name": "x", "imageId": shop.customer().user})] {
            admin.post("/api/artists", &wrong).await.refused(422, "INVALID");
        }
        shop.customer().post("/api/artists", &body).await.refused(403, "FORBIDDEN");
        admin.delete(&at).await.is(200);
        admin.delete(&at).await.refused(404, "NOT_FOUND");
    }
}
