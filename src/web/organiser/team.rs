//! The team: the roles of people, of one offering or of all, and open invitations.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::HashMap;

use super::refused::{Refusals, Refused};
use super::tables::{Column, cards};
use crate::accounts::normalise_email;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{ActRecord, IdempotencyKey, Path};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::state::AppState;
use crate::ids::{GrantId, InvitationId, OfferingId};
use crate::roles::{NewInvitation, RoleError, Scope};
use crate::store::{GrantFilter, GrantRole, GrantRow, InvitationRow, OfferingName, Person};
use crate::web::account::refused_with;
use crate::web::errors::explain;
use crate::web::fields::Field;
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Grants and invitations that are shown.
const SHOWN: u64 = 100;
/// Events and classes to choose from. The page of an older one leads to its own team.
const CHOICES: u64 = 200;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/team").get(list).post(invite))
        .service(web::resource("/organiser/team/{grant}/revoke").post(revoke))
        .service(web::resource("/organiser/team/invitations/{invitation}/withdraw").post(withdraw));
}

#[derive(Default, Deserialize)]
struct Query {
    /// The offering whose team is shown; all, if absent.
    event: Option<OfferingId>,
    /// Only the grants after this one, given by its time and id.
    after: Option<String>,
    notice: Option<String>,
}

/// A person to invite.
#[derive(Default, Deserialize)]
struct Invite {
    key: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: String,
    /// The id of the offering; empty for administrators.
    #[serde(default, rename = "offeringId")]
    event: String,
}

/// The page to return to.
#[derive(Deserialize)]
struct Of {
    #[serde(default, rename = "offeringId")]
    event: String,
}

async fn list(
    state: web::Data<AppState>,
    visitor: Visitor,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let form = Invite { key: uuid::Uuid::new_v4().to_string(), ..Invite::default() };
    show(&state, &visitor, &query, (&form, &Refusals::default())).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    query: &Query,
    (form, refusals): (&Invite, &Refusals),
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let event = query.event;
    let (scope, now) = (visitor.scope(), state.clock.now_ms());
    let offerings = match event {
        Some(event) if scope.contains(event) => Some(vec![event]),
        Some(_) => return Err(ApiError::of(ErrorCode::Forbidden)),
        None => scope.offerings(),
    };
    let roles = state.accounts.roles();
    let after = PageQuery { limit: None, cursor: query.after.clone() }.after()?;
    let filter = GrantFilter { offerings: offerings.clone(), after, ..GrantFilter::default() };
    let grants = roles.list(&filter, SHOWN).await?;
    let next = next_cursor(&grants, SHOWN, |row| format!("{}_{}", row.granted_at, row.id));
    let next = next.map(|after| {
        let mut link = form_urlencoded::Serializer::new(String::from("/organiser/team?"));
        if let Some(event) = event {
            link.append_pair("event", &event.to_string());
        }
        link.append_pair("after", &after).finish()
    });
    let invitations = roles.invitations(offerings.as_deref(), None, (SHOWN, now)).await?;
    let people = state.store.people(grants.iter().map(|grant| grant.user)).await?;
    let named = grants.iter().map(|grant| grant.offering);
    let named = named.chain(invitations.iter().map(|it| it.offering)).chain([event]).flatten();
    let mut ids: Vec<OfferingId> = named.collect();
    ids.sort_unstable();
    ids.dedup();
    let names: HashMap<_, _> = state.store.event_names(&ids).await?.into_iter().collect();
    let choices = match event {
        Some(_) => Vec::new(),
        None => state.store.offerings_named(scope.offerings().as_deref(), CHOICES).await?,
    };
    let last_admin = match grants.iter().find(|grant| grant.role == GrantRole::Admin) {
        Some(admin) if state.store.user_is_last_admin(admin.user).await? => Some(admin.id),
        _ => None,
    };
    let title = visitor.text("team.title");
    let shown = Shown { visitor, event, names, choices, last_admin };
    let main = html! {
        p.back {
            @match event {
                Some(event) => a href={ "/organiser/events/" (event) } { (shown.name(Some(event))) },
                None => a href="/organiser" { (visitor.text("organiser.back")) },
            }
        }
        h1 { (title) }
        p.hint { (visitor.text("team.hint")) }
        @if grants.is_empty() {
            p.empty { (visitor.text("team.none")) }
        } @else {
            (shown.grants(title, &grants, &people))
        }
        @if let Some(next) = next {
            p.more { a.button.quiet href=(next) { (visitor.text("start.more")) } }
        }
        @if !invitations.is_empty() {
            h2 { (visitor.text("team.open")) }
            (shown.invitations(&invitations))
        }
        h2 id="invite" { (visitor.text("team.invite")) }
        (shown.form(&scope, form, refusals))
    };
    Ok(layout::render(
        visitor,
        Page::new(title).main(main).class("wide").notice(query.notice.as_deref()),
    ))
}

/// What the parts of the page need.
struct Shown<'a> {
    visitor: &'a Visitor,
    event: Option<OfferingId>,
    names: HashMap<OfferingId, String>,
    /// The events and classes that a role can be for, where the page is not of one.
    choices: Vec<OfferingName>,
    /// The grant of the last administrator, which stays.
    last_admin: Option<GrantId>,
}

impl Shown<'_> {
    fn name(&self, offering: Option<OfferingId>) -> String {
        match offering {
            None => self.visitor.text("team.everything").to_owned(),
            Some(id) => self.names.get(&id).cloned().unwrap_or_else(|| id.to_string()),
        }
    }

    fn button(&self, action: &str, text: &'static str) -> Markup {
        html! {
            form method="post" action=(action) {
                @if let Some(event) = self.event { input type="hidden" name="offeringId" value=(event); }
                button.link { (self.visitor.text(text)) }
            }
        }
    }

    fn grants(
        &self,
        title: &str,
        grants: &[GrantRow],
        people: &HashMap<crate::ids::UserId, Person>,
    ) -> Markup {
        let visitor = self.visitor;
        let columns = [
            Column::text(visitor.text("account.name")),
            Column::text(visitor.text("people.role")),
            Column::text(visitor.text("team.offering")),
            Column::text(visitor.text("team.since")),
            Column::text(visitor.text("team.revoke")),
        ];
        let row = |grant: &GrantRow| {
            let person = people.get(&grant.user);
            let name = person.and_then(|person| person.name.clone());
            let name = name.unwrap_or_else(|| grant.user.to_string());
            // Who may give roles by ids is not told the addresses behind them.
            let person = person.filter(|_| visitor.scope() == Scope::All);
            vec![
                html! {
                    (name)
                    @if let Some(person) = person { " " span.hint { (person.email) } }
                },
                html! { (role_name(visitor, grant.role)) },
                html! { (self.name(grant.offering)) },
                format::time(visitor.language, grant.granted_at, visitor.site.zone),
                self.taking_away(grant, &name),
            ]
        };
        cards(title, &columns, grants.iter().map(row))
    }

    /// Renders the question whether to take a role away, which names the person and the role: the rows
    /// of a table look alike.
    fn taking_away(&self, grant: &GrantRow, name: &str) -> Markup {
        let visitor = self.visitor;
        if self.last_admin == Some(grant.id) {
            return html! { span.hint { (visitor.text("team.last_admin")) } };
        }
        let offering = self.name(grant.offering);
        let values =
            [("name", name), ("role", role_name(visitor, grant.role)), ("event", &*offering)];
        html! {
            details {
                summary { (visitor.text("team.revoke")) }
                p { (visitor.fill("team.revoke_question", &values)) }
                (self.button(&format!("/organiser/team/{}/revoke", grant.id), "team.revoke_yes"))
            }
        }
    }

    fn invitations(&self, invitations: &[InvitationRow]) -> Markup {
        let visitor = self.visitor;
        let columns = [
            Column::text(visitor.text("account.email")),
            Column::text(visitor.text("people.role")),
            Column::text(visitor.text("team.offering")),
            Column::text(visitor.text("team.until")),
            Column::text(visitor.text("team.withdraw")),
        ];
        let row = |one: &InvitationRow| {
            let action = format!("/organiser/team/invitations/{}/withdraw", one.id);
            vec![
                html! { (one.email) },
                html! { (role_name(visitor, one.role)) },
                html! { (self.name(one.offering)) },
                format::time(visitor.language, one.expires_at, visitor.site.zone),
                self.button(&action, "team.withdraw"),
            ]
        };
        cards(visitor.text("team.open"), &columns, invitations.iter().map(row))
    }

    fn form(&self, scope: &Scope, form: &Invite, refusals: &Refusals) -> Markup {
        let visitor = self.visitor;
        let mut roles = vec![GrantRole::Door, GrantRole::Finance, GrantRole::Organiser];
        if self.event.is_none() && *scope == Scope::All {
            roles.push(GrantRole::Admin);
        }
        let option =
            |role: GrantRole| (role.as_str().to_owned(), role_name(visitor, role).to_owned());
        let options: Vec<_> = roles.into_iter().map(option).collect();
        let role = Field {
            name: "role",
            label: visitor.text("people.role"),
            value: &form.role,
            ..Field::default()
        };
        html! {
            form.stack method="post" action="/organiser/team#invite" {
                (refusals.render(visitor))
                input type="hidden" name="key" value=(form.key);
                (refusals.field(Field { name: "email", label: visitor.text("account.email"),
                    value: &form.email, kind: "email", required: true, max_length: Some(254),
                    hint: Some(visitor.text("team.email_hint")), ..Field::default() }))
                (refusals.with_error(role).choice(&options))
                @match self.event {
                    Some(event) => input type="hidden" name="offeringId" value=(event);,
                    None => (self.choice_of_offering(scope, form, refusals)),
                }
                button.button { (visitor.text("team.invite")) }
            }
        }
    }
}

impl Shown<'_> {
    /// Renders the events and classes to choose from, and everything for administrators.
    fn choice_of_offering(&self, scope: &Scope, form: &Invite, refusals: &Refusals) -> Markup {
        let visitor = self.visitor;
        let everything = (*scope == Scope::All).then_some("team.everything_admin");
        let none = visitor.text(everything.unwrap_or("team.choose"));
        let mut options = vec![(String::new(), none.to_owned())];
        options.extend(self.choices.iter().map(|OfferingName { id, name, date, .. }| {
            let date = format::date_time(visitor.language, *date, visitor.site.zone);
            (id.to_string(), format!("{name} ({date})"))
        }));
        let field = Field {
            name: "offeringId",
            label: visitor.text("audit_log.event"),
            value: form.event.trim(),
            hint: Some(visitor.text("team.event_hint")),
            ..Field::default()
        };
        refusals.with_error(field).choice(&options)
    }
}

/// Returns the name of a role.
pub(super) fn role_name(visitor: &Visitor, role: GrantRole) -> &'static str {
    visitor.text(match role {
        GrantRole::Admin => "team.admin",
        GrantRole::Organiser => "team.organiser",
        GrantRole::Finance => "team.finance",
        GrantRole::Door => "team.door",
    })
}

async fn invite(
    state: web::Data<AppState>,
    visitor: Visitor,
    record: ActRecord,
    Form(form): Form<Invite>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.staff()?;
    let event = form.event.trim();
    let refused = |input: &str, error: &ApiError| Refused {
        input: input.to_owned(),
        text: explain(&visitor, error),
    };
    let offering: Option<OfferingId> = event.parse().ok();
    let wanted = normalise_email(&form.email)
        .map_err(|why| refused("email", &ApiError::invalid("email", why)));
    let wanted = wanted.and_then(|email| {
        let role = GrantRole::parse(&form.role)
            .ok_or_else(|| refused("role", &ApiError::invalid("role", "is not known")))?;
        if offering.is_none() && !event.is_empty() {
            return Err(Refused::new(&visitor, "offeringId", "team.no_such_event"));
        }
        Ok(NewInvitation { email, role, offering, language: visitor.language.tag() })
    });
    let page = offering.filter(|one| visitor.scope().contains(*one));
    let mut failure = ApiError::of(ErrorCode::Invalid);
    let refusals: Refusals = match wanted {
        Ok(new) => {
            let key = IdempotencyKey(Some(form.key.clone()));
            let fields = (&new.email, &form.role, event);
            let key = key.row_key(caller.user, "invite by form", &fields);
            let roles = state.accounts.roles();
            match roles.invite(new, caller, key.as_ref(), state.clock.now_ms()).await {
                Ok((row, _)) => {
                    record.made(&row.id);
                    return Ok(see_other(&back(page, "invited")));
                }
                Err(RoleError::AdminOfOffering) => {
                    Refused::new(&visitor, "offeringId", "team.admin_of_everything").into()
                }
                Err(RoleError::WithoutOffering) => {
                    Refused::new(&visitor, "offeringId", "team.event_missing").into()
                }
                Err(RoleError::NoSuchOffering) => {
                    Refused::new(&visitor, "offeringId", "team.no_such_event").into()
                }
                Err(error @ RoleError::TooManyInvitations { .. }) => {
                    failure = error.into();
                    refused("email", &failure).into()
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(refused) => refused.into(),
    };
    record.refused(Some(failure.code()));
    let query = Query { event: page, ..Query::default() };
    let answer = show(&state, &visitor, &query, (&form, &refusals)).await?;
    Ok(refused_with(answer, &failure))
}

async fn revoke(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(grant): Path<GrantId>,
    Form(of): Form<Of>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.staff()?;
    state.accounts.roles().revoke(grant, Some(caller)).await?;
    Ok(see_other(&back(of.event.parse().ok(), "role_taken")))
}

async fn withdraw(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(invitation): Path<InvitationId>,
    Form(of): Form<Of>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    state.accounts.roles().withdraw(invitation).await?;
    Ok(see_other(&back(of.event.parse().ok(), "invitation_withdrawn")))
}

fn back(event: Option<OfferingId>, notice: &str) -> String {
    match event {
        Some(event) => format!("/organiser/team?event={event}&notice={notice}"),
        None => format!("/organiser/team?notice={notice}"),
    }
}
