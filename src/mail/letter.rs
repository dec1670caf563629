//! A message to a person, as the relay hands it to the mailer.

use serde_json::Value;
use uuid::Uuid;

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;

/// The kind of the message to a person who is invited to a role.
pub(super) const INVITATION: &str = "invitation.sent";

/// What a delivery to the destination `mail` holds.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The id of the delivery, by which repeated mails are recognised.
    pub id: Uuid,
    /// The kind of the message, such as `reservation.confirmed`.
    pub kind: String,
    /// The person to tell.
    pub user: UserId,
    /// The event that the message is about.
    pub offering: Option<OfferingId>,
    /// The data of the message, such as `reservationId`.
    pub body: Value,
    /// When it happened.
    pub at: TimestampMs,
}

/// Returns the type of the mail about a kind of message, which the header `X-Admitone-Type` says:
/// `ENROLLMENT_APPLIED` for `enrollment.applied`.
#[must_use]
pub fn type_of(kind: &str) -> String {
    if matches!(kind, "enrollment.promoted" | "enrollment.offered") {
        return "WAITLIST_PROMOTED".to_owned();
    }
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    kind.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::type_of;

    #[test]
    fn types_are_words_that_a_header_can_hold() {
        for (kind, expected) in [
            ("enrollment.applied", "ENROLLMENT_APPLIED"),
            ("enrollment.canceled", "ENROLLMENT_CANCELED"),
            ("enrollment.promoted", "WAITLIST_PROMOTED"),
            ("enrollment.offered", "WAITLIST_PROMOTED"),
            ("event.details_changed", "EVENT_DETAILS_CHANGED"),
            ("a\r\nBcc: é", "A__BCC___"),
        ] {
            assert_eq!(type_of(kind), expected);
        }
    }
}
