//! Query parameters that an operation does not know or that come twice (parameter pollution).

use reqwest::Method;
use serde_json::Value;

use super::Operation;
use super::samples::sample;
use super::stage::{Owner, Stage};
use crate::http::api_client::{Answer, Person, Shop};
use crate::http::document::document;
use crate::support::test_db::TestDb;

/// Returns the query parameters of an operation, each with a value that fits.
fn query(document: &Value, operation: &Operation) -> Vec<(String, String)> {
    let parameters = operation.parameters(document).into_iter();
    let of_query = parameters.filter(|parameter| parameter["in"] == "query");
    let pair = |parameter: &Value| {
        let value = match sample(document, &parameter["schema"]) {
            Value::String(text) => text,
            value => value.to_string(),
        };
        (parameter["name"].as_str().expect("a name").to_owned(), value)
    };
    of_query.map(pair).collect()
}

async fn send(
    stage: &Stage<'_>,
    operation: &Operation,
    (owner, admin): (&Owner<'_>, &Person<'_>),
    query: &str,
) -> Answer {
    let caller = if operation.is_of_staff() { admin } else { &owner.person };
    let method: Method = operation.method.to_uppercase().parse().expect("a method");
    let path = format!("{}?{query}", stage.path(operation, owner));
    let request = caller.request(method, &path);
    // Without its body a request is refused for that.
    let request = match operation.body() {
        Some(_) => request.json(&serde_json::json!({})),
        None => request,
    };
    Answer::of(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_takes_a_parameter_twice_or_one_that_it_does_not_know() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, _] = stage.owners(["Kim", "Lee"]).await;
    let admin = shop.admin();
    let (mut faults, mut tried) = (Vec::new(), 0);
    for operation in Operation::all(&document) {
        let known = query(&document, &operation);
        // The answer of a provider comes with what it likes.
        if known.is_empty() || operation.path.starts_with("/api/auth/{provider}") {
            continue;
        }
        let required =
            if operation.path.ends_with("/replay") { "since=2030-01-01T00:00:00Z&" } else { "" };
        let mut queries = vec![format!("{required}isAdmin=true")];
        for (name, value) in &known {
            queries.push(format!("{name}={value}&{name}={value}"));
        }
        for query in queries {
            tried += 1;
            let answer = send(&stage, &operation, (&kim, &admin), &query).await;
            if answer.status != 422 || answer.body["error"]["code"] != "INVALID" {
                faults.push(format!("{} {query}: {:#}", operation.name(), answer.body));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 100, "{tried} queries");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_without_parameters_answers_the_same_with_one() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, lee] = stage.owners(["Kim", "Lee"]).await;
    let is_read = |operation: &Operation| {
        operation.method == "get" && operation.needs_token() && !operation.path.ends_with("/stream")
    };
    let mut tried = 0;
    for operation in Operation::all(&document).into_iter().filter(is_read) {
        if !query(&document, &operation).is_empty() {
            continue;
        }
        let admin = shop.admin();
        let caller = if operation.is_of_staff() { &admin } else { &kim.person };
        let path = stage.path(&operation, &kim);
        let plain = Answer::of(caller.request(Method::GET, &path)).await;
        let user = &lee.things["user"];
        let with = format!("{path}?userId={user}&role=ADMIN&full=true");
        let with = Answer::of(caller.request(Method::GET, &with)).await;
        assert_eq!((with.status, &with.data), (plain.status, &plain.data), "{path}");
        tried += 1;
    }
    assert!(tried > 10, "{tried} operations");
}

/// Texts that a query of the database would take for more than a text.
const NOT_ONLY_TEXTS: [&str; 6] =
    ["' OR '1'='1", "'; DROP TABLE users; --", "\") OR 1=1 --", "%", "_", "\\"];

#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_a_piece_of_sql_finds_nothing() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, _] = stage.owners(["Kim", "Lee"]).await;
    let admin = shop.admin();
    let (mut faults, mut tried) = (Vec::new(), 0);
    for operation in Operation::all(&document).into_iter().filter(|it| it.method == "get") {
        if operation.path.starts_with("/api/auth/{provider}") {
            continue;
        }
        let required = operation.parameters(&document);
        let texts = required.iter().filter(|it| it["in"] == "query" && is_text(&document, it));
        for name in texts.filter_map(|parameter| parameter["name"].as_str()) {
            for text in NOT_ONLY_TEXTS {
                let mut query = form_urlencoded::Serializer::new(String::new());
                let query = query.append_pair(name, text).finish();
                let answer = send(&stage, &operation, (&kim, &admin), &query).await;
                tried += 1;
                let is_empty = answer.status == 200 && answer.data == serde_json::json!([]);
                if !is_empty && ![404, 422].contains(&answer.status) {
                    faults.push(format!("{} {query}: {:#}", operation.name(), answer.body));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 100, "{tried} searches");
    let users = admin.get("/api/admin/users?q=kim").await.is(200).data;
    assert_eq!(users.as_array().map(Vec::len), Some(1), "the tables are there");
}

fn is_text(document: &Value, parameter: &Value) -> bool {
    let schema = crate::http::conformance::resolved(document, &parameter["schema"]);
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    kind == Some("string") && schema["enum"].is_null() && schema["format"].is_null()
}
