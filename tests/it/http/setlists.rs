//! Setlists: versions with their authors, links, titles, and who was there.

use actix_web::{App, HttpResponse, HttpServer, web};
use admitone::accounts::Caller;
use admitone::config::LinkTitles;
use admitone::ids::UserId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Person, Shop};
use crate::support::test_db::{TestDb, eventually};

const SONG: &str = "https://music.youtube.com/watch?v=dQw4w9WgXcQ";
const TRACK: &str = "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC";

fn setlist(version: u32, songs: &[&str]) -> Value {
    let songs: Vec<Value> = songs.iter().map(|title| json!({ "title": title })).collect();
    json!({ "version": version, "songs": songs })
}

fn titles(of: &Answer) -> Vec<&str> {
    let songs = of.data["songs"].as_array().expect("songs");
    songs.iter().map(|song| song["title"].as_str().expect("a title")).collect()
}

async fn account(shop: &Shop) -> Person<'_> {
    let made = shop.app.registered().await;
    shop.with_token(made.id, made.token)
}

fn guest(shop: &Shop) -> Person<'_> {
    let user = UserId::random();
    let token = shop.app.state().accounts.access_token(Caller::guest(user)).expect("HMAC signs");
    shop.with_token(user, token)
}

on_both_databases! {
    async fn each_change_is_a_version_with_its_author(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let (at, all) = (event.at("setlist"), event.at("setlist/versions"));
        let (kim, lee) = (account(&shop).await, account(&shop).await);
        shop.nobody().get(&at).await.refused(404, "SETLIST_NOT_FOUND");
        let first = kim.put(&at, &setlist(0, &["밤편지", "좋은 날"])).await.is(200);
        assert_eq!(first.data["author"], json!({"id": kim.user, "name": "A Tester"}));
        // A retry is answered as the first time, also when the setlist has changed since.
        let keyed = async || {
            let request = kim.request(Method::PUT, &at).header("Idempotency-Key", "setlist-2");
            Answer::of(request.json(&setlist(1, &["밤편지", "좋은 날", "Eight"]))).await.is(200)
        };
        assert_eq!(keyed().await.data["version"], 2);
        let stale = lee.put(&at, &setlist(1, &["Blueming"])).await;
        let stale = stale.refused(409, "VERSION_CONFLICT");
        assert_eq!(stale.body["error"]["details"]["currentVersion"], 2);
        lee.put(&at, &setlist(2, &["Blueming"])).await.is(200);
        assert_eq!(titles(&keyed().await), ["밤편지", "좋은 날", "Eight"]);
        assert_eq!(titles(&shop.nobody().get(&at).await.is(200)), ["Blueming"]);
        assert_eq!(titles(&shop.nobody().get(&format!("{all}/1")).await.is(200)), ["밤편지", "좋은 날"]);
        shop.nobody().get(&format!("{all}/9")).await.refused(404, "SETLIST_NOT_FOUND");
        // Staff of the event delete it; the versions stay, and the next one counts on.
        lee.delete(&at).await.refused(403, "FORBIDDEN");
        shop.admin().delete(&at).await.is(200);
        shop.nobody().get(&at).await.refused(404, "SETLIST_NOT_FOUND");
        let again = kim.put(&at, &setlist(0, &["Blueming", "Celebrity"])).await.is(200);
        assert_eq!(again.data["version"], 5);
        let page = shop.nobody().get(&format!("{all}?limit=2")).await.is(200);
        let versions = |page: &Answer| -> Vec<(u64, u64, bool)> {
            let list = page.data.as_array().expect("a list").iter();
            list.map(|one| {
                let number = |name: &str| one[name].as_u64().expect("a number");
                (number("version"), number("songs"), one["isDeleted"] == true)
            })
            .collect()
        };
        assert_eq!(versions(&page), [(5, 2, false), (4, 0, true)]);
        let next = page.body["meta"]["nextCursor"].as_str().expect("a cursor");
        let rest = shop.nobody().get(&format!("{all}?cursor={next}")).await.is(200);
        assert_eq!(versions(&rest), [(3, 1, false), (2, 3, false), (1, 2, false)]);
    }

    async fn links_lead_to_music_services_alone(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let at = event.at("setlist");
        let kim = account(&shop).await;
        let mut body = setlist(0, &["Through the Night"]);
        body["songs"][0]["youtubeMusicUrl"] = json!("https://youtu.be/dQw4w9WgXcQ?si=tracker");
        body["songs"][0]["spotifyUrl"] = json!(format!("{TRACK}?si=tracker"));
        body["playlists"] = json!({"spotifyUrl": "https://open.spotify.com/album/4uLU6hMCjMI75M1A2tKUQC"});
        let made = kim.put(&at, &body).await.is(200).data;
        assert_eq!((&made["songs"][0]["youtubeMusicUrl"], &made["songs"][0]["spotifyUrl"]), (&json!(SONG), &json!(TRACK)));
        assert!(made["songs"][0]["spotifyTitle"].is_null(), "the server asks for titles only if it is told to");
        let songs = |song: Value| json!({"version": 1, "songs": [song]});
        for (bad, field) in [
            (songs(json!({"title": "x", "youtubeMusicUrl": "https://evil.example/watch?v=dQw4w9WgXcQ"})), "songs[0].youtubeMusicUrl"),
            (songs(json!({"title": "x", "spotifyUrl": SONG})), "songs[0].spotifyUrl"),
            (songs(json!({"title": " "})), "songs[0].title"),
            (json!({"version": 1, "songs": []}), "songs"),
            (setlist(1, &["x"; 101]), "songs"),
            (json!({"version": 1, "songs": [{"title": "x"}], "playlists": {"youtubeMusicUrl": TRACK}}), "playlists.youtubeMusicUrl"),
        ] {
            let refused = kim.put(&at, &bad).await.refused(422, "INVALID");
            assert_eq!(refused.body["error"]["details"]["field"], field, "{bad}");
        }
        guest(&shop).put(&at, &setlist(1, &["x"])).await.refused(403, "ACCOUNT_REQUIRED");
        shop.nobody().put(&at, &setlist(1, &["x"])).await.refused(401, "UNAUTHORIZED");
        let other = format!("/api/events/{}/setlist", UserId::random());
        kim.put(&other, &setlist(0, &["x"])).await.refused(404, "EVENT_NOT_FOUND");
        assert_eq!(titles(&kim.get(&at).await.is(200)), ["Through the Night"]);
    }

    async fn people_say_where_they_were(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut body = shop.event_body();
        body["eventDate"] = json!(shop.time_in(3_600));
        body["saleEndAt"] = Value::Null;
        let event = shop.event_from(body).await;
        let at = event.at("attendance");
        let (kim, lee) = (account(&shop).await, account(&shop).await);
        let attend = async |person: &Person<'_>| Answer::of(person.request(Method::PUT, &at)).await;
        attend(&kim).await.refused(409, "WRONG_STATE");
        shop.clock.advance_ms(3_600_000);
        attend(&guest(&shop)).await.refused(403, "ACCOUNT_REQUIRED");
        for _ in 0..2 {
            assert_eq!(attend(&kim).await.is(200).data, json!({"attended": true, "count": 1}));
        }
        attend(&lee).await.is(200);
        assert_eq!(shop.nobody().get(&at).await.is(200).data, json!({"attended": false, "count": 2}));
        let mine = kim.get("/api/users/me/attended").await.is(200).data;
        assert_eq!((&mine[0]["eventId"], &mine[0]["name"]), (&json!(event.id), &json!("햄릿 — Hamlet")));
        assert_eq!(lee.delete(&at).await.is(200).data, json!({"attended": false, "count": 1}));
        // Nothing says where a person was once the account is closed.
        let close = kim.request(Method::DELETE, "/api/users/me");
        Answer::of(close.json(&json!({"currentPassword": "correct horse"}))).await.is(200);
        assert_eq!(shop.nobody().get(&at).await.is(200).data["count"], 0);
    }
}

/// A server that knows titles as YouTube and Spotify do.
async fn oembed() -> (String, actix_web::dev::ServerHandle) {
    async fn answer(request: actix_web::HttpRequest) -> HttpResponse {
        let asked = request.uri().to_string();
        // YouTube's oEmbed does not know the host of YouTube Music.
        let knows = ["%2F%2Fwww.youtube.com%2Fwatch", "%2F%2Fopen.spotify.com%2Ftrack"];
        match knows.iter().any(|url| asked.contains(url)) {
            true => HttpResponse::Ok().json(json!({"title": "밤편지 \u{202e}(Live)"})),
            false => HttpResponse::NotFound().finish(),
        }
    }
    let app = || App::new().default_service(web::to(answer));
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}", server.addrs()[0]);
    let server = server.disable_signals().run();
    let handle = server.handle();
    tokio::spawn(server);
    (url, handle)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn titles_of_links_come_from_their_services() {
    let (url, server) = oembed().await;
    let titles = LinkTitles::At(url);
    let shop = Shop::open_with(TestDb::sqlite().await, |config| config.link_titles = titles).await;
    let event = shop.event().await;
    let (at, kim) = (event.at("setlist"), account(&shop).await);
    let song = json!({"title": "Through the Night", "youtubeMusicUrl": SONG, "spotifyUrl": TRACK});
    kim.put(&at, &json!({"version": 0, "songs": [song]})).await.is(200);
    eventually("both titles are known", async || {
        let song = kim.get(&at).await.is(200).data["songs"][0].clone();
        let both = [&song["youtubeMusicTitle"], &song["spotifyTitle"]];
        both.iter().all(|title| **title == "밤편지 (Live)")
    })
    .await;
    server.stop(false).await;
}
