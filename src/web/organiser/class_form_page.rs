//! The form of a class as HTML.

use maud::{Markup, html};

use super::class_form::{ClassForm, MINUTES, PLACES, WAITLIST};
use super::refused::Refusals;
use crate::web::fields::Field;
use crate::web::visitor::Visitor;

/// Renders the form, which is sent to an address, with the form that was shown at first.
pub(super) fn form(
    visitor: &Visitor,
    (action, shown): (&str, Option<&str>),
    form: &ClassForm,
    refusals: &Refusals,
) -> Markup {
    html! {
        form.stack.event-form method="post" action=(action) {
            (refusals.render(visitor))
            input type="hidden" name="key" value=(form.key);
            @if let Some(shown) = shown { input type="hidden" name="shown" value=(shown); }
            (what(visitor, form, refusals))
            (times(visitor, form, refusals))
            (places(visitor, form, refusals))
            (money(visitor, form, refusals))
            button.button { (visitor.text("account.save")) }
        }
    }
}

fn options<const N: usize>(
    visitor: &Visitor,
    options: [(&'static str, &'static str); N],
) -> [(String, String); N] {
    options.map(|(value, key)| (value.to_owned(), visitor.text(key).to_owned()))
}

fn what(visitor: &Visitor, form: &ClassForm, refusals: &Refusals) -> Markup {
    let text = |key| visitor.text(key);
    let line = |name, key, value, required| {
        let field = Field { name, label: visitor.text(key), value, required, ..Field::default() };
        refusals.field(Field { max_length: Some(200), ..field })
    };
    let description = Field {
        name: "description",
        label: text("organiser_form.description"),
        value: &form.description,
        ..Field::default()
    };
    let visibility = Field {
        name: "visibility",
        label: text("organiser_class.visibility"),
        value: &form.visibility,
        ..Field::default()
    };
    let choices =
        [("PUBLIC", "organiser_class.public"), ("UNLISTED", "organiser_class.by_address")];
    html! {
        fieldset {
            legend { (text("organiser_class.class")) }
            div.form-grid {
                (line("title", "terms.title_of", &form.title, true))
                (line("location", "organiser_form.venue", &form.location, false))
                (refusals.with_error(visibility).choice(&options(visitor, choices)))
            }
            label.check {
                input type="checkbox" name="online" value="on" checked[form.online];
                span { (text("class.online")) }
            }
            (refusals.with_error(description).area(5))
        }
    }
}

fn times(visitor: &Visitor, form: &ClassForm, refusals: &Refusals) -> Markup {
    let time = |name, key, value, hint, required| {
        let label = visitor.text(key);
        let kind = "datetime-local";
        let field = Field { name, label, kind, value, required, ..Field::default() };
        refusals.field(Field { hint, ..field })
    };
    let zone = Field {
        name: "time_zone",
        label: visitor.text("organiser_form.time_zone"),
        value: &form.time_zone,
        required: true,
        max_length: Some(64),
        hint: Some(visitor.text("organiser_form.time_zone_hint")),
        ..Field::default()
    };
    html! {
        fieldset {
            legend { (visitor.text("organiser_form.when")) }
            div.form-grid {
                (refusals.field(zone))
                (time("starts", "organiser_form.starts", &form.starts, None, true))
                (time("ends", "organiser_form.ends", &form.ends, None, true))
                (time("recruit_start", "class.recruits_from", &form.recruit_start,
                    Some(visitor.text("organiser_class.recruits_from_hint")), false))
                (time("recruit_end", "class.recruits_until", &form.recruit_end,
                    Some(visitor.text("organiser_class.recruits_until_hint")), false))
            }
        }
    }
}

/// Renders a number with its limits.
fn number(
    visitor: &Visitor,
    refusals: &Refusals,
    (name, key, value): (&str, &'static str, &str),
    (least, most): (u32, u32),
    hint: Option<&str>,
) -> Markup {
    let (least, most) = (least.to_string(), most.to_string());
    refusals.field(Field {
        name,
        label: visitor.text(key),
        kind: "number",
        value,
        min: Some(&least),
        max: Some(&most),
        required: true,
        hint,
        ..Field::default()
    })
}

fn places(visitor: &Visitor, form: &ClassForm, refusals: &Refusals) -> Markup {
    let choice = |name, key, value, hint, choices| {
        let field = Field { name, label: visitor.text(key), value, hint, ..Field::default() };
        refusals.with_error(field).choice(&options::<2>(visitor, choices))
    };
    let selections =
        [("FIRST_COME", "organiser_class.first_come"), ("REVIEW", "organiser_class.review")];
    let promotions = [("AUTO", "organiser_class.auto"), ("OFFER", "organiser_class.offer")];
    html! {
        fieldset {
            legend { (visitor.text("class.capacity")) }
            div.form-grid {
                (number(visitor, refusals, ("capacity", "class.capacity", &form.capacity), PLACES, None))
                (number(visitor, refusals, ("waitlist", "organiser_class.waitlist", &form.waitlist), WAITLIST,
                    Some(visitor.text("organiser_class.waitlist_hint"))))
                (choice("selection", "organiser_class.selection", &form.selection,
                    Some(visitor.text("organiser_class.selection_hint")), selections))
                (choice("promotion", "organiser_class.promotion", &form.promotion, None, promotions))
                (number(visitor, refusals, ("offer_minutes", "organiser_class.offer_minutes", &form.offer_minutes),
                    MINUTES, None))
            }
            label.check {
                input type="checkbox" name="reapply" value="on" checked[form.reapply];
                span { (visitor.text("organiser_class.reapply")) }
            }
        }
    }
}

fn money(visitor: &Visitor, form: &ClassForm, refusals: &Refusals) -> Markup {
    let text = |key| visitor.text(key);
    let cancel = Field {
        name: "cancel",
        label: text("organiser_class.giving_back"),
        value: &form.cancel,
        ..Field::default()
    };
    let choices = [
        ("start", "organiser_class.cancel_start"),
        ("until", "organiser_form.cancel_until_time"),
        ("never", "organiser_form.cancel_never"),
    ];
    html! {
        fieldset {
            legend { (text("class.fee")) }
            div.form-grid {
                (refusals.field(Field { name: "fee", label: text("class.fee"), value: &form.fee,
                    hint: Some(text("organiser_class.fee_hint")), max_length: Some(24), ..Field::default() }))
                (refusals.field(Field { name: "currency", label: text("organiser_form.currency"), value: &form.currency,
                    required: true, min_length: Some(3), max_length: Some(3), ..Field::default() }))
                (number(visitor, refusals, ("pay_minutes", "organiser_form.pay_minutes", &form.pay_minutes), MINUTES, None))
                (refusals.with_error(cancel).choice(&options(visitor, choices)))
                (refusals.field(Field { name: "cancel_until", label: text("organiser_form.cancel_until"),
                    kind: "datetime-local", value: &form.cancel_until,
                    hint: Some(text("organiser_form.cancel_until_hint")), ..Field::default() }))
                (refusals.field(Field { name: "refund_percent", label: text("organiser_form.refund_percent"),
                    kind: "number", value: &form.refund_percent, min: Some("0"), max: Some("100"), ..Field::default() }))
            }
        }
    }
}
