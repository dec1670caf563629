//! Describes changes for people: their values as the API prints them. Works by field names, so that a
//! new kind of change needs no code here.

use serde_json::{Map, Value, json};

use crate::http::error::ApiError;
use crate::http::respond::rfc3339;
use crate::ids::{OfferingId, ProductId, SeatId, SectionId};
use crate::inventory::Change;

/// The offering and currency that public ids and amounts depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Describer {
    offering: OfferingId,
    /// ISO 4217 code, from the change that made the offering.
    currency: [u8; 3],
}

impl Describer {
    pub(super) fn new(offering: OfferingId, currency: [u8; 3]) -> Self {
        Self { offering, currency }
    }

    /// Returns a change on one line: `HoldPlaced {"hold":…}`.
    pub(super) fn change(&mut self, change: &Change) -> String {
        if let Change::Created { definition } = change {
            self.currency = definition.currency;
        }
        if let Change::Refused { rejection } = change {
            let code = ApiError::from((**rejection).clone()).code().as_str();
            return format!(
                "Refused {}",
                json!({ "code": code, "message": rejection.to_string() })
            );
        }
        let tagged = serde_json::to_value(change).unwrap_or_default();
        match tagged {
            Value::Object(tagged) => {
                tagged.into_iter().fold(String::new(), |text, (name, fields)| {
                    text + &format!("{name} {}", self.value("", fields))
                })
            }
            other => other.to_string(),
        }
    }

    fn value(&self, name: &str, value: Value) -> Value {
        match value {
            Value::Array(bytes) if name == "currency" => text_of(&bytes),
            Value::Array(items) => items.into_iter().map(|item| self.value(name, item)).collect(),
            Value::Object(fields) => Value::Object(self.object(fields)),
            Value::Number(number) => {
                self.number(name, number.as_i64()).unwrap_or(Value::Number(number))
            }
            Value::String(word) if is_word(name) => screaming(&word).into(),
            Value::Null | Value::Bool(_) | Value::String(_) => value,
        }
    }

    fn object(&self, fields: Map<String, Value>) -> Map<String, Value> {
        let named = |(name, value): (String, Value)| {
            let shown = match (&*name, &value) {
                // The number of seats, beside the list of seats.
                ("seats", Value::Number(_)) => value,
                _ => self.value(&name, value),
            };
            let id = if matches!(&*name, "product" | "section") { "Id" } else { "" };
            (camel(&name) + id, shown)
        };
        fields.into_iter().map(named).collect()
    }

    fn number(&self, name: &str, number: Option<i64>) -> Option<Value> {
        let number = number?;
        Some(match name {
            "product" => ProductId(u16::try_from(number).ok()?).to_public(self.offering).into(),
            "section" => SectionId(u16::try_from(number).ok()?).to_public(self.offering).into(),
            "seats" | "first_seat" => {
                SeatId(u32::try_from(number).ok()?).to_public(self.offering).into()
            }
            "price" | "unit_price" | "refund" => {
                json!({ "amount": number, "currency": String::from_utf8_lossy(&self.currency) })
            }
            "pay_by" | "start" | "end" | "until" => rfc3339(number).into(),
            _ if name.ends_with("_at") => rfc3339(number).into(),
            _ => return None,
        })
    }
}

fn is_word(name: &str) -> bool {
    matches!(name, "fit" | "state" | "sale_state")
}

fn text_of(bytes: &[Value]) -> Value {
    let bytes: Vec<u8> =
        bytes.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
    String::from_utf8_lossy(&bytes).into()
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let (head, rest) = word.split_at(word.len().min(1));
        text + &head.to_ascii_uppercase() + rest
    })
}

fn screaming(word: &str) -> String {
    word.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{HoldId, UserId};
    use crate::inventory::{Fit, Line, Rejection, SaleState, SaleWindow};

    #[test]
    fn values_are_shown_as_the_api_prints_them() {
        let offering = OfferingId(uuid::Uuid::from_u128(0x0e22_c14b));
        let mut describe = Describer::new(offering, *b"KRW");
        let line = Line {
            product: ProductId(1),
            quantity: 2,
            unit_price: 150_000,
            seats: Box::new([SeatId(0), SeatId(7)]),
            fit: Fit::LeavesOrphan,
        };
        let placed = Change::HoldPlaced {
            hold: HoldId(uuid::Uuid::nil()),
            customer: UserId(uuid::Uuid::nil()),
            lines: vec![line],
            expires_at: 1_795_780_800_000,
        };
        let shown = describe.change(&placed);
        for part in [
            "HoldPlaced {",
            r#""hold":"00000000-0000-0000-0000-000000000000""#,
            r#""productId":"p0e22c14b-1""#,
            r#""seats":["s0e22c14b-0","s0e22c14b-7"]"#,
            r#""fit":"LEAVES_ORPHAN""#,
            r#""unitPrice":{"amount":150000,"currency":"KRW"}"#,
            r#""expiresAt":"2026-11-27T12:00:00.000Z""#,
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        let mut shown = |change| describe.change(&change);
        let paused = shown(Change::SaleStateSet { state: SaleState::Paused });
        assert_eq!(paused, r#"SaleStateSet {"state":"PAUSED"}"#);
        let window = SaleWindow { start: Some(0), end: None };
        let set = shown(Change::SaleWindowSet { product: None, window });
        assert!(set.contains(r#""start":"1970-01-01T00:00:00.000Z""#), "{set}");
        let row = Change::RowAdded {
            section: SectionId(0),
            name: "C".into(),
            seats: 12,
            first_seat: SeatId(82),
        };
        let row = shown(row);
        assert!(
            row.contains(r#""seats":12"#) && row.contains(r#""firstSeat":"s0e22c14b-82""#),
            "{row}"
        );
        let refused = Change::Refused { rejection: Box::new(Rejection::KeyReused) };
        let refused = shown(refused);
        assert!(refused.contains(r#""code":"IDEMPOTENCY_KEY_REUSED""#), "{refused}");
    }
}
