//! A request's position in a trace, as defined by W3C Trace Context, levels 1 and 2
//! (<https://www.w3.org/TR/trace-context/>). A malformed header is treated as absent.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::state;
use crate::random;

/// The caller records this trace.
const SAMPLED: u8 = 1;
/// The lower seven bytes of the trace's id are random (level 2).
const RANDOM: u8 = 2;
/// `00-<32 hex>-<16 hex>-<2 hex>`.
const LENGTH: usize = 55;

/// The id of a trace; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TraceId(pub [u8; 16]);

/// The id of a step of a trace; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpanId(pub [u8; 8]);

/// A trace, and the step in it that makes the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The trace.
    pub trace_id: TraceId,
    /// The step that the next step becomes part of.
    pub span_id: SpanId,
    flags: u8,
    state: Option<Arc<str>>,
}

impl Context {
    /// Parses the headers `traceparent` and `tracestate`, each with all values that were sent.
    pub fn read<'a>(
        parent: impl IntoIterator<Item = &'a [u8]>,
        states: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Self> {
        let mut parents = parent.into_iter();
        let (parent, None) = (parents.next()?, parents.next()) else { return None };
        let context = Self::parse(parent)?;
        Some(Self { state: state::read(states), ..context })
    }

    /// A later version may append fields to those known here; the known ones keep their meaning.
    fn parse(parent: &[u8]) -> Option<Self> {
        let (known, more) = parent.split_at_checked(LENGTH)?;
        let [version, ..] = bytes::<1>(&known[..2])?;
        let whole = match version {
            0 => more.is_empty(),
            0xff => false,
            1.. => more.is_empty() || more.starts_with(b"-"),
        };
        if !whole || [known[2], known[35], known[52]] != *b"---" {
            return None;
        }
        let (trace_id, span_id) = (bytes(&known[3..35])?, bytes(&known[36..52])?);
        let [flags] = bytes(&known[53..])?;
        if trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        let (trace_id, span_id) = (TraceId(trace_id), SpanId(span_id));
        Some(Self { trace_id, span_id, flags: flags & (SAMPLED | RANDOM), state: None })
    }

    /// The first step of a recorded trace that begins here.
    pub(super) fn begun(trace_id: TraceId) -> Self {
        Self { trace_id, span_id: SpanId::draw(), flags: SAMPLED | RANDOM, state: None }
    }

    /// True if the trace's steps are recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The same trace, not recorded from here on.
    pub(super) fn unsampled(self) -> Self {
        Self { flags: self.flags & !SAMPLED, ..self }
    }

    /// The value of `traceparent` for a call made on behalf of this step.
    #[must_use]
    pub fn parent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }

    /// The value of `tracestate`, if there is any.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The flags, in the form that the export protocol uses.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }
}

impl TraceId {
    pub(super) fn draw() -> Self {
        // The chance of zero is 2⁻¹²⁸.
        Self(random::bytes())
    }

    /// The part of the id that is random by all conventions: 56 bits.
    pub(super) fn chance(self) -> u64 {
        let low = self.0.last_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(low) & ((1 << 56) - 1)
    }
}

impl SpanId {
    pub(super) fn draw() -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&random::bytes()[..8]);
        // Zero means none.
        id[7] |= u8::from(id == [0; 8]);
        Self(id)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex(&self.0, &mut [0; 32]))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex(&self.0, &mut [0; 16]))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes `bytes` in hex into `text`, which must be twice as long.
pub(super) fn hex<'a>(bytes: &[u8], text: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(text).expect("hexadecimal digits are text")
}

/// Parses lower-case hexadecimal digits, and no others.
fn bytes<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
