//! The relay of a server, and the destinations of its messages as configured.

use std::sync::Arc;

use super::StartError;
use super::to_mail::{MAIL, ToMail};
use super::to_webhooks::ToWebhooks;
use crate::config::MailMode;
use crate::http::state::AppState;
use crate::outbox::{Audience, Destinations, Relay, RelayHandle, Stream};

/// Starts the relay, unless another process has that work.
///
/// # Errors
/// The fault of a setting.
pub(super) fn start_relay(state: &AppState) -> Result<Option<RelayHandle>, StartError> {
    if !state.config.relay {
        return Ok(None);
    }
    let destinations = all(state).map_err(StartError::Machine)?;
    let relay = Relay::new(state.store.clone(), state.clock.clone(), destinations);
    Ok(Some(relay.spawn(&state.runtime)))
}

/// Returns all families of destinations that there are.
///
/// # Errors
/// The fault of a setting, without showing it.
fn all(state: &AppState) -> Result<Destinations, String> {
    let mut all = Destinations::new();
    all.push(Arc::new(ToWebhooks(state.webhooks.clone())));
    if state.config.mail_mode() != MailMode::Off {
        all.push(Arc::new(ToMail(state.mailer.clone())));
        let (store, clock) = (state.store.clone(), state.clock.clone());
        all.push(Arc::new(Audience::new(store, clock, MAIL)));
    }
    if let Some(url) = &state.config.redis_url {
        all.push(Arc::new(Stream::new(url.expose(), "")?));
    }
    Ok(all)
}
