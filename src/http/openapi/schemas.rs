//! The last pass over the document, as JSON: rules that hold for every schema by the names of its
//! fields, so that a new route or type is right without further work. Envelopes become named
//! components, times are `date-time`, ids get their form and an example, numbers their bounds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::http::error::ErrorCode;

const COMPONENTS: &str = "#/components/schemas/";
/// Example ids that belong together, as those of one event do.
const EVENT: &str = "0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d";
const PRODUCT: &str = "p1a2b3c4d-0";
const SECTION: &str = "b1a2b3c4d-0";
const SEAT: &str = "s1a2b3c4d-0";
const HOLD: &str = "5f0c3a52-8a0e-4c0e-9a55-0d8f6a2b1c3d";
const RESERVATION: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const PAYMENT: &str = "9f1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d";
/// 4 to 20 digits with the usual separators.
const PHONE: &str = "^[-+. ()]*([0-9][-+. ()]*){4,20}$";
/// One line with at least one visible character, as names require.
pub(super) const VISIBLE: &str = "^[^\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}-\u{202e}\u{2066}-\u{2069}\u{feff}\
    \u{fff9}-\u{ffff}]*[^\\s\u{0}-\u{1f}\u{7f}-\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{180e}\u{2000}-\u{200f}\
    \u{2028}-\u{202f}\u{205f}-\u{206f}\u{2800}\u{3000}\u{3164}\u{fe00}-\u{fe0f}\u{feff}\u{ffa0}\
    \u{fff9}-\u{ffff}\u{e0000}-\u{e0fff}]\
    [^\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}-\u{202e}\u{2066}-\u{2069}\u{feff}\u{fff9}-\u{ffff}]*$";
/// Lines that may be empty, as `text::paragraph` requires.
pub(super) const LINES: &str = "^[^\u{0}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{7f}-\u{9f}\u{202a}-\u{202e}\
    \u{2066}-\u{2069}]*$";
const TIME: &str = "2030-05-01T19:30:00.000Z";

/// Completes the document.
pub(super) fn complete(document: &mut Value) {
    rename_components(document);
    name_envelopes(document);
    each_object(document, &mut describe_fields);
    describe_ids(document);
    number_bounds(document);
    describe_failure(document);
    let schemas = &mut document["components"]["schemas"];
    // Properties that the derive macro cannot express.
    schemas["HoldRequest"]["minProperties"] = json!(1);
    let requires = |name: &str| json!({ "required": [name] });
    let complimentary = &mut schemas["ComplimentaryRequest"];
    complimentary["oneOf"] = json!([requires("email"), requires("userId")]);
    complimentary["anyOf"] =
        json!([requires("lines"), requires("seats"), requires("bestAvailable")]);
    for amount in ["Price", "Deposit"] {
        schemas[amount]["additionalProperties"] = json!(false);
    }
}

/// Renames components for clients: utoipa's `EventDto` becomes `Event`, `HoldBody` becomes
/// `HoldRequest`, and the envelopes `Success<EventDto>`, `Success<Vec<EventDto>>` and
/// `Page<EventDto>` become `EventResponse`, `EventListResponse` and `EventPage`.
fn rename_components(document: &mut Value) {
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else { return };
    let all: BTreeSet<String> = schemas.keys().cloned().collect();
    let mut names = BTreeMap::new();
    let mut renamed = Map::new();
    for (name, mut schema) in std::mem::take(schemas) {
        let mut public = public_name(&name);
        if renamed.contains_key(&public) {
            // The tests recognise the clash by the ending of this name.
            public.clone_from(&name);
        }
        if !schema["properties"]["success"].is_null() && name != "Failure" {
            schema["properties"]["success"] = json!({"type": "boolean", "const": true});
        }
        // utoipa repeats the content of an envelope in full.
        let of_items = name.strip_prefix("Success_Vec_").or_else(|| name.strip_prefix("Page_"));
        let (data, place) = match of_items {
            Some(item) => (item, "/properties/data/items"),
            None => (name.strip_prefix("Success_").unwrap_or_default(), "/properties/data"),
        };
        if all.contains(data)
            && let Some(written_out) = schema.pointer_mut(place)
        {
            *written_out = json!({"$ref": format!("{COMPONENTS}{data}")});
        }
        renamed.insert(public.clone(), schema);
        names.insert(format!("{COMPONENTS}{name}"), format!("{COMPONENTS}{public}"));
    }
    *schemas = renamed;
    each_object(document, &mut |object| {
        if let Some(Value::String(reference)) = object.get_mut("$ref")
            && let Some(public) = names.get(reference)
        {
            reference.clone_from(public);
        }
    });
}

fn public_name(name: &str) -> String {
    if let Some(item) = name.strip_prefix("Success_Vec_") {
        return format!("{}ListResponse", public_name(item));
    }
    if let Some(data) = name.strip_prefix("Success_") {
        return format!("{}Response", public_name(data));
    }
    if let Some(item) = name.strip_prefix("Page_") {
        return format!("{}Page", public_name(item));
    }
    match (name.strip_suffix("Dto"), name.strip_suffix("Body")) {
        (Some(stem), _) => stem.to_owned(),
        (_, Some(stem)) => format!("{stem}Request"),
        (None, None) => name.to_owned(),
    }
}

/// Names the envelopes that `shared.rs` put around the routes' bodies.
fn name_envelopes(document: &mut Value) {
    let mut envelopes: BTreeMap<String, Value> = BTreeMap::new();
    for operation in operations(document) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let Some(Value::Object(responses)) = operation.get_mut("responses") else { continue };
        for (status, response) in responses {
            let Some(schema) = response.pointer_mut("/content/application~1json/schema") else {
                continue;
            };
            if !status.starts_with('2') || schema["properties"]["success"].is_null() {
                continue;
            }
            schema["properties"]["success"] = json!({"type": "boolean", "const": true});
            schema["type"] = json!("object");
            let data = schema["properties"]["data"]["$ref"].as_str();
            let data = data.and_then(|data| data.strip_prefix(COMPONENTS));
            let name = format!("{}Response", data.map_or_else(|| capitalised(&id), str::to_owned));
            let reference = json!({"$ref": format!("{COMPONENTS}{name}")});
            envelopes.insert(name, std::mem::replace(schema, reference));
        }
    }
    let schemas = &mut document["components"]["schemas"];
    for (name, envelope) in envelopes {
        let known =
            schemas.get(&name).is_some_and(|known| known["properties"] != envelope["properties"]);
        assert!(!known, "two schemas are called {name}");
        schemas[name] = envelope;
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Adds forms and examples to fields by their names.
fn describe_fields(object: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = object.get_mut("properties") else { return };
    for (name, schema) in properties {
        if is_text(schema) && schema["enum"].is_null() {
            describe_text(name, schema);
        }
        if name == "tags" && is_text(&schema["items"]) {
            describe_text("name", &mut schema["items"]);
        }
        if name == "otherNames" && is_text(&schema["items"]) {
            describe_text("name", &mut schema["items"]);
        }
        if name == "seats" && is_text(&schema["items"]) {
            describe_text("seatId", &mut schema["items"]);
        }
        if schema["$ref"].is_string() && schema["example"].is_null() {
            let example = match name.as_str() {
                "eventId" => EVENT,
                "holdId" | "sagaId" => HOLD,
                "reservationId" => RESERVATION,
                "paymentId" => PAYMENT,
                _ => continue,
            };
            schema["example"] = json!(example);
        }
    }
}

/// Describes the ids whose field is only called `id`.
fn describe_ids(document: &mut Value) {
    for (component, example) in [
        ("Product", PRODUCT),
        ("Counts", PRODUCT),
        ("Section", SECTION),
        ("Seat", SEAT),
        ("SeatState", SEAT),
        ("SeatDelta", SEAT),
    ] {
        let id = document.pointer_mut(&format!("/components/schemas/{component}/properties/id"));
        if let Some(id) = id {
            id["example"] = json!(example);
        }
    }
}

fn describe_text(name: &str, schema: &mut Value) {
    let is_time =
        name.ends_with("At") || name.ends_with("Date") || ["serverTime", "asOf"].contains(&name);
    let (key, form, example) = match name {
        _ if is_time => ("format", "date-time", TIME),
        "productId" => ("pattern", "^p[0-9a-f]{8}-(0|[1-9][0-9]{0,4})$", PRODUCT),
        "seatId" => ("pattern", "^s[0-9a-f]{8}-(0|[1-9][0-9]{0,6})$", SEAT),
        "name" | "title" | "artist" | "section" | "product" | "deviceName" => {
            ("pattern", VISIBLE, "")
        }
        "description" | "venue" | "place" | "location" | "reason" | "content" | "text" | "note" => {
            ("pattern", LINES, "")
        }
        "phoneNumber" => ("pattern", PHONE, "010-1234-5678"),
        "currency" => ("pattern", "^[A-Z]{3}$", "KRW"),
        _ => return,
    };
    for (key, value) in [(key, form), ("example", example)] {
        if schema[key].is_null() && !value.is_empty() {
            schema[key] = json!(value);
        }
    }
}

fn is_text(schema: &Value) -> bool {
    match &schema["type"] {
        Value::String(one) => one == "string",
        Value::Array(several) => several.iter().any(|one| one == "string"),
        _ => false,
    }
}

/// Sets the bounds of numbers: Rust's `u32` exceeds `int32`.
fn number_bounds(document: &mut Value) {
    each_object(document, &mut |object| {
        let is_unsigned =
            object.get("minimum").and_then(Value::as_f64).is_some_and(|min| min >= 0.0);
        if object.get("format").is_some_and(|format| format == "int32") && is_unsigned {
            object.insert("format".into(), json!("int64"));
            object.entry("maximum").or_insert(json!(u32::MAX));
        }
    });
}

/// Adds the codes as an enum, with a table of their meanings.
fn describe_failure(document: &mut Value) {
    let mut table = String::from(
        "Stable: compare with these, and not with messages.\n\n\
         | code | status | meaning |\n|---|---|---|\n",
    );
    for code in ErrorCode::ALL {
        let status = code.status().as_u16();
        table.push_str(&format!("| `{}` | {status} | {} |\n", code.as_str(), code.meaning()));
    }
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let schemas = &mut document["components"]["schemas"];
    schemas["ErrorCode"] = json!({"type": "string", "enum": codes, "description": table});
    let code = json!({"$ref": format!("{COMPONENTS}ErrorCode")});
    schemas["FailureDetail"]["properties"]["code"] = code;
    schemas["Failure"]["properties"]["success"] = json!({"type": "boolean", "const": false});
}

/// Returns every operation of the document.
pub(super) fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let items = paths.filter_map(Value::as_object_mut).flatten();
    let operations = items.filter(|(method, _)| METHODS.contains(&method.as_str()));
    operations.filter_map(|(_, operation)| operation.as_object_mut())
}

fn each_object(value: &mut Value, act: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            act(object);
            object.values_mut().for_each(|value| each_object(value, act));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| each_object(value, act)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
