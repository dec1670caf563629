//! Metrics of what fans do.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const CONNECTIONS: &str = "admitone_chat_connections";
const MESSAGES: &str = "admitone_chat_messages_total";
const CATCH_UPS: &str = "admitone_chat_catch_ups_total";
const ENDED: &str = "admitone_chat_connections_ended_total";
const WRITTEN: &str = "admitone_community_written_total";

/// What a connection of the chat ended for, as far as an operator can do something about it.
const ENDS: [&str; 3] = ["slow", "flood", "session"];
/// What people write, other than messages.
const KINDS: [&str; 5] = ["article", "comment", "setlist", "picture", "report"];

/// Registers the descriptions.
pub fn describe() {
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections of the chat.");
    describe_counter!(
        MESSAGES,
        Unit::Count,
        "Changes of the chat that this instance stored, by outcome: stored, repeated (a retry), refused \
         (a ban, no member), failed (the database did not answer)."
    );
    describe_counter!(
        CATCH_UPS,
        Unit::Count,
        "Times that a room of this instance read the table, since changes of others had not reached it."
    );
    describe_counter!(
        ENDED,
        Unit::Count,
        "Connections of the chat that the server ended, by reason: slow (frames were not read in time), \
         flood (too many frames), session (it has ended)."
    );
    describe_counter!(WRITTEN, Unit::Count, "What people wrote, by kind.");
    gauge!(CONNECTIONS).set(0.0);
    // A counter that first appears with the value 1 has no rate.
    for outcome in ["stored", "repeated", "refused", "failed"] {
        counter!(MESSAGES, "outcome" => outcome).absolute(0);
    }
    counter!(CATCH_UPS).absolute(0);
    for reason in ENDS {
        counter!(ENDED, "reason" => reason).absolute(0);
    }
    for kind in KINDS {
        counter!(WRITTEN, "kind" => kind).absolute(0);
    }
}

pub(super) fn connected() {
    gauge!(CONNECTIONS).increment(1.0);
}

pub(super) fn disconnected() {
    gauge!(CONNECTIONS).decrement(1.0);
}

pub(super) fn written(outcome: &'static str) {
    counter!(MESSAGES, "outcome" => outcome).increment(1);
}

pub(super) fn caught_up() {
    counter!(CATCH_UPS).increment(1);
}

/// Counts a connection that the server ended, by one of the reasons above.
pub fn ended(reason: &'static str) {
    counter!(ENDED, "reason" => reason).increment(1);
}

/// Counts a thing that a person wrote, by one of the kinds above.
pub(super) fn wrote(kind: &'static str) {
    counter!(WRITTEN, "kind" => kind).increment(1);
}
