//! The form in which every destination and the feed see a message.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::Value;

use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::journal::messages::{Message, Position, name_of};
use crate::store::NoticeRow;

/// A message as it is sent. Messages of one event are ordered by `seq` and `position`; `previous`
/// is the cursor of the message before it, so that a receiver notices what it has missed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The same whenever and wherever the message is sent.
    pub id: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<OfferingId>,
    #[serde(flatten)]
    place: Option<Place>,
    data: Value,
}

#[derive(Clone, Debug, Serialize)]
struct Place {
    seq: u64,
    position: u32,
    cursor: String,
    previous: String,
}

impl Envelope {
    /// Returns the form of a message of a journal that follows the message at `previous`.
    pub(crate) fn of(offering: OfferingId, message: &Message, previous: Position) -> Self {
        let Position { seq, index } = message.position;
        Self {
            id: format!("{offering}.{seq}.{index}"),
            kind: message.kind.to_owned(),
            name: name_of(message.kind),
            timestamp: rfc3339(message.at),
            event_id: Some(offering),
            place: Some(Place {
                seq: seq.0,
                position: index,
                cursor: message.position.to_cursor(),
                previous: previous.to_cursor(),
            }),
            data: message.data.clone(),
        }
    }

    /// Returns the form of a notice.
    pub(crate) fn of_notice(notice: &NoticeRow) -> Self {
        Self {
            id: notice.id.to_string(),
            kind: notice.kind.clone(),
            name: name_of(&notice.kind),
            timestamp: rfc3339(notice.created_at),
            event_id: notice.offering,
            place: None,
            data: notice.payload.clone(),
        }
    }

    /// Returns the message as one line of JSON.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("it holds only encodable types")
    }
}

fn rfc3339(at: TimestampMs) -> String {
    DateTime::from_timestamp_millis(at)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}
