//! The pages for people: server-rendered HTML that works without scripts, small modules for the
//! parts that move, and their assets. Handlers parse, call the same functions as the API, and render;
//! they never make HTTP requests to the server itself and hold no rules.

mod asset_routes;
mod assets;
mod cookies;
mod dev_mail;
mod errors;
mod fields;
mod form_fields;
mod format;
mod forms;
mod kept_pages;
mod language;
mod layout;
mod mail_links;
mod policy;
mod public_pages;
mod refusals;
mod sessions;
mod signed_in;
mod site;
mod staff;
mod visitor;

mod account;
mod basket;
mod checkout;
mod class;
mod closing;
pub(crate) mod community;
mod door;
mod downloads;
mod event;
mod guests;
mod invitation;
mod offline;
mod order_refunds;
mod order_status;
mod orders;
mod organiser;
mod own_sessions;
mod pay;
mod pictures;
mod places;
mod purchase;
mod registration;
mod shop;
mod social;
mod social_login;
mod terms;
mod tickets;

use actix_web::middleware::from_fn;
use actix_web::{Resource, web};

pub use site::Site;

/// Adds what a crowd that waits for a sale asks for: files, the start page and the page of an event. The
/// router tries these before the many routes of the API and of other pages.
pub fn configure_crowded(cfg: &mut web::ServiceConfig, site: &web::Data<Site>) {
    let public = |page: Resource| {
        page.wrap(from_fn(sessions::renewed))
            .wrap(from_fn(errors::as_pages))
            .wrap(from_fn(public_pages::kept))
    };
    cfg.app_data(site.clone())
        .app_data(errors::PAGE_OF_REFUSAL)
        .configure(asset_routes::configure)
        .service(public(shop::resource()))
        .service(public(event::resource()));
}

/// Adds every other page, and the answer to paths that no route matches.
pub fn configure(cfg: &mut web::ServiceConfig, site: &web::Data<Site>) {
    cfg.app_data(site.clone()).service(
        web::scope("")
            .wrap(from_fn(staff::gate))
            .wrap(from_fn(sessions::renewed))
            .wrap(from_fn(errors::as_pages))
            .configure(event::configure)
            .configure(basket::configure)
            .configure(checkout::configure)
            .configure(class::configure)
            .configure(downloads::configure)
            .configure(orders::configure)
            .configure(tickets::configure)
            .configure(guests::configure)
            .configure(door::configure)
            .configure(offline::configure)
            .configure(account::configure)
            .configure(own_sessions::configure)
            .configure(closing::configure)
            .configure(registration::configure)
            .configure(social_login::configure)
            .configure(terms::configure)
            .configure(mail_links::configure)
            .configure(invitation::configure)
            .configure(dev_mail::configure)
            .configure(organiser::configure)
            .configure(sessions::configure)
            .configure(language::configure)
            .configure(community::configure)
            .configure(pictures::configure)
            .default_service(web::route().to(errors::no_such_page)),
    );
}
