//! Bodies with fields that the client may not set (mass assignment), and with one field twice, on every
//! operation with a body.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::Operation;
use super::samples::{objects, sample};
use super::stage::{Owner, Stage, expect_same, read_all};
use crate::http::api_client::{Answer, Person, Shop};
use crate::http::conformance::resolved;
use crate::http::document::document;
use crate::support::test_db::TestDb;

/// Fields that attackers try first, whether answers have them or not.
const TRIED_FIRST: [&str; 24] = [
    "role",
    "roles",
    "isAdmin",
    "userId",
    "customer",
    "balance",
    "price",
    "amount",
    "totalPrice",
    "status",
    "isSignUpCompleted",
    "socialId",
    "provider",
    "emailConfirmedAt",
    "createdAt",
    "id",
    "version",
    "__proto__",
    "constructor",
    "tickets",
    "paymentDueAt",
    "refundPercent",
    "used",
    "grantedBy",
];

/// Returns the operations whose body is JSON. Only a signature makes the body of a gateway worth reading.
fn with_bodies(document: &Value) -> Vec<Operation> {
    let mut all = Operation::all(document);
    all.retain(|it| it.body().is_some() && it.path != "/api/webhooks/{gateway}");
    assert!(all.len() > 50, "{} operations have a body", all.len());
    all
}

/// Collects the names of all fields in a schema.
fn names(document: &Value, schema: &Value, depth: u8, found: &mut BTreeSet<String>) {
    if depth == 0 {
        return;
    }
    let schema = resolved(document, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(name.clone());
        names(document, field, depth - 1, found);
    }
    let lists = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|it| schema[it].as_array());
    let parts = lists.flatten().chain(schema.get("items"));
    parts.for_each(|part| names(document, part, depth - 1, found));
}

/// Returns the fields that an operation answers with, and those that attackers try first.
fn extra_fields(document: &Value, operation: &Operation) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = TRIED_FIRST.map(str::to_owned).into();
    for (status, response) in operation.described["responses"].as_object().expect("responses") {
        if status.starts_with('2') {
            let schema = &resolved(document, response)["content"]["application/json"]["schema"];
            let data = &resolved(document, schema)["properties"]["data"];
            names(document, data, 3, &mut found);
        }
    }
    found
}

async fn send(
    stage: &Stage<'_>,
    operation: &Operation,
    (owner, admin): (&Owner<'_>, &Person<'_>),
    body: String,
) -> Answer {
    let caller = if operation.is_of_staff() { admin } else { &owner.person };
    let method: Method = operation.method.to_uppercase().parse().expect("a method");
    let request = caller.request(method, &stage.path(operation, owner));
    Answer::of(request.header("Content-Type", "application/json").body(body)).await
}

fn is_refused(answer: &Answer) -> bool {
    let code = answer.body["error"]["code"].as_str().unwrap_or_default();
    [(422, "INVALID"), (400, "MALFORMED_JSON")].contains(&(answer.status, code))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_sets_a_field_that_is_the_servers() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, _] = stage.owners(["Kim", "Lee"]).await;
    let (admin, before) = (shop.admin(), read_all(&stage, &document, &kim).await);
    let (mut faults, mut tried) = (Vec::new(), 0);
    for operation in with_bodies(&document) {
        let whole = sample(&document, operation.body().expect("a body"));
        for field in extra_fields(&document, &operation) {
            if whole.get(&field).is_some() {
                continue;
            }
            let mut body = whole.clone();
            body[&field] = json!(1);
            let answer = send(&stage, &operation, (&kim, &admin), body.to_string()).await;
            tried += 1;
            let message = answer.body["error"]["message"].as_str().unwrap_or_default();
            if !is_refused(&answer) || !message.contains(&field) {
                faults.push(format!("{}: {field}: {} {message}", operation.name(), answer.status));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 1_500, "{tried} bodies");
    expect_same(&before, &read_all(&stage, &document, &kim).await, "in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_object_inside_a_body_takes_a_field_that_it_does_not_know() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, _] = stage.owners(["Kim", "Lee"]).await;
    let (admin, before) = (shop.admin(), read_all(&stage, &document, &kim).await);
    let (mut faults, mut tried) = (Vec::new(), 0);
    for operation in with_bodies(&document) {
        let whole = sample(&document, operation.body().expect("a body"));
        for at in objects(&whole) {
            let mut body = whole.clone();
            body.pointer_mut(&at).expect("an object")["isPaid"] = json!(true);
            let answer = send(&stage, &operation, (&kim, &admin), body.to_string()).await;
            tried += 1;
            if !is_refused(&answer) {
                faults.push(format!("{} {at}: {:#}", operation.name(), answer.body));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 80, "{tried} objects");
    expect_same(&before, &read_all(&stage, &document, &kim).await, "in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_given_twice_is_refused_at_any_depth() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, _] = stage.owners(["Kim", "Lee"]).await;
    let (admin, before) = (shop.admin(), read_all(&stage, &document, &kim).await);
    let (mut faults, mut tried) = (Vec::new(), 0);
    for operation in with_bodies(&document) {
        let whole = sample(&document, operation.body().expect("a body"));
        for at in objects(&whole) {
            let fields = whole.pointer(&at).and_then(Value::as_object).expect("an object");
            for (name, value) in fields {
                let mut body = whole.clone();
                body.pointer_mut(&at).expect("an object")["the second"] = value.clone();
                let body = body.to_string().replace("\"the second\"", &json!(name).to_string());
                let answer = send(&stage, &operation, (&kim, &admin), body).await;
                tried += 1;
                if !is_refused(&answer) {
                    faults.push(format!("{} {at}/{name}: {:#}", operation.name(), answer.body));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 300, "{tried} fields");
    expect_same(&before, &read_all(&stage, &document, &kim).await, "in the end");
}
