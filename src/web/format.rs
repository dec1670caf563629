//! Money and times as people of a language write them, and times as elements of a page.

use chrono_tz::Tz;
use maud::{Markup, html};

use crate::http::respond::rfc3339;
use crate::inventory::TimestampMs;
use crate::language::Language;
pub(crate) use crate::language::format::{
    date, date_time, decimals, end_time, exact_time, is_same_day, money, number, zone,
};

/// Renders a date and time as an element that programs can read.
pub(crate) fn time(language: Language, at: TimestampMs, zone: Tz) -> Markup {
    html! { time datetime=(rfc3339(at)) { (date_time(language, at, zone)) } }
}
