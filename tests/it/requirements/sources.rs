//! The names of all tests, read from the sources. The reader knows the forms in which tests are
//! written here, and relies on rustfmt for the places of braces.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::dashboards::path;

const ATTRIBUTES: [&str; 3] = ["#[test]", "#[tokio::test", "#[actix_web::test"];

/// Returns names as the documents write them: `accounts::…` of `tests/it`, `admitone::…` of `src`.
pub fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    below(&path("tests/it"), &mut Vec::new(), &mut found);
    below(&path("src"), &mut vec!["admitone".into()], &mut found);
    assert!(found.len() > 300, "the sources are read: {}", found.len());
    found
}

fn below(directory: &Path, modules: &mut Vec<String>, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_stem().and_then(|stem| stem.to_str()).unwrap().to_owned();
        modules.push(name);
        if entry.is_dir() {
            below(&entry, modules, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            of_file(&fs::read_to_string(&entry).unwrap(), modules, found);
        }
        modules.pop();
    }
}

fn of_file(text: &str, modules: &[String], found: &mut BTreeSet<String>) {
    // The open blocks that matter, with the indentation at which each ends.
    let mut inner: Vec<(usize, String)> = Vec::new();
    let mut lists_tests: Option<usize> = None;
    let mut is_test = false;
    for line in text.lines() {
        let (code, indent) = (line.trim_start(), line.len() - line.trim_start().len());
        if code.starts_with('}') {
            inner.retain(|(at, _)| *at < indent);
            lists_tests = lists_tests.filter(|at| *at < indent);
        }
        if let Some(name) = code.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(" {")) {
            inner.push((indent, name.into()));
        }
        if code == "on_both_databases! {" || code == "planted! {" {
            lists_tests = Some(indent);
        }
        is_test |= ATTRIBUTES.iter().any(|attribute| code.starts_with(attribute));
        let declared = match lists_tests {
            Some(at) if indent == at + 4 => function(code).or_else(|| listed(code)),
            _ => function(code).filter(|_| is_test),
        };
        is_test &= function(code).is_none();
        let Some(name) = declared else { continue };
        let path = modules.iter().chain(inner.iter().map(|(_, name)| name));
        let path: Vec<&str> = path.map(String::as_str).chain([name]).collect();
        found.insert(path.join("::"));
    }
}

/// Returns the name in `async fn name(` and similar forms.
fn function(code: &str) -> Option<&str> {
    let code = code.strip_prefix("async ").unwrap_or(code);
    code.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// Returns the name in `name = Planted;`, the form of the list of planted bugs.
fn listed(code: &str) -> Option<&str> {
    code.ends_with(';').then_some(code)?.split_once(" = ").map(|(name, _)| name)
}
