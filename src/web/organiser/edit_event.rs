//! Changing an event: its texts, times and terms, and its ticket types. Prices, numbers of places and
//! seats are changed on the event's own page, which says what each change does to the sale.

use actix_web::{HttpResponse, web};
use chrono_tz::Tz;
use maud::{Markup, html};

use super::details_form::{DetailsForm, end_of_event};
use super::entered;
use super::event_form::{PLACES, Pairs, number_within};
use super::form_page;
use super::refused::{CONFIRMED, Refusals, Refused};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::{
    Availability, CancellationPolicy, Command, DEFAULT_EVENT_LENGTH_MS, OfferingChange,
    ProductChange, SaleWindow, TimestampMs,
};
use crate::offerings::{EventEdit, EventKeys, OfferingError, ProductDraft};
use crate::store::{EventRow, ProductRow};
use crate::text;
use crate::web::errors::explain;
use crate::web::fields::Field;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}/edit").get(page).post(change))
        .service(web::resource("/organiser/events/{event}/products").post(change_product));
}

#[derive(serde::Deserialize)]
struct Query {
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let form = entered_of(&event, zone_of(&visitor, &event));
    Ok(show(&visitor, &event, &form, query.notice.as_deref(), &Shown::default()))
}

/// Returns the form of an event as it is.
fn entered_of(event: &EventRow, zone: Tz) -> DetailsForm {
    let time = |at: Option<i64>| at.map(|at| entered::local_text(at, zone)).unwrap_or_default();
    // Old events have no stored end; the form shows the one that they have by default.
    let default_end = event.details.event_date + DEFAULT_EVENT_LENGTH_MS;
    let end = event.event_end.unwrap_or(default_end.max(event.sale.end.unwrap_or(i64::MIN)));
    let (cancel, until, percent) = match event.cancellation {
        CancellationPolicy::Never => ("never", None, 100),
        CancellationPolicy::Until { until: None, refund_percent } => {
            ("start", None, refund_percent)
        }
        CancellationPolicy::Until { until, refund_percent } => ("until", until, refund_percent),
    };
    DetailsForm {
        name: event.details.name.clone(),
        description: event.details.description.clone(),
        venue: event.details.venue.clone(),
        time_zone: zone.name().into(),
        starts: time(Some(event.details.event_date)),
        ends: time(Some(end)),
        sale_start: time(event.sale.start),
        sale_end: time(event.sale.end),
        cancel: cancel.into(),
        cancel_until: time(until),
        refund_percent: percent.to_string(),
        on_payment_failure: event.on_payment_failure.as_str().into(),
    }
}

/// What the page says about the form that was sent.
#[derive(Default)]
struct Shown {
    of_event: Refusals,
    of_products: Refusals,
    /// The values that were entered for a ticket type.
    entered: Vec<(String, String)>,
}

impl Shown {
    fn of_event(refusals: Refusals) -> Self {
        Self { of_event: refusals, ..Self::default() }
    }

    /// Returns the entered value of an input, or the present one.
    fn value<'a>(&'a self, input: &str, present: &'a str) -> &'a str {
        let entered = self.entered.iter().find(|(name, _)| name == input);
        entered.map_or(present, |(_, value)| value)
    }
}

fn show(
    visitor: &Visitor,
    event: &EventRow,
    form: &DetailsForm,
    notice: Option<&str>,
    said: &Shown,
) -> HttpResponse {
    let title = visitor.text("organiser_form.edit_title");
    let main = html! {
        p.back { a href={ "/organiser/events/" (event.id) } { (event.details.name) } }
        h1 { (title) }
        form.stack.event-form method="post" action={ "/organiser/events/" (event.id) "/edit" } {
            (said.of_event.render(visitor))
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            (form_page::details(visitor, form, &said.of_event))
            button.button { (visitor.text("account.save")) }
        }
        h2 id="products" { (visitor.text("organiser_form.products")) }
        p.hint { (visitor.text("organiser_form.prices_elsewhere")) }
        (said.of_products.render(visitor))
        @for product in &event.products { (product_form(visitor, event, product, said)) }
        (new_product_form(visitor, event, said))
    };
    layout::render(visitor, Page::new(title).main(main).notice(notice))
}

fn product_form(visitor: &Visitor, event: &EventRow, product: &ProductRow, said: &Shown) -> Markup {
    let id = product.id.index();
    let (name, description) = (format!("{id}-name"), format!("{id}-description"));
    let refusals = &said.of_products;
    html! {
        form.form-item method="post" action={ "/organiser/events/" (event.id) "/products" } {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            input type="hidden" name="product" value=(product.id.to_public(event.id));
            input type="hidden" name="prefix" value=(id);
            div.form-grid {
                (refusals.field(Field { name: &name, label: visitor.text("organiser_form.product_name"),
                    value: said.value(&name, &product.name), required: true, max_length: Some(100),
                    ..Field::default() }))
                (refusals.field(Field { name: &description, label: visitor.text("organiser_form.product_description"),
                    value: said.value(&description, &product.description), max_length: Some(2_000),
                    ..Field::default() }))
            }
            label.check {
                input type="checkbox" name="withdrawn" value="on" checked[product.withdrawn_at.is_some()];
                span { (visitor.text("organiser_form.withdrawn")) }
            }
            div.actions {
                button.button.quiet name="do" value="change" { (visitor.text("organiser_form.save_product")) }
            }
        }
    }
}

fn new_product_form(visitor: &Visitor, event: &EventRow, said: &Shown) -> Markup {
    let text = |key| visitor.text(key);
    let field = |field: Field<'_>| {
        said.of_products.field(Field { value: said.value(field.name, ""), ..field })
    };
    let most = PLACES.1.to_string();
    html! {
        details open[said.entered.iter().any(|(name, _)| name == "new-name")] {
            summary { (text("organiser_form.add_product")) }
            p.hint { (text("organiser_form.added_by_number")) }
            form.form-item method="post" action={ "/organiser/events/" (event.id) "/products" } {
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                input type="hidden" name="prefix" value="new";
                div.form-grid {
                    (field(Field { name: "new-name", label: text("organiser_form.product_name"), required: true,
                        max_length: Some(100), ..Field::default() }))
                    (field(Field { name: "new-price", label: &visitor.fill("organiser_form.price_in",
                        &[("currency", &event.currency)]), required: true, max_length: Some(24),
                        ..Field::default() }))
                    (field(Field { name: "new-stock", label: text("organiser_form.stock"), kind: "number",
                        min: Some("1"), max: Some(&most), required: true, ..Field::default() }))
                    (field(Field { name: "new-limit", label: text("organiser_form.limit"), kind: "number",
                        min: Some("1"), max: Some(&most), hint: Some(text("organiser_form.optional")),
                        ..Field::default() }))
                }
                div.actions {
                    button.button.quiet name="do" value="add" { (text("organiser_form.add_product")) }
                }
            }
        }
    }
}

async fn change(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let event = state.offerings.event(id).await?;
    let form = DetailsForm::read(&Pairs(&pairs));
    let refuse = |refusals: Refusals, code: ErrorCode| {
        let mut page = show(&visitor, &event, &form, None, &Shown::of_event(refusals));
        mark_refused(&mut page, code);
        Ok(page)
    };
    let now = state.clock.now_ms();
    let (edit, unusual) = match edit_of(&visitor, &event, &form, now) {
        Ok(read) => read,
        Err(refused) => return refuse(refused.into(), ErrorCode::Invalid),
    };
    if !unusual.is_empty() && Pairs(&pairs).value(CONFIRMED).is_none() {
        return refuse(Refusals::unusual(unusual), ErrorCode::Invalid);
    }
    let key = IdempotencyKey(Some(Pairs(&pairs).entered("key")));
    let keys = EventKeys {
        row: key.row_key(admin.user, "change event by form", &(id, &pairs)),
        command: key.identity(admin.user, "change event by form", &(id, &pairs)),
    };
    match state.offerings.change_event(id, admin.user, edit, keys, now).await {
        Ok(_) => Ok(see_other(&format!("/organiser/events/{id}?notice=saved"))),
        Err(OfferingError::Invalid(error)) => {
            refuse(Refused::of(&visitor, &error).into(), ErrorCode::Invalid)
        }
        Err(error) => match ApiError::from(error) {
            failure if failure.code().status().as_u16() < 500 => {
                let text = explain(&visitor, &failure);
                refuse(Refused { input: "name".into(), text }.into(), failure.code())
            }
            failure => Err(failure),
        },
    }
}

/// Returns the changes that a form makes, without fields that stay as they are, and what is unusual
/// in them.
fn edit_of(
    visitor: &Visitor,
    event: &EventRow,
    form: &DetailsForm,
    now: TimestampMs,
) -> Result<(EventEdit, Vec<Refused>), Refused> {
    let before = entered_of(event, zone_of(visitor, event));
    let times = form.times(visitor)?;
    let differs = |now: &String, then: &String| (now != then).then(|| now.clone());
    // On other clocks the same text is another time.
    let has_other_clocks = form.time_zone.trim() != before.time_zone;
    // The fields show whole minutes: a time whose text is the same keeps its seconds.
    let has_moved = |now: &str, then: &str| now != then || (has_other_clocks && !now.is_empty());
    let bound = |now: &str, then: &str, at: Option<i64>| has_moved(now, then).then_some(at);
    let terms = |form: &DetailsForm| {
        (form.cancel.clone(), form.cancel_until.clone(), form.refund_percent.clone())
    };
    let has_other_times = has_other_clocks
        || [
            (&form.starts, &before.starts),
            (&form.ends, &before.ends),
            (&form.sale_start, &before.sale_start),
            (&form.sale_end, &before.sale_end),
            (&form.cancel_until, &before.cancel_until),
        ]
        .iter()
        .any(|(now, then)| now != then);
    // The end stays where the form shows it, also if only the beginning moves.
    let is_moved = has_moved(&form.starts, &before.starts) || form.ends != before.ends;
    let ends_at = match times.ends_at {
        Some(end) => Some(end),
        None => Some(end_of_event(times.starts_at, None, times.sale.end)),
    };
    // A past event may get another name without a question.
    let unusual = if has_other_times { times.unusual(visitor, now) } else { Vec::new() };
    let has_other_terms = terms(form) != terms(&before)
        || has_moved(&form.cancel_until, &before.cancel_until) && form.cancel == "until";
    let edit = EventEdit {
        name: differs(&form.name, &before.name),
        description: differs(&form.description, &before.description),
        venue: differs(&form.venue, &before.venue),
        time_zone: has_other_clocks.then(|| form.time_zone.trim().to_owned()),
        cancellation: has_other_terms.then_some(times.cancellation),
        on_payment_failure: form
            .payment_failure(visitor)?
            .filter(|policy| *policy != event.on_payment_failure),
        sale: OfferingChange {
            sale_start: bound(&form.sale_start, &before.sale_start, times.sale.start),
            sale_end: bound(&form.sale_end, &before.sale_end, times.sale.end),
            state: None,
            starts_at: has_moved(&form.starts, &before.starts).then_some(times.starts_at),
            ends_at: ends_at.filter(|_| is_moved || has_moved(&form.ends, &before.ends)),
            cancellation: None,
        },
    };
    Ok((edit, unusual))
}

/// Adds a ticket type, renames one, withdraws one or puts it back.
async fn change_product(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let event = state.offerings.event(id).await?;
    let command = match product_command(&state, &visitor, &event, &pairs).await {
        Ok(command) => Ok(command),
        Err(refused) => Err((refused, ErrorCode::Invalid)),
    };
    let submitted = match command {
        Ok(command) => {
            let key = IdempotencyKey(Some(Pairs(&pairs).entered("key")));
            let key = key.identity(admin.user, "change product by form", &(id, &pairs));
            let submitted = state.offerings.submit_by_admin(id, admin.user, command, key).await;
            match submitted.map_err(ApiError::from) {
                Ok(_) => Ok(()),
                Err(failure) if failure.code().status().as_u16() >= 500 => return Err(failure),
                Err(failure) => {
                    let text = explain(&visitor, &failure);
                    Err((Refused { input: "products".into(), text }, failure.code()))
                }
            }
        }
        Err(refused) => Err(refused),
    };
    match submitted {
        Ok(()) => Ok(see_other(&format!("/organiser/events/{id}/edit?notice=saved#products"))),
        Err((refused, code)) => {
            let form = entered_of(&event, zone_of(&visitor, &event));
            let of_products = Refusals::from(refused);
            let said = Shown { of_products, entered: pairs, ..Shown::default() };
            let mut page = show(&visitor, &event, &form, None, &said);
            mark_refused(&mut page, code);
            Ok(page)
        }
    }
}

async fn product_command(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    pairs: &[(String, String)],
) -> Result<Command, Refused> {
    let pairs = Pairs(pairs);
    let prefix = pairs.entered("prefix");
    let field = |what: &str| pairs.entered(&format!("{prefix}-{what}"));
    let said =
        |failure: ApiError| Refused { input: "products".into(), text: explain(visitor, &failure) };
    if pairs.value("do") != Some("add") {
        let id = pairs.entered("product");
        let product = crate::http::dto::product_id(event.id, "product", &id).map_err(said)?;
        let invalid = |error: text::InvalidField| {
            let input = format!("{prefix}-{}", error.field);
            Refused { input, ..Refused::of(visitor, &error) }
        };
        let availability = match pairs.value("withdrawn") {
            Some(_) => Availability::Withdrawn,
            None => Availability::Offered,
        };
        let is_withdrawn =
            event.products.iter().any(|known| known.id == product && known.withdrawn_at.is_some());
        let changes = is_withdrawn != matches!(availability, Availability::Withdrawn);
        let change = ProductChange {
            name: Some(text::line("name", &field("name"), 100).map_err(invalid)?),
            description: Some(
                text::paragraph("description", &field("description"), 2_000).map_err(invalid)?,
            ),
            availability: changes.then_some(availability),
            ..ProductChange::default()
        };
        return Ok(Command::ChangeProduct { product, change });
    }
    let refused = |what: &str, key| Refused::new(visitor, &format!("{prefix}-{what}"), key);
    let price = entered::amount(&field("price"), &event.currency);
    let number =
        |what: &str| number_within(visitor, &format!("{prefix}-{what}"), &field(what), PLACES);
    let draft = ProductDraft {
        name: text::line("name", &field("name"), 100).map_err(|error| Refused {
            input: format!("{prefix}-name"),
            ..Refused::of(visitor, &error)
        })?,
        description: String::new(),
        price: price.map_err(|key| refused("price", key))?,
        currency: event.currency.clone(),
        total_stock: number("stock")?,
        max_per_customer: number("limit")?,
        sale: SaleWindow::default(),
    };
    match state.offerings.check_new_product(event.id, &draft).await {
        Ok(product) => Ok(Command::AddProduct { product }),
        Err(OfferingError::Invalid(error)) => {
            let what = match error.field.rsplit('.').next().unwrap_or_default() {
                "totalStock" => "stock",
                "maxPerCustomer" => "limit",
                "amount" | "price" => "price",
                _ => "name",
            };
            Err(Refused { input: format!("{prefix}-{what}"), ..Refused::of(visitor, &error) })
        }
        Err(error) => Err(said(error.into())),
    }
}
