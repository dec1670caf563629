//! New answers to the form of a class, until the application is decided.

use actix_web::{HttpResponse, web};
use maud::html;
use serde_json::Map;

use super::application::ApplicationForm;
use super::enrollment::Shown;
use super::page::{Refused, is_shown, said};
use crate::classes::Sender;
use crate::forms::ClassForm;
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::EnrollmentId;
use crate::store::EnrollmentState;
use crate::web::fields::refusal;
use crate::web::form_fields;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

pub(super) async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
) -> Result<HttpResponse, ApiError> {
    let shown = Shown::read(&state, &visitor, id).await?;
    let form = state.forms.for_application(shown.class.event.id).await?;
    let Some(form) = form.filter(|_| shown.seen.row.status == EnrollmentState::Applied) else {
        return Ok(see_other(&format!("/enrollments/{id}")));
    };
    let before = shown.seen.answers.as_ref().and_then(|found| found.answers.as_deref());
    let before = before.and_then(|json| serde_json::from_str(json).ok());
    let entered = ApplicationForm::with_answers(before.unwrap_or_else(Map::new));
    Ok(show(&visitor, &shown, &form, &entered, shown.seen.row.version, None))
}

/// Shows the form; `version` is the version of the enrollment that the person saw.
fn show(
    visitor: &Visitor,
    shown: &Shown,
    form: &ClassForm,
    entered: &ApplicationForm,
    version: u32,
    refused: Option<&Refused>,
) -> HttpResponse {
    let (id, title) = (shown.seen.row.id, visitor.text("enrollment.change_answers"));
    let text = refused.map(|refused| said(visitor, &shown.class, &refused.failure));
    let problems = refused.map_or(&[][..], |refused| &refused.problems);
    let main = html! {
        section.narrow {
            p.back { a href={ "/enrollments/" (id) } { (visitor.text("enrollment.one")) } }
            h1 { (title) }
            h2 { (shown.class.event.details.name) }
            (refusal(text.as_deref()))
            form.stack method="post" action={ "/enrollments/" (id) "/answers" } {
                input type="hidden" name="version" value=(version);
                (entered.fields(visitor, Some(form), problems, &[]))
                button.button { (visitor.text("account.save")) }
            }
        }
    };
    let page = Page::new(title).main(main).script("page.js").script(form_fields::SCRIPT);
    let mut response = layout::render(visitor, page);
    if let Some(refused) = refused {
        mark_refused(&mut response, refused.failure.code());
    }
    response
}

pub(super) async fn replace(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let shown = Shown::read(&state, &visitor, id).await?;
    let class = shown.class.event.id;
    let form = state.forms.for_application(class).await?;
    let mut entered = ApplicationForm::read(&pairs, form.as_ref());
    let version = pairs.iter().find(|(name, _)| name == "version");
    let version = version.and_then(|(_, text)| text.parse().ok());
    let application = entered.application(form.as_ref());
    let sender = Sender { user: shown.caller.user, key: Some(&entered.key) };
    let now = state.clock.now_ms();
    let done = state.classes.replace_answers(class, id, sender, &application, version, now).await;
    match (done.map_err(Refused::from), form) {
        (Ok(_), _) => Ok(see_other(&format!("/enrollments/{id}?notice=answers_changed"))),
        (Err(refused), Some(form)) if is_shown(&refused.failure) => {
            // What is sent again is another request.
            entered.key = ApplicationForm::empty().key;
            let version = shown.seen.row.version;
            Ok(show(&visitor, &shown, &form, &entered, version, Some(&refused)))
        }
        (Err(refused), _) => Err(refused.failure),
    }
}
