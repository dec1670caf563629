//! Notices to people that follow from no journal.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::{AccountError, Accounts};
use crate::ids::UserId;
use crate::store::{GuestRow, NewNotice, UserRow};

/// The time in which mails to an address that is not confirmed are counted.
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
/// Mails about orders and accounts that such an address gets in this time, of all who name it.
const MAILS_AN_HOUR: u32 = 10;

impl Accounts {
    /// Counts a mail to a person by the address, with the other instances: false if the address, which
    /// may be a stranger's, is not confirmed and had its share. A mail that is tried again counts once.
    /// Places that were given away count nothing until they are claimed: only staff cause mails about them.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn may_mail_person(
        &self,
        (mail, kind): (Uuid, &str),
        to: UserId,
    ) -> Result<bool, AccountError> {
        let Some(email) = self.unconfirmed_address(to).await? else { return Ok(true) };
        let (is_first, most) =
            (self.limits.is_first("mail", mail.as_bytes()).await, (MAILS_AN_HOUR, HOUR));
        // What strangers order with the address leaves the share of such mails alone.
        let is_own = ["security.", "webhook."].iter().any(|about| kind.starts_with(about));
        Ok(!is_first
            || match is_own {
                true => self.limits.may_have("mails-of-account", to.0.as_bytes(), most).await,
                false => self.limits.may_have("mails-to-strangers", email.as_bytes(), most).await,
            })
    }

    /// Returns the address of an account or a guest if it may be a stranger's.
    async fn unconfirmed_address(&self, of: UserId) -> Result<Option<String>, AccountError> {
        if let Some(user) = self.store.user_get(of).await? {
            return Ok(Some(user.email).filter(|_| user.email_confirmed_at.is_none()));
        }
        let is_counted =
            |row: &GuestRow| row.email_confirmed_at.is_none() && !row.is_unclaimed_gift;
        Ok(self.store.guest_get(of).await?.filter(is_counted).map(|row| row.email))
    }

    /// True if notices reach people: mails are sent, or kept for a demonstration.
    #[must_use]
    pub fn can_notify(&self) -> bool {
        self.notifies
    }

    /// True if an account can be taken for the person who has its address: the address is confirmed, or
    /// none can be, where no mails are sent. Anyone may register an address first.
    #[must_use]
    pub fn has_proved_address(&self, user: &UserRow) -> bool {
        !self.can_notify() || user.email_confirmed_at.is_some()
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
