//! The capabilities, and the layers in which each has its files and its tables.

use std::collections::BTreeMap;

use super::{MAY_USE, sources};

/// The capabilities. No capability uses another; they share only the modules below them.
const CAPABILITIES: &[&str] = &[
    "accounts",
    "audit",
    "box_office",
    "classes",
    "cluster",
    "community",
    "forms",
    "offerings",
    "outbox",
    "payments",
    "roles",
    "terms",
    "venues",
    "waiting_room",
    "webhooks",
];

/// The capability whose rows each table holds.
const TABLES: &[(&str, &str)] = &[
    ("attendance", "community"),
    ("article", "community"),
    ("article_comment", "community"),
    ("article_forget", "community"),
    ("article_list", "community"),
    ("article_reaction", "community"),
    ("artist", "community"),
    ("audit_entry", "roles"),
    ("auto_payment", "payments"),
    ("catalogue", "offerings"),
    ("chat_member", "community"),
    ("chat_message", "community"),
    ("chat_room", "community"),
    ("class", "classes"),
    ("class_figures", "classes"),
    ("closed", "accounts"),
    ("concert", "community"),
    ("concert_list", "community"),
    ("delivery", "outbox"),
    ("enrollment", "classes"),
    ("enrollment_form", "forms"),
    ("enrollment_change", "classes"),
    ("enrollment_list", "classes"),
    ("enrollment_words", "classes"),
    ("event", "offerings"),
    ("event_change", "offerings"),
    ("gateway_notification", "payments"),
    ("grant", "roles"),
    ("guest", "accounts"),
    ("idempotency", "offerings"),
    ("identity_rows", "accounts"),
    ("image", "community"),
    ("invitation", "roles"),
    ("kept_mail", "accounts"),
    ("last_login", "accounts"),
    ("leaving", "accounts"),
    ("moderation", "community"),
    ("new_class", "classes"),
    ("notice", "outbox"),
    ("outbox", "outbox"),
    ("link_title", "community"),
    ("like", "community"),
    ("mail_link", "accounts"),
    ("outbox", "offerings"),
    ("payment", "payments"),
    ("payment_gateway", "payments"),
    ("payment_group", "payments"),
    ("payment_row", "payments"),
    ("person", "accounts"),
    ("queue_secret", "waiting_room"),
    ("refresh_token", "accounts"),
    ("refund", "payments"),
    ("report", "community"),
    ("reported", "community"),
    ("reservation", "offerings"),
    ("revocation", "accounts"),
    ("sales", "offerings"),
    ("seat", "offerings"),
    ("seat_slices", "offerings"),
    ("series", "community"),
    ("session", "accounts"),
    ("session_rows", "accounts"),
    ("setlist", "community"),
    ("simulator_charge", "payments"),
    ("social_identity", "accounts"),
    ("term", "terms"),
    ("term_agreement", "terms"),
    ("ticket", "offerings"),
    ("user", "accounts"),
    ("user_forget", "accounts"),
    ("user_reset", "accounts"),
    ("user_row", "accounts"),
    ("venue", "venues"),
    ("wallet", "payments"),
    ("webhook", "webhooks"),
    ("webhook_attempt", "webhooks"),
    ("webhook_delivery", "webhooks"),
    ("words_group", "classes"),
];

#[test]
fn a_capability_is_one_noun_in_every_layer() {
    let (rules, sources) = (MAY_USE.iter().copied().collect::<BTreeMap<_, _>>(), sources());
    let is_there = |path: &str| sources.iter().any(|source| source.path == path);
    for capability in CAPABILITIES {
        assert!(is_there(&format!("{capability}.rs")), "src/{capability}.rs has the rules");
        assert!(is_there(&format!("http/api/{capability}.rs")), "no routes of {capability}");
        // Every capability may use an event's box office, the cluster to find its instance, the
        // plan of its venue, the roles of its callers, and the terms that it needs agreement to; applications for a class are
        // checked against its form.
        let base = ["box_office", "cluster", "forms", "roles", "terms", "venues"];
        let others = CAPABILITIES.iter().filter(|other| !base.contains(other));
        for other in others.filter(|other| *other != capability) {
            let uses = rules[capability].contains(other);
            assert!(
                !uses,
                "{capability} uses {other}: they meet through the box office or the store"
            );
        }
    }
    let folder = |path: &str, below: &str| {
        let rest = path.strip_prefix(below)?;
        (!rest.contains('/')).then(|| rest.trim_end_matches(".rs").to_owned())
    };
    for source in &sources {
        if let Some(name) = folder(&source.path, "http/api/") {
            assert!(
                CAPABILITIES.contains(&&*name),
                "http/api/{name} has no capability src/{name}.rs"
            );
        }
        if let Some(name) = folder(&source.path, "store/tables/") {
            let owner = TABLES.iter().find(|(table, _)| *table == name).map(|(_, owner)| owner);
            let owner =
                owner.unwrap_or_else(|| panic!("store/tables/{name}: whose rows are they?"));
            assert!(CAPABILITIES.contains(owner), "{owner}");
        }
    }
    for (table, _) in TABLES {
        assert!(is_there(&format!("store/tables/{table}.rs")), "there is no table {table}");
    }
}
