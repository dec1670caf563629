//! Translates the errors of parsers into the API's own wording. Each reason is the end of a
//! sentence that starts with the field: `quantity must be a whole number from 0 to 4294967295, not
//! "two"`.

/// An error in a request, and the field that has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The path of the field, such as `lines[0].quantity`; `.` for the whole body.
    pub field: String,
    /// The end of the sentence.
    pub reason: String,
}

/// The most characters of a client's value that are repeated in the answer.
const SHOWN: usize = 64;
/// The form of a time.
pub const A_TIME: &str =
    "a time such as 2030-05-01T19:30:00Z, with Z or an offset, in the years 0 to 9999";

impl Fault {
    /// Makes a fault from a parser's error at `path`.
    pub fn new(path: &str, error: &str) -> Self {
        // Serde ends its reasons with the position in the text; the path is clearer.
        let error = error.rsplit_once(" at line ").map_or(error, |(reason, _)| reason);
        if let Some(name) = between(error, "missing field `", "`") {
            return Self { field: below(path, name), reason: "is missing".into() };
        }
        if let Some(name) = between(error, "duplicate field `", "`") {
            return Self { field: below(path, name), reason: "is there twice".into() };
        }
        if let Some(name) = between(error, "unknown field `", "`") {
            let field = below(path, &excerpt(name));
            let known = names(error);
            let reason = match known.is_empty() {
                true => "is not known here".to_owned(),
                false => format!("is not known here; known are: {}", known.join(", ")),
            };
            return Self { field, reason };
        }
        Self { field: path.to_owned(), reason: reason(error) }
    }
}

fn reason(error: &str) -> String {
    if let Some(sent) = between(error, "unknown variant `", "`, expected ") {
        return format!("must be {}, not {:?}", one_of(&names(error)), excerpt(sent));
    }
    let misfit = ["invalid type: ", "invalid value: ", "invalid length "];
    if let Some(rest) = misfit.iter().find_map(|start| error.strip_prefix(start))
        && let Some((sent, expected)) = rest.rsplit_once(", expected ")
    {
        return format!("must be {}, not {}", wanted(expected), given(sent));
    }
    let plain = match error {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a whole number"
        }
        "number too large to fit in target type" => "is too large a number",
        "number too small to fit in target type" => "is too small a number",
        "provided string was not `true` or `false`" => "must be true or false",
        "premature end of input"
        | "input contains invalid characters"
        | "trailing input"
        | "input is out of range" => return format!("must be {A_TIME}"),
        error if error.starts_with("UUID parsing failed") => "must be an id: a UUID",
        error => error,
    };
    plain.to_owned()
}

/// Returns the wording for the type that serde expected.
fn wanted(expected: &str) -> String {
    let number = |min: String, max: String| format!("a whole number from {min} to {max}");
    match expected {
        "u8" => number("0".into(), u8::MAX.to_string()),
        "u16" => number("0".into(), u16::MAX.to_string()),
        "u32" => number("0".into(), u32::MAX.to_string()),
        "u64" | "usize" => number("0".into(), u64::MAX.to_string()),
        "i32" => number(i32::MIN.to_string(), i32::MAX.to_string()),
        "i64" => number(i64::MIN.to_string(), i64::MAX.to_string()),
        "a boolean" => "true or false".into(),
        "a sequence" => "a list".into(),
        "a formatted UUID string" => "an id: a UUID".into(),
        "a map" => "an object".into(),
        other if other.starts_with("struct ") => "an object".into(),
        other => other.into(),
    }
}

/// Returns the wording for the value that was sent instead.
fn given(sent: &str) -> String {
    if let Some(text) = between(sent, "string \"", "\"") {
        return format!("\"{}\"", excerpt(text));
    }
    match sent {
        "sequence" => "a list".into(),
        "map" => "an object".into(),
        // integer `7`, floating point `1.5`, boolean `true`
        other => between(other, " `", "`").map_or_else(|| excerpt(other), excerpt),
    }
}

/// Returns the text between the first `start` and an `end` after it.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    // Field names are the server's own, so the first `end` counts; a value may contain anything, so
    // the last one counts.
    let is_name = start.contains("field");
    let cut = if is_name { rest.find(end) } else { rest.rfind(end) };
    cut.map(|at| &rest[..at])
}

/// Returns the names that serde lists after `expected`.
fn names(error: &str) -> Vec<&str> {
    let listed = error.rsplit_once(", expected ").map_or("", |(_, listed)| listed);
    listed.split('`').skip(1).step_by(2).collect()
}

fn one_of(names: &[&str]) -> String {
    match names {
        [] => "one of those that are documented".into(),
        [one] => (*one).into(),
        [several @ .., last] => format!("{} or {last}", several.join(", ")),
    }
}

/// Returns the path of a field below a path that may already contain it.
fn below(path: &str, name: &str) -> String {
    match path {
        "." => name.to_owned(),
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    }
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn reasons_name_the_field_and_what_is_expected() {
        for (path, error, sentence) in [
            (
                "lines[0].quantity",
                "invalid type: string \"two\", expected u32 at line 1 column 9",
                "lines[0].quantity must be a whole number from 0 to 4294967295, not \"two\"",
            ),
            (
                "a",
                "invalid value: integer `-1`, expected u8",
                "a must be a whole number from 0 to 255, not -1",
            ),
            (
                "a",
                "invalid type: floating point `1.5`, expected i64",
                "a must be a whole number from -9223372036854775808 to 9223372036854775807, not 1.5",
            ),
            ("a", "invalid type: null, expected a string", "a must be a string, not null"),
            (
                "a",
                "invalid type: sequence, expected struct Money",
                "a must be an object, not a list",
            ),
            ("a[1]", "missing field `name` at line 1 column 2", "a[1].name is missing"),
            (".", "missing field `name`", "name is missing"),
            (
                ".",
                "unknown field `x`, expected one of `a`, `b`",
                "x is not known here; known are: a, b",
            ),
            ("x", "unknown field `x`, expected `a`", "x is not known here; known are: a"),
            (".", "unknown field `x`, there are no fields", "x is not known here"),
            (
                "status",
                "unknown variant `SOLD`, expected one of `SELLING`, `PAUSED`",
                "status must be SELLING or PAUSED, not \"SOLD\"",
            ),
            ("limit", "invalid digit found in string", "limit must be a whole number"),
            ("cursor", "UUID parsing failed: invalid length", "cursor must be an id: a UUID"),
        ] {
            let fault = Fault::new(path, error);
            assert_eq!(format!("{} {}", fault.field, fault.reason), sentence);
        }
    }

    #[test]
    fn a_long_value_is_not_repeated_whole() {
        let error = format!("invalid type: string \"{}\", expected u32", "가".repeat(9_000));
        assert!(Fault::new("a", &error).reason.len() < 400);
    }
}
