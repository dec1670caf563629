//! The audit log: what staff have done, with a filter and as a file.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::HashMap;

use super::tables::{Column, cards};
use crate::http::api::roles::audit_log;
use crate::http::error::ApiError;
use crate::http::pages::PageQuery;
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::store::{AuditEntry, AuditFilter, Person};
use crate::web::fields::Field;
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Acts on one page.
const SHOWN: u64 = 50;

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
    #[serde(default)]
    actor: String,
    #[serde(default)]
    event: String,
    after: Option<String>,
}

impl Query {
    /// Returns the filter of the acts that the visitor may see. What is no id finds nothing.
    fn filter(&self, visitor: &Visitor) -> Result<AuditFilter, ApiError> {
        let id = |text: &str| match text.trim() {
            "" => None,
            text => Some(text.parse().unwrap_or_default()),
        };
        let scope = visitor.scope();
        let offerings = match id(&self.event).map(OfferingId) {
            None => scope.offerings(),
            Some(one) if scope.contains(one) => Some(vec![one]),
            Some(_) => Some(Vec::new()),
        };
        let action = self.action.trim().chars().take(50).collect::<String>();
        Ok(AuditFilter {
            actor: id(&self.actor).map(UserId),
            action: Some(action).filter(|text| !text.is_empty()),
            offerings,
            after: PageQuery { limit: None, cursor: self.after.clone() }.after()?,
            ..AuditFilter::default()
        })
    }

    fn link(&self, path: &str, after: Option<&str>) -> String {
        let start = format!("{path}?");
        let behind = start.len();
        let mut link = form_urlencoded::Serializer::for_suffix(start, behind);
        let fields = [("action", &self.action), ("actor", &self.actor), ("event", &self.event)];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            link.append_pair(name, value);
        }
        if let Some(after) = after {
            link.append_pair("after", after);
        }
        link.finish()
    }
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let rows = state.store.audit_list(&query.filter(&visitor)?, SHOWN).await?;
    let people = state.store.people(rows.iter().filter_map(|row| row.actor)).await?;
    let last = rows.last().filter(|_| rows.len() as u64 == SHOWN);
    let next =
        last.map(|row| query.link("/organiser/audit", Some(&format!("{}_{}", row.at, row.id))));
    let title = visitor.text("audit_log.title");
    let field = |name, label, value, hint| {
        let (label, hint) = (visitor.text(label), Some(visitor.text(hint)));
        Field { name, label, value, hint, max_length: Some(50), ..Field::default() }.render()
    };
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        p.hint { (visitor.text("audit_log.hint")) }
        form.search method="get" action="/organiser/audit" role="search" {
            (field("action", "audit_log.action", &query.action, "audit_log.action_hint"))
            (field("actor", "audit_log.actor", &query.actor, "audit_log.id_hint"))
            (field("event", "audit_log.event", &query.event, "audit_log.id_hint"))
            button.button.quiet { (visitor.text("start.find")) }
        }
        p { a href=(query.link("/organiser/audit.csv", None)) { (visitor.text("audit_log.download")) } }
        @if rows.is_empty() {
            p.empty { (visitor.text("audit_log.none")) }
        } @else {
            (table(&visitor, title, &rows, &people))
        }
        @if let Some(next) = next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main).class("wide")))
}

fn table(
    visitor: &Visitor,
    title: &str,
    rows: &[AuditEntry],
    people: &HashMap<UserId, Person>,
) -> Markup {
    let columns = [
        Column::text(visitor.text("audit_log.at")),
        Column::text(visitor.text("audit_log.actor")),
        Column::text(visitor.text("audit_log.address")),
        Column::text(visitor.text("audit_log.action")),
        Column::text(visitor.text("audit_log.target")),
        Column::text(visitor.text("audit_log.before")),
        Column::text(visitor.text("audit_log.after")),
        Column::text(visitor.text("audit_log.outcome")),
    ];
    let actor = |row: &AuditEntry| match row.actor {
        None => String::new(),
        Some(id) => {
            let name = people.get(&id).and_then(|person| person.name.clone());
            name.unwrap_or_else(|| id.to_string())
        }
    };
    let row = |row: &AuditEntry| {
        vec![
            format::time(visitor.language, row.at, visitor.site.zone),
            html! { (actor(row)) },
            html! { (row.address.as_deref().unwrap_or_default()) },
            html! { code { (row.action) } },
            html! { code { (row.target.as_deref().unwrap_or_default()) } },
            html! { code { (row.before.as_deref().unwrap_or_default()) } },
            html! { code { (row.after.as_deref().unwrap_or_default()) } },
            html! { code { (row.outcome) } },
        ]
    };
    cards(title, &columns, rows.iter().map(row))
}

async fn file(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let filter = query.filter(&visitor)?;
    Ok(audit_log::file(state, filter))
}
