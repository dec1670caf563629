//! Those who enter too often: the proof of work before entering, the bound of entries per network
//! address, and the bound of streams per customer.

use std::net::IpAddr;
use std::time::Duration;

use admitone::ids::UserId;
use admitone::waiting_room::{Entrant, MAX_STREAMS, RoomStatus, WaitingRoomError};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{admin_path, enter, pass_seconds, queue_path, status, switch_on};
use crate::http::api_client::{Answer, Event, Person, Shop};
use crate::support::stream_frames::Frames;
use crate::support::test_db::TestDb;

async fn challenge(event: &Event<'_>, person: &Person<'_>) -> Value {
    person.get(&queue_path(event, "challenge")).await.is(200).data
}

/// Finds digits for a challenge, as `docs/waiting-room.md` describes it.
pub fn solved(challenge: &Value) -> String {
    let text = challenge["challenge"].as_str().expect("a challenge");
    let bits = challenge["bits"].as_u64().expect("bits");
    let mut proofs = (0_u32..).map(|nonce| format!("{text}.{nonce}"));
    proofs.find(|proof| u64::from(zero_bits(proof)) >= bits).expect("some digits solve it")
}

fn zero_bits(proof: &str) -> u32 {
    let hash = Sha256::digest(proof.as_bytes());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).leading_zeros()
}

async fn enter_with(event: &Event<'_>, person: &Person<'_>, proof: &str) -> Answer {
    let request = person.request(Method::POST, &queue_path(event, "enqueue"));
    Answer::of(request.header("X-Queue-Proof", proof)).await
}

#[track_caller]
fn fails_for(answer: Answer, reason: &str) {
    let answer = answer.refused(403, "CHALLENGE_FAILED");
    assert_eq!(answer.body["error"]["details"]["reason"], reason, "{:#}", answer.body);
}

on_both_databases! {
    async fn entering_needs_a_proof_of_work_of_ones_own(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, other) = (shop.event().await, shop.event().await);
        let rules = json!({"challengeBits": 6, "passesPerMinute": 6});
        switch_on(&shop, &event, rules.clone()).await;
        switch_on(&shop, &other, rules).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let refused = kim.post_nothing(&queue_path(&event, "enqueue")).await;
        let refused = refused.refused(403, "CHALLENGE_REQUIRED");
        assert_eq!(refused.body["error"]["details"]["bits"], 6);

        let given = challenge(&event, &kim).await;
        assert_eq!(given["bits"], 6);
        assert_eq!(given["expiresAt"], shop.time_in(600));
        let proof = solved(&given);
        let text = given["challenge"].as_str().expect("a challenge");
        let unsolved = (0_u32..).map(|nonce| format!("{text}.{nonce}"));
        let unsolved = unsolved.into_iter().find(|proof| zero_bits(proof) < 6).expect("most");
        fails_for(enter_with(&event, &kim, &unsolved).await, "UNSOLVED");
        for forged in ["x", "chal_AAAA.1", &format!("{text}."), &format!("{text}.1e9")] {
            fails_for(enter_with(&event, &kim, forged).await, "NOT_YOURS");
        }
        fails_for(enter_with(&event, &lee, &proof).await, "NOT_YOURS");
        fails_for(enter_with(&other, &kim, &proof).await, "NOT_YOURS");
        let of_other = solved(&challenge(&other, &kim).await);
        fails_for(enter_with(&event, &kim, &of_other).await, "NOT_YOURS");
        assert_eq!(enter_with(&event, &kim, &proof).await.is(200).data["status"], "ADMITTED");

        let late = solved(&challenge(&event, &lee).await);
        shop.clock.advance_ms(600_000);
        fails_for(enter_with(&event, &lee, &late).await, "EXPIRED");
        let now = solved(&challenge(&event, &lee).await);
        enter_with(&event, &lee, &now).await.is(200);
        let made = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
        let token = made["accessToken"].as_str().expect("a token").to_owned();
        let id = made["user"]["id"].as_str().expect("an id").parse().expect("a UUID");
        let guest = shop.with_token(id, token);
        guest.get(&queue_path(&event, "challenge")).await.refused(403, "ACCOUNT_REQUIRED");
    }

    async fn a_proof_is_good_for_one_entry(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        switch_on(&shop, &event, json!({"challengeBits": 6})).await;
        let kim = shop.customer();
        let first = solved(&challenge(&event, &kim).await);
        let entered = enter_with(&event, &kim, &first).await.is(200).data;
        let again = enter_with(&event, &kim, &first).await.is(200).data;
        assert_eq!(again["entryNumber"], entered["entryNumber"], "the same place");
        kim.delete(&format!("/api/queue/{}", event.id)).await.is(200);
        fails_for(enter_with(&event, &kim, &first).await, "NOT_YOURS");
        let second = solved(&challenge(&event, &kim).await);
        let anew = enter_with(&event, &kim, &second).await.is(200).data;
        assert_ne!(anew["entryNumber"], entered["entryNumber"]);
    }

    async fn who_is_in_the_queue_keeps_the_place_when_a_proof_is_asked_for(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let (early, far) = (shop.time_in(60), shop.customer());
        switch_on(&shop, &event, json!({"opensAt": early, "passesPerMinute": 6})).await;
        let people: Vec<Person<'_>> = (0..40).map(|_| shop.customer()).collect();
        assert_eq!(challenge(&event, &far).await["bits"], 0, "none is asked for");
        join_all(people.iter().map(|person| enter(&event, person))).await;
        enter(&event, &far).await;
        let admin = shop.admin();
        admin.put(&admin_path(&event), &json!({"challengeBits": 6})).await.is(200);
        let rules = admin.get(&admin_path(&event)).await.is(200).data;
        assert_eq!(rules["rules"]["challengeBits"], 6);
        // The rules are known here for a second.
        pass_seconds(&shop, 2).await;
        let new = shop.customer();
        new.post_nothing(&queue_path(&event, "enqueue")).await.refused(403, "CHALLENGE_REQUIRED");
        let proof = solved(&challenge(&event, &new).await);
        admin.put(&admin_path(&event), &json!({"challengeBits": 7})).await.is(200);
        pass_seconds(&shop, 2).await;
        fails_for(enter_with(&event, &new, &proof).await, "TOO_EASY");
        for seconds in [0, 60, 1] {
            pass_seconds(&shop, seconds).await;
            for person in [&people[0], &people[39], &far] {
                let given = challenge(&event, person).await;
                assert_eq!((&given["bits"], &given["challenge"]), (&json!(0), &Value::Null));
                let before = status(&event, person).await;
                let after = enter(&event, person).await;
                assert_eq!(after["entryNumber"], before["entryNumber"], "before or after the draw");
            }
        }
        new.post_nothing(&queue_path(&event, "enqueue")).await.refused(403, "CHALLENGE_REQUIRED");
        shop.admin().put(&admin_path(&event), &json!({"draining": true})).await.is(200);
        pass_seconds(&shop, 2).await;
        new.post_nothing(&queue_path(&event, "enqueue")).await.refused(409, "QUEUE_CLOSED");
    }
}

async fn enter_from(
    shop: &Shop,
    event: &Event<'_>,
    customer: UserId,
    address: &str,
) -> Result<RoomStatus, WaitingRoomError> {
    let address: IpAddr = address.parse().expect("an address");
    let entrant = Entrant { customer, address: Some(address), proof: None };
    shop.app.state().waiting_rooms.enter(event.offering(), entrant).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_enters_so_many_a_minute_and_loses_no_place() {
    let bounded = |config: &mut admitone::config::Config| {
        config.queue_entries_per_address = Some(30);
        config.rate_limits = true;
    };
    let shop = Shop::open_with(TestDb::sqlite().await, bounded).await;
    let event = shop.event().await;
    switch_on(&shop, &event, json!({"opensAt": shop.time_in(3_600)})).await;
    let campus: Vec<UserId> = (0..21).map(|_| UserId::random()).collect();
    for customer in &campus[..20] {
        let entered = enter_from(&shop, &event, *customer, "2001:db8:1:2::7").await;
        entered.expect("two thirds at once");
    }
    let late = campus[20];
    let refused = enter_from(&shop, &event, late, "2001:db8:1:2::8").await;
    let Err(WaitingRoomError::CrowdedAddress { retry_after }) = refused else {
        panic!("the twenty-first came in: {refused:?}");
    };
    assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(60));
    let said = admitone::http::error::ApiError::from(refused.expect_err("refused"));
    assert!(said.message().contains("no place is lost"), "{said}");
    for customer in &campus[..20] {
        let kept = enter_from(&shop, &event, *customer, "2001:db8:1:2::7").await;
        kept.expect("who is in keeps the place");
    }
    enter_from(&shop, &event, UserId::random(), "2001:db8:9::1").await.expect("another network");
    enter_from(&shop, &event, UserId::random(), "127.0.0.1").await.expect("another one");
    shop.clock.advance_ms(i64::try_from(retry_after.as_millis()).expect("a minute at most"));
    enter_from(&shop, &event, late, "2001:db8:1:2::8").await.expect("its turn has come");
}

/// As many people as a campus has, behind one address: none of them is slowed by the others.
#[tokio::test(flavor = "multi_thread")]
async fn polls_and_progress_have_no_bound_per_address() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    switch_on(&shop, &event, json!({"opensAt": shop.time_in(3_600)})).await;
    let people: Vec<Person<'_>> = (0..500).map(|_| shop.customer()).collect();
    join_all(people.iter().map(|person| enter(&event, person))).await;
    for _ in 0..3 {
        shop.clock.advance_ms(30_000);
        let polls = people.iter().map(|person| status(&event, person));
        let told = join_all(polls).await;
        assert!(told.iter().all(|told| told["status"] == "PRE_QUEUE"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_has_few_streams_of_queues() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    switch_on(&shop, &event, json!({})).await;
    let (kim, lee) = (shop.customer(), shop.customer());
    enter(&event, &kim).await;
    enter(&event, &lee).await;
    let stream = queue_path(&event, "stream");
    let mut open = Vec::new();
    for _ in 0..MAX_STREAMS {
        open.push(Frames::of(kim.request(Method::GET, &stream)).await);
    }
    let refused = kim.get(&stream).await.refused(503, "TOO_MANY_STREAMS");
    assert!(refused.body["error"]["message"].as_str().expect("text").contains("poll …/status"));
    Frames::of(lee.request(Method::GET, &stream)).await;
    status(&event, &kim).await;
    open.pop();
    crate::support::test_db::eventually("an ended stream makes room", async || {
        kim.request(Method::GET, &stream).send().await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
}
