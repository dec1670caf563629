//! Ids of other people's things, on every operation that takes one (IDOR, BOLA).

use serde_json::json;

use super::Operation;
use super::names::{Id, Kind, ids};
use super::stage::{Stage, expect_same, guest, own_reads, read_all};
use crate::http::api_client::Shop;
use crate::http::document::document;
use crate::support::test_db::TestDb;

/// Operations that refuse another person's id by 422, as they refuse one that does not exist.
const UNPROCESSABLE: &[&str] =
    &["POST /api/reservations/{reservation}/refunds", "POST /api/chat/rooms/{room}/messages"];

fn is_of_person(id: &Id) -> bool {
    id.kind == Kind::OfPerson
}

fn is_refused(operation: &Operation, status: u16) -> bool {
    let is_listed = UNPROCESSABLE.contains(&&*operation.name());
    [403, 404].contains(&status) || (status == 422 && is_listed)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_id_of_another_person_opens_or_changes_anything() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, lee] = stage.owners(["Kim-Unmistakable", "Lee-Unmistakable"]).await;
    let guest = guest(&shop).await;
    let before = read_all(&stage, &document, &kim).await;
    let text = json!(before).to_string();
    for thing in kim.things.iter().filter(|(name, _)| **name != "passToken") {
        assert!(text.contains(thing.1.as_str()), "Kim does not read {thing:?}: {text}");
    }
    let (mut faults, mut tried) = (Vec::new(), 0);
    for operation in Operation::all(&document) {
        let known = ids(&document, &operation).unwrap_or_else(|all| panic!("{all:?}"));
        let of_person: Vec<&Id> = known.iter().filter(|id| is_of_person(id)).collect();
        // One id of Kim's among Lee's own, or all of them.
        let mut choices: Vec<Vec<&Id>> = of_person.iter().map(|id| vec![*id]).collect();
        choices.push(of_person.clone());
        for chosen in choices.into_iter().filter(|chosen| !chosen.is_empty()) {
            let is_chosen =
                |id: &Id| chosen.iter().any(|it| it.name == id.name && it.place == id.place);
            let call = stage.call(&document, &operation, &lee, (&kim, &is_chosen));
            let sent = format!("{} {:?}", call.path, call.body);
            for (who, caller) in [("Lee", &lee.person), ("a guest", &guest)] {
                tried += 1;
                let (status, answer) = call.send(caller, &format!("attack-{tried}")).await;
                let name = format!("{} of {who}: {sent}", operation.name());
                if !is_refused(&operation, status) {
                    faults.push(format!("{name}: {status} {answer}"));
                }
                let said = kim.private().into_iter().find(|it| answer.contains(it));
                if let Some(said) = said.filter(|said| !sent.contains(said)) {
                    faults.push(format!("{name}: says {said}: {answer}"));
                }
            }
            // The gate of staff lets neither of them in, which the end of the test shows.
            if operation.method != "get" && !operation.is_of_staff() {
                let after = read_all(&stage, &document, &kim).await;
                expect_same(&before, &after, &format!("{}: {sent}", operation.name()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 100, "{tried} requests");
    expect_same(&before, &read_all(&stage, &document, &kim).await, "in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_ones_own_things_say_nothing_of_another_person() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, lee] = stage.owners(["Kim-Unmistakable", "Lee-Unmistakable"]).await;
    let guest = guest(&shop).await;
    let says =
        |text: &str| kim.private().into_iter().find(|it| text.contains(it)).map(str::to_owned);
    assert_eq!(says(&json!(read_all(&stage, &document, &lee).await).to_string()), None);
    let mut public: Vec<Operation> = Operation::all(&document);
    let is_stream = |operation: &Operation| operation.path.ends_with("/stream");
    public.retain(|it| it.method == "get" && !is_stream(it));
    assert!(public.len() > own_reads(&document).len());
    for operation in public {
        let path = stage.path(&operation, &lee);
        for caller in [&lee.person, &guest, &shop.nobody()] {
            let answer = caller.request(reqwest::Method::GET, &path).send().await;
            let answer = answer.expect("it answers").text().await.expect("a whole answer");
            assert_eq!(says(&answer), None, "{path}: {answer}");
        }
    }
    // The test would notice: the owner's own answers say it.
    let own = json!(read_all(&stage, &document, &kim).await);
    assert!(says(&own.to_string()).is_some());
}
