//! The ids that the API document names, and whose things they name. An id that is in no table fails
//! the tests.

use serde_json::Value;

use super::Operation;
use crate::http::conformance::resolved;

/// The part of a request in which an id stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Path,
    Query,
    Body,
}

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A thing of one person, or the person.
    OfPerson,
    /// A thing that everyone may see, such as an event, a seat or terms.
    Public,
    /// A thing of staff, which no customer has.
    OfStaff,
    /// A secret: who has it is entitled by it. Other tests try to guess, repeat and exchange it.
    Secret,
}

/// The last parts of the names of ids, with their kinds.
const KINDS: &[(&str, Kind)] = &[
    ("actorId", Kind::OfPerson),
    ("clientId", Kind::OfPerson),
    ("clientIds", Kind::OfPerson),
    ("enrollment", Kind::OfPerson),
    ("enrollments[].id", Kind::OfPerson),
    ("entry", Kind::OfPerson),
    ("hold", Kind::OfPerson),
    ("holdId", Kind::OfPerson),
    // A reservation: /api/reservations/{id}/payments.
    ("id", Kind::OfPerson),
    // It is good for its owner alone.
    ("passToken", Kind::OfPerson),
    ("message", Kind::OfPerson),
    ("payment", Kind::OfPerson),
    ("refund", Kind::OfPerson),
    ("replyToMessageId", Kind::OfPerson),
    ("reservation", Kind::OfPerson),
    ("room", Kind::OfPerson),
    ("session", Kind::OfPerson),
    ("ticket", Kind::OfPerson),
    ("ticketId", Kind::OfPerson),
    ("tickets", Kind::OfPerson),
    ("user", Kind::OfPerson),
    ("userId", Kind::OfPerson),
    ("agreedTermIds", Kind::Public),
    // As a comment.
    ("article", Kind::Public),
    ("artist", Kind::Public),
    ("artistIds", Kind::Public),
    ("author", Kind::Public),
    ("class", Kind::Public),
    // Everyone reads it; only its author changes it, as the tests of articles show.
    ("comment", Kind::Public),
    ("concertId", Kind::Public),
    ("event", Kind::Public),
    ("eventId", Kind::Public),
    ("eventIds", Kind::Public),
    // Pictures are shown to everyone; only those of the caller are taken.
    ("image", Kind::Public),
    ("imageId", Kind::Public),
    ("imageIds", Kind::Public),
    ("mclassId", Kind::Public),
    // Anyone with an account may be invited.
    ("member", Kind::Public),
    ("memberId", Kind::Public),
    ("offeringId", Kind::Public),
    ("parentId", Kind::Public),
    ("posterId", Kind::Public),
    ("product", Kind::Public),
    ("productId", Kind::Public),
    ("provider", Kind::Public),
    // The name of a question, which its author chooses.
    ("questions[].id", Kind::Public),
    ("seat", Kind::Public),
    ("series", Kind::Public),
    ("seriesId", Kind::Public),
    ("term", Kind::Public),
    ("version", Kind::Public),
    ("ban", Kind::OfStaff),
    ("delivery", Kind::OfStaff),
    ("gateway", Kind::OfStaff),
    ("grant", Kind::OfStaff),
    ("invitation", Kind::OfStaff),
    ("roomId", Kind::OfStaff),
    ("venue", Kind::OfStaff),
    ("venueId", Kind::OfStaff),
    ("webhook", Kind::OfStaff),
    ("code", Kind::Secret),
    ("refreshToken", Kind::Secret),
    ("state", Kind::Secret),
    ("token", Kind::Secret),
];

/// An id of an operation.
#[derive(Clone, Debug)]
pub struct Id {
    pub place: Place,
    /// As in the document; in a body with the names around it, such as `enrollments[].id`.
    pub name: String,
    pub kind: Kind,
}

/// Returns the ids that an operation takes.
///
/// # Errors
/// The names of those that are in no table.
pub fn ids(document: &Value, operation: &Operation) -> Result<Vec<Id>, Vec<String>> {
    let mut named = Vec::new();
    for parameter in operation.parameters(document) {
        let name = parameter["name"].as_str().expect("a name");
        match parameter["in"].as_str() {
            Some("path") => named.push((Place::Path, name.to_owned())),
            Some("query") if is_id(document, name, &parameter["schema"]) => {
                named.push((Place::Query, name.to_owned()));
            }
            _ => {}
        }
    }
    if let Some(body) = operation.body() {
        let mut fields = Vec::new();
        fields_of(document, body, "", &mut fields);
        named.extend(fields.into_iter().map(|name| (Place::Body, name)));
    }
    let kinds = named.into_iter().map(|(place, name)| match kind(&name) {
        Some(kind) => Ok(Id { place, name, kind }),
        None => Err(format!("{}: {name}: whose is it?", operation.name())),
    });
    let (known, unknown): (Vec<_>, Vec<_>) = kinds.partition(Result::is_ok);
    match unknown.is_empty() {
        true => Ok(known.into_iter().filter_map(Result::ok).collect()),
        false => Err(unknown.into_iter().filter_map(Result::err).collect()),
    }
}

fn kind(name: &str) -> Option<Kind> {
    let is_it = |known: &str| name == known || name.ends_with(&format!(".{known}"));
    KINDS.iter().find(|(known, _)| is_it(known)).map(|(_, kind)| *kind)
}

/// Collects the names of the ids in a body.
fn fields_of(document: &Value, schema: &Value, before: &str, found: &mut Vec<String>) {
    let schema = resolved(document, schema);
    for choice in ["oneOf", "anyOf", "allOf"] {
        for option in schema[choice].as_array().into_iter().flatten() {
            fields_of(document, option, before, found);
        }
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let whole = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
        if is_id(document, name, field) {
            found.push(whole);
            continue;
        }
        let field = resolved(document, field);
        let is_list = !field["items"].is_null();
        let at = if is_list { format!("{whole}[]") } else { whole };
        fields_of(document, if is_list { &field["items"] } else { field }, &at, found);
    }
}

/// True if a field or a parameter is an id, or a list of ids, by its form or its name.
fn is_id(document: &Value, name: &str, schema: &Value) -> bool {
    let schema = resolved(document, schema);
    let options = ["oneOf", "anyOf"].into_iter().filter_map(|choice| schema[choice].as_array());
    let by_form = schema["format"] == "uuid"
        || options.flatten().any(|option| is_id(document, "", option))
        || (!schema["items"].is_null() && is_id(document, "", &schema["items"]));
    let ends = ["Id", "Ids", "Token"].iter().any(|end| name.ends_with(end));
    by_form || ends || ["id", "token", "code", "state"].contains(&name)
}

#[test]
fn an_operation_with_an_id_that_is_in_no_table_is_found() {
    let schema = serde_json::json!({"properties": {
        "lines": {"items": {"properties": {"couponId": {"type": "string"}}}},
        "diary": {"oneOf": [{"type": "null"}, {"type": "string", "format": "uuid"}]},
        "userId": {"type": "string"}, "quantity": {"type": "integer"},
    }});
    let operation = Operation {
        path: "/api/coupons/{coupon}".into(),
        method: "post".into(),
        described: serde_json::json!({
            "parameters": [
                {"in": "path", "name": "coupon", "schema": {"type": "string"}},
                {"in": "query", "name": "ownerId", "schema": {"type": "string"}},
                {"in": "query", "name": "limit", "schema": {"type": "integer"}},
            ],
            "requestBody": {"content": {"application/json": {"schema": schema}}},
        }),
    };
    let mut unknown = ids(&Value::Null, &operation).expect_err("they are in no table");
    unknown.sort();
    let name = |id: &str| format!("POST /api/coupons/{{coupon}}: {id}: whose is it?");
    assert_eq!(unknown, ["coupon", "diary", "lines[].couponId", "ownerId"].map(name));
}
