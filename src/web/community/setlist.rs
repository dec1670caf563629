//! The setlist of a concert, its versions, and who was there.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{member, name_of};
use crate::community::setlists::{Setlist, SetlistError, Song};
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::places;
use crate::web::visitor::Visitor;

/// Versions on the page.
const SHOWN: u64 = 20;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/events/{event}/setlist").get(page))
        .service(web::resource("/events/{event}/attendance").post(attend));
}

#[derive(Deserialize)]
struct Query {
    /// The version to show; the last if left out.
    version: Option<u32>,
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let event = state.offerings.offering(id).await?;
    let found = match query.version {
        Some(version) => Some(state.setlists.version(id, version).await?),
        None => match state.setlists.current(id).await {
            Ok(setlist) => Some(setlist),
            Err(SetlistError::NoSetlist) => None,
            Err(error) => return Err(error.into()),
        },
    };
    let versions = state.setlists.versions(id, None, SHOWN).await?;
    let there = state.setlists.attendance(id, visitor.caller.map(|caller| caller.user)).await?;
    let has_begun = event.details.event_date <= visitor.now;
    let title = visitor.text("setlist.title");
    let main = html! {
        section.narrow {
            p.back { a href={ "/events/" (id) "/fans" } { (event.details.name) } }
            h1 { (title) }
            (places::heading(&visitor, &event))
            @match &found {
                Some(setlist) => (songs(&visitor, setlist)),
                None => p.empty { (visitor.text("setlist.none")) },
            }
            p { a.button.quiet href={ "/events/" (id) "/setlist/edit" } { (visitor.text("setlist.write")) } }
            @if has_begun {
                form.row method="post" action={ "/events/" (id) "/attendance" } {
                    @if there.attended {
                        button.button.quiet name="there" value="off" { (visitor.text("setlist.was_there")) }
                    } @else {
                        button.button name="there" value="on" { (visitor.text("setlist.i_was_there")) }
                    }
                    span.hint { (visitor.fill("setlist.there", &[("n", &format::number(there.count))])) }
                }
            }
            @if versions.len() > 1 {
                details {
                    summary { (visitor.text("setlist.versions")) }
                    ul.plain {
                        @for version in &versions {
                            li {
                                @if version.is_deleted { span { (visitor.text("setlist.deleted")) } }
                                @else {
                                    a href={ "/events/" (id) "/setlist?version=" (version.version) } {
                                        (visitor.fill("setlist.version", &[("n", &format::number(version.version))]))
                                    }
                                }
                                " "
                                (name_of(&visitor, version.author_name.as_deref())) " "
                                (format::time(visitor.language, version.created_at, visitor.site.zone))
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main).notice(query.notice.as_deref())))
}

fn songs(visitor: &Visitor, setlist: &Setlist) -> Markup {
    let link = |address: &Option<String>, service: &'static str| {
        html! {
            @if let Some(address) = address {
                " " a.fine href=(address) rel="nofollow noopener" target="_blank" {
                    @match setlist.titles.get(address) {
                        Some(title) => { (service) ": " (title) },
                        None => (service),
                    }
                }
            }
        }
    };
    let song = |song: &Song| {
        html! {
            li {
                strong { (song.title) }
                @if let Some(artist) = &song.artist { " · " (artist) }
                @if let Some(note) = &song.note { " " span.hint { "(" (note) ")" } }
                @if song.is_encore { " " span.badge { (visitor.text("setlist.encore")) } }
                (link(&song.youtube_music, "YouTube Music"))
                (link(&song.spotify, "Spotify"))
            }
        }
    };
    html! {
        ol.songs { @for one in &setlist.songs { (song(one)) } }
        p {
            (link(&setlist.playlists.youtube_music, "YouTube Music"))
            (link(&setlist.playlists.spotify, "Spotify"))
        }
        p.fine {
            (visitor.fill("setlist.version", &[("n", &format::number(setlist.version))])) " "
            (name_of(visitor, setlist.author_name.as_deref())) " "
            (format::time(visitor.language, setlist.created_at, visitor.site.zone))
        }
    }
}

#[derive(Deserialize)]
struct Choice {
    there: String,
}

async fn attend(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    Form(choice): Form<Choice>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    state.setlists.attend(caller, id, choice.there == "on", visitor.now).await?;
    Ok(see_other(&format!("/events/{id}/setlist")))
}
