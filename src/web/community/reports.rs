//! Telling the moderators about a thing that another person wrote.

use actix_web::{HttpResponse, web};
use maud::html;
use serde::Deserialize;
use uuid::Uuid;

use super::parts::{key_of, member, new_key};
use crate::community::moderation::{NewReport, ReportReason, ThingKind};
use crate::http::error::{ApiError, mark_refused};
use crate::http::state::AppState;
use crate::text::InvalidField;
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal, select};
use crate::web::forms::{Form, local_path, noted, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/report").get(page).post(send));
}

/// A report as a form sends it.
#[derive(Clone, Debug, Default, Deserialize)]
struct Entered {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    back: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    note: String,
}

/// Returns a reason, in words.
pub(crate) fn reason_text(visitor: &Visitor, reason: ReportReason) -> &'static str {
    visitor.text(match reason {
        ReportReason::Spam => "report.spam",
        ReportReason::Abuse => "report.abuse",
        ReportReason::Sexual => "report.sexual",
        ReportReason::Illegal => "report.illegal",
        ReportReason::Privacy => "report.privacy",
        ReportReason::Other => "report.other",
    })
}

/// Returns a kind of thing, in words.
pub(crate) fn kind_text(visitor: &Visitor, kind: ThingKind) -> &'static str {
    visitor.text(match kind {
        ThingKind::Article => "report.article",
        ThingKind::Comment => "report.comment",
        ThingKind::Message => "report.message",
    })
}

async fn page(visitor: Visitor, query: web::Query<Entered>) -> Result<HttpResponse, ApiError> {
    member(&visitor)?;
    let entered = Entered { key: new_key(), ..query.into_inner() };
    thing(&entered)?;
    Ok(show(&visitor, &entered, None))
}

/// Returns the thing that a report is about.
fn thing(entered: &Entered) -> Result<(ThingKind, Uuid), ApiError> {
    let kind = ThingKind::ALL.into_iter().find(|kind| kind.as_str() == entered.kind);
    kind.zip(entered.id.parse().ok()).ok_or_else(|| ApiError::not_found("thing"))
}

fn show(visitor: &Visitor, entered: &Entered, refused: Option<&str>) -> HttpResponse {
    let reasons = ReportReason::ALL
        .map(|reason| (reason.as_str().to_owned(), reason_text(visitor, reason).to_owned()));
    let note = Field {
        name: "note",
        label: visitor.text("report.note"),
        value: &entered.note,
        hint: Some(visitor.text("report.note_hint")),
        ..Field::default()
    };
    let title = visitor.text("report.title");
    let back = local_path(&entered.back);
    let main = html! {
        section.narrow {
            p.back { a href=(back) { (visitor.text("report.back")) } }
            h1 { (title) }
            p { (visitor.text("report.explained")) }
            form.stack method="post" action="/report" {
                (refusal(refused))
                input type="hidden" name="kind" value=(entered.kind);
                input type="hidden" name="id" value=(entered.id);
                input type="hidden" name="back" value=(back);
                input type="hidden" name="key" value=(entered.key);
                (select("reason", visitor.text("report.reason"), &entered.reason, &reasons))
                (note.area(3))
                button.button { (visitor.text("report.send")) }
            }
        }
    };
    layout::render(visitor, Page::new(title).main(main))
}

async fn send(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(entered): Form<Entered>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let (kind, id) = thing(&entered)?;
    let fields = (&entered.kind, id, &entered.reason, &entered.note);
    let key = key_of(&entered.key).row_key(caller.user, "report by form", &fields);
    let reason = ReportReason::ALL.into_iter().find(|reason| reason.as_str() == entered.reason);
    let sent = match reason {
        None => Err(InvalidField::new("reason", "is not a reason of reports").into()),
        Some(reason) => {
            let note = entered.note.clone();
            let new = NewReport { kind, thing: id, reason, note };
            let sent = state.moderation.report(caller, new, key.as_ref(), visitor.now).await;
            sent.map_err(ApiError::from)
        }
    };
    let Err(failure) = sent else {
        return Ok(see_other(&noted(local_path(&entered.back), "reported")));
    };
    if matches!(failure.code().status().as_u16(), 404 | 500..) {
        return Err(failure);
    }
    let mut page = show(&visitor, &entered, Some(&explain(&visitor, &failure)));
    mark_refused(&mut page, failure.code());
    Ok(page)
}
