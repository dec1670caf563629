//! The rows of identities at providers, as other tables' transactions read and change them.

use entities::social_identity;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::StoreError;

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
    /// The issuer, for [`SocialProvider::Oidc`]; else empty.
    pub issuer: String,
    pub subject: String,
    pub user: UserId,
    pub email_at_link: Option<String>,
    pub created_at: TimestampMs,
    pub last_login_at: TimestampMs,
}

/// True if an identity belongs to this account.
pub(super) async fn is_of(
    connection: &impl ConnectionTrait,
    identity: &NewIdentity,
    user: UserId,
) -> Result<bool, StoreError> {
    Ok(by_key(connection, identity).await?.is_some_and(|found| found.user_id == user.0))
}

pub(super) async fn by_key(
    connection: &impl ConnectionTrait,
    identity: &NewIdentity,
) -> Result<Option<social_identity::Model>, StoreError> {
    let key =
        (identity.provider.as_str().to_owned(), identity.issuer.clone(), identity.subject.clone());
    Ok(social_identity::Entity::find_by_id(key).one(connection).await?)
}

pub(super) fn of_user(user: UserId) -> sea_orm::Select<social_identity::Entity> {
    social_identity::Entity::find()
        .filter(social_identity::Column::UserId.eq(user.0))
        .order_by_asc(social_identity::Column::CreatedAt)
        .order_by_asc(social_identity::Column::Provider)
}

/// Removes all identities of an account.
pub(super) async fn delete_all(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), StoreError> {
    let of_user = social_identity::Column::UserId.eq(user.0);
    social_identity::Entity::delete_many().filter(of_user).exec(transaction).await?;
    Ok(())
}

pub(super) fn read(row: social_identity::Model) -> Result<IdentityRow, StoreError> {
    let provider = SocialProvider::parse(&row.provider)
        .ok_or_else(|| StoreError::Damaged(format!("the provider of user {}", row.user_id)))?;
    Ok(IdentityRow {
        provider,
        issuer: row.issuer,
        subject: row.subject,
        user: UserId(row.user_id),
        email_at_link: row.email_at_link,
        created_at: row.created_at,
        last_login_at: row.last_login_at,
    })
}
