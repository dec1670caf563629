//! The search of applications by people, where few and where very many fit.

use serde_json::json;

use super::files::many;
use super::{Desk, names};
use crate::http::api_client::Shop;

on_both_databases! {
    async fn a_search_finds_the_same_people_whether_few_or_many_fit(db: TestDb) {
        const CROWD: u32 = 1_100;
        let shop = Shop::open(db).await;
        let desk = Desk::open(&shop, json!({"capacity": 1})).await;
        let lee = desk.person("이순신 LEE").await;
        let id = desk.enroll(&lee, json!({})).await;
        many(&shop, &desk.class, CROWD).await;
        // The crowd gets accounts; guests have an address alone.
        shop.app.db.sql("INSERT INTO users (id, email, password_hash, name, role, created_at, updated_at)
            SELECT user_id, 'c' || line_rank || '@crowd.example', 'x', 'Crowd ' || line_rank, 'USER', 0, 0
            FROM enrollments WHERE line_rank > 1024 * 10").await;
        shop.app.db.sql("INSERT INTO guests (user_id, email, created_at, updated_at)
            SELECT user_id, 'g' || line_rank || '@crowd.example', 0, 0
            FROM enrollments WHERE line_rank <= 1024 * 10").await;
        for (who, found) in [
            ("crowd", CROWD), ("@crowd.EXAMPLE", CROWD), ("Crowd 1126400", 1), ("g1024@", 1),
            ("순신", 1), ("lee", 1), ("LEE\n", 1), ("순신 lee", 1), ("_", 0), ("crowd%", 0),
        ] {
            let who: String = form_urlencoded::byte_serialize(who.as_bytes()).collect();
            let (mut rows, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("/api/admin/enrollments?mclassId={}&limit=100&search={who}{cursor}", desk.class);
                let page = desk.admin.get(&path).await.is(200);
                rows.extend(page.data.as_array().expect("a list").clone());
                match page.body["meta"]["nextCursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| row["id"].to_string()).collect();
            assert_eq!((rows.len(), ids.len()), (found as usize, found as usize), "{who}");
        }
        // A new name is found at once, and a closed account by nothing of what it was.
        lee.patch("/api/users/me", &json!({"name": "Admiral"})).await.is(200);
        assert_eq!(names(&desk.list("&search=admiral").await), ["Admiral"]);
        assert!(desk.list("&search=%EC%88%9C%EC%8B%A0").await.is_empty());
        desk.cancel(&lee, &id).await;
        lee.delete("/api/users/me").await.is(200);
        for who in ["admiral", "lee@desk"] {
            assert!(desk.list(&format!("&search={who}")).await.is_empty(), "{who}");
        }
    }
}
