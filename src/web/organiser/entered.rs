//! Values as people enter them: money in major units, times on the event's clocks, rows of seats.
//! A value that cannot be read exactly is refused by the key of a text that says why.

use chrono::{Datelike, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use crate::inventory::{MAX_ROW, Minor, RowDefinition, TimestampMs};
use crate::web::format::decimals;

/// Values of a form by the names of its inputs.
pub(super) struct Pairs<'a>(pub(super) &'a [(String, String)]);

impl Pairs<'_> {
    /// Returns a value, or an empty text.
    pub(super) fn entered(&self, name: &str) -> String {
        self.value(name).unwrap_or_default().to_owned()
    }

    /// Returns a value.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A form with nothing but its key.
#[derive(Deserialize)]
pub(super) struct KeyForm {
    pub(super) key: String,
}

/// The key of the text that says why a value is refused.
pub(super) type Refusal = &'static str;

/// The form of `datetime-local` fields.
const LOCAL: &str = "%Y-%m-%dT%H:%M";

/// The most rows of a section that are entered as text; larger halls come from a plan.
const MOST_ROWS: usize = 1_000;

/// Signs that people write with amounts, and the currencies that they stand for.
const SIGNS: &[(&str, &[&str])] = &[
    ("₩", &["KRW"]),
    ("원", &["KRW"]),
    ("$", &["USD", "AUD", "CAD", "HKD", "NZD", "SGD", "TWD", "MXN"]),
    ("€", &["EUR"]),
    ("£", &["GBP"]),
    ("¥", &["JPY", "CNY"]),
];

/// Reads an amount in major units: digits, with a point before the minor units. Commas between
/// thousands, and the sign or the code of the currency before or behind it, are understood.
pub(super) fn amount(text: &str, currency: &str) -> Result<Minor, Refusal> {
    const NO_MONEY: Refusal = "organiser_form.bad_price";
    let text = without_currency(text.trim(), currency)?;
    let (major, minor) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let major = ungrouped(major).ok_or(NO_MONEY)?;
    if major.is_empty() || !is_digits(&major) || !is_digits(minor) {
        return Err(NO_MONEY);
    }
    let places = decimals(currency);
    let width = places as usize;
    if minor.len() > width || (text.contains('.') && minor.is_empty()) {
        return Err("organiser_form.bad_decimals");
    }
    let major: Minor = major.parse().map_err(|_| NO_MONEY)?;
    let minor: Minor = format!("{minor:0<width$}0").parse::<Minor>().map_err(|_| NO_MONEY)? / 10;
    let unit = 10_i64.pow(places);
    major.checked_mul(unit).and_then(|amount| amount.checked_add(minor)).ok_or(NO_MONEY)
}

/// Takes the sign or the code of the currency off an amount; refuses that of another currency.
fn without_currency<'a>(text: &'a str, currency: &str) -> Result<&'a str, Refusal> {
    let without = |sign: &str| text.strip_prefix(sign).or_else(|| text.strip_suffix(sign));
    for (sign, meant) in SIGNS {
        if let Some(rest) = without(sign) {
            let fits = meant.contains(&currency);
            return if fits { Ok(rest.trim()) } else { Err("organiser_form.other_currency") };
        }
    }
    let code = |at: std::ops::Range<usize>| {
        text.get(at).is_some_and(|part| !part.is_empty() && part.eq_ignore_ascii_case(currency))
    };
    let (length, end) = (currency.len(), text.len());
    if code(0..length) {
        return Ok(text[length..].trim());
    }
    match end.checked_sub(length) {
        Some(start) if code(start..end) => Ok(text[..start].trim()),
        _ => Ok(text),
    }
}

/// Takes the commas between thousands out of a whole number; `None` if they stand elsewhere.
fn ungrouped(number: &str) -> Option<String> {
    let mut groups = number.split(',');
    let first = groups.next()?;
    let mut whole = first.to_owned();
    for group in groups {
        if first.is_empty() || first.len() > 3 || group.len() != 3 {
            return None;
        }
        whole.push_str(group);
    }
    Some(whole)
}

/// Writes an amount for a form, as [`amount`] reads it.
pub(super) fn plain_amount(amount: Minor, currency: &str) -> String {
    let places = decimals(currency);
    let unit = 10_i64.pow(places);
    if places == 0 {
        return amount.to_string();
    }
    format!("{}.{:0width$}", amount / unit, (amount % unit).abs(), width = places as usize)
}

/// Reads a time of a `datetime-local` field on the clocks of a zone; `None` if it is empty. Of an
/// hour that comes twice, the first is meant.
pub(super) fn local_time(text: &str, zone: Tz) -> Result<Option<TimestampMs>, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read = NaiveDateTime::parse_from_str(text, LOCAL);
    let read = read.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"));
    let local = read.map_err(|_| "organiser_form.bad_time")?;
    if !(1970..=9_999).contains(&local.year()) {
        return Err("organiser_form.bad_time");
    }
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Ok(Some(at.timestamp_millis())),
        LocalResult::None => Err("organiser_form.time_gap"),
    }
}

/// Writes a time for a `datetime-local` field.
pub(super) fn local_text(at: TimestampMs, zone: Tz) -> String {
    let utc = chrono::DateTime::<Utc>::from_timestamp_millis(at).unwrap_or_default();
    zone.from_utc_datetime(&utc.naive_utc()).format(LOCAL).to_string()
}

/// Reads a whole number, in which commas between thousands are understood; `None` if the field is
/// empty.
pub(super) fn whole(text: &str) -> Result<Option<u32>, Refusal> {
    const NO_NUMBER: Refusal = "organiser_form.bad_number";
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let digits = ungrouped(text).filter(|text| is_number(text)).ok_or(NO_NUMBER)?;
    digits.parse().map(Some).map_err(|_| NO_NUMBER)
}

/// True for digits alone; Rust also parses `+5`.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads rows, one a line: `A: 20`, or `A-F: 20` and `1-12: 20` for several rows of one size.
pub(super) fn rows(text: &str) -> Result<Vec<RowDefinition>, Refusal> {
    const NO_ROWS: Refusal = "organiser_form.bad_rows";
    let mut rows = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (names, seats) = line.rsplit_once(':').ok_or(NO_ROWS)?;
        let seats = Some(seats.trim()).filter(|seats| is_number(seats)).ok_or(NO_ROWS)?;
        let seats: u32 = seats.parse().map_err(|_| NO_ROWS)?;
        if !(1..=MAX_ROW).contains(&seats) {
            return Err("organiser_form.row_too_long");
        }
        let names = row_names(names.trim(), MOST_ROWS - rows.len())?;
        rows.extend(names.into_iter().map(|name| RowDefinition { name, seats }));
    }
    Ok(rows)
}

/// Returns the names of `A-F` or `1-12`, `most` at most; any other text is one name.
fn row_names(text: &str, most: usize) -> Result<Vec<String>, Refusal> {
    const TOO_MANY: Refusal = "organiser_form.too_many_rows";
    let alone = || if most == 0 { Err(TOO_MANY) } else { Ok(vec![text.to_owned()]) };
    let Some((first, last)) = text.split_once('-') else { return alone() };
    let (first, last) = (first.trim(), last.trim());
    if is_number(first) && is_number(last) {
        // A number that does not fit is larger than every limit.
        let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
        let (from, to) = (number(first), number(last));
        if from > to {
            return Err("organiser_form.rows_backwards");
        }
        if to - from >= most as u64 {
            return Err(TOO_MANY);
        }
        return Ok((from..=to).map(|number| number.to_string()).collect());
    }
    let names: Vec<_> = match (first.as_bytes(), last.as_bytes()) {
        ([from], [to])
            if from <= to
                && (from.is_ascii_uppercase() && to.is_ascii_uppercase()
                    || from.is_ascii_lowercase() && to.is_ascii_lowercase()) =>
        {
            (*from..=*to).map(|letter| char::from(letter).to_string()).collect()
        }
        _ => return alone(),
    };
    if names.len() > most { Err(TOO_MANY) } else { Ok(names) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::format::zone;

    #[test]
    fn money_is_read_exactly_or_refused() {
        for (text, currency, expected) in [
            ("150000", "KRW", Ok(150_000)),
            (" 12.50 ", "USD", Ok(1_250)),
            ("12.5", "USD", Ok(1_250)),
            ("12", "USD", Ok(1_200)),
            ("0.07", "EUR", Ok(7)),
            ("1.234", "KWD", Ok(1_234)),
            ("90071992547409.93", "USD", Ok(9_007_199_254_740_993)),
            ("0", "KRW", Ok(0)),
            ("12.505", "USD", Err("organiser_form.bad_decimals")),
            ("12.", "USD", Err("organiser_form.bad_decimals")),
            ("12.5", "KRW", Err("organiser_form.bad_decimals")),
            ("1,500", "USD", Ok(150_000)),
            ("90,000", "KRW", Ok(90_000)),
            ("₩90,000", "KRW", Ok(90_000)),
            ("90,000 원", "KRW", Ok(90_000)),
            ("krw 1,234,567", "KRW", Ok(1_234_567)),
            ("$ 1,234.50", "USD", Ok(123_450)),
            ("12.50 EUR", "EUR", Ok(1_250)),
            ("₩90,000", "USD", Err("organiser_form.other_currency")),
            ("$9", "KRW", Err("organiser_form.other_currency")),
            ("12,50", "EUR", Err("organiser_form.bad_price")),
            ("1,2345", "KRW", Err("organiser_form.bad_price")),
            (",500", "KRW", Err("organiser_form.bad_price")),
            ("1234,500", "KRW", Err("organiser_form.bad_price")),
            ("₩", "KRW", Err("organiser_form.bad_price")),
            ("KRW", "KRW", Err("organiser_form.bad_price")),
            ("€€5", "EUR", Err("organiser_form.bad_price")),
            ("-1", "USD", Err("organiser_form.bad_price")),
            ("", "USD", Err("organiser_form.bad_price")),
            (".5", "USD", Err("organiser_form.bad_price")),
            ("1e5", "USD", Err("organiser_form.bad_price")),
            ("92233720368547758.08", "USD", Err("organiser_form.bad_price")),
            ("99999999999999999999", "KRW", Err("organiser_form.bad_price")),
        ] {
            assert_eq!(amount(text, currency), expected, "{text} {currency}");
            if let Ok(minor) = expected {
                assert_eq!(amount(&plain_amount(minor, currency), currency), Ok(minor));
            }
        }
    }

    #[test]
    fn times_are_those_of_the_zone_and_an_hour_that_is_left_out_is_refused() {
        let new_york = zone("America/New_York");
        let at = |text| local_time(text, new_york);
        assert_eq!(at("2029-12-31T19:00"), Ok(Some(1_893_456_000_000)));
        assert_eq!(local_text(1_893_456_000_000, new_york), "2029-12-31T19:00");
        // The clocks go from 02:00 to 03:00 on 10 March 2030, and from 02:00 to 01:00 on 3 November.
        assert_eq!(at("2030-03-10T02:30"), Err("organiser_form.time_gap"));
        let (first, then) = (at("2030-11-03T01:30"), at("2030-11-03T02:30"));
        assert_eq!(then.unwrap().unwrap() - first.unwrap().unwrap(), 2 * 3_600_000);
        assert_eq!(at(""), Ok(None));
        assert_eq!(at("tomorrow"), Err("organiser_form.bad_time"));
    }

    #[test]
    fn whole_numbers_are_digits_with_commas_at_most() {
        let refused = Err("organiser_form.bad_number");
        for (text, expected) in [
            ("5", Ok(Some(5))),
            (" 1,500 ", Ok(Some(1_500))),
            ("", Ok(None)),
            ("+5", refused),
            ("-5", refused),
            ("5.0", refused),
            ("+1,500", refused),
            ("4294967296", refused),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }

    #[test]
    fn rows_are_read_one_a_line_and_as_ranges() {
        let read = |text| {
            rows(text).map(|rows| {
                rows.into_iter().map(|row| format!("{}{}", row.name, row.seats)).collect::<Vec<_>>()
            })
        };
        assert_eq!(read("A: 20\n\n B:5"), Ok(vec!["A20".into(), "B5".into()]));
        assert_eq!(read("A-C: 2"), Ok(vec!["A2".into(), "B2".into(), "C2".into()]));
        assert_eq!(read("9-11:1"), Ok(vec!["91".into(), "101".into(), "111".into()]));
        assert_eq!(read("Box-1: 4"), Ok(vec!["Box-14".into()]));
        assert_eq!(read("a-C: 4"), Ok(vec!["a-C4".into()]));
        assert_eq!(read("A 20"), Err("organiser_form.bad_rows"));
        assert_eq!(read("A: many"), Err("organiser_form.bad_rows"));
        assert_eq!(read("A: +5"), Err("organiser_form.bad_rows"));
        // Refused before a row is made.
        for many in
            ["1-999999: 1", "1-1001: 1", "0-99999999999999999999: 1", "1-900: 1\n901-1001: 1"]
        {
            assert_eq!(read(many), Err("organiser_form.too_many_rows"), "{many}");
        }
        assert_eq!(read("1-1000: 1").map(|rows| rows.len()), Ok(1_000));
        assert_eq!(read("9-1: 4"), Err("organiser_form.rows_backwards"));
        assert_eq!(read("A: 1001"), Err("organiser_form.row_too_long"));
        assert_eq!(read("A: 0"), Err("organiser_form.row_too_long"));
    }
}
