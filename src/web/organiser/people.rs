//! Accounts: found by name and address, with their roles and wallets, which can be charged.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::refused::{Refusals, Refused};
use super::tables::{Column, cards};
use super::{entered, search};
use crate::accounts::Role;
use crate::http::api::payments::wallet;
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::UserId;
use crate::store::{Balance, GrantRole, ReservationFilter, UserRow};
use crate::text::InvalidField;
use crate::web::errors::explain;
use crate::web::fields::{Field, select};
use crate::web::format::{self, money};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::order_status;
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
    /// `USER`, `ADMIN`, or empty for all.
    #[serde(default)]
    role: String,
    after: Option<String>,
    notice: Option<String>,
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let text = search::text(&query.q);
    let role = Role::parse(&query.role);
    let after = PageQuery { limit: None, cursor: query.after.clone() }.after()?;
    let users = state.store.user_search(&text, role, after, SHOWN).await?;
    let last = users.last().filter(|_| users.len() as u64 == SHOWN);
    let next = last.map(|last| {
        let mut link = form_urlencoded::Serializer::new(String::from("/organiser/users?"));
        let after = format!("{}_{}", last.created_at, last.id);
        link.append_pair("q", &text).append_pair("role", &query.role);
        link.append_pair("after", &after).finish()
    });
    let title = visitor.text("people.title");
    let label = visitor.text("people.search");
    let field = Field { name: "q", label, kind: "search", value: &text, ..Field::default() };
    let mut roles = vec![(String::new(), visitor.text("people.any_role").to_owned())];
    roles.extend(
        [Role::Admin, Role::User]
            .map(|role| (role.as_str().to_owned(), role_name(&visitor, role).to_owned())),
    );
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        form.search method="get" action="/organiser/users" role="search" {
            (Field { max_length: Some(100), ..field }.render())
            (select("role", visitor.text("people.role"), &query.role, &roles))
            button.button.quiet { (visitor.text("start.find")) }
        }
        @if users.is_empty() {
            p.empty { (visitor.text("people.none")) }
        } @else {
            p.hint { (visitor.text("people.hint")) " " (visitor.text("people.roles_hint")) }
            (table(&state, &visitor, title, &users))
        }
        @if let Some(next) = next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main).class("wide")))
}

fn table(state: &AppState, visitor: &Visitor, title: &str, users: &[UserRow]) -> Markup {
    let columns = [
        Column::text(visitor.text("account.name")),
        Column::text(visitor.text("account.email")),
        Column::text(visitor.text("people.role")),
        Column::text(visitor.text("people.since")),
    ];
    let row = |user: &UserRow| {
        vec![
            html! { a href={ "/organiser/users/" (user.id) } { (user.name) } },
            html! { (user.email) @if is_unconfirmed(user) { " " (not_confirmed(visitor)) } },
            role_names(state, visitor, user),
            html! { (format::date(visitor.language, user.created_at, visitor.site.zone)) },
        ]
    };
    cards(title, &columns, users.iter().map(row))
}

/// True for an account with an address that is not confirmed.
fn is_unconfirmed(user: &UserRow) -> bool {
    !user.email.is_empty() && user.email_confirmed_at.is_none()
}

fn not_confirmed(visitor: &Visitor) -> Markup {
    html! { span.hint { "(" (visitor.text("people.not_confirmed")) ")" } }
}

fn role_name(visitor: &Visitor, role: Role) -> &'static str {
    visitor.language.find(&format!("people.{}", role.as_str())).unwrap_or(role.as_str())
}

/// Renders the names of the roles of a person, each once.
fn role_names(state: &AppState, visitor: &Visitor, user: &UserRow) -> Markup {
    let roles = state.accounts.roles().of(user.id);
    let mut names: Vec<_> =
        roles.iter().map(|(role, _)| super::team::role_name(visitor, *role)).collect();
    names.sort_unstable();
    names.dedup();
    match roles.first() {
        None => role_badge(visitor, Role::User),
        Some((GrantRole::Admin, _)) => role_badge(visitor, Role::Admin),
        Some(_) => html! { (names.join(", ")) },
    }
}

/// Renders a role; that of administrators stands out.
fn role_badge(visitor: &Visitor, role: Role) -> Markup {
    let name = role_name(visitor, role);
    html! { @if role == Role::Admin { span.badge { (name) } } @else { (name) } }
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(user): Path<UserId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, user, query.notice.as_deref(), &Charged::default()).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: UserId,
    notice: Option<&str>,
    charged: &Charged,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let user = state.store.user_get(id).await?.ok_or_else(|| ApiError::not_found("account"))?;
    let balances = state.store.wallet_get(id).await?;
    let filter = ReservationFilter { user: Some(id), ..ReservationFilter::default() };
    let orders = super::orders::read(state, filter, ORDERS).await?;
    let mut shown = Vec::with_capacity(orders.rows.len());
    for order in &orders.rows {
        shown.push((
            state.offerings.offering(order.reservation.event_id).await?,
            &order.reservation,
        ));
    }
    let main = html! {
        p.back { a href="/organiser/users" { (visitor.text("people.title")) } }
        h1 { (user.name) }
        @if is_unconfirmed(&user) {
            p.warning { (visitor.text("people.not_confirmed_warning")) }
        }
        dl.facts-list {
            dt { (visitor.text("account.email")) }
            dd { (user.email) @if is_unconfirmed(&user) { " " (not_confirmed(visitor)) } }
            @if let Some(at) = user.email_confirmed_at {
                dt { (visitor.text("people.confirmed")) }
                dd { (format::date(visitor.language, at, visitor.site.zone)) }
            }
            @if let Some(phone) = &user.phone_number {
                dt { (visitor.text("people.phone")) } dd { (phone) }
            }
            dt { (visitor.text("people.role")) }
            dd {
                (role_names(state, visitor, &user))
                @for (role, offering) in state.accounts.roles().of(id) {
                    @if let Some(offering) = offering {
                        br;
                        a href={ "/organiser/team?event=" (offering) } { (super::team::role_name(visitor, role)) }
                    }
                }
            }
            dt { (visitor.text("people.since")) }
            dd { (format::date(visitor.language, user.created_at, visitor.site.zone)) }
        }
        h2 { (visitor.text("people.wallet")) }
        @if balances.is_empty() { p { (visitor.text("account.wallet_empty")) } }
        ul.plain {
            @for balance in &balances { li { (money(visitor.language, balance.amount, &balance.currency)) } }
        }
        (charge_form(visitor, id, charged))
        h2 { (visitor.text("people.orders")) }
        @if shown.is_empty() { p.hint { (visitor.text("organiser_live.no_orders")) } }
        ul.lines {
            @for (event, order) in &shown {
                li {
                    a href={ "/organiser/orders/" (order.id) } { (event.details.name) }
                    span { (order_status::badge(visitor, event, order)) " " (price(visitor, &order.total_price)) }
                }
            }
        }
    };
    Ok(layout::render(visitor, Page::new(&user.name).main(main).notice(notice)))
}

/// A charge that was refused: why, and what was entered.
#[derive(Default)]
struct Charged {
    refusals: Refusals,
    amount: String,
    currency: String,
}

fn charge_form(visitor: &Visitor, user: UserId, charged: &Charged) -> Markup {
    let currency = if charged.currency.is_empty() { "KRW" } else { &charged.currency };
    let refusals = &charged.refusals;
    html! {
        details.action id="charge" open[!refusals.is_empty()] {
            summary { (visitor.text("people.charge")) }
            form.stack method="post" action={ "/organiser/users/" (user) "/charge#charge" } {
                (refusals.render(visitor))
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                p { (visitor.text("people.charge_does")) }
                div.form-grid {
                    (refusals.field(Field { name: "amount", label: visitor.text("people.amount"), required: true,
                        value: &charged.amount, max_length: Some(24), ..Field::default() }))
                    (refusals.field(Field { name: "currency", label: visitor.text("organiser_form.currency"),
                        value: currency, required: true, min_length: Some(3), max_length: Some(3),
                        ..Field::default() }))
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
    let admin = visitor.staff()?;
    let currency = form.currency.trim().to_uppercase();
    let (refused, code) = match entered::amount(&form.amount, &currency) {
        Ok(amount) => {
            let charge = Balance { currency: currency.clone(), amount };
            let key = IdempotencyKey(Some(form.key));
            match wallet::charge_of_user(&state, admin.user, user, &charge, &key).await {
                Ok(_) => return Ok(see_other(&format!("/organiser/users/{user}?notice=charged"))),
                Err(failure) if failure.code().status().as_u16() >= 500 => return Err(failure),
                Err(failure) => (refusal_of(&visitor, &failure), failure.code()),
            }
        }
        Err(key) => (Refused::new(&visitor, "amount", key), ErrorCode::Invalid),
    };
    let charged = Charged { refusals: refused.into(), amount: form.amount, currency };
    let mut page = show(&state, &visitor, user, None, &charged).await?;
    mark_refused(&mut page, code);
    Ok(page)
}

/// Returns the refusal of a charge at its field.
fn refusal_of(visitor: &Visitor, failure: &ApiError) -> Refused {
    let field = failure.details().and_then(|details| details.get("field")?.as_str());
    let input =
        if field.is_some_and(|field| field.ends_with("currency")) { "currency" } else { "amount" };
    match field {
        Some(field) => {
            let reason = failure.message().strip_prefix(field).unwrap_or(failure.message());
            Refused::of(visitor, &InvalidField::new(input, reason.trim())).at(input)
        }
        None => Refused { input: input.into(), text: explain(visitor, failure) },
    }
}
