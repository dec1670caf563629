//! The end of an account: what was known of its owner is erased, and an empty shell stays, to which its
//! reservations point.

use entities::{refresh_token, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    TransactionTrait,
};

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::tables::closed::forgotten;
use crate::store::tables::user::{end_access, lock};
use crate::store::tables::user_row::{Forgotten, OwnerProof, Role, user_row};
use crate::store::tables::{
    article_forget, attendance, chat_member, enrollment_words, grant, guest, identity_rows,
    kept_mail, like, mail_link, payment, session_rows, wallet,
};
use crate::store::{OnBalance, Store, StoreError};

impl Store {
    /// Forgets a person, who may be a guest. The account stays as an empty shell, which is returned and to which its
    /// reservations point. `on_balance` decides what happens to its money. What `proof` says has to hold still.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for the last administrator: without one, no account could become an
    /// administrator.
    pub async fn user_forget(
        &self,
        id: UserId,
        proof: OwnerProof,
        on_balance: OnBalance,
        now: TimestampMs,
    ) -> Result<Forgotten, StoreError> {
        let (transaction, found) = loop {
            let transaction = self.writes().begin().await?;
            // Of two administrators who close their accounts at once, one is the last.
            if !grant::end_all(&transaction, id, now).await? {
                return Err(StoreError::Conflict("the last administrator's place"));
            }
            let found = lock(&transaction, id).await?;
            // Grants come before accounts in the order of locks. A role that was given before the account
            // was locked is seen by another try; after that none can be given.
            if !grant::has_some(&transaction, id).await? {
                break (transaction, found);
            }
            transaction.rollback().await?;
        };
        if let Some(found) = &found
            && !holds(&transaction, found, &proof, now).await?
        {
            return Ok(Forgotten::NotProved);
        }
        let found = match found {
            Some(found) => Some(found),
            None => shell_of_guest(&transaction, id, now).await?,
        };
        let Some(found) = found else { return Ok(Forgotten::Before) };
        match on_balance {
            OnBalance::Refuse if wallet::has_money(&transaction, id).await? => {
                return Ok(Forgotten::HasMoney);
            }
            OnBalance::Refuse => {}
            OnBalance::Forfeit => wallet::forfeit(&transaction, id, now).await?,
        }
        // Money of a payment that was begun meanwhile.
        if payment::is_under_way(&transaction, id).await? {
            return Ok(Forgotten::HasMoney);
        }
        refresh_token::Entity::delete_many()
            .filter(refresh_token::Column::UserId.eq(id.0))
            .exec(&transaction)
            .await?;
        session_rows::forget(&transaction, id).await?;
        attendance::forget(&transaction, id.0).await?;
        chat_member::forget(&transaction, id.0).await?;
        let version = found.token_version;
        let mut row: user::ActiveModel = found.into();
        row.email = Set(forgotten(id));
        row.password_hash = Set(String::new());
        row.name = Set(String::new());
        row.role = Set(Role::User.as_str().into());
        row.phone_number = Set(None);
        row.updated_at = Set(now);
        (row.language, row.email_confirmed_at) = (Set(None), Set(None));
        row.default_payment_method = Set(None);
        mail_link::end_all(&transaction, id).await?;
        identity_rows::delete_all(&transaction, id).await?;
        kept_mail::forget(&transaction, id).await?;
        like::forget(&transaction, id).await?;
        enrollment_words::erase(&transaction, id).await?;
        article_forget::forget(&transaction, id).await?;
        end_access(&transaction, &mut row, version, now).await?;
        let row = row.update(&transaction).await?;
        transaction.commit().await?;
        Ok(Forgotten::Now(user_row(row)?))
    }
}

/// Replaces the guest with this id, who may have left no address, by the empty shell of an account, to be
/// closed like any other: the guest's tokens end with it. `None` if the account was closed before.
async fn shell_of_guest(
    transaction: &impl ConnectionTrait,
    id: UserId,
    now: TimestampMs,
) -> Result<Option<user::Model>, StoreError> {
    let had_address = guest::end(transaction, id).await?;
    if !had_address && user::Entity::find_by_id(id.0).one(transaction).await?.is_some() {
        return Ok(None);
    }
    let shell = user::ActiveModel {
        id: Set(id.0),
        email: Set(forgotten(id)),
        password_hash: Set(String::new()),
        name: Set(String::new()),
        phone_number: Set(None),
        role: Set(Role::User.as_str().into()),
        created_at: Set(now),
        updated_at: Set(now),
        token_version: Set(0),
        revocation: Set(None),
        revoked_at: Set(None),
        language: Set(None),
        email_confirmed_at: Set(None),
        default_payment_method: Set(None),
    };
    Ok(Some(shell.insert(transaction).await?))
}

/// True if the account still has the password and the session that were proved.
async fn holds(
    transaction: &impl ConnectionTrait,
    row: &user::Model,
    proof: &OwnerProof,
    now: TimestampMs,
) -> Result<bool, StoreError> {
    // The guest has registered meanwhile.
    if proof.is_guest {
        return Ok(false);
    }
    if proof.password_hash.as_ref().is_some_and(|proved| *proved != row.password_hash) {
        return Ok(false);
    }
    match proof.session {
        Some(session) => session_rows::is_fresh(transaction, UserId(row.id), session, now).await,
        None => Ok(true),
    }
}
