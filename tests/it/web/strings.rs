//! The texts of the pages: every language has all of them with the same placeholders, every text
//! that a page or a script asks for exists, and no text is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::dashboards::path;

type Texts = BTreeMap<String, String>;

/// Starts of keys whose end is computed, with the source that computes it.
const COMPUTED: &[(&str, &str)] = &[
    ("notice.", "\"notice.{name}\""),
    ("month.m", "\"month.m{}\""),
    ("sale.", "\"sale.{status}\""),
    ("happened.", "\"happened.{"),
    ("payment.", "\"payment.{"),
    ("method.", "\"method.{"),
    ("refund_status.", "\"refund_status.{"),
    ("people.", "\"people.{"),
    ("refusal.", "\"refusal.{"),
    ("order_status.", "\"order_status.{"),
    ("ticket_status.", "\"ticket_status.{}\""),
    ("error.", "\"error.{code}{variant}\""),
    ("reason.", "\"reason.\""),
    ("field.", "\"field.{last}\""),
    ("js.door.status.", "`door.status.${"),
    ("js.door.camera.", "`door.camera.${"),
    ("js.door.", "`door.${kind}`"),
    ("js.sale.", "`sale.${"),
    ("js.error.", "`error.${"),
    ("js.live.", "`live.${"),
];

/// Kinds of results at the door, whose titles have computed keys.
const DOOR_KINDS: &[&str] = &[
    "valid", "used", "wrong", "void", "unknown", "offline", "busy", "session", "failed", "undone",
];

fn texts(language: &str) -> Texts {
    let file = fs::read_to_string(path(&format!("src/web/strings/{language}.toml"))).unwrap();
    let table: toml::Table = file.parse().unwrap();
    let mut texts = Texts::new();
    for (area, keys) in &table {
        for (name, text) in keys.as_table().unwrap_or_else(|| panic!("{area} is no table")) {
            let text = text.as_str().unwrap_or_else(|| panic!("{area}.{name} is no text"));
            assert!(!text.trim().is_empty(), "{language}: {area}.{name} is empty");
            texts.insert(format!("{area}.{name}"), text.to_owned());
        }
    }
    texts
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    let rest = text.split('{').skip(1);
    rest.map(|rest| rest.split_once('}').expect("a closed placeholder").0).collect()
}

#[test]
fn every_language_has_the_same_texts_with_the_same_placeholders() {
    let (english, korean) = (texts("en"), texts("ko"));
    let (in_english, in_korean) = (needed(&english), needed(&korean));
    let missing: Vec<_> = in_english.symmetric_difference(&in_korean).collect();
    assert!(missing.is_empty(), "only in one language: {missing:?}");
    for (key, text) in &korean {
        let (here, there) = (placeholders(text), placeholders(&english[key]));
        // A reason is a pattern in English; its translation need not repeat all that was matched.
        let is_reason = key.starts_with("reason.");
        assert!(here == there || is_reason && here.is_subset(&there), "{key}: {here:?}, {there:?}");
    }
}

/// Returns the keys that every language needs: a language without a singular leaves `.one` out.
fn needed(texts: &Texts) -> BTreeSet<&str> {
    let is_singular = |key: &str| {
        key.strip_suffix(".one").is_some_and(|rest| texts.contains_key(&format!("{rest}.other")))
    };
    texts.keys().map(String::as_str).filter(|key| !is_singular(key)).collect()
}

/// All files below a folder that end so, as one text.
fn sources(folder: &Path, extension: &str) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.is_dir() {
            all.push_str(&sources(&file, extension));
        } else if file.extension().is_some_and(|found| found == extension)
            && file.file_name().is_some_and(|name| name != "jsqr.js")
        {
            all.push_str(&fs::read_to_string(&file).unwrap());
        }
    }
    all
}

/// The texts between two quotes of this kind on one line that look like `area.name`.
fn quoted(source: &str, quote: char) -> BTreeSet<&str> {
    let parts = source.lines().flat_map(|line| line.split(quote));
    parts.filter(|part| is_key(part)).collect()
}

fn is_key(text: &str) -> bool {
    let Some((area, name)) = text.split_once('.') else { return false };
    let is_area = !area.is_empty() && area.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    is_area && !name.is_empty() && !name.ends_with('.') && name.bytes().all(is_name)
}

/// Keys that the templates ask for, and those that scripts ask for with `js.` before them.
fn used() -> BTreeSet<String> {
    let scripts = sources(&path("src/web/assets"), "js");
    let pages = sources(&path("src/web"), "rs") + &sources(&path("src/ticket_documents"), "rs");
    let english = texts("en");
    let areas: BTreeSet<&str> = english.keys().filter_map(|key| key.split('.').next()).collect();
    let js_areas: BTreeSet<&str> =
        english.keys().filter_map(|key| key.strip_prefix("js.")?.split('.').next()).collect();
    let is_file = |key: &str| [".js", ".css", ".svg", ".png"].iter().any(|end| key.ends_with(end));
    let of_pages = quoted(&pages, '"').into_iter().filter(|key| {
        let area = key.split('.').next().unwrap_or_default();
        areas.contains(area) && !is_file(key)
    });
    let of_scripts = quoted(&scripts, '\'').into_iter().filter(|key| {
        let area = key.split('.').next().unwrap_or_default();
        js_areas.contains(area) && !is_file(key)
    });
    let mut all: BTreeSet<_> = of_pages.map(str::to_owned).collect();
    all.extend(of_scripts.map(|key| format!("js.{key}")));
    all.extend(asked(&pages, &[".text(\"", ".fill(\""], '"').map(str::to_owned));
    all.extend(asked(&scripts, &["t('"], '\'').map(|key| format!("js.{key}")));
    all
}

/// The first arguments of calls, whatever they look like.
fn asked<'a>(
    source: &'a str,
    calls: &'a [&str],
    quote: char,
) -> impl Iterator<Item = &'a str> + use<'a> {
    calls.iter().flat_map(move |call| {
        source.match_indices(call).filter_map(move |(at, _)| {
            let before = source[..at].chars().next_back();
            let is_whole = call.starts_with('.') || !before.is_some_and(char::is_alphanumeric);
            let (argument, _) = source[at + call.len()..].split_once(quote)?;
            is_whole.then_some(argument)
        })
    })
}

#[test]
fn every_text_that_is_asked_for_exists() {
    let english = texts("en");
    let used = used();
    assert!(used.len() > 100, "{} keys were found", used.len());
    let missing: Vec<_> = used.iter().filter(|key| !has(&english, key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for kind in DOOR_KINDS {
        assert!(has(&english, &format!("js.door.{kind}")), "no title for {kind}");
    }
}

fn has(texts: &Texts, key: &str) -> bool {
    texts.contains_key(key) || texts.contains_key(&format!("{key}.other"))
}

#[test]
fn no_text_is_left_over() {
    let english = texts("en");
    let used = used();
    let source = sources(&path("src/web"), "rs") + &sources(&path("src/web/assets"), "js");
    for (start, computed) in COMPUTED {
        assert!(source.contains(computed), "nothing computes keys of {start} any more");
    }
    let is_used = |key: &str| {
        let plain = key.strip_suffix(".one").or_else(|| key.strip_suffix(".other"));
        used.contains(key) || plain.is_some_and(|key| used.contains(key))
    };
    let is_computed = |key: &str| {
        let door = key.strip_prefix("js.door.");
        door.is_some_and(|kind| DOOR_KINDS.contains(&kind))
            || COMPUTED.iter().any(|(start, _)| *start != "js.door." && key.starts_with(start))
    };
    let unused: Vec<_> = english.keys().filter(|key| !is_used(key) && !is_computed(key)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}
