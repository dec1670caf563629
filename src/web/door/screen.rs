//! The page of a door. `door.js` finds its parts by their ids; without scripts the same parts are
//! forms, and the server fills in the lists and the result.

use actix_web::{HttpResponse, web};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::json;

use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::offerings::Attendance;
use crate::store::EventRow;
use crate::web::door::outcome::Outcome;
use crate::web::door::search::{self, Found};
use crate::web::format::{self, number};
use crate::web::layout::{self, Page, for_script_element};
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

#[derive(Deserialize)]
pub(super) struct Query {
    #[serde(default)]
    q: String,
    #[serde(default)]
    gate: String,
}

/// A page of a door.
struct Screen<'a> {
    visitor: &'a Visitor,
    event: &'a EventRow,
    attendance: Attendance,
    /// The name of this door.
    gate: &'a str,
    /// The text that was searched, and the tickets found.
    searched: (&'a str, &'a [Found]),
    outcome: Option<&'a Outcome>,
}

/// Shows the door of an event.
pub(super) async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let attendance = state.offerings.attendance(event.id).await?;
    let found = search::by_text(&state, &visitor, &event, &query.q).await?;
    let searched = (query.q.trim(), found.as_slice());
    let screen = Screen {
        visitor: &visitor,
        event: &event,
        attendance,
        gate: query.gate.trim(),
        searched,
        outcome: None,
    };
    Ok(screen.render())
}

/// Shows the door with the result of a form.
pub(super) async fn after_form(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    gate: &str,
    outcome: &Outcome,
) -> Result<HttpResponse, ApiError> {
    let attendance = state.offerings.attendance(event.id).await?;
    let (gate, searched, outcome) = (gate.trim(), ("", [].as_slice()), Some(outcome));
    let screen = Screen { visitor, event, attendance, gate, searched, outcome };
    let mut response = screen.render();
    if let Some(failure) = outcome.and_then(|outcome| outcome.failure) {
        mark_refused(&mut response, failure);
    }
    Ok(response)
}

/// Shows the door with the tickets behind a code that was sent for a check-in: the staff chooses.
pub(super) async fn to_choose(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    gate: &str,
    searched: (&str, &[Found]),
) -> Result<HttpResponse, ApiError> {
    let attendance = state.offerings.attendance(event.id).await?;
    let screen = Screen { visitor, event, attendance, gate: gate.trim(), searched, outcome: None };
    Ok(screen.render())
}

impl Screen<'_> {
    fn render(&self) -> HttpResponse {
        let (visitor, event) = (self.visitor, self.event);
        let zone = zone_of(visitor, event);
        let door = format!("/door/{}", event.id);
        let main = html! {
            main id="door" data-event=(event.id) data-time-zone=(zone.name())
                data-search={ (door) "/search" } data-counts={ (door) "/counts" }
                data-sign-in={ "/sign-in?back=" (door) }
            {
                (self.head())
                p.door-state id="door-state" role="status" {}
                (self.camera())
                section.door-kept id="door-kept" aria-labelledby="door-kept-title" hidden {
                    h2 id="door-kept-title" { (visitor.text("door.kept")) }
                    ul {}
                }
                (self.search(&door))
                section.door-log aria-labelledby="door-log-title" {
                    h2 id="door-log-title" { (visitor.text("door.log")) }
                    ol id="door-log" {}
                }
                (self.result(&door))
                p.visually-hidden id="door-says" role="alert" {}
                (self.bar(&door))
            }
            script type="application/json" id="products" { (self.products()) }
        };
        let title =
            self.outcome.map_or(visitor.text("frame.door"), |shown| title_of(visitor, shown));
        let title = format!("{title} · {}", event.details.name);
        let page = Page::new(&title).main(main).script("door.js").class("door");
        layout::render(visitor, page.dark())
    }

    fn head(&self) -> Markup {
        let (visitor, event) = (self.visitor, self.event);
        html! {
            header.door-head {
                h1 { (event.details.name) }
                p.door-when {
                    (format::time(visitor.language, event.details.event_date, zone_of(visitor, event))) " "
                    a href="/door" { (visitor.text("door.other_event")) }
                }
                p.door-counts id="door-counts" {
                    span data-count="checkedIn" { (number(self.attendance.checked_in)) } " / "
                    span data-count="sold" { (number(self.attendance.sold)) } " "
                    span { (visitor.text("door.inside")) }
                }
                p.door-gate {
                    label for="door-gate" { (visitor.text("door.gate")) } " "
                    input id="door-gate" name="gate" form="door-form" value=(self.gate)
                        maxlength="50" autocomplete="off";
                }
            }
        }
    }

    fn camera(&self) -> Markup {
        html! {
            section.door-camera aria-labelledby="door-camera-title" {
                h2.visually-hidden id="door-camera-title" { (self.visitor.text("door.camera")) }
                video id="door-video" playsinline muted hidden {}
                p id="door-camera-state" role="status" {}
                noscript { p { (self.visitor.text("door.no_script")) } }
                button.button type="button" id="door-camera-button" hidden {
                    (self.visitor.text("js.door.cameraStart"))
                }
            }
        }
    }

    fn search(&self, door: &str) -> Markup {
        let (visitor, (text, found)) = (self.visitor, self.searched);
        html! {
            section.door-search aria-labelledby="door-search-title" {
                h2 id="door-search-title" { (visitor.text("door.search")) }
                form id="door-search" role="search" method="get" action=(door) {
                    label for="door-q" { (visitor.text("door.name")) }
                    input id="door-q" name="q" type="search" value=(text) maxlength="100"
                        autocomplete="off";
                    button.button { (visitor.text("door.find")) }
                }
                p id="door-search-state" role="status" {
                    @if !text.is_empty() && found.is_empty() { (visitor.text("js.door.foundNone")) }
                }
                ul.door-found id="door-found" {
                    @for ticket in found { (self.found(door, ticket)) }
                }
            }
        }
    }

    fn found(&self, door: &str, ticket: &Found) -> Markup {
        let visitor = self.visitor;
        let status = visitor.language.find(&format!("js.door.status.{}", ticket.status));
        let place = ticket.seat.as_ref().unwrap_or(&ticket.product);
        let says = |text: &str| format!("{text}, {}, {place}", ticket.name);
        html! {
            li {
                span.door-found-name { (ticket.name) } " "
                span.door-found-seat { (place) } " "
                span.door-found-status data-status=(ticket.status) {
                    (ticket.used.as_deref().or(status).unwrap_or(ticket.status))
                }
                " "
                @match ticket.status {
                    "VALID" => form method="post" action={ (door) "/check" } {
                        input type="hidden" name="code" value=(ticket.code);
                        input type="hidden" name="gate" value=(self.gate);
                        @let text = visitor.text("js.door.checkIn");
                        button.button.door-found-in aria-label=(says(text)) { (text) }
                    },
                    "USED" => {
                        (self.undo(door, ticket.ticket_id, "button door-found-undo", |text| {
                            Some(says(text))
                        }))
                    }
                    _ => {},
                }
            }
        }
    }

    fn undo(
        &self,
        door: &str,
        ticket: uuid::Uuid,
        class: &str,
        label: impl Fn(&str) -> Option<String>,
    ) -> Markup {
        let text = self.visitor.text("js.door.undo");
        html! {
            form method="post" action={ (door) "/undo" } {
                input type="hidden" name="ticket" value=(ticket);
                input type="hidden" name="gate" value=(self.gate);
                button class=(class) aria-label=[label(text)] { (text) }
            }
        }
    }

    fn result(&self, door: &str) -> Markup {
        let visitor = self.visitor;
        let Some(outcome) = self.outcome else {
            // Named by its title once the script fills it.
            return html! {
                section.door-result id="door-result" aria-labelledby="door-result-title" hidden {}
            };
        };
        let gate: String = form_urlencoded::byte_serialize(self.gate.as_bytes()).collect();
        html! {
            section.door-result id="door-result" data-kind=(outcome.kind)
                aria-labelledby="door-result-title"
            {
                p.door-result-mark aria-hidden="true" { (mark(outcome.kind)) }
                h2 id="door-result-title" { (title_of(visitor, outcome)) }
                @for (class, text) in [
                    ("door-result-name", &outcome.name),
                    ("door-result-seat", &outcome.place),
                    ("door-result-more", &outcome.more),
                ] {
                    @if !text.is_empty() { p class=(class) { (text) } }
                }
                div.door-result-tools {
                    @if let Some(ticket) = outcome.admitted {
                        (self.undo(door, ticket, "button door-undo", |_| None))
                    }
                    @if let Some(code) = &outcome.undecided {
                        form method="post" action={ (door) "/check" } {
                            input type="hidden" name="code" value=(code);
                            input type="hidden" name="gate" value=(self.gate);
                            button.button.door-again { (visitor.text("js.door.retry")) }
                        }
                    }
                    a.button.door-next href={ (door) "?gate=" (gate) } {
                        (visitor.text("js.door.next"))
                    }
                }
            }
        }
    }

    fn bar(&self, door: &str) -> Markup {
        let visitor = self.visitor;
        html! {
            form.door-bar id="door-form" method="post" action={ (door) "/check" } {
                label for="door-code" { (visitor.text("door.code")) }
                input id="door-code" name="code" autocomplete="off" autocapitalize="characters"
                    spellcheck="false" enterkeyhint="go" maxlength="200" required
                    autofocus[self.outcome.is_some()];
                button.button.button-primary { (visitor.text("js.door.checkIn")) }
            }
        }
    }

    fn products(&self) -> Markup {
        let products = self.event.products.iter();
        let products: Vec<_> = products
            .map(|product| json!({"id": product.id.to_public(self.event.id), "name": product.name}))
            .collect();
        PreEscaped(for_script_element(&json!(products).to_string()))
    }
}

fn title_of(visitor: &Visitor, outcome: &Outcome) -> &'static str {
    visitor.language.find(&format!("js.door.{}", outcome.kind)).unwrap_or_default()
}

/// The marks of `door-result.js`.
fn mark(kind: &str) -> &'static str {
    match kind {
        "valid" => "✓",
        "used" | "void" => "✕",
        "unknown" => "?",
        "wrong" => "↪",
        "undone" => "↶",
        _ => "!",
    }
}
