//! Deletes expired records: idempotency keys, refresh tokens and links of mails that are no longer usable,
//! and messages that were taken. Records that may still be wanted are left to `admitone archive`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::accounts::Accounts;
use crate::box_office::{JOURNAL_AHEAD, TOLERATED_MS};
use crate::clock::Clock;
use crate::community::articles::Articles;
use crate::http::state::AppState;
use crate::inventory::TimestampMs;
use crate::store::{INVITATIONS_COUNT_FOR_MS, Prunable, Store, StoreError};

/// The most journals from the future that are named in the log.
const MAX_NAMED: u64 = 10;
const INTERVAL: Duration = Duration::from_secs(600);
/// Interval between reads of the access tokens revoked by other processes: a revoked token stays
/// valid for at most this long plus the time of the read.
const REVOCATIONS_EVERY: Duration = Duration::from_secs(1);
/// Interval between writes of which sessions were used.
const SESSIONS_EVERY: Duration = Duration::from_secs(60);
/// Interval between writes of how often articles were read.
const VIEWS_EVERY: Duration = Duration::from_secs(10);
/// Sessions are kept for as long after their end as an access token lives.
const SESSIONS_FOR_MS: TimestampMs = 24 * 3_600_000;
/// Keys are remembered this long, as the API promises.
const KEYS_FOR_MS: TimestampMs = 24 * 3_600_000;
/// Expired refresh tokens are kept for a while, so that late reuse is still noticed as such.
const TOKENS_FOR_MS: TimestampMs = 7 * 24 * 3_600_000;
/// Messages and their deliveries that are at their end are kept for a while, for operators who search for one.
const MESSAGES_FOR_MS: TimestampMs = 7 * 24 * 3_600_000;
/// Attempts to send webhooks are kept for longer than the last retry, for those who look into them.
const ATTEMPTS_FOR_MS: TimestampMs = 14 * 24 * 3_600_000;

/// Gateways repeat a notification for days; after that its id need not be known any more.
const NOTIFIED_FOR_MS: TimestampMs = 30 * 24 * 3_600_000;

/// What was written for a command is kept this long before it is seen whether the command took effect:
/// longer than a key is remembered, so that no retry names what is deleted.
const WORDS_FOR_MS: TimestampMs = 25 * 3_600_000;

/// Warns of a suspicious clock, and cleans up at every interval, the first time at once.
pub(super) fn start(state: &AppState) -> JoinHandle<()> {
    let (store, clock) = (state.store.clone(), state.clock.clone());
    let acts_for_ms = i64::try_from(state.config.audit_log_kept.as_millis()).unwrap_or(i64::MAX);
    let (closing, pictures) = (state.closing(), Arc::clone(&state.pictures));
    state.runtime.spawn(hear_of_revocations(Arc::downgrade(&state.accounts)));
    state.runtime.spawn(tend_sessions(Arc::downgrade(&state.accounts)));
    state.runtime.spawn(tend_views(Arc::downgrade(&state.articles)));
    state.runtime.spawn(async move {
        if let Err(error) = warn_of_the_future(&store, clock.as_ref()).await {
            tracing::debug!(%error, "could not look for journals from the future");
        }
        let mut tick = tokio::time::interval(INTERVAL);
        loop {
            tick.tick().await;
            if let Err(error) = forget(&store, clock.as_ref(), acts_for_ms).await {
                // The next round tries again.
                tracing::debug!(%error, "could not clean up");
            }
            if let Err(error) = pictures.sweep(clock.now_ms()).await {
                tracing::debug!(%error, "could not remove what uploads left behind");
            }
            if let Err(error) = closing.finish_old().await {
                tracing::debug!(%error, "could not end what closed accounts have");
            }
        }
    })
}

/// Reads which sessions other processes ended and which roles they changed, so that this process rejects
/// older tokens too and ends their streams.
async fn hear_of_revocations(accounts: Weak<Accounts>) {
    let mut fails = false;
    loop {
        tokio::time::sleep(REVOCATIONS_EVERY).await;
        let Some(accounts) = accounts.upgrade() else { return };
        let error = accounts.learn_revocations().await.err();
        if let Some(error) = error.as_ref().filter(|_| !fails) {
            tracing::warn!(%error, "cannot ask for revoked access tokens and roles: trying on");
        }
        fails = error.is_some();
    }
}

/// Stores when sessions were used last.
async fn tend_sessions(accounts: Weak<Accounts>) {
    loop {
        tokio::time::sleep(SESSIONS_EVERY).await;
        let Some(accounts) = accounts.upgrade() else { return };
        if let Err(error) = accounts.tend_sessions().await {
            tracing::debug!(%error, "which sessions were used is not stored");
        }
    }
}

/// Stores how often articles were read.
async fn tend_views(articles: Weak<Articles>) {
    loop {
        tokio::time::sleep(VIEWS_EVERY).await;
        let Some(articles) = articles.upgrade() else { return };
        if let Err(error) = articles.store_views().await {
            // They stay in memory for the next time.
            tracing::debug!(%error, "how often articles were read is not stored");
        }
    }
}

/// Stores how often articles were read, before the process ends.
pub(super) async fn store_views(state: &AppState) {
    let articles = Arc::clone(&state.articles);
    let stored = state.runtime.spawn(async move { articles.store_views().await });
    if let Ok(Err(error)) = stored.await {
        tracing::debug!(%error, "how often articles were read last is not stored");
    }
}

/// Warns once of each journal that ends after this machine's clock.
async fn warn_of_the_future(store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
    let now = clock.now_ms();
    for (offering, at) in store.journals_after(now + TOLERATED_MS, MAX_NAMED).await? {
        tracing::warn!(%offering, ahead_s = (at - now) / 1_000, "{JOURNAL_AHEAD}");
    }
    Ok(())
}

async fn forget(
    store: &Store,
    clock: &dyn Clock,
    acts_for_ms: TimestampMs,
) -> Result<(), StoreError> {
    let now = clock.now_ms();
    let older = async |what, than_ms| store.prune(what, now.saturating_sub(than_ms)).await;
    let keys = older(Prunable::IdempotencyKeys, KEYS_FOR_MS).await?;
    let tokens = older(Prunable::ExpiredTokens, TOKENS_FOR_MS).await?;
    let sessions = older(Prunable::ExpiredSessions, SESSIONS_FOR_MS).await?;
    let links = older(Prunable::ExpiredLinks, 0).await?;
    let invitations = older(Prunable::ExpiredInvitations, INVITATIONS_COUNT_FOR_MS).await?;
    let acts = older(Prunable::AuditLog, acts_for_ms).await?;
    let states = older(Prunable::SocialStates, 0).await?;
    let messages = older(Prunable::TakenMessages, MESSAGES_FOR_MS).await?;
    let notices = older(Prunable::TakenNotices, MESSAGES_FOR_MS).await?;
    let deliveries = older(Prunable::EndedDeliveries, MESSAGES_FOR_MS).await?;
    let attempts = older(Prunable::WebhookAttempts, ATTEMPTS_FOR_MS).await?;
    let notified = store.gateway_notifications_forget(now.saturating_sub(NOTIFIED_FOR_MS)).await?;
    let words = store.enrollment_sweep(now.saturating_sub(WORDS_FOR_MS)).await?;
    let of_outbox = messages + notices + deliveries + attempts;
    let of_people = tokens + sessions + links + invitations + states;
    if keys + of_people + acts + of_outbox + notified + words > 0 {
        tracing::debug!(
            keys,
            tokens,
            sessions,
            links,
            invitations,
            states,
            acts,
            of_outbox,
            notified,
            words,
            "forgot what had expired"
        );
    }
    Ok(())
}
