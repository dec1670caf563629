//! Reports, hidden things and bans.

use serde_json::{Value, json};

use crate::http::api_client::Shop;
use crate::http::articles::{article, guest, registered, write};

const DESK: &str = "/api/admin/moderation";

fn id(path: &str) -> &str {
    path.rsplit('/').next().expect("an id")
}

on_both_databases! {
    async fn a_thing_is_reported_once_per_person_and_closed_by_a_moderator(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee, park, admin) = (shop.customer(), shop.customer(), shop.customer(), shop.admin());
        let at = write(&kim, &article()).await;
        let mut body = json!({"kind": "ARTICLE", "id": id(&at), "reason": "OTHER"});
        body["note"] = json!("It is not true.");
        let first = lee.post_with_key("/api/reports", "r", &body).await.is(201);
        assert!(lee.post_with_key("/api/reports", "r", &body).await.is(201).is_replay());
        lee.post("/api/reports", &body).await.refused(409, "ALREADY_REPORTED");
        shop.clock.advance_ms(1);
        park.post("/api/reports", &body).await.is(201);
        guest(&shop).post("/api/reports", &body).await.refused(403, "ACCOUNT_REQUIRED");
        for (field, bad, status, code) in [
            ("note", json!(""), 422, "INVALID"),
            ("reason", json!("UGLY"), 422, "INVALID"),
            ("id", json!(kim.user), 404, "NOT_FOUND"),
            ("kind", json!("COMMENT"), 404, "NOT_FOUND"),
            ("kind", json!("MESSAGE"), 404, "NOT_FOUND"),
        ] {
            let mut body = body.clone();
            body[field] = bad;
            kim.post("/api/reports", &body).await.refused(status, code);
        }
        let reports = format!("{DESK}/reports");
        lee.get(&reports).await.refused(403, "FORBIDDEN");
        let open = admin.get(&reports).await.is(200).data;
        assert_eq!(open.as_array().map(Vec::len), Some(2));
        assert_eq!((&open[1]["id"], &open[1]["reportsCount"]), (&first.data["id"], &json!(2)));
        let dismiss = format!("{DESK}/dismiss");
        let thing = json!({"kind": "ARTICLE", "id": id(&at)});
        lee.post(&dismiss, &thing).await.refused(403, "FORBIDDEN");
        admin.post(&dismiss, &thing).await.is(200);
        assert_eq!(admin.get(&reports).await.is(200).data, json!([]));
        let closed = admin.get(&format!("{reports}?status=CLOSED&kind=ARTICLE")).await.is(200).data;
        assert_eq!(closed[0]["outcome"], "DISMISSED");
        assert_eq!(closed[0]["closedBy"], json!(admin.user));
        lee.get(&at).await.is(200);
    }

    async fn what_is_hidden_is_shown_to_its_author_and_moderators_alone(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee, admin) = (shop.customer(), shop.customer(), shop.admin());
        let at = write(&kim, &article()).await;
        lee.put(&format!("{at}/bookmark"), &json!({})).await.is(200);
        let body = json!({"kind": "ARTICLE", "id": id(&at), "reason": "ABUSE"});
        lee.post("/api/reports", &body).await.is(201);
        let comment = lee.post(&format!("{at}/comments"), &json!({"text": "rude"})).await.is(201).data;
        let hide = format!("{DESK}/hide");
        let of = |kind: &str, id: &str| json!({"kind": kind, "id": id, "reason": "An insult"});
        let of_comment = comment["id"].as_str().unwrap();
        admin.post(&hide, &of("COMMENT", of_comment)).await.is(200);
        let seen = async |by: &crate::http::api_client::Person<'_>| {
            by.get(&format!("{at}/comments")).await.is(200).data[0].clone()
        };
        let others = seen(&kim).await;
        assert!(others["text"].is_null() && others["author"].is_null() && others["isHidden"] == true);
        for by in [&lee, &admin] {
            let comment = seen(by).await;
            assert_eq!(comment["text"], "rude");
            assert_eq!(comment["hidden"]["reason"], "An insult");
        }
        admin.post(&hide, &of("ARTICLE", id(&at))).await.is(200);
        for path in [at.clone(), format!("{at}/comments")] {
            lee.get(&path).await.refused(404, "NOT_FOUND");
        }
        lee.put(&format!("{at}/like"), &json!({})).await.refused(404, "NOT_FOUND");
        for list in ["/api/articles", "/api/users/me/bookmarks"] {
            assert_eq!(lee.get(list).await.is(200).data, json!([]), "{list}");
        }
        for by in [&kim, &admin] {
            assert_eq!(by.get(&at).await.is(200).data["hidden"]["reason"], "An insult");
        }
        let mine = kim.get("/api/users/me/articles").await.is(200).data;
        assert_eq!(mine[0]["hidden"]["reason"], "An insult");
        let closed = admin.get(&format!("{DESK}/reports?status=CLOSED")).await.is(200).data;
        assert_eq!(closed[0]["outcome"], "HIDDEN");
        admin.post(&hide, &of("ARTICLE", &kim.user.to_string())).await.refused(404, "NOT_FOUND");
        let mut without = of("ARTICLE", id(&at));
        without["reason"] = json!("");
        admin.post(&hide, &without).await.refused(422, "INVALID");
        let thing = json!({"kind": "ARTICLE", "id": id(&at)});
        admin.post(&format!("{DESK}/restore"), &thing).await.is(200);
        lee.get(&at).await.is(200);
        let log = admin.get("/api/admin/audit-log").await.is(200).data;
        let acts: Vec<&Value> = log.as_array().unwrap().iter().map(|act| &act["action"]).collect();
        for act in ["moderation.hide", "moderation.restore"] {
            assert!(acts.contains(&&json!(act)), "{act}: {acts:?}");
        }
    }

    async fn moderators_delete_what_others_wrote_and_that_is_written_down(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, admin) = (shop.customer(), shop.admin());
        let (at, own) = (write(&kim, &article()).await, write(&admin, &article()).await);
        let comment = kim.post(&format!("{at}/comments"), &json!({"text": "x"})).await.is(201).data;
        admin.delete(&format!("/api/comments/{}", comment["id"].as_str().unwrap())).await.is(200);
        admin.delete(&at).await.is(200);
        admin.delete(&own).await.is(200);
        kim.get(&at).await.refused(404, "NOT_FOUND");
        let log = admin.get("/api/admin/audit-log").await.is(200).data;
        let mut acts: Vec<(&str, &str)> = log.as_array().unwrap().iter()
            .map(|act| (act["action"].as_str().unwrap(), act["target"].as_str().unwrap_or_default()))
            .filter(|(action, _)| action.ends_with(".delete"))
            .collect();
        acts.sort_unstable();
        let comment = comment["id"].as_str().unwrap();
        assert_eq!(acts, [("article.delete", id(&at)), ("comment.delete", comment)]);
    }

    async fn a_banned_person_is_told_why_and_until_when(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (registered(&shop, "kim").await, registered(&shop, "lee").await);
        let admin = shop.admin();
        let (at, comments) = (write(&kim, &article()).await, |at: &str| format!("{at}/comments"));
        let bans = format!("{DESK}/bans");
        let until = shop.time_in(3_600);
        let ban = json!({"userId": kim.user, "scope": "COMMENTS", "reason": "Insults", "until": until});
        let made = admin.post_with_key(&bans, "b", &ban).await.is(201).data;
        assert_eq!(admin.post_with_key(&bans, "b", &ban).await.is(201).data, made);
        let said = json!({"text": "x"});
        let refused = kim.post(&comments(&at), &said).await.refused(403, "BANNED");
        let details = &refused.body["error"]["details"];
        assert_eq!(details, &json!({"scope": "COMMENTS", "reason": "Insults", "until": until}));
        kim.post("/api/articles", &article()).await.is(201);
        lee.post(&comments(&at), &said).await.is(201);
        shop.clock.advance_ms(3_600_000);
        let kim = shop.again(&kim, admitone::accounts::Role::User);
        kim.post(&comments(&at), &said).await.is(201);
        let admin = shop.admin();
        assert_eq!(admin.get(&bans).await.is(200).data, json!([]));

        let for_ever = json!({"userId": kim.user, "scope": "ALL", "reason": "Spam"});
        let second = admin.post(&bans, &for_ever).await.is(201).data;
        let change = json!({"version": 1, "title": "x"});
        for refused in [
            kim.post("/api/articles", &article()).await,
            kim.patch(&at, &change).await,
            kim.post(&comments(&at), &said).await,
        ] {
            assert!(refused.refused(403, "BANNED").body["error"]["details"]["until"].is_null());
        }
        let of_kim = admin.get(&format!("{bans}?userId={}&all=true", kim.user)).await.is(200).data;
        assert_eq!(of_kim.as_array().map(Vec::len), Some(2));
        let lift = format!("{bans}/{}", second["id"].as_str().unwrap());
        kim.delete(&lift).await.refused(403, "FORBIDDEN");
        assert!(!admin.delete(&lift).await.is(200).data["liftedAt"].is_null());
        admin.delete(&lift).await.is(200);
        kim.post("/api/articles", &article()).await.is(201);
        for (field, bad) in [
            ("userId", json!(admitone::ids::UserId::random())),
            ("until", json!(shop.time_in(-1))),
            ("roomId", json!(admitone::ids::UserId::random())),
            ("reason", json!("")),
        ] {
            let mut body = for_ever.clone();
            body[field] = bad;
            let refused = admin.post(&bans, &body).await.refused(422, "INVALID");
            assert_eq!(refused.body["error"]["details"]["field"], field);
        }
        admin.delete(&format!("{bans}/{}", kim.user)).await.refused(404, "NOT_FOUND");
    }
}
