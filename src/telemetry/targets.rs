//! Log targets are paths of modules. A filter that names the old path of a module that moved still
//! works, and the log names the new path.

/// The old and the new path of each module that moved after 0.1.0, below `admitone`.
const MOVED: &[(&str, &str)] = &[
    ("box_office::actor", "box_office::office"),
    ("box_office::answering", "box_office::office::replies"),
    ("box_office::arbiters", "box_office::registry::arbiters"),
    ("box_office::batch", "box_office::office::batch"),
    ("box_office::bulletin", "box_office::views::update"),
    ("box_office::cold", "box_office::views::cold"),
    ("box_office::failure", "box_office::office::failure"),
    ("box_office::figures", "box_office::telemetry::gauges"),
    ("box_office::following", "box_office::views::replica"),
    ("box_office::following::asking", "box_office::views::replica::resync"),
    ("box_office::hand_over", "box_office::registry::handoff"),
    ("box_office::holdings", "box_office::views::holdings"),
    ("box_office::inbox", "box_office::office::inbox"),
    ("box_office::labels", "box_office::command"),
    ("box_office::lanes", "box_office::forwarding::queue"),
    ("box_office::leaving", "box_office::office::handoff"),
    ("box_office::metrics", "box_office::telemetry::metrics"),
    ("box_office::pace", "box_office::office::offering_clock"),
    ("box_office::publishing", "box_office::views::publisher"),
    ("box_office::reading", "box_office::views::reads"),
    ("box_office::recovery", "box_office::office::recovery"),
    ("box_office::restoring", "box_office::office::restore"),
    ("box_office::routing", "box_office::forwarding"),
    ("box_office::snapshots", "box_office::office::snapshots"),
    ("box_office::steps", "box_office::telemetry::spans"),
    ("box_office::sweeper", "box_office::registry::sweeper"),
    ("box_office::tally", "box_office::telemetry::counters"),
    ("box_office::view", "box_office::views::view"),
    ("box_office::wire", "box_office::protocol"),
    ("cluster::contact", "cluster::peer_health"),
    ("cluster::feed", "cluster::pubsub"),
    ("cluster::http", "cluster::network::http"),
    ("cluster::keeper", "cluster::heartbeat"),
    ("http::actions", "http::api::offerings::sale"),
    ("http::admin", "http::api::audit::verify"),
    ("http::admission", "http::middleware::admission"),
    ("http::auth", "http::api::accounts::auth"),
    ("http::availability", "http::api::box_office::availability"),
    ("http::availability::owed", "http::api::box_office::availability::views_in_use"),
    ("http::body", "http::middleware::response_body"),
    ("http::by_admin", "offerings::commands"),
    ("http::checkins", "http::api::offerings::checkins"),
    ("http::connections", "http::middleware::connections"),
    ("http::cors", "http::middleware::cors"),
    ("http::events", "http::api::offerings::events"),
    ("http::glance", "offerings::lists"),
    ("http::health", "http::api::cluster::health"),
    ("http::history", "http::api::audit::journal"),
    ("http::holders", "http::api::box_office::holders"),
    ("http::holds", "http::api::box_office::holds"),
    ("http::instances", "http::api::cluster::instances"),
    ("http::internal", "http::api::cluster::internal"),
    ("http::lifecycle", "http::middleware::lifecycle"),
    ("http::new_event", "http::api::offerings::create_event"),
    ("http::origin", "http::middleware::origin"),
    ("http::participation", "http::api::box_office::participation"),
    ("http::patience", "http::middleware::deadline"),
    ("http::payments", "http::api::payments::pay"),
    ("http::products", "http::api::offerings::products"),
    ("http::reservations", "http::api::box_office::reservations"),
    ("http::sale_status", "offerings::sale_status"),
    ("http::scope", "http::middleware::request_context"),
    ("http::seats", "http::api::box_office::seats"),
    ("http::stream", "http::api::box_office::stream"),
    ("http::tickets", "http::api::offerings::tickets"),
    ("http::users", "http::api::accounts::users"),
    ("http::waitlist", "http::api::box_office::waitlist"),
    ("http::wallet", "http::api::payments::wallet"),
    ("simulation::director", "simulation::fault_injector"),
    ("simulation::looks", "simulation::read_checker"),
    ("store::append_group", "store::journal::append_group"),
    ("store::append_pool", "store::journal::append_pool"),
    ("store::append_postgres", "store::journal::append_postgres"),
    ("store::append_sqlite", "store::journal::append_sqlite"),
    ("store::archive", "store::journal::archive"),
    ("store::event", "store::tables::event"),
    ("store::idempotency", "store::tables::idempotency"),
    ("store::leaving", "store::tables::leaving"),
    ("store::outbox", "store::tables::outbox"),
    ("store::payment", "store::tables::payment"),
    ("store::payment_group", "store::tables::payment_group"),
    ("store::person", "store::tables::person"),
    ("store::projection", "store::journal::projection"),
    ("store::prune", "store::journal::prune"),
    ("store::refresh_token", "store::tables::refresh_token"),
    ("store::reservation", "store::tables::reservation"),
    ("store::revocation", "store::tables::revocation"),
    ("store::seat_slices", "store::tables::seat_slices"),
    ("store::ticket", "store::tables::ticket"),
    ("store::user", "store::tables::user"),
    ("store::wallet", "store::tables::wallet"),
];

/// A log filter with the paths of today, and each old target with its new one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) directives: String,
    pub(super) renamed: Vec<(String, String)>,
}

/// Replaces old targets in the directives of a filter.
pub(super) fn current(filter: &str) -> Filter {
    let mut renamed = Vec::new();
    let directives = filter.split(',').map(|directive| {
        let (target, level) = directive.split_once('=').unwrap_or((directive, ""));
        let Some(new) = new_target(target.trim()) else { return directive.to_owned() };
        renamed.push((target.trim().to_owned(), new.clone()));
        format!("{new}={level}")
    });
    let directives = directives.collect::<Vec<_>>().join(",");
    Filter { directives, renamed }
}

/// The new path of a target that is, or is below, a module that moved.
fn new_target(target: &str) -> Option<String> {
    let path = target.strip_prefix("admitone::")?;
    let below = |old: &str| {
        let rest = path.strip_prefix(old)?;
        (rest.is_empty() || rest.starts_with("::")).then(|| rest.to_owned())
    };
    let moved = MOVED.iter().filter_map(|(old, new)| Some((old, new, below(old)?)));
    let (_, new, rest) = moved.max_by_key(|(old, ..)| old.len())?;
    Some(format!("admitone::{new}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_targets_become_the_new_ones_and_others_stay() {
        let found = current("info,admitone::http::scope=debug,admitone::cluster=warn,sqlx=off");
        let new = "admitone::http::middleware::request_context";
        assert_eq!(found.directives, format!("info,{new}=debug,admitone::cluster=warn,sqlx=off"));
        assert_eq!(found.renamed, [("admitone::http::scope".to_owned(), new.to_owned())]);
        let longest = current("admitone::box_office::following::asking=trace").directives;
        assert_eq!(longest, "admitone::box_office::views::replica::resync=trace");
        let below = current("admitone::cluster::feed::redis=trace").directives;
        assert_eq!(below, "admitone::cluster::pubsub::redis=trace");
        assert!(current("info,admitone::http::scoped=debug").renamed.is_empty());
    }

    #[test]
    fn every_new_target_is_a_module() {
        let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (_, new) in MOVED {
            let file = src.join(format!("{}.rs", new.replace("::", "/")));
            assert!(file.is_file(), "{} is not there", file.display());
        }
    }
}
