//! Making a class, changing it, and its end with a page that asks first.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::class_form::ClassForm;
use super::class_form_page;
use super::refused::{Refusals, Refused};
use crate::classes::{ClassError, ClassKeys};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{ActRecord, IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::store::ClassRow;
use crate::web::class::words;
use crate::web::errors::explain;
use crate::web::fields::refusal;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/classes/new").get(empty).post(create))
        .service(web::resource("/organiser/classes/{class}/edit").get(present).post(change))
        .service(web::resource("/organiser/classes/{class}/cancel").get(ask).post(cancel));
}

type Pairs = Vec<(String, String)>;

async fn empty(visitor: Visitor) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let form = ClassForm::empty(visitor.site.zone);
    Ok(show_new(&visitor, &form, &Refusals::default()))
}

fn show_new(visitor: &Visitor, form: &ClassForm, refusals: &Refusals) -> HttpResponse {
    let title = visitor.text("organiser_class.new");
    let main = html! {
        p.back { a href="/organiser/classes" { (visitor.text("class.title")) } }
        h1 { (title) }
        (class_form_page::form(visitor, ("/organiser/classes/new", None), form, refusals))
    };
    layout::render(visitor, Page::new(title).main(main))
}

/// Returns what is wrong with a form; a new key if the form was sent before with other values.
fn refused(
    visitor: &Visitor,
    form: &mut ClassForm,
    error: ClassError,
) -> Result<(Refusals, ErrorCode), ApiError> {
    if let ClassError::Invalid(error) = &error {
        let refused = Refused::of(visitor, error).at(input_of(&error.field));
        return Ok((refused.into(), ErrorCode::Invalid));
    }
    let failure = ApiError::from(error);
    if !failure.is_refusal() || failure.code() == ErrorCode::ClassNotFound {
        return Err(failure);
    }
    let input = match failure.code() {
        ErrorCode::BelowTaken => "capacity",
        ErrorCode::SelectionFrozen => "selection",
        ErrorCode::KeyReused => {
            form.key = uuid::Uuid::new_v4().to_string();
            "title"
        }
        _ => "title",
    };
    let text = explain(visitor, &failure);
    Ok((Refused { input: input.into(), text }.into(), failure.code()))
}

/// Returns the input of a field of the API.
fn input_of(field: &str) -> &str {
    match field {
        "description" | "location" | "capacity" => field,
        "waitlistCapacity" | "allowWaitlist" => "waitlist",
        "fee.amount" | "fee" => "fee",
        "fee.currency" => "currency",
        "recruitStartAt" => "recruit_start",
        "recruitEndAt" => "recruit_end",
        "startAt" => "starts",
        "endAt" => "ends",
        "timeZone" => "time_zone",
        "payWindowSeconds" => "pay_minutes",
        "offerSeconds" => "offer_minutes",
        _ => "title",
    }
}

async fn create(
    state: web::Data<AppState>,
    visitor: Visitor,
    record: ActRecord,
    Form(pairs): Form<Pairs>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let mut form = ClassForm::read(&pairs);
    let with = |mut page: HttpResponse, code: ErrorCode| {
        mark_refused(&mut page, code);
        page
    };
    let draft = match form.draft(&visitor) {
        Ok(draft) => draft,
        Err(refused) => {
            return Ok(with(show_new(&visitor, &form, &refused.into()), ErrorCode::Invalid));
        }
    };
    let key = IdempotencyKey(Some(form.key.clone()));
    let key = key.row_key(admin.user, "create class by form", &pairs);
    match state.classes.create(draft, admin.user, key.as_ref(), state.clock.now_ms()).await {
        Ok((id, _)) => {
            record.made(&id);
            Ok(see_other(&format!("/organiser/classes/{id}?notice=class_made")))
        }
        Err(error) => {
            let (refusals, code) = refused(&visitor, &mut form, error)?;
            Ok(with(show_new(&visitor, &form, &refusals), code))
        }
    }
}

async fn present(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let class = state.classes.existing(id).await?;
    let form = ClassForm::of(&visitor, &class);
    Ok(show_edit(&visitor, &class, (&form, &form), &Refusals::default()))
}

/// Shows the form as it was entered, and sends with it the form that was shown at first.
fn show_edit(
    visitor: &Visitor,
    class: &ClassRow,
    (form, shown): (&ClassForm, &ClassForm),
    refusals: &Refusals,
) -> HttpResponse {
    let (id, title) = (class.event.id, visitor.text("organiser_class.edit"));
    let action = format!("/organiser/classes/{id}/edit");
    let shown = serde_json::to_string(shown).expect("a form is plain data");
    let main = html! {
        p.back { a href={ "/organiser/classes/" (id) } { (class.event.details.name) } }
        h1 { (title) }
        (class_form_page::form(visitor, (&action, Some(&shown)), form, refusals))
    };
    layout::render(visitor, Page::new(title).main(main))
}

async fn change(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    Form(pairs): Form<Pairs>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let class = state.classes.existing(id).await?;
    let present = ClassForm::of(&visitor, &class);
    let shown = pairs.iter().find(|(name, _)| name == "shown");
    let shown = shown.and_then(|(_, shown)| serde_json::from_str(shown).ok());
    let entered = ClassForm::read(&pairs);
    let mut form = entered.merged(shown.as_ref().unwrap_or(&present), &present);
    let with = |form: &ClassForm, refusals: &Refusals, code: ErrorCode| {
        let mut page = show_edit(&visitor, &class, (form, &present), refusals);
        mark_refused(&mut page, code);
        page
    };
    let edit = match form.edit(&visitor, &present) {
        Ok(edit) => edit,
        Err(refused) => return Ok(with(&form, &refused.into(), ErrorCode::Invalid)),
    };
    let key = IdempotencyKey(Some(form.key.clone()));
    let keys = ClassKeys {
        row: key.row_key(admin.user, "change class by form", &(id, &pairs)),
        command: key.identity(admin.user, "change class by form", &(id, &pairs)),
    };
    match state.classes.change(id, admin.user, edit, keys, state.clock.now_ms()).await {
        Ok(_) => Ok(see_other(&format!("/organiser/classes/{id}?notice=saved"))),
        Err(error) => {
            let (refusals, code) = refused(&visitor, &mut form, error)?;
            Ok(with(&form, &refusals, code))
        }
    }
}

/// Returns how many enrollments of a class are not over.
fn living(class: &ClassRow) -> i64 {
    class.counts.applied + class.counts.approved + class.counts.waitlisted
}

async fn ask(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let class = state.classes.existing(id).await?;
    Ok(show_cancel(&visitor, &class, None))
}

fn show_cancel(visitor: &Visitor, class: &ClassRow, refused: Option<&ApiError>) -> HttpResponse {
    let (id, title) = (class.event.id, visitor.text("organiser_class.cancel"));
    let text = refused.map(|failure| explain(visitor, failure));
    let says: Markup = match living(class) {
        0 => html! { p { (visitor.text("organiser_class.cancel_none")) } },
        n => html! {
            p.warning { (visitor.fill("organiser_class.cancel_some", &[("n", &words::count(n))])) }
        },
    };
    let main = html! {
        section.narrow {
            p.back { a href={ "/organiser/classes/" (id) } { (class.event.details.name) } }
            h1 { (title) }
            (refusal(text.as_deref()))
            (says)
            form.stack method="post" action={ "/organiser/classes/" (id) "/cancel" } {
                input type="hidden" name="key" value={ "cancel-" (id) };
                // The number that was shown: more enrollments are asked about again.
                input type="hidden" name="living" value=(living(class));
                button.button.danger { (title) }
            }
        }
    };
    layout::render(visitor, Page::new(title).main(main))
}

#[derive(Deserialize)]
struct Cancel {
    key: String,
    living: i64,
}

async fn cancel(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    Form(form): Form<Cancel>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let with_enrollments = form.living > 0;
    let key = IdempotencyKey(Some(form.key));
    let key = key.identity(admin.user, "cancel class by form", &(id, with_enrollments));
    let now = state.clock.now_ms();
    match state.classes.delete(id, admin.user, with_enrollments, key, now).await {
        Ok(_) => Ok(see_other("/organiser/classes?notice=class_canceled")),
        Err(error) => {
            let failure = ApiError::from(error);
            if failure.code() != ErrorCode::HasEnrollments {
                return Err(failure);
            }
            let class = state.classes.existing(id).await?;
            let mut page = show_cancel(&visitor, &class, Some(&failure));
            mark_refused(&mut page, failure.code());
            Ok(page)
        }
    }
}
