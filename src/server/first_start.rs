//! Makes the server usable on an empty store: adds an administrator, and a demo event if one is
//! wanted. Does nothing on a store that has them, and nothing in a worker.

use std::sync::Arc;

use super::{StartError, demo};
use crate::accounts::{AccountError, Registration, Role, generated_password};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::server::admin::Admin;
use crate::store::StoreError;

/// Records that the first start made, or a later one found.
#[derive(Clone, Debug, Default)]
pub struct FirstStart {
    /// The administrator, if it was made just now.
    pub admin: Option<Admin>,
    /// The demo event, if there is one.
    pub demo: Option<OfferingId>,
}

/// Adds the records that the store lacks.
pub(super) async fn prepare(state: Arc<AppState>) -> Result<FirstStart, StartError> {
    match state.accounts.learn_revocations().await {
        Ok(_) => {}
        Err(AccountError::Store(error)) => return Err(error.into()),
        Err(error) => return Err(StartError::Machine(error.to_string())),
    }
    match state.accounts.learn_roles().await {
        Ok(()) => {}
        Err(AccountError::Store(error)) => return Err(error.into()),
        Err(error) => return Err(StartError::Machine(error.to_string())),
    }
    if state.config.is_worker {
        return Ok(FirstStart::default());
    }
    // Instances of a cluster are often started all at once.
    state.store.in_turn(provide(&state)).await?
}

async fn provide(state: &AppState) -> Result<FirstStart, StartError> {
    let admin = if state.store.user_any().await? { None } else { Some(make_admin(state).await?) };
    if admin.is_none() {
        compare_password(state).await;
    }
    let demo = if state.config.has_demo() {
        demo::find_or_make(state, admin.as_ref()).await?
    } else {
        None
    };
    Ok(FirstStart { admin, demo })
}

/// Warns if a password is configured that is not the one that works, which would mislead the
/// operator.
async fn compare_password(state: &AppState) {
    let Some(password) = &state.config.admin_password else { return };
    let email = &state.config.admin_email;
    let is_it = state.accounts.is_password_of(email, password.expose().to_owned()).await;
    if is_it.is_ok_and(|is_it| !is_it) {
        tracing::warn!(
            %email,
            "ADMITONE_ADMIN_PASSWORD is ignored, and is not the password of ADMITONE_ADMIN_EMAIL: \
             it is for the first start on an empty store, and this one has accounts"
        );
    }
}

async fn make_admin(state: &AppState) -> Result<Admin, StartError> {
    let given = state.config.admin_password.clone();
    let generated = given.is_none().then(generated_password);
    let password = match (&given, &generated) {
        (Some(given), _) => given.expose().to_owned(),
        (None, Some(generated)) => generated.clone(),
        (None, None) => String::new(),
    };
    let registration = Registration {
        email: state.config.admin_email.clone(),
        password,
        name: "Administrator".into(),
        phone_number: None,
        role: Role::Admin,
    };
    match state.accounts.make(registration).await {
        Ok(user) => Ok(Admin { id: user.id, email: user.email, generated_password: generated }),
        Err(AccountError::Store(error)) => Err(error.into()),
        Err(error) => Err(StartError::Store(StoreError::Damaged(format!(
            "the administrator's account could not be made: {error}"
        )))),
    }
}
