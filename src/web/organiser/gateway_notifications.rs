//! Notifications of gateways that fit no payment, for administrators to read. They are text of other
//! systems: shown as text only.

use actix_web::{HttpResponse, web};
use maud::html;

use super::payments::sections;
use super::tables::{Column, cards};
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::store::NotificationRow;
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// The most notifications on the page.
const SHOWN: u64 = 100;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/payments/notifications").get(list));
}

async fn list(state: web::Data<AppState>, visitor: Visitor) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let rows = state.payments.parked(SHOWN).await?;
    let title = visitor.text("organiser_payments.notifications");
    let columns = [
        Column::text(visitor.text("organiser_payments.notification")),
        Column::text(visitor.text("organiser_payments.why")),
        Column::text(visitor.text("organiser_payments.text")),
    ];
    let row = |row: &NotificationRow| {
        vec![
            html! {
                (row.gateway) " · " (row.kind)
                span.hint { (format::exact_time(visitor.language, row.received_at, visitor.site.zone)) }
                code { (row.id) }
            },
            html! { span lang="en" { (row.parked_reason.as_deref().unwrap_or_default()) } },
            html! {
                details {
                    summary { (visitor.text("organiser_payments.text")) }
                    pre { (row.body.as_deref().unwrap_or_default()) }
                }
            },
        ]
    };
    let main = html! {
        (sections(&visitor))
        h1 { (title) }
        p.hint { (visitor.text("organiser_payments.notifications_hint")) }
        @if rows.is_empty() {
            p.empty { (visitor.text("organiser_payments.no_notifications")) }
        } @else {
            (cards(title, &columns, rows.iter().map(row)))
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main).class("wide")))
}
