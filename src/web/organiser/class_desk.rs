//! The desk of a class: its numbers, its enrollments by name and state with what can be decided about
//! many at once, and its files for spreadsheets.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::classes::fill_rate;
use super::enrollment_words::{action_text, attendance_text, without_line};
use super::orders::customer;
use super::search;
use super::tables::{Column, cards};
use crate::classes::{ClassStatus, ListedEnrollment, WithAnswers};
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::state::AppState;
use crate::http::xlsx_file::MAX_ROWS;
use crate::ids::OfferingId;
use crate::store::{ClassRow, EnrollmentFilter, EnrollmentSort, EnrollmentState};
use crate::web::class::words;
use crate::web::fields::{Field, select};
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Enrollments on one page.
const SHOWN: u64 = 100;
/// The id of the form that the boxes of the table belong to.
const FORM: &str = "decide";
/// The state of those who wait with an offered place, which is a state of its own to people.
const OFFERED: &str = "OFFERED";

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/classes/{class}").get(page));
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    after: Option<String>,
    notice: Option<String>,
}

impl Query {
    /// Returns what is listed: the line by its places, everything else by the time of application.
    fn filter(&self, class: OfferingId) -> Result<EnrollmentFilter, ApiError> {
        let has_offer = self.status == OFFERED;
        let status = match has_offer {
            true => Some(EnrollmentState::Waitlisted),
            false => EnrollmentState::parse(&self.status),
        };
        let is_line = status == Some(EnrollmentState::Waitlisted) && !has_offer;
        let sort = if is_line { EnrollmentSort::Position } else { EnrollmentSort::Oldest };
        let who = Some(search::text(&self.q)).filter(|text| !text.is_empty());
        let after = PageQuery { limit: None, cursor: self.after.clone() }.after()?;
        let class = Some(class);
        Ok(EnrollmentFilter { class, status, has_offer, who, sort, after, ..Default::default() })
    }

    /// Returns the link to the page after this one.
    fn next(&self, class: OfferingId, after: &str) -> String {
        let mut link = form_urlencoded::Serializer::new(format!("/organiser/classes/{class}?"));
        link.append_pair("q", &self.q).append_pair("status", &self.status);
        link.append_pair("after", after).finish()
    }
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let class = state.classes.class(id).await?;
    let filter = query.filter(id)?;
    let rows = state.classes.listed(&filter, WithAnswers::No, SHOWN).await?;
    let cursor = |one: &ListedEnrollment| format!("{}_{}", filter.sort.key(&one.row), one.row.id);
    let next = next_cursor(&rows, SHOWN, cursor);
    let title = &class.event.details.name;
    let main = html! {
        p.back { a href="/organiser/classes" { (visitor.text("class.title")) } }
        h1 { (title) }
        (words::heading(&visitor, &class))
        p.facts {
            (words::badge(&visitor, ClassStatus::of(&class, visitor.now)))
            span.price { (words::fee(&visitor, &class)) }
        }
        (links(&visitor, &class))
        (numbers(&visitor, &class))
        h2 id="enrollments" { (visitor.text("organiser_class.enrollments")) }
        (search_form(&visitor, id, &query))
        @if rows.is_empty() {
            p.empty { (visitor.text("organiser_class.none")) }
        } @else {
            (table(&visitor, &class, &rows))
            @if let Some(next) = next {
                p.more { a.button.quiet href=(query.next(id, &next)) { (visitor.text("start.more")) } }
            }
            (decisions(&visitor, &class))
        }
        (files(&visitor, &class))
    };
    let page = Page::new(title).main(main).class("wide");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

/// Renders the links to what belongs to a class.
fn links(visitor: &Visitor, class: &ClassRow) -> Markup {
    let id = class.event.id;
    html! {
        p.actions {
            a.button.quiet href={ "/classes/" (id) } { (visitor.text("organiser_class.page")) }
            @if class.deleted_at.is_none() {
                a.button.quiet href={ "/organiser/classes/" (id) "/edit" } { (visitor.text("organiser_class.edit")) }
                a.button.quiet href={ "/organiser/classes/" (id) "/cancel" } { (visitor.text("organiser_class.cancel")) }
            }
            a.button.quiet href={ "/organiser/classes/" (id) "/form" } { (visitor.text("organiser_class.form")) }
            a.button.quiet href={ "/organiser/terms?mclass=" (id) "#new" } { (visitor.text("terms.title")) }
            a.button.quiet href={ "/organiser/classes/" (id) "/log" } { (visitor.text("organiser_class.log")) }
        }
    }
}

/// Renders the links to all enrollments as files; none to a spreadsheet that would be refused.
fn files(visitor: &Visitor, class: &ClassRow) -> Markup {
    let id = class.event.id;
    let fits = class.counts.all() <= i64::from(MAX_ROWS);
    html! {
        @if class.counts.all() > 0 {
            h2 { (visitor.text("organiser_class.files")) }
            p.actions {
                a.button.quiet href={ "/organiser/classes/" (id) "/enrollments.csv" } { (visitor.text("organiser_class.as_csv")) }
                @if fits {
                    a.button.quiet href={ "/organiser/classes/" (id) "/enrollments.xlsx" } { (visitor.text("organiser_class.as_xlsx")) }
                }
                a.button.quiet href={ "/organiser/classes/" (id) "/waitlist.csv" } { (visitor.text("organiser_class.line_as_csv")) }
            }
        }
    }
}

fn numbers(visitor: &Visitor, class: &ClassRow) -> Markup {
    let counts = class.counts;
    let of = [
        ("class.capacity", class.capacity()),
        ("enrollment.applied", counts.applied),
        ("enrollment.approved", counts.approved),
        ("enrollment.waitlisted", class.in_line()),
        ("enrollment.offered", class.offered),
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

fn search_form(visitor: &Visitor, id: OfferingId, query: &Query) -> Markup {
    let mut options = vec![(String::new(), visitor.text("organiser_live.any_state").to_owned())];
    for (state, key) in [
        (EnrollmentState::Applied.as_str(), "enrollment.applied"),
        (EnrollmentState::Approved.as_str(), "enrollment.approved"),
        (EnrollmentState::Waitlisted.as_str(), "enrollment.waitlisted"),
        (OFFERED, "enrollment.offered"),
        (EnrollmentState::Rejected.as_str(), "enrollment.rejected"),
        (EnrollmentState::Canceled.as_str(), "enrollment.canceled"),
    ] {
        options.push((state.to_owned(), visitor.text(key).to_owned()));
    }
    let text = search::text(&query.q);
    let field = Field {
        name: "q",
        label: visitor.text("organiser_class.search"),
        kind: "search",
        value: &text,
        max_length: Some(100),
        ..Field::default()
    };
    html! {
        form.search method="get" action={ "/organiser/classes/" (id) } role="search" {
            (field.render())
            (select("status", visitor.text("organiser.state"), &query.status, &options))
            button.button.quiet { (visitor.text("start.find")) }
        }
    }
}

fn table(visitor: &Visitor, class: &ClassRow, listed: &[ListedEnrollment]) -> Markup {
    let columns = [
        Column::text(visitor.text("organiser_class.applicant")),
        Column::text(visitor.text("organiser_class.applied_at")),
        Column::text(visitor.text("organiser.state")),
        Column::text(visitor.text("organiser_class.attendance")),
    ];
    let zone = words::zone(visitor, class);
    let cells = |one: &ListedEnrollment| {
        let row = &one.row;
        vec![
            html! {
                label.check {
                    input type="checkbox" name="pick" form=(FORM) value={ (row.id) "_" (row.version) };
                    span { (customer(visitor, one.person.as_ref())) }
                }
            },
            html! {
                a href={ "/organiser/enrollments/" (row.id) } {
                    (format::date_time(visitor.language, row.applied_at, zone))
                }
            },
            html! {
                (words::state_badge(visitor, row))
                @if let Some(position) = one.position {
                    " " (format::number(position))
                    " " a href={ "/organiser/enrollments/" (row.id) "#move" } { (visitor.text("organiser_class.move_up")) }
                }
            },
            html! { (row.attendance.map_or("", |mark| attendance_text(visitor, mark))) },
        ]
    };
    let label = visitor.text("organiser_class.enrollments");
    cards(label, &columns, listed.iter().map(cells))
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
