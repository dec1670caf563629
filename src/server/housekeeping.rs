//! Forgets what has had its time: idempotency keys and refresh tokens that no one can use any more.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::http::state::AppState;
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

const INTERVAL: Duration = Duration::from_secs(600);
/// How long a token of an account that was closed elsewhere may live on.
const CLOSED_EVERY: Duration = Duration::from_secs(2);
/// Keys are remembered this long, as the API promises.
const KEYS_FOR_MS: TimestampMs = 24 * 3_600_000;
/// Expired refresh tokens are kept for a while, so that late reuse is still noticed as such.
const TOKENS_FOR_MS: TimestampMs = 7 * 24 * 3_600_000;

/// Starts to clean up every so often, the first time at once.
pub(super) fn start(state: &AppState) -> JoinHandle<()> {
    let (store, clock) = (state.store.clone(), state.clock.clone());
    if !state.cluster.is_alone() {
        state.runtime.spawn(hear_of_closed(Arc::downgrade(&state.accounts)));
    }
    state.runtime.spawn(async move {
        let mut tick = tokio::time::interval(INTERVAL);
        loop {
            tick.tick().await;
            if let Err(error) = forget(&store, clock.as_ref()).await {
                // The next round does it.
                tracing::debug!(%error, "could not clean up");
            }
        }
    })
}

/// Learns of accounts that were closed by way of other instances, so that their tokens are worth
/// nothing here either.
async fn hear_of_closed(accounts: Weak<Accounts>) {
    loop {
        tokio::time::sleep(CLOSED_EVERY).await;
        let Some(accounts) = accounts.upgrade() else { return };
        if let Err(error) = accounts.recall_closed().await {
            tracing::debug!(%error, "could not look for closed accounts");
        }
    }
}

async fn forget(store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
    let now = clock.now_ms();
    let keys = store.idempotency_forget(now.saturating_sub(KEYS_FOR_MS)).await?;
    let tokens = store.refresh_token_forget(now.saturating_sub(TOKENS_FOR_MS)).await?;
    if keys + tokens > 0 {
        tracing::debug!(keys, tokens, "forgot what had expired");
    }
    Ok(())
}
