//! The API document, the pages that show it, and the document of the messages, served from the
//! binary. The routes' own descriptions are collected here; `openapi/shared.rs` adds the parts that
//! all of them share.

mod codes;
pub(crate) mod forms;
mod headers;
mod names;
mod roles;
mod schemas;
mod shared;

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

pub use headers::EXPOSED;
use shared::Shared;

use crate::http::api::accounts::{
    auth, challenge, guests, identities, mail_links, profile, sessions, social, users,
};
use crate::http::api::audit::{journal, verify};
use crate::http::api::box_office::{
    availability, checkout, complimentary, holders, holds, participation, reservations, seats,
    stream, waitlist,
};
use crate::http::api::classes::{
    certificate, dashboard, decisions, desk, enrollments, exports, mclasses,
};
use crate::http::api::cluster::{health, instances};
use crate::http::api::community::articles::{self, comments, lists, reactions};
use crate::http::api::community::moderation::{self, bans, reports};
use crate::http::api::community::{
    artists, chat_messages, chat_rooms, chat_socket, concerts, images, likes, setlists,
};
use crate::http::api::forms::forms as enrollment_forms;
use crate::http::api::offerings::{checkins, events, products, sale, tickets};
use crate::http::api::outbox::{deliveries, feed};
use crate::http::api::payments::{
    administration as payments_administration, pay, refunds, wallet, webhooks,
};
use crate::http::api::roles::{audit_log, grants, invitations, users as accounts};
use crate::http::api::terms;
use crate::http::api::venues::{Packed, drawings, plans, seat_states, venues};
use crate::http::api::waiting_room::{admin as queue_admin, queue, stream as queue_stream};
use crate::http::api::webhooks::{endpoints, log};
use crate::http::envelope::Failure;

#[derive(OpenApi)]
#[openapi(
    info(title = "Admit One", description = "Sells seats at events to crowds that arrive all at once, never a place twice."),
    paths(
        health::health, health::live, health::ready,
        auth::register, auth::login, auth::refresh, auth::logout,
        challenge::show,
        guests::guest, guests::leave_email, guests::claim,
        mail_links::ask, mail_links::reset, mail_links::send, mail_links::confirm,
        social::providers, social::begin, social::callback, social::callback_form,
        sessions::list, sessions::end, sessions::end_all,
        users::me, profile::change_me, users::forget_me,
        identities::list, identities::link, identities::unlink, identities::set_password,
        identities::add_email,
        events::list, events::show, events::create, events::change, events::replace,
        events::cancel,
        participation::participate,
        mclasses::list, mclasses::show, mclasses::create, mclasses::change, mclasses::delete,
        enrollments::list, enrollments::list_of_class, enrollments::apply, enrollments::show,
        enrollments::change, enrollments::cancel, enrollments::accept,
        decisions::show, decisions::decide, decisions::decide_many, decisions::move_up,
        enrollment_forms::show, enrollment_forms::schema, enrollment_forms::create,
        enrollment_forms::replace, enrollment_forms::delete,
        decisions::attendance, desk::list, desk::changes_of_enrollment, desk::changes_of_class,
        dashboard::show, exports::enrollments_csv, exports::enrollments_xlsx,
        exports::waitlist_csv, certificate::show,
        availability::availability, availability::seats, stream::follow, verify::audit,
        holds::list, holds::place, holds::show, holds::change, holds::release,
        holds::extend,
        waitlist::list, waitlist::join, waitlist::show, waitlist::leave, waitlist::accept,
        checkout::create, reservations::list, reservations::show, reservations::cancel,
        pay::pay, pay::list, pay::show, wallet::wallet, wallet::charge, wallet::charge_for,
        refunds::create, refunds::list_of, refunds::list, refunds::retry, refunds::paid,
        reservations::give_up,
        tickets::list, tickets::show, tickets::qr, checkins::check_in, checkins::undo,
        products::show, products::add, products::change, products::withdraw,
        payments_administration::list, payments_administration::paid,
        payments_administration::refused, payments_administration::settled, payments_administration::notifications,
        webhooks::receive,
        seats::show,
        holders::reservations, holders::holds, holders::waitlist, complimentary::give,
        sale::block, sale::unblock, sale::resize, sale::reprice, sale::add_row,
        sale::remove_seats, sale::keep_seats, sale::move_event, sale::open, sale::pause, sale::close,
        sale::cancel,
        instances::instances, instances::whereabouts, journal::journal,
        feed::feed, feed::of_class, deliveries::list, deliveries::show, deliveries::retry, deliveries::retry_all,
        deliveries::cancel,
        venues::list, venues::create, venues::show, venues::change,
        plans::list, plans::add, plans::show, plans::generate,
        drawings::plan, seat_states::states,
        queue::enqueue, queue::challenge, queue::status, queue::progress, queue::audit, queue::leave, queue::validate,
        queue_stream::follow, queue_admin::show, queue_admin::set, queue_admin::draw,
        queue_admin::guests, queue_admin::void,
        chat_rooms::list, chat_rooms::create, chat_rooms::of_concert, chat_rooms::show,
        chat_rooms::change, chat_rooms::close, chat_rooms::join, chat_rooms::leave,
        chat_rooms::members, chat_rooms::invite, chat_rooms::set_role, chat_rooms::bans,
        chat_rooms::ban, chat_rooms::lift,
        chat_messages::list, chat_messages::send, chat_messages::edit, chat_messages::delete,
        chat_messages::read, chat_socket::open,
        setlists::show, setlists::put, setlists::delete, setlists::versions, setlists::version,
        setlists::attendance, setlists::attend, setlists::not_attend, setlists::attended,
        likes::list, likes::show, likes::switch, likes::like, likes::unlike,
        concerts::list, concerts::show, concerts::put, concerts::take_back,
        artists::list, artists::create, artists::show, artists::change, artists::delete,
        artists::list_series, artists::create_series, artists::show_series,
        artists::change_series, artists::delete_series,
        images::upload, images::show, images::delete,
        terms::list, terms::create, terms::agreements, terms::show, terms::replace, terms::retire,
        terms::agree,
        lists::list, articles::create, articles::show, articles::change, articles::delete,
        articles::publish, articles::unpublish, lists::mine, lists::bookmarks,
        reactions::switch, reactions::like, reactions::unlike, reactions::keep, reactions::let_go,
        comments::list, comments::create, comments::change, comments::delete,
        reports::create, reports::list, moderation::hide, moderation::restore, moderation::dismiss,
        bans::list, bans::create, bans::lift,
        grants::list, grants::give, grants::revoke, accounts::list, audit_log::list,
        audit_log::export, invitations::list, invitations::invite, invitations::withdraw,
        invitations::accept,
        endpoints::list, endpoints::create, endpoints::show, endpoints::change, endpoints::delete,
        endpoints::rotate, endpoints::ping,
        log::list, log::replay, log::replay_since,
    ),
    components(schemas(Failure, lists::ArticleOrder, concerts::ConcertOrder, crate::community::catalogue::Stage, reports::ReportState, crate::ids::SessionId, stream::Delta, forms::ClassSort, forms::EnrollmentSort, forms::SocialMode)),
    servers((url = "/", description = "The server that this document is from")),
    tags(
        (name = "auth", description = "Accounts and tokens"),
        (name = "users", description = "One's own account"),
        (name = "events", description = "What is on sale, and what is left of it"),
        (name = "classes", description = "Classes, and applications for them"),
        (name = "holds", description = "Places kept for a few minutes"),
        (name = "reservations", description = "Holds checked out, to be paid"),
        (name = "wallet", description = "Money to pay with"),
        (name = "waitlist", description = "Lines for what is sold out"),
        (name = "queue", description = "Waiting rooms: a place in line for a sale"),
        (name = "tickets", description = "Tickets, and the door"),
        (name = "chat", description = "Rooms, and what is said in them"),
        (name = "concerts", description = "What fans see of events beside their sales, artists and series"),
        (name = "images", description = "Pictures that people upload"),
        (name = "setlists", description = "What was played, and who was there"),
        (name = "terms", description = "Terms that people agree to"),
        (name = "articles", description = "What fans write, and reports of it"),
        (name = "admin", description = "For staff: each operation says which roles it needs"),
        (name = "health", description = "For load balancers"),
    ),
    modifiers(&Shared),
    security(("bearer" = []))
)]
struct Api;

/// Returns the complete document.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        // As text between, which the libraries write and read by themselves: debug builds have those
        // optimised, and every test of the API makes the document.
        let document = Api::openapi().to_json().expect("the document is plain data");
        let mut document: Value = document.parse().expect("it was just written");
        schemas::complete(&mut document);
        headers::complete(&mut document);
        document
    });
    &DOCUMENT
}

/// Returns the methods of a route pattern, as the header `Allow` lists them.
#[must_use]
pub fn allowed(pattern: &str) -> Option<&'static str> {
    static ALLOWED: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
        let name = |method: &Method| match *method {
            Method::GET => "GET, HEAD".to_owned(),
            _ => method.to_string(),
        };
        let line = |item| {
            let there = methods(item).map(|(method, _)| name(&method));
            there.chain(["OPTIONS".to_owned()]).collect::<Vec<_>>()
        };
        paths().map(|(path, item)| (path, line(item).join(", "))).collect()
    });
    ALLOWED.get(pattern).map(String::as_str)
}

/// Returns the methods of a route pattern that take no body.
#[must_use]
pub fn without_body(pattern: &str) -> &'static [Method] {
    static WITHOUT: LazyLock<HashMap<&str, Vec<Method>>> = LazyLock::new(|| {
        let takes_none = |(_, operation): &(Method, &Value)| operation["requestBody"].is_null();
        let without = |item| methods(item).filter(takes_none).map(|(method, _)| method).collect();
        paths().map(|(path, item)| (path, without(item))).collect()
    });
    WITHOUT.get(pattern).map_or(&[], Vec::as_slice)
}

fn paths() -> impl Iterator<Item = (&'static str, &'static Value)> {
    let paths = document()["paths"].as_object().into_iter().flatten();
    paths.map(|(path, item)| (path.as_str(), item))
}

fn methods(item: &'static Value) -> impl Iterator<Item = (Method, &'static Value)> {
    let all = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    all.into_iter().filter_map(|method| {
        let operation = item.get(method.as_str().to_ascii_lowercase())?;
        Some((method, operation))
    })
}

/// The document of the messages for other systems: AsyncAPI, as YAML.
pub const MESSAGES: &str = include_str!("../../docs/asyncapi.yaml");

/// The document of the chat's frames: AsyncAPI, as JSON.
pub const CHAT: &str = include_str!("../../docs/chat.asyncapi.json");

const DOCUMENT_PATH: &str = "/api-docs/openapi.json";

/// Answers with the document. It is large: it is written and compressed once.
async fn packed(request: HttpRequest) -> HttpResponse {
    static PACKED: LazyLock<Packed> = LazyLock::new(|| {
        let json = serde_json::to_vec(document()).expect("the document is plain data");
        let tag = blake3::hash(&json).to_hex()[..16].to_uppercase();
        Packed::whole_of(&tag, json.into())
    });
    PACKED.answer(&request)
}

async fn messages() -> HttpResponse {
    HttpResponse::Ok().content_type("application/yaml").body(MESSAGES)
}

async fn chat_frames() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(CHAT)
}

/// Adds the routes of the documents and of Swagger UI.
pub fn configure(cfg: &mut web::ServiceConfig) {
    let config = Config::from(DOCUMENT_PATH)
        .filter(true)
        .persist_authorization(true)
        .display_operation_id(true)
        .try_it_out_enabled(true);
    let pages = SwaggerUi::new("/api-docs/{_:.*}").config(config);
    cfg.service(web::redirect("/api-docs", "/api-docs/"));
    cfg.route(DOCUMENT_PATH, web::get().to(packed));
    cfg.route("/api-docs/asyncapi.yaml", web::get().to(messages));
    cfg.route("/api-docs/asyncapi.json", web::get().to(chat_frames));
    cfg.service(pages);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_list_error_codes_are_documented() {
        for (method, path) in codes::operations() {
            let operation = &document()["paths"][path][method];
            assert!(operation.is_object(), "{method} {path} is no operation of the document");
        }
    }
}
