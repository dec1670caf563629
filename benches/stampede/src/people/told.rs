//! What people were told by a waiting room, answer by answer. The audit compares it with the
//! event's journal.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use admitone::inventory::TimestampMs;
use admitone::waiting_room::record::line::Time;

/// A question to a waiting room, and its answer. Times are the server's, as far as this program can
/// tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Told {
    /// The position of the person among the accounts of the run.
    pub person: u32,
    pub question: Question,
    pub sent_at: TimestampMs,
    pub answered_at: TimestampMs,
    pub reply: Reply,
}

/// The kinds of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// To enter the queue.
    Enter,
    /// For one's own place.
    Poll,
    /// To hold places with one's own pass.
    Hold,
    /// To hold places without a pass, or with one of another person.
    HoldWithoutPass,
}

/// The answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Where the person stands.
    Standing(Standing),
    /// Places were held.
    Held,
    /// Refused, with the code.
    Refused(Box<str>),
    /// No answer that says what happened.
    Unknown,
}

/// The states of a person, as the API names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "as in the API")]
pub enum State {
    PreQueue,
    Waiting,
    Admitted,
    SetAside,
    Expired,
    Served,
    Left,
    Voided,
}

/// What the places left mean, as the API says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "as in the API")]
pub enum Outlook {
    NotOnSale,
    Places,
    Few,
    SoldOutForNow,
    SoldOut,
}

/// An estimated wait in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the API")]
pub struct Estimate {
    pub seconds: u32,
    pub low: u32,
    pub high: Option<u32>,
}

/// Where a person stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the API")]
pub struct Standing {
    pub state: State,
    pub entry: Uuid,
    pub number: u32,
    pub position: Option<u32>,
    pub estimate: Option<Estimate>,
    pub outlook: Outlook,
    pub places_left: u32,
    /// The state of the line is of this time.
    pub as_of: TimestampMs,
    pub has_pass: bool,
    /// Bytes of the body.
    pub bytes: u32,
}

/// The answer as the API sends it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusData {
    pub(crate) status: State,
    pub(crate) position: Option<u32>,
    pub(crate) estimate: Option<Estimate>,
    pub(crate) next_poll_seconds: u32,
    pub(crate) pass_token: Option<String>,
    pub(crate) prospects: Prospects,
    pub(crate) entry_id: Uuid,
    pub(crate) entry_number: u32,
    pub(crate) as_of: Time,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Prospects {
    pub(crate) outlook: Outlook,
    pub(crate) places_left: u32,
    #[serde(default)]
    pub(crate) places_held: u32,
    #[serde(default)]
    pub(crate) inside: u32,
}

impl StatusData {
    /// The part that is kept.
    pub(crate) fn standing(&self, bytes: usize) -> Standing {
        Standing {
            state: self.status,
            entry: self.entry_id,
            number: self.entry_number,
            position: self.position,
            estimate: self.estimate,
            outlook: self.prospects.outlook,
            places_left: self.prospects.places_left,
            as_of: self.as_of.0,
            has_pass: self.pass_token.is_some(),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        }
    }
}
