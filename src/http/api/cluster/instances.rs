//! The cluster for administrators: the instances, the owner of an event, and moving an event to
//! another instance.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Path, Staff};
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::{InstanceId, OfferingId};
use crate::journal::{LoadError, Owner};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/instances").get(instances))
        .service(web::resource("/api/admin/offerings/{event}").get(whereabouts));
}

/// An instance with a live lease.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct InstanceDto {
    pub name: String,
    /// The id of the running process; it changes with every start.
    pub incarnation: InstanceId,
    pub address: String,
    pub weight: u32,
    /// Whether the instance hands over its events and stops.
    pub leaving: bool,
    /// Whether its port refused a connection: it counts as dead until it renews its lease.
    pub suspect: bool,
    /// Whether this instance answered the request.
    pub is_this_one: bool,
}

/// The location of an event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct WhereaboutsDto {
    pub event_id: OfferingId,
    /// The instance that took the event over last, according to its journal; absent if none ever
    /// has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub owner: Option<OwnerDto>,
    /// The live instance that the placement or a pin assigns the event to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub belongs_on: Option<String>,
    /// The instance to which the event was moved by hand, and where it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pinned_to: Option<String>,
}

/// The owner of an event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct OwnerDto {
    /// The name of the instance; absent if no live instance is that process.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    pub incarnation: InstanceId,
    pub address: String,
    pub epoch: u64,
}

/// List the instances of the cluster, as this one knows them (administrators).
#[utoipa::path(get, path = "/api/admin/instances", tag = "admin",
    responses((status = 200, body = crate::http::envelope::Success<Vec<InstanceDto>>)))]
pub(crate) async fn instances(state: web::Data<AppState>, _: Staff) -> HttpResponse {
    let (view, me) = (state.cluster.view(), state.cluster.me());
    let known: Vec<_> = view.members.iter().map(|known| &known.member).collect();
    let members = if known.is_empty() { vec![&*me] } else { known };
    let dto = |member: &&crate::cluster::Member| InstanceDto {
        name: member.name.to_string(),
        incarnation: member.incarnation,
        address: member.address.to_string(),
        weight: member.weight,
        leaving: member.leaving,
        suspect: view.is_suspect(member.incarnation),
        is_this_one: member.incarnation == me.incarnation,
    };
    respond::ok(&members.iter().map(dto).collect::<Vec<_>>())
}

/// Show which instance owns an event, and where it belongs.
#[utoipa::path(get, path = "/api/admin/offerings/{event}", tag = "admin",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = crate::http::envelope::Success<WhereaboutsDto>)))]
pub(crate) async fn whereabouts(
    state: web::Data<AppState>,
    _: Staff,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let owner = state.store.journal().owner(event).await.map_err(|error| match error {
        LoadError::NotFound => ApiError::of(ErrorCode::EventNotFound),
        other => ApiError::unavailable(other),
    })?;
    Ok(respond::ok(&found(&state, event, owner)))
}

/// Answers the action `move`.
///
/// # Errors
/// 422 for an instance that does not exist, 503 while the event cannot be moved.
pub(crate) async fn move_event(
    state: &AppState,
    event: OfferingId,
    name: &str,
) -> Result<HttpResponse, ApiError> {
    if state.cluster.is_alone() {
        let message = "there is one instance: set REDIS_URL to run several";
        return Err(ApiError::new(ErrorCode::NoSuchInstance, message));
    }
    let owner = state.offices.move_to(event, name).await?;
    Ok(respond::ok(&found(state, event, Some(owner))))
}

fn found(state: &AppState, event: OfferingId, owner: Option<Owner>) -> WhereaboutsDto {
    let view = state.cluster.view();
    let owner = owner.map(|owner| OwnerDto {
        name: view.live(owner.incarnation).map(|member| member.name.to_string()),
        incarnation: owner.incarnation,
        address: owner.address.to_string(),
        epoch: owner.epoch.0,
    });
    WhereaboutsDto {
        event_id: event,
        owner,
        belongs_on: state.cluster.choice(event).map(|member| member.name.to_string()),
        pinned_to: view.pins.get(&event).map(ToString::to_string),
    }
}
