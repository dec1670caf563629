//! Articles: who reads, writes, likes and keeps them, and their feeds.

use admitone::accounts::Caller;
use admitone::ids::{OfferingId, UserId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Person, Shop};

const ARTICLES: &str = "/api/articles";

pub fn article() -> Value {
    json!({
        "title": "The second encore", "content": "They played **everything**.",
        "category": "REVIEW", "tags": ["#Encore", "록 음악"], "isPublished": true,
    })
}

/// Writes an article and returns its path.
pub async fn write(by: &Person<'_>, body: &Value) -> String {
    let made = by.post(ARTICLES, body).await.is(201);
    format!("{ARTICLES}/{}", made.data["id"].as_str().expect("an id"))
}

/// Returns a person without an account.
pub fn guest(shop: &Shop) -> Person<'_> {
    let user = UserId::random();
    let token = shop.app.state().accounts.access_token(Caller::guest(user)).expect("signs");
    shop.with_token(user, token)
}

/// Returns a person with an account that can be closed.
pub async fn registered<'a>(shop: &'a Shop, name: &str) -> Person<'a> {
    let account = json!({"email": format!("{name}@example.com"), "name": name,
        "password": "correct horse battery"});
    let session = shop.nobody().post("/api/auth/register", &account).await.is(201).data;
    let user = session["user"]["id"].as_str().expect("an id").parse().expect("a UUID");
    shop.with_token(user, session["accessToken"].as_str().expect("a token").to_owned())
}

async fn titles(person: &Person<'_>, query: &str) -> Vec<String> {
    let found = person.get(&format!("{ARTICLES}{query}")).await.is(200).data;
    let title = |one: &Value| one["title"].as_str().expect("a title").to_owned();
    found.as_array().expect("a list").iter().map(title).collect()
}

on_both_databases! {
    async fn an_article_is_written_once_per_key_rendered_and_read_by_everyone(db: TestDb) {
        let shop = Shop::open(db).await;
        let kim = registered(&shop, "kim").await;
        let made = kim.post_with_key(ARTICLES, "a", &article()).await.is(201);
        let again = kim.post_with_key(ARTICLES, "a", &article()).await.is(201);
        assert!(again.is_replay() && again.data["id"] == made.data["id"]);
        let path = format!("{ARTICLES}/{}", made.data["id"].as_str().unwrap());
        let read = shop.nobody().get(&path).await.is(200).data;
        assert_eq!(read["html"], "<p>They played <strong>everything</strong>.</p>\n");
        assert_eq!(read["excerpt"], "They played everything.");
        assert_eq!(read["tags"], json!(["encore", "록-음악"]));
        assert_eq!(read["author"], json!({"id": kim.user, "name": "kim"}));
        assert_eq!(read["version"], 1);
        assert_eq!(titles(&shop.nobody(), "?tag=ENCORE&category=REVIEW").await.len(), 1);
        for none in ["?tag=other", "?category=NEWS", &format!("?author={}", UserId::random())] {
            assert!(titles(&kim, none).await.is_empty(), "{none}");
        }
        guest(&shop).post(ARTICLES, &article()).await.refused(403, "ACCOUNT_REQUIRED");
        shop.nobody().post(ARTICLES, &article()).await.refused(401, "UNAUTHORIZED");
        for (field, bad) in [
            ("title", json!("")),
            ("title", json!("x".repeat(201))),
            ("content", json!(" \n ")),
            ("content", json!("x".repeat(50_001))),
            ("content", json!(">".repeat(100))),
            ("category", json!("SPORT")),
            ("tags", json!(vec!["x"; 11])),
            ("tags[0]", json!(["x".repeat(31)])),
            ("concertId", json!(OfferingId::random())),
            ("imageIds", json!([OfferingId::random()])),
        ] {
            let mut body = article();
            body[field.split('[').next().unwrap()] = bad;
            let refused = kim.post(ARTICLES, &body).await.refused(422, "INVALID");
            assert_eq!(refused.body["error"]["details"]["field"], field);
        }
    }

    async fn a_draft_is_its_authors_alone_until_it_is_published(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee, event) = (shop.customer(), shop.customer(), shop.event().await);
        let mut body = article();
        body["isPublished"] = json!(false);
        body["concertId"] = json!(event.id);
        let path = write(&kim, &body).await;
        for other in [&lee, &shop.nobody(), &shop.admin()] {
            other.get(&path).await.refused(404, "NOT_FOUND");
        }
        assert!(kim.get(&path).await.is(200).data["publishedAt"].is_null());
        assert!(titles(&kim, "").await.is_empty());
        lee.post_nothing(&format!("{path}/publish")).await.refused(404, "NOT_FOUND");
        lee.put(&format!("{path}/like"), &json!({})).await.refused(404, "NOT_FOUND");
        let first = kim.post_nothing(&format!("{path}/publish")).await.is(200).data;
        assert_eq!(titles(&lee, &format!("?concertId={}", event.id)).await.len(), 1);
        shop.clock.advance_ms(60_000);
        kim.post_nothing(&format!("{path}/unpublish")).await.is(200);
        lee.get(&path).await.refused(404, "NOT_FOUND");
        let mine = kim.get("/api/users/me/articles").await.is(200).data;
        assert_eq!((&mine[0]["id"], &mine[0]["isPublished"]), (&first["id"], &json!(false)));
        let second = kim.post_nothing(&format!("{path}/publish")).await.is(200).data;
        assert_eq!(second["publishedAt"], first["publishedAt"]);
    }

    async fn of_two_editors_the_second_is_told_and_only_the_author_may_edit(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let path = write(&kim, &article()).await;
        let change = json!({"version": 1, "title": "Once more", "tags": ["new"]});
        let changed = kim.patch(&path, &change).await.is(200).data;
        assert_eq!((&changed["title"], &changed["version"]), (&json!("Once more"), &json!(2)));
        assert_eq!(changed["content"], article()["content"]);
        assert!(titles(&lee, "?tag=encore").await.is_empty());
        assert_eq!(titles(&lee, "?tag=new").await, ["Once more"]);
        let late = kim.patch(&path, &change).await.refused(409, "VERSION_CONFLICT");
        assert_eq!(late.body["error"]["details"]["currentVersion"], 2);
        let of_lee = json!({"version": 2, "title": "Mine"});
        lee.patch(&path, &of_lee).await.refused(404, "NOT_FOUND");
        lee.delete(&path).await.refused(404, "NOT_FOUND");
        kim.delete(&path).await.is(200);
        kim.get(&path).await.refused(404, "NOT_FOUND");
    }

    async fn likes_are_counted_once_per_person_and_order_the_list(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let mut other = article();
        other["title"] = json!("Liked");
        let liked = write(&kim, &other).await;
        shop.clock.advance_ms(1_000);
        write(&kim, &article()).await;
        let like = format!("{liked}/like");
        let answer = lee.put(&like, &json!({})).await.is(200).data;
        assert_eq!(answer, json!({"liked": true, "likesCount": 1}));
        lee.put(&like, &json!({})).await.is(200);
        let two = kim.post_with_key(&like, "k", &json!({})).await.is(200).data;
        assert_eq!(two["likesCount"], 2);
        let retry = kim.post_with_key(&like, "k", &json!({})).await.is(200).data;
        assert_eq!(retry, two, "a retry switches nothing");
        assert_eq!(titles(&kim, "?sort=popular").await, ["Liked", "The second encore"]);
        assert_eq!(titles(&kim, "?sort=recent").await, ["The second encore", "Liked"]);
        let page = kim.get("/api/articles?sort=popular&limit=1").await.is(200);
        let cursor = page.body["meta"]["nextCursor"].as_str().unwrap();
        let next = titles(&kim, &format!("?sort=popular&limit=1&cursor={cursor}")).await;
        assert_eq!(next, ["The second encore"]);
        let off = kim.post_nothing(&like).await.is(200).data;
        assert_eq!(off, json!({"liked": false, "likesCount": 1}));
        assert_eq!(lee.delete(&like).await.is(200).data["likesCount"], 0);
        guest(&shop).post_nothing(&like).await.refused(403, "ACCOUNT_REQUIRED");
    }

    async fn an_article_is_kept_until_it_is_let_go_or_taken_back(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let path = write(&kim, &article()).await;
        let bookmark = format!("{path}/bookmark");
        for _ in 0..2 {
            lee.put(&bookmark, &json!({})).await.is(200);
        }
        let kept = async || lee.get("/api/users/me/bookmarks").await.is(200).data;
        assert_eq!(kept().await[0]["article"]["title"], "The second encore");
        assert_eq!(kept().await.as_array().map(Vec::len), Some(1));
        assert!(lee.get(&path).await.is(200).data["bookmarked"].as_bool().unwrap());
        kim.post_nothing(&format!("{path}/unpublish")).await.is(200);
        assert_eq!(kept().await, json!([]));
        kim.post_nothing(&format!("{path}/publish")).await.is(200);
        lee.delete(&bookmark).await.is(200);
        assert_eq!(kept().await, json!([]));
        guest(&shop).put(&bookmark, &json!({})).await.refused(403, "ACCOUNT_REQUIRED");
    }

    async fn views_are_stored_together_and_count_a_viewer_once(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let (one, two) = (write(&kim, &article()).await, write(&kim, &article()).await);
        for _ in 0..3 {
            for reader in [&kim, &lee, &shop.nobody()] {
                reader.get(&one).await.is(200);
            }
        }
        shop.nobody().get(&two).await.is(200);
        let views = async |path: &str| lee.get(path).await.is(200).data["views"].clone();
        assert_eq!(views(&one).await, 0, "nothing is written while it is read");
        shop.app.state().articles.store_views().await.unwrap();
        assert_eq!((views(&one).await, views(&two).await), (json!(2), json!(1)));
        shop.clock.advance_ms(30 * 60_000);
        assert_eq!(views(&one).await, 2);
        shop.app.state().articles.store_views().await.unwrap();
        assert_eq!(views(&one).await, 3);
    }

    async fn feeds_have_what_is_published_and_are_well_formed(db: TestDb) {
        let shop = Shop::open_with(db, |config| {
            config.public_url = Some("https://tickets.example.com".into());
        }).await;
        let kim = registered(&shop, "kim").await;
        let mut odd = article();
        odd["title"] = json!("<b>Tom & \"Jerry\"</b> ]]> \u{FFFF}");
        let path = write(&kim, &odd).await;
        odd["isPublished"] = json!(false);
        write(&kim, &odd).await;
        for (feed, kind, entry) in [
            ("/feeds/articles.atom", "application/atom+xml", "entry"),
            ("/feeds/articles.rss", "application/rss+xml", "item"),
        ] {
            let answer = shop.nobody().request(Method::GET, feed).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let (tag, sent) = (answer.headers()["etag"].clone(), answer.headers()["content-type"].clone());
            assert!(sent.to_str().unwrap().starts_with(kind), "{sent:?}");
            let text = answer.text().await.unwrap();
            let xml = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let is_entry = |node: &roxmltree::Node<'_, '_>| node.tag_name().name() == entry;
            let entries: Vec<_> = xml.descendants().filter(is_entry).collect();
            assert_eq!(entries.len(), 1, "{text}");
            let child = |name: &str| entries[0].children().find(|it| it.tag_name().name() == name).unwrap();
            assert_eq!(child("title").text(), Some("<b>Tom & \"Jerry\"</b> ]]> "));
            let link = child("link");
            let link = link.attribute("href").or(link.text()).unwrap();
            let id = path.rsplit('/').next().unwrap();
            assert_eq!(link, format!("https://tickets.example.com/articles/{id}"));
            let known = shop.nobody().request(Method::GET, feed).header("If-None-Match", tag);
            assert_eq!(known.send().await.unwrap().status(), 304);
            let other = shop.nobody().request(Method::POST, feed).send().await.unwrap();
            assert_eq!(other.status(), 405);
        }
    }

    async fn a_closed_account_leaves_what_was_published_without_its_author(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (registered(&shop, "kim").await, shop.customer());
        let (published, other) = (write(&kim, &article()).await, write(&lee, &article()).await);
        let mut draft = article();
        draft["isPublished"] = json!(false);
        let draft = write(&kim, &draft).await;
        kim.put(&format!("{other}/like"), &json!({})).await.is(200);
        kim.put(&format!("{other}/bookmark"), &json!({})).await.is(200);
        let comments = format!("{other}/comments");
        kim.post(&comments, &json!({"text": "hello"})).await.is(201);
        kim.delete("/api/users/me").await.is(200);
        assert!(lee.get(&published).await.is(200).data["author"].is_null());
        assert_eq!(lee.get(&other).await.is(200).data["likesCount"], 0);
        let comment = lee.get(&comments).await.is(200).data[0].clone();
        assert!(comment["author"].is_null() && comment["text"] == "hello");
        let state = shop.app.state();
        let draft = draft.rsplit('/').next().unwrap().parse().map(admitone::ids::ArticleId).unwrap();
        assert_eq!(state.store.article_get(draft).await.unwrap(), None);
        let kept = state.store.article_bookmarks(kim.user, None, 10).await.unwrap();
        assert_eq!(kept, []);
    }

    async fn only_pictures_of_ones_own_are_taken(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let image = OfferingId::random();
        upload(&shop, image, kim.user).await;
        let mut body = article();
        body["imageIds"] = json!([image, image]);
        let path = write(&kim, &body).await;
        assert_eq!(kim.get(&path).await.is(200).data["imageIds"], json!([image]));
        lee.post(ARTICLES, &body).await.refused(422, "INVALID");
    }
}

/// Makes the row of a picture, as its upload does.
async fn upload(shop: &Shop, image: OfferingId, by: UserId) {
    let db = &shop.app.db;
    let uuid = |id: uuid::Uuid| match db.is_postgres() {
        true => format!("'{id}'"),
        false => format!("X'{}'", id.simple()),
    };
    let sql = format!(
        "INSERT INTO images (id, created_by, content_type, width, height, bytes, created_at)
         VALUES ({}, {}, 'image/png', 1, 1, 1, 0)",
        uuid(image.0),
        uuid(by.0)
    );
    db.sql(&sql).await;
}
