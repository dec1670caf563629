//! Why a form is refused: the field as the page labels it, and the reason in the visitor's language.
//! A form that is only unusual can be sent again with a tick that confirms it.

use maud::{Markup, html};

use super::entered::Refusal;
use super::reasons;
use crate::text::InvalidField;
use crate::web::fields::Field;
use crate::web::format::number;
use crate::web::visitor::Visitor;

/// The input that confirms what is unusual.
pub(super) const CONFIRMED: &str = "confirmed";

/// A field that was refused, and the reason in the visitor's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The name of the input.
    pub(super) input: String,
    pub(super) text: String,
}

/// What a page says about a form that was not carried out.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    fields: Vec<Refused>,
    /// True if all of it is allowed and only unusual.
    can_confirm: bool,
}

impl Refused {
    /// A refusal of an input with a text by its key.
    pub(super) fn new(visitor: &Visitor, input: &str, key: Refusal) -> Self {
        Self { input: input.to_owned(), text: visitor.text(key).to_owned() }
    }

    /// The refusal of a number outside its limits.
    pub(super) fn between(visitor: &Visitor, input: &str, (least, most): (u32, u32)) -> Self {
        let values = [("least", &*number(least)), ("most", &*number(most))];
        Self { input: input.to_owned(), text: visitor.fill("organiser_reason.between", &values) }
    }

    /// The refusal of a field that the rules of events name.
    pub(super) fn of(visitor: &Visitor, error: &InvalidField) -> Self {
        Self { input: input_of(&error.field), text: reasons::of(visitor, &error.reason) }
    }

    /// Returns the refusal at another input.
    pub(super) fn at(self, input: &str) -> Self {
        Self { input: input.to_owned(), ..self }
    }
}

impl From<Refused> for Refusals {
    fn from(refused: Refused) -> Self {
        Self { fields: vec![refused], can_confirm: false }
    }
}

impl From<Vec<Refused>> for Refusals {
    fn from(fields: Vec<Refused>) -> Self {
        Self { fields, can_confirm: false }
    }
}

impl Refusals {
    /// Warnings about values that are allowed and unusual.
    pub(super) fn unusual(fields: Vec<Refused>) -> Self {
        Self { fields, can_confirm: true }
    }

    /// True if nothing is refused.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Renders a field with its refusal, if it has one.
    pub(super) fn field(&self, field: Field<'_>) -> Markup {
        self.with_error(field).render()
    }

    /// Returns the field with its refusal, if it has one.
    pub(super) fn with_error<'a>(&'a self, field: Field<'a>) -> Field<'a> {
        let error = self.fields.iter().find(|refused| refused.input == field.name);
        Field { error: error.map(|refused| &*refused.text), ..field }
    }

    /// Renders the refusals above the form, with links to the fields.
    pub(super) fn render(&self, visitor: &Visitor) -> Markup {
        if self.fields.is_empty() {
            return Markup::default();
        }
        html! {
            div class=(if self.can_confirm { "warning" } else { "error" }) role="alert" {
                @if self.can_confirm { p { (visitor.text("organiser_reason.unusual")) } }
                ul.plain {
                    @for Refused { input, text } in &self.fields {
                        @let label = label_of(visitor, input);
                        li { a href={ "#field-" (input) } {
                            @if let Some(label) = label { (label) ": " }
                            (text)
                        } }
                    }
                }
                @if self.can_confirm {
                    label.check {
                        input type="checkbox" name=(CONFIRMED) value="on";
                        span { (visitor.text("organiser_reason.confirm")) }
                    }
                }
            }
        }
    }
}

/// Returns the label of an input on the form of an event.
fn label_of(visitor: &Visitor, input: &str) -> Option<String> {
    let label = |key| Some(visitor.text(key).to_owned());
    let of_product = |what: &str| match what {
        "name" => label("organiser_form.product_name"),
        "price" => label("organiser_form.price"),
        "stock" => label("organiser_form.stock"),
        "limit" => label("organiser_form.limit"),
        "description" => label("organiser_form.product_description"),
        _ => None,
    };
    let nth = |key, rest: &str, of: &dyn Fn(&str) -> Option<String>| {
        let (index, what) = rest.split_once('-')?;
        let n = (index.parse::<usize>().ok()? + 1).to_string();
        Some(format!("{}, {}", visitor.fill(key, &[("n", &n)]), of(what)?))
    };
    if let Some(rest) = input.strip_prefix("product-") {
        return nth("organiser_form.product_nth", rest, &of_product);
    }
    if let Some(rest) = input.strip_prefix("section-") {
        return nth("organiser_form.section_nth", rest, &|what| match what {
            "name" => label("organiser_form.section_name"),
            "product" => label("organiser_form.section_product"),
            "rows" => label("organiser_form.rows"),
            _ => None,
        });
    }
    match input {
        "name" => label("organiser_form.name"),
        "venue" => label("organiser_form.venue"),
        "description" => label("organiser_form.description"),
        "time_zone" => label("organiser_form.time_zone"),
        "starts" => label("organiser_form.starts"),
        "ends" => label("organiser_form.ends"),
        "sale_start" => label("organiser_form.sale_start"),
        "sale_end" => label("organiser_form.sale_end"),
        "cancel_until" => label("organiser_form.cancel_until_label"),
        "refund_percent" => label("organiser_form.refund_percent"),
        "on_payment_failure" => label("organiser_form.on_payment_failure"),
        "currency" => label("organiser_form.currency"),
        "plan" => label("organiser_form.plan"),
        "offeringId" => label("audit_log.event"),
        "place" => label("venues.place"),
        "amount" => label("people.amount"),
        "title" => label("terms.title_of"),
        "content" => label("terms.content"),
        "mclass" => label("terms.class"),
        "location" => label("organiser_form.venue"),
        "capacity" => label("class.capacity"),
        "waitlist" => label("organiser_class.waitlist"),
        "selection" => label("organiser_class.selection"),
        "fee" => label("class.fee"),
        "recruit_start" => label("class.recruits_from"),
        "recruit_end" => label("class.recruits_until"),
        "offer_minutes" => label("organiser_class.offer_minutes"),
        "keep_until" => label("organiser_form.keep_until"),
        "hold_minutes" => label("organiser_form.hold_minutes"),
        "pay_minutes" => label("organiser_form.pay_minutes"),
        "max_places" => label("organiser_form.max_places"),
        "max_per_customer" => label("organiser_form.max_per_customer"),
        other => other.split_once('-').and_then(|(_, what)| of_product(what)),
    }
}

/// Returns the input of a field, as in `products[2].price`; the name of the event for others.
fn input_of(field: &str) -> String {
    let indexed = |prefix: &str| {
        let (index, rest) = field.strip_prefix(prefix)?.split_once(']')?;
        Some((index.parse::<usize>().ok()?, rest.trim_start_matches('.')))
    };
    if let Some((index, rest)) = indexed("products[") {
        let what = match rest {
            "price.currency" => return "currency".to_owned(),
            "totalStock" => "stock",
            "maxPerCustomer" => "limit",
            rest if rest.starts_with("price") => "price",
            _ => "name",
        };
        return format!("product-{index}-{what}");
    }
    if let Some((index, rest)) = indexed("seatMap.sections[") {
        let what = match rest {
            "name" => "name",
            "product" => "product",
            _ => "rows",
        };
        return format!("section-{index}-{what}");
    }
    let input = match field {
        "description" | "venue" => field,
        "timeZone" => "time_zone",
        field if field.starts_with("plan") => "plan",
        "eventDate" => "starts",
        "eventEndAt" => "ends",
        "saleStartAt" => "sale_start",
        "saleEndAt" => "sale_end",
        "currency" => "currency",
        "products" => "product-0-stock",
        "seatMap" | "seatMap.sections" => "section-0-rows",
        "policy.holdTtlSeconds" | "policy.holdMaxSeconds" => "hold_minutes",
        "policy.payWindowSeconds" => "pay_minutes",
        "policy.maxPlacesPerHold" => "max_places",
        "policy.maxPerCustomer" => "max_per_customer",
        "cancellation.refundPercent" => "refund_percent",
        "onPaymentFailure" => "on_payment_failure",
        _ => "name",
    };
    input.to_owned()
}
