//! The list of classes with their numbers.

use actix_web::{HttpResponse, web};
use maud::html;
use serde::Deserialize;

use super::tables::{Column, cards};
use crate::classes::ClassStatus;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::roles::Permission;
use crate::store::{ClassRow, ClassSearch, ClassSort, Visibility};
use crate::web::class::words;
use crate::web::fields::Field;
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Classes on one page.
const SHOWN: u64 = 30;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/classes").get(page));
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    after: Option<String>,
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let text: String = query.q.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    let after = query.after.as_deref().and_then(|text| {
        let (at, id) = text.split_once('_')?;
        Some((at.parse().ok()?, id.parse().ok()?))
    });
    let sort = ClassSort::CreatedAt;
    let among = visitor.scope().offerings();
    let search =
        ClassSearch { text, among, with_unlisted: true, sort, after, ..ClassSearch::default() };
    let (rows, last) = state.classes.search(&search, SHOWN).await?;
    let next = last.filter(|_| rows.len() as u64 == SHOWN);
    let title = visitor.text("class.title");
    let label = visitor.text("class.search");
    let field = Field { name: "q", label, kind: "search", value: &search.text, ..Field::default() };
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        @if visitor.is_admin() {
            p.actions { a.button href="/organiser/classes/new" { (visitor.text("organiser_class.new")) } }
        }
        form.search method="get" action="/organiser/classes" role="search" {
            (Field { max_length: Some(100), ..field }.render())
            button.button.quiet { (visitor.text("start.find")) }
        }
        @if rows.is_empty() {
            p.empty { (visitor.text("class.none")) }
        } @else {
            (cards(title, &columns(&visitor), rows.iter().map(|class| {
                cells(&visitor, class, ClassStatus::of(class, visitor.now))
            })))
        }
        @if let Some((at, id)) = next {
            @let mut link = form_urlencoded::Serializer::new(String::from("/organiser/classes?"));
            @let link = link.append_pair("q", &query.q).append_pair("after", &format!("{at}_{id}")).finish();
            p.more { a.button.quiet href=(link) { (visitor.text("start.more")) } }
        }
    };
    let page = Page::new(title).main(main).class("wide");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

fn columns(visitor: &Visitor) -> [Column<'static>; 7] {
    [
        Column::text(visitor.text("organiser_class.class")),
        Column::text(visitor.text("organiser.when")),
        Column::text(visitor.text("organiser.state")),
        Column::number(visitor.text("organiser_class.taken")),
        Column::number(visitor.text("enrollment.applied")),
        Column::number(visitor.text("enrollment.waitlisted")),
        Column::number(visitor.text("organiser_class.fill_rate")),
    ]
}

fn cells(visitor: &Visitor, class: &ClassRow, status: ClassStatus) -> Vec<maud::Markup> {
    let (event, counts, capacity) = (&class.event, class.counts, class.capacity());
    let zone = words::zone(visitor, class);
    vec![
        html! {
            @if visitor.may(Permission::Manage, event.id) {
                a href={ "/organiser/classes/" (event.id) } { (event.details.name) }
            } @else {
                a href={ "/classes/" (event.id) } { (event.details.name) }
            }
            @if class.visibility == Visibility::Unlisted {
                " " span.hint { (visitor.text("organiser_class.unlisted")) }
            }
        },
        format::time(visitor.language, event.details.event_date, zone),
        words::badge(visitor, status),
        html! { (words::count(counts.approved)) " / " (words::count(capacity)) },
        html! { (words::count(counts.applied)) },
        html! { (words::count(class.in_line())) },
        html! { (fill_rate(class)) },
    ]
}

/// Writes the share of places that are taken.
pub(super) fn fill_rate(class: &ClassRow) -> String {
    let capacity = class.capacity().max(1);
    format!("{} %", class.counts.approved.max(0) * 100 / capacity)
}
