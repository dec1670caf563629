//! People with an account. Whatever ends somebody's sessions locks their row first, and so does
//! whatever opens or renews one (`store/refresh_token.rs`): none outlives its revocation.

use entities::{refresh_token, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select, TransactionTrait, sea_query::Expr,
};
use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::tables::{idempotency, payment, revocation, wallet};
use crate::store::{Answered, Key, OnBalance, Store, StoreError, is_unique_violation};

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
    pub updated_at: TimestampMs,
    /// Access tokens of a lower version are worth nothing.
    pub token_version: i64,
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

/// What changes of an account; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// A new name.
    pub name: Option<String>,
    /// A new number, or none.
    pub phone_number: Option<Option<String>>,
    /// A new password.
    pub password: Option<NewPassword>,
}

/// A new password, as hashes.
#[derive(Clone, Debug)]
pub struct NewPassword {
    /// The hash of the password that its owner has proved to know: if it is another one by now, nothing
    /// changes. `None` where nobody has to prove anything.
    pub proved: Option<String>,
    /// The hash to keep.
    pub hash: String,
}

/// What became of a change.
#[derive(Clone, Debug)]
pub enum UserChanged {
    /// The account as it is now.
    Now(UserRow),
    /// There is no such account (any more).
    Gone,
    /// Its password is not the proved one any more.
    OtherPassword,
}

/// What became of an account that was to be forgotten.
#[derive(Clone, Debug)]
pub enum Forgotten {
    /// The empty shell that is left.
    Now(UserRow),
    /// It was forgotten before, or never there.
    Before,
    /// There is money in its wallet, or on its way; nothing changed.
    HasMoney,
}

/// The end of every address that stands for none.
pub(crate) const FORGOTTEN: &str = "@deleted.invalid";

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
            token_version: Set(0),
            revocation: Set(None),
            revoked_at: Set(None),
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

    /// Changes what a person may change of themselves. A new password revokes all tokens.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_update(
        &self,
        id: UserId,
        change: UserChange,
        now: TimestampMs,
    ) -> Result<UserChanged, StoreError> {
        let transaction = self.writes().begin().await?;
        let Some(found) = lock(&transaction, id).await? else { return Ok(UserChanged::Gone) };
        let proved = change.password.as_ref().and_then(|password| password.proved.as_ref());
        if proved.is_some_and(|proved| *proved != found.password_hash) {
            return Ok(UserChanged::OtherPassword);
        }
        let version = found.token_version;
        let mut row: user::ActiveModel = found.into();
        row.updated_at = Set(now);
        if let Some(name) = change.name {
            row.name = Set(name);
        }
        if let Some(phone_number) = change.phone_number {
            row.phone_number = Set(phone_number);
        }
        if let Some(password) = change.password {
            row.password_hash = Set(password.hash);
            // Whoever knew the old one is logged out.
            refresh_token::Entity::update_many()
                .col_expr(refresh_token::Column::RevokedAt, Expr::value(now))
                .filter(refresh_token::Column::UserId.eq(id.0))
                .filter(refresh_token::Column::RevokedAt.is_null())
                .exec(&transaction)
                .await?;
            end_access(&transaction, &mut row, version, now).await?;
        }
        let row = row.update(&transaction).await?;
        transaction.commit().await?;
        Ok(UserChanged::Now(user_row(row)?))
    }

    /// Whether nobody but `id` could make events or administrators.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_is_last_admin(&self, id: UserId) -> Result<bool, StoreError> {
        Ok(is_last_admin(&admins().all(self.reads()).await?, id))
    }

    /// Forgets a person: the account stays as an empty shell, which is returned, that its reservations
    /// point to. What becomes of its money, `on_balance` says.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for the last administrator, without whom nobody could be one.
    pub async fn user_forget(
        &self,
        id: UserId,
        on_balance: OnBalance,
        now: TimestampMs,
    ) -> Result<Forgotten, StoreError> {
        let transaction = self.writes().begin().await?;
        // All in one order: of two administrators who close their accounts at once, one is the last.
        if is_last_admin(&admins().lock_exclusive().all(&transaction).await?, id) {
            return Err(StoreError::Conflict("the last administrator's place"));
        }
        let Some(found) = lock(&transaction, id).await? else { return Ok(Forgotten::Before) };
        match on_balance {
            OnBalance::Refuse if wallet::has_money(&transaction, id).await? => {
                return Ok(Forgotten::HasMoney);
            }
            OnBalance::Refuse => {}
            OnBalance::Forfeit => wallet::forfeit(&transaction, id, now).await?,
        }
        // Of a payment that was begun meanwhile.
        if payment::is_under_way(&transaction, id).await? {
            return Ok(Forgotten::HasMoney);
        }
        refresh_token::Entity::delete_many()
            .filter(refresh_token::Column::UserId.eq(id.0))
            .exec(&transaction)
            .await?;
        let version = found.token_version;
        let mut row: user::ActiveModel = found.into();
        row.email = Set(forgotten(id));
        row.password_hash = Set(String::new());
        row.name = Set(String::new());
        row.phone_number = Set(None);
        row.updated_at = Set(now);
        end_access(&transaction, &mut row, version, now).await?;
        let row = row.update(&transaction).await?;
        transaction.commit().await?;
        Ok(Forgotten::Now(user_row(row)?))
    }
}

/// Open accounts of administrators.
fn admins() -> Select<user::Entity> {
    user::Entity::find()
        .filter(user::Column::Role.eq(Role::Admin.as_str()))
        .filter(user::Column::Email.not_like(format!("%{FORGOTTEN}")))
        .order_by_asc(user::Column::Id)
}

fn is_last_admin(admins: &[user::Model], id: UserId) -> bool {
    matches!(admins, [only] if only.id == id.0)
}

/// The row of an open account, locked until the transaction ends; `None` if the account is closed or
/// was never there. SQLite has one writer and locks nothing.
pub(crate) async fn lock(
    transaction: &impl ConnectionTrait,
    id: UserId,
) -> Result<Option<user::Model>, StoreError> {
    let found = user::Entity::find_by_id(id.0).lock_exclusive().one(transaction).await?;
    Ok(found.filter(|row| row.email != forgotten(id)))
}

/// Has all access tokens of before refused, everywhere: those of `version` and below. The last thing
/// before the row is written.
async fn end_access(
    transaction: &impl ConnectionTrait,
    row: &mut user::ActiveModel,
    version: i64,
    now: TimestampMs,
) -> Result<(), StoreError> {
    row.token_version = Set(version + 1);
    row.revoked_at = Set(Some(now));
    row.revocation = Set(Some(revocation::next_number(transaction).await?));
    Ok(())
}

/// Whether the account is closed, locked like [`lock`]; one that was never there is not.
pub(crate) async fn lock_closed(
    transaction: &impl ConnectionTrait,
    id: UserId,
) -> Result<bool, StoreError> {
    let found = user::Entity::find_by_id(id.0).lock_exclusive().one(transaction).await?;
    Ok(found.is_some_and(|row| row.email == forgotten(id)))
}

pub(crate) fn user_row(row: user::Model) -> Result<UserRow, StoreError> {
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
        updated_at: row.updated_at,
        token_version: row.token_version,
    })
}
