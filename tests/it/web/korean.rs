//! The Korean texts that buyers read: one level of politeness, and particles that fit any value.

use std::fs;

use crate::dashboards::path;

/// Tables of texts that buyers read.
const AREAS: &[&str] = &[
    "frame",
    "notice",
    "start",
    "sale",
    "sale_says",
    "place",
    "event",
    "waitlist",
    "queue",
    "basket",
    "checkout",
    "guest",
    "orders",
    "tickets",
    "account",
    "offline",
    "error_page",
    "error",
    "reason",
    "wait",
    "js",
];

/// Particles that differ with the last letter of the word before them.
const FITTING: &[char] = &['을', '를', '은', '는', '이', '가', '와', '과'];

fn texts() -> Vec<(String, String)> {
    let file = fs::read_to_string(path("src/web/strings/ko.toml")).unwrap();
    let table: toml::Table = file.parse().unwrap();
    let of = |area: &&str| {
        let keys = table[*area].as_table().unwrap();
        let texts = keys.iter().map(|(key, text)| (key.clone(), text.as_str().unwrap().to_owned()));
        texts.map(|(key, text)| (format!("{area}.{key}"), text)).collect::<Vec<_>>()
    };
    let all = AREAS.iter().flat_map(of);
    // The staff at the door has its own.
    all.filter(|(key, _)| !key.starts_with("js.door.")).collect()
}

#[test]
fn every_sentence_has_one_level_of_politeness() {
    let mut wrong = Vec::new();
    for (key, text) in texts() {
        let mut sentences: Vec<&str> = text.split(". ").collect();
        let last = sentences.pop().unwrap_or_default();
        let last = last.strip_suffix('.').map(|last| vec![last]).unwrap_or_default();
        for sentence in sentences.into_iter().chain(last) {
            // A value, or words in brackets, may end a sentence.
            let end = sentence.trim_end_matches([')', '}', ' ']);
            let is_value = end.len() < sentence.len();
            if !is_value && !end.ends_with("니다") && !end.ends_with("세요") {
                wrong.push(format!("{key}: {sentence:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "neither 합니다 nor 하세요:\n{}", wrong.join("\n"));
}

#[test]
fn particles_behind_values_fit_every_value() {
    let mut wrong = Vec::new();
    for (key, text) in texts() {
        for (at, _) in text.match_indices('}') {
            let mut behind = text[at + 1..].chars();
            let is_particle = behind.next().is_some_and(|c| FITTING.contains(&c));
            let is_alone = behind.next().is_none_or(|c| c.is_whitespace() || c == ',');
            if is_particle && is_alone {
                wrong.push(format!("{key}: {text:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "write 이(가) or another sentence:\n{}", wrong.join("\n"));
}
