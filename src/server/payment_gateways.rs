//! The payment gateways that the settings offer.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::payments::gateway::{Simulator, Stripe, StripeAccess};
use crate::payments::{Method, Payments, ReturnUrls};
use crate::server::StartError;
use crate::store::Store;

/// Adds them.
///
/// # Errors
/// A gateway's client cannot be made.
pub(super) fn offered(
    mut payments: Payments,
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> Result<Payments, StartError> {
    let allowed = config.payment_return_urls.iter().chain(&config.public_url);
    let urls = ReturnUrls::parse(allowed.map(String::as_str)).map_err(StartError::Machine)?;
    payments = payments.with_return_urls(urls);
    if config.allows_demo_payments() {
        // The same for all instances, because each takes the notifications of all.
        let secret = blake3::derive_key(
            "admitone simulator notifications v1",
            config.jwt_secret.expose().as_bytes(),
        );
        payments = payments.with_simulator(Simulator::new(store.clone(), clock.clone(), secret));
    }
    if config.payment_manual {
        payments = payments.with_manual(config.payment_manual_deadline);
    }
    if let Some(key) = &config.stripe_secret_key {
        let access = StripeAccess {
            secret_key: key.expose().to_owned(),
            webhook_secret: config
                .stripe_webhook_secret
                .as_ref()
                .map(|secret| secret.expose().to_owned()),
            url: config.stripe_url.clone(),
        };
        let stripe = Stripe::new(access).map_err(|error| StartError::Machine(error.to_string()))?;
        payments = payments.with_gateway(Method::Stripe, Arc::new(stripe));
    }
    Ok(payments)
}
