//! Reads the data of a message. What is missing is named.

use chrono::DateTime;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::outcome::ComposeError;
use crate::inventory::{Minor, TimestampMs};

/// The data of a message.
pub(super) struct Body<'a>(pub(super) &'a Value);

impl Body<'_> {
    /// Returns an id.
    ///
    /// # Errors
    /// The message has none under this name.
    pub(super) fn id<T: DeserializeOwned>(&self, name: &str) -> Result<T, ComposeError> {
        let found = self.0.get(name).cloned().map(serde_json::from_value);
        found.and_then(Result::ok).ok_or_else(|| lacks(name))
    }

    /// Returns a list of values.
    ///
    /// # Errors
    /// The message has none under this name.
    pub(super) fn list<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, ComposeError> {
        self.id(name)
    }

    /// Returns a text.
    ///
    /// # Errors
    /// The message has none under this name.
    pub(super) fn text(&self, name: &str) -> Result<&str, ComposeError> {
        self.maybe_text(name).ok_or_else(|| lacks(name))
    }

    /// Returns a text that may be absent.
    pub(super) fn maybe_text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Returns a time, given as `name` in RFC 3339 or as `nameMs` in milliseconds.
    ///
    /// # Errors
    /// The message has none under this name.
    pub(super) fn time(&self, name: &str) -> Result<TimestampMs, ComposeError> {
        self.maybe_time(name).ok_or_else(|| lacks(name))
    }

    /// Returns a time that may be absent, as [`Self::time`] does.
    pub(super) fn maybe_time(&self, name: &str) -> Option<TimestampMs> {
        let written = self.maybe_text(name).and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        let counted = || {
            let of = |name: &str| self.0.get(name).and_then(Value::as_i64);
            of(&format!("{name}Ms")).or_else(|| of(name))
        };
        written.map(|at| at.timestamp_millis()).or_else(counted)
    }

    /// Returns an amount in minor units under the first of these names: a number, or an object with
    /// `amount`.
    pub(super) fn amount(&self, names: &[&str]) -> Option<Minor> {
        let of = |name: &&str| {
            let value = self.0.get(*name)?;
            value.as_i64().or_else(|| value.get("amount")?.as_i64())
        };
        names.iter().find_map(of)
    }
}

fn lacks(name: &str) -> ComposeError {
    ComposeError::Impossible(format!("the message lacks {name}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_and_amounts_come_in_two_forms() {
        let value = json!({
            "a": "2030-01-01T00:00:00Z", "bMs": 7, "c": 8, "d": "soon", "amount": 5,
            "refund": {"amount": 6, "currency": "KRW"},
        });
        let body = Body(&value);
        let times = ["a", "b", "c", "d", "e"].map(|name| body.maybe_time(name));
        assert_eq!(times, [Some(1_893_456_000_000), Some(7), Some(8), None, None]);
        assert_eq!(body.amount(&["nothing", "refund"]), Some(6));
        assert_eq!(body.amount(&["amount"]), Some(5));
        let missing = body.time("d").unwrap_err().to_string();
        assert_eq!(missing, "the message lacks d");
    }
}
