//! The request that a log line, an error or a step of a trace belongs to.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::context::{Context, TraceId, hex};
use crate::random;

const MAX_BYTES: usize = 64;

/// One request; stays the same wherever its command is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The id by which the client knows the request.
    pub request_id: RequestId,
    /// The request's position in a trace, if it has one.
    pub context: Option<Context>,
}

/// The client's own id, or a random one. Contains no characters with a special meaning in a log
/// line or a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestId {
    /// Drawn at random here.
    Drawn([u8; 16]),
    /// Sent by the client.
    Given(Arc<str>),
}

impl RequestId {
    /// A random id.
    #[must_use]
    pub fn draw() -> Self {
        Self::Drawn(random::bytes())
    }

    /// The client's own id if it is valid, so that the client's logs and the server's can be
    /// matched.
    #[must_use]
    pub fn given(text: &str) -> Option<Self> {
        let sane = (1..=MAX_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
        sane.then(|| Self::Given(text.into()))
    }

    /// Passes the id as text to `read`, without an allocation.
    pub fn with_text<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Drawn(bytes) => read(hex(bytes, &mut [0; 32])),
            Self::Given(text) => read(text),
        }
    }

    /// The id of a trace that begins with this request. If the server drew the request id, both are
    /// the same number, so that each can be found from the other.
    pub(super) fn trace_id(&self) -> TraceId {
        match self {
            Self::Drawn(bytes) => TraceId(*bytes),
            Self::Given(_) => TraceId::draw(),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}
