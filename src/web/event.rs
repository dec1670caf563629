//! The page of an event: times, prices, what is left, the ways to choose places, and the visitor's
//! own holds and places on the waitlist. All of it works without scripts.

mod actions;
mod choose;
mod page;
mod queue;
mod queue_place;
mod sale;
mod seat_list;
mod shown;
mod waitlist;
mod waitlist_actions;

use actix_web::{Resource, web};

/// Returns the route of the page.
pub(super) fn resource() -> Resource {
    web::resource("/events/{event}").get(page::page)
}

/// Adds the routes of its parts and forms.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/events/{event}/seats").get(seat_list::page))
        .service(web::resource("/events/{event}/queue").get(queue::page))
        .service(web::resource("/events/{event}/queue/enter").post(queue::enter))
        .service(web::resource("/events/{event}/queue/leave").post(queue::leave))
        .service(web::resource("/events/{event}/holds").post(actions::hold))
        .service(web::resource("/events/{event}/holds/{hold}/extend").post(actions::extend))
        .service(web::resource("/events/{event}/holds/{hold}/release").post(actions::release))
        .service(web::resource("/events/{event}/waitlist").post(waitlist_actions::join))
        .service(
            web::resource("/events/{event}/waitlist/{entry}/accept").post(waitlist_actions::accept),
        )
        .service(
            web::resource("/events/{event}/waitlist/{entry}/leave").post(waitlist_actions::leave),
        );
}
