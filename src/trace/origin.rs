//! Whom a log line, an error or a step of a trace is about: one request.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::context::{Context, TraceId, hex};
use crate::random;

const MAX_BYTES: usize = 64;

/// One request, wherever its command goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// By which its client knows it.
    pub request_id: RequestId,
    /// Its place in a trace, if there is one.
    pub context: Option<Context>,
}

/// The client's own, or a random one. Holds nothing that means something in a log line or a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestId {
    /// Made here.
    Drawn([u8; 16]),
    /// Sent by the client.
    Given(Arc<str>),
}

impl RequestId {
    /// A random one.
    #[must_use]
    pub fn draw() -> Self {
        Self::Drawn(random::bytes())
    }

    /// The client's own when it is sane, so that its logs and ours meet.
    #[must_use]
    pub fn given(text: &str) -> Option<Self> {
        let sane = (1..=MAX_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
        sane.then(|| Self::Given(text.into()))
    }

    /// Lends it as text, without an allocation.
    pub fn with_text<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Drawn(bytes) => read(hex(bytes, &mut [0; 32])),
            Self::Given(text) => read(text),
        }
    }

    /// The id for a trace that begins with this request: the same number where we drew it, so that
    /// whoever knows the one has the other.
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
