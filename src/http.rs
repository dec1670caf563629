//! The whole route table and the order of middleware. Handlers parse, make one call, and render;
//! they hold no rules and read no tables.
//!
//! A resource registers each path once, as `web::resource(path)` with all its methods, so that any
//! other method is answered 405 and not 404.

pub mod api;
pub mod commands;
pub(crate) mod csv_file;
pub mod dto;
pub mod envelope;
pub mod error;
pub mod extract;
pub mod middleware;
pub mod nearest;
pub mod openapi;
pub mod pages;
pub mod respond;
pub mod staff;
pub mod state;
pub(crate) mod xlsx_file;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, Error, HttpResponse, web};

use api::{
    accounts, audit, box_office, classes, cluster, community, forms, offerings, outbox, payments,
    roles, terms, venues, waiting_room, webhooks,
};
use box_office::{availability, stream};
use error::ApiError;
use state::AppState;

/// Builds the application of one HTTP worker; `crowded` and `pages` add the routes that are not the
/// API's: those that a crowd asks for, and the others.
pub fn app(
    state: web::Data<AppState>,
    crowded: impl FnOnce(&mut web::ServiceConfig),
    pages: impl FnOnce(&mut web::ServiceConfig),
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
    let is_worker = state.config.is_worker;
    // The last `wrap` is the outermost.
    App::new()
        .app_data(state)
        .configure(move |cfg| {
            if is_worker {
                return routes_of_worker(cfg);
            }
            cfg.configure(routes_of_sale).configure(crowded).configure(routes).configure(pages);
        })
        .default_service(web::route().to(no_such_route))
        .wrap(Condition::new(has_pages_elsewhere, from_fn(middleware::cors::allow)))
        .wrap(from_fn(middleware::request_context::request_context))
}

/// Registers the routes of a sale. The router tries routes in order, and a pattern with a parameter
/// costs a search: the most frequent requests of a sale come first, and all paths below an event, or its
/// queue, share one search.
fn routes_of_sale(cfg: &mut web::ServiceConfig) {
    // Each worker has its own caches, so that no worker waits for another.
    cfg.app_data(web::Data::new(availability::Rendered::default()))
        .app_data(web::Data::new(stream::Streams::default()))
        .service(web::scope("/api/events/{event}").configure(routes_of_event))
        .service(web::scope("/api/queue/{event}").configure(routes_of_queue))
        .configure(box_office::checkout::configure)
        .configure(box_office::reservations::configure)
        .configure(payments::pay::configure)
        .configure(payments::refunds::configure);
}

fn routes_of_queue(cfg: &mut web::ServiceConfig) {
    cfg.configure(waiting_room::queue::of_event).configure(waiting_room::stream::of_event);
}

/// Registers what a worker answers: its health, and the calls of instances.
fn routes_of_worker(cfg: &mut web::ServiceConfig) {
    cfg.configure(cluster::health::configure).configure(cluster::internal::configure);
}

/// Registers all other routes of the API.
fn routes(cfg: &mut web::ServiceConfig) {
    cfg.configure(cluster::health::configure)
        .configure(accounts::auth::configure)
        .configure(accounts::challenge::configure)
        .configure(accounts::guests::configure)
        .configure(accounts::mail_links::configure)
        .configure(accounts::sessions::configure)
        .configure(accounts::profile::configure)
        .configure(accounts::identities::configure)
        .configure(accounts::social::configure)
        .configure(offerings::events::configure)
        .configure(classes::enrollments::configure)
        .configure(classes::mclasses::configure)
        .configure(classes::decisions::configure)
        .configure(forms::forms::configure)
        .configure(classes::desk::configure)
        .configure(classes::dashboard::configure)
        .configure(classes::exports::configure)
        .configure(classes::certificate::configure)
        .configure(community::setlists::configure)
        .configure(community::concerts::configure)
        .configure(community::artists::configure)
        .configure(community::images::configure)
        .configure(community::chat_rooms::configure)
        .configure(community::chat_messages::configure)
        .configure(community::chat_socket::configure)
        .configure(payments::wallet::configure)
        .configure(payments::administration::configure)
        .configure(payments::webhooks::configure)
        .configure(offerings::tickets::configure)
        .configure(offerings::checkins::configure)
        .configure(cluster::internal::configure)
        .configure(cluster::instances::configure)
        .configure(audit::journal::configure)
        .configure(outbox::deliveries::configure)
        .configure(outbox::feed::configure)
        .configure(box_office::holders::configure)
        .configure(box_office::complimentary::configure)
        .configure(box_office::seats::configure)
        .configure(offerings::sale::configure)
        .configure(community::likes::configure)
        .configure(terms::configure)
        .configure(community::articles::configure)
        .configure(community::moderation::configure)
        .configure(roles::grants::configure)
        .configure(roles::invitations::configure)
        .configure(roles::users::configure)
        .configure(roles::audit_log::configure)
        .configure(waiting_room::admin::configure)
        .configure(venues::venues::configure)
        .configure(venues::plans::configure)
        .configure(webhooks::endpoints::configure)
        .configure(webhooks::log::configure)
        .configure(openapi::configure);
}

fn routes_of_event(cfg: &mut web::ServiceConfig) {
    cfg.configure(box_office::holds::of_event)
        .configure(availability::of_event)
        .configure(stream::of_event)
        .configure(venues::seat_states::of_event)
        .configure(venues::drawings::of_event)
        .configure(box_office::waitlist::of_event)
        .configure(box_office::participation::of_event)
        .configure(offerings::events::of_event)
        .configure(offerings::products::of_event)
        .configure(outbox::feed::of_event)
        .configure(audit::verify::of_event)
        .configure(community::setlists::of_event)
        .configure(community::likes::of_event)
        .configure(community::concerts::of_event)
        .configure(community::chat_rooms::of_event);
}

async fn no_such_route() -> Result<HttpResponse, ApiError> {
    Err(ApiError::not_found("route"))
}
