//! The visitor's waitlist entries and offers, and the forms to join where a product is sold out.

use maud::{Markup, html};

use super::shown::Shown;
use super::{choose, sale};
use crate::box_office::ProductView;
use crate::http::api::box_office::holds::active;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::store::ProductRow;
use crate::web::format;
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// Renders the visitor's offers and entries, and a form to join for each product that is sold out.
pub(super) async fn section(
    state: &AppState,
    visitor: &Visitor,
    shown: &Shown,
) -> Result<Markup, ApiError> {
    let event = shown.event.id;
    let mut offers = Vec::new();
    let labels = state.venues.labels(event).await;
    for hold in shown.mine.holds.iter().filter(|hold| hold.offered) {
        let view = state.offices.view_covering(event, &hold.lines).await?;
        let dto = active((&view, &labels), hold.id, None, &hold.lines, hold.expires_at, shown.now);
        let zone = zone_of(visitor, &shown.event);
        offers.push((dto, format::date_time(visitor.language, hold.expires_at, zone)));
    }
    let waits = |product| shown.mine.entries.iter().any(|entry| entry.product == product);
    let is_selling = shown.has_waitlist() && matches!(shown.status, "SELLING" | "SOLD_OUT");
    let sold_out = shown.products().filter(|(product, view)| {
        is_selling
            && sale::is_in_window(shown, view)
            && view.counts.available == 0
            && view.counts.total > 0
            && !waits(product.id)
    });
    Ok(html! {
        @for (offer, until) in &offers {
            section.offer {
                h3 { (visitor.text("waitlist.offer")) }
                (places::marked_lines(visitor, &shown.event, &offer.lines, &labels))
                p {
                    (visitor.text("waitlist.until")) " "
                    time data-countdown data-reload datetime=(offer.expires_at) { (until) }
                }
                form.row method="post" action={ "/events/" (event) "/waitlist/" (offer.id) "/accept" } {
                    button.button { (visitor.text("waitlist.accept")) }
                }
                form.row method="post" action={ "/events/" (event) "/waitlist/" (offer.id) "/leave" } {
                    button.button.quiet { (visitor.text("waitlist.decline")) }
                }
            }
        }
        @for entry in &shown.mine.entries {
            section.waiting {
                h3 { (visitor.text("waitlist.waiting")) }
                p {
                    (visitor.fill("waitlist.position", &[
                        ("position", &format::number(entry.position)),
                        ("places", &format::number(entry.party_size)),
                        ("product", places::product_name(&shown.event, &entry.product.to_public(event))),
                    ]))
                }
                form.row method="post" action={ "/events/" (event) "/waitlist/" (entry.id) "/leave" } {
                    button.button.quiet { (visitor.text("waitlist.leave")) }
                }
            }
        }
        @for (product, of_view) in sold_out {
            @let form = join_form(visitor, shown, product, of_view);
            // A buyer who has the last places is not to queue for them.
            @if shown.may_have_some_of(product.id) {
                details {
                    summary { (visitor.fill("waitlist.more", &[("product", &product.name)])) }
                    (form)
                }
            } @else { (form) }
        }
    })
}

fn join_form(
    visitor: &Visitor,
    shown: &Shown,
    product: &ProductRow,
    of_view: &ProductView,
) -> Markup {
    let event = shown.event.id;
    let most = shown.most_of(product).min(of_view.counts.total);
    let id = format!("wait-{}", product.id.index());
    html! {
        form.choose method="post" action={ "/events/" (event) "/waitlist" } {
            h3 { (visitor.fill("waitlist.join_title", &[("product", &product.name)])) }
            p.hint { (visitor.text("waitlist.explained")) }
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            input type="hidden" name="product" value=(product.id.to_public(event));
            (choose::quantity((&id, "places"), visitor, most, 1))
            button.button { (visitor.text("waitlist.join")) }
        }
    }
}
