//! A room of the chat: its messages and a form for another. Without scripts the page shows what was said
//! when it was loaded; with them it goes on by itself.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{lines, member, name_of, new_key, report_link};
use crate::accounts::Caller;
use crate::community::chat::{ListedRoom, MAX_MESSAGE, MessageDraft, SeenMessage};
use crate::http::api::community::chat_messages::may_send;
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::Path;
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::{MessageId, RoomId};
use crate::store::{MemberRole, MemberState};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal};
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Messages on one page.
const SHOWN: u64 = 50;

/// Refusals that the script of the page meets.
const REFUSALS: &[ErrorCode] = &[
    ErrorCode::Banned,
    ErrorCode::ChatBanned,
    ErrorCode::ChatNotJoined,
    ErrorCode::TooManyRequests,
    ErrorCode::NotFound,
    ErrorCode::Busy,
    ErrorCode::Unavailable,
    ErrorCode::ShuttingDown,
    ErrorCode::Internal,
];

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/chat/{room}").get(page).post(act))
        .service(web::resource("/chat/{room}/messages").post(send))
        .service(web::resource("/chat/{room}/messages/{message}").post(act_on_message));
}

#[derive(Default, Deserialize)]
struct Query {
    /// The place of the message before which the page ends.
    before: Option<u64>,
    notice: Option<String>,
}

/// A message as a form sends it.
#[derive(Clone, Debug, Default, Deserialize)]
struct Entered {
    /// The name of the message, under which it is stored once.
    #[serde(default)]
    key: String,
    #[serde(default)]
    text: String,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<RoomId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let entered = Entered { key: new_key(), ..Entered::default() };
    show(&state, &visitor, id, &query, (&entered, None)).await
}

/// True if the visitor reads and writes in the room.
fn has_joined(listed: &ListedRoom) -> bool {
    listed.member.as_ref().is_some_and(|member| member.state == MemberState::Joined)
}

/// True if the visitor rules the room with these roles.
pub(super) fn rules(listed: &ListedRoom, roles: &[MemberRole]) -> bool {
    has_joined(listed) && listed.member.as_ref().is_some_and(|it| roles.contains(&it.role))
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: RoomId,
    query: &Query,
    (entered, refused): (&Entered, Option<&str>),
) -> Result<HttpResponse, ApiError> {
    let caller = member(visitor)?;
    // Before the messages: what is said between the two comes again, and is known by its id.
    let listed = state.chat.room(caller, id, visitor.now).await?;
    let of = (query.before, None);
    let mut said = state.chat.history(caller, id, of, SHOWN, visitor.now).await?;
    let earlier = (said.len() as u64 == SHOWN).then(|| said.last().map(|seen| seen.row.seq));
    said.reverse();
    if let (true, None, Some(last)) = (has_joined(&listed), query.before, said.last()) {
        state.chat.read(caller, id, last.row.seq, visitor.now).await?;
    }
    let room = &listed.room;
    let is_latest = query.before.is_none();
    let main = html! {
        section.narrow {
            p.back { a href="/chat" { (visitor.text("chat.title")) } }
            h1 { (room.name) }
            @if !room.description.is_empty() { (lines(&room.description)) }
            p.facts {
                a href={ "/chat/" (id) "/people" } { (visitor.text("chat.people")) }
                @if let Some(concert) = room.concert {
                    a href={ "/events/" (concert) "/fans" } { (visitor.text("fans.link")) }
                }
                span.hint id="presence" role="status" {}
                span.hint id="connection" role="status" {}
            }
            @if let Some(Some(earlier)) = earlier {
                p.more { a.button.quiet href={ "/chat/" (id) "?before=" (earlier) } { (visitor.text("chat.earlier")) } }
            }
            @if said.is_empty() { p.empty id="nothing-said" { (visitor.text("chat.nothing_said")) } }
            div role="log" {
                ol.messages id="messages" data-room=(id) data-me=(caller.user)
                    data-rev=(room.last_rev) data-live=(has_joined(&listed) && is_latest)
                {
                    @for seen in &said { (message(visitor, &listed, seen)) }
                }
            }
            p.hint id="typing" aria-live="off" {}
            @if is_latest { (writing(visitor, &listed, entered, refused)) }
            @else { p.more { a.button href={ "/chat/" (id) } { (visitor.text("chat.latest")) } } }
            (actions(visitor, &listed))
        }
    };
    let page = Page::new(&room.name).main(main).script("chat.js").refusals(REFUSALS);
    Ok(layout::render(visitor, page.notice(query.notice.as_deref())))
}

fn message(visitor: &Visitor, listed: &ListedRoom, seen: &SeenMessage) -> Markup {
    let row = &seen.row;
    let is_own = visitor.caller.is_some_and(|caller| caller.user == row.author);
    let may_delete =
        is_own || visitor.is_admin() || rules(listed, &[MemberRole::Owner, MemberRole::Moderator]);
    let address = format!("/chat/{}/messages/{}", row.room, row.id);
    let is_deleted = row.deleted_at.is_some();
    html! {
        li.message.own[is_own] id={ "message-" (row.id) } data-id=(row.id) data-seq=(row.seq) {
            p.facts {
                (name_of(visitor, seen.author_name.as_deref()))
                time.hint datetime=(rfc3339(row.created_at)) {
                    (format::time(visitor.language, row.created_at, visitor.site.zone))
                }
                @if row.edited_at.is_some() && !is_deleted { span.hint { (visitor.text("community.edited")) } }
            }
            @if let Some(answered) = row.reply_to {
                p.fine { a href={ "#message-" (answered) } { (visitor.text("chat.answers")) } }
            }
            @if is_deleted { p.hint { (visitor.text("chat.deleted")) } } @else { (lines(&row.content)) }
            @if !is_deleted && has_joined(listed) && may_delete {
                details {
                    summary { (visitor.text("comments.change")) }
                    form.stack method="post" action=(address) {
                        @if is_own {
                            label for={ "text-" (row.id) } { (visitor.text("chat.text")) }
                            textarea id={ "text-" (row.id) } name="text" rows="2" maxlength=(MAX_MESSAGE) { (row.content) }
                            button.button name="do" value="change" { (visitor.text("comments.save")) }
                        }
                        button.button.quiet name="do" value="delete" { (visitor.text("comments.delete")) }
                    }
                }
            }
            @if !is_own && !is_deleted { (report_link(visitor, "MESSAGE", row.id.0)) }
        }
    }
}

fn writing(
    visitor: &Visitor,
    listed: &ListedRoom,
    entered: &Entered,
    refused: Option<&str>,
) -> Markup {
    let address = format!("/chat/{}", listed.room.id);
    if !has_joined(listed) {
        return html! {
            (refusal(refused))
            form.row method="post" action=(address) {
                button.button name="do" value="join" { (visitor.text("chat.join")) }
                span.hint { (visitor.text("chat.join_says")) }
            }
        };
    }
    let field = Field {
        name: "text",
        label: visitor.text("chat.text"),
        value: &entered.text,
        required: true,
        ..Field::default()
    };
    html! {
        form.stack id="write" method="post" action={ (address) "/messages#write" } {
            (refusal(refused))
            p.error id="refused" role="alert" hidden {}
            input type="hidden" name="key" value=(entered.key);
            (field.area(2))
            button.button { (visitor.text("chat.send")) }
        }
    }
}

fn actions(visitor: &Visitor, listed: &ListedRoom) -> Markup {
    let is_owner = rules(listed, &[MemberRole::Owner]);
    html! {
        @if has_joined(listed) {
            form.row method="post" action={ "/chat/" (listed.room.id) } {
                @if is_owner {
                    details {
                        summary { (visitor.text("chat.close")) }
                        p { (visitor.text("chat.close_does")) }
                        button.button.quiet name="do" value="close" { (visitor.text("chat.close_now")) }
                    }
                } @else {
                    button.button.quiet name="do" value="leave" { (visitor.text("chat.leave")) }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Act {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    text: String,
}

async fn act(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<RoomId>,
    Form(act): Form<Act>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    match &*act.what {
        "join" => {
            let scope = crate::community::moderation::BanScope::Chat;
            state.moderation.allow(caller, scope, Some(id.0), visitor.now).await?;
            state.chat.join(caller, id, visitor.now).await?;
        }
        "leave" => {
            state.chat.leave(caller, id, visitor.now).await?;
            return Ok(see_other("/chat?notice=left_room"));
        }
        "close" => {
            state.chat.close_room(caller, id, visitor.now).await?;
            return Ok(see_other("/chat?notice=room_closed"));
        }
        _ => {}
    }
    Ok(see_other(&format!("/chat/{id}")))
}

async fn send(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<RoomId>,
    Form(entered): Form<Entered>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let Err(failure) = say(&state, caller, id, &entered, visitor.now).await else {
        return Ok(see_other(&format!("/chat/{id}#write")));
    };
    if matches!(failure.code().status().as_u16(), 404 | 500..)
        || failure.code() == ErrorCode::ChatBanned
    {
        return Err(failure);
    }
    let said = explain(&visitor, &failure);
    let query = Query::default();
    let mut page = show(&state, &visitor, id, &query, (&entered, Some(&said))).await?;
    mark_refused(&mut page, failure.code());
    Ok(page)
}

async fn say(
    state: &AppState,
    caller: Caller,
    room: RoomId,
    entered: &Entered,
    now: i64,
) -> Result<(), ApiError> {
    let person = state.chat.person(caller).await?;
    may_send(state, caller, room).await?;
    let nonce = (!entered.key.is_empty()).then(|| entered.key.clone());
    let content = entered.text.replace("\r\n", "\n");
    let draft = MessageDraft { content, nonce, reply_to: None };
    state.chat.send(&person, room, draft, now).await?;
    Ok(())
}

async fn act_on_message(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path((room, id)): Path<(RoomId, MessageId)>,
    Form(act): Form<Act>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let person = state.chat.person(caller).await?;
    match &*act.what {
        "change" => {
            may_send(&state, caller, room).await?;
            let text = act.text.replace("\r\n", "\n");
            state.chat.edit(&person, (room, id), &text, visitor.now).await?;
        }
        "delete" => {
            let is_staff = state.moderation.is_moderator(caller);
            state.chat.delete(&person, (room, id), is_staff, visitor.now).await?;
        }
        _ => {}
    }
    Ok(see_other(&format!("/chat/{room}#message-{id}")))
}
