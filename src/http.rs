//! The whole route table and the order of middleware. Handlers parse, make one call, and render;
//! they hold no rules and see no tables.
//!
//! A resource registers each path once, as `web::resource(path)` with all its methods, so that
//! another method is answered 405 and not 404.

pub mod actions;
pub mod admin;
pub mod admission;
pub mod auth;
pub mod availability;
pub mod body;
pub mod by_admin;
pub mod checkins;
pub mod connections;
pub mod cors;
pub mod dto;
pub mod error;
pub mod events;
pub mod extract;
pub mod glance;
pub mod health;
pub mod history;
pub mod holders;
pub mod holds;
pub mod instances;
pub mod internal;
pub mod lifecycle;
pub mod new_event;
pub mod openapi;
pub mod origin;
pub mod participation;
pub mod patience;
pub mod payments;
pub mod products;
pub mod reservations;
pub mod respond;
pub mod sale_status;
pub mod scope;
pub mod seats;
pub mod state;
pub mod stream;
pub mod tickets;
pub mod users;
pub mod waitlist;
pub mod wallet;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, Error, HttpResponse, web};

use error::ApiError;
use state::AppState;

/// The application of one HTTP worker.
pub fn app(
    state: web::Data<AppState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let has_pages_elsewhere = !state.config.cors_origins.is_empty();
    // The last `wrap` is the outermost.
    App::new()
        .app_data(state)
        .configure(routes)
        .default_service(web::route().to(no_such_route))
        .wrap(Condition::new(has_pages_elsewhere, from_fn(cors::allow)))
        .wrap(from_fn(scope::surround))
}

/// Every route. The router tries them one by one, and a pattern with a name in it costs it a search:
/// what a sale asks most comes first, and what lies below an event costs one search for all.
pub fn routes(cfg: &mut web::ServiceConfig) {
    // Each worker has caches of its own, so that none waits for another.
    cfg.app_data(web::Data::new(availability::Rendered::default()))
        .app_data(web::Data::new(stream::Streams::default()))
        .service(web::scope("/api/events/{event}").configure(routes_of_event))
        .configure(reservations::configure)
        .configure(payments::configure)
        .configure(health::configure)
        .configure(auth::configure)
        .configure(users::configure)
        .configure(events::configure)
        .configure(wallet::configure)
        .configure(tickets::configure)
        .configure(checkins::configure)
        .configure(internal::configure)
        .configure(instances::configure)
        .configure(history::configure)
        .configure(holders::configure)
        .configure(seats::configure)
        .configure(actions::configure)
        .configure(openapi::configure);
}

fn routes_of_event(cfg: &mut web::ServiceConfig) {
    cfg.configure(holds::of_event)
        .configure(availability::of_event)
        .configure(stream::of_event)
        .configure(waitlist::of_event)
        .configure(participation::of_event)
        .configure(events::of_event)
        .configure(products::of_event)
        .configure(admin::of_event);
}

async fn no_such_route() -> Result<HttpResponse, ApiError> {
    Err(ApiError::not_found("route"))
}
