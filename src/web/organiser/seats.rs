//! All seats of a section as a list, to take off sale, put back, or remove: by ticking them, by rows, or
//! the whole section. Works without the map.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::seat_buttons;
use super::shown::Shown;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{OfferingId, SeatId};
use crate::inventory::{RowView, SeatStatus, SectionView};
use crate::web::fields::text_area;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}/seats").get(page));
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    section: usize,
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let shown = Shown::read(&state, event).await?;
    let sections = &shown.view.sections;
    let title = visitor.text("organiser_live.seats_as_list");
    let main = html! {
        p.back { a href={ "/organiser/events/" (event) } { (shown.event.details.name) } }
        h1 { (title) }
        @if sections.is_empty() {
            p.empty { (visitor.text("organiser_live.no_seats")) }
        }
        nav aria-label=(visitor.text("event.sections")) {
            ul.chips {
                @for (index, section) in sections.iter().enumerate() {
                    li { a href={ "/organiser/events/" (event) "/seats?section=" (index) }
                        aria-current=[(index == query.section).then_some("true")] { (section.name) } }
                }
            }
        }
        @if let Some(section) = sections.get(query.section) {
            (section_form(&visitor, &shown, section, query.section))
        }
    };
    let page = Page::new(title).main(main).class("wide");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

fn section_form(visitor: &Visitor, shown: &Shown, section: &SectionView, index: usize) -> Markup {
    let event = shown.event.id;
    html! {
        form.seat-list method="post" action={ "/organiser/events/" (event) "/actions" } {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            input type="hidden" name="in" value=(index);
            input type="hidden" name="back" value="seats";
            (text_area("rows", visitor.text("organiser_action.rows"), "", 2))
            p.hint { (visitor.text("organiser_action.rows_hint")) }
            @for row in &section.rows { (row_of_seats(visitor, shown, row)) }
            div.sticky { (seat_buttons(visitor, event)) }
        }
    }
}

fn row_of_seats(visitor: &Visitor, shown: &Shown, row: &RowView) -> Markup {
    html! {
        fieldset {
            legend { (visitor.fill("place.row", &[("row", &row.name)])) }
            @for (index, status) in (0_u32..).zip(&row.seats) {
                @if let Some(word) = word(visitor, *status) {
                    @let seat = SeatId(row.first_seat.0 + index);
                    label.seat data-state=(format!("{status:?}").to_lowercase()) {
                        input type="checkbox" name="seat"
                            value=(seat.to_public(shown.event.id))
                            disabled[matches!(status, SeatStatus::Held | SeatStatus::Sold)];
                        " " (shown.labels.label(seat, index + 1))
                        @if *status != SeatStatus::Available { span.hint { " " (word) } }
                    }
                }
            }
        }
    }
}

fn word(visitor: &Visitor, status: SeatStatus) -> Option<&'static str> {
    match status {
        SeatStatus::Available => Some(visitor.text("place.free")),
        SeatStatus::Kept => Some(visitor.text("place.kept")),
        SeatStatus::Held => Some(visitor.text("place.held")),
        SeatStatus::Sold => Some(visitor.text("place.sold")),
        SeatStatus::Blocked => Some(visitor.text("place.blocked")),
        SeatStatus::Removed => None,
    }
}
