//! An account as it is stored, and what changes it.

use entities::user;
use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::states::PaymentMethod;
use crate::store::tables::closed::forgotten;
use crate::store::{FreshSession, RefreshToken, StoreError};

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// Buys tickets.
    User,
    /// Sells tickets, checks them in, and reads everything.
    Admin,
}

impl Role {
    /// Returns the name of the role in tokens and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Admin => "ADMIN",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// The password hash of an account whose owner signs in by a provider and has set no password.
pub const NO_PASSWORD: &str = "-";

/// The end of the placeholder address of an account without an address.
pub(super) const NO_ADDRESS: &str = "@none.invalid";

/// An account.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct UserRow {
    pub id: UserId,
    /// Empty for an account without an address.
    pub email: String,
    pub password_hash: String,
    pub name: String,
    pub phone_number: Option<String>,
    pub role: Role,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
    /// Access tokens with a lower version are invalid.
    pub token_version: i64,
    /// The tag of the person's language; `None` where it is not known.
    pub language: Option<String>,
    /// When the person proved to receive mail at the address.
    pub email_confirmed_at: Option<TimestampMs>,
    /// How automatic payments are made; `None` where the person has not chosen.
    pub default_payment_method: Option<PaymentMethod>,
}

impl UserRow {
    /// True if the owner can sign in by a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        !self.password_hash.is_empty() && self.password_hash != NO_PASSWORD
    }

    /// False for an account that loses its address to the next person who registers with it: it has no
    /// password, and no one has proved to receive mail there. Otherwise a stranger could keep an address
    /// from its owner for ever.
    #[must_use]
    pub fn keeps_email(&self) -> bool {
        self.password_hash != NO_PASSWORD || self.email_confirmed_at.is_some()
    }

    /// True if the account is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.email == forgotten(self.id)
    }
}

/// An account to create. The caller has normalised the e-mail address; an empty one makes an account
/// without an address.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewUser {
    pub id: UserId,
    pub email: String,
    pub password_hash: String,
    pub name: String,
    pub phone_number: Option<String>,
    pub role: Role,
}

/// Changes to an account; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// A new name.
    pub name: Option<String>,
    /// A new number; `Some(None)` removes the number.
    pub phone_number: Option<Option<String>>,
    /// A new password.
    pub password: Option<NewPassword>,
    /// The tag of another language.
    pub language: Option<&'static str>,
    /// How automatic payments are made; `Some(None)` removes the choice.
    pub default_payment_method: Option<Option<PaymentMethod>>,
}

/// A new password, as hashes.
#[derive(Clone, Debug)]
pub struct NewPassword {
    /// The hash of the password that the owner has proved to know: if the stored hash is another
    /// one by now, nothing changes. `None` where no proof is required.
    pub proved: Option<String>,
    /// The hash to store.
    pub hash: String,
    /// The next refresh token of the session that goes on; all others end.
    pub keeps: Option<RefreshToken>,
    /// The session that sets it: unless that one is fresh, nothing changes. `None` where the proof is
    /// enough.
    pub requires: Option<FreshSession>,
}

/// The result of a change.
#[derive(Clone, Debug)]
pub enum UserChanged {
    /// The account as it is now.
    Now(UserRow),
    /// The account with its new password; the session that was to go on had ended.
    WithoutSession(UserRow),
    /// There is no such account, or no longer.
    Gone,
    /// The password of the account is no longer the proved one.
    OtherPassword,
    /// The session that sets a password has ended, or was opened too long ago.
    NotFresh,
}

/// The result of adding an address.
#[derive(Clone, Debug)]
pub enum EmailAdded {
    /// The account as it is now.
    Now(UserRow),
    /// The account has an address; nothing changed.
    HasOne,
    /// The session has ended, or was opened too long ago; nothing changed.
    NotFresh,
    /// There is no such account, or no longer.
    Gone,
}

/// What the person who closes an account has proved, and has to hold still.
#[derive(Clone, Debug, Default)]
pub struct OwnerProof {
    /// True for a guest, who proves nothing and closes no account.
    pub is_guest: bool,
    /// The hash of the password that the person knows.
    pub password_hash: Option<String>,
    /// The session that closes the account.
    pub session: Option<FreshSession>,
}

/// The result of forgetting an account.
#[derive(Clone, Debug)]
pub enum Forgotten {
    /// The empty shell that is left of the account.
    Now(UserRow),
    /// The account was forgotten before, or never existed.
    Before,
    /// The wallet holds money, or money is on its way; nothing changed.
    HasMoney,
    /// The session has ended, or the password was changed meanwhile; nothing changed.
    NotProved,
}

/// Returns the placeholder address of an account without an address.
pub(super) fn no_address(id: UserId) -> String {
    format!("{id}{NO_ADDRESS}")
}

/// Returns the address as people see it: an empty one in place of a placeholder.
pub(crate) fn address(kept: String) -> String {
    if kept.ends_with(NO_ADDRESS) { String::new() } else { kept }
}

pub(crate) fn user_row(row: user::Model) -> Result<UserRow, StoreError> {
    let role = Role::parse(&row.role)
        .ok_or_else(|| StoreError::Damaged(format!("the role of user {}", row.id)))?;
    Ok(UserRow {
        id: UserId(row.id),
        email: address(row.email),
        password_hash: row.password_hash,
        name: row.name,
        phone_number: row.phone_number,
        role,
        created_at: row.created_at,
        updated_at: row.updated_at,
        token_version: row.token_version,
        language: row.language,
        email_confirmed_at: row.email_confirmed_at,
        // A method that this version does not have is no choice.
        default_payment_method: row
            .default_payment_method
            .as_deref()
            .and_then(PaymentMethod::parse),
    })
}
