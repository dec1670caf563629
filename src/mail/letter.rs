//! A message to a person, as the relay hands it to the mailer.

use serde_json::Value;
use uuid::Uuid;

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;

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
