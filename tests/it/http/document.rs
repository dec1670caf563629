//! The API document describes the behaviour of the server.

use std::collections::BTreeSet;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::Value;

use crate::http::api_client::{Answer, Shop};
use crate::http::conformance::{fits, resolved};
use crate::support::test_db::TestDb;

/// The path below which the routes of a scope are.
const EVENT: &str = "/api/events/{event}";
/// Where the routes of its queue are.
const QUEUE: &str = "/api/queue/{event}";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub async fn document(shop: &Shop) -> Value {
    let answer = Answer::of(shop.nobody().request(Method::GET, "/api-docs/openapi.json")).await;
    assert_eq!(answer.status, 200);
    answer.body
}

/// Returns every operation: its path, method and description.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                found.push((path.clone(), method.to_owned(), operation.clone()));
            }
        }
    }
    found
}

/// Returns `"/api/…"` with its methods, for every route in the sources.
fn routes() -> BTreeSet<(String, String)> {
    let mut waiting = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http"))];
    let mut routes = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("the sources are there");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        let is_of_queue = path.components().any(|part| part.as_os_str() == "waiting_room");
        let scope = if is_of_queue { QUEUE } else { EVENT };
        let text: String = text.split_whitespace().collect();
        for resource in text.split("web::resource(\"").skip(1) {
            let (path, rest) = resource.split_once('"').expect("a path ends");
            let is_whole = path.starts_with("/api/") || path.starts_with("/health");
            let path = if is_whole { path.to_owned() } else { format!("{scope}{path}") };
            let end = rest.find(".service(").or_else(|| rest.find(";}")).unwrap_or(rest.len());
            for method in METHODS {
                if rest[..end].contains(&format!("web::{method}()"))
                    || rest[..end].contains(&format!(".{method}("))
                {
                    routes.insert((path.clone(), method.to_owned()));
                }
            }
        }
    }
    assert!(routes.len() > 25, "the sources are read: {routes:?}");
    routes
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_documented_and_every_documented_operation_answers() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let documented: BTreeSet<_> =
        operations(&document).into_iter().map(|(path, method, _)| (path, method)).collect();
    assert_eq!(routes(), documented);
    for (path, method) in documented {
        let id = admitone::ids::OfferingId::random().to_string();
        let filled: Vec<_> = path
            .split('/')
            .map(|part| match part {
                part if part.starts_with('{') => id.as_str(),
                part => part,
            })
            .collect();
        let method: Method = method.to_uppercase().parse().expect("a method");
        let request = shop.nobody().request(method.clone(), &filled.join("/"));
        let answer = Answer::of(request).await;
        let no_such_route = answer.body["error"]["message"] == "there is no such route";
        assert!(!no_such_route && answer.status != 405, "{method} {path}: {:#}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_complete_enough_to_generate_a_client_from() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{name}: no id"));
        assert!(ids.insert(id.to_owned()), "{name}: {id} twice");
        assert!(operation["summary"].is_string(), "{name}: no summary");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
        for parameter in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let parameter = parameter.trim_end_matches('}');
            let parameters = operation["parameters"].as_array().expect("parameters");
            assert!(parameters.iter().any(|p| p["name"] == parameter), "{name}: {parameter}");
        }
        let responses = operation["responses"].as_object().expect("responses");
        // Some lead a browser on, and do nothing else.
        assert!(
            responses.keys().any(|status| status.starts_with(['2', '3']) || status == "101"),
            "{name}: no success"
        );
        for (status, response) in responses {
            let described = response["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(described, "{name} {status}: no description");
            let Some(content) = response.get("content").and_then(|c| c.get("application/json"))
            else {
                continue;
            };
            let envelope = resolved(&document, &content["schema"]);
            assert!(envelope["properties"]["success"].is_object(), "{name} {status}: no envelope");
            if !status.starts_with('2') {
                let has_example = content.get("example").or_else(|| content.get("examples"));
                assert!(has_example.is_some(), "{name} {status}: no example");
            }
        }
        if method != "get" && !path.starts_with("/api/auth") && !path.starts_with("/api/users") {
            let key = operation["parameters"].to_string();
            assert!(key.contains("Idempotency-Key"), "{name}: takes no key");
        }
    }
    every_name_is_for_people(&document);
    for code in admitone::http::error::ErrorCode::ALL {
        let text = document.to_string();
        assert!(text.contains(code.as_str()), "{} is not documented", code.as_str());
    }
    assert!(document["components"]["schemas"]["Delta"].is_object(), "what the stream sends");
    every_reference_resolves(&document, &document);
}

/// Clients name their types after components and their methods after operations.
fn every_name_is_for_people(document: &Value) {
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        assert!(!name.ends_with("Dto") && !name.ends_with("Body"), "{name}");
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let is_null = |option: &&Value| option["type"] == "null";
            let form = schema["oneOf"]
                .as_array()
                .and_then(|options| options.iter().find(|option| !is_null(option)));
            let form = resolved(document, form.unwrap_or(schema));
            if field.ends_with("At") || field.ends_with("Date") {
                // The bounds of a question are days, without a time.
                let is_day = ["minDate", "maxDate"].contains(&field.as_str());
                let expected = if is_day { "date" } else { "date-time" };
                assert_eq!(form["format"], expected, "{name}.{field}: {schema}");
            }
            if ["status", "kind", "role", "fit"].contains(&field.as_str()) {
                assert!(form["enum"].is_array(), "{name}.{field} is any text");
            }
        }
    }
    for (path, method, operation) in operations(document) {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let schema = &response["content"]["application/json"]["schema"];
            let is_named = schema.is_null() || schema["$ref"].is_string();
            assert!(is_named, "{method} {path} {status}: an answer without a name: {schema}");
            let envelope = resolved(document, schema);
            let data = &envelope["properties"]["data"];
            let is_named =
                data.is_null() || data["$ref"].is_string() || data["items"]["$ref"].is_string();
            assert!(is_named, "{method} {path} {status}: write `body = Success<T>`, not inline");
        }
        let body = &operation["requestBody"];
        if !body.is_null() {
            // Apple sends a form.
            let forms = body["content"].as_object().expect("forms").values();
            let is_named = forms.clone().all(|form| form["schema"]["$ref"].is_string());
            assert!(is_named && forms.len() == 1, "{method} {path}: a body without a name");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_are_of_the_form_that_they_illustrate() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let mut seen = 0;
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        let fields = schema["properties"].as_object().into_iter().flatten();
        for (field, schema) in
            fields.map(|(field, schema)| (field.as_str(), schema)).chain([("", schema)])
        {
            let examples = schema["examples"].as_array().into_iter().flatten();
            for example in examples.chain(schema.get("example")) {
                seen += 1;
                fits(&document, schema, example, &format!("{name}.{field}")).expect("an example");
            }
        }
    }
    assert!(seen > 20, "{seen} examples");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_can_read_every_documented_header() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let exposed: BTreeSet<_> = admitone::http::openapi::EXPOSED.split(", ").collect();
    let document = document(&shop).await;
    let documented = document["components"]["headers"].as_object().expect("headers");
    assert_eq!(exposed, documented.keys().map(String::as_str).collect());
}

fn every_reference_resolves(document: &Value, value: &Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("$ref").is_some_and(Value::is_string) {
                resolved(document, value);
            }
            fields.values().for_each(|value| every_reference_resolves(document, value));
        }
        Value::Array(items) => items.iter().for_each(|v| every_reference_resolves(document, v)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_written_once_and_sent_compressed_or_not_at_all() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let ask = |name: &'static str, value: String| {
        shop.nobody().request(Method::GET, "/api-docs/openapi.json").header(name, value).send()
    };
    let packed = ask("Accept-Encoding", "gzip".into()).await.unwrap();
    assert_eq!(
        (packed.status().as_u16(), &packed.headers()["content-encoding"]),
        (200, &"gzip".parse().unwrap())
    );
    let version = packed.headers()["etag"].to_str().unwrap().to_owned();
    let plain = ask("Accept-Encoding", "identity".into()).await.unwrap();
    assert_eq!(plain.headers()["etag"], version);
    let (packed, plain) = (packed.bytes().await.unwrap(), plain.bytes().await.unwrap());
    assert!(packed.len() * 5 < plain.len(), "{} of {}", packed.len(), plain.len());
    let known = ask("If-None-Match", version).await.unwrap();
    assert_eq!((known.status().as_u16(), known.bytes().await.unwrap().len()), (304, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_is_served_from_the_binary() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    for path in ["/api-docs", "/api-docs/", "/api-docs/index.html"] {
        let response = shop.nobody().request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.text().await.unwrap().contains("swagger-ui"), "{path}");
    }
    let path = "/api-docs/swagger-initializer.js";
    let response = shop.nobody().request(Method::GET, path).send().await.unwrap();
    let script = response.text().await.unwrap();
    for setting in ["\"filter\": true", "\"persistAuthorization\": true"] {
        assert!(script.contains(setting), "{setting}: {script}");
    }
    // The table of codes is with the schemas, below the operations.
    let document = document(&shop).await;
    assert!(!document["info"]["description"].to_string().contains("SOLD_OUT"));
    let codes = document["components"]["schemas"]["ErrorCode"]["description"].to_string();
    assert!(codes.contains("SOLD_OUT"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_not_there_is_answered_with_those_that_are() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let at = path.replace(['{', '}'], "");
        let answer = Answer::of(shop.nobody().request(Method::TRACE, &at)).await;
        assert_eq!(answer.status, 405, "{path}");
        let allow: BTreeSet<_> = answer.header("allow").split(", ").collect();
        for method in METHODS {
            let upper = method.to_uppercase();
            assert_eq!(
                allow.contains(upper.as_str()),
                item.get(method).is_some(),
                "{path} {allow:?}"
            );
        }
        assert_eq!(allow.contains("HEAD"), allow.contains("GET"));
        let asked = Answer::of(shop.nobody().request(Method::OPTIONS, &at)).await.is(204);
        assert_eq!(asked.header("allow"), answer.header("allow"), "OPTIONS {path}");
        assert!(allow.contains("OPTIONS"), "{path}");
        if allow.contains("GET") {
            let read = Answer::of(shop.nobody().request(Method::GET, &at)).await;
            let head = Answer::of(shop.nobody().request(Method::HEAD, &at)).await;
            assert_eq!(head.status, read.status, "HEAD {path}");
            assert_eq!(head.body, Value::Null, "HEAD {path}");
        }
    }
}
