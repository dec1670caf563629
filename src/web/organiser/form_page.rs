//! The form of an event as HTML. Every button works without script: those that add or remove a ticket
//! type send the form, and it comes back with what was entered.

use maud::{Markup, html};

use super::details_form::DetailsForm;
use super::event_form::{EventForm, MINUTES, PER_HOLD, PLACES, SectionForm};
use super::refused::Refusals;
use crate::store::{OnPaymentFailure, VenueRow};
use crate::web::fields::Field;
use crate::web::visitor::Visitor;

/// Renders the form of a new event.
pub(super) fn new_event(
    visitor: &Visitor,
    form: &EventForm,
    venues: &[VenueRow],
    refusals: &Refusals,
) -> Markup {
    html! {
        form.stack.event-form method="post" action="/organiser/events/new" {
            (refusals.render(visitor))
            input type="hidden" name="key" value=(form.key);
            // Enter in a field presses the first button.
            button.visually-hidden name="do" value="save" tabindex="-1" aria-hidden="true" {}
            (plan(visitor, form, venues, refusals))
            (details(visitor, &form.details, refusals))
            (products(visitor, form, refusals))
            (sections(visitor, form, refusals))
            (rules(visitor, form, refusals))
            div.actions {
                button.button.quiet name="do" value="save" { (visitor.text("organiser_form.save")) }
                button.button name="do" value="publish" { (visitor.text("organiser_form.publish")) }
            }
            p.hint { (visitor.text("organiser_form.save_hint")) }
        }
    }
}

/// Renders the fields that can be changed later too.
pub(super) fn details(visitor: &Visitor, form: &DetailsForm, refusals: &Refusals) -> Markup {
    let text = |key| visitor.text(key);
    let time = |name, key, value, hint, required| {
        refusals.field(Field {
            name,
            label: visitor.text(key),
            kind: "datetime-local",
            value,
            hint,
            required,
            ..Field::default()
        })
    };
    let area = Field {
        name: "description",
        label: text("organiser_form.description"),
        value: &form.description,
        ..Field::default()
    };
    let options = [
        ("start", "organiser_form.cancel_start"),
        ("until", "organiser_form.cancel_until_time"),
        ("never", "organiser_form.cancel_never"),
    ];
    let options = options.map(|(value, key)| (value.to_owned(), visitor.text(key).to_owned()));
    let failures = [
        (OnPaymentFailure::KeepOpen, "organiser_form.failure_keeps"),
        (OnPaymentFailure::Cancel, "organiser_form.failure_cancels"),
    ];
    let failures = failures.map(|(policy, key)| (policy.as_str().to_owned(), text(key).to_owned()));
    html! {
        fieldset {
            legend { (text("organiser_form.what")) }
            div.form-grid {
                (refusals.field(Field { name: "name", label: text("organiser_form.name"), value: &form.name, required: true,
                    max_length: Some(200), ..Field::default() }))
                (refusals.field(Field { name: "venue", label: text("organiser_form.venue"), value: &form.venue,
                    max_length: Some(200), ..Field::default() }))
            }
            (refusals.with_error(area).area(5))
        }
        fieldset {
            legend { (text("organiser_form.when")) }
            div.form-grid {
                (refusals.field(Field { name: "time_zone", label: text("organiser_form.time_zone"), value: &form.time_zone,
                    required: true, max_length: Some(64), hint: Some(text("organiser_form.time_zone_hint")),
                    ..Field::default() }))
                (time("starts", "organiser_form.starts", &form.starts, None, true))
                (time("ends", "organiser_form.ends", &form.ends, Some(text("organiser_form.ends_hint")), false))
                (time("sale_start", "organiser_form.sale_start", &form.sale_start,
                    Some(text("organiser_form.sale_start_hint")), false))
                (time("sale_end", "organiser_form.sale_end", &form.sale_end,
                    Some(text("organiser_form.sale_end_hint")), false))
            }
        }
        fieldset {
            legend { (text("organiser_form.cancellation")) }
            p.hint { (text("organiser_form.cancellation_hint")) }
            div.form-grid {
                (refusals.with_error(Field { name: "cancel", label: text("organiser_form.cancel"), value: &form.cancel,
                    ..Field::default() }).choice(&options))
                (time("cancel_until", "organiser_form.cancel_until", &form.cancel_until,
                    Some(text("organiser_form.cancel_until_hint")), false))
                (refusals.field(Field { name: "refund_percent", label: text("organiser_form.refund_percent"), kind: "number",
                    value: &form.refund_percent, min: Some("0"), max: Some("100"), ..Field::default() }))
                (refusals.with_error(Field { name: "on_payment_failure", label: text("organiser_form.on_payment_failure"),
                    value: &form.on_payment_failure, ..Field::default() }).choice(&failures))
            }
        }
    }
}

/// Renders the choice of a venue's plan; nothing if no venue has one.
fn plan(visitor: &Visitor, form: &EventForm, venues: &[VenueRow], refusals: &Refusals) -> Markup {
    let mut options = vec![(String::new(), visitor.text("organiser_form.no_plan").to_owned())];
    options.extend(venues.iter().map(|venue| (venue.id.to_string(), venue.name.clone())));
    html! {
        @if !venues.is_empty() {
            fieldset id="plan" {
                legend { (visitor.text("organiser_form.plan")) }
                p.hint { (visitor.text("organiser_form.plan_hint")) }
                (refusals.with_error(Field { name: "plan", label: visitor.text("organiser_form.venue_plan"),
                    value: &form.plan, ..Field::default() }).choice(&options))
                @if !form.plan.is_empty() {
                    (refusals.field(Field { name: "keep_until", label: visitor.text("organiser_form.keep_until"),
                        kind: "datetime-local", value: &form.keep_until,
                        hint: Some(visitor.text("organiser_form.keep_until_hint")), ..Field::default() }))
                }
                div.actions { (button(visitor, "#products", "take-plan", "organiser_form.take_plan")) }
            }
        }
    }
}

fn products(visitor: &Visitor, form: &EventForm, refusals: &Refusals) -> Markup {
    let text = |key| visitor.text(key);
    html! {
        fieldset id="products" {
            legend { (text("organiser_form.products")) }
            div.short {
                (refusals.field(Field { name: "currency", label: text("organiser_form.currency"), value: &form.currency,
                    required: true, min_length: Some(3), max_length: Some(3), ..Field::default() }))
            }
            @for (index, product) in form.products.iter().enumerate() {
                @let [name, price, stock, limit] = ["name", "price", "stock", "limit"]
                    .map(|what| format!("product-{index}-{what}"));
                div.form-item role="group" aria-label=(nth(visitor, "organiser_form.product_nth", index)) {
                    div.form-grid {
                        (refusals.field(Field { name: &name, label: text("organiser_form.product_name"), value: &product.name,
                            required: true, max_length: Some(100), ..Field::default() }))
                        (refusals.field(Field { name: &price, label: text("organiser_form.price"), value: &product.price,
                            hint: Some(text("organiser_form.price_hint")),
                            required: true, max_length: Some(20), ..Field::default() }))
                        (refusals.field(Field { name: &stock, label: text("organiser_form.stock"), kind: "number",
                            value: &product.stock, min: Some("1"), max: Some(&PLACES.1.to_string()),
                            hint: Some(text("organiser_form.stock_hint")), ..Field::default() }))
                        (refusals.field(Field { name: &limit, label: text("organiser_form.limit"), kind: "number",
                            value: &product.limit, min: Some("1"), max: Some(&PLACES.1.to_string()), hint: Some(text("organiser_form.optional")),
                            ..Field::default() }))
                    }
                    @if form.products.len() > 1 {
                        (button(visitor, "#products", &format!("remove-product-{index}"), "organiser_form.remove"))
                    }
                }
            }
            (button(visitor, "#products", "add-product", "organiser_form.add_product"))
        }
    }
}

fn sections(visitor: &Visitor, form: &EventForm, refusals: &Refusals) -> Markup {
    if !form.plan.is_empty() && form.sections.is_empty() {
        return Markup::default();
    }
    html! {
        fieldset id="sections" {
            legend { (visitor.text("organiser_form.seats")) }
            p.hint { (visitor.text("organiser_form.seats_hint")) }
            @for (index, section) in form.sections.iter().enumerate() {
                div.form-item role="group" aria-label=(nth(visitor, "organiser_form.section_nth", index)) {
                    (section_fields(visitor, form, (section, index), refusals))
                    (button(visitor, "#sections", &format!("remove-section-{index}"), "organiser_form.remove"))
                }
            }
            (button(visitor, "#sections", "add-section", "organiser_form.add_section"))
        }
    }
}

fn section_fields(
    visitor: &Visitor,
    form: &EventForm,
    (section, index): (&SectionForm, usize),
    refusals: &Refusals,
) -> Markup {
    let [name, product, rows] =
        ["name", "product", "rows"].map(|what| format!("section-{index}-{what}"));
    let mut options: Vec<_> = form
        .products
        .iter()
        .enumerate()
        .map(|(index, product)| {
            let name = match product.name.trim() {
                "" => nth(visitor, "organiser_form.product_nth", index),
                name => name.to_owned(),
            };
            (index.to_string(), name)
        })
        .collect();
    if !options.iter().any(|(value, _)| *value == section.product) {
        options.insert(0, (String::new(), String::new()));
    }
    html! {
        div.form-grid {
            (refusals.field(Field { name: &name, label: visitor.text("organiser_form.section_name"), value: &section.name,
                required: true, max_length: Some(100), ..Field::default() }))
            (refusals.with_error(Field { name: &product, label: visitor.text("organiser_form.section_product"),
                value: &section.product, ..Field::default() }).choice(&options))
        }
        (refusals.with_error(Field { name: &rows, label: visitor.text("organiser_form.rows"),
            value: &section.rows, hint: Some(visitor.text("organiser_form.rows_hint")), ..Field::default() }).area(4))
    }
}

fn rules(visitor: &Visitor, form: &EventForm, refusals: &Refusals) -> Markup {
    let number = |name, key, value, (least, most): (u32, u32)| {
        let (label, kind) = (visitor.text(key), "number");
        let (least, most) = (least.to_string(), most.to_string());
        let (min, max) = (Some(&*least), Some(&*most));
        refusals.field(Field {
            name,
            label,
            kind,
            value,
            min,
            max,
            required: true,
            ..Field::default()
        })
    };
    html! {
        fieldset {
            legend { (visitor.text("organiser_form.rules")) }
            p.hint { (visitor.text("organiser_form.rules_hint")) }
            div.form-grid {
                (number("hold_minutes", "organiser_form.hold_minutes", &form.hold_minutes, MINUTES))
                (number("pay_minutes", "organiser_form.pay_minutes", &form.pay_minutes, MINUTES))
                (number("max_places", "organiser_form.max_places", &form.max_places, PER_HOLD))
                (refusals.field(Field { name: "max_per_customer", label: visitor.text("organiser_form.max_per_customer"),
                    kind: "number", value: &form.max_per_customer, min: Some("1"), max: Some(&PLACES.1.to_string()),
                    hint: Some(visitor.text("organiser_form.optional")), ..Field::default() }))
            }
            label.check {
                input type="checkbox" name="waitlist" value="on" checked[form.has_waitlist];
                span { (visitor.text("organiser_form.waitlist")) }
            }
        }
    }
}

/// A button that sends the form to have it changed; the browser returns to the part at `anchor`.
fn button(visitor: &Visitor, anchor: &str, value: &str, key: &'static str) -> Markup {
    html! {
        button.button.quiet name="do" value=(value) formnovalidate
            formaction={ "/organiser/events/new" (anchor) } { (visitor.text(key)) }
    }
}

fn nth(visitor: &Visitor, key: &'static str, index: usize) -> String {
    visitor.fill(key, &[("n", &(index + 1).to_string())])
}
