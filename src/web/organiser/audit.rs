//! The audit log: what staff have done, with a filter and as a file.

use actix_web::{HttpResponse, web};
use chrono::{Datelike, Days, NaiveDate, TimeZone};
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::HashMap;

use uuid::Uuid;

use super::refused::{Refusals, Refused};
use super::tables::{Column, cards};
use crate::accounts::normalise_email;
use crate::http::api::roles::audit_log;
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{AuditEntry, AuditFilter, OfferingName, Person};
use crate::web::fields::Field;
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Acts on one page.
const SHOWN: u64 = 50;
/// Offerings to choose from, the last first.
const CHOICES: u64 = 200;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/audit").get(page))
        .service(web::resource("/organiser/audit.csv").get(file));
}

/// The filter, as people enter it.
#[derive(Clone, Debug, Default, Deserialize)]
struct Query {
    #[serde(default)]
    action: String,
    /// The id of an account, or for administrators the e-mail address of one.
    #[serde(default)]
    actor: String,
    #[serde(default)]
    event: String,
    /// The first day.
    #[serde(default)]
    from: String,
    /// The last day.
    #[serde(default)]
    to: String,
    after: Option<String>,
}

impl Query {
    /// Returns the filter of the acts that the visitor may see.
    ///
    /// # Errors
    /// The input that is no filter, with a reason.
    async fn filter(
        &self,
        state: &AppState,
        visitor: &Visitor,
    ) -> Result<Result<AuditFilter, Refused>, ApiError> {
        let actor = match self.actor.trim() {
            "" => None,
            text => match (text.parse().map(UserId), normalise_email(text)) {
                (Ok(id), _) => Some(id),
                // Found or not, the rows would tell others whose address it is.
                (Err(_), _) if !visitor.is_admin() => {
                    return Ok(Err(Refused::new(visitor, "actor", "audit_log.actor_by_id")));
                }
                // No account has this id: an address without an account has done nothing.
                (Err(_), Ok(email)) => {
                    let user = state.store.user_by_email(&email).await?;
                    Some(user.map_or(UserId(Uuid::nil()), |user| user.id))
                }
                (Err(_), Err(_)) => {
                    return Ok(Err(Refused::new(visitor, "actor", "audit_log.bad_actor")));
                }
            },
        };
        let scope = visitor.scope();
        let offerings = match self.event.trim() {
            "" => scope.offerings(),
            text => match text.parse().map(OfferingId) {
                Ok(one) if scope.contains(one) => Some(vec![one]),
                Ok(_) => Some(Vec::new()),
                Err(_) => return Ok(Err(Refused::new(visitor, "event", "audit_log.bad_event"))),
            },
        };
        let zone = visitor.site.zone;
        let days = (first_moment(&self.from, 0, zone), first_moment(&self.to, 1, zone));
        let (Ok(from), until) = days else {
            return Ok(Err(Refused::new(visitor, "from", "audit_log.bad_day")));
        };
        let Ok(until) = until else {
            return Ok(Err(Refused::new(visitor, "to", "audit_log.bad_day")));
        };
        let action = self.action.trim().chars().take(50).collect::<String>();
        let action = Some(action).filter(|text| !text.is_empty());
        let after = PageQuery { limit: None, cursor: self.after.clone() }.after()?;
        Ok(Ok(AuditFilter { actor, action, offerings, from, until, after }))
    }

    fn link(&self, path: &str, after: Option<&str>) -> String {
        let start = format!("{path}?");
        let behind = start.len();
        let mut link = form_urlencoded::Serializer::for_suffix(start, behind);
        let fields = [
            ("action", &self.action),
            ("actor", &self.actor),
            ("event", &self.event),
            ("from", &self.from),
            ("to", &self.to),
        ];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            link.append_pair(name, value);
        }
        if let Some(after) = after {
            link.append_pair("after", after);
        }
        link.finish()
    }
}

/// Returns when a day, or one of `days` later, begins on the clocks of a zone, where midnight may be left
/// out; `None` if none is given.
///
/// # Errors
/// It is no day.
fn first_moment(text: &str, days: u64, zone: Tz) -> Result<Option<TimestampMs>, ()> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let day =
        text.trim().parse::<NaiveDate>().ok().and_then(|day| day.checked_add_days(Days::new(days)));
    let day = day.filter(|day| (1970..=9_999).contains(&day.year())).ok_or(())?;
    let hours = (0..3).filter_map(|hour| day.and_hms_opt(hour, 0, 0));
    let mut moments = hours.filter_map(|time| zone.from_local_datetime(&time).earliest());
    Ok(Some(moments.next().ok_or(())?.timestamp_millis()))
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let filter = query.filter(&state, &visitor).await?;
    let (rows, refusals) = match filter {
        Ok(filter) => (Some(state.store.audit_list(&filter, SHOWN).await?), Refusals::default()),
        Err(refused) => (None, refused.into()),
    };
    let is_refused = rows.is_none();
    let rows = rows.unwrap_or_default();
    let people = state.store.people(rows.iter().filter_map(|row| row.actor)).await?;
    let mut ids: Vec<_> = rows.iter().filter_map(|row| row.offering).collect();
    ids.extend(
        query.event.trim().parse().map(OfferingId).ok().filter(|id| visitor.scope().contains(*id)),
    );
    ids.sort_unstable();
    ids.dedup();
    let named = state.store.offerings_named(Some(&ids), ids.len() as u64).await?;
    let choices =
        state.store.offerings_named(visitor.scope().offerings().as_deref(), CHOICES).await?;
    let last = rows.last().filter(|_| rows.len() as u64 == SHOWN);
    let next =
        last.map(|row| query.link("/organiser/audit", Some(&format!("{}_{}", row.at, row.id))));
    let title = visitor.text("audit_log.title");
    let names = Names { visitor: &visitor, people, named };
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        p.hint { (visitor.text("audit_log.hint")) }
        (form(&visitor, &query, &refusals, &names.choices(&query, choices)))
        @if !is_refused {
            p { a href=(query.link("/organiser/audit.csv", None)) { (visitor.text("audit_log.download")) } }
            @if rows.is_empty() {
                p.empty { (visitor.text("audit_log.none")) }
            } @else {
                (names.table(title, &rows))
            }
        }
        @if let Some(next) = next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
    };
    let mut page = layout::render(&visitor, Page::new(title).main(main).class("wide"));
    if is_refused {
        mark_refused(&mut page, ErrorCode::Invalid);
    }
    Ok(page)
}

fn form(
    visitor: &Visitor,
    query: &Query,
    refusals: &Refusals,
    offerings: &[(String, String)],
) -> Markup {
    let field = |name, label, value| {
        let label = visitor.text(label);
        Field { name, label, value, ..Field::default() }
    };
    let text = |name, label, value, hint| {
        let hint = Some(visitor.text(hint));
        refusals.field(Field { hint, max_length: Some(254), ..field(name, label, value) })
    };
    let day =
        |name, label, value| refusals.field(Field { kind: "date", ..field(name, label, value) });
    let actor_hint =
        if visitor.is_admin() { "audit_log.actor_hint" } else { "audit_log.actor_hint_id" };
    html! {
        form.search method="get" action="/organiser/audit" role="search" {
            (text("action", "audit_log.action", &query.action, "audit_log.action_hint"))
            (text("actor", "audit_log.actor", &query.actor, actor_hint))
            (refusals.with_error(field("event", "audit_log.event", &query.event)).choice(offerings))
            (day("from", "audit_log.from", &query.from))
            (day("to", "audit_log.to", &query.to))
            button.button.quiet { (visitor.text("start.find")) }
        }
    }
}

/// The names of the people and offerings on the page.
struct Names<'a> {
    visitor: &'a Visitor,
    people: HashMap<UserId, Person>,
    named: Vec<OfferingName>,
}

impl Names<'_> {
    /// Returns the options of the choice of an offering; the one of the query is among them.
    fn choices(&self, query: &Query, mut all: Vec<OfferingName>) -> Vec<(String, String)> {
        let chosen = self.named.iter().find(|one| one.id.to_string() == query.event.trim());
        if let Some(chosen) = chosen.filter(|chosen| !all.contains(chosen)) {
            all.insert(0, chosen.clone());
        }
        let every = (String::new(), self.visitor.text("audit_log.any_event").to_owned());
        let named = all.into_iter().map(|one| (one.id.to_string(), one.name));
        [every].into_iter().chain(named).collect()
    }

    fn table(&self, title: &str, rows: &[AuditEntry]) -> Markup {
        let visitor = self.visitor;
        let columns = [
            Column::text(visitor.text("audit_log.at")),
            Column::text(visitor.text("audit_log.actor")),
            Column::text(visitor.text("audit_log.address")),
            Column::text(visitor.text("audit_log.action")),
            Column::text(visitor.text("audit_log.event")),
            Column::text(visitor.text("audit_log.target")),
            Column::text(visitor.text("audit_log.before")),
            Column::text(visitor.text("audit_log.after")),
            Column::text(visitor.text("audit_log.outcome")),
        ];
        let row = |row: &AuditEntry| {
            vec![
                format::time(visitor.language, row.at, visitor.site.zone),
                self.actor(row),
                html! { (row.address.as_deref().unwrap_or_default()) },
                html! { code { (row.action) } },
                self.offering(row),
                html! { code { (row.target.as_deref().unwrap_or_default()) } },
                html! { code { (row.before.as_deref().unwrap_or_default()) } },
                html! { code { (row.after.as_deref().unwrap_or_default()) } },
                html! { code { (row.outcome) } },
            ]
        };
        cards(title, &columns, rows.iter().map(row))
    }

    fn actor(&self, row: &AuditEntry) -> Markup {
        let Some(id) = row.actor else { return Markup::default() };
        let name = self.people.get(&id).and_then(|person| person.name.clone());
        let name = name.unwrap_or_else(|| id.to_string());
        html! {
            @if self.visitor.is_admin() {
                a href={ "/organiser/users/" (id) } { (name) }
            } @else {
                a href={ "/organiser/audit?actor=" (id) } { (name) }
            }
        }
    }

    fn offering(&self, row: &AuditEntry) -> Markup {
        let Some(id) = row.offering else { return Markup::default() };
        match self.named.iter().find(|one| one.id == id) {
            Some(one) => {
                let kind = if one.is_class { "classes" } else { "events" };
                html! { a href={ "/organiser/" (kind) "/" (id) } { (one.name) } }
            }
            None => html! { code { (id) } },
        }
    }
}

async fn file(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    match query.filter(&state, &visitor).await? {
        Ok(filter) => Ok(audit_log::file(state, filter)),
        Err(refused) => Err(ApiError::new(ErrorCode::Invalid, refused.text)),
    }
}
