//! Access tokens that end before their time: with a new password, or with their account. The
//! instance that ends them refuses them at once; the others query the database for new revocations
//! every second.

use std::sync::atomic::Ordering;

use super::{AccountError, Accounts};
use crate::ids::UserId;
use crate::store::{Forgotten, OnBalance, Revocation, StoreError, UserRow};

/// Revocations that are read at a time.
const PAGE: usize = 1_000;

impl Accounts {
    /// Reads the access tokens revoked since the last call; the first call (before any token is
    /// verified) reads those that could still be valid. Returns how many rows it read. A call costs
    /// as much as there are new revocations, and misses none that was committed late: numbers
    /// become visible in their order.
    ///
    /// # Errors
    /// [`AccountError::Store`]; the next call reads the rows that this one did not.
    pub async fn learn_revocations(&self) -> Result<usize, AccountError> {
        let from = self.learned.number.load(Ordering::Acquire);
        let last = self.store.revocation_last().await?;
        // A database that was restored to an earlier state assigns its numbers anew.
        let read = match from == 0 || last < from {
            true => self.learn_recent(last).await?,
            false => self.learn_after(from).await?,
        };
        self.tokens.expire_revocations();
        Ok(read)
    }

    async fn learn_after(&self, mut number: i64) -> Result<usize, StoreError> {
        let mut read = 0;
        loop {
            let page = self.store.revocations_after(number, PAGE as u64).await?;
            read += page.len();
            page.iter().for_each(|revocation| self.revoke(revocation));
            number = page.last().map_or(number, |revocation| revocation.number);
            self.learned.number.store(number, Ordering::Release);
            if page.len() < PAGE {
                return Ok(read);
            }
        }
    }

    /// Reads newest first, until a page ends before any token that is still valid was issued.
    async fn learn_recent(&self, last: i64) -> Result<usize, StoreError> {
        let oldest = self.tokens.oldest();
        let (mut number, mut read) = (last, 0);
        loop {
            let page = self.store.revocations_up_to(number, PAGE as u64).await?;
            read += page.len();
            page.iter().for_each(|revocation| self.revoke(revocation));
            number = page.last().map_or(0, |revocation| revocation.number - 1);
            if page.len() < PAGE || page.last().is_some_and(|last| last.at < oldest) {
                break;
            }
        }
        self.learned.number.store(last, Ordering::Release);
        Ok(read)
    }

    fn revoke(&self, revocation: &Revocation) {
        self.tokens.revoke(revocation.user, revocation.version, revocation.at);
    }

    /// Refuses, from now on and on this instance, the access tokens that `user` had before `row`.
    pub(super) fn refuse_older(&self, row: &UserRow) {
        self.tokens.revoke(row.id, row.token_version, row.updated_at);
    }

    /// Checks that the account may be closed at all.
    ///
    /// # Errors
    /// [`AccountError::LastAdministrator`], [`AccountError::Store`].
    pub async fn may_close(&self, id: UserId) -> Result<(), AccountError> {
        match self.store.user_is_last_admin(id).await? {
            true => Err(AccountError::LastAdministrator),
            false => Ok(()),
        }
    }

    /// Forgets a person. Their reservations stay, and belong to no person; their tokens become
    /// invalid. Returns `false`, and changes nothing, if there is money in their wallet and
    /// `on_balance` refuses that.
    ///
    /// # Errors
    /// [`AccountError::LastAdministrator`], [`AccountError::Store`].
    pub async fn close(&self, id: UserId, on_balance: OnBalance) -> Result<bool, AccountError> {
        match self.store.user_forget(id, on_balance, self.clock.now_ms()).await {
            Ok(Forgotten::Now(closed)) => {
                self.refuse_older(&closed);
                self.learn_roles().await?;
                Ok(true)
            }
            // Closed by another request, maybe on another instance.
            Ok(Forgotten::Before) => Ok(true),
            Ok(Forgotten::HasMoney) => Ok(false),
            Err(StoreError::Conflict(_)) => Err(AccountError::LastAdministrator),
            Err(error) => Err(error.into()),
        }
    }
}
