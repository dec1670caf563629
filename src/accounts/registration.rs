//! Registration: a person makes an account, may agree to terms by it, and is logged in.

use std::net::IpAddr;

use super::passwords::Place;
use super::{
    AccountError, Accounts, LoginFrom, Session, check_name, check_password, counted, invalid,
    normalise_email, normalise_phone,
};
use crate::caller::Caller;
use crate::ids::{TermId, UserId};
use crate::store::{Answered, Device, Key, NewUser, Role, StoreError, UserRow};

/// The values with which a person registers.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Registration {
    pub email: String,
    pub password: String,
    pub name: String,
    pub phone_number: Option<String>,
    pub role: Role,
}

impl Accounts {
    /// Creates an account and logs it in. A retry with the same `client_key` and the same values
    /// logs in to the account that the first attempt created.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn register(
        &self,
        new: Registration,
        client_key: Option<Key>,
        device: impl Into<Device>,
    ) -> Result<Session, AccountError> {
        self.register_as(None, new, &[], client_key, device).await
    }

    /// [`Self::register`] with agreements to the current versions of terms in `agreed`. The account
    /// of a guest keeps the guest's id, and so the guest's reservations and tickets; a caller who has
    /// an account by now gets another one.
    ///
    /// # Errors
    /// [`AccountError`]; nothing is created if one of the terms is not current.
    pub async fn register_as(
        &self,
        caller: Option<Caller>,
        new: Registration,
        agreed: &[TermId],
        client_key: Option<Key>,
        device: impl Into<Device>,
    ) -> Result<Session, AccountError> {
        let (device, password) = (device.into(), new.password.clone());
        let network = counted(device.address);
        match self.make_account(caller, new, agreed, (client_key.as_ref(), network)).await? {
            Answered::Now(user) => self.open_session(user, None, &device).await,
            Answered::Before(id) => self.resume(&id, password, device).await,
        }
    }

    /// Creates an account without logging in to it, for the first start of a server.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn make(&self, new: Registration) -> Result<UserRow, AccountError> {
        match self.make_account(None, new, &[], (None, None)).await? {
            Answered::Now(user) => Ok(user),
            Answered::Before(_) => Err(AccountError::Internal("no key was sent".into())),
        }
    }

    async fn make_account(
        &self,
        caller: Option<Caller>,
        new: Registration,
        agreed: &[TermId],
        (client_key, network): (Option<&Key>, Option<IpAddr>),
    ) -> Result<Answered<UserRow>, AccountError> {
        let guest = self.guest_without_account(caller).await?;
        let id = guest.unwrap_or_else(UserId::random);
        let email = normalise_email(&new.email).map_err(|reason| invalid("email", reason))?;
        check_password(&new.password).map_err(|reason| invalid("password", reason))?;
        let name = check_name(&new.name).map_err(|reason| invalid("name", reason))?;
        let phone_number = new.phone_number.as_deref().map(normalise_phone).transpose();
        let phone_number = phone_number.map_err(|reason| invalid("phoneNumber", reason))?;
        // Refused before the costly hashing; of two concurrent registrations, the database accepts
        // one.
        if client_key.is_none()
            && self.store.user_by_email(&email).await?.is_some_and(|user| user.keeps_email())
        {
            return Err(AccountError::EmailTaken);
        }
        let from = Place::of(network, &email);
        let password_hash = self.passwords.hash_first(from, new.password).await?;
        let row = NewUser { id, email, password_hash, name, phone_number, role: new.role };
        let (now, role) = (self.clock.now_ms(), row.role);
        match self.store.user_create_agreed(row, guest.is_some(), agreed, client_key, now).await {
            Ok(Answered::Now(user)) => {
                if user.token_version > 0 {
                    self.refuse_older(&user);
                }
                if role == Role::Admin {
                    self.learn_roles().await?;
                }
                Ok(Answered::Now(user))
            }
            Ok(Answered::Before(id)) => Ok(Answered::Before(id)),
            Err(StoreError::Conflict(_)) => Err(AccountError::EmailTaken),
            Err(StoreError::Gone(_)) => Err(self.not_current(agreed).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the guest who becomes the account that is made: the caller, unless an account has that id
    /// by now.
    pub(super) async fn guest_without_account(
        &self,
        caller: Option<Caller>,
    ) -> Result<Option<UserId>, AccountError> {
        let Some(guest) = caller.filter(|caller| caller.guest) else { return Ok(None) };
        Ok(self.store.user_get(guest.user).await?.is_none().then_some(guest.user))
    }

    /// Logs in to the account that an earlier attempt with this key created, for a caller whose token is
    /// not valid: that of a guest ends with the registration. `None` if there was no such attempt.
    ///
    /// # Errors
    /// [`AccountError::InvalidCredentials`] with another password; [`StoreError::KeyReused`] with other
    /// values.
    pub async fn registered_before(
        &self,
        client_key: Option<&Key>,
        password: String,
        device: impl Into<Device>,
    ) -> Result<Option<Session>, AccountError> {
        check_password(&password).map_err(|reason| invalid("password", reason))?;
        match self.store.idempotency_response(client_key).await? {
            Some(id) => self.resume(&id, password, device.into()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Logs in to the account that an earlier attempt created, with the password: the key alone
    /// does not prove who the caller is.
    async fn resume(
        &self,
        id: &str,
        password: String,
        device: Device,
    ) -> Result<Session, AccountError> {
        let id = id.parse().map_err(|_| StoreError::Damaged("a registration's answer".into()))?;
        let user = self.store.user_get(id).await?.ok_or(AccountError::InvalidCredentials)?;
        let email = user.email.clone();
        let from = LoginFrom { device, device_token: None };
        let user = self.prove_password(&email, Some(user), password, &from).await?;
        self.open_session(user, None, &from.device).await
    }

    /// Returns the refusal of a registration with terms that are not current.
    async fn not_current(&self, agreed: &[TermId]) -> Result<AccountError, AccountError> {
        let current = self.store.term_current_among(agreed).await?;
        let other = agreed.iter().find(|term| !current.contains(term));
        Ok(match other {
            Some(other) => {
                invalid("agreedTermIds", format!("must be ids of current terms, not {other}"))
            }
            None => invalid("agreedTermIds", "must be ids of current terms".into()),
        })
    }
}
