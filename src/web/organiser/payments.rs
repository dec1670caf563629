//! Payments by gateways for administrators: the list, and the word that a manual payment has come or
//! that one that waits will not. Payments by wallets are on the pages of their orders.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::orders::customer;
use super::tables::{Column, cards};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::Path;
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::state::AppState;
use crate::ids::{PaymentId, ReservationId, UserId};
use crate::payments::{Method, may_be_settled_by_hand};
use crate::store::{PaymentFilter, PaymentRow, PaymentState, Person};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal, select};
use crate::web::format::{self, money};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::order_refunds::{method_word, payment_word};
use crate::web::visitor::Visitor;

const LIST: &str = "/organiser/payments";
/// Payments on one page.
const SHOWN: u64 = 30;
/// The filter for payments that need a person.
const PROBLEM: &str = "problem";

/// The filters by state: a word, its text, and the states it stands for.
const GROUPS: [(&str, &str, &[PaymentState]); 4] = [
    (
        "waiting",
        "organiser_payments.waiting",
        &[PaymentState::Created, PaymentState::Pending, PaymentState::Authorized],
    ),
    ("paid", "organiser_payments.paid", &[PaymentState::Captured]),
    ("failed", "organiser_payments.failed", &[PaymentState::Failed, PaymentState::Voided]),
    ("refunded", "organiser_payments.refunded", &[PaymentState::Refunded]),
];

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(LIST).get(list))
        .service(web::resource("/organiser/payments/{payment}/paid").post(paid))
        .service(web::resource("/organiser/payments/{payment}/refused").post(refused))
        .service(web::resource("/organiser/payments/{payment}/settled").post(settled));
}

/// The part of the list that a page shows.
#[derive(Default, Deserialize)]
struct Query {
    /// The word of a filter, or empty for all.
    #[serde(default)]
    show: String,
    /// The number of an order, as customers state it with a transfer.
    #[serde(default)]
    order: String,
    after: Option<String>,
    notice: Option<String>,
}

/// Renders the links between the pages of payments.
pub(super) fn sections(visitor: &Visitor) -> Markup {
    html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        p.actions {
            a.button.quiet href=(LIST) { (visitor.text("organiser_payments.title")) }
            a.button.quiet href="/organiser/refunds" { (visitor.text("organiser_payments.refunds")) }
            @if visitor.is_admin() {
                a.button.quiet href="/organiser/payments/notifications" {
                    (visitor.text("organiser_payments.notifications"))
                }
            }
        }
    }
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
    let group = GROUPS.iter().find(|(word, ..)| *word == query.show);
    let states = group.map(|(.., states)| states.to_vec()).unwrap_or_default();
    let filter = PaymentFilter {
        states,
        with_problem: query.show == PROBLEM,
        offerings: visitor.scope().offerings(),
        after,
    };
    let order = query.order.trim();
    let rows = match order.parse::<ReservationId>() {
        Ok(order) => {
            // The rule of this page names no offering, so that nothing has compared this one yet.
            let mut rows = state.payments.list_of(order).await?;
            rows.retain(|row| visitor.scope().contains(row.offering));
            rows
        }
        Err(_) if order.is_empty() => state.payments.list(&filter, SHOWN).await?,
        Err(_) => Vec::new(),
    };
    let people = state.store.people(rows.iter().map(|row| row.user)).await?;
    let next = next_cursor(&rows, SHOWN, |row| format!("{}_{}", row.created_at, row.id));
    let next = next.filter(|_| order.is_empty());
    let next = next.map(|after| {
        let mut link = form_urlencoded::Serializer::new(format!("{LIST}?"));
        link.append_pair("show", &query.show).append_pair("after", &after).finish()
    });
    let mut filters = vec![
        (String::new(), visitor.text("organiser_payments.all").to_owned()),
        (PROBLEM.to_owned(), visitor.text("organiser_payments.problem").to_owned()),
    ];
    filters.extend(GROUPS.map(|(word, text, _)| (word.to_owned(), visitor.text(text).to_owned())));
    let title = visitor.text("organiser_payments.title");
    let number = Field {
        name: "order",
        label: visitor.text("organiser_payments.order"),
        value: &query.order,
        ..Field::default()
    };
    let main = html! {
        (sections(visitor))
        h1 { (title) }
        p.hint { (visitor.text("organiser_payments.hint")) }
        (refusal(said))
        form.search method="get" action=(LIST) {
            (number.render())
            (select("show", visitor.text("organiser_payments.state"), &query.show, &filters))
            button.button.quiet { (visitor.text("start.find")) }
        }
        @if rows.is_empty() {
            p.empty { (visitor.text("organiser_payments.none")) }
        } @else {
            (table(visitor, &rows, &people))
        }
        @if let Some(next) = next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
    };
    let page = Page::new(title).main(main).class("wide");
    Ok(layout::render(visitor, page.notice(query.notice.as_deref())))
}

fn table(visitor: &Visitor, rows: &[PaymentRow], people: &HashMap<UserId, Person>) -> Markup {
    let columns = [
        Column::text(visitor.text("organiser_payments.payment")),
        Column::text(visitor.text("organiser_payments.customer")),
        Column::text(visitor.text("organiser_payments.state")),
        Column::text(visitor.text("organiser_payments.to_do")),
    ];
    let time = |at| format::date_time(visitor.language, at, visitor.site.zone);
    let row = |row: &PaymentRow| {
        vec![
            html! {
                a href={ "/organiser/orders/" (row.reservation) } {
                    (money(visitor.language, row.amount, &row.currency))
                }
                " " (method_word(visitor, row.method))
                span.hint { (time(row.created_at)) }
                span.hint { code { (row.reservation) } }
            },
            customer(visitor, people.get(&row.user)),
            html! {
                span.badge data-payment=(row.state.as_str()) { (payment_word(visitor, row)) }
                @if let Some(deadline) = row.gateway.deadline.filter(|_| row.state == PaymentState::Pending) {
                    span.hint { (visitor.fill("organiser_payments.until", &[("time", &time(deadline))])) }
                }
                @let has_ended = matches!(row.state, PaymentState::Failed | PaymentState::Voided);
                @if let Some(reason) = row.gateway.decline_reason.as_ref().filter(|_| has_ended) {
                    span.hint lang="en" { (reason) }
                }
                @if let Some(problem) = &row.gateway.problem {
                    p.warning lang="en" data-problem { (problem) }
                }
            },
            actions(visitor, row),
        ]
    };
    cards(visitor.text("organiser_payments.title"), &columns, rows.iter().map(row))
}

/// Renders what an administrator can do with a payment.
fn actions(visitor: &Visitor, row: &PaymentRow) -> Markup {
    let amount = money(visitor.language, row.amount, &row.currency);
    let form = |step: &str, label: &'static str, does: &'static str, button: &str| {
        let label = visitor.text(label);
        html! {
            details.cancel {
                summary { (label) }
                form.stack method="post" action={ (LIST) "/" (row.id) "/" (step) } {
                    p { (visitor.fill(does, &[("amount", &amount)])) }
                    button.button class=(button) { (label) }
                }
            }
        }
    };
    let can_come = matches!(row.state, PaymentState::Pending | PaymentState::Failed);
    html! {
        @if row.method == Method::Manual && can_come {
            (form("paid", "organiser_payments.mark_paid", "organiser_payments.mark_paid_does", ""))
        }
        @if row.state == PaymentState::Pending {
            (form("refused", "organiser_payments.refuse", "organiser_payments.refuse_does", "danger"))
        }
        @if may_be_settled_by_hand(row) {
            (form("settled", "organiser_payments.solved", "organiser_payments.solved_does", "quiet"))
        }
    }
}

/// A form whose address says everything: sent twice, it does one thing.
#[derive(Deserialize)]
struct Nothing {}

async fn paid(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<PaymentId>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    match state.payments.mark_paid(id).await.map_err(ApiError::from) {
        Ok(row) => {
            tracing::info!(payment = %id, admin = %admin.user, "an administrator says that it is paid");
            let is_late = row.state == PaymentState::Voided;
            let notice = if is_late { "paid_too_late" } else { "done" };
            Ok(see_other(&format!("{LIST}?notice={notice}")))
        }
        Err(failure) => refuse(&state, &visitor, failure).await,
    }
}

async fn refused(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<PaymentId>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    match state.payments.refuse_waiting(id).await.map_err(ApiError::from) {
        Ok(_) => {
            tracing::info!(payment = %id, admin = %admin.user, "an administrator refuses a payment");
            Ok(see_other(&format!("{LIST}?notice=done")))
        }
        Err(failure) => refuse(&state, &visitor, failure).await,
    }
}

async fn settled(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<PaymentId>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    match state.payments.settle_by_hand(id).await.map_err(ApiError::from) {
        Ok(_) => {
            tracing::info!(payment = %id, admin = %admin.user, "an administrator has seen to a payment by hand");
            Ok(see_other(&format!("{LIST}?notice=done")))
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
