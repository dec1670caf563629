//! The parts that all operations of the document share: the security scheme, the envelope of
//! successes, the possible failures of each with an example of every code, the idempotency key, and
//! ids to generate method names from. They are added here once, so that no route can lack them.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;
use utoipa::Modify;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Required, Response};

use super::{codes, names, roles};
use crate::http::error::ErrorCode;

/// Paths whose public operations everyone may call, and give more to those with a token: a guest who
/// registers keeps the id, administrators see classes that were deleted, and applicants the earlier
/// versions of a form.
const IN_BOTH_WAYS: &[&str] = &[
    "/api/auth/register",
    "/api/articles/{article}",
    "/api/articles/{article}/comments",
    "/api/mclasses/{class}",
    "/api/mclasses/{class}/enrollment-form",
    "/api/mclasses/{class}/enrollment-form/schema",
];

/// Completes the document.
pub struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "The accessToken of login, register or guest. The server's own pages send it as a cookie.",
            ));
        let scheme = SecurityScheme::Http(scheme.build());
        components.security_schemes.insert("bearer".into(), RefOr::T(scheme));
        components.examples = ErrorCode::ALL.iter().map(|code| example(*code)).collect();
        document.info.description = Some(DESCRIPTION.into());
        let mut ids = HashSet::new();
        for (path, item) in &mut document.paths.paths {
            let operations = [
                ("get", &mut item.get),
                ("post", &mut item.post),
                ("put", &mut item.put),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    complete(path, method, operation, &mut ids);
                }
            }
        }
    }
}

fn complete(path: &str, method: &str, operation: &mut Operation, ids: &mut HashSet<String>) {
    // Handlers of several resources have the same short names; generated clients need unique ones.
    let id = operation.operation_id.clone().unwrap_or_default();
    if !id.contains(char::is_uppercase) && has_plain_names(operation) {
        operation.operation_id = Some(names::operation(method, path));
    }
    assert!(
        ids.insert(operation.operation_id.clone().unwrap_or_default()),
        "two operations of the document have one id: {path}"
    );
    let needs_caller = ["/api/auth/guest/email", "/api/auth/email/confirmation"].contains(&path);
    let is_public = operation.security.as_ref().is_some_and(|wanted| is_open(wanted))
        || (["/api/auth/", "/health"].iter().any(|open| path.starts_with(open)) && !needs_caller);
    let bearer = SecurityRequirement::new("bearer", Vec::<String>::new());
    operation.security = Some(match is_public {
        true if path.ends_with("/audit") || IN_BOTH_WAYS.contains(&path) => {
            vec![SecurityRequirement::default(), bearer]
        }
        true => Vec::new(),
        false => vec![bearer],
    });
    if method != "get" && !path.starts_with("/api/auth/") && !path.starts_with("/api/users/") {
        add_key(operation);
    }
    roles::describe(path, method, operation);
    bound_pages(operation);
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            wrap(response);
            if response.description.is_empty() {
                response.description = "Done; `data` says how things stand.".into();
            }
        }
    }
    for (status, response) in &mut operation.responses.responses {
        // Routes name further codes in the descriptions of their responses; the rest describe themselves.
        let named = codes_named(status, response);
        add_examples(response, &named);
    }
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes(path, method, operation, is_public) {
        by_status.entry(code.status().as_u16()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let entry = operation.responses.responses.entry(status.to_string());
        add_examples(entry.or_insert_with(|| RefOr::T(Response::default())), &codes);
    }
}

fn codes_named(status: &str, response: &RefOr<Response>) -> Vec<ErrorCode> {
    let RefOr::T(response) = response else { return Vec::new() };
    let is_code_letter = |c: char| c.is_ascii_uppercase() || c == '_';
    let words = response.description.split(|c| !is_code_letter(c));
    let words: Vec<&str> = words.filter(|word| word.len() > 1).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let codes = ErrorCode::ALL.iter().copied();
    codes
        .filter(|code| code.status().as_str() == status && words.contains(&code.as_str()))
        .collect()
}

fn is_open(wanted: &[SecurityRequirement]) -> bool {
    wanted.iter().any(|one| *one == SecurityRequirement::default())
}

/// True for the resources whose handlers are called `list`, `show`, `create` and so on.
fn has_plain_names(operation: &Operation) -> bool {
    let tags = ["events", "holds", "waitlist", "reservations", "tickets", "admin"];
    operation.tags.iter().flatten().any(|tag| tags.contains(&tag.as_str()))
}

fn add_key(operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    parameters.retain(|parameter| match parameter {
        // A route describes a required key itself.
        RefOr::T(parameter) => {
            parameter.name != "Idempotency-Key" || parameter.required == Required::True
        }
        RefOr::Ref(_) => true,
    });
    let has_one = parameters.iter().any(
        |parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "Idempotency-Key"),
    );
    if !has_one {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(255));
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Makes a retry safe: for 24 hours the same key with the same request is answered \
                 as it was the first time (`Idempotency-Replayed: true`) and has no other effect.",
            ))
            .schema(Some(text));
        parameters.push(RefOr::T(key.build()));
    }
}

/// Names the bounds of `limit`, where a route says nothing of its own about it.
fn bound_pages(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "limit"
            && parameter.description.is_none()
        {
            let bounds = ObjectBuilder::new().schema_type(Type::Integer);
            let bounds = bounds.minimum(Some(1)).maximum(Some(100)).default(Some(20.into()));
            parameter.schema = Some(bounds.into());
            parameter.description = Some("The number of items of a page.".into());
        }
    }
}

/// Puts the body that a route declares into the envelope, unless it is in one already.
fn wrap(response: &mut Response) {
    let Some(RefOr::T(content)) = response.content.get_mut("application/json") else { return };
    let Some(schema) = content.schema.take() else { return };
    let has_envelope = match &schema {
        RefOr::T(Schema::Object(object)) => object.properties.contains_key("success"),
        RefOr::T(_) => false,
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
            name == "Done" || name.starts_with("Success_") || name.starts_with("Page_")
        }
    };
    content.schema = Some(if has_envelope {
        schema
    } else {
        let success = ObjectBuilder::new().schema_type(Type::Boolean);
        let envelope = ObjectBuilder::new()
            .property("success", success)
            .property("data", schema)
            .required("success")
            .required("data");
        envelope.into()
    });
}

fn add_examples(response: &mut RefOr<Response>, codes: &[ErrorCode]) {
    let RefOr::T(response) = response else { return };
    if response.description.is_empty() {
        let names: Vec<_> = codes.iter().map(|code| format!("`{}`", code.as_str())).collect();
        response.description = names.join(", ");
    }
    if codes.is_empty() {
        return;
    }
    let content = response
        .content
        .entry("application/json".into())
        .or_insert_with(|| RefOr::T(Content::new(Some(Ref::from_schema_name("Failure")))));
    let RefOr::T(content) = content else { return };
    for code in codes {
        let example = Ref::new(format!("#/components/examples/{}", code.as_str()));
        content.examples.insert(code.as_str().into(), RefOr::Ref(example));
    }
}

/// Returns the answer with a code as an example, and its name: operations refer to it by the thousand.
fn example(code: ErrorCode) -> (String, RefOr<Example>) {
    let body = json!({"success": false, "error": {
        "code": code.as_str(), "message": code.meaning(),
        "requestId": "5f3a9c1e7d2b4a60"}});
    let example = ExampleBuilder::new().summary(code.meaning()).value(Some(body));
    (code.as_str().into(), RefOr::T(example.build()))
}

/// Returns the codes with which an operation can be refused.
fn codes(path: &str, method: &str, operation: &Operation, is_public: bool) -> Vec<ErrorCode> {
    use ErrorCode as E;
    let mut codes = vec![E::Internal, E::Unavailable, E::Busy, E::NotReady, E::ShuttingDown];
    // Errors of the request as a whole, such as a body where none is allowed.
    codes.extend([E::BadRequest, E::Invalid, E::RequestTimeout]);
    // Probes are not counted.
    if !path.starts_with("/health") {
        codes.push(E::TooManyRequests);
    }
    if path.contains('{') {
        codes.push(E::NotFound);
    }
    let changes = method != "get";
    if operation.request_body.is_some() {
        codes.extend([E::MalformedJson, E::PayloadTooLarge, E::UnsupportedMediaType]);
        codes.push(E::Unstorable);
    }
    if !is_public {
        codes.extend([E::Unauthorized, E::TokenExpired]);
        if changes {
            codes.push(E::ForeignPage);
        }
    }
    let is_admins = path.starts_with("/api/admin/") || path.starts_with("/api/checkins");
    let is_of_class = path == "/api/mclasses" || path == "/api/mclasses/{class}";
    let is_of_event = is_of_class
        || path == "/api/events"
        || path == "/api/events/{event}"
        || path.starts_with("/api/events/{event}/products");
    if is_admins || (changes && is_of_event) {
        codes.push(E::Forbidden);
    }
    if path.contains("{class}") {
        codes.extend([E::ClassNotFound, E::ClockNotTrusted]);
    }
    if path.contains("{event}") {
        codes.extend([E::EventNotFound, E::ClockNotTrusted]);
    }
    let takes_key = operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| matches!(parameter, RefOr::T(p) if p.name == "Idempotency-Key"));
    if takes_key {
        codes.extend([E::MalformedIdempotencyKey, E::KeyReused, E::TooManyKeys]);
    }
    if changes && takes_key {
        codes.extend([E::OutcomeUnknown, E::ClockNotTrusted]);
    }
    codes.extend(codes::listed(path, method));
    codes
}

const DESCRIPTION: &str = "Sells seats at events to crowds that arrive all at once, never a place \
     twice.\n\n\
     Answers are `{\"success\":true,\"data\":…}` or `{\"success\":false,\"error\":{…}}`; the schema \
     `ErrorCode` has the table of all error codes, and each operation lists its own. \
     Times are RFC 3339 in UTC, money is in minor units. Every change takes an \
     `Idempotency-Key`: a retry with the same key gets the first answer again. An operation without a \
     body takes none, or `{}`. \
     Every answer has an `X-Request-Id`, yours if you sent one, which the server's log lines have \
     too; `traceparent` and `tracestate` (W3C Trace Context) are heeded.";
