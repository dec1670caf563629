//! `admitone worker`: the work that no customer waits for, in a process of its own.

use clap::Command;

const LONG: &str = "\
Do the work that no customer waits for, in a process of its own, and sell nothing:

  - expand messages, and send mails, webhooks and entries of the stream
  - bring abandoned payments to their end, and pay refunds back

A worker needs the settings of the instances: DATABASE_URL (Postgres), REDIS_URL and
ADMITONE_CLUSTER_SECRET. It joins them as an instance on which no event is placed, reads and writes
the database, and forwards to the owner of an event what only that can decide about a payment. Any
number of workers share the work. Start the instances with ADMITONE_RELAY=false to leave messages to
the workers; a worker relays in any case.

Its address (ADMITONE_LISTEN) must be reachable by the instances, and answers /health, /health/live
and /health/ready. Metrics are on ADMITONE_METRICS_LISTEN. Load balancers must not send customers to
it. ADMITONE_WEIGHT, ADMITONE_RELAY, ADMITONE_DEMO and ADMITONE_DRAIN_DELAY have no effect.";

/// Returns the command.
pub(super) fn command() -> Command {
    Command::new("worker")
        .about("Send messages and drive payments beside instances, and sell nothing")
        .long_about(LONG)
}
