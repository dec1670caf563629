//! What an organiser can do to a live sale. Each form says beforehand what it does; the box office
//! decides, as for the API.

use maud::{Markup, html};

use super::entered;
use super::event_form::{PLACES, Pairs, number_within};
use super::reasons;
use super::seats_named::{FREE, seats_of};
use super::shown::Shown;
use crate::http::dto;
use crate::http::error::{ApiError, ErrorCode};
use crate::ids::{OfferingId, ProductId, SectionId};
use crate::inventory::{Command, MAX_PRICE, MAX_ROW, SaleState, SeatStatus};
use crate::store::{EventRow, ReservationState};
use crate::text;
use crate::web::fields::{Field, refusal, select};
use crate::web::format::{money, number};
use crate::web::visitor::Visitor;

/// Renders the forms.
pub(super) fn forms(visitor: &Visitor, shown: &Shown) -> Markup {
    if shown.status == "CANCELLED" {
        return html! { p { (visitor.text("organiser_action.is_cancelled")) } };
    }
    let state = shown.view.sale_state;
    let has_sections = !shown.view.sections.is_empty();
    html! {
        div.action-list {
            // Only what changes something: an open sale is not opened again.
            @if state != SaleState::Open {
                (switch(visitor, shown, "open", "organiser_action.open", "organiser_action.open_does"))
            }
            @if state == SaleState::Open {
                (switch(visitor, shown, "pause", "organiser_action.pause", "organiser_action.pause_does"))
            }
            @if state != SaleState::Closed {
                (switch(visitor, shown, "close", "organiser_action.close", "organiser_action.close_does"))
            }
            (reprice(visitor, shown))
            (resize(visitor, shown))
            (block(visitor, shown))
            @if has_sections { (add_row(visitor, shown)) }
            (cancel(visitor, shown))
        }
    }
}

/// Renders one form: its button and `does`, the sentence that says what it does. The form that was
/// refused is open and says why.
fn action(
    shown: &Shown,
    name: &str,
    (label, does, class): (&str, &str, &str),
    fields: &Markup,
) -> Markup {
    let refused = shown.refused.as_ref().filter(|(action, _)| action == name);
    html! {
        details.action id={ "action-" (name) } open[refused.is_some()] {
            summary { (label) }
            form.stack method="post" action={ "/organiser/events/" (shown.event.id) "/actions#action-" (name) } {
                (refusal(refused.map(|(_, text)| text.as_str())))
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                input type="hidden" name="do" value=(name);
                p { (does) }
                (fields)
                button class={ "button " (class) } { (label) }
            }
        }
    }
}

fn switch(
    visitor: &Visitor,
    shown: &Shown,
    name: &str,
    label: &'static str,
    does: &'static str,
) -> Markup {
    let said = (visitor.text(label), visitor.text(does), "");
    action(shown, name, said, &Markup::default())
}

/// A choice of those products that `is_meant`; `None` if there are none.
fn product_choice(
    visitor: &Visitor,
    (shown, id): (&Shown, &str),
    is_meant: impl Fn(ProductId) -> bool,
) -> Option<Markup> {
    let event = &shown.event;
    let meant = event.products.iter().filter(|product| is_meant(product.id));
    let options: Vec<_> =
        meant.map(|product| (product.id.to_public(event.id), product.name.clone())).collect();
    let name = format!("{id}-product");
    (!options.is_empty())
        .then(|| select(&name, visitor.text("event.ticket"), shown.entered(&name), &options))
}

/// A number from 1 to `most`, with the number that was entered if the action was refused.
fn number_field(shown: &Shown, id: &str, label: &str, most: u32) -> Markup {
    let (most, value) = (most.to_string(), shown.entered(id));
    let field = Field { name: id, label, kind: "number", value, ..Field::default() };
    let field = Field { min: Some("1"), max: Some(&most), required: true, ..field };
    html! { div.short { (field.render()) } }
}

fn reprice(visitor: &Visitor, shown: &Shown) -> Markup {
    let event = &shown.event;
    let label = visitor.fill("organiser_form.price_in", &[("currency", &event.currency)]);
    let price = Field { name: "price", label: &label, required: true, ..Field::default() };
    let price = Field { value: shown.entered("price"), max_length: Some(24), ..price };
    let fields = html! {
        (product_choice(visitor, (shown, "reprice"), |_| true).unwrap_or_default())
        div.short { (price.render()) }
    };
    let (label, does) = ("organiser_action.reprice", "organiser_action.reprice_does");
    action(shown, "reprice", (visitor.text(label), visitor.text(does), ""), &fields)
}

fn is_by_number(shown: &Shown, product: ProductId) -> bool {
    shown.view.products.get(product.index()).is_some_and(|live| !live.numbered)
}

fn resize(visitor: &Visitor, shown: &Shown) -> Markup {
    let choice = product_choice(visitor, (shown, "resize"), |id| is_by_number(shown, id));
    let Some(choice) = choice else { return Markup::default() };
    let fields = html! {
        (choice)
        (number_field(shown, "total", visitor.text("organiser_form.stock"), PLACES.1))
    };
    let (label, does) = ("organiser_action.resize", "organiser_action.resize_does");
    action(shown, "resize", (visitor.text(label), visitor.text(does), ""), &fields)
}

fn block(visitor: &Visitor, shown: &Shown) -> Markup {
    let one = |name: &str, label, does| {
        let choice = product_choice(visitor, (shown, name), |id| is_by_number(shown, id));
        let Some(choice) = choice else { return Markup::default() };
        let quantity = format!("{name}-quantity");
        let quantity = number_field(shown, &quantity, visitor.text("event.how_many"), PLACES.1);
        let said = (visitor.text(label), visitor.text(does), "");
        action(shown, name, said, &html! { (choice) (quantity) })
    };
    html! {
        (one("block", "organiser_action.block", "organiser_action.block_does"))
        (one("unblock", "organiser_action.unblock", "organiser_action.unblock_does"))
    }
}

fn add_row(visitor: &Visitor, shown: &Shown) -> Markup {
    // Sections of a plan with several ticket types have one name: the ticket type tells them apart.
    let named = |section: &crate::inventory::SectionView| {
        let product = shown.event.products.get(section.product.index());
        format!("{} ({})", section.name, product.map_or("", |product| &product.name))
    };
    let sections = shown.view.sections.iter().enumerate();
    let options: Vec<_> =
        sections.map(|(index, section)| (index.to_string(), named(section))).collect();
    let name =
        Field { name: "row", label: visitor.text("organiser_action.row"), ..Field::default() };
    let fields = html! {
        (select("section", visitor.text("event.section"), shown.entered("section"), &options))
        div.short { (Field { required: true, max_length: Some(50), value: shown.entered("row"), ..name }.render()) }
        (number_field(shown, "row-seats", visitor.text("organiser_action.row_seats"), MAX_ROW))
    };
    let (label, does) = ("organiser_action.add_row", "organiser_action.add_row_does");
    action(shown, "add-row", (visitor.text(label), visitor.text(does), ""), &fields)
}

fn cancel(visitor: &Visitor, shown: &Shown) -> Markup {
    let event = &shown.event;
    let (paid, refund) = shown.in_state(ReservationState::Confirmed);
    let (pending, _) = shown.in_state(ReservationState::PaymentPending);
    let does = visitor.fill(
        "organiser_action.cancel_does",
        &[
            ("paid", &number(paid)),
            ("amount", &money(visitor.language, refund, &event.currency)),
            ("pending", &number(pending)),
        ],
    );
    let label = visitor.fill("organiser_action.type_name", &[("name", &event.details.name)]);
    let name = Field { name: "confirm", label: &label, required: true, ..Field::default() };
    let name = Field { autocomplete: Some("off"), ..name };
    action(
        shown,
        "cancel",
        (visitor.text("organiser_action.cancel"), &does, "danger"),
        &name.render(),
    )
}

/// Renders the form for seats that were picked on the map, which a script shows.
pub(super) fn picked_form(visitor: &Visitor, event: &EventRow) -> Markup {
    html! {
        form.stack.choose id="picked" hidden method="post"
            action={ "/organiser/events/" (event.id) "/actions" }
        {
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            input type="hidden" name="picked" value="";
            p role="status" { (visitor.text("organiser_action.picked")) " " span data-picked {} }
            (seat_buttons(visitor, event.id))
        }
    }
}

/// Renders the buttons for seats.
pub(super) fn seat_buttons(visitor: &Visitor, event: OfferingId) -> Markup {
    html! {
        div.actions {
            button.button.quiet name="do" value="block-seats" { (visitor.text("organiser_action.block_seats")) }
            button.button.quiet name="do" value="unblock-seats" { (visitor.text("organiser_action.unblock_seats")) }
            button.button.quiet formmethod="get" formaction={ "/organiser/events/" (event) "/give" } {
                (visitor.text("organiser_give.title")) "…"
            }
        }
        details.cancel {
            summary { (visitor.text("organiser_action.remove_seats")) }
            button.button.danger name="do" value="remove-seats" { (visitor.text("organiser_action.remove_seats")) }
        }
        p.hint { (visitor.text("organiser_action.seats_do")) }
    }
}

/// Reads the command of a form.
pub(super) fn command(
    visitor: &Visitor,
    shown: &Shown,
    pairs: &[(String, String)],
) -> Result<Command, ApiError> {
    let form = Pairs(pairs);
    let event = &shown.event;
    let said = |key| ApiError::new(ErrorCode::Invalid, visitor.text(key));
    let product = |action: &str| {
        dto::product_id(event.id, "product", &form.entered(&format!("{action}-product")))
    };
    let whole = |name: &str, most: u32| {
        let number = number_within(visitor, name, &form.entered(name), (1, most));
        let number = number.map_err(|refused| ApiError::new(ErrorCode::Invalid, refused.text))?;
        number.ok_or_else(|| said("organiser_form.bad_number"))
    };
    let action = form.entered("do");
    Ok(match action.as_str() {
        "open" => Command::OpenSale,
        "pause" => Command::PauseSale,
        "close" => Command::CloseSale,
        "cancel" => {
            if form.entered("confirm").trim() != event.details.name.trim() {
                return Err(said("organiser_action.other_name"));
            }
            Command::CancelOffering
        }
        "reprice" => {
            let price = entered::amount(&form.entered("price"), &event.currency).map_err(said)?;
            if price > MAX_PRICE {
                return Err(said("organiser_form.price_too_high"));
            }
            Command::Reprice { product: product("reprice")?, price }
        }
        "resize" => {
            Command::Resize { product: product("resize")?, total: whole("total", PLACES.1)? }
        }
        "block" => Command::BlockPlaces {
            product: product("block")?,
            quantity: whole("block-quantity", PLACES.1)?,
        },
        "unblock" => Command::UnblockPlaces {
            product: product("unblock")?,
            quantity: whole("unblock-quantity", PLACES.1)?,
        },
        "add-row" => Command::AddRow {
            section: SectionId(
                form.entered("section")
                    .parse()
                    .map_err(|_| ApiError::of(ErrorCode::UnknownSection))?,
            ),
            name: text::line("row", &form.entered("row"), 50).map_err(|error| {
                ApiError::new(ErrorCode::Invalid, reasons::of(visitor, &error.reason))
            })?,
            seats: whole("row-seats", MAX_ROW)?,
        },
        "block-seats" => Command::BlockSeats { seats: seats_of(visitor, shown, pairs, FREE)? },
        "unblock-seats" => Command::UnblockSeats {
            seats: seats_of(visitor, shown, pairs, &[SeatStatus::Blocked])?,
        },
        "remove-seats" => Command::RemoveSeats { seats: seats_of(visitor, shown, pairs, FREE)? },
        _ => return Err(said("organiser_action.unknown")),
    })
}
