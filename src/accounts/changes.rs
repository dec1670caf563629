//! Changes of an account: by its owner, and a new password by the operator. A new password ends all
//! sessions, and the owner is told of it.

use serde_json::json;

use super::lockout;
use super::passwords::Place;
use super::{AccountError, Accounts, check_name, check_password, invalid, normalise_email};
use crate::accounts::normalise_phone;
use crate::caller::Caller;
use crate::language::Language;
use crate::store::{NewPassword, PaymentMethod, UserChange, UserChanged, UserRow};

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

impl Accounts {
    /// Changes the given values of the caller's own account.
    /// A new password requires the current one, and ends all logins.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn update(
        &self,
        caller: Caller,
        change: ProfileChange,
    ) -> Result<UserRow, AccountError> {
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
        let password = match password {
            Some(change) => Some(self.prove(caller, change).await?),
            None => None,
        };
        let is_new_password = password.is_some();
        let language = language.map(Language::tag);
        let change = UserChange { name, phone_number, password, language, default_payment_method };
        match self.store.user_update(caller.user, change, self.clock.now_ms()).await? {
            UserChanged::Now(user) => {
                if is_new_password {
                    self.refuse_older(&user);
                    self.notify("security.password_changed", user.id, json!({})).await?;
                }
                Ok(user)
            }
            UserChanged::Gone => Err(without_account(caller)),
            UserChanged::OtherPassword => Err(not_current()),
        }
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
        let password = Some(NewPassword { proved: None, hash });
        let change = UserChange { password, ..UserChange::default() };
        match self.store.user_update(user.id, change, self.clock.now_ms()).await? {
            UserChanged::Now(user) => {
                self.notify("security.password_changed", user.id, json!({})).await?;
                Ok(user)
            }
            UserChanged::Gone | UserChanged::OtherPassword => Err(AccountError::NotFound),
        }
    }

    async fn prove(
        &self,
        caller: Caller,
        change: PasswordChange,
    ) -> Result<NewPassword, AccountError> {
        check_password(&change.new).map_err(|reason| invalid("newPassword", reason))?;
        let user = self.store.user_get(caller.user).await?;
        let user = user.ok_or_else(|| without_account(caller))?;
        let (kind, what) = ("current-password", user.id.0.into_bytes());
        let limited = |retry_after| AccountError::Limited { retry_after };
        self.limits.attempt(kind, &what, lockout::LOCK).await.map_err(limited)?;
        let (from, proved) = (Place::of(None, &user.email), user.password_hash);
        if !self.passwords.verify(from, change.current, Some(proved.clone())).await? {
            return Err(not_current());
        }
        self.limits.forget(kind, &what).await;
        let hash = self.passwords.hash_next(from, change.new).await?;
        Ok(NewPassword { proved: Some(proved), hash })
    }
}

/// Returns the error for a caller without an account.
fn without_account(caller: Caller) -> AccountError {
    if caller.guest { AccountError::AccountRequired } else { AccountError::NotFound }
}

fn not_current() -> AccountError {
    invalid("currentPassword", "is not the current password".into())
}
