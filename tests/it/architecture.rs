//! The rules of who may use whom, read from the source. A rule that stands only in a document is
//! broken within a month.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the library and the others that it may use. Those below know none above.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("random", &[]),
    ("executor", &[]),
    ("ids", &["random"]),
    // Defects to plant; nothing in a program that sells.
    ("planted", &[]),
    ("inventory", &["ids", "planted"]),
    ("clock", &["inventory"]),
    ("trace", &["clock", "random"]),
    ("journal", &["clock", "ids", "inventory"]),
    ("store", &["ids", "inventory", "journal"]),
    ("audit", &["ids", "inventory", "journal", "store"]),
    ("archive", &["audit", "ids", "inventory", "journal", "store"]),
    ("cluster", &["clock", "executor", "ids", "journal", "planted", "random", "trace"]),
    (
        "box_office",
        &[
            "clock",
            "cluster",
            "executor",
            "ids",
            "inventory",
            "journal",
            "planted",
            "random",
            "trace",
        ],
    ),
    (
        "simulation",
        &[
            "box_office",
            "clock",
            "cluster",
            "executor",
            "ids",
            "inventory",
            "journal",
            "planted",
            "random",
        ],
    ),
    // The forms that addresses, passwords and URLs may have hold for settings too.
    ("config", &["accounts", "cluster"]),
    ("telemetry", &["clock", "config", "trace"]),
    ("caller", &["ids", "store"]),
    ("text", &[]),
    ("accounts", &["caller", "clock", "config", "ids", "inventory", "store", "telemetry", "text"]),
    ("offerings", &["box_office", "caller", "ids", "inventory", "store", "text"]),
    ("payments", &["box_office", "clock", "ids", "inventory", "store", "trace"]),
    ("closing", &["accounts", "box_office", "clock", "ids", "inventory", "payments", "store"]),
    (
        "http",
        &[
            "accounts",
            "audit",
            "box_office",
            "caller",
            "clock",
            "closing",
            "cluster",
            "config",
            "ids",
            "inventory",
            "journal",
            "offerings",
            "payments",
            "store",
            "telemetry",
            "text",
            "trace",
        ],
    ),
    (
        "server",
        &[
            "accounts",
            "audit",
            "box_office",
            "clock",
            "cluster",
            "config",
            "executor",
            "http",
            "ids",
            "inventory",
            "journal",
            "offerings",
            "payments",
            "store",
            "telemetry",
            "trace",
        ],
    ),
    (
        "cli",
        &[
            "accounts",
            "archive",
            "audit",
            "clock",
            "config",
            "http",
            "ids",
            "inventory",
            "journal",
            "server",
            "simulation",
            "store",
            "telemetry",
        ],
    ),
];

/// What only one module may know, of the crates that everything could reach.
const BELONGS_TO: &[(&str, &[&str])] = &[
    ("sea_orm", &["store"]),
    ("entities", &["store"]),
    ("migration", &["store"]),
    ("actix", &["box_office"]),
    ("actix_web", &["http", "server", "telemetry"]),
    ("jsonwebtoken", &["accounts"]),
    ("argon2", &["accounts"]),
    ("redis", &["cluster"]),
    ("opentelemetry_proto", &["telemetry"]),
    ("prost", &["telemetry"]),
];

/// All that the pure core may use: no IO, no async, no clock, no randomness, no logging.
const CORE_USES: &[&str] = &["blake3", "std", "serde", "postcard", "thiserror", "hashbrown"];

/// Where status codes are named: the one map from errors, and what surrounds it.
const NAMES_STATUS: &[&str] = &[
    "http/error.rs",
    "http/error/code.rs",
    // Success, and what the framework answered by itself.
    "http/respond.rs",
    "http/middleware/request_context.rs",
    // A label.
    "telemetry/metrics.rs",
    // Of spans, not of answers.
    "telemetry/otlp/encode.rs",
];

struct Source {
    /// Below `src`.
    path: String,
    /// Without comments.
    text: String,
}

impl Source {
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The names that stand behind `prefix::`, in paths and in braces.
    fn behind(&self, prefix: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let prefix = format!("{prefix}::");
        for (at, _) in self.text.match_indices(&prefix) {
            if self.text[..at].ends_with(is_in_word) {
                continue;
            }
            let rest = &self.text[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let mut depth = 0;
                for part in group.split_inclusive(['{', '}', ',']) {
                    if depth == 0 {
                        found.insert(first_word(part));
                    }
                    match part.chars().last() {
                        Some('{') => depth += 1,
                        Some('}') if depth == 0 => break,
                        Some('}') => depth -= 1,
                        _ => {}
                    }
                }
            } else {
                found.insert(first_word(rest));
            }
        }
        found.remove("");
        found
    }

    fn names_crate(&self, name: &str) -> bool {
        let path = format!("{name}::");
        self.text.match_indices(&path).any(|(at, _)| {
            let before = &self.text[..at];
            !before.ends_with(is_in_word) && !before.ends_with("::")
        })
    }
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c| !is_in_word(c)).unwrap_or(text.len())]
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut waiting: Vec<PathBuf> = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let relative = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let is_test = relative.contains("/tests/") || relative.ends_with("/tests.rs");
        if is_test || !relative.ends_with(".rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        sources.push(Source { path: relative, text: code.collect::<Vec<_>>().join("\n") });
    }
    assert!(sources.len() > 50, "the sources are where this test looks for them");
    sources
}

#[test]
fn modules_use_only_what_is_below_them() {
    let rules: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    for source in sources() {
        let module = source.module();
        if ["lib", "main", "bin"].contains(&module) {
            continue;
        }
        let allowed = rules.get(module);
        let allowed = allowed.unwrap_or_else(|| panic!("{}: a module without a rule", source.path));
        for used in source.behind("crate") {
            let known = used == module || allowed.contains(&used) || !rules.contains_key(used);
            assert!(known, "{}: {module} may not use {used}", source.path);
        }
    }
}

#[test]
fn what_belongs_to_one_module_is_known_to_it_alone() {
    for source in sources() {
        for (name, owners) in BELONGS_TO {
            let knows = source.names_crate(name);
            assert!(
                !knows || owners.contains(&source.module()) || source.path == "main.rs",
                "{}: only {owners:?} may use {name}",
                source.path
            );
        }
    }
}

#[test]
fn the_core_is_pure() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let manifest: toml::Table = manifest.unwrap().parse().unwrap();
    let crates = manifest["dependencies"].as_table().unwrap().keys();
    let crates: Vec<String> = crates.map(|name| name.replace('-', "_")).collect();
    assert!(crates.iter().any(|name| name == "tokio"), "the list of crates is read");
    for source in sources().iter().filter(|source| source.module() == "inventory") {
        for name in crates.iter().filter(|name| !CORE_USES.contains(&name.as_str())) {
            assert!(!source.names_crate(name), "{}: the core uses {name}", source.path);
        }
        for forbidden in ["time", "env", "fs", "io", "net", "process", "thread", "sync"] {
            let used = source.behind("std").contains(forbidden);
            assert!(!used, "{}: the core uses std::{forbidden}", source.path);
        }
        for forbidden in ["async fn", "async move", "unsafe", "println!", "SystemTime", "Instant"] {
            assert!(!source.text.contains(forbidden), "{}: {forbidden}", source.path);
        }
    }
}

#[test]
fn status_codes_are_chosen_in_one_place() {
    for source in sources() {
        let chooses = source.text.contains("StatusCode");
        let may = NAMES_STATUS.contains(&source.path.as_str());
        assert!(!chooses || may, "{}: errors get their status in http/error.rs", source.path);
    }
}

#[test]
fn entities_and_migrations_know_nothing_of_the_rest() {
    for member in ["entities", "migration"] {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(member).join("Cargo.toml");
        let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
        for name in manifest["dependencies"].as_table().unwrap().keys() {
            assert!(name != "admitone", "{member} depends on the root crate");
        }
    }
}
