//! The forms by which places are chosen without a map: the best available, and standing places.

use maud::{Markup, html};

use super::shown::Shown;
use crate::web::visitor::Visitor;

/// Renders the forms by which places are chosen without a map.
pub(super) fn forms(visitor: &Visitor, shown: &Shown) -> Markup {
    let event = shown.event.id;
    let action = format!("/events/{event}/holds");
    let numbered: Vec<_> = shown.products().filter(|(_, view)| view.numbered).collect();
    let standing = shown.products().filter(|(_, view)| !view.numbered);
    let sections = shown.view.sections.iter().map(|section| section.name.as_str());
    html! {
        @if !numbered.is_empty() {
            form.choose id="best" method="post" action=(action) {
                h3 { (visitor.text("event.best")) }
                input type="hidden" name="kind" value="best";
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                div.field {
                    label for="best-product" { (visitor.text("event.ticket")) }
                    select id="best-product" name="productId" {
                        @for (product, _) in &numbered {
                            option value=(product.id.to_public(event)) { (product.name) }
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
                (quantity("best-quantity", visitor, "2"))
                button.button { (visitor.text("event.find_best")) }
            }
        }
        @for (product, _) in standing {
            form.choose data-lines method="post" action=(action) {
                h3 { (product.name) }
                input type="hidden" name="kind" value="lines";
                input type="hidden" name="key" value=(uuid::Uuid::new_v4());
                input type="hidden" name="productId" value=(product.id.to_public(event));
                (quantity(&format!("quantity-{}", product.id.index()), visitor, "1"))
                button.button { (visitor.text("event.take")) }
            }
        }
    }
}

fn quantity(id: &str, visitor: &Visitor, value: &str) -> Markup {
    html! {
        div.field.short {
            label for=(id) { (visitor.text("event.how_many")) }
            input id=(id) name="quantity" type="number" inputmode="numeric" min="1" max="64" value=(value) required;
        }
    }
}
