//! Notices to people that follow from no journal: they are handed to the mailer of this process, which
//! sends them as soon as it can.

use serde_json::Value;
use tokio::sync::mpsc;

use super::{AccountError, Accounts, Notice};
use crate::ids::{UserId, time_ordered};

impl Accounts {
    /// Returns accounts whose notices go to `notices`. Without a receiver they are dropped, as in
    /// commands that run beside a server.
    #[must_use]
    pub fn with_notices(self, notices: mpsc::UnboundedSender<Notice>) -> Self {
        Self { notices: Some(notices), ..self }
    }

    /// True if notices reach people.
    pub(super) fn can_notify(&self) -> bool {
        self.notices.is_some()
    }

    /// Tells a person something. `payload` must hold nothing secret: it may be kept.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    #[expect(clippy::unused_async, reason = "a table takes notices later")]
    pub(super) async fn notify(
        &self,
        kind: &'static str,
        user: UserId,
        payload: Value,
    ) -> Result<(), AccountError> {
        let Some(notices) = &self.notices else { return Ok(()) };
        let at = self.clock.now_ms();
        let notice = Notice { id: time_ordered(at.unsigned_abs()), kind, user, payload, at };
        // A server that stops has no receiver any more.
        let _ = notices.send(notice);
        Ok(())
    }
}
