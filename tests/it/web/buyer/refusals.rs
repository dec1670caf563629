//! Refusals of a buyer's forms: in the language of the page, with limits, seats and times.

use serde_json::json;

use super::Visitor;
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

/// Words of English sentences. Names of this event are in English too, and have none of them.
const ENGLISH: &[&str] = &[" the ", " must ", " is ", " are ", " not ", "please", " most "];

#[track_caller]
fn is_korean(said: &str) {
    let lower = said.to_lowercase();
    let english: Vec<_> = ENGLISH.iter().filter(|word| lower.contains(**word)).collect();
    assert!(english.is_empty(), "{english:?} in {said:?}");
    assert!(said.chars().any(|c| ('가'..='힣').contains(&c)), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_holds_are_explained_in_korean_with_limits_and_seats() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["policy"] = json!({"maxPlacesPerHold": 6, "maxPerCustomer": 8});
    let event = shop.event_from(body).await;
    let holds = format!("/events/{}/holds", event.id);
    let seats = event.seats().await;
    let other = shop.customer();
    other.post(&event.at("holds"), &json!({"seats": [seats[0]]})).await.is(201);

    let mut kim = Visitor::new(&shop, "ko");
    let stalls =
        |quantity| [("kind", "best"), ("productId", event.stalls()), ("quantity", quantity)];
    let standing =
        |quantity| [("kind", "lines"), ("productId", event.standing()), ("quantity", quantity)];
    let seat = [("kind", "seats"), ("seat", &*seats[0])];
    for (form, status, part) in [
        (&stalls("7")[..], 422, "최대 6매"),
        (&stalls("0"), 422, "1 이상"),
        (&stalls("many"), 422, "정수"),
        (&seat, 409, "Left A열 1번"),
        (&[("kind", "seats")], 422, "하나 이상"),
        (&[("kind", "best"), ("productId", "nothing"), ("quantity", "1")], 422, "확인해 주세요"),
        (
            &[
                ("kind", "best"),
                ("productId", event.stalls()),
                ("quantity", "1"),
                ("section", "No"),
            ],
            422,
            "다른 구역",
        ),
    ] {
        let page = kim.post(&holds, form).await;
        assert_eq!(page.status.as_u16(), status, "{form:?}");
        let said = page.alert();
        assert!(said.contains(part), "{form:?}: {said:?}");
        is_korean(&said);
    }
    assert_eq!(kim.post(&holds, &standing("6")).await.status.as_u16(), 303);
    let said = kim.post(&holds, &standing("4")).await.alert();
    assert!(said.contains("최대 8매") && said.contains("이미 6매"), "{said:?}");

    let mut lee = Visitor::new(&shop, "en");
    let said = lee.post(&holds, &seat).await.alert();
    assert!(said.starts_with("Just taken by others: Left, row A, seat 1."), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_paused_and_cancelled_sales_are_explained_in_korean() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["saleStartAt"] = json!(shop.time_in(3_600));
    let later = shop.event_from(body).await;
    let mut kim = Visitor::new(&shop, "ko");
    let form = [("kind", "lines"), ("productId", later.standing()), ("quantity", "1")];
    let said = kim.post(&format!("/events/{}/holds", later.id), &form).await.alert();
    assert!(said.contains("예매는 20"), "the time of the opening is missing: {said:?}");
    is_korean(&said);

    let event = shop.event().await;
    let form = [("kind", "lines"), ("productId", event.standing()), ("quantity", "1")];
    for (action, part) in [("pause", "일시 중지"), ("close", "끝났습니다"), ("cancel", "취소된")]
    {
        shop.admin()
            .post_nothing(&format!("/api/admin/offerings/{}/{action}", event.id))
            .await
            .is(200);
        let page = kim.post(&format!("/events/{}/holds", event.id), &form).await;
        assert_eq!(page.status.as_u16(), 409, "{action}");
        let said = page.alert();
        assert!(said.contains(part), "{action}: {said:?}");
        is_korean(&said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_entries_of_accounts_name_the_field_and_what_is_allowed_in_korean() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut kim = Visitor::new(&shop, "ko");
    for (email, password, name, parts) in [
        ("no address", "correct horse", "Kim", ["이메일", "name@example.com"]),
        ("kim@example.com", "short", "Kim", ["비밀번호", "8~128자"]),
        ("kim@example.com", "password", "Kim", ["너무 쉽게 알아맞힐", "다른 것으로"]),
        ("kim@example.com", "correct horse", " ", ["이름", "비워 둘 수 없습니다"]),
    ] {
        let form = [("email", email), ("password", password), ("name", name), ("back", "/")];
        let page = kim.post("/register", &form).await;
        assert_eq!(page.status.as_u16(), 422, "{email} {password} {name}");
        let said = page.alert();
        assert!(parts.iter().all(|part| said.contains(part)), "{said:?}");
        is_korean(&said);
    }
    for (path, status) in [("/events/not-an-id", 404), ("/no/such/page", 404)] {
        let page = kim.get(path).await;
        assert_eq!(page.status.as_u16(), status);
        page.shows(&["공연 목록에서"]).hides(&["there is no such"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_of_the_event_has_the_same_sentences() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let page = Visitor::new(&shop, "ko").get(&format!("/events/{}", event.id)).await;
    let (_, block) = page.text.split_once("id=\"strings\">").expect("the texts for scripts");
    let (block, _) = block.split_once("</script>").expect("its end");
    let texts: serde_json::Value = serde_json::from_str(block).expect("JSON");
    let document =
        shop.nobody().request(reqwest::Method::GET, "/api-docs/openapi.json").send().await;
    let document: serde_json::Value = document.expect("it answers").json().await.expect("JSON");
    let hold = &document["paths"]["/api/events/{event}/holds"]["post"]["responses"];
    let (mut seen, mut missing) = (0, Vec::new());
    for (status, response) in hold.as_object().expect("responses") {
        if !status.starts_with('4') {
            continue;
        }
        let examples = &response["content"]["application/json"]["examples"];
        for code in examples.as_object().into_iter().flatten().map(|(code, _)| code) {
            let is_of_json = ["MALFORMED", "UNSUPPORTED", "PAYLOAD", "BAD_REQUEST", "INVALID"];
            if is_of_json.iter().any(|start| code.starts_with(start)) || status == "401" {
                continue;
            }
            seen += 1;
            if !texts[format!("error.{code}")].is_string() {
                missing.push(code);
            }
        }
    }
    assert!(missing.is_empty(), "without a text in scripts: {missing:?}");
    assert!(seen > 10, "only {seen} codes are in the document");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_what_is_gone_leads_on() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let mut kim = Visitor::member(&shop, "ko", "kim@example.com").await;
    let gone = "00000000-0000-7000-8000-000000000001";
    let page = kim.get(&format!("/checkout/{}/{gone}", event.id)).await;
    assert_eq!(page.status.as_u16(), 404);
    page.shows(&["다시 골라 주세요", &format!("href=\"/events/{}\"", event.id), "공연 페이지로"]);
    let path = format!("/events/{}/holds/{gone}/extend", event.id);
    let page = kim.post(&path, &[]).await;
    assert_eq!(page.status.as_u16(), 404);
    page.shows(&[&format!("href=\"/events/{}\"", event.id)]).hides(&["다시 시도</a>"]);
    // No order and no ticket: the other way to them is shown.
    for path in ["/orders", "/tickets"] {
        kim.get(path).await.shows(&["href=\"/claim\""]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_waitlist_is_explained_on_the_event_s_page() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let mut kim = Visitor::new(&shop, "ko");
    let waitlist = format!("/events/{}/waitlist", event.id);
    let form = [("key", "a"), ("product", event.standing()), ("places", "2")];
    let page = kim.post(&waitlist, &form).await;
    assert_eq!(page.status.as_u16(), 409);
    let said = page.alert();
    assert!(said.contains("지금 20자리가 남아"), "{said:?}");
    is_korean(&said);
    page.shows(&["data-sale-state"]);
    let form = [("key", "b"), ("product", event.standing()), ("places", "500")];
    let said = kim.post(&waitlist, &form).await.alert();
    assert!(said.contains("1에서 20까지"), "{said:?}");
    is_korean(&said);
}
