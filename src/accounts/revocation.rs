//! Access tokens that end before their time: with their session, with a new password, or with their
//! account. The instance that ends them refuses them at once; the others query the database for new
//! revocations every second.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::{AccountError, Accounts, SocialError};
use crate::ids::{SessionId, UserId};
use crate::store::{
    EndedSession, Forgotten, OnBalance, OwnerProof, Revocation, StoreError, UserRow,
};

/// Revocations that are read at a time.
const PAGE: usize = 1_000;
/// Ended sessions that are read at a time: many more people log out than change their password.
const SESSIONS_PAGE: usize = 10_000;

impl Accounts {
    /// Reads the access tokens revoked since the last call; the first call (before any token is
    /// verified) reads those that could still be valid. Returns how many rows it read. A call costs
    /// as much as there are new revocations, and misses none that was committed late: numbers
    /// become visible in their order.
    ///
    /// # Errors
    /// [`AccountError::Store`]; the next call reads the rows that this one did not.
    pub async fn learn_revocations(&self) -> Result<usize, AccountError> {
        let began = Instant::now();
        let from = self.learned.number.load(Ordering::Acquire);
        let last = self.store.revocation_last().await?;
        // A database that was restored to an earlier state assigns its numbers anew.
        let read = match from == 0 || last < from {
            true => self.learn_recent(last).await?,
            false if last == from => 0,
            false => self.learn_between(from, last).await?,
        };
        self.tokens.expire_revocations();
        self.learn_roles().await?;
        self.learned.up_to(last, began);
        if self.learned.has_news.swap(false, Ordering::AcqRel) || read > 0 {
            self.news.send_replace(());
        }
        Ok(read)
    }

    /// Reads the revocations with numbers in `(from, last]`.
    async fn learn_between(&self, from: i64, last: i64) -> Result<usize, StoreError> {
        let (mut number, mut read) = (from, 0);
        loop {
            let page = self.store.revocations_after(number, last, PAGE as u64).await?;
            read += page.len();
            page.iter().for_each(|revocation| self.revoke(revocation));
            number = page.last().map_or(last, |revocation| revocation.number);
            if page.len() < PAGE {
                break;
            }
        }
        let mut number = from;
        loop {
            let page = self.store.sessions_ended_after(number, last, SESSIONS_PAGE as u64).await?;
            read += page.len();
            page.iter().for_each(|ended| self.end_here(ended));
            number = page.last().map_or(last, |ended| ended.number);
            if page.len() < SESSIONS_PAGE {
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
        let mut number = last;
        loop {
            let page = self.store.sessions_ended_up_to(number, SESSIONS_PAGE as u64).await?;
            read += page.len();
            page.iter().for_each(|ended| self.end_here(ended));
            number = page.last().map_or(0, |ended| ended.number - 1);
            if page.len() < SESSIONS_PAGE || page.last().is_some_and(|last| last.at < oldest) {
                return Ok(read);
            }
        }
    }

    fn end_here(&self, ended: &EndedSession) {
        self.tokens.end(ended.session, ended.at);
    }

    /// Refuses the access tokens of a session that ended just now, on this instance.
    pub(super) fn refuse_session(&self, session: SessionId) {
        self.tokens.end(session, self.clock.now_ms());
        self.learned.has_news.store(true, Ordering::Release);
    }

    fn revoke(&self, revocation: &Revocation) {
        self.tokens.revoke(revocation.user, revocation.version, revocation.at);
    }

    /// Refuses, from now on and on this instance, the access tokens that `user` had before `row`.
    pub(super) fn refuse_older(&self, row: &UserRow) {
        self.tokens.revoke(row.id, row.token_version, row.updated_at);
        self.learned.has_news.store(true, Ordering::Release);
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
    /// [`SocialError::LoginTooOld`] if the session has ended since the proof, or the password was changed;
    /// [`AccountError::LastAdministrator`], [`AccountError::Store`].
    pub async fn close(
        &self,
        id: UserId,
        proof: OwnerProof,
        on_balance: OnBalance,
    ) -> Result<bool, AccountError> {
        match self.store.user_forget(id, proof, on_balance, self.clock.now_ms()).await {
            Ok(Forgotten::Now(closed)) => {
                self.refuse_older(&closed);
                self.learn_roles().await?;
                Ok(true)
            }
            // Closed by another request, maybe on another instance.
            Ok(Forgotten::Before) => Ok(true),
            Ok(Forgotten::HasMoney) => Ok(false),
            Ok(Forgotten::NotProved) => Err(SocialError::LoginTooOld.into()),
            Err(StoreError::Conflict(_)) => Err(AccountError::LastAdministrator),
            Err(error) => Err(error.into()),
        }
    }
}
