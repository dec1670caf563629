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
    let mut text = String::new();
    for row in rows {
        if row.len() == 1 && row[0].is_empty() {
            // An empty line would be no row.
            text.push_str("\"\"");
        }
        for (nth, field) in row.iter().enumerate() {
            if nth > 0 {
                text.push(',');
            }
            put(&mut text, &harmless(field));
        }
        text.push_str("\r\n");
    }
    text.into_bytes()
}

/// Writes a field, in quotes if a spreadsheet could take a part of it for the end: in many countries a
/// semicolon or a tab ends a field, and not a comma.
fn put(text: &mut String, field: &str) {
    let is_plain = !field.contains([',', ';', '\t', '"', '\r', '\n']);
    if is_plain {
        text.push_str(field);
        return;
    }
    text.push('"');
    text.push_str(&field.replace('"', "\"\""));
    text.push('"');
}

/// Signs with which a formula begins.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Keeps a spreadsheet from running a field, or a part of it, as a formula: an apostrophe before it makes it
/// a text. A negative number is none.
fn harmless(field: &str) -> Cow<'_, str> {
    let is_number = |digits: &str| {
        digits.starts_with(|first: char| first.is_ascii_digit()) && digits.parse::<f64>().is_ok()
    };
    if field.strip_prefix('-').is_some_and(is_number) {
        return field.into();
    }
    let mut text = Cow::Borrowed(field);
    if field.contains([';', '\t', '\r', '\n']) {
        text = parts_harmless(field).into();
    }
    match text.trim_start_matches([' ', '\u{a0}']).chars().next() {
        Some(first) if FORMULA.contains(&first) || ['\t', '\r', '\n'].contains(&first) => {
            format!("'{text}").into()
        }
        _ => text,
    }
}

/// The same for the parts that a spreadsheet makes of a field if it ends fields by something else.
fn parts_harmless(field: &str) -> String {
    let mut text = String::with_capacity(field.len() + 1);
    let mut begins = false;
    for character in field.chars() {
        if begins && FORMULA.contains(&character) {
            text.push('\'');
        }
        begins = match character {
            ';' | '\t' | '\r' | '\n' => true,
            ' ' | '\u{a0}' | '"' => begins,
            _ => false,
        };
        text.push(character);
    }
    text
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
            ("\t=1", "\"'\t'=1\"\r\n"),
            ("Kim;=1+1;", "\"Kim;'=1+1;\"\r\n"),
            ("Kim\t@SUM(A1)", "\"Kim\t'@SUM(A1)\"\r\n"),
            ("Kim; \"-1\"", "\"Kim; \"\"'-1\"\"\"\r\n"),
            ("Kim\n=1", "\"Kim\n'=1\"\r\n"),
            (";=1", "\";'=1\"\r\n"),
            ("a;b", "\"a;b\"\r\n"),
            ("a=1", "a=1\r\n"),
            ("", "\"\"\r\n"),
            ("김민수", "김민수\r\n"),
        ] {
            let written = lines(&[vec![field.to_owned()]]);
            assert_eq!(String::from_utf8_lossy(&written), expected);
            let read = csv::ReaderBuilder::new().has_headers(false).from_reader(&*written);
            let read: Vec<_> = read.into_records().map(|row| row.expect("a row")).collect();
            assert_eq!(read, [vec![&*harmless(field)]], "{field}");
        }
        let row = lines(&[vec!["a".into(), String::new(), "b;c".into()]]);
        assert_eq!(String::from_utf8_lossy(&row), "a,,\"b;c\"\r\n");
    }
}
