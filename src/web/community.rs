//! The pages of what fans do: articles with their comments, the chat, setlists, likes and reports.

mod article;
mod article_form;
mod articles;
mod chat;
mod chat_people;
mod chat_room;
mod comments;
mod fans;
mod parts;
mod pictures;
mod reports;
mod setlist;
mod setlist_form;
mod thread;

pub(crate) use reports::{kind_text, reason_text};

use actix_web::web;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.configure(fans::configure)
        .configure(articles::configure)
        // Before the page of an article, whose address it could be.
        .configure(article_form::configure)
        .configure(article::configure)
        .configure(thread::configure)
        .configure(chat::configure)
        .configure(chat_room::configure)
        .configure(chat_people::configure)
        .configure(setlist::configure)
        .configure(setlist_form::configure)
        .configure(pictures::configure)
        .configure(reports::configure);
}
