//! Ways to sign in by a provider of identities: each belongs to one account, and an account has at most
//! one of each provider. Every operation here that changes an account's identities locks the account's
//! row first.

use entities::{social_identity, social_state};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, TransactionTrait,
};

use crate::ids::{SessionId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::identity_rows::{
    IdentityRow, NewIdentity, SocialProvider, by_key, of_user, read,
};
use crate::store::tables::session_rows::{self, FreshSession};
use crate::store::tables::user::{insert, lock};
use crate::store::tables::user_row::{NO_PASSWORD, user_row};
use crate::store::{NewUser, Store, StoreError, UserRow, is_unique_violation};

/// The result of making an account for an identity.
#[derive(Clone, Debug)]
pub enum SocialAccount {
    /// The account is new.
    Made(UserRow),
    /// Another account has the address.
    EmailTaken,
    /// The identity has an account by now.
    IdentityTaken,
}

/// The result of linking an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityLinked {
    /// The identity is linked now.
    Yes,
    /// The account has had this identity before.
    Before,
    /// The identity belongs to another account.
    OfAnother,
    /// The account has another identity of the same provider.
    HasOther,
    /// The session has ended, or was opened too long ago; nothing changed.
    NotFresh,
    /// There is no such account, or no longer.
    Gone,
}

/// The result of unlinking an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityUnlinked {
    /// The identity is unlinked, and the sessions that it opened have ended.
    Yes(Vec<SessionId>),
    /// The account has no identity of the provider.
    NotLinked,
    /// The owner could not sign in any more; nothing changed.
    LastWayIn,
    /// The session has ended, or was opened too long ago; nothing changed.
    NotFresh,
    /// There is no such account, or no longer.
    Gone,
}

impl Store {
    /// Returns the account of an identity, and notes the login.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn social_identity_login(
        &self,
        identity: &NewIdentity,
        now: TimestampMs,
    ) -> Result<Option<UserRow>, StoreError> {
        let Some(found) = by_key(self.reads(), identity).await? else { return Ok(None) };
        let transaction = self.writes().begin().await?;
        let owner = lock(&transaction, UserId(found.user_id)).await?;
        // The identity may have been unlinked during the wait for the lock.
        let found = by_key(&transaction, identity).await?;
        let (Some(owner), Some(found)) = (owner, found) else { return Ok(None) };
        if found.user_id != owner.id {
            return Ok(None);
        }
        let mut row: social_identity::ActiveModel = found.into();
        row.last_login_at = Set(now);
        row.update(&transaction).await?;
        transaction.commit().await?;
        Ok(Some(user_row(owner)?))
    }

    /// Makes an account without a password whose owner signs in by `identity`. A guest with its id
    /// becomes this account. An address in `new` was confirmed by the provider; an account that has it and
    /// does not keep it, as [`UserRow::keeps_email`] says, goes on without one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn social_identity_register(
        &self,
        new: NewUser,
        was_guest: bool,
        identity: &NewIdentity,
        now: TimestampMs,
    ) -> Result<SocialAccount, StoreError> {
        let transaction = self.writes().begin().await?;
        let confirmed_at = (!new.email.is_empty()).then_some(now);
        let new = NewUser { password_hash: NO_PASSWORD.into(), ..new };
        let Some(made) = insert(&transaction, new, was_guest, confirmed_at, now).await? else {
            transaction.rollback().await?;
            return Ok(SocialAccount::EmailTaken);
        };
        match identity_row(UserId(made.id), identity, now).insert(&transaction).await {
            Ok(_) => {}
            Err(error) if is_unique_violation(&error) => {
                transaction.rollback().await?;
                return Ok(SocialAccount::IdentityTaken);
            }
            Err(error) => return Err(error.into()),
        }
        transaction.commit().await?;
        Ok(SocialAccount::Made(user_row(made)?))
    }

    /// Adds an identity to an account, on behalf of a `session` that lives until this is done.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn social_identity_link(
        &self,
        user: UserId,
        identity: &NewIdentity,
        session: FreshSession,
        now: TimestampMs,
    ) -> Result<IdentityLinked, StoreError> {
        let transaction = self.writes().begin().await?;
        if lock(&transaction, user).await?.is_none() {
            return Ok(IdentityLinked::Gone);
        }
        if !session_rows::is_fresh(&transaction, user, session, now).await? {
            return Ok(IdentityLinked::NotFresh);
        }
        if let Some(found) = by_key(&transaction, identity).await? {
            let is_own = found.user_id == user.0;
            return Ok(if is_own { IdentityLinked::Before } else { IdentityLinked::OfAnother });
        }
        let own = social_identity::Entity::find()
            .filter(social_identity::Column::UserId.eq(user.0))
            .filter(social_identity::Column::Provider.eq(identity.provider.as_str()));
        if own.one(&transaction).await?.is_some() {
            return Ok(IdentityLinked::HasOther);
        }
        match identity_row(user, identity, now).insert(&transaction).await {
            Ok(_) => {}
            // Another account linked it at the same time.
            Err(error) if is_unique_violation(&error) => {
                transaction.rollback().await?;
                return Ok(IdentityLinked::OfAnother);
            }
            Err(error) => return Err(error.into()),
        }
        transaction.commit().await?;
        Ok(IdentityLinked::Yes)
    }

    /// Removes the identity of a provider from an account that has another way in: a password and an
    /// address, or an identity that `signs_in`. The sessions that it opened end, but not `session`,
    /// which asks for this.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn social_identity_unlink(
        &self,
        user: UserId,
        provider: SocialProvider,
        signs_in: &(dyn Fn(&IdentityRow) -> bool + Sync),
        session: FreshSession,
        now: TimestampMs,
    ) -> Result<IdentityUnlinked, StoreError> {
        let transaction = self.writes().begin().await?;
        let Some(owner) = lock(&transaction, user).await? else {
            return Ok(IdentityUnlinked::Gone);
        };
        if !session_rows::is_fresh(&transaction, user, session, now).await? {
            return Ok(IdentityUnlinked::NotFresh);
        }
        let all = of_user(user).all(&transaction).await?;
        let is_it = |row: &&social_identity::Model| row.provider == provider.as_str();
        let Some(found) = all.iter().find(is_it) else { return Ok(IdentityUnlinked::NotLinked) };
        let row: social_identity::ActiveModel = found.clone().into();
        let others = all.into_iter().filter(|row| row.provider != provider.as_str());
        let others: Vec<IdentityRow> = others.map(read).collect::<Result<_, _>>()?;
        let owner = user_row(owner)?;
        let has_local_login = owner.has_password() && !owner.email.is_empty();
        if !has_local_login && !others.iter().any(signs_in) {
            return Ok(IdentityUnlinked::LastWayIn);
        }
        row.delete(&transaction).await?;
        let kept = Some(session.id);
        let ended = session_rows::end_of_provider(&transaction, user, provider, kept, now).await?;
        transaction.commit().await?;
        Ok(IdentityUnlinked::Yes(ended))
    }

    /// Returns the identities of an account, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn social_identity_list(&self, user: UserId) -> Result<Vec<IdentityRow>, StoreError> {
        let rows = of_user(user).all(self.reads()).await?;
        rows.into_iter().map(read).collect()
    }

    /// Uses the state of a login up. False if it was used before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn social_state_use(
        &self,
        state_hash: [u8; 32],
        expires_at: TimestampMs,
    ) -> Result<bool, StoreError> {
        let row = social_state::ActiveModel {
            state_hash: Set(state_hash.to_vec()),
            expires_at: Set(expires_at),
        };
        let once = OnConflict::column(social_state::Column::StateHash).do_nothing().to_owned();
        let inserted = social_state::Entity::insert(row)
            .on_conflict(once)
            .exec_without_returning(self.writes())
            .await?;
        Ok(inserted > 0)
    }
}

fn identity_row(
    user: UserId,
    identity: &NewIdentity,
    now: TimestampMs,
) -> social_identity::ActiveModel {
    social_identity::ActiveModel {
        provider: Set(identity.provider.as_str().into()),
        issuer: Set(identity.issuer.clone()),
        subject: Set(identity.subject.clone()),
        user_id: Set(user.0),
        email_at_link: Set(identity.email.clone()),
        created_at: Set(now),
        last_login_at: Set(now),
    }
}
