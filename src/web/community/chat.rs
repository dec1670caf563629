//! The rooms of the chat: those of the visitor, those that are open, and a new one.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{after, key_of, member, new_key};
use crate::community::chat::{ListedRoom, MAX_NAME, RoomDraft};
use crate::community::moderation::BanScope;
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{OfferingId, RoomId};
use crate::store::{MemberState, OwnRooms, RoomKind};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Rooms on one page.
const SHOWN: u64 = 30;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/chat").get(list).post(create))
        .service(web::resource("/events/{event}/chat").get(of_event));
}

#[derive(Deserialize)]
struct Query {
    /// Any value: the visitor's own rooms alone.
    own: Option<String>,
    after: Option<String>,
    notice: Option<String>,
}

/// A room as a form sends it.
#[derive(Clone, Debug, Default, Deserialize)]
struct Entered {
    #[serde(default)]
    key: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    /// Present if the box is ticked.
    private: Option<String>,
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let entered = Entered { key: new_key(), ..Entered::default() };
    show(&state, &visitor, &query, &entered, None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    query: &Query,
    entered: &Entered,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(visitor)?;
    let which = if query.own.is_some() { OwnRooms::Alone } else { OwnRooms::AndOpenOnes };
    let from = after::<RoomId>(query.after.as_deref());
    let found = state.chat.rooms(caller, which, from, SHOWN).await?;
    let next = found.last().filter(|_| found.len() as u64 == SHOWN);
    let own = if query.own.is_some() { "own=on&" } else { "" };
    let title = visitor.text("chat.title");
    let main = html! {
        h1 { (title) }
        p.actions {
            @if query.own.is_some() { a href="/chat" { (visitor.text("chat.all_rooms")) } }
            @else { a href="/chat?own=on" { (visitor.text("chat.own_rooms")) } }
            a href="#new" { (visitor.text("chat.new")) }
        }
        @if found.is_empty() { p.empty { (visitor.text("chat.no_rooms")) } }
        ul.cards { @for room in &found { (card(visitor, room)) } }
        @if let Some(last) = next {
            p.more { a.button.quiet href={
                "/chat?" (own) "after=" (last.room.last_activity_at) "_" (last.room.id)
            } { (visitor.text("start.more")) } }
        }
        (form(visitor, entered, refused))
        p.fine { (visitor.text("chat.your_number")) " " code { (caller.user) } }
    };
    let page = Page::new(title).main(main).notice(query.notice.as_deref());
    Ok(layout::render(visitor, page))
}

fn card(visitor: &Visitor, listed: &ListedRoom) -> Markup {
    let ListedRoom { room, member, unread } = listed;
    let state = member.as_ref().map(|member| member.state);
    html! {
        li.card {
            a.card-link href={ "/chat/" (room.id) } { h2 { (room.name) } }
            p.facts {
                @if room.kind == RoomKind::Private { span.badge { (visitor.text("chat.private")) } }
                @if room.kind == RoomKind::Concert { span.badge { (visitor.text("chat.concert")) } }
                @if state == Some(MemberState::Invited) { span.badge { (visitor.text("chat.invited")) } }
                @if *unread > 0 {
                    span.badge { (visitor.fill("chat.unread", &[("n", &format::number(*unread))])) }
                }
                span.hint { (format::time(visitor.language, room.last_activity_at, visitor.site.zone)) }
            }
            @if !room.description.is_empty() { p { (room.description) } }
        }
    }
}

fn form(visitor: &Visitor, entered: &Entered, refused: Option<&str>) -> Markup {
    let name = Field {
        name: "name",
        label: visitor.text("chat.name"),
        value: &entered.name,
        required: true,
        max_length: u32::try_from(MAX_NAME).ok(),
        ..Field::default()
    };
    let description = Field {
        name: "description",
        label: visitor.text("chat.description"),
        value: &entered.description,
        ..Field::default()
    };
    html! {
        section.narrow {
            h2 id="new" { (visitor.text("chat.new")) }
            form.stack method="post" action="/chat#new" {
                (refusal(refused))
                input type="hidden" name="key" value=(entered.key);
                (name.render())
                (description.area(2))
                label.check {
                    input type="checkbox" name="private" value="on" checked[entered.private.is_some()];
                    span { (visitor.text("chat.make_private")) }
                }
                button.button { (visitor.text("chat.make")) }
            }
        }
    }
}

async fn create(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(entered): Form<Entered>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let draft = RoomDraft {
        name: entered.name.clone(),
        description: entered.description.clone(),
        is_private: entered.private.is_some(),
    };
    let fields = (&entered.name, &entered.description, &entered.private);
    let key = key_of(&entered.key).row_key(caller.user, "new room by form", &fields);
    let allowed = state.moderation.allow(caller, BanScope::Chat, None, visitor.now).await;
    let made = match allowed {
        Err(error) => Err(ApiError::from(error)),
        Ok(()) => {
            let made = state.chat.create_room(caller, draft, key.as_ref(), visitor.now).await;
            made.map_err(ApiError::from)
        }
    };
    let failure = match made {
        Ok((made, _)) => return Ok(see_other(&format!("/chat/{}", made.room.id))),
        Err(failure) => failure,
    };
    let query = Query { own: None, after: None, notice: None };
    let said = explain(&visitor, &failure);
    let mut page = show(&state, &visitor, &query, &entered, Some(&said)).await?;
    mark_refused(&mut page, failure.code());
    Ok(page)
}

async fn of_event(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let found = state.chat.room_of_concert(caller, event, visitor.now).await?;
    Ok(see_other(&format!("/chat/{}", found.room.id)))
}
