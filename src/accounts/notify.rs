//! Notices to people that follow from no journal.

use serde_json::Value;

use super::{AccountError, Accounts};
use crate::ids::UserId;
use crate::store::NewNotice;

impl Accounts {
    /// True if notices reach people.
    pub(super) fn can_notify(&self) -> bool {
        self.notifies
    }

    /// Tells a person what has happened already. A failure is logged: it does not undo what happened.
    pub(super) async fn tell(&self, kind: &'static str, user: UserId, payload: Value) {
        if let Err(error) = self.notify(kind, user, payload).await {
            tracing::warn!(%error, kind, %user, "a person is not told of a change of the account");
        }
    }

    /// Tells a person something. `payload` must hold nothing secret: it is kept.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub(super) async fn notify(
        &self,
        kind: &'static str,
        user: UserId,
        payload: Value,
    ) -> Result<(), AccountError> {
        if !self.notifies {
            return Ok(());
        }
        let notice = NewNotice { kind, offering: None, user: Some(user), payload };
        Ok(self.store.notice_put(&notice, self.clock.now_ms()).await?)
    }
}
