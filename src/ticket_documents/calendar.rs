//! Calendar files (RFC 5545) of one event. The same event has the same UID in every file, so that a
//! calendar replaces its entry and does not add another.

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};

use super::DocumentError;
use super::text::clean;
use crate::inventory::TimestampMs;

/// An event for a calendar.
#[derive(Clone, Debug)]
pub struct CalendarEntry {
    /// The id of the event, which is the same for ever.
    pub id: String,
    /// Its name.
    pub name: String,
    /// More about it, in several lines.
    pub description: String,
    /// The venue.
    pub location: String,
    /// The address of its page.
    pub url: Option<String>,
    /// When it begins.
    pub starts_at: TimestampMs,
    /// When it ends.
    pub ends_at: TimestampMs,
    /// When any of this changed last.
    pub changed_at: TimestampMs,
    /// True if it does not take place.
    pub is_cancelled: bool,
}

/// Returns the text of a calendar file. Its times are in UTC; calendars show them in the time zone
/// of their owner.
///
/// # Errors
/// [`DocumentError::Time`].
pub fn calendar(entry: &CalendarEntry) -> Result<String, DocumentError> {
    let status = match entry.is_cancelled {
        true => EventStatus::Cancelled,
        false => EventStatus::Confirmed,
    };
    let description: Vec<String> = entry.description.lines().map(clean).collect();
    let mut event = Event::new();
    event
        .uid(&format!("{}@admitone", clean(&entry.id)))
        .timestamp(time(entry.changed_at)?)
        .last_modified(time(entry.changed_at)?)
        .starts(time(entry.starts_at)?)
        .ends(time(entry.ends_at.max(entry.starts_at))?)
        .summary(&clean(&entry.name))
        .location(&clean(&entry.location))
        .status(status);
    if !entry.description.trim().is_empty() {
        event.description(description.join("\n").trim());
    }
    if let Some(url) = &entry.url {
        event.url(&clean(url));
    }
    let mut calendar = Calendar::empty();
    calendar
        .append_property(Property::new("VERSION", "2.0"))
        .append_property(Property::new("PRODID", "-//Admit One//Tickets//EN"))
        .append_property(Property::new("METHOD", "PUBLISH"))
        .push(event.done());
    Ok(calendar.to_string())
}

fn time(at: TimestampMs) -> Result<DateTime<Utc>, DocumentError> {
    use chrono::Datelike;
    let time = DateTime::from_timestamp_millis(at);
    time.filter(|time| (0..=9_999).contains(&time.year())).ok_or(DocumentError::Time(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> CalendarEntry {
        CalendarEntry {
            id: "0190d9a4-7f2e-7c3b-9a7e-000000000001".into(),
            name: name.into(),
            description: "Doors: 18:00\nNo late entry; bring \"this\", please".into(),
            location: "세종문화회관, 서울".into(),
            url: Some("https://tickets.example.com/events/1".into()),
            starts_at: 1_800_000_000_000,
            ends_at: 1_800_010_800_000,
            changed_at: 1_790_000_000_000,
            is_cancelled: false,
        }
    }

    /// Returns the content lines with their folding undone, after checking the folding.
    fn unfolded(text: &str) -> Vec<String> {
        assert!(text.ends_with("\r\n"));
        let mut lines: Vec<String> = Vec::new();
        for line in text.trim_end_matches("\r\n").split("\r\n") {
            assert!(line.len() <= 75, "{} bytes: {line}", line.len());
            assert!(!line.contains(['\r', '\n']), "{line:?}");
            match line.strip_prefix(' ') {
                Some(rest) => lines.last_mut().unwrap().push_str(rest),
                None => lines.push(line.to_owned()),
            }
        }
        lines
    }

    #[test]
    fn an_event_is_one_entry_in_utc_with_a_stable_uid() {
        let text = calendar(&entry("햄릿")).unwrap();
        let lines = unfolded(&text);
        for line in [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "UID:0190d9a4-7f2e-7c3b-9a7e-000000000001@admitone",
            "DTSTART:20270115T080000Z",
            "DTEND:20270115T110000Z",
            "DTSTAMP:20260921T141320Z",
            "SUMMARY:햄릿",
            "LOCATION:세종문화회관\\, 서울",
            "DESCRIPTION:Doors: 18:00\\nNo late entry\\; bring \"this\"\\, please",
            "URL:https://tickets.example.com/events/1",
            "STATUS:CONFIRMED",
            "END:VCALENDAR",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} is in {lines:#?}");
        }
        assert_eq!(text, calendar(&entry("햄릿")).unwrap(), "the same each time");
        let cancelled = CalendarEntry { is_cancelled: true, ..entry("햄릿") };
        assert!(calendar(&cancelled).unwrap().contains("STATUS:CANCELLED\r\n"));
    }

    #[test]
    fn long_and_odd_names_are_folded_between_characters_and_stay_one_line() {
        let long = "가나다라마바사 ".repeat(40);
        let family = "👩‍👩‍👧‍👦".repeat(60);
        let arabic = "مسرح ".repeat(60);
        for name in [&long, &family, &arabic, &"x".repeat(300), "a\r\nEND:VEVENT\r\nb\0c", ""] {
            let lines = unfolded(&calendar(&entry(name)).unwrap());
            let summary = lines.iter().find_map(|line| line.strip_prefix("SUMMARY:")).unwrap();
            assert_eq!(summary, clean(name));
            assert_eq!(lines.iter().filter(|line| *line == "END:VEVENT").count(), 1);
        }
    }

    #[test]
    fn a_time_beyond_all_calendars_is_an_error() {
        for starts_at in [i64::MIN, i64::MAX, 300_000_000_000_000] {
            let entry = CalendarEntry { starts_at, ..entry("Never") };
            assert!(matches!(calendar(&entry), Err(DocumentError::Time(_))), "{starts_at}");
        }
        let backwards = CalendarEntry { ends_at: 0, ..entry("Short") };
        assert!(calendar(&backwards).unwrap().contains("DTEND:20270115T080000Z\r\n"));
    }
}
