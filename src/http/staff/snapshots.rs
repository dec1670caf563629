//! The values of a thing before and after an act, as the API shows them.

use serde::Serialize;
use serde_json::{Value, json};

use super::rules::Shot;
use crate::http::api::{classes, offerings, terms, webhooks};
use crate::http::error::ApiError;
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::GrantId;

/// Reads the values of a thing; null if there is no such thing.
///
/// # Errors
/// The store failed.
pub(super) async fn take(
    state: &AppState,
    shot: Shot,
    target: Option<&str>,
) -> Result<Value, ApiError> {
    let Some(target) = target else { return Ok(Value::Null) };
    let (zone, now) = (&state.config.time_zone, state.clock.now_ms());
    match shot {
        Shot::Nothing => Ok(Value::Null),
        Shot::Event => {
            let Ok(id) = target.parse() else { return Ok(Value::Null) };
            if state.store.event_get(id).await?.is_none() {
                return Ok(Value::Null);
            }
            Ok(value(&offerings::events::read(state, id).await?))
        }
        Shot::Class => {
            let Ok(id) = target.parse() else { return Ok(Value::Null) };
            let row = state.store.class_get(id).await?;
            Ok(row.map_or(Value::Null, |row| value(&classes::mclasses::render(&row, zone, now))))
        }
        Shot::Term => {
            let Ok(id) = target.parse() else { return Ok(Value::Null) };
            let row = state.store.term_get(id).await?;
            Ok(row.map_or(Value::Null, |row| value(&terms::render(row))))
        }
        Shot::Webhook => {
            let Ok(id) = target.parse() else { return Ok(Value::Null) };
            let row = state.store.webhook_get(id).await?;
            Ok(row.map_or(Value::Null, |row| value(&webhooks::endpoints::render(&row, now))))
        }
        Shot::Grant => {
            let Ok(id) = target.parse::<GrantId>() else { return Ok(Value::Null) };
            let row = state.store.grant_get(id).await?;
            Ok(row.map_or(Value::Null, |row| {
                json!({
                    "userId": row.user, "role": row.role, "offeringId": row.offering,
                    "grantedBy": row.granted_by, "grantedAt": rfc3339(row.granted_at),
                })
            }))
        }
    }
}

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}
