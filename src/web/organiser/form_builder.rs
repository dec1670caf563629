//! The builder of a class's enrollment form. Every button sends the whole page, which comes back
//! with what was entered; only "save" stores a version, and only if all of it is allowed.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::form_builder_page::{self as page, Preview};
use super::form_entered::{Entered, input_of};
use super::reasons;
use super::refused::{Refusals, Refused};
use crate::forms::{Form, FormError, KindName, check_answers, only_asked};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::text::InvalidField;
use crate::web::form_fields;
use crate::web::forms::{Form as Sent, see_other};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/classes/{class}/form").get(show).post(act));
}

#[derive(Default, Deserialize)]
struct Query {
    notice: Option<String>,
}

async fn show(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(class): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let entered = match state.forms.current(class).await {
        Ok(form) => Entered::of(form.version, &form.form),
        Err(FormError::NoSuchForm) => Entered::new(visitor.text("form_builder.apply")),
        Err(error) => return Err(error.into()),
    };
    let notice = query.notice.as_deref();
    Ok(page::render(&visitor, class, &entered, &Refusals::default(), None, notice))
}

async fn act(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(class): Path<OfferingId>,
    Sent(sent): Sent<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let value = |name: &str| {
        let found = sent.iter().find(|(input, _)| input == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let mut entered = Entered::read(&sent);
    let (action, index) = value("do").split_once('-').unwrap_or((value("do"), ""));
    let index = index.parse::<usize>().ok().filter(|index| *index < entered.questions.len());
    match (action, index) {
        ("save", _) => return save(&state, &visitor, class, entered).await,
        ("preview", _) => return Ok(preview(&visitor, class, &entered, &sent)),
        ("delete", _) => return delete(&state, &visitor, class, &entered).await,
        ("add", _) => {
            if let Some(kind) = KindName::parse(value("new_type")) {
                entered.add(kind);
            }
        }
        ("up", Some(index)) if index > 0 => entered.questions.swap(index - 1, index),
        ("down", Some(index)) if index + 1 < entered.questions.len() => {
            entered.questions.swap(index, index + 1);
        }
        ("remove", Some(index)) => {
            entered.questions.remove(index);
        }
        // Nothing to do: the page comes back as it is.
        _ => {}
    }
    Ok(page::render(&visitor, class, &entered, &Refusals::default(), None, None))
}

/// Checks the form, and returns what is wrong with it.
fn checked(visitor: &Visitor, entered: &Entered) -> Result<Form, Refusals> {
    let (draft, mut problems) = entered.draft();
    match Form::new(&draft) {
        Ok(form) if problems.is_empty() => Ok(form),
        Ok(_) => Err(refused(visitor, &problems)),
        Err(others) => {
            problems.extend(others);
            Err(refused(visitor, &problems))
        }
    }
}

fn refused(visitor: &Visitor, problems: &[InvalidField]) -> Refusals {
    let of_field = |problem: &InvalidField| {
        let text = reasons::of(visitor, &problem.reason);
        let index = problem.field.strip_prefix("questions[").and_then(|rest| rest.split_once(']'));
        let index = index.and_then(|(index, _)| index.parse::<usize>().ok());
        let place = index.map(|index| {
            visitor.fill("form_builder.question_nth", &[("n", &(index + 1).to_string())])
        });
        let text = place.map_or(text.clone(), |place| format!("{place}: {text}"));
        Refused { input: input_of(&problem.field), text }
    };
    problems.iter().map(of_field).collect::<Vec<_>>().into()
}

/// Shows the form as applicants see it, with the answers that were tried on it.
fn preview(
    visitor: &Visitor,
    class: OfferingId,
    entered: &Entered,
    sent: &[(String, String)],
) -> HttpResponse {
    let form = match checked(visitor, entered) {
        Ok(form) => form,
        Err(refusals) => return unsaved(visitor, class, entered, &refusals),
    };
    let answers = form_fields::read(&form, sent);
    let is_tried = sent.iter().any(|(input, _)| input == page::TRIED);
    let problems = match check_answers(&form, &only_asked(&form, &answers)) {
        Err(problems) if is_tried => problems,
        Ok(_) | Err(_) => Vec::new(),
    };
    let preview = Preview { form: &form, answers: &answers, problems: &problems, is_tried };
    page::render(visitor, class, entered, &Refusals::default(), Some(&preview), None)
}

async fn save(
    state: &AppState,
    visitor: &Visitor,
    class: OfferingId,
    entered: Entered,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    if let Err(refusals) = checked(visitor, &entered) {
        return Ok(unsaved(visitor, class, &entered, &refusals));
    }
    let (draft, _) = entered.draft();
    let fields = (
        class,
        entered.version,
        &draft.title,
        &draft.description,
        &draft.questions,
        draft.is_active,
    );
    let key = IdempotencyKey(Some(entered.key.clone()));
    let key = key.row_key(admin.user, "save form by page", &fields);
    let (forms, now) = (&state.forms, state.clock.now_ms());
    let saved = match entered.version {
        None => forms.create(class, admin.user, &draft, key.as_ref(), now).await,
        version => forms.replace(class, admin.user, (&draft, version), key.as_ref(), now).await,
    };
    match saved {
        Ok(_) => Ok(see_other(&format!("/organiser/classes/{class}/form?notice=saved"))),
        Err(FormError::Invalid(problems)) => {
            Ok(unsaved(visitor, class, &entered, &refused(visitor, &problems)))
        }
        // What was entered stays, and replaces the other version if it is sent again.
        Err(FormError::VersionConflict { current } | FormError::Exists { current }) => {
            let text = visitor.fill("form_builder.changed", &[("version", &current.to_string())]);
            let refusals = Refusals::from(Refused { input: "title".into(), text });
            let entered = Entered { version: Some(current), ..entered };
            let mut page = page::render(visitor, class, &entered, &refusals, None, None);
            mark_refused(&mut page, ErrorCode::VersionConflict);
            Ok(page)
        }
        Err(error) => Err(error.into()),
    }
}

async fn delete(
    state: &AppState,
    visitor: &Visitor,
    class: OfferingId,
    entered: &Entered,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let key = IdempotencyKey(Some(entered.key.clone()));
    let key = key.row_key(admin.user, "delete form by page", &class);
    state.forms.delete(class, admin.user, key.as_ref(), state.clock.now_ms()).await?;
    Ok(see_other(&format!("/organiser/classes/{class}/form?notice=saved")))
}

/// Returns the page with what was entered and why it is not saved.
fn unsaved(
    visitor: &Visitor,
    class: OfferingId,
    entered: &Entered,
    refusals: &Refusals,
) -> HttpResponse {
    let mut page = page::render(visitor, class, entered, refusals, None, None);
    mark_refused(&mut page, ErrorCode::Invalid);
    page
}
