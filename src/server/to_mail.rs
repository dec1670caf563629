//! Mails as a destination of the relay.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::mail::{Letter, MailOutcome, Mailer};
use crate::outbox::{Destination, Outcome, Subscription};
use crate::store::{DeliveryRow, StoreError};

/// The name of the one destination of mails.
pub(super) const MAIL: &str = "mail";
/// The kinds of messages that people get as mails. `event.changed` and `event.details_changed` reach
/// them by way of everyone with places.
const KINDS: [&str; 22] = [
    "account.email_confirmation",
    "account.password_reset",
    "enrollment.applied",
    "enrollment.approved",
    "enrollment.canceled",
    "enrollment.offered",
    "enrollment.promoted",
    "enrollment.rejected",
    "enrollment.waitlisted",
    "invitation.sent",
    "payment.failed",
    "payment.refunded",
    "reservation.cancelled",
    "reservation.confirmed",
    "reservation.expired",
    "security.identity_linked",
    "security.identity_unlinked",
    "security.login_locked",
    "security.password_changed",
    "tickets.cancelled",
    "waitlist.offered",
    "webhook.disabled",
];
/// The pauses after failed attempts.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(5 * 60), Duration::from_secs(15 * 60), Duration::from_secs(60 * 60)];
/// The pause after an attempt to mail what is over within minutes.
const SOON: Duration = Duration::from_secs(60);
/// Time for a mail: less than a claim lasts after the last begin, so that no other process sends it too.
const WHOLE: Duration = Duration::from_secs(50);
/// Mails that may be under way at a time.
const AT_ONCE: usize = 8;

/// The mailer of a server.
pub(super) struct ToMail(pub(super) Arc<Mailer>);

impl Destination for ToMail {
    fn family(&self) -> &'static str {
        MAIL
    }

    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<Subscription>, StoreError>> {
        let all = Subscription {
            destination: MAIL.into(),
            kinds: Some(KINDS.map(str::to_owned).to_vec()),
            offering: None,
            is_personal: true,
        };
        std::future::ready(Ok(vec![all])).boxed()
    }

    fn deliver<'a>(&'a self, delivery: &'a DeliveryRow) -> BoxFuture<'a, Outcome> {
        async move {
            let Some(user) = delivery.user else { return Outcome::Unneeded("it concerns no one") };
            let message: Value = match serde_json::from_str(&delivery.body) {
                Ok(message) => message,
                Err(error) => return Outcome::Never(format!("the message is no JSON: {error}")),
            };
            let letter = Letter {
                id: delivery.id,
                kind: delivery.kind.clone(),
                user,
                offering: delivery.offering,
                body: message["data"].clone(),
                at: delivery.created_at,
            };
            let Ok(outcome) = tokio::time::timeout(WHOLE, self.0.deliver(&letter)).await else {
                let error = format!("the mail took more than {} s", WHOLE.as_secs());
                return Outcome::Later { error, after: soon(&delivery.kind) };
            };
            match outcome {
                MailOutcome::Sent => Outcome::Delivered,
                MailOutcome::NothingToSend(why) => Outcome::Unneeded(why),
                MailOutcome::Later(error) => Outcome::Later { error, after: soon(&delivery.kind) },
                MailOutcome::Away(error) => Outcome::Away(error),
                MailOutcome::Never(error) => Outcome::Never(error),
            }
        }
        .boxed()
    }

    fn pauses(&self) -> &[Duration] {
        &PAUSES
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }
}

/// What is over within minutes, and what a person waits for.
const HURRIED: [&str; 4] = [
    "account.email_confirmation",
    "account.password_reset",
    "enrollment.offered",
    "waitlist.offered",
];

/// Returns the pause after a failed attempt where the usual ones are too long.
fn soon(kind: &str) -> Option<Duration> {
    HURRIED.contains(&kind).then_some(SOON)
}
