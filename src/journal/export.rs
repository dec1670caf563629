//! A journal as text, one JSON object per line: `journal show --json` prints it and `journal verify
//! --file` reads it back. `payload` contains the row's own bytes, which the hash covers; `record`
//! repeats them in readable form, and [`check_line`] checks that both agree.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Hash, LoadError, Record, Row};
use crate::ids::{BatchId, Epoch, InstanceId, OfferingId, Seq};
use crate::inventory::TimestampMs;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    offering: OfferingId,
    seq: Seq,
    epoch: Epoch,
    owner: InstanceId,
    batch_id: BatchId,
    at_ms: TimestampMs,
    format: u16,
    hash: String,
    payload: String,
    record: &'a Record,
}

/// The fields read back from a line. The readable part must be present, and is compared as text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadLine {
    offering: OfferingId,
    seq: Seq,
    epoch: Epoch,
    owner: InstanceId,
    batch_id: BatchId,
    at_ms: TimestampMs,
    format: u16,
    hash: String,
    payload: String,
    #[serde(rename = "record")]
    _record: IgnoredAny,
}

/// Why a line is not a row of a journal.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The line was not written by [`to_line`].
    #[error("it is not a line of `journal show --json`")]
    Json(#[from] serde_json::Error),
    /// The hash or the payload is not in hex digits, or the hash does not have 32 bytes.
    #[error("its {0} is not in hex")]
    Hex(&'static str),
}

/// The row as a line of text, without a line end.
#[must_use]
pub fn to_line(row: &Row, record: &Record) -> String {
    let line = Line {
        offering: row.offering,
        seq: row.seq,
        epoch: row.epoch,
        owner: row.owner,
        batch_id: row.batch_id,
        at_ms: row.at,
        format: row.format,
        hash: to_hex(&row.hash),
        payload: to_hex(&row.payload),
        record,
    };
    serde_json::to_string(&line).expect("a line holds only encodable types")
}

/// Reads a line that [`to_line`] wrote. The row is not trusted: the caller verifies it.
///
/// # Errors
/// [`ExportError`].
pub fn from_line(line: &str) -> Result<Row, ExportError> {
    let line: ReadLine = serde_json::from_str(line)?;
    let hash = from_hex(&line.hash).ok_or(ExportError::Hex("hash"))?;
    Ok(Row {
        offering: line.offering,
        seq: line.seq,
        epoch: line.epoch,
        owner: line.owner,
        batch_id: line.batch_id,
        at: line.at_ms,
        format: line.format,
        payload: Bytes::from(from_hex(&line.payload).ok_or(ExportError::Hex("payload"))?),
        hash: Hash::try_from(hash).map_err(|_| ExportError::Hex("hash"))?,
    })
}

/// Checks that the readable part of a line matches its verified row. Byte for byte: JSON has many
/// ways to hide a second meaning (a name twice, an unknown name) and an export needs none.
///
/// # Errors
/// [`LoadError::Damaged`], with the row.
pub fn check_line(line: &str, row: &Row, record: &Record) -> Result<(), LoadError> {
    if to_line(row, record) == line.trim() {
        return Ok(());
    }
    let reason = "its readable part is not what `journal show --json` prints of its payload";
    Err(LoadError::Damaged { seq: row.seq, reason: reason.into() })
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
    }
    text
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Head, RowFields};

    #[test]
    fn a_row_reads_back_as_it_was() {
        let fields = RowFields {
            offering: OfferingId::random(),
            epoch: Epoch(3),
            owner: InstanceId::random(),
            batch_id: BatchId::random(),
            at: -5,
        };
        let row = Row::new(&Head::EMPTY, fields, &Record::Takeover);
        let line = to_line(&row, &Record::Takeover);
        assert!(!line.contains('\n'));
        assert_eq!(from_line(&line).unwrap(), row);
        assert!(from_line(&line.replace("\"hash\":\"", "\"hash\":\"zz")).is_err());
        assert!(from_line("{}").is_err());
    }

    #[test]
    fn the_readable_part_says_what_the_payload_says() {
        let fields = RowFields {
            offering: OfferingId::random(),
            epoch: Epoch(1),
            owner: InstanceId::random(),
            batch_id: BatchId::random(),
            at: 1_000,
        };
        let record = Record::Batch(Vec::new());
        let row = Row::new(&Head::EMPTY, fields, &record);
        let line = to_line(&row, &record);
        let honest = r#""record":{"Batch":[]}"#;
        assert!(line.contains(honest), "{line}");
        for good in [line.clone(), format!("{line}\r"), format!(" {line} ")] {
            check_line(&good, &from_line(&good).unwrap(), &record).expect(&good);
        }
        for forged in [
            r#""record":"Takeover""#,
            r#""record":null"#,
            r#""record":{"Batch":["Sold"],"Batch":[]}"#,
            r#""record":{"Batch":[]},"Record":"Takeover""#,
        ] {
            let line = line.replace(honest, forged);
            let read = from_line(&line).unwrap();
            assert_eq!(read, row, "the other half is whole");
            match check_line(&line, &read, &record) {
                Err(LoadError::Damaged { seq, .. }) => assert_eq!(seq, row.seq),
                other => panic!("{forged}: {other:?}"),
            }
        }
        assert!(from_line(&line.replace(&format!(",{honest}"), "")).is_err());
    }
}
