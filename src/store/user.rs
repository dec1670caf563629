//! People with an account, and their refresh tokens.

use entities::{refresh_token, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    TransactionTrait, sea_query::Expr,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Answered, Key, Store, StoreError, idempotency, is_unique_violation};
use crate::ids::UserId;
use crate::inventory::TimestampMs;

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// Buys.
    User,
    /// Sells, checks in, looks at everything.
    Admin,
}

impl Role {
    /// As tokens and answers name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Admin => "ADMIN",
        }
    }

    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// An account.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct UserRow {
    pub id: UserId,
    pub email: String,
    pub password_hash: String,
    pub name: String,
    pub phone_number: Option<String>,
    pub role: Role,
    pub created_at: TimestampMs,
}

/// An account to make. The e-mail address is normalised by the caller.
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

/// A refresh token, known by its hash alone.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RefreshToken {
    pub family: Uuid,
    pub user: UserId,
    pub token_hash: [u8; 32],
    pub issued_at: TimestampMs,
    pub expires_at: TimestampMs,
}

/// What became of a refresh token that was presented.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// It was good; it is used up now and its successor is kept.
    Rotated(UserRow),
    /// It was used up before for this very successor, which nobody has used yet: the retry of an
    /// answer that got lost. The successor ends then.
    Repeated(UserRow, TimestampMs),
    /// Unknown, expired or revoked.
    Refused,
    /// It was used before, so somebody has a copy: its whole family is revoked now.
    Reused,
}

/// The end of every address that stands for none.
const FORGOTTEN: &str = "@deleted.invalid";

fn forgotten(id: UserId) -> String {
    format!("{id}{FORGOTTEN}")
}

impl Store {
    /// Makes an account.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the address has one.
    pub async fn user_create(
        &self,
        new: NewUser,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<UserRow>, StoreError> {
        let transaction = self.writes().begin().await?;
        let response = new.id.to_string();
        if let Some(before) = idempotency::claim(&transaction, key, &response, now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let row = user::ActiveModel {
            id: Set(new.id.0),
            email: Set(new.email),
            password_hash: Set(new.password_hash),
            name: Set(new.name),
            phone_number: Set(new.phone_number),
            role: Set(new.role.as_str().into()),
            created_at: Set(now),
            updated_at: Set(now),
        };
        let made = match row.insert(&transaction).await {
            Ok(made) => made,
            Err(error) if is_unique_violation(&error) => {
                transaction.rollback().await?;
                return Err(StoreError::Conflict("this e-mail address"));
            }
            Err(error) => return Err(error.into()),
        };
        transaction.commit().await?;
        Ok(Answered::Now(user_row(made)?))
    }

    /// The account with that normalised address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, StoreError> {
        let found = user::Entity::find().filter(user::Column::Email.eq(email));
        found.one(self.reads()).await?.map(user_row).transpose()
    }

    /// An account by id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_get(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        user::Entity::find_by_id(id.0).one(self.reads()).await?.map(user_row).transpose()
    }

    /// Whether there is any account.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_any(&self) -> Result<bool, StoreError> {
        Ok(user::Entity::find().count(self.reads()).await? > 0)
    }

    /// Changes what a person may change of themselves.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_update(
        &self,
        id: UserId,
        name: Option<String>,
        phone_number: Option<Option<String>>,
        password_hash: Option<String>,
        now: TimestampMs,
    ) -> Result<Option<UserRow>, StoreError> {
        let transaction = self.writes().begin().await?;
        let Some(found) = user::Entity::find_by_id(id.0).one(&transaction).await? else {
            return Ok(None);
        };
        let mut row: user::ActiveModel = found.into();
        if let Some(name) = name {
            row.name = Set(name);
        }
        if let Some(phone_number) = phone_number {
            row.phone_number = Set(phone_number);
        }
        if let Some(password_hash) = password_hash {
            row.password_hash = Set(password_hash);
            // Whoever knew the old one is logged out.
            refresh_token::Entity::update_many()
                .col_expr(refresh_token::Column::RevokedAt, Expr::value(now))
                .filter(refresh_token::Column::UserId.eq(id.0))
                .filter(refresh_token::Column::RevokedAt.is_null())
                .exec(&transaction)
                .await?;
        }
        row.updated_at = Set(now);
        let row = row.update(&transaction).await?;
        transaction.commit().await?;
        Ok(Some(user_row(row)?))
    }

    /// Forgets a person: the account stays as an empty shell that its reservations point to.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for the last administrator, without whom nobody could be one.
    pub async fn user_forget(&self, id: UserId, now: TimestampMs) -> Result<(), StoreError> {
        let transaction = self.writes().begin().await?;
        let admins = user::Entity::find()
            .filter(user::Column::Role.eq(Role::Admin.as_str()))
            .filter(user::Column::Email.not_like(format!("%{FORGOTTEN}")))
            .all(&transaction)
            .await?;
        if admins.len() == 1 && admins[0].id == id.0 {
            return Err(StoreError::Conflict("the last administrator's place"));
        }
        user::Entity::update_many()
            .col_expr(user::Column::Email, Expr::value(forgotten(id)))
            .col_expr(user::Column::PasswordHash, Expr::value(""))
            .col_expr(user::Column::Name, Expr::value(""))
            .col_expr(user::Column::PhoneNumber, Expr::value(Option::<String>::None))
            .col_expr(user::Column::UpdatedAt, Expr::value(now))
            .filter(user::Column::Id.eq(id.0))
            .exec(&transaction)
            .await?;
        refresh_token::Entity::delete_many()
            .filter(refresh_token::Column::UserId.eq(id.0))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Who was forgotten at `since` or later.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn users_forgotten(&self, since: TimestampMs) -> Result<Vec<UserId>, StoreError> {
        let rows = user::Entity::find()
            .filter(user::Column::Email.like(format!("%{FORGOTTEN}")))
            .filter(user::Column::UpdatedAt.gte(since))
            .all(self.reads())
            .await?;
        let ids = rows.iter().map(|row| (UserId(row.id), &row.email));
        // Somebody may have registered with an address that only looks like it.
        Ok(ids.filter(|(id, email)| **email == forgotten(*id)).map(|(id, _)| id).collect())
    }

    /// Keeps a refresh token.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refresh_token_keep(&self, token: &RefreshToken) -> Result<(), StoreError> {
        refresh_row(token).insert(self.writes()).await?;
        Ok(())
    }

    /// Uses a refresh token up and keeps `successor` in its family (whatever family and user that
    /// names).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refresh_token_rotate(
        &self,
        token_hash: [u8; 32],
        successor: RefreshToken,
        now: TimestampMs,
    ) -> Result<Rotation, StoreError> {
        let transaction = self.writes().begin().await?;
        let found = refresh_token::Entity::find()
            .filter(refresh_token::Column::TokenHash.eq(token_hash.to_vec()))
            .one(&transaction)
            .await?;
        let Some(found) = found else { return Ok(Rotation::Refused) };
        // Of two uses at once only one finds it unused: the update is the decision.
        let used = refresh_token::Entity::update_many()
            .col_expr(refresh_token::Column::UsedAt, Expr::value(now))
            .filter(refresh_token::Column::Id.eq(found.id))
            .filter(refresh_token::Column::UsedAt.is_null())
            .filter(refresh_token::Column::RevokedAt.is_null())
            .filter(refresh_token::Column::ExpiresAt.gt(now))
            .exec(&transaction)
            .await?;
        let Some(user) = user::Entity::find_by_id(found.user_id).one(&transaction).await? else {
            return Ok(Rotation::Refused);
        };
        if used.rows_affected == 0 {
            if found.revoked_at.is_some() || found.expires_at <= now {
                return Ok(Rotation::Refused);
            }
            let kept = refresh_token::Entity::find()
                .filter(refresh_token::Column::TokenHash.eq(successor.token_hash.to_vec()))
                .filter(refresh_token::Column::FamilyId.eq(found.family_id))
                .filter(refresh_token::Column::UsedAt.is_null())
                .one(&transaction)
                .await?;
            if let Some(kept) = kept {
                return Ok(Rotation::Repeated(user_row(user)?, kept.expires_at));
            }
            revoke(&transaction, found.family_id, now).await?;
            transaction.commit().await?;
            return Ok(Rotation::Reused);
        }
        let successor =
            RefreshToken { family: found.family_id, user: UserId(found.user_id), ..successor };
        refresh_row(&successor).insert(&transaction).await?;
        transaction.commit().await?;
        Ok(Rotation::Rotated(user_row(user)?))
    }

    /// Revokes the family of a refresh token of that user; nothing happens if there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refresh_token_revoke(
        &self,
        token_hash: [u8; 32],
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let found = refresh_token::Entity::find()
            .filter(refresh_token::Column::TokenHash.eq(token_hash.to_vec()))
            .one(self.writes())
            .await?;
        if let Some(found) = found {
            revoke(self.writes(), found.family_id, now).await?;
        }
        Ok(())
    }

    /// Deletes refresh tokens that expired before `before`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refresh_token_forget(&self, before: TimestampMs) -> Result<u64, StoreError> {
        let old = refresh_token::Entity::delete_many()
            .filter(refresh_token::Column::ExpiresAt.lt(before))
            .exec(self.writes())
            .await?;
        Ok(old.rows_affected)
    }
}

async fn revoke(
    connection: &impl sea_orm::ConnectionTrait,
    family: Uuid,
    now: TimestampMs,
) -> Result<(), StoreError> {
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::RevokedAt, Expr::value(now))
        .filter(refresh_token::Column::FamilyId.eq(family))
        .filter(refresh_token::Column::RevokedAt.is_null())
        .exec(connection)
        .await?;
    Ok(())
}

fn refresh_row(token: &RefreshToken) -> refresh_token::ActiveModel {
    refresh_token::ActiveModel {
        id: Set(Uuid::new_v4()),
        family_id: Set(token.family),
        user_id: Set(token.user.0),
        token_hash: Set(token.token_hash.to_vec()),
        issued_at: Set(token.issued_at),
        expires_at: Set(token.expires_at),
        used_at: Set(None),
        revoked_at: Set(None),
    }
}

fn user_row(row: user::Model) -> Result<UserRow, StoreError> {
    let role = Role::parse(&row.role)
        .ok_or_else(|| StoreError::Damaged(format!("the role of user {}", row.id)))?;
    Ok(UserRow {
        id: UserId(row.id),
        email: row.email,
        password_hash: row.password_hash,
        name: row.name,
        phone_number: row.phone_number,
        role,
        created_at: row.created_at,
    })
}
