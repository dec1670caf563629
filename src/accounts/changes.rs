//! Changes of an account: by its owner, and a new password by the operator. A new password ends all
//! sessions, and the owner is told of it.

use serde_json::json;

use super::lockout::Lock;
use super::passwords::Place;
use super::{
    Access, AccountError, Accounts, Session, check_name, check_password, invalid, normalise_email,
};
use crate::accounts::normalise_phone;
use crate::caller::Caller;
use crate::inventory::TimestampMs;
use crate::language::Language;
use crate::store::{
    FreshSession, NewPassword, OwnerProof, PaymentMethod, RefreshToken, UserChange, UserChanged,
    UserRow,
};

/// Changes of the caller's own account; a field that is `None` stays as it is.
#[derive(Clone, Default)]
pub struct ProfileChange {
    /// A new name.
    pub name: Option<String>,
    /// A new number; `Some(None)` removes the number.
    pub phone_number: Option<Option<String>>,
    /// A new password.
    pub password: Option<PasswordChange>,
    /// Another language.
    pub language: Option<Language>,
    /// How automatic payments are made; `Some(None)` removes the choice.
    pub default_payment_method: Option<Option<PaymentMethod>>,
}

/// A new password, and the current one as the proof of its owner.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PasswordChange {
    pub current: String,
    pub new: String,
}

/// An account after a change.
#[derive(Clone, Debug)]
pub struct Updated {
    /// The account as it is now.
    pub user: UserRow,
    /// The caller's session with its new tokens, after a new password. `None` where the caller has
    /// to log in again.
    pub session: Option<Session>,
}

impl Accounts {
    /// Changes the given values of the caller's own account.
    /// A new password requires the current one, and ends all sessions but the caller's, which gets
    /// new tokens.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn update(
        &self,
        access: impl Into<Access>,
        change: ProfileChange,
    ) -> Result<Updated, AccountError> {
        let access = access.into();
        let caller = access.caller;
        let ProfileChange { name, phone_number, password, language, default_payment_method } =
            change;
        let name = name.as_deref().map(check_name).transpose();
        let name = name.map_err(|reason| invalid("name", reason))?;
        let phone_number = match phone_number {
            Some(Some(number)) => Some(Some(
                normalise_phone(&number).map_err(|reason| invalid("phoneNumber", reason))?,
            )),
            Some(None) => Some(None),
            None => None,
        };
        let mut tokens = None;
        let password = match password {
            Some(change) => {
                tokens =
                    access.session.map(|id| self.refresh_token(rand::random(), id, caller.user));
                let keeps = tokens.as_ref().map(|(_, row)| row.clone());
                Some(self.prove(access, change, keeps).await?)
            }
            None => None,
        };
        let is_new_password = password.is_some();
        let language = language.map(Language::tag);
        let change = UserChange { name, phone_number, password, language, default_payment_method };
        match self.store.user_update(caller.user, change, self.clock.now_ms()).await? {
            UserChanged::Now(user) if is_new_password => self.with_password(user, tokens).await,
            UserChanged::WithoutSession(user) => self.with_password(user, None).await,
            UserChanged::Now(user) => Ok(Updated { user, session: None }),
            UserChanged::Gone => Err(without_account(caller)),
            UserChanged::OtherPassword | UserChanged::NotFresh => Err(not_current()),
        }
    }

    /// Ends the tokens of the password before, tells the owner, and returns the session that goes on.
    pub(super) async fn with_password(
        &self,
        user: UserRow,
        tokens: Option<(String, RefreshToken)>,
    ) -> Result<Updated, AccountError> {
        self.refuse_older(&user);
        let payload = match &tokens {
            Some(_) => json!({ "stays": "the session that changed it" }),
            None => json!({}),
        };
        self.tell("security.password_changed", user.id, payload).await;
        let session = match tokens {
            Some((token, row)) => {
                let times = (row.issued_at, row.expires_at);
                Some(self.session(user.clone(), row.session, token, times)?)
            }
            None => None,
        };
        Ok(Updated { user, session })
    }

    /// Returns how automatic payments of the caller are made, if the caller has chosen; guests cannot.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn default_payment_method(
        &self,
        caller: Caller,
    ) -> Result<Option<PaymentMethod>, AccountError> {
        if caller.guest {
            return Ok(None);
        }
        let user = self.store.user_get(caller.user).await?;
        Ok(user.and_then(|user| user.default_payment_method))
    }

    /// Sets a new password for an account without a proof, and ends all its logins. Meant for the
    /// operator of the server.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] when the address has no account.
    pub async fn reset_password(
        &self,
        email: &str,
        password: String,
    ) -> Result<UserRow, AccountError> {
        let email = normalise_email(email).map_err(|reason| invalid("email", reason))?;
        check_password(&password).map_err(|reason| invalid("password", reason))?;
        let user = self.store.user_by_email(&email).await?.ok_or(AccountError::NotFound)?;
        let hash = self.passwords.hash_next(Place::of(None, &email), password).await?;
        let password = Some(NewPassword { proved: None, hash, keeps: None, requires: None });
        let change = UserChange { password, ..UserChange::default() };
        match self.store.user_update(user.id, change, self.clock.now_ms()).await? {
            UserChanged::Now(user) | UserChanged::WithoutSession(user) => {
                self.tell("security.password_changed", user.id, json!({})).await;
                Ok(user)
            }
            UserChanged::Gone | UserChanged::OtherPassword | UserChanged::NotFresh => {
                Err(AccountError::NotFound)
            }
        }
    }

    async fn prove(
        &self,
        access: Access,
        change: PasswordChange,
        keeps: Option<RefreshToken>,
    ) -> Result<NewPassword, AccountError> {
        check_password(&change.new).map_err(|reason| invalid("newPassword", reason))?;
        let user = self.store.user_get(access.caller.user).await?;
        let user = user.ok_or_else(|| without_account(access.caller))?;
        self.prove_current(access, &user, change.current).await?;
        let from = Place::of(None, &user.email);
        let hash = self.passwords.hash_next(from, change.new).await?;
        Ok(NewPassword { proved: Some(user.password_hash), hash, keeps, requires: None })
    }

    /// Checks that the caller is the owner of the account, who alone may close it: by the current
    /// password, or without one by a login of the last 10 minutes. A guest has neither. Returns what has to
    /// hold still when the account is closed.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] for another password; [`super::SocialError::LoginTooOld`].
    pub async fn prove_owner(
        &self,
        access: Access,
        current: Option<String>,
    ) -> Result<OwnerProof, AccountError> {
        if access.caller.guest {
            return Ok(OwnerProof { is_guest: true, ..OwnerProof::default() });
        }
        let Some(current) = current else {
            let (_, session) = self.freshly_signed_in(access).await?;
            return Ok(OwnerProof { session: Some(session), ..OwnerProof::default() });
        };
        let user = self.user(access.caller.user).await?;
        if !user.has_password() {
            return Err(not_current());
        }
        self.prove_current(access, &user, current).await?;
        let session = access.session.map(|id| FreshSession { id, opened_since: TimestampMs::MIN });
        Ok(OwnerProof { is_guest: false, password_hash: Some(user.password_hash), session })
    }

    /// Checks the current password of the caller's account. Wrong ones are counted.
    async fn prove_current(
        &self,
        access: Access,
        user: &UserRow,
        current: String,
    ) -> Result<(), AccountError> {
        // By session: who has stolen one must not keep the owner from changing the password in another.
        let session = access.session.map(|session| session.0).unwrap_or_default();
        let what = [user.id.0.into_bytes(), session.into_bytes()].concat();
        let limited = |retry_after| AccountError::Limited { retry_after };
        let attempted = self.attempt(Lock { kind: "current-password", what }).await;
        let (_, attempted) = attempted.map_err(limited)?;
        let from = Place::of(None, &user.email);
        if !self.passwords.verify(from, current, Some(user.password_hash.clone())).await? {
            attempted.keep();
            return Err(not_current());
        }
        attempted.forget().await;
        Ok(())
    }
}

/// Returns the error for a caller without an account.
fn without_account(caller: Caller) -> AccountError {
    if caller.guest { AccountError::AccountRequired } else { AccountError::NotFound }
}

fn not_current() -> AccountError {
    invalid("currentPassword", "is not the current password".into())
}
