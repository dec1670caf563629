//! Keeps mails instead of sending them, for `/dev/mail`. A mail with its PDF is larger than all rows of
//! the order that it is about, and is written by the same writer: mails are written in groups, and the
//! longer that took, the longer the next group waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::compose::Mail;
use super::letter::Letter;
use super::outcome::MailOutcome;
use crate::clock::Clock;
use crate::inventory::TimestampMs;
use crate::store::{KeptMail, KeptPart, Store, StoreError};

/// Mails that are kept; older ones are forgotten.
pub const MOST_KEPT: u64 = 200;
/// Most mails in one transaction.
const MAX_GROUP: usize = 32;

/// After a group the writer rests as long as this many times what the group took.
const REST: u32 = 32;
const MAX_REST: Duration = Duration::from_millis(500);

struct Waiting {
    mail: KeptMail,
    parts: Vec<KeptPart>,
    reply: oneshot::Sender<bool>,
}

/// The queue to the writer, which ends when this value is dropped.
pub(super) struct Keeper(mpsc::Sender<Waiting>);

impl Keeper {
    /// Starts the writer on the current runtime.
    pub(super) fn start(store: Store, clock: Arc<dyn Clock>) -> Self {
        let (queue, waiting) = mpsc::channel(MAX_GROUP);
        tokio::spawn(write_all(store, clock, waiting));
        Self(queue)
    }

    pub(super) async fn keep(&self, letter: &Letter, mail: Mail, now: TimestampMs) -> MailOutcome {
        let (reply, kept) = oneshot::channel();
        let parts = mail.parts;
        let mail = KeptMail {
            id: letter.id,
            user: letter.user,
            kind: letter.kind.clone(),
            recipient: mail.to.email,
            subject: mail.subject,
            plain: mail.plain,
            html: mail.html,
            created_at: now,
        };
        let is_kept = self.0.send(Waiting { mail, parts, reply }).await.is_ok()
            && kept.await.is_ok_and(|is| is);
        match is_kept {
            true => MailOutcome::Sent,
            false => MailOutcome::Later("the mail could not be kept".into()),
        }
    }
}

async fn write_all(store: Store, clock: Arc<dyn Clock>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, MAX_GROUP).await > 0 {
        let (mails, replies): (Vec<_>, Vec<_>) =
            group.drain(..).map(|one| ((one.mail, one.parts), one.reply)).unzip();
        let began = clock.monotonic();
        let written = store.kept_mail_put(mails.clone(), MOST_KEPT).await;
        // A mail that cannot be written takes no other with it.
        let is_one_bad = matches!(written, Err(StoreError::BadData(_)));
        for (mail, reply) in mails.into_iter().zip(replies) {
            let is_kept = written.is_ok()
                || (is_one_bad && store.kept_mail_put(vec![mail], MOST_KEPT).await.is_ok());
            // The relay may have stopped waiting.
            let _ = reply.send(is_kept);
        }
        let took = clock.monotonic().saturating_sub(began);
        tokio::time::sleep((took * REST).min(MAX_REST)).await;
    }
}
