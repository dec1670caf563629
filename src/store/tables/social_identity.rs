//! Ways to sign in by a provider of identities: each belongs to one account, and an account has at most
//! one of each provider. Every operation here that changes an account's identities locks the account's
//! row first.

use entities::{social_identity, social_state};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, TransactionTrait,
};
use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::tables::user::{insert, lock};
use crate::store::tables::user_row::{NO_PASSWORD, user_row};
use crate::store::{NewUser, Store, StoreError, UserRow, is_unique_violation};

/// A provider of identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SocialProvider {
    /// Google.
    Google,
    /// Kakao.
    Kakao,
    /// Naver.
    Naver,
    /// Apple.
    Apple,
    /// The issuer of OpenID Connect that the operator has set.
    Oidc,
}

impl SocialProvider {
    /// All providers, in the order of pages.
    pub const ALL: [Self; 5] = [Self::Google, Self::Kakao, Self::Naver, Self::Apple, Self::Oidc];

    /// Returns the name in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Google => "GOOGLE",
            Self::Kakao => "KAKAO",
            Self::Naver => "NAVER",
            Self::Apple => "APPLE",
            Self::Oidc => "OIDC",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == text)
    }
}

/// A person as a provider knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewIdentity {
    pub provider: SocialProvider,
    /// Empty for providers whose name says who they are.
    pub issuer: String,
    pub subject: String,
    /// The address that the provider named at the time.
    pub email: Option<String>,
}

/// A way to sign in to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct IdentityRow {
    pub provider: SocialProvider,
    pub subject: String,
    pub user: UserId,
    pub email_at_link: Option<String>,
    pub created_at: TimestampMs,
    pub last_login_at: TimestampMs,
}

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
    /// The identity is linked, now or before.
    Yes,
    /// The identity belongs to another account.
    OfAnother,
    /// The account has another identity of the same provider.
    HasOther,
    /// There is no such account, or no longer.
    Gone,
}

/// The result of unlinking an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityUnlinked {
    /// The identity is unlinked.
    Yes,
    /// The account has no identity of the provider.
    NotLinked,
    /// The account has neither a password nor another identity; nothing changed.
    LastWayIn,
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
    /// becomes this account. An address in `new` was confirmed by the provider.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn social_identity_register(
        &self,
        new: NewUser,
        identity: &NewIdentity,
        now: TimestampMs,
    ) -> Result<SocialAccount, StoreError> {
        let transaction = self.writes().begin().await?;
        let confirmed_at = (!new.email.is_empty()).then_some(now);
        let new = NewUser { password_hash: NO_PASSWORD.into(), ..new };
        let Some(made) = insert(&transaction, new, confirmed_at, now).await? else {
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

    /// Adds an identity to an account.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn social_identity_link(
        &self,
        user: UserId,
        identity: &NewIdentity,
        now: TimestampMs,
    ) -> Result<IdentityLinked, StoreError> {
        let transaction = self.writes().begin().await?;
        if lock(&transaction, user).await?.is_none() {
            return Ok(IdentityLinked::Gone);
        }
        if let Some(found) = by_key(&transaction, identity).await? {
            let is_own = found.user_id == user.0;
            return Ok(if is_own { IdentityLinked::Yes } else { IdentityLinked::OfAnother });
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

    /// Removes the identity of a provider from an account that has another way in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn social_identity_unlink(
        &self,
        user: UserId,
        provider: SocialProvider,
    ) -> Result<IdentityUnlinked, StoreError> {
        let transaction = self.writes().begin().await?;
        let Some(owner) = lock(&transaction, user).await? else {
            return Ok(IdentityUnlinked::Gone);
        };
        let all = of_user(user).all(&transaction).await?;
        let is_it = |row: &&social_identity::Model| row.provider == provider.as_str();
        let Some(found) = all.iter().find(is_it) else { return Ok(IdentityUnlinked::NotLinked) };
        if all.len() == 1 && !user_row(owner)?.has_password() {
            return Ok(IdentityUnlinked::LastWayIn);
        }
        let row: social_identity::ActiveModel = found.clone().into();
        row.delete(&transaction).await?;
        transaction.commit().await?;
        Ok(IdentityUnlinked::Yes)
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

async fn by_key(
    connection: &impl ConnectionTrait,
    identity: &NewIdentity,
) -> Result<Option<social_identity::Model>, StoreError> {
    let key =
        (identity.provider.as_str().to_owned(), identity.issuer.clone(), identity.subject.clone());
    Ok(social_identity::Entity::find_by_id(key).one(connection).await?)
}

fn of_user(user: UserId) -> sea_orm::Select<social_identity::Entity> {
    social_identity::Entity::find()
        .filter(social_identity::Column::UserId.eq(user.0))
        .order_by_asc(social_identity::Column::CreatedAt)
        .order_by_asc(social_identity::Column::Provider)
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

fn read(row: social_identity::Model) -> Result<IdentityRow, StoreError> {
    let provider = SocialProvider::parse(&row.provider)
        .ok_or_else(|| StoreError::Damaged(format!("the provider of user {}", row.user_id)))?;
    Ok(IdentityRow {
        provider,
        subject: row.subject,
        user: UserId(row.user_id),
        email_at_link: row.email_at_link,
        created_at: row.created_at,
        last_login_at: row.last_login_at,
    })
}
