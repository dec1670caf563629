//! The rules for which module may use which, checked against the source. A rule that is only
//! written in a document is broken within a month.

mod capabilities;
mod graph;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use graph::{Graph, Module};

/// Each module of the library and the modules that it may use. Lower layers come first and, except
/// where noted, do not use higher ones.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("random", &[]),
    ("executor", &[]),
    ("quiet_threads", &[]),
    ("ids", &["random"]),
    // Bugs to plant in tests; absent from a program that sells.
    ("planted", &[]),
    ("inventory", &["ids", "planted"]),
    ("clock", &["inventory"]),
    ("trace", &["clock", "random"]),
    ("journal", &["clock", "ids", "inventory"]),
    ("language", &["inventory"]),
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
    // The rules for the form of addresses, passwords and URLs apply to settings too.
    ("config", &["accounts", "cluster", "mail", "network", "payments"]),
    ("telemetry", &["clock", "config", "trace"]),
    ("caller", &["ids", "store"]),
    ("text", &[]),
    ("network", &[]),
    ("proof_of_work", &[]),
    ("limits", &["clock", "cluster", "ids", "network", "proof_of_work"]),
    ("tls", &[]),
    ("audit_log", &["ids", "inventory", "store"]),
    ("roles", &["caller", "ids", "inventory", "store"]),
    (
        "accounts",
        &[
            "audit_log",
            "caller",
            "clock",
            "config",
            "ids",
            "inventory",
            "language",
            "limits",
            "network",
            "quiet_threads",
            "roles",
            "store",
            "telemetry",
            "text",
            "tls",
            "trace",
        ],
    ),
    ("object", &[]),
    ("terms", &["caller", "ids", "inventory", "store", "text"]),
    ("venues", &["ids", "inventory", "object", "store", "text"]),
    ("forms", &["ids", "inventory", "object", "store", "text"]),
    (
        "offerings",
        &[
            "box_office",
            "caller",
            "ids",
            "inventory",
            "journal",
            "roles",
            "store",
            "text",
            "venues",
        ],
    ),
    (
        "classes",
        &[
            "box_office",
            "caller",
            "forms",
            "ids",
            "inventory",
            "random",
            "roles",
            "store",
            "terms",
            "text",
            "venues",
        ],
    ),
    (
        "waiting_room",
        &[
            "box_office",
            "clock",
            "executor",
            "ids",
            "inventory",
            "journal",
            "network",
            "proof_of_work",
            "random",
            "store",
        ],
    ),
    (
        "community",
        &[
            "caller",
            "clock",
            "cluster",
            "ids",
            "inventory",
            "objects",
            "quiet_threads",
            "roles",
            "store",
            "text",
            "tls",
        ],
    ),
    ("objects", &["text"]),
    ("outbox", &["clock", "cluster", "ids", "inventory", "journal", "store"]),
    ("webhooks", &["clock", "ids", "inventory", "journal", "random", "store", "text", "tls"]),
    ("ticket_documents", &["inventory", "language", "offerings", "store", "text"]),
    (
        "mail",
        &[
            "accounts",
            "clock",
            "config",
            "ids",
            "inventory",
            "language",
            "offerings",
            "quiet_threads",
            "store",
            "ticket_documents",
        ],
    ),
    ("payments", &["box_office", "clock", "ids", "inventory", "store", "tls", "trace"]),
    ("closing", &["accounts", "box_office", "clock", "ids", "inventory", "payments", "store"]),
    (
        "http",
        &[
            "accounts",
            "audit",
            "audit_log",
            "box_office",
            "caller",
            "classes",
            "clock",
            "closing",
            "cluster",
            "community",
            "config",
            "forms",
            "ids",
            "inventory",
            "journal",
            "language",
            "limits",
            "mail",
            "network",
            "object",
            "objects",
            "offerings",
            "outbox",
            "payments",
            "roles",
            "store",
            "telemetry",
            "terms",
            "text",
            "ticket_documents",
            "trace",
            "venues",
            "waiting_room",
            "webhooks",
        ],
    ),
    (
        "web",
        &[
            "accounts",
            "box_office",
            "classes",
            "closing",
            "community",
            "config",
            "forms",
            "http",
            "ids",
            "inventory",
            "language",
            "mail",
            "offerings",
            "payments",
            "roles",
            "store",
            "terms",
            "text",
            "ticket_documents",
            "venues",
            "waiting_room",
            "webhooks",
        ],
    ),
    (
        "server",
        &[
            "accounts",
            "audit",
            "audit_log",
            "box_office",
            "classes",
            "clock",
            "cluster",
            "community",
            "config",
            "executor",
            "forms",
            "http",
            "ids",
            "inventory",
            "journal",
            "limits",
            "mail",
            "objects",
            "offerings",
            "outbox",
            "payments",
            "store",
            "telemetry",
            "terms",
            "trace",
            "venues",
            "waiting_room",
            "web",
            "webhooks",
        ],
    ),
    (
        "cli",
        &[
            "accounts",
            "archive",
            "audit",
            "audit_log",
            "clock",
            "config",
            "http",
            "ids",
            "inventory",
            "journal",
            "roles",
            "server",
            "simulation",
            "store",
            "telemetry",
            "waiting_room",
        ],
    ),
];

/// Crates that every module could use, each with the only modules that may.
const BELONGS_TO: &[(&str, &[&str])] = &[
    ("sea_orm", &["store"]),
    ("entities", &["store"]),
    ("migration", &["store"]),
    ("actix", &["box_office"]),
    ("actix_web", &["http", "server", "telemetry", "web"]),
    ("lettre", &["mail"]),
    ("maud", &["web"]),
    ("minijinja", &["mail"]),
    ("jsonwebtoken", &["accounts"]),
    ("openidconnect", &["accounts"]),
    ("argon2", &["accounts"]),
    ("redis", &["cluster", "outbox"]),
    ("opentelemetry_proto", &["telemetry"]),
    ("prost", &["telemetry"]),
    ("krilla", &["ticket_documents"]),
    ("icalendar", &["ticket_documents"]),
    ("rust_xlsxwriter", &["http"]),
    ("png", &["ticket_documents"]),
    ("actix_multipart", &["http"]),
    ("ammonia", &["community"]),
    ("object_store", &["objects"]),
    ("pulldown_cmark", &["community"]),
    ("quick_xml", &["community"]),
];

/// The crates that the pure core may use: no IO, async, clock, randomness or logging.
const CORE_USES: &[&str] =
    &["blake3", "std", "serde", "postcard", "thiserror", "hashbrown", "sha2"];

/// The files that may name status codes: the one map from errors, and the code around it.
const NAMES_STATUS: &[&str] = &[
    "http/error.rs",
    "http/error/code.rs",
    // Success, and the answers that the framework makes itself.
    "http/respond.rs",
    "http/middleware/request_context.rs",
    // Used as a label.
    "telemetry/metrics.rs",
    // Statuses of spans, not of answers.
    "telemetry/otlp/encode.rs",
];

struct Source {
    /// Path below `src`.
    path: String,
    /// Source text without comments.
    text: String,
}

impl Source {
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Returns the names that follow `prefix::`, in paths and in braces.
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

/// The only allowed circle: the office, its failures and its handoff are one state machine.
const CIRCLE: &[&[&str]] = &[
    &["box_office", "office"],
    &["box_office", "office", "failure"],
    &["box_office", "office", "handoff"],
];

fn graph(sources: Vec<Source>) -> Graph {
    let parts =
        sources.into_iter().filter(|source| !["lib.rs", "main.rs"].contains(&&*source.path));
    Graph::of(parts.map(|source| {
        let module = source.path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        let code = source.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        (module, code.to_owned())
    }))
}

#[test]
fn only_the_office_is_a_circle_of_files() {
    let office: BTreeSet<Module> =
        CIRCLE.iter().map(|path| path.iter().map(|part| (*part).to_owned()).collect()).collect();
    let circles = graph(sources()).circles();
    let others: Vec<_> = circles.iter().filter(|circle| **circle != office).collect();
    assert!(others.is_empty(), "these files import each other: {others:#?}");
    assert!(circles.contains(&office), "the office is none any more: take it out of this test");
}

#[test]
fn a_circle_is_found_and_reexports_are_followed() {
    let file = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let circles = |files: Vec<Source>| graph(files).circles();
    let (b, c) = ("pub use b::B;\nmod b;\npub struct A;", "use crate::a::B;\nfn f(_: B) {}");
    let found = circles(vec![
        file("a.rs", b),
        file("a/b.rs", "use crate::c;\npub struct B;\nfn g() { c::f() }"),
        file("c.rs", c),
    ]);
    let expected: BTreeSet<Module> =
        [vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]].into();
    assert_eq!(found, [expected], "through the re-export of a");
    let apart = vec![file("a.rs", b), file("a/b.rs", "pub struct B;"), file("c.rs", c)];
    assert!(circles(apart).is_empty());
}
