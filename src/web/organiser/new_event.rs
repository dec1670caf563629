//! Making an event.

use actix_web::{HttpResponse, web};
use maud::html;

use super::event_form::{EventForm, Pairs};
use super::form_page;
use super::refused::{CONFIRMED, Refusals, Refused};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::{ActRecord, IdempotencyKey};
use crate::http::state::AppState;
use crate::ids::VenueId;
use crate::inventory::SaleState;
use crate::offerings::OfferingError;
use crate::web::errors::explain;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the route.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/new").get(empty).post(create));
}

/// The most venues that are offered.
const VENUES: u64 = 100;

async fn empty(state: web::Data<AppState>, visitor: Visitor) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let form = EventForm::empty(visitor.site.zone, state.config.max_per_customer);
    show(&state, &visitor, &form, &Refusals::default()).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    form: &EventForm,
    refusals: &Refusals,
) -> Result<HttpResponse, ApiError> {
    let mut venues = state.venues.list(None, VENUES).await?;
    let ids: Vec<_> = venues.iter().map(|venue| venue.id).collect();
    let planned = state.venues.newest_versions(&ids).await?;
    venues.retain(|venue| planned.contains_key(&venue.id));
    let title = visitor.text("organiser_form.new_title");
    let main = html! {
        p.back { a href="/organiser" { (visitor.text("organiser.back")) } }
        h1 { (title) }
        (form_page::new_event(visitor, form, &venues, refusals))
    };
    Ok(layout::render(visitor, Page::new(title).main(main)))
}

async fn refuse(
    state: &AppState,
    visitor: &Visitor,
    form: &EventForm,
    (refusals, code): (&Refusals, ErrorCode),
) -> Result<HttpResponse, ApiError> {
    let mut page = show(state, visitor, form, refusals).await?;
    mark_refused(&mut page, code);
    Ok(page)
}

async fn create(
    state: web::Data<AppState>,
    visitor: Visitor,
    record: ActRecord,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let admin = visitor.staff()?;
    let mut form = EventForm::read(&pairs);
    let button = Pairs(&pairs).entered("do");
    if button == "take-plan" {
        return take_plan(&state, &visitor, form).await;
    }
    if form.rearrange(&button) {
        return show(&state, &visitor, &form, &Refusals::default()).await;
    }
    let sale_state = if button == "publish" { SaleState::Open } else { SaleState::Scheduled };
    let draft = match form.draft(&visitor, sale_state) {
        Ok(draft) => draft,
        Err(refused) => {
            let refusals = refused.into();
            return refuse(&state, &visitor, &form, (&refusals, ErrorCode::Invalid)).await;
        }
    };
    let now = state.clock.now_ms();
    let unusual = form.unusual(&visitor, &draft, now);
    let new = match state.offerings.check_event(draft, admin.user).await {
        Ok(new) => new,
        Err(OfferingError::Invalid(error)) => {
            let refusals = Refused::of(&visitor, &error).into();
            return refuse(&state, &visitor, &form, (&refusals, ErrorCode::Invalid)).await;
        }
        Err(error) => return Err(error.into()),
    };
    if !unusual.is_empty() && Pairs(&pairs).value(CONFIRMED).is_none() {
        let refusals = Refusals::unusual(unusual);
        return refuse(&state, &visitor, &form, (&refusals, ErrorCode::Invalid)).await;
    }
    let key = IdempotencyKey(Some(form.key.clone()));
    let key = key.row_key(admin.user, "create event by form", &pairs);
    match state.offerings.create_event(&new, key.as_ref(), now).await.map_err(ApiError::from) {
        Ok((id, _)) => {
            record.made(&id);
            Ok(see_other(&format!("/organiser/events/{id}?notice=event_made")))
        }
        Err(failure) if failure.code() == ErrorCode::KeyReused => {
            // The form was sent before with other values, and the browser went back to it.
            form.key = uuid::Uuid::new_v4().to_string();
            let text = explain(&visitor, &failure);
            let refusals = Refused { input: "name".into(), text }.into();
            refuse(&state, &visitor, &form, (&refusals, failure.code())).await
        }
        Err(failure) => Err(failure),
    }
}

/// Shows the form again with the seats of the plan that was chosen.
async fn take_plan(
    state: &AppState,
    visitor: &Visitor,
    mut form: EventForm,
) -> Result<HttpResponse, ApiError> {
    if let Ok(id) = form.plan.parse::<VenueId>() {
        let venue = state.venues.venue(id).await?;
        let (_, plan) = state.venues.plan(id, None).await?;
        form.take_plan(&venue, &plan);
    }
    show(state, visitor, &form, &Refusals::default()).await
}
