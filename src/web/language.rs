//! The languages of the pages: all texts, one file for each language, and the choice of one by
//! cookie or browser. `tests/it/web/strings.rs` compares the files with each other and with the
//! templates.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::http::error::{ApiError, ErrorCode};
use crate::web::forms::{Form, local_path, see_other};

/// Name of the cookie that holds the choice.
const COOKIE: &str = "language";

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    English,
    Korean,
}

type Texts = HashMap<String, String>;

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("strings/en.toml")));
static KOREAN: LazyLock<Texts> = LazyLock::new(|| read(include_str!("strings/ko.toml")));

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
    /// All languages, in the order in which they are offered.
    pub(crate) const ALL: [Self; 2] = [Self::Korean, Self::English];

    /// Returns the language tag of HTML.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// Returns the language's own name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Korean => "한국어",
        }
    }

    fn by_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

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

    /// Returns the texts of scripts as JSON, without the prefix of their keys, and beside them the
    /// sentences about refusals with these codes.
    pub(crate) fn for_scripts(self, refusals: &[ErrorCode]) -> String {
        let of_scripts = |(key, text): (&'static str, _)| Some((key.strip_prefix("js.")?, text));
        let is_wanted = |(key, _): &(&str, &str)| {
            let name = key.trim_start_matches("error.");
            let code = name.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '_');
            refusals.iter().any(|wanted| wanted.as_str() == code)
        };
        let texts: std::collections::BTreeMap<&str, &str> = self
            .below("error.")
            .filter(is_wanted)
            .chain(self.below("js.").filter_map(of_scripts))
            .collect();
        serde_json::to_string(&texts).expect("texts are JSON")
    }

    /// Returns the language of a request: the cookie's, else the browser's first known one.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let chosen = request.cookie(COOKIE).and_then(|cookie| Self::by_tag(cookie.value()));
        chosen.or_else(|| accepted(request)).unwrap_or(Self::English)
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

/// Returns the first language of `Accept-Language` that the pages have. Weights are ignored:
/// browsers send the list in order.
fn accepted(request: &HttpRequest) -> Option<Language> {
    let list = request.headers().get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    list.split(',').find_map(|one| {
        let tag = one.split([';', '-']).next().unwrap_or_default().trim();
        Language::by_tag(&tag.to_ascii_lowercase())
    })
}

/// Adds the route that keeps the choice.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/language").post(choose));
}

#[derive(Deserialize)]
struct Choice {
    language: String,
    #[serde(default)]
    back: String,
}

async fn choose(Form(choice): Form<Choice>) -> Result<HttpResponse, ApiError> {
    let mut response = see_other(local_path(&choice.back));
    if let Some(language) = Language::by_tag(&choice.language) {
        let cookie = Cookie::build(COOKIE, language.tag())
            .path("/")
            .same_site(SameSite::Lax)
            .http_only(true)
            .max_age(actix_web::cookie::time::Duration::days(365))
            .finish();
        let _ = response.add_cookie(&cookie);
    }
    Ok(response)
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
