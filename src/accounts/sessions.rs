//! Sessions: a person's logins, which the person can list and end. Their tokens end at once on this
//! instance, and within two seconds on the others.

use std::time::Duration;

use super::{Access, AccountError, Accounts, TokenError};
use crate::ids::{OfferingId, SessionId, UserId};
use crate::roles::Permission;
use crate::store::{Role, SessionRow};

impl Accounts {
    /// Returns what an access token proves.
    ///
    /// # Errors
    /// [`TokenError`] unless this server signed it and it is still valid.
    pub fn access(&self, token: &str) -> Result<Access, TokenError> {
        let mut access = self.tokens.verify(token)?;
        // No token says what its caller may do.
        let is_admin = !access.caller.guest && self.roles.is_admin(access.caller.user);
        access.caller.role = if is_admin { Role::Admin } else { Role::User };
        Ok(access)
    }

    /// Returns the living sessions of an account, the one seen last first.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>, AccountError> {
        Ok(self.store.session_list(user, self.clock.now_ms()).await?)
    }

    /// Ends a session of an account.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] if the account has no such living session.
    pub async fn end_session(&self, user: UserId, session: SessionId) -> Result<(), AccountError> {
        if !self.store.session_end(user, session, self.clock.now_ms()).await? {
            return Err(AccountError::NotFound);
        }
        self.refuse_session(session);
        Ok(())
    }

    /// Ends all sessions of an account but `keep`; returns how many.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn end_other_sessions(
        &self,
        user: UserId,
        keep: SessionId,
    ) -> Result<usize, AccountError> {
        let ended = self.store.session_end_others(user, keep, self.clock.now_ms()).await?;
        ended.iter().for_each(|session| self.refuse_session(*session));
        Ok(ended.len())
    }

    /// Ends all sessions of an account, and access tokens that belong to none.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn end_all_sessions(&self, user: UserId) -> Result<(), AccountError> {
        let ended = self.store.user_end_sessions(user, self.clock.now_ms()).await?;
        self.refuse_older(&ended.ok_or(AccountError::NotFound)?);
        Ok(())
    }

    /// Waits until an access ends: with its session, with a new password, or by its time.
    pub async fn until_ended(&self, access: &Access) {
        let mut news = self.news.subscribe();
        while self.tokens.check(access, self.clock.now_ms()).is_ok() {
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(self.tokens.left(access)) => {}
            }
        }
    }

    /// True if this instance knows of all sessions that ended more than five seconds ago. What needs
    /// a right, or moves money, is refused without this knowledge.
    #[must_use]
    pub fn knows_revocations(&self) -> bool {
        !self.has_other_processes || self.learned.is_recent()
    }

    /// Returns how old this instance's list of ended sessions is; zero where there is no other process that
    /// could end one.
    #[must_use]
    pub fn revocations_age(&self) -> Duration {
        if self.has_other_processes { self.learned.age() } else { Duration::ZERO }
    }

    /// True if an access that was let in before may go on to do that with an offering: it has not ended,
    /// its role is still there, and this instance knows of ended sessions. Long answers to staff ask this
    /// again and again.
    #[must_use]
    pub fn may_go_on(&self, access: &Access, permission: Permission, offering: OfferingId) -> bool {
        self.knows_revocations()
            && self.tokens.check(access, self.clock.now_ms()).is_ok()
            && self.may(access.caller, permission, offering)
    }

    /// Stores which sessions were used, and forgets ended ones whose tokens have expired.
    ///
    /// # Errors
    /// [`AccountError::Store`]; the sessions are noted again when they are used again.
    pub async fn tend_sessions(&self) -> Result<(), AccountError> {
        self.tokens.expire_sessions();
        let seen = self.tokens.take_seen();
        Ok(self.store.sessions_seen(&seen, self.clock.now_ms()).await?)
    }
}
