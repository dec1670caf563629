//! Lists as CSV files that spreadsheets open: with a byte order mark, and with no field that a
//! spreadsheet would run as a formula.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::header;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::http::error::ApiError;
use crate::http::respond::fed_by;

/// Tells spreadsheets that the text is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

/// The rows of a page, and where the next page begins; `None` after the last.
pub(crate) type RowsPage<K> = (Vec<Vec<String>>, Option<K>);

/// Answers with a file whose rows are read page by page while it is sent.
pub(crate) fn stream<K: 'static>(
    name: &str,
    titles: Vec<String>,
    mut read: impl AsyncFnMut(Option<K>) -> Result<RowsPage<K>, ApiError> + 'static,
) -> HttpResponse {
    let body = fed_by(async move |sender: mpsc::Sender<Result<Bytes, actix_web::Error>>| {
        let mut bytes = BYTE_ORDER_MARK.as_bytes().to_vec();
        bytes.extend(lines(&[titles]));
        let mut after = None;
        loop {
            if sender.send(Ok(std::mem::take(&mut bytes).into())).await.is_err() {
                return;
            }
            let (rows, next) = match read(after).await {
                Ok(page) => page,
                Err(failure) => {
                    // Cuts the file off, so that the browser reports it as incomplete.
                    let _ = sender.send(Err(failure.into())).await;
                    return;
                }
            };
            bytes = lines(&rows);
            let Some(next) = next else { break };
            after = Some(next);
        }
        let _ = sender.send(Ok(bytes.into())).await;
    });
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.csv\""),
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(body)
}

/// Writes rows as lines of CSV.
fn lines(rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(Vec::new());
    for row in rows {
        let fields = row.iter().map(|field| harmless(field).into_owned().into_bytes());
        writer.write_record(fields).expect("a vector takes every record");
    }
    writer.into_inner().expect("a vector takes every byte")
}

/// Keeps a spreadsheet from running a field as a formula: an apostrophe before it makes it a text. A
/// negative number is none.
fn harmless(field: &str) -> Cow<'_, str> {
    let is_number = |digits: &str| {
        digits.starts_with(|first: char| first.is_ascii_digit()) && digits.parse::<f64>().is_ok()
    };
    if field.strip_prefix('-').is_some_and(is_number) {
        return field.into();
    }
    match field.trim_start_matches([' ', '\u{a0}']).chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{field}").into()
        }
        _ => field.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_no_field_is_a_formula() {
        for (field, expected) in [
            ("Kim", "Kim\r\n"),
            ("a,b", "\"a,b\"\r\n"),
            ("say \"x\"", "\"say \"\"x\"\"\"\r\n"),
            ("two\nlines", "\"two\nlines\"\r\n"),
            ("=1+1", "'=1+1\r\n"),
            ("+82 10", "'+82 10\r\n"),
            ("-5", "-5\r\n"),
            ("-5.5", "-5.5\r\n"),
            ("-1e-7", "-1e-7\r\n"),
            ("-5+1", "'-5+1\r\n"),
            ("-=1", "'-=1\r\n"),
            ("@SUM(A1)", "'@SUM(A1)\r\n"),
            (" =1", "' =1\r\n"),
            ("\t=1", "'\t=1\r\n"),
            ("a=1", "a=1\r\n"),
            ("", "\"\"\r\n"),
            ("김민수", "김민수\r\n"),
        ] {
            let written = lines(&[vec![field.to_owned()]]);
            assert_eq!(String::from_utf8_lossy(&written), expected);
        }
    }
}
