//! The sentences by which the domain refuses values: the pages have a pattern for each, so that no page
//! shows an English one in another language.

use std::fs;
use std::path::Path;

use crate::dashboards::path;

/// The modules that refuse values of forms.
const REFUSING: &[&str] = &[
    "src/text.rs",
    "src/accounts.rs",
    "src/accounts/registration.rs",
    "src/accounts/validate.rs",
    "src/classes",
    "src/offerings",
    "src/community",
    "src/inventory/cancel_tickets.rs",
    "src/inventory/decide.rs",
    "src/inventory/decide_admin.rs",
    "src/inventory/decide_change.rs",
    "src/inventory/decide_enrollment.rs",
    "src/inventory/decide_event.rs",
    "src/inventory/decide_hold.rs",
    "src/inventory/decide_reservation.rs",
    "src/inventory/validate.rs",
    "src/terms.rs",
    "src/forms",
    "src/venues/check.rs",
    "src/venues/generate",
    "src/venues/service.rs",
    "src/webhooks/endpoints.rs",
    "src/webhooks/target.rs",
    "src/web/community",
    "src/web/event",
    "src/web/guests.rs",
    "src/web/organiser/concert.rs",
    "src/web/organiser/moderation.rs",
    "src/web/organiser/terms.rs",
];

/// Calls and names whose text is a reason.
const MARKS: &[&str] = &[
    "reason: \"",
    "reason = \"",
    "reason = format!(\"",
    "reason =\n",
    "Invalid {\n",
    "invalid(",
    "InvalidField::new(",
    "wrong(",
    "error(",
    "Err(\"",
    "Err(format!(\"",
    "Some(\"",
    "=> \"",
    "let bad = || \"",
];

/// Literals beside these marks that are no reasons.
const OTHERS: &[&str] = &["one may be left out"];

fn source_of(place: &Path) -> String {
    if place.is_dir() {
        let mut files: Vec<_> =
            fs::read_dir(place).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        return files.iter().map(|file| source_of(file)).collect();
    }
    let source = fs::read_to_string(place).unwrap();
    // Tests and lints have sentences of their own.
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.filter(|line| !line.contains("#[expect")).map(|line| format!("{line}\n")).collect()
}

/// The string literals of a source, joined over line ends, each with the text before it.
fn literals(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some((before, behind)) = rest.split_once('"') {
        let mut literal = String::new();
        let mut chars = behind.char_indices();
        let mut end = behind.len();
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    end = index + 1;
                    break;
                }
                '\\' => {
                    let (_, escaped) = chars.next().unwrap();
                    if escaped != '\n' {
                        literal.push(escaped);
                        continue;
                    }
                    let spaces = behind[index + 2..].find(|c: char| c != ' ').unwrap_or(0);
                    if let Some(skipped) = spaces.checked_sub(1) {
                        chars.nth(skipped);
                    }
                }
                c => literal.push(c),
            }
        }
        let from = before.len().saturating_sub(120);
        found.push((before[before.floor_char_boundary(from)..].to_owned(), literal));
        rest = &behind[end..];
    }
    found
}

/// True if a literal is the end of a sentence, or a sentence, and not a name or a message of a log.
fn is_reason(before: &str, literal: &str) -> bool {
    let is_marked = MARKS.iter().any(|mark| before.contains(mark.trim_end_matches('"')));
    let starts = [
        "must ", "is ", "has ", "have ", "may ", "are ", "names ", "put ", "make ", "mix ",
        "stand ",
    ];
    let is_end = starts.iter().any(|start| literal.starts_with(start));
    let is_whole =
        before.contains("reason: ") || before.contains("invalid(") || before.contains("reason =");
    literal.contains(' ')
        && is_marked
        && (is_end || is_whole)
        && literal.starts_with(|c: char| c.is_ascii_lowercase())
        && !OTHERS.contains(&literal)
}

/// A text with every `{placeholder}` as one mark.
fn normal(text: &str) -> String {
    let mut rest = text;
    let mut normal = String::new();
    while let Some((before, behind)) = rest.split_once('{') {
        normal.push_str(before);
        normal.push('\u{1}');
        rest = behind.split_once('}').map_or("", |(_, after)| after);
    }
    normal + rest
}

/// True if the pattern matches the sentence; placeholders of both stand for any text.
fn matches(pattern: &str, sentence: &str) -> bool {
    let mut rest = sentence;
    let mut parts = pattern.split('\u{1}');
    let Some(after) = parts.next().and_then(|first| rest.strip_prefix(first)) else { return false };
    rest = after;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[if part.is_empty() { rest.len() } else { at + part.len() }..];
    }
    rest.is_empty()
}

#[test]
fn every_reason_of_the_domain_has_a_pattern_in_the_texts_of_the_pages() {
    let texts = fs::read_to_string(path("src/web/strings/en.toml")).unwrap();
    let texts: toml::Table = texts.parse().unwrap();
    let patterns: Vec<String> = texts["reason"]
        .as_table()
        .unwrap()
        .values()
        .map(|text| normal(text.as_str().unwrap()))
        .collect();
    let mut seen = 0;
    let mut missing = Vec::new();
    for place in REFUSING {
        for (before, literal) in literals(&source_of(&path(place))) {
            if is_reason(&before, &literal) {
                seen += 1;
                let sentence = normal(&literal);
                if !patterns.iter().any(|pattern| matches(pattern, &sentence)) {
                    missing.push(format!("{place}: {literal}"));
                }
            }
        }
    }
    assert!(seen > 80, "only {seen} reasons were found");
    assert!(missing.is_empty(), "without a pattern in [reason]:\n{}", missing.join("\n"));
}
