//! The desk of moderators: what people have reported, the thing itself, and the people who are banned.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use crate::community::moderation::{
    BanRow, BanScope, NewBan, ReportFilter, ReportOutcome, ReportRow, ReportedThing, ThingKind,
};
use crate::http::api::community::moderation::{hide_thing, restore_thing};
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::{ActRecord, IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::{BanId, ReportId, UserId};
use crate::text::InvalidField;
use crate::web::community::{kind_text, reason_text};
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal, select};
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Reports on one page.
const SHOWN: u64 = 20;
/// Bans on the page.
const BANS: u64 = 50;
const DAY_MS: i64 = 24 * 3_600_000;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/moderation").get(page).post(act))
        .service(web::resource("/organiser/moderation/bans").post(ban))
        .service(web::resource("/organiser/moderation/bans/{ban}/lift").post(lift));
}

#[derive(Default, Deserialize)]
struct Query {
    /// Any value: reports that are closed.
    closed: Option<String>,
    after: Option<ReportId>,
    notice: Option<String>,
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, &query, None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    query: &Query,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let is_open = query.closed.is_none();
    let filter = ReportFilter { is_open, kind: None, after: query.after };
    let (reports, counts) = state.moderation.reports(filter, SHOWN).await?;
    let things = state.moderation.things(reports.iter().map(|it| (it.kind, it.thing))).await?;
    let bans = state.moderation.bans(None, Some(visitor.now), None, BANS).await?;
    let people = bans.iter().map(|ban| ban.user);
    let authors = things.values().filter_map(|thing| thing.row.author);
    let names = state.store.people(people.chain(authors)).await?;
    let name = |user: &UserId| names.get(user).and_then(|it| it.name.clone()).unwrap_or_default();
    let next = reports.last().filter(|_| reports.len() as u64 == SHOWN).map(|last| last.id);
    let title = visitor.text("moderation.title");
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        (refusal(refused))
        p.actions {
            @if is_open { a href="/organiser/moderation?closed=on" { (visitor.text("moderation.closed")) } }
            @else { a href="/organiser/moderation" { (visitor.text("moderation.open")) } }
            a href="#bans" { (visitor.text("moderation.bans")) }
        }
        @if reports.is_empty() { p.empty { (visitor.text("moderation.none")) } }
        ul.cards {
            @for report in &reports {
                @let thing = things.get(&report.thing);
                @let author = thing.and_then(|it| it.row.author);
                li.card {
                    (about(visitor, report, counts.get(&report.thing).copied().unwrap_or(1)))
                    (content(visitor, report, thing, author.as_ref().map(&name).as_deref()))
                    (decision(visitor, report, thing))
                }
            }
        }
        @if let Some(next) = next {
            p.more { a.button.quiet href={
                "/organiser/moderation?after=" (next) (if is_open { "" } else { "&closed=on" })
            } { (visitor.text("start.more")) } }
        }
        (banned(visitor, &bans, &name))
    };
    let page = Page::new(title).main(main).class("wide").notice(query.notice.as_deref());
    Ok(layout::render(visitor, page))
}

/// Renders what was reported, and why.
fn about(visitor: &Visitor, report: &ReportRow, count: i64) -> Markup {
    html! {
        h2 { (kind_text(visitor, report.kind)) ": " (reason_text(visitor, report.reason)) }
        p.facts {
            (format::time(visitor.language, report.created_at, visitor.site.zone))
            @if count > 1 {
                span.badge { (visitor.fill("moderation.reports", &[("n", &format::number(count.unsigned_abs()))])) }
            }
            @match report.closed.map(|(.., outcome)| outcome) {
                Some(ReportOutcome::Hidden) => span.badge { (visitor.text("moderation.was_hidden")) },
                Some(ReportOutcome::Dismissed) => span.badge { (visitor.text("moderation.was_dismissed")) },
                None => {}
            }
        }
        @if !report.note.is_empty() { p { "“" (report.note) "”" } }
    }
}

/// Renders the thing itself.
fn content(
    visitor: &Visitor,
    report: &ReportRow,
    thing: Option<&ReportedThing>,
    author: Option<&str>,
) -> Markup {
    html! {
        @match thing {
            None => p.hint { (visitor.text("moderation.gone")) },
            Some(thing) => {
                blockquote {
                    p.plain-text { (thing.row.text) }
                    p.fine {
                        @if let Some(author) = author { (author) " · " }
                        a href=(address(report, thing)) { (visitor.text("moderation.see")) }
                    }
                }
                @if thing.is_hidden { p.warning { (visitor.text("community.hidden")) } }
            }
        }
    }
}

/// Returns where the thing is read.
fn address(report: &ReportRow, thing: &ReportedThing) -> String {
    match (report.kind, thing.row.within) {
        (ThingKind::Comment, Some(article)) => {
            format!("/articles/{article}/comments/{}", report.thing)
        }
        (ThingKind::Message, Some(room)) => format!("/chat/{room}#message-{}", report.thing),
        _ => format!("/articles/{}", report.thing),
    }
}

/// Renders what can be done about it.
fn decision(visitor: &Visitor, report: &ReportRow, thing: Option<&ReportedThing>) -> Markup {
    let reason_id = format!("reason-{}", report.id);
    let is_hidden = thing.is_some_and(|thing| thing.is_hidden);
    html! {
        form.stack method="post" action="/organiser/moderation" {
            input type="hidden" name="kind" value=(report.kind.as_str());
            input type="hidden" name="id" value=(report.thing);
            @if is_hidden && report.kind != ThingKind::Message {
                button.button.quiet name="do" value="restore" { (visitor.text("moderation.restore")) }
            } @else {
                @if thing.is_some() && !is_hidden {
                    div.field {
                        label for=(reason_id) { (visitor.text("moderation.reason")) }
                        input id=(reason_id) name="reason" maxlength="500";
                    }
                    button.button name="do" value="hide" { (visitor.text("moderation.hide")) }
                }
                @if report.closed.is_none() {
                    button.button.quiet name="do" value="dismiss" { (visitor.text("moderation.dismiss")) }
                }
            }
            @if let Some(author) = thing.and_then(|thing| thing.row.author) {
                a.fine href={ "/organiser/moderation?person=" (author) "#ban" } { (visitor.text("moderation.ban_author")) }
            }
        }
    }
}

/// Returns what a ban is about, in words.
fn scope_text(visitor: &Visitor, scope: BanScope) -> &'static str {
    visitor.text(match scope {
        BanScope::All => "moderation.all",
        BanScope::Articles => "moderation.articles",
        BanScope::Comments => "moderation.comments",
        BanScope::Chat => "moderation.chat",
        BanScope::Room => "moderation.room",
    })
}

/// Renders the bans in force, and the form for another.
fn banned(visitor: &Visitor, bans: &[BanRow], name: &dyn Fn(&UserId) -> String) -> Markup {
    let until = |ban: &BanRow| match ban.until {
        Some(at) => format::time(visitor.language, at, visitor.site.zone),
        None => html! { (visitor.text("chat.for_ever")) },
    };
    html! {
        h2 id="bans" { (visitor.text("moderation.bans")) }
        @if bans.is_empty() { p.empty { (visitor.text("moderation.no_bans")) } }
        ul.plain {
            @for ban in bans {
                li {
                    form.row method="post" action={ "/organiser/moderation/bans/" (ban.id) "/lift" } {
                        a href={ "/organiser/users/" (ban.user) } { (name(&ban.user)) }
                        span.badge { (scope_text(visitor, ban.scope)) }
                        span { (ban.reason) }
                        span.hint { (until(ban)) }
                        button.button.quiet { (visitor.text("chat.lift")) }
                    }
                }
            }
        }
        (ban_form(visitor))
    }
}

fn ban_form(visitor: &Visitor) -> Markup {
    let (_, query) = visitor.here.split_once('?').unwrap_or_default();
    let person = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "person");
    let person = person.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let person = Field {
        name: "person",
        label: visitor.text("chat.number"),
        value: &person,
        required: true,
        max_length: Some(40),
        ..Field::default()
    };
    let reason = Field {
        name: "reason",
        label: visitor.text("moderation.reason"),
        required: true,
        max_length: Some(500),
        ..Field::default()
    };
    let days =
        [("1", "chat.day"), ("7", "chat.week"), ("30", "moderation.month"), ("", "chat.for_ever")]
            .map(|(days, key)| (days.to_owned(), visitor.text(key).to_owned()));
    let scopes = [BanScope::All, BanScope::Articles, BanScope::Comments, BanScope::Chat]
        .map(|scope| (scope.as_str().to_owned(), scope_text(visitor, scope).to_owned()));
    html! {
        section.narrow {
            h2 id="ban" { (visitor.text("moderation.ban")) }
            form.stack method="post" action="/organiser/moderation/bans" {
                input type="hidden" name="key" value=(Uuid::new_v4());
                (person.render())
                (select("scope", visitor.text("moderation.scope"), "ALL", &scopes))
                (select("days", visitor.text("chat.how_long"), "7", &days))
                (reason.render())
                button.button { (visitor.text("moderation.ban")) }
            }
        }
    }
}

#[derive(Deserialize)]
struct Act {
    #[serde(rename = "do")]
    what: String,
    kind: String,
    id: Uuid,
    #[serde(default)]
    reason: String,
}

async fn act(
    state: web::Data<AppState>,
    visitor: Visitor,
    record: ActRecord,
    Form(act): Form<Act>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.staff()?;
    let kind = ThingKind::ALL.into_iter().find(|kind| kind.as_str() == act.kind);
    let thing = (kind.ok_or_else(|| ApiError::not_found("thing"))?, act.id);
    record.made(&act.id);
    let done = match &*act.what {
        "hide" => hide_thing(&state, caller, thing, &act.reason).await,
        "restore" => restore_thing(&state, thing).await,
        _ => {
            let dismissed = state.moderation.dismiss(caller, thing, visitor.now).await;
            dismissed.map(|_| ()).map_err(ApiError::from)
        }
    };
    finish(&state, &visitor, done).await
}

/// Leads back to the desk, or shows it with what was refused.
async fn finish(
    state: &AppState,
    visitor: &Visitor,
    done: Result<(), ApiError>,
) -> Result<HttpResponse, ApiError> {
    let failure = match done {
        Ok(()) => return Ok(see_other("/organiser/moderation?notice=done")),
        Err(failure) if failure.code().status().as_u16() >= 500 => return Err(failure),
        Err(failure) => failure,
    };
    let said = explain(visitor, &failure);
    let mut page = show(state, visitor, &Query::default(), Some(&said)).await?;
    mark_refused(&mut page, failure.code());
    Ok(page)
}

#[derive(Deserialize)]
struct Ban {
    #[serde(default)]
    key: String,
    person: String,
    scope: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    reason: String,
}

async fn ban(
    state: web::Data<AppState>,
    visitor: Visitor,
    record: ActRecord,
    Form(form): Form<Ban>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.staff()?;
    let made = match entered(&form, visitor.now) {
        Err(error) => Err(ApiError::from(error)),
        Ok(new) => {
            let fields = (&form.person, &form.scope, &form.days, &form.reason);
            let key = IdempotencyKey(Some(form.key.clone()));
            let key = key.row_key(caller.user, "ban by form", &fields);
            let made = state.moderation.ban(caller, new, key.as_ref(), visitor.now).await;
            made.map_err(ApiError::from)
        }
    };
    let done = made.map(|(row, _)| record.made(&row.id));
    finish(&state, &visitor, done).await
}

fn entered(form: &Ban, now: i64) -> Result<NewBan, InvalidField> {
    let wrong = |_| InvalidField::new("userId", "is not the number of a person");
    let user = form.person.trim().parse().map_err(wrong)?;
    let scopes = [BanScope::All, BanScope::Articles, BanScope::Comments, BanScope::Chat];
    let scope = scopes.into_iter().find(|scope| scope.as_str() == form.scope);
    let scope = scope.ok_or_else(|| InvalidField::new("scope", "is not a scope of bans"))?;
    let days = form.days.parse::<i64>().ok().filter(|days| (1..=3_650).contains(days));
    let until = days.map(|days| now + days * DAY_MS);
    Ok(NewBan { user, scope, room: None, reason: form.reason.clone(), until })
}

async fn lift(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(ban): Path<BanId>,
    Form(_): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.staff()?;
    let lifted = state.moderation.lift(caller, ban, visitor.now).await;
    finish(&state, &visitor, lifted.map(|_| ()).map_err(ApiError::from)).await
}
