//! Money and times as people of a language write them.

use chrono::{DateTime, Datelike, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use super::Language;
use crate::inventory::{Minor, TimestampMs};

/// A time of day, as `strftime` formats it.
const CLOCK: &str = "%H:%M (%Z)";

/// Number of decimal places of a currency's minor unit, by ISO 4217.
pub(crate) fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Writes an amount of minor units.
pub(crate) fn money(language: Language, amount: Minor, currency: &str) -> String {
    let places = decimals(currency);
    let unit = 10_u64.pow(places);
    let absolute = amount.unsigned_abs();
    let mut number = grouped(absolute / unit);
    if places > 0 {
        let width = places as usize;
        number.push_str(&format!(".{:0width$}", absolute % unit));
    }
    let sign = if amount < 0 { "-" } else { "" };
    match (language, currency) {
        (Language::Korean, "KRW") => format!("{sign}{number}원"),
        (Language::English, "KRW") => format!("{sign}₩{number}"),
        (_, "USD") => format!("{sign}${number}"),
        (_, "EUR") => format!("{sign}€{number}"),
        (_, "GBP") => format!("{sign}£{number}"),
        (_, "JPY") => format!("{sign}¥{number}"),
        _ => format!("{sign}{currency} {number}"),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Writes a number with separators between thousands.
pub(crate) fn number(number: impl Into<u64>) -> String {
    grouped(number.into())
}

/// Returns the time zone with an IANA name; UTC for unknown ones.
pub(crate) fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// Writes a date and time in a zone.
pub(crate) fn date_time(language: Language, at: TimestampMs, zone: Tz) -> String {
    with_clock(language, at, zone, CLOCK)
}

/// Writes the end of something that began at `start`: without the day, if that is the same.
pub(crate) fn end_time(
    language: Language,
    start: TimestampMs,
    end: TimestampMs,
    zone: Tz,
) -> String {
    match local(end, zone).filter(|_| is_same_day(start, end, zone)) {
        Some(end) => end.format(CLOCK).to_string(),
        None => date_time(language, end, zone),
    }
}

/// Writes a date and time in a zone with its seconds, by which happenings of one minute differ.
pub(crate) fn exact_time(language: Language, at: TimestampMs, zone: Tz) -> String {
    with_clock(language, at, zone, "%H:%M:%S (%Z)")
}

fn with_clock(language: Language, at: TimestampMs, zone: Tz, clock: &str) -> String {
    let Some(at) = local(at, zone) else { return beyond(at) };
    let comma = match language {
        Language::Korean => "",
        Language::English => ",",
    };
    format!("{}{comma} {}", date_of(language, &at), at.format(clock))
}

/// Writes a date in a zone.
pub(crate) fn date(language: Language, at: TimestampMs, zone: Tz) -> String {
    local(at, zone).map_or_else(|| beyond(at), |at| date_of(language, &at))
}

/// True if two times are on the same day in a zone.
pub(crate) fn is_same_day(a: TimestampMs, b: TimestampMs, zone: Tz) -> bool {
    let (a, b) = (local(a, zone), local(b, zone));
    a.zip(b).is_some_and(|(a, b)| a.date_naive() == b.date_naive())
}

/// Writes a time that no calendar has.
fn beyond(at: TimestampMs) -> String {
    format!("{at} ms")
}

fn local(at: TimestampMs, zone: Tz) -> Option<DateTime<Tz>> {
    let utc = DateTime::<Utc>::from_timestamp_millis(at)?;
    Some(zone.from_utc_datetime(&utc.naive_utc()))
}

fn date_of(language: Language, at: &DateTime<Tz>) -> String {
    let (year, month, day) = (at.year(), at.month(), at.day());
    match language {
        Language::Korean => {
            let weekday = match at.weekday() {
                Weekday::Mon => "월",
                Weekday::Tue => "화",
                Weekday::Wed => "수",
                Weekday::Thu => "목",
                Weekday::Fri => "금",
                Weekday::Sat => "토",
                Weekday::Sun => "일",
            };
            format!("{year}년 {month}월 {day}일({weekday})")
        }
        Language::English => format!("{} {day} {} {year}", at.format("%a"), at.format("%b")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_as_people_of_the_language_do() {
        for (language, amount, currency, expected) in [
            (Language::Korean, 150_000, "KRW", "150,000원"),
            (Language::English, 150_000, "KRW", "₩150,000"),
            (Language::English, -1_505, "USD", "-$15.05"),
            (Language::Korean, 1_500, "EUR", "€15.00"),
            (Language::English, 1_234_567, "KWD", "KWD 1,234.567"),
            (Language::English, 0, "KRW", "₩0"),
            (Language::English, i64::MIN, "XXX", "-XXX 92,233,720,368,547,758.08"),
        ] {
            assert_eq!(money(language, amount, currency), expected);
        }
    }

    #[test]
    fn dates_are_those_of_the_event_s_zone() {
        let at = 1_893_456_000_000; // 2030-01-01T00:00:00Z
        let seoul = zone("Asia/Seoul");
        assert_eq!(date_time(Language::Korean, at, seoul), "2030년 1월 1일(화) 09:00 (KST)");
        let new_york = zone("America/New_York");
        assert_eq!(date_time(Language::English, at, new_york), "Mon 31 Dec 2029, 19:00 (EST)");
        assert_eq!(date(Language::English, at, zone("no zone")), "Tue 1 Jan 2030");
        let end = |hours: i64| end_time(Language::Korean, at, at + hours * 3_600_000, seoul);
        assert_eq!(end(14), "23:00 (KST)");
        assert_eq!(end(15), "2030년 1월 2일(수) 00:00 (KST)");
        assert!(!date_time(Language::English, i64::MAX, seoul).is_empty());
    }
}
