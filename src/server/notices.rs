//! Assembles the mailer, and hands it the notices that follow from no journal. A notice for which the mail
//! server is away is tried again for a while; a stop of the process forgets it.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::StartError;
use crate::accounts::{Accounts, Notice};
use crate::clock::Clock;
use crate::config::{Config, MailMode};
use crate::mail::{Letter, MailOutcome, Mailer, MailerParts};
use crate::offerings::PlaceNames;
use crate::store::Store;

/// Pauses between the tries of one notice.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];

/// Returns the accounts, and the notices that they send where mails are made.
pub(super) fn accounts(
    config: &Config,
    store: Store,
    clock: Arc<dyn Clock>,
    runtime: tokio::runtime::Handle,
) -> (Arc<Accounts>, Option<UnboundedReceiver<Notice>>) {
    let accounts = Accounts::new(store, clock, config, runtime);
    if config.mail_mode() == MailMode::Off {
        return (Arc::new(accounts), None);
    }
    let (sender, receiver) = unbounded_channel();
    (Arc::new(accounts.with_notices(sender)), Some(receiver))
}

/// Returns the mailer, which gets the notices from now on.
///
/// # Errors
/// A setting cannot be used.
pub(super) fn mailer(
    config: &Config,
    (store, clock): (Store, Arc<dyn Clock>),
    (accounts, notices): (Arc<Accounts>, Option<UnboundedReceiver<Notice>>),
    places: PlaceNames,
    listening: SocketAddr,
) -> Result<Arc<Mailer>, StartError> {
    let parts = MailerParts { store, accounts, places, clock, listening };
    let mailer = Arc::new(Mailer::new(config, parts).map_err(StartError::Mail)?);
    if let Some(notices) = notices {
        tokio::spawn(deliver(Arc::downgrade(&mailer), notices));
    }
    Ok(mailer)
}

/// Delivers notices until the server is gone.
async fn deliver(mailer: Weak<Mailer>, mut notices: UnboundedReceiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        let Some(mailer) = mailer.upgrade() else { return };
        // A mail that waits for its server holds up no other.
        tokio::spawn(async move { try_for_a_while(&mailer, notice).await });
    }
}

async fn try_for_a_while(mailer: &Mailer, notice: Notice) {
    let Notice { id, kind, user, payload, at } = notice;
    let letter = Letter { id, kind: kind.to_owned(), user, offering: None, body: payload, at };
    for pause in PAUSES.into_iter().map(Some).chain([None]) {
        match (mailer.deliver(&letter).await, pause) {
            (MailOutcome::Sent | MailOutcome::NothingToSend(_), _) => return,
            (MailOutcome::Later(_), Some(pause)) => tokio::time::sleep(pause).await,
            (MailOutcome::Later(why) | MailOutcome::Never(why), _) => {
                tracing::warn!(kind, %why, "a notice was not mailed");
                return;
            }
        }
    }
}
