//! The destinations of messages, as configured.

use std::sync::Arc;

use super::to_mail::{MAIL, ToMail};
use super::to_webhooks::ToWebhooks;
use crate::config::MailMode;
use crate::http::state::AppState;
use crate::outbox::{Audience, Destinations, Stream};

/// Returns all families of destinations that there are.
///
/// # Errors
/// The fault of a setting, without showing it.
pub(super) fn all(state: &AppState) -> Result<Destinations, String> {
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
