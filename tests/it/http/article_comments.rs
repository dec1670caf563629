//! Comments on articles, and replies to them.

use serde_json::{Value, json};

use crate::http::api_client::{Person, Shop};
use crate::http::articles::{article, guest, write};

async fn say(by: &Person<'_>, article: &str, text: &str, parent: &Value) -> Value {
    let body = json!({"text": text, "parentId": parent});
    by.post(&format!("{article}/comments"), &body).await.is(201).data
}

fn path(comment: &Value) -> String {
    format!("/api/comments/{}", comment["id"].as_str().expect("an id"))
}

on_both_databases! {
    async fn comments_have_one_level_of_replies_and_pages(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let at = write(&kim, &article()).await;
        let comments = format!("{at}/comments");
        let body = json!({"text": "first\nof all"});
        let first = lee.post_with_key(&comments, "c", &body).await.is(201);
        let again = lee.post_with_key(&comments, "c", &body).await.is(201);
        assert!(again.is_replay() && again.data == first.data);
        let first = first.data;
        shop.clock.advance_ms(1);
        let reply = say(&kim, &at, "reply", &first["id"]).await;
        shop.clock.advance_ms(1);
        let second = say(&kim, &at, "second", &Value::Null).await;
        assert_eq!(shop.nobody().get(&at).await.is(200).data["commentsCount"], 3);
        let page = shop.nobody().get(&format!("{comments}?limit=1")).await.is(200);
        assert_eq!(page.data[0]["repliesCount"], 1);
        let cursor = page.body["meta"]["nextCursor"].as_str().unwrap();
        let next = shop.nobody().get(&format!("{comments}?cursor={cursor}")).await.is(200).data;
        assert_eq!((next[0]["id"].clone(), next.as_array().map(Vec::len)), (second["id"].clone(), Some(1)));
        let replies = format!("{comments}?parentId={}", first["id"].as_str().unwrap());
        assert_eq!(lee.get(&replies).await.is(200).data[0]["id"], reply["id"]);

        let other = write(&lee, &article()).await;
        for (to, parent) in [(&at, &reply["id"]), (&other, &first["id"])] {
            let body = json!({"text": "x", "parentId": parent});
            kim.post(&format!("{to}/comments"), &body).await.refused(422, "INVALID");
        }
        for bad in ["", " \n", "\u{200b}", &"x".repeat(2_001), "a\u{0}b"] {
            kim.post(&comments, &json!({"text": bad})).await.refused(422, "INVALID");
        }
        kim.post(&comments, &json!({"text": "가".repeat(2_000)})).await.is(201);
        guest(&shop).post(&comments, &body).await.refused(403, "ACCOUNT_REQUIRED");
    }

    async fn only_its_author_changes_a_comment_and_one_with_replies_leaves_a_shell(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let at = write(&kim, &article()).await;
        let comments = format!("{at}/comments");
        let first = say(&lee, &at, "first", &Value::Null).await;
        let reply = say(&kim, &at, "reply", &first["id"]).await;
        kim.patch(&path(&first), &json!({"text": "x"})).await.refused(404, "NOT_FOUND");
        kim.delete(&path(&first)).await.refused(404, "NOT_FOUND");
        let changed = lee.patch(&path(&first), &json!({"text": "changed"})).await.is(200).data;
        assert_eq!(changed["text"], "changed");
        lee.delete(&path(&first)).await.is(200);
        let shell = lee.get(&comments).await.is(200).data[0].clone();
        assert!(shell["isDeleted"] == true && shell["text"].is_null() && shell["author"].is_null());
        assert_eq!(shell["repliesCount"], 1);
        let late = json!({"text": "late", "parentId": first["id"]});
        kim.post(&comments, &late).await.refused(422, "INVALID");
        lee.delete(&path(&first)).await.refused(404, "NOT_FOUND");
        kim.delete(&path(&reply)).await.is(200);
        assert_eq!(lee.get(&comments).await.is(200).data, json!([]), "the shell goes with its last reply");
        assert_eq!(lee.get(&at).await.is(200).data["commentsCount"], 0);
    }
}
