//! Accounts: found by name and address, with their roles and wallets, which can be charged.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::entered;
use super::tables::scrolling;
use crate::http::api::payments::wallet;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::UserId;
use crate::store::{Balance, ReservationFilter, UserRow};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::format::{self, money};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::places::price;
use crate::web::visitor::Visitor;

/// Accounts on one page, and orders on the page of one.
const SHOWN: u64 = 50;
const ORDERS: u64 = 20;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/users").get(list))
        .service(web::resource("/organiser/users/{user}").get(page))
        .service(web::resource("/organiser/users/{user}/charge").post(charge));
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    after: Option<String>,
    notice: Option<String>,
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let text: String = query.q.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    let after = PageQuery { limit: None, cursor: query.after.clone() }.after()?;
    let users = state.store.user_search(&text, after, SHOWN).await?;
    let last = users.last().filter(|_| users.len() as u64 == SHOWN);
    let next = last.map(|last| {
        let mut link = form_urlencoded::Serializer::new(String::from("/organiser/users?"));
        let after = format!("{}_{}", last.created_at, last.id);
        link.append_pair("q", &text).append_pair("after", &after).finish()
    });
    let title = visitor.text("people.title");
    let label = visitor.text("people.search");
    let field = Field { name: "q", label, kind: "search", value: &text, ..Field::default() };
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        form.search method="get" action="/organiser/users" role="search" {
            (Field { max_length: Some(100), ..field }.render())
            button.button.quiet { (visitor.text("start.find")) }
        }
        @if users.is_empty() {
            p.empty { (visitor.text("people.none")) }
        } @else {
            p.hint { (visitor.text("people.hint")) " " (visitor.text("people.roles_hint")) }
            (scrolling(title, &table(&visitor, &users)))
        }
        @if let Some(next) = next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main).class("wide")))
}

fn table(visitor: &Visitor, users: &[UserRow]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { (visitor.text("account.name")) }
                th scope="col" { (visitor.text("account.email")) }
                th scope="col" { (visitor.text("people.role")) }
                th scope="col" { (visitor.text("people.since")) }
            } }
            tbody {
                @for user in users {
                    tr {
                        th scope="row" { a href={ "/organiser/users/" (user.id) } { (user.name) } }
                        td { (user.email) }
                        td { (role(visitor, user)) }
                        td { (format::date(visitor.language, user.created_at, visitor.site.zone)) }
                    }
                }
            }
        }
    }
}

fn role(visitor: &Visitor, user: &UserRow) -> &'static str {
    visitor.language.find(&format!("people.{}", user.role.as_str())).unwrap_or(user.role.as_str())
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(user): Path<UserId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, user, query.notice.as_deref(), None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: UserId,
    notice: Option<&str>,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let user = state.store.user_get(id).await?.ok_or_else(|| ApiError::not_found("account"))?;
    let balances = state.store.wallet_get(id).await?;
    let filter = ReservationFilter { user: Some(id), ..ReservationFilter::default() };
    let orders = super::orders::read(state, filter, ORDERS).await?;
    let mut shown = Vec::with_capacity(orders.rows.len());
    for order in &orders.rows {
        shown.push((state.offerings.event(order.reservation.event_id).await?, &order.reservation));
    }
    let main = html! {
        p.back { a href="/organiser/users" { (visitor.text("people.title")) } }
        h1 { (user.name) }
        p { (user.email) " · " (role(visitor, &user)) }
        (refusal(refused))
        h2 { (visitor.text("people.wallet")) }
        @if balances.is_empty() { p { (visitor.text("account.wallet_empty")) } }
        ul.plain {
            @for balance in &balances { li { (money(visitor.language, balance.amount, &balance.currency)) } }
        }
        (charge_form(visitor, id))
        h2 { (visitor.text("people.orders")) }
        @if shown.is_empty() { p.hint { (visitor.text("organiser_live.no_orders")) } }
        ul.lines {
            @for (event, order) in &shown {
                li {
                    a href={ "/organiser/orders/" (order.id) } { (event.details.name) }
                    span { (super::orders::status_badge(visitor, order.status)) " " (price(visitor, &order.total_price)) }
                }
            }
        }
    };
    Ok(layout::render(visitor, Page::new(&user.name).main(main).notice(notice)))
}

fn charge_form(visitor: &Visitor, user: UserId) -> Markup {
    html! {
        details.action {
            summary { (visitor.text("people.charge")) }
            form.stack method="post" action={ "/organiser/users/" (user) "/charge" } {
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                p { (visitor.text("people.charge_does")) }
                div.form-grid {
                    (Field { name: "amount", label: visitor.text("people.amount"), required: true,
                        max_length: Some(20), ..Field::default() }.render())
                    (Field { name: "currency", label: visitor.text("organiser_form.currency"), value: "KRW",
                        required: true, min_length: Some(3), max_length: Some(3), ..Field::default() }.render())
                }
                button.button { (visitor.text("people.charge")) }
            }
        }
    }
}

#[derive(Deserialize)]
struct Charge {
    key: String,
    amount: String,
    currency: String,
}

async fn charge(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(user): Path<UserId>,
    Form(form): Form<Charge>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.admin()?;
    let currency = form.currency.trim().to_uppercase();
    let charged = match entered::amount(&form.amount, &currency) {
        Ok(amount) => {
            let charge = Balance { currency, amount };
            wallet::charge_of_user(
                &state,
                admin.user,
                user,
                &charge,
                &IdempotencyKey(Some(form.key)),
            )
            .await
        }
        Err(key) => Err(ApiError::new(ErrorCode::Invalid, visitor.text(key))),
    };
    match charged {
        Ok(_) => Ok(see_other(&format!("/organiser/users/{user}?notice=charged"))),
        Err(failure) if failure.code().status().as_u16() < 500 => {
            let said = explain(&visitor, &failure);
            let mut page = show(&state, &visitor, user, None, Some(&said)).await?;
            *page.status_mut() = failure.code().status();
            Ok(page)
        }
        Err(failure) => Err(failure),
    }
}
