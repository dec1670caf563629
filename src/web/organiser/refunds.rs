//! Refunds of all orders for administrators: the list, another try of a refused one, and the word that
//! the refund of a manual payment is paid.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::payments::sections;
use super::tables::{Column, cards};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::Path;
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::state::AppState;
use crate::ids::{RefundId, ReservationId};
use crate::payments::Method;
use crate::store::{RefundFilter, RefundRow, RefundState};
use crate::web::errors::explain;
use crate::web::fields::{refusal, select};
use crate::web::format::{self, money};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::order_refunds::{method_word, refund_word};
use crate::web::visitor::Visitor;

const LIST: &str = "/organiser/refunds";
/// Refunds on one page.
const SHOWN: u64 = 30;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(LIST).get(list))
        .service(web::resource("/organiser/refunds/{refund}/retry").post(retry))
        .service(web::resource("/organiser/refunds/{refund}/paid").post(paid));
}

/// The part of the list that a page shows.
#[derive(Default, Deserialize)]
struct Query {
    /// The word of a state, or empty for all.
    #[serde(default)]
    state: String,
    after: Option<String>,
    notice: Option<String>,
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, &query, None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    query: &Query,
    said: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let after = PageQuery { limit: None, cursor: query.after.clone() }.after()?;
    let in_state = RefundState::parse(&query.state);
    let filter = RefundFilter {
        reservation: None,
        state: in_state,
        offerings: visitor.scope().offerings(),
        after,
    };
    let rows = state.payments.refunds(filter, SHOWN).await?;
    let methods = state.store.payment_methods(rows.iter().map(|row| row.payment)).await?;
    let rows: Vec<_> =
        rows.into_iter().map(|row| (methods.get(&row.payment).copied(), row)).collect();
    let next = next_cursor(&rows, SHOWN, |(_, row)| format!("{}_{}", row.created_at, row.id));
    let next = next.map(|after| {
        let mut link = form_urlencoded::Serializer::new(format!("{LIST}?"));
        link.append_pair("state", &query.state).append_pair("after", &after).finish()
    });
    let mut states = vec![(String::new(), visitor.text("organiser_payments.all").to_owned())];
    let shown = [RefundState::Refused, RefundState::Due, RefundState::AtGateway, RefundState::Done];
    let word =
        |state: RefundState| (state.as_str().to_owned(), refund_word(visitor, state).to_owned());
    states.extend(shown.map(word));
    let title = visitor.text("organiser_payments.refunds");
    let main = html! {
        (sections(visitor))
        h1 { (title) }
        (refusal(said))
        form.search method="get" action=(LIST) {
            (select("state", visitor.text("organiser_payments.state"), &query.state, &states))
            button.button.quiet { (visitor.text("start.find")) }
        }
        @if rows.is_empty() {
            p.empty { (visitor.text("organiser_payments.no_refunds")) }
        } @else {
            (table(visitor, title, &rows))
        }
        @if let Some(next) = next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
    };
    let page = Page::new(title).main(main).class("wide");
    Ok(layout::render(visitor, page.notice(query.notice.as_deref())))
}

fn table(visitor: &Visitor, title: &str, rows: &[(Option<Method>, RefundRow)]) -> Markup {
    let columns = [
        Column::text(visitor.text("order_refunds.refund")),
        Column::text(visitor.text("organiser_payments.state")),
        Column::text(visitor.text("organiser_payments.to_do")),
    ];
    let time = |at| format::date_time(visitor.language, at, visitor.site.zone);
    let row = |(method, row): &(Option<Method>, RefundRow)| {
        vec![
            html! {
                a href={ "/organiser/orders/" (row.reservation) } {
                    (money(visitor.language, row.amount, &row.currency))
                }
                @if let Some(method) = method { " " (method_word(visitor, *method)) }
                span.hint { (time(row.created_at)) }
                @if let Some(note) = &row.note { span.hint { (note) } }
            },
            html! {
                span.badge data-refund=(row.state.as_str()) { (refund_word(visitor, row.state)) }
                @if let Some(error) = &row.error { span.hint lang="en" { (error) } }
            },
            html! {
                @if row.state == RefundState::Refused {
                    form method="post" action={ (LIST) "/" (row.id) "/retry" } {
                        button.button.quiet { (visitor.text("order_refunds.retry")) }
                    }
                }
                (paid_form(visitor, *method, row, None))
            },
        ]
    };
    cards(title, &columns, rows.iter().map(row))
}

/// Renders the form that says that the refund of a manual payment is paid; `back` is the order whose
/// page it is on.
pub(super) fn paid_form(
    visitor: &Visitor,
    method: Option<Method>,
    row: &RefundRow,
    back: Option<ReservationId>,
) -> Markup {
    let is_open = matches!(row.state, RefundState::Due | RefundState::AtGateway);
    let amount = money(visitor.language, row.amount, &row.currency);
    html! {
        @if is_open && method == Some(Method::Manual) {
            details.cancel {
                summary { (visitor.text("organiser_payments.paid_back")) }
                form.stack method="post" action={ (LIST) "/" (row.id) "/paid" } {
                    @if let Some(order) = back { input type="hidden" name="order" value=(order); }
                    p { (visitor.fill("organiser_payments.paid_back_does", &[("amount", &amount)])) }
                    button.button { (visitor.text("organiser_payments.paid_back")) }
                }
            }
        }
    }
}

/// The form of a step; its address says the rest.
#[derive(Deserialize)]
struct Step {
    /// The order to go back to, instead of the list.
    order: Option<ReservationId>,
}

impl Step {
    fn done(&self) -> HttpResponse {
        let page = self.order.map(|order| format!("/organiser/orders/{order}"));
        see_other(&format!("{}?notice=done", page.as_deref().unwrap_or(LIST)))
    }
}

async fn retry(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<RefundId>,
    Form(step): Form<Step>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    match state.payments.retry_refund(id).await.map_err(ApiError::from) {
        Ok(None) => Err(ApiError::not_found("refund")),
        Ok(Some(_)) => {
            tracing::info!(refund = %id, by = %admin.user, "a refused refund is tried again");
            Ok(step.done())
        }
        // Sent twice: it is being tried, or is given back.
        Err(failure) if failure.code() == ErrorCode::WrongState => Ok(step.done()),
        Err(failure) => refuse(&state, &visitor, failure).await,
    }
}

async fn paid(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<RefundId>,
    Form(step): Form<Step>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    match state.payments.mark_refunded(id).await.map_err(ApiError::from) {
        Ok(None) => Err(ApiError::not_found("refund")),
        Ok(Some(_)) => {
            tracing::info!(refund = %id, by = %admin.user, "an administrator says that it is paid back");
            Ok(step.done())
        }
        Err(failure) => refuse(&state, &visitor, failure).await,
    }
}

/// Shows the list with the reason why nothing was done.
async fn refuse(
    state: &AppState,
    visitor: &Visitor,
    failure: ApiError,
) -> Result<HttpResponse, ApiError> {
    if failure.code() == ErrorCode::Internal {
        return Err(failure);
    }
    let said = explain(visitor, &failure);
    let mut page = show(state, visitor, &Query::default(), Some(&said)).await?;
    mark_refused(&mut page, failure.code());
    Ok(page)
}
