//! The people of a room: who is in it, who is banned from it, and what its owner and moderators may do.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::chat_room::rules;
use super::parts::{member, name_of};
use crate::community::moderation::BanScope;
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{RoomId, UserId};
use crate::store::{MemberRole, MemberRow, MemberState, RoomKind};
use crate::text::InvalidField;
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal, select};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// People on one page.
const SHOWN: u64 = 50;
const HOUR_MS: i64 = 3_600_000;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/chat/{room}/people").get(page).post(act));
}

#[derive(Default, Deserialize)]
struct Query {
    /// Any value: those who are banned.
    banned: Option<String>,
    after: Option<UserId>,
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<RoomId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, id, &query, None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: RoomId,
    query: &Query,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(visitor)?;
    let listed = state.chat.room(caller, id, visitor.now).await?;
    let is_owner = rules(&listed, &[MemberRole::Owner]);
    let is_ruler = is_owner || rules(&listed, &[MemberRole::Moderator]);
    let shows_banned = query.banned.is_some();
    let which = if shows_banned { MemberState::Banned } else { MemberState::Joined };
    let page = (query.after, SHOWN);
    let people = state.chat.members(caller, (id, which), page, visitor.now).await?;
    let next = people.last().filter(|_| people.len() as u64 == SHOWN).map(|(row, _)| row.user);
    let banned = if shows_banned { "banned=on&" } else { "" };
    let title = visitor.text(if shows_banned { "chat.banned" } else { "chat.people" });
    let main = html! {
        section.narrow {
            p.back { a href={ "/chat/" (id) } { (listed.room.name) } }
            h1 { (title) }
            (refusal(refused))
            @if is_ruler {
                p {
                    @if shows_banned { a href={ "/chat/" (id) "/people" } { (visitor.text("chat.people")) } }
                    @else { a href={ "/chat/" (id) "/people?banned=on" } { (visitor.text("chat.banned")) } }
                }
            }
            @if people.is_empty() { p.empty { (visitor.text("chat.no_people")) } }
            ul.plain {
                @for (row, name) in &people {
                    li { (one(visitor, row, name.as_deref(), (is_owner, is_ruler))) }
                }
            }
            @if let Some(next) = next {
                p.more { a.button.quiet href={ "/chat/" (id) "/people?" (banned) "after=" (next) } {
                    (visitor.text("start.more"))
                } }
            }
            @if is_ruler && listed.room.kind == RoomKind::Private { (invitation(visitor, id)) }
        }
    };
    Ok(layout::render(visitor, Page::new(title).main(main).notice(query.notice.as_deref())))
}

fn one(
    visitor: &Visitor,
    row: &MemberRow,
    name: Option<&str>,
    (is_owner, is_ruler): (bool, bool),
) -> Markup {
    let is_self = visitor.caller.is_some_and(|caller| caller.user == row.user);
    let role = match row.role {
        MemberRole::Owner => Some("chat.owner"),
        MemberRole::Moderator => Some("chat.moderator"),
        MemberRole::Member => None,
    };
    let address = format!("/chat/{}/people", row.room);
    let is_banned = row.state == MemberState::Banned;
    html! {
        p.facts {
            (name_of(visitor, name))
            @if let Some(role) = role { span.badge { (visitor.text(role)) } }
            @if let Some(reason) = &row.ban_reason { span.hint { (reason) } }
        }
        @if is_ruler && !is_self && row.role != MemberRole::Owner {
            @if is_banned {
                form.row method="post" action=(address) {
                    input type="hidden" name="person" value=(row.user);
                    button.button.quiet name="do" value="lift" { (visitor.text("chat.lift")) }
                }
            } @else {
                details {
                    summary { (visitor.text("chat.rule")) }
                    form.stack method="post" action=(address) {
                        input type="hidden" name="person" value=(row.user);
                        @if is_owner {
                            @if row.role == MemberRole::Moderator {
                                button.button.quiet name="do" value="demote" { (visitor.text("chat.demote")) }
                            } @else {
                                button.button.quiet name="do" value="promote" { (visitor.text("chat.promote")) }
                            }
                        }
                        (ban_fields(visitor))
                        button.button.quiet name="do" value="ban" { (visitor.text("chat.ban")) }
                    }
                }
            }
        }
    }
}

/// Renders the fields of a ban.
fn ban_fields(visitor: &Visitor) -> Markup {
    let hours =
        [("1", "chat.hour"), ("24", "chat.day"), ("168", "chat.week"), ("", "chat.for_ever")]
            .map(|(hours, key)| (hours.to_owned(), visitor.text(key).to_owned()));
    let reason = Field {
        name: "reason",
        label: visitor.text("chat.reason"),
        max_length: Some(500),
        ..Field::default()
    };
    html! {
        (reason.render())
        (select("hours", visitor.text("chat.how_long"), "24", &hours))
    }
}

fn invitation(visitor: &Visitor, id: RoomId) -> Markup {
    let person = Field {
        name: "person",
        label: visitor.text("chat.number"),
        hint: Some(visitor.text("chat.number_hint")),
        required: true,
        max_length: Some(40),
        ..Field::default()
    };
    html! {
        h2 { (visitor.text("chat.invite")) }
        form.stack method="post" action={ "/chat/" (id) "/people" } {
            (person.render())
            button.button name="do" value="invite" { (visitor.text("chat.invite")) }
        }
    }
}

#[derive(Deserialize)]
struct Act {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    person: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    hours: String,
}

async fn act(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<RoomId>,
    Form(act): Form<Act>,
) -> Result<HttpResponse, ApiError> {
    let failure = match carry_out(&state, &visitor, id, &act).await {
        Ok(()) => return Ok(see_other(&format!("/chat/{id}/people?notice=done"))),
        Err(failure) => failure,
    };
    if failure.code().status().as_u16() >= 500 {
        return Err(failure);
    }
    let said = explain(&visitor, &failure);
    let mut page = show(&state, &visitor, id, &Query::default(), Some(&said)).await?;
    mark_refused(&mut page, failure.code());
    Ok(page)
}

async fn carry_out(
    state: &AppState,
    visitor: &Visitor,
    id: RoomId,
    act: &Act,
) -> Result<(), ApiError> {
    let (caller, now) = (member(visitor)?, visitor.now);
    state.moderation.allow(caller, BanScope::Chat, Some(id.0), now).await?;
    let wrong = |_| InvalidField::new("memberId", "is not the number of a person");
    let person: UserId = act.person.trim().parse().map_err(wrong)?;
    let chat = &state.chat;
    match &*act.what {
        "promote" => drop(chat.set_moderator(caller, id, (person, true), now).await?),
        "demote" => drop(chat.set_moderator(caller, id, (person, false), now).await?),
        "lift" => chat.lift(caller, id, person, now).await?,
        "invite" => drop(chat.invite(caller, id, person, now).await?),
        "ban" => {
            let hours = act.hours.parse::<i64>().ok().filter(|hours| (1..=8_760).contains(hours));
            let until = hours.map(|hours| now + hours * HOUR_MS);
            chat.ban(caller, (id, person), (until, &act.reason), now).await?;
        }
        _ => {}
    }
    Ok(())
}
