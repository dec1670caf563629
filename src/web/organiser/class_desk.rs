//! The desk of a class: its numbers, its enrollments with what can be decided about many at once, its
//! line, and the log.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::classes::fill_rate;
use super::enrollment_words::{action_text, attendance_text, log_line, names_of, without_line};
use super::orders::customer;
use super::tables::{Column, cards};
use crate::classes::ClassStatus;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::store::{ClassRow, EnrollmentRow, EnrollmentState, Person};
use crate::web::class::words;
use crate::web::fields::{Field, select};
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Enrollments on one page.
const SHOWN: u64 = 100;
/// Entries of the log on its page.
const LOGGED: u64 = 200;
/// The id of the form that the boxes of the table belong to.
const FORM: &str = "decide";

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/classes/{class}").get(page))
        .service(web::resource("/organiser/classes/{class}/log").get(log));
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    status: String,
    after: Option<String>,
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let class = state.classes.class(id).await?;
    let status = EnrollmentState::parse(&query.status);
    let (rows, next) = read(&state, id, status, query.after.as_deref()).await?;
    let people = state.store.people(rows.iter().map(|row| row.user)).await?;
    let title = &class.event.details.name;
    let main = html! {
        p.back { a href="/organiser/classes" { (visitor.text("class.title")) } }
        h1 { (title) }
        (words::heading(&visitor, &class))
        p.facts {
            (words::badge(&visitor, ClassStatus::of(&class, visitor.now)))
            span.price { (words::fee(&visitor, &class)) }
        }
        p.actions {
            a.button.quiet href={ "/classes/" (id) } { (visitor.text("organiser_class.page")) }
            @if class.deleted_at.is_none() {
                a.button.quiet href={ "/organiser/classes/" (id) "/edit" } { (visitor.text("organiser_class.edit")) }
                a.button.quiet href={ "/organiser/classes/" (id) "/cancel" } { (visitor.text("organiser_class.cancel")) }
            }
            a.button.quiet href={ "/organiser/classes/" (id) "/form" } { (visitor.text("organiser_class.form")) }
            a.button.quiet href={ "/organiser/classes/" (id) "/log" } { (visitor.text("organiser_class.log")) }
        }
        (numbers(&visitor, &class))
        h2 id="enrollments" { (visitor.text("organiser_class.enrollments")) }
        (filter(&visitor, id, &query.status))
        @if rows.is_empty() {
            p.empty { (visitor.text("organiser_class.none")) }
        } @else {
            (table(&visitor, &class, &rows, &people))
            @if let Some(next) = next {
                p.more { a.button.quiet href={ "/organiser/classes/" (id) "?status=" (query.status) "&after=" (next) } {
                    (visitor.text("start.more"))
                } }
            }
            (decisions(&visitor, &class))
        }
    };
    let page = Page::new(title).main(main).class("wide");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

/// Reads a page of enrollments, and where the next page begins. The line is read in its order.
async fn read(
    state: &AppState,
    class: OfferingId,
    status: Option<EnrollmentState>,
    after: Option<&str>,
) -> Result<(Vec<EnrollmentRow>, Option<String>), ApiError> {
    if status == Some(EnrollmentState::Waitlisted) {
        let rank = after.and_then(|text| text.parse().ok());
        let mut rows = state.store.enrollment_line(class, rank, SHOWN).await?;
        let next = rows.last().and_then(|row| row.rank).filter(|_| rows.len() as u64 == SHOWN);
        if rank.is_none() {
            // Those with an offer have left the line, and are before it.
            let all = state.store.enrollment_list_of_class(class, status, None, SHOWN).await?;
            let mut offered: Vec<_> = all.into_iter().filter(|row| row.rank.is_none()).collect();
            offered.append(&mut rows);
            rows = offered;
        }
        return Ok((rows, next.map(|rank| rank.to_string())));
    }
    let after = after.and_then(|text| {
        let (at, id) = text.split_once('_')?;
        Some((at.parse().ok()?, id.parse().ok()?))
    });
    let rows = state.store.enrollment_list_of_class(class, status, after, SHOWN).await?;
    let last = rows.last().filter(|_| rows.len() as u64 == SHOWN);
    let next = last.map(|row| format!("{}_{}", row.applied_at, row.id));
    Ok((rows, next))
}

fn numbers(visitor: &Visitor, class: &ClassRow) -> Markup {
    let counts = class.counts;
    let of = [
        ("class.capacity", words::capacity(class)),
        ("enrollment.applied", counts.applied),
        ("enrollment.approved", counts.approved),
        ("enrollment.waitlisted", counts.waitlisted),
        ("enrollment.rejected", counts.rejected),
        ("enrollment.canceled", counts.canceled),
    ];
    html! {
        dl.facts-list {
            @for (key, n) in of { dt { (visitor.text(key)) } dd { (words::count(n)) } }
            dt { (visitor.text("organiser_class.fill_rate")) } dd { (fill_rate(class)) }
        }
    }
}

fn filter(visitor: &Visitor, id: OfferingId, status: &str) -> Markup {
    let mut options = vec![(String::new(), visitor.text("organiser_live.any_state").to_owned())];
    for (state, key) in [
        (EnrollmentState::Applied, "enrollment.applied"),
        (EnrollmentState::Approved, "enrollment.approved"),
        (EnrollmentState::Waitlisted, "enrollment.waitlisted"),
        (EnrollmentState::Rejected, "enrollment.rejected"),
        (EnrollmentState::Canceled, "enrollment.canceled"),
    ] {
        options.push((state.as_str().to_owned(), visitor.text(key).to_owned()));
    }
    html! {
        form.search method="get" action={ "/organiser/classes/" (id) } {
            (select("status", visitor.text("organiser.state"), status, &options))
            button.button.quiet { (visitor.text("start.find")) }
        }
    }
}

fn table(
    visitor: &Visitor,
    class: &ClassRow,
    rows: &[EnrollmentRow],
    people: &HashMap<UserId, Person>,
) -> Markup {
    let columns = [
        Column::text(visitor.text("organiser_class.applicant")),
        Column::text(visitor.text("organiser_class.applied_at")),
        Column::text(visitor.text("organiser.state")),
        Column::text(visitor.text("organiser_class.attendance")),
    ];
    let zone = words::zone(visitor, class);
    let cells = |row: &EnrollmentRow| {
        let person = people.get(&row.user);
        vec![
            html! {
                label.check {
                    input type="checkbox" name="pick" form=(FORM) value={ (row.id) "_" (row.version) };
                    span { (customer(visitor, person)) }
                }
            },
            html! {
                a href={ "/organiser/enrollments/" (row.id) } {
                    (format::date_time(visitor.language, row.applied_at, zone))
                }
            },
            html! {
                (words::state_badge(visitor, row))
                @if row.status == EnrollmentState::Waitlisted && row.rank.is_some() {
                    " " a href={ "/organiser/enrollments/" (row.id) "#move" } { (visitor.text("organiser_class.move_up")) }
                }
            },
            html! { (row.attendance.map_or("", |mark| attendance_text(visitor, mark))) },
        ]
    };
    let label = visitor.text("organiser_class.enrollments");
    cards(label, &columns, rows.iter().map(cells))
}

const VERDICTS: &[&str] = &["approve", "approve-or-waitlist", "waitlist", "reject"];

/// Renders the buttons for what was ticked.
fn decisions(visitor: &Visitor, class: &ClassRow) -> Markup {
    let reason = Field {
        name: "reason",
        label: visitor.text("organiser_class.reason"),
        hint: Some(visitor.text("organiser_class.reason_hint")),
        ..Field::default()
    };
    let marks = ["present", "late", "absent", "unmark"];
    html! {
        form.stack id=(FORM) method="post" action={ "/organiser/classes/" (class.event.id) "/decisions" } {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            fieldset {
                legend { (visitor.text("organiser_class.decide_ticked")) }
                (reason.area(2))
                div.actions {
                    @for name in without_line(class, VERDICTS) {
                        button.button.quiet name="do" value=(name) { (action_text(visitor, name)) }
                    }
                }
            }
            fieldset {
                legend { (visitor.text("organiser_class.attendance_ticked")) }
                div.actions {
                    @for name in marks {
                        button.button.quiet name="do" value=(name) { (action_text(visitor, name)) }
                    }
                }
            }
        }
    }
}

async fn log(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let class = state.classes.class(id).await?;
    let entries = state.store.enrollment_log(id, None, LOGGED).await?;
    let ids: Vec<_> = entries.iter().map(|entry| entry.enrollment).collect();
    let rows = state.store.enrollment_get_many(&ids).await?;
    let owners: HashMap<_, _> = rows.iter().map(|row| (row.id, row.user)).collect();
    let actors = entries.iter().filter_map(|entry| entry.actor);
    let names = names_of(&state, actors.chain(owners.values().copied())).await?;
    let reasons: Vec<_> = entries.iter().filter_map(|entry| entry.reason).collect();
    let reasons = state.store.reasons_get(&reasons).await?;
    let title = visitor.text("organiser_class.log");
    let main = html! {
        p.back { a href={ "/organiser/classes/" (id) } { (class.event.details.name) } }
        h1 { (title) }
        p.hint { (visitor.fill("organiser_class.log_hint", &[("n", &format::number(LOGGED))])) }
        @if entries.is_empty() { p.empty { (visitor.text("organiser_class.none")) } }
        ul.plain {
            @for entry in &entries {
                li {
                    a href={ "/organiser/enrollments/" (entry.enrollment) } {
                        (owners.get(&entry.enrollment).and_then(|user| names.get(user).map(String::as_str))
                            .unwrap_or(visitor.text("organiser_live.no_account")))
                    }
                    ": " (log_line(&visitor, &class, entry, &names, &reasons))
                }
            }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main).class("wide")))
}
