//! A new password by a link in a mail: the reader of the mail proves to have the address of the account,
//! which another person may have made and linked identities to.

use entities::{social_identity, user};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, TransactionTrait};

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::tables::identity_rows::{self, IdentityRow};
use crate::store::tables::user::{end_access, end_others, lock};
use crate::store::tables::user_row::user_row;
use crate::store::{Store, StoreError, UserRow};

/// An account with a new password by mail.
#[derive(Clone, Debug)]
pub struct PasswordByMail {
    /// The account as it is now.
    pub user: UserRow,
    /// The identities that were removed.
    pub removed: Vec<IdentityRow>,
}

impl Store {
    /// Sets a new password for the owner of the address of an account whose password has the hash
    /// `proved`, and ends all its sessions. The address is confirmed by that, if it was not before.
    /// Identities that were linked before it was confirmed are removed, but not that of the provider
    /// which confirmed the address when the account was made. Returns `None`, and changes nothing, if
    /// there is no such account or its password is another one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_password_by_mail(
        &self,
        id: UserId,
        proved: &str,
        hash: String,
        now: TimestampMs,
    ) -> Result<Option<PasswordByMail>, StoreError> {
        let transaction = self.writes().begin().await?;
        let found = lock(&transaction, id).await?;
        let Some(found) = found.filter(|found| found.password_hash == proved) else {
            return Ok(None);
        };
        let removed = remove_unproved(&transaction, &found).await?;
        let (version, confirmed_at) = (found.token_version, found.email_confirmed_at);
        let mut row: user::ActiveModel = found.into();
        row.password_hash = Set(hash);
        row.email_confirmed_at = Set(confirmed_at.or(Some(now)));
        row.updated_at = Set(now);
        end_others(&transaction, id, None, now).await?;
        end_access(&transaction, &mut row, version, now).await?;
        let user = user_row(row.update(&transaction).await?)?;
        transaction.commit().await?;
        Ok(Some(PasswordByMail { user, removed }))
    }
}

/// Removes the identities of an account that may be another person's, and returns them.
async fn remove_unproved(
    transaction: &impl ConnectionTrait,
    owner: &user::Model,
) -> Result<Vec<IdentityRow>, StoreError> {
    let mut removed = Vec::new();
    for row in identity_rows::of_user(UserId(owner.id)).all(transaction).await? {
        if is_proved(owner, &row) {
            continue;
        }
        let gone: social_identity::ActiveModel = row.clone().into();
        gone.delete(transaction).await?;
        removed.push(identity_rows::read(row)?);
    }
    Ok(removed)
}

/// True for an identity that the owner of the confirmed address has linked, or whose provider confirmed
/// the address when it made the account.
fn is_proved(owner: &user::Model, row: &social_identity::Model) -> bool {
    let Some(confirmed_at) = owner.email_confirmed_at else { return false };
    let made_it = row.created_at == owner.created_at
        && confirmed_at == owner.created_at
        && row.email_at_link.as_ref() == Some(&owner.email);
    made_it || row.created_at > confirmed_at
}
