//! Making an event.

use actix_web::{HttpResponse, web};
use maud::html;

use super::event_form::{EventForm, Pairs, Refused};
use super::{form_page, zone_of_new};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::IdempotencyKey;
use crate::http::state::AppState;
use crate::inventory::SaleState;
use crate::web::errors::explain;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/new").get(empty).post(create));
}

async fn empty(visitor: Visitor) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    Ok(show(&visitor, &EventForm::empty(), None))
}

fn show(visitor: &Visitor, form: &EventForm, refusal: Option<&Refused>) -> HttpResponse {
    let title = visitor.text("organiser_form.new_title");
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        (form_page::new_event(visitor, form, zone_of_new(), refusal))
    };
    layout::render(visitor, Page::new(title).main(main))
}

async fn create(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.admin()?;
    let mut form = EventForm::read(&pairs);
    let button = Pairs(&pairs).text("do");
    if form.rearrange(&button) {
        return Ok(show(&visitor, &form, None));
    }
    let sale_state = if button == "publish" { SaleState::Open } else { SaleState::Scheduled };
    let refuse = |form: &EventForm, refused: &Refused, code: ErrorCode| {
        let mut page = show(&visitor, form, Some(refused));
        *page.status_mut() = code.status();
        Ok(page)
    };
    let draft = match form.draft(&visitor, zone_of_new(), sale_state) {
        Ok(draft) => draft,
        Err(refused) => return refuse(&form, &refused, ErrorCode::Invalid),
    };
    let new = match draft.check(admin.user) {
        Ok(new) => new,
        Err(error) => {
            return refuse(&form, &Refused::of(&visitor, &error), ErrorCode::Invalid);
        }
    };
    let key = IdempotencyKey(Some(form.key.clone()));
    let key = key.row_key(admin.user, "create event by form", &pairs);
    let now = state.clock.now_ms();
    match state.offerings.create_event(&new, key.as_ref(), now).await.map_err(ApiError::from) {
        Ok((id, _)) => Ok(see_other(&format!("/organiser/events/{id}?notice=event_made"))),
        Err(failure) if failure.code() == ErrorCode::KeyReused => {
            // The form was sent before with other values, and the browser went back to it.
            form.key = uuid::Uuid::new_v4().to_string();
            let text = explain(&visitor, &failure);
            refuse(&form, &Refused { input: "name".into(), text }, failure.code())
        }
        Err(failure) => Err(failure),
    }
}
