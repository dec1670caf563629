//! The chat: rooms over HTTP, messages over sockets.

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::http::api_client::{Answer, Person, Shop};
use crate::support::chat_client::ChatClient;
use crate::support::test_db::TestDb;

async fn account(shop: &Shop) -> Person<'_> {
    let made = shop.app.registered().await;
    shop.with_token(made.id, made.token)
}

async fn room(owner: &Person<'_>, is_private: bool) -> String {
    let body = json!({"name": "Row 7", "description": "", "isPrivate": is_private});
    let made = owner.post("/api/chat/rooms", &body).await.is(201).data;
    assert_eq!(made["membership"]["role"], "OWNER");
    made["id"].as_str().expect("an id").to_owned()
}

fn at(room: &str, rest: &str) -> String {
    format!("/api/chat/rooms/{room}{rest}")
}

async fn socket(shop: &Shop, person: &Person<'_>) -> ChatClient {
    ChatClient::connect(&shop.app.url(""), person.token()).await
}

fn contents(answer: &Answer) -> Vec<String> {
    let list = answer.data.as_array().expect("a list").iter();
    list.map(|message| message["content"].as_str().expect("a text").to_owned()).collect()
}

on_both_databases! {
    async fn a_message_is_stored_and_told_once_and_again_after_a_pause(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (account(&shop).await, account(&shop).await);
        let room = room(&kim, false).await;
        let (mut of_kim, mut of_lee) = (socket(&shop, &kim).await, socket(&shop, &lee).await);
        of_kim.join(&room, None).await;
        let joined = of_lee.join(&room, None).await;
        assert_eq!((&joined["rev"], &joined["present"]), (&json!(0), &json!(2)));
        let named = json!({"roomId": room, "content": "자리 있어요?", "nonce": "a1"});
        of_kim.ask("sendMessage", named.clone()).await;
        let first = of_lee.expect("message").await;
        assert_eq!((&first["content"], &first["author"]["name"]), (&json!("자리 있어요?"), &json!("A Tester")));
        assert_eq!(of_kim.expect("message").await, first, "also for its author");
        // Sent again, it is the same message: its author is answered with it, and no one is told twice.
        of_kim.ask("sendMessage", named).await;
        assert_eq!(of_kim.expect("message").await, first);
        of_lee.drop_it();
        let reply = json!({"roomId": room, "content": "네", "replyToMessageId": first["id"]});
        of_kim.ask("sendMessage", reply).await;
        let second = of_kim.expect("message").await;
        assert_eq!((&second["content"], &second["replyToMessageId"]), (&json!("네"), &first["id"]));
        let edit = json!({"roomId": room, "messageId": first["id"], "content": "자리 있나요?"});
        of_kim.ask("editMessage", edit).await;
        let edited = of_kim.expect("messageChanged").await;
        assert_eq!((&edited["isEdited"], &edited["seq"]), (&json!(true), &first["seq"]));
        // One who comes back gets what followed the last change seen, and nothing else.
        let mut of_lee = socket(&shop, &lee).await;
        of_lee.join(&room, first["rev"].as_u64()).await;
        assert_eq!(of_lee.expect("message").await, second);
        assert_eq!(of_lee.expect("messageChanged").await, edited);
        // The history agrees, in pages.
        let newest = kim.get(&at(&room, "/messages?limit=1")).await.is(200);
        assert_eq!(contents(&newest), ["네"]);
        let next = newest.body["meta"]["nextCursor"].as_str().expect("a cursor");
        let older = kim.get(&at(&room, &format!("/messages?limit=1&cursor={next}"))).await.is(200);
        assert_eq!(contents(&older), ["자리 있나요?"]);
        assert_eq!(contents(&kim.get(&at(&room, "/messages?after=0")).await.is(200)), ["자리 있나요?", "네"]);
    }

    async fn what_is_unread_is_counted_until_it_is_read(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (account(&shop).await, account(&shop).await);
        let room = room(&kim, false).await;
        lee.post_nothing(&at(&room, "/join")).await.is(200);
        for text in ["하나", "둘", "셋"] {
            kim.post(&at(&room, "/messages"), &json!({"content": text})).await.is(201);
        }
        let mine = lee.get("/api/chat/rooms?mine=true").await.is(200).data;
        assert_eq!((&mine[0]["id"], &mine[0]["unread"]), (&json!(room), &json!(3)));
        assert_eq!(kim.get(&at(&room, "")).await.is(200).data["unread"], 0, "own ones are read");
        let all = lee.get(&at(&room, "/messages")).await.is(200).data;
        lee.put(&at(&room, "/read"), &json!({"seq": all[1]["seq"]})).await.is(200);
        assert_eq!(lee.get(&at(&room, "")).await.is(200).data["unread"], 1);
        // A message that was deleted is not unread, and its content is gone.
        let last = all[0]["id"].as_str().expect("an id");
        lee.delete(&at(&room, &format!("/messages/{last}"))).await.refused(403, "CHAT_NOT_ALLOWED");
        let gone = kim.delete(&at(&room, &format!("/messages/{last}"))).await.is(200).data;
        assert_eq!((&gone["content"], &gone["isDeleted"]), (&json!(""), &json!(true)));
        assert_eq!(lee.get(&at(&room, "")).await.is(200).data["unread"], 0);
        kim.delete(&at(&room, &format!("/messages/{last}"))).await.refused(404, "NOT_FOUND");
        // A retry with its key is stored once.
        for _ in 0..2 {
            let body = json!({"content": "한 번"});
            lee.post_with_key(&at(&room, "/messages"), "once", &body).await.is(201);
        }
        assert_eq!(contents(&kim.get(&at(&room, "/messages?limit=1")).await.is(200)), ["한 번"]);
        let count = kim.get(&at(&room, "/messages")).await.is(200);
        assert_eq!(contents(&count).len(), 4);
        // Those who have closed their account have no name, and are no members.
        let close = lee.request(Method::DELETE, "/api/users/me");
        Answer::of(close.json(&json!({"currentPassword": "correct horse"}))).await.is(200);
        let left = kim.get(&at(&room, "/messages?limit=1")).await.is(200).data;
        assert!(left[0]["author"]["name"].is_null(), "{left}");
        assert_eq!(kim.get(&at(&room, "/members")).await.is(200).data.as_array().unwrap().len(), 1);
    }

    async fn private_rooms_are_for_those_who_are_invited_and_bans_hold(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, lee) = (account(&shop).await, account(&shop).await);
        let room = room(&kim, true).await;
        lee.get(&at(&room, "")).await.refused(404, "NOT_FOUND");
        lee.post_nothing(&at(&room, "/join")).await.refused(404, "NOT_FOUND");
        lee.get(&at(&room, "/messages")).await.refused(404, "NOT_FOUND");
        let public = lee.get("/api/chat/rooms").await.is(200).data;
        assert_eq!(public, json!([]));
        kim.post(&at(&room, "/members"), &json!({"memberId": lee.user})).await.is(200);
        let mut of_lee = socket(&shop, &lee).await;
        of_lee.join(&room, None).await;
        lee.patch(&at(&room, ""), &json!({"name": "Mine"})).await.refused(403, "CHAT_NOT_ALLOWED");
        let ban = json!({"memberId": lee.user, "until": shop.time_in(3_600), "reason": "be kind"});
        lee.post(&at(&room, "/bans"), &json!({"memberId": kim.user, "reason": "x"})).await.refused(403, "CHAT_NOT_ALLOWED");
        kim.post(&at(&room, "/bans"), &ban).await.is(200);
        let out = of_lee.expect("leftRoom").await;
        assert_eq!((&out["roomId"], &out["reason"]), (&json!(room), &json!("be kind")));
        of_lee.ask("joinRoom", json!({"roomId": room})).await;
        let refused = of_lee.expect("error").await;
        assert_eq!((&refused["code"], &refused["details"]["until"]), (&json!("CHAT_BANNED"), &ban["until"]));
        lee.post(&at(&room, "/messages"), &json!({"content": "?"})).await.refused(403, "CHAT_BANNED");
        lee.post_nothing(&at(&room, "/leave")).await.refused(403, "CHAT_BANNED");
        let past = json!({"memberId": lee.user, "until": shop.time_in(-1), "reason": "x"});
        kim.post(&at(&room, "/bans"), &past).await.refused(422, "INVALID");
        kim.delete(&at(&room, &format!("/bans/{}", lee.user))).await.is(200);
        lee.get(&at(&room, "")).await.refused(404, "NOT_FOUND");
        // A closed room is gone for everyone.
        let mut of_kim = socket(&shop, &kim).await;
        of_kim.join(&room, None).await;
        kim.delete(&at(&room, "")).await.is(200);
        of_kim.expect("roomClosed").await;
        kim.get(&at(&room, "")).await.refused(404, "NOT_FOUND");
    }

    async fn a_concert_has_one_room_that_makes_itself(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, account(&shop).await);
        let path = event.at("chat");
        let rooms = futures_util::future::join_all((0..4).map(|_| kim.get(&path))).await;
        let first = rooms.into_iter().map(|room| room.is(200).data);
        let first: Vec<Value> = first.map(|room| room["id"].clone()).collect();
        assert!(first.iter().all(|id| *id == first[0]), "{first:?}");
        let listed = async || kim.get("/api/chat/rooms").await.is(200).data;
        assert_eq!(listed().await, json!([]), "an empty room is in no list");
        let room = first[0].as_str().expect("an id");
        kim.post_nothing(&at(room, "/join")).await.is(200);
        kim.post(&at(room, "/messages"), &json!({"content": "!"})).await.is(201);
        let listed = listed().await;
        assert_eq!((&listed[0]["kind"], &listed[0]["eventId"]), (&json!("CONCERT"), &json!(event.id)));
        shop.nobody().get(&path).await.refused(401, "UNAUTHORIZED");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_is_opened_as_the_api_is_and_ends_with_its_session() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let kim = account(&shop).await;
    let url = shop.app.url("");
    assert_eq!(ChatClient::with_headers(&url, &[]).await.err(), Some(401));
    let cookie = format!("__Host-admitone={}", kim.token());
    let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert_eq!(ChatClient::with_headers(&url, &foreign).await.err(), Some(403));
    let origin = url.trim_end_matches('/').to_owned();
    let own = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let mut page = ChatClient::with_headers(&url, &own).await.expect("a page of this server");
    page.expect("welcome").await;
    let guest = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
    let bearer = format!("Bearer {}", guest["accessToken"].as_str().expect("a token"));
    assert_eq!(
        ChatClient::with_headers(&url, &[("authorization", &bearer)]).await.err(),
        Some(403)
    );
    kim.post_nothing("/api/auth/logout").await.is(200);
    assert_eq!(page.closed().await, Some(1008));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_not_understood_change_nothing_and_broken_ones_end_the_socket() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let kim = account(&shop).await;
    let room = room(&kim, false).await;
    let mut socket_of = socket(&shop, &kim).await;
    socket_of.join(&room, None).await;
    for text in [
        "",
        "{",
        "[]",
        "\"joinRoom\"",
        "{\"event\":\"joinRoom\"}",
        "{\"event\":\"shout\",\"data\":{}}",
        "{\"event\":\"joinRoom\",\"data\":{\"roomId\":\"7\"}}",
        "{\"event\":\"joinRoom\",\"data\":{\"roomId\":null,\"x\":1}}",
        "{\"event\":\"sendMessage\",\"data\":{\"roomId\":\"00000000-0000-0000-0000-000000000000\",\"content\":5}}",
    ] {
        socket_of.send(Message::text(text)).await;
        assert_eq!(socket_of.expect("error").await["code"], "INVALID", "{text}");
    }
    let long = "가".repeat(2_001);
    for (content, code) in [("", "INVALID"), (long.as_str(), "INVALID"), ("a\u{0}b", "INVALID")] {
        socket_of.say(&room, content).await;
        let refused = socket_of.expect("error").await;
        assert_eq!((&refused["code"], &refused["event"]), (&json!(code), &json!("sendMessage")));
    }
    socket_of.say(&room, &long[..6_000]).await;
    assert_eq!(socket_of.expect("message").await["content"], long[..6_000]);
    // A client sends as much as it likes, frame by frame.
    for _ in 0..20 {
        socket_of.say(&room, &"x".repeat(20_000)).await;
        assert_eq!(socket_of.expect("error").await["code"], "INVALID");
    }
    socket_of.send(Message::text("x".repeat(33 * 1_024))).await;
    assert_eq!(socket_of.closed().await, Some(1009));
    let mut other = socket(&shop, &kim).await;
    other.send(Message::binary(vec![0xff, 0xfe])).await;
    assert_eq!(other.closed().await, Some(1003));
    assert_eq!(contents(&kim.get(&at(&room, "/messages")).await.is(200)).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sends_five_messages_a_second() {
    let shop = Shop::open_with(TestDb::sqlite().await, |config| config.rate_limits = true).await;
    let kim = account(&shop).await;
    let room = room(&kim, false).await;
    let mut socket_of = socket(&shop, &kim).await;
    socket_of.join(&room, None).await;
    for number in 0..7 {
        socket_of.say(&room, &number.to_string()).await;
    }
    let mut told = Vec::new();
    while told.len() < 7 {
        let frame = socket_of.next().await.expect("the socket is open");
        if ["message", "error"].iter().any(|event| frame["event"] == *event) {
            told.push(frame["event"].as_str().unwrap_or_default().to_owned());
        }
    }
    assert_eq!(told.iter().filter(|event| *event == "error").count(), 2, "{told:?}");
    // The clock of the limits is the test's.
    shop.clock.advance_ms(1_000);
    socket_of.say(&room, "again").await;
    assert_eq!(socket_of.expect("message").await["content"], "again");
}
