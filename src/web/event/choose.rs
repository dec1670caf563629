//! The forms by which places are chosen without a map: the best available, and standing places.

use maud::{Markup, html};

use super::sale;
use super::shown::Shown;
use crate::venues::SeatMarks;
use crate::web::format::{money, number};
use crate::web::visitor::Visitor;

/// Renders the forms by which places are chosen without a map.
pub(super) fn forms(visitor: &Visitor, shown: &Shown, marks: SeatMarks) -> Markup {
    let event = shown.event.id;
    let action = format!("/events/{event}/holds");
    let numbered: Vec<_> = shown.products().filter(|(_, view)| view.numbered).collect();
    let standing = shown.products().filter(|(_, view)| !view.numbered);
    let standing = standing.filter(|(_, view)| sale::is_in_window(shown, view));
    let most = numbered.iter().map(|(product, _)| shown.most_of(product)).max();
    let sections = shown.view.sections.iter().map(|section| section.name.as_str());
    html! {
        @if !numbered.is_empty() {
            form.choose id="best" method="post" action=(action) {
                h3 { (visitor.text("event.best")) }
                p.hint {
                    (visitor.text("event.best_explained"))
                    @if marks.accessible || marks.companion { " " (visitor.text("event.best_kept")) }
                }
                input type="hidden" name="kind" value="best";
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                div.field {
                    label for="best-product" { (visitor.text("event.ticket")) }
                    select id="best-product" name="productId" {
                        @for (product, of_view) in &numbered {
                            option value=(product.id.to_public(event))
                                disabled[!sale::is_in_window(shown, of_view)]
                            {
                                (product.name) " · "
                                (money(visitor.language, of_view.price, &shown.event.currency))
                            }
                        }
                    }
                }
                @if shown.view.sections.len() > numbered.len() {
                    div.field {
                        label for="best-section" { (visitor.text("event.section")) }
                        select id="best-section" name="section" {
                            option value="" { (visitor.text("event.any_section")) }
                            @for section in sections { option value=(section) { (section) } }
                        }
                    }
                }
                (quantity(("best-quantity", "quantity"), visitor, most.unwrap_or(1), 2))
                label.check {
                    input type="checkbox" name="together" value="yes";
                    (visitor.text("event.together"))
                }
                button.button { (visitor.text("event.find_best")) }
            }
        }
        @for (product, _) in standing {
            form.choose data-lines method="post" action=(action) {
                h3 { (product.name) }
                input type="hidden" name="kind" value="lines";
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                input type="hidden" name="productId" value=(product.id.to_public(event));
                @let id = format!("quantity-{}", product.id.index());
                (quantity((&id, "quantity"), visitor, shown.most_of(product), 1))
                button.button { (visitor.text("event.take")) }
            }
        }
    }
}

/// Renders the field for a number of places, of which at most `most` can be asked for.
pub(super) fn quantity(
    (id, name): (&str, &str),
    visitor: &Visitor,
    most: u32,
    value: u32,
) -> Markup {
    html! {
        div.field.short {
            label for=(id) {
                (visitor.text("event.how_many")) " "
                span.hint { (visitor.fill("event.most", &[("max", &number(most))])) }
            }
            input id=(id) name=(name) type="number" inputmode="numeric" min="1" max=(most)
                value=(value.min(most)) required;
        }
    }
}
