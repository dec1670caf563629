//! The orders of an event: found by name, address and state, and as a CSV file.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::search;
use super::tables::{Column, cards};
use crate::http::api::box_office::reservations::{ReservationDto, listed};
use crate::http::csv_file;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::{OfferingId, ReservationId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{EventRow, Person, ReservationFilter, ReservationState};
use crate::web::fields::{Field, select};
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::order_status;
use crate::web::places::{self, price, zone_of};
use crate::web::visitor::Visitor;

/// Orders on one page, and in one piece of a file.
const SHOWN: u64 = 50;
const PIECE: u64 = 500;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}/orders").get(page))
        .service(web::resource("/organiser/events/{event}/orders.csv").get(file));
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    after: Option<String>,
    notice: Option<String>,
}

impl Query {
    async fn filter(
        &self,
        state: &AppState,
        event: OfferingId,
    ) -> Result<ReservationFilter, ApiError> {
        let after = PageQuery { limit: None, cursor: self.after.clone() }.after()?;
        let filter = ReservationFilter {
            offering: Some(event),
            state: ReservationState::parse(&self.status),
            after,
            ..ReservationFilter::default()
        };
        search::orders(state, event, &search::text(&self.q), filter).await
    }

    /// Returns the query of a link with the same filter.
    fn link(&self, path: &str, after: Option<&str>) -> String {
        let mut link = form_urlencoded::Serializer::new(format!("{path}?"));
        link.append_pair("q", &self.q).append_pair("status", &self.status);
        if let Some(after) = after {
            link.append_pair("after", after);
        }
        link.finish()
    }
}

/// An order and its customer; closed accounts have no name.
pub(super) struct Order {
    pub(super) reservation: ReservationDto,
    pub(super) person: Option<Person>,
}

/// A page of orders.
pub(super) struct Orders {
    pub(super) rows: Vec<Order>,
    pub(super) next: Option<String>,
}

/// Reads orders by a filter, newest first.
pub(super) async fn read(
    state: &AppState,
    filter: ReservationFilter,
    limit: u64,
) -> Result<Orders, ApiError> {
    let (rows, next) = listed(state, filter, limit).await?;
    let people = state.store.people(rows.iter().map(|(user, _)| *user)).await?;
    let order = |(user, reservation): (UserId, ReservationDto)| {
        let person = people.get(&user).cloned();
        Order { reservation, person }
    };
    Ok(Orders { rows: rows.into_iter().map(order).collect(), next })
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let found = read(&state, query.filter(&state, event.id).await?, SHOWN).await?;
    let title = visitor.text("organiser_live.orders");
    let path = format!("/organiser/events/{}/orders", event.id);
    let main = html! {
        p.back { a href={ "/organiser/events/" (event.id) } { (event.details.name) } }
        h1 { (title) }
        (search_form(&visitor, &path, &query))
        @if found.rows.is_empty() {
            p.empty { (visitor.text(if query.q.trim().is_empty() && query.status.is_empty() {
                "organiser_live.no_orders"
            } else {
                "start.nothing_found"
            })) }
        } @else {
            (table(&visitor, &event, &found.rows))
            p.actions {
                a.button.quiet href=(query.link(&format!("{path}.csv"), None)) {
                    (visitor.text("organiser_live.as_csv"))
                }
                @if let Some(next) = &found.next {
                    a.button.quiet href=(query.link(&path, Some(next))) { (visitor.text("start.more")) }
                }
            }
        }
    };
    let page = Page::new(title).main(main).class("wide");
    Ok(layout::render(&visitor, page.notice(query.notice.as_deref())))
}

fn search_form(visitor: &Visitor, path: &str, query: &Query) -> Markup {
    let text = search::text(&query.q);
    let mut options = vec![(String::new(), visitor.text("organiser_live.any_state").to_owned())];
    for (state, key) in [
        ("CONFIRMED", "order_status.ANY_CONFIRMED"),
        ("PAYMENT_PENDING", "order_status.PAYMENT_PENDING"),
        ("CANCELLED", "order_status.CANCELLED"),
        ("EXPIRED", "order_status.EXPIRED"),
    ] {
        options.push((state.to_owned(), visitor.text(key).to_owned()));
    }
    let field = Field {
        name: "q",
        label: visitor.text("organiser_live.search_orders"),
        kind: "search",
        value: &text,
        max_length: Some(100),
        ..Field::default()
    };
    html! {
        form.search method="get" action=(path) role="search" {
            (field.render())
            (select("status", visitor.text("organiser.state"), &query.status, &options))
            button.button.quiet { (visitor.text("start.find")) }
        }
    }
}

/// Renders orders as a table; a hint if there are none.
pub(super) fn table(visitor: &Visitor, event: &EventRow, orders: &[Order]) -> Markup {
    if orders.is_empty() {
        return html! { p.hint { (visitor.text("organiser_live.no_orders")) } };
    }
    let columns = [
        Column::text(visitor.text("organiser_live.ordered_at")),
        Column::text(visitor.text("organiser_live.customer")),
        Column::text(visitor.text("organiser_live.places")),
        Column::number(visitor.text("organiser_live.amount")),
        Column::text(visitor.text("organiser.state")),
    ];
    let row = |Order { reservation, person }: &Order| {
        vec![
            html! {
                a href={ "/organiser/orders/" (reservation.id) } {
                    (at(visitor, event, &reservation.created_at))
                }
            },
            customer(visitor, person.as_ref()),
            html! { (summary(visitor, event, reservation)) },
            html! { (price(visitor, &reservation.total_price)) },
            order_status::badge(visitor, event, reservation),
        ]
    };
    cards(visitor.text("organiser_live.orders"), &columns, orders.iter().map(row))
}

/// Renders a customer's name and address; guests have no name.
pub(super) fn customer(visitor: &Visitor, person: Option<&Person>) -> Markup {
    html! {
        @match person {
            Some(person) => {
                (person.name.as_deref().unwrap_or(visitor.text("organiser_live.guest")))
                span.hint { " " (person.email) } }
            None => span.hint { (visitor.text("organiser_live.no_account")) },
        }
    }
}

/// Writes a time of the API's form on the event's clocks.
pub(super) fn at(visitor: &Visitor, event: &EventRow, time: &str) -> String {
    let millis = millis(time);
    format::date_time(visitor.language, millis, zone_of(visitor, event))
}

fn millis(time: &str) -> TimestampMs {
    chrono::DateTime::parse_from_rfc3339(time).map_or(0, |time| time.timestamp_millis())
}

/// Writes the places of an order, shortened after a few seats.
fn summary(visitor: &Visitor, event: &EventRow, order: &ReservationDto) -> String {
    const NAMED: usize = 3;
    let mut parts = all_places(visitor, event, order);
    if parts.len() > NAMED {
        let more = parts.len() - NAMED;
        parts.truncate(NAMED);
        parts.push(format!("+{more}"));
    }
    parts.join(" · ")
}

fn all_places(visitor: &Visitor, event: &EventRow, order: &ReservationDto) -> Vec<String> {
    let mut parts = Vec::new();
    for line in &order.lines {
        if line.seats.is_empty() {
            let name = places::product_name(event, &line.product_id);
            parts.push(places::counted(visitor, line.quantity, name));
        }
        parts.extend(line.seats.iter().map(|seat| places::seat(visitor, seat)));
    }
    parts
}

async fn file(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let filter = ReservationFilter { after: None, ..query.filter(&state, event.id).await? };
    let titles = [
        "organiser_live.order",
        "organiser_live.ordered_at",
        "organiser.state",
        "account.name",
        "account.email",
        "event.how_many",
        "organiser_live.places",
        "organiser_live.amount",
        "organiser_form.currency",
        "organiser_order.refund",
    ];
    let titles = titles.iter().map(|key| visitor.text(key).to_owned()).collect();
    let name = format!("orders-{}", event.id);
    Ok(csv_file::stream(&name, titles, async move |after: Option<(TimestampMs, ReservationId)>| {
        let filter = ReservationFilter { after: after.or(filter.after), ..filter.clone() };
        let found = read(&state, filter, PIECE).await?;
        let rows = found.rows.iter().map(|order| row(&visitor, &event, order)).collect();
        let next = PageQuery { limit: None, cursor: found.next }.after()?;
        Ok((rows, next))
    }))
}

fn row(visitor: &Visitor, event: &EventRow, order: &Order) -> Vec<String> {
    let Order { reservation, person } = order;
    let plain = |amount: i64| super::entered::plain_amount(amount, &event.currency);
    let refund = reservation.refund.as_ref().map(|refund| plain(refund.amount));
    let time = super::entered::local_text(millis(&reservation.created_at), zone_of(visitor, event));
    vec![
        reservation.id.to_string(),
        time.replace('T', " "),
        order_status::word(visitor, event, reservation).to_owned(),
        person.as_ref().and_then(|person| person.name.clone()).unwrap_or_default(),
        person.as_ref().map(|person| person.email.clone()).unwrap_or_default(),
        reservation.quantity.to_string(),
        all_places(visitor, event, reservation).join(" · "),
        plain(reservation.total_price.amount),
        event.currency.clone(),
        refund.unwrap_or_default(),
    ]
}
