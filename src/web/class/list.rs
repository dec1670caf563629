//! The list of classes, found by words, place, time and what they ask for.

use actix_web::{HttpResponse, web};
use chrono::{NaiveDate, TimeZone};
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Deserialize;

use super::words;
use crate::classes::ClassStatus;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::inventory::TimestampMs;
use crate::store::{ClassRow, ClassSearch, ClassSort};
use crate::web::fields::{Field, select};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Classes on one page.
const SHOWN: u64 = 24;
/// How long a class is still listed after it has begun, unless the search says from when.
const AFTERWARDS_MS: TimestampMs = 6 * 3_600_000;
const DAY_MS: TimestampMs = 86_400_000;

#[derive(Deserialize)]
pub(super) struct Query {
    #[serde(default)]
    q: String,
    #[serde(default)]
    place: String,
    recruiting: Option<String>,
    upcoming: Option<String>,
    free: Option<String>,
    online: Option<String>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    sort: String,
    after: Option<String>,
    notice: Option<String>,
}

impl Query {
    /// Returns the search, and the names of the days that are none.
    fn search(&self, zone: Tz, now: TimestampMs) -> (ClassSearch, Vec<&'static str>) {
        let mut wrong = Vec::new();
        let mut day = |name, text: &str| {
            let found = first_moment(text, zone);
            if found.is_none() && !text.trim().is_empty() {
                wrong.push(name);
            }
            found
        };
        let from = day("from", &self.from).unwrap_or(now - AFTERWARDS_MS);
        // The day itself is meant, too. A day can be shorter and longer than 24 hours.
        let until = day("until", &self.until)
            .and_then(|start| first_moment(&local_day(start + DAY_MS + DAY_MS / 4, zone), zone));
        let upcoming = self.upcoming.as_ref().map(|_| now);
        let search = ClassSearch {
            text: cleaned(&self.q),
            location: cleaned(&self.place),
            recruiting_at: self.recruiting.as_ref().map(|_| now),
            from: upcoming.into_iter().chain([from]).max(),
            until,
            is_free: self.free.as_ref().map(|_| true),
            is_online: self.online.as_ref().map(|_| true),
            with_unlisted: false,
            among: None,
            sort: match self.sort.as_str() {
                "recruitEndAt" => ClassSort::RecruitEndAt,
                "createdAt" => ClassSort::CreatedAt,
                _ => ClassSort::StartAt,
            },
            after: self.after.as_deref().and_then(|text| {
                let (at, id) = text.split_once('_')?;
                Some((at.parse().ok()?, id.parse().ok()?))
            }),
        };
        (search, wrong)
    }

    /// Returns the address of the page after `after`.
    fn next(&self, after: &str) -> String {
        let mut link = form_urlencoded::Serializer::new(String::from("/classes?"));
        let texts = [("q", &self.q), ("place", &self.place), ("from", &self.from)];
        for (name, value) in texts.into_iter().chain([("until", &self.until), ("sort", &self.sort)])
        {
            if !value.is_empty() {
                link.append_pair(name, value);
            }
        }
        for (name, is_on) in self.boxes() {
            if is_on {
                link.append_pair(name, "on");
            }
        }
        link.append_pair("after", after);
        link.finish()
    }

    fn boxes(&self) -> [(&'static str, bool); 4] {
        [
            ("recruiting", self.recruiting.is_some()),
            ("upcoming", self.upcoming.is_some()),
            ("free", self.free.is_some()),
            ("online", self.online.is_some()),
        ]
    }
}

fn cleaned(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(100).collect()
}

/// Returns when a day begins on the clocks of a zone, where midnight may be left out.
fn first_moment(day: &str, zone: Tz) -> Option<TimestampMs> {
    let day = day.trim().parse::<NaiveDate>().ok()?;
    let hours = (0..3).filter_map(|hour| day.and_hms_opt(hour, 0, 0));
    let mut moments = hours.filter_map(|time| zone.from_local_datetime(&time).earliest());
    moments.next().map(|at| at.timestamp_millis())
}

fn local_day(at: TimestampMs, zone: Tz) -> String {
    zone.timestamp_millis_opt(at)
        .single()
        .map_or_else(String::new, |at| at.date_naive().to_string())
}

pub(super) async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let (search, wrong) = query.search(visitor.site.zone, now);
    let (rows, last) = state.classes.search(&search, SHOWN).await?;
    let next = last.filter(|_| rows.len() as u64 == SHOWN);
    let title = visitor.text("class.title");
    let main = html! {
        h1 { (title) }
        @if visitor.has_account() {
            p { a href="/enrollments" { (visitor.text("enrollment.title")) } }
        }
        (form(&visitor, &query, &wrong))
        @if rows.is_empty() {
            section.empty {
                p { (visitor.text("class.none")) }
                p { a href="/classes" { (visitor.text("class.all")) } }
                @if visitor.is_admin() {
                    p { a.button href="/organiser/classes/new" { (visitor.text("organiser_class.new")) } }
                }
            }
        }
        ul.cards { @for row in &rows { (card(&visitor, row, now)) } }
        @if let Some((at, id)) = next {
            p.more {
                a.button.quiet href=(query.next(&format!("{at}_{id}"))) { (visitor.text("start.more")) }
            }
        }
    };
    let page = Page::new(title).main(main).script("page.js");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

fn form(visitor: &Visitor, query: &Query, wrong: &[&str]) -> Markup {
    let error = |name| wrong.contains(&name).then(|| visitor.text("class.bad_day"));
    let field = |name, label, kind, value| Field {
        name,
        label: visitor.text(label),
        kind,
        value,
        max_length: Some(100),
        error: error(name),
        ..Field::default()
    };
    let sorts = [
        ("startAt", "class.by_start"),
        ("recruitEndAt", "class.by_end"),
        ("createdAt", "class.by_age"),
    ];
    let sorts = sorts.map(|(value, key)| (value.to_owned(), visitor.text(key).to_owned()));
    let labels = ["class.recruiting", "class.not_begun", "class.free", "class.online"];
    html! {
        form.search.many method="get" action="/classes" role="search" {
            (field("q", "class.search", "search", &query.q).render())
            (field("place", "class.place", "search", &query.place).render())
            (Field { max_length: None, ..field("from", "class.from", "date", &query.from) }.render())
            (Field { max_length: None, ..field("until", "class.until", "date", &query.until) }.render())
            (select("sort", visitor.text("class.sort"), &query.sort, &sorts))
            div.search-boxes {
                @for ((name, is_on), label) in query.boxes().into_iter().zip(labels) {
                    label.check {
                        input type="checkbox" name=(name) value="on" checked[is_on];
                        span { (visitor.text(label)) }
                    }
                }
                button.button { (visitor.text("start.find")) }
            }
        }
    }
}

fn card(visitor: &Visitor, class: &ClassRow, now: TimestampMs) -> Markup {
    let status = ClassStatus::of(class, now);
    html! {
        li.card {
            a.card-link href={ "/classes/" (class.event.id) } { h2 { (class.event.details.name) } }
            (words::heading(visitor, class))
            p.facts {
                (words::badge(visitor, status))
                span.price { (words::fee(visitor, class)) }
                (words::outlook(visitor, class, status))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_its_clocks_begin_it() {
        for (day, zone, expected) in [
            ("2030-05-01", Tz::Asia__Seoul, Some("2030-04-30T15:00:00+00:00")),
            // There the clocks were set forward at midnight.
            ("2018-11-04", Tz::America__Sao_Paulo, Some("2018-11-04T03:00:00+00:00")),
            ("2030-02-30", Tz::UTC, None),
            ("", Tz::UTC, None),
            ("tomorrow", Tz::UTC, None),
        ] {
            let found = first_moment(day, zone);
            let found = found.and_then(chrono::DateTime::from_timestamp_millis);
            assert_eq!(found.map(|at| at.to_rfc3339()).as_deref(), expected, "{day}");
        }
    }
}
