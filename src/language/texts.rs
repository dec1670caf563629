//! All texts for people, one file for each language. `tests/it/web/strings.rs` compares the files with
//! each other and with the places that use them.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Language;

type Texts = HashMap<String, String>;

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../web/strings/en.toml")));
static KOREAN: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../web/strings/ko.toml")));

/// Reads a file of texts: tables are areas, so that `[cart]` with `title` is `cart.title`.
fn read(toml: &str) -> Texts {
    let table: toml::Table = toml.parse().expect("a test reads both files");
    let mut texts = Texts::new();
    flatten("", &table, &mut texts);
    texts
}

fn flatten(area: &str, table: &toml::Table, texts: &mut Texts) {
    for (name, value) in table {
        let key = if area.is_empty() { name.clone() } else { format!("{area}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, texts),
            toml::Value::String(text) => {
                texts.insert(key, text.clone());
            }
            other => panic!("{key} is {} and no text", other.type_str()),
        }
    }
}

impl Language {
    fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::Korean => &KOREAN,
        }
    }

    /// Returns a text. A key without text shows as itself; a test keeps that from happening.
    pub(crate) fn text(self, key: &'static str) -> &'static str {
        self.texts().get(key).map_or(key, String::as_str)
    }

    /// Returns a text whose key is computed; `None` if there is none.
    pub(crate) fn find(self, key: &str) -> Option<&'static str> {
        self.texts().get(key).map(String::as_str)
    }

    /// Returns the texts whose keys begin so.
    pub(crate) fn below(self, start: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
        let known = self.texts().iter().filter(move |(key, _)| key.starts_with(start));
        known.map(|(key, text)| (key.as_str(), text.as_str()))
    }

    /// Returns a text with its `{placeholders}` filled in.
    pub(crate) fn fill(self, key: &'static str, values: &[(&str, &str)]) -> String {
        fill(self.text(key), values)
    }
}

/// Replaces `{name}` by its value; what has no value stays.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(value),
            None => filled.extend(["{", name, "}"]),
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_unknown_ones_stay() {
        let filled = fill("{a} of {b}, {c} {", &[("a", "1"), ("b", "{a}")]);
        assert_eq!(filled, "1 of {a}, {c} {");
    }
}
