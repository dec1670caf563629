//! The way of an administrator's command: the journal says who asked for it, and its key counts in
//! nobody's share of the remembered keys.

use uuid::Uuid;

use crate::box_office::Committed;
use crate::http::api::box_office::holds::submit;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::inventory::{Command, Idempotency, Request};

/// Hands an administrator's command to the event's box office.
///
/// # Errors
/// As for [`submit`].
pub async fn submit_by_admin(
    state: &AppState,
    event: OfferingId,
    admin: UserId,
    command: Command,
    idempotency: Option<Idempotency>,
) -> Result<Committed, ApiError> {
    let command = Command::ByAdmin { admin, command: Box::new(command) };
    let idempotency = idempotency.map(in_no_share);
    submit(state, event, Request { command, idempotency }).await
}

/// Administrators act by the thousand (at the door above all): each of their keys has a share of its
/// own. The key is a hash that the administrator is part of, so nobody else's share is named by it.
fn in_no_share(idempotency: Idempotency) -> Idempotency {
    let principal = UserId(Uuid::from_bytes(idempotency.key));
    Idempotency { principal, ..idempotency }
}
