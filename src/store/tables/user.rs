//! Accounts of people. Every operation that ends a person's sessions locks their row first, and so
//! does every operation that opens or renews a session (`store/tables/refresh_token.rs`): no
//! session outlives its revocation.

use entities::{refresh_token, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QuerySelect, TransactionTrait, sea_query::Expr,
};

use crate::ids::{GrantId, TermId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::closed::forgotten;
use crate::store::tables::grant::{self, GrantRole, GrantRow};
use crate::store::tables::user_row::{
    EmailAdded, NO_ADDRESS, NO_PASSWORD, NewPassword, NewUser, Role, UserChange, UserChanged,
    UserRow, no_address, user_row,
};
use crate::store::tables::{
    guest, idempotency, mail_link, revocation, session_rows, term_agreement,
};
use crate::store::{
    Answered, FreshSession, Key, RefreshToken, Store, StoreError, is_unique_violation,
};

impl Store {
    /// Creates an account; a guest with its id becomes this account. An account that has its address and
    /// does not keep it, as [`UserRow::keeps_email`] says, goes on without one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the address has an account that keeps it.
    pub async fn user_create(
        &self,
        new: NewUser,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<UserRow>, StoreError> {
        self.user_create_agreed(new, false, &[], key, now).await
    }

    /// [`Self::user_create`] with agreements of the person to `terms`. The tokens of a person who
    /// `was_guest` end.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the address has an account that keeps it, [`StoreError::Gone`] when
    /// one of the terms is not current; nothing is created.
    pub async fn user_create_agreed(
        &self,
        new: NewUser,
        was_guest: bool,
        terms: &[TermId],
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<UserRow>, StoreError> {
        let transaction = self.writes().begin().await?;
        let response = new.id.to_string();
        if let Some(before) = idempotency::claim(&transaction, key, &response, now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let role = new.role;
        let Some(made) = insert(&transaction, new, was_guest, None, now).await? else {
            transaction.rollback().await?;
            return Err(StoreError::Conflict("this e-mail address"));
        };
        if role == Role::Admin {
            let id = UserId(made.id);
            let first = GrantRow {
                id: GrantId(made.id),
                user: id,
                role: GrantRole::Admin,
                offering: None,
                granted_by: None,
                granted_at: now,
            };
            grant::lock(&transaction).await?;
            grant::insert(&transaction, &first).await?;
        }
        if !term_agreement::agree(&transaction, UserId(made.id), terms, now).await? {
            transaction.rollback().await?;
            return Err(StoreError::Gone("a term"));
        }
        transaction.commit().await?;
        Ok(Answered::Now(user_row(made)?))
    }

    /// Returns the account with that normalised address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, StoreError> {
        let found = user::Entity::find().filter(user::Column::Email.eq(email));
        found.one(self.reads()).await?.map(user_row).transpose()
    }

    /// Returns an account by id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_get(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        user::Entity::find_by_id(id.0).one(self.reads()).await?.map(user_row).transpose()
    }

    /// True if there is any account.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_any(&self) -> Result<bool, StoreError> {
        Ok(user::Entity::find().count(self.reads()).await? > 0)
    }

    /// Changes the values that people may change of their own account. A new password ends all
    /// sessions but the one that it keeps.
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
        let required = change.password.as_ref().and_then(|password| password.requires);
        if let Some(session) = required
            && !session_rows::is_fresh(&transaction, id, session, now).await?
        {
            return Ok(UserChanged::NotFresh);
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
        if let Some(language) = change.language {
            row.language = Set(Some(language.to_owned()));
        }
        if let Some(method) = change.default_payment_method {
            row.default_payment_method = Set(method.map(|method| method.as_str().to_owned()));
        }
        let mut goes_on = true;
        if let Some(NewPassword { hash, keeps, .. }) = change.password {
            row.password_hash = Set(hash);
            goes_on = end_others(&transaction, id, keeps.as_ref(), now).await?;
            end_access(&transaction, &mut row, version, now).await?;
        }
        let row = user_row(row.update(&transaction).await?)?;
        transaction.commit().await?;
        Ok(if goes_on { UserChanged::Now(row) } else { UserChanged::WithoutSession(row) })
    }

    /// Gives an address to an account that has none, or another one in place of one that is not
    /// confirmed, to an account without a password. The account's `session` asks for this. With the
    /// address that it has, nothing changes, and links on their way stay valid.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another account has the address.
    pub async fn user_email_add(
        &self,
        id: UserId,
        email: &str,
        session: FreshSession,
        now: TimestampMs,
    ) -> Result<EmailAdded, StoreError> {
        let transaction = self.writes().begin().await?;
        let Some(found) = lock(&transaction, id).await? else { return Ok(EmailAdded::Gone) };
        if !session_rows::is_fresh(&transaction, id, session, now).await? {
            return Ok(EmailAdded::NotFresh);
        }
        let is_replaceable =
            found.password_hash == NO_PASSWORD && found.email_confirmed_at.is_none();
        if !found.email.ends_with(NO_ADDRESS) && !is_replaceable {
            return Ok(EmailAdded::HasOne);
        }
        if found.email == email {
            return Ok(EmailAdded::Now(user_row(found)?));
        }
        mail_link::end_all(&transaction, id).await?;
        let mut row: user::ActiveModel = found.into();
        (row.email, row.updated_at) = (Set(email.to_owned()), Set(now));
        match row.update(&transaction).await {
            Ok(row) => {
                transaction.commit().await?;
                Ok(EmailAdded::Now(user_row(row)?))
            }
            Err(error) if is_unique_violation(&error) => {
                transaction.rollback().await?;
                Err(StoreError::Conflict("this e-mail address"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends all sessions of an account, and all its other access tokens. Returns the account as it is
    /// now; `None` if there is none, or no longer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_end_sessions(
        &self,
        id: UserId,
        now: TimestampMs,
    ) -> Result<Option<UserRow>, StoreError> {
        let transaction = self.writes().begin().await?;
        let Some(found) = lock(&transaction, id).await? else { return Ok(None) };
        let version = found.token_version;
        let mut row: user::ActiveModel = found.into();
        end_others(&transaction, id, None, now).await?;
        end_access(&transaction, &mut row, version, now).await?;
        let row = row.update(&transaction).await?;
        transaction.commit().await?;
        Ok(Some(user_row(row)?))
    }
}

/// Inserts an account; a guest with its id becomes this account, and the guest's tokens end. Returns
/// `None` when the address has an account that keeps it: the transaction is of no more use then.
pub(crate) async fn insert(
    transaction: &impl ConnectionTrait,
    new: NewUser,
    was_guest: bool,
    email_confirmed_at: Option<TimestampMs>,
    now: TimestampMs,
) -> Result<Option<user::Model>, StoreError> {
    // A guest who has left no address has no row.
    let was_guest = guest::end(transaction, new.id).await? || was_guest;
    let email = match new.email.is_empty() {
        true => no_address(new.id),
        false => {
            free(transaction, &new.email, now).await?;
            new.email
        }
    };
    let mut row = user::ActiveModel {
        id: Set(new.id.0),
        email: Set(email),
        password_hash: Set(new.password_hash),
        name: Set(new.name),
        phone_number: Set(new.phone_number),
        role: Set(new.role.as_str().into()),
        created_at: Set(now),
        updated_at: Set(now),
        token_version: Set(0),
        revocation: Set(None),
        revoked_at: Set(None),
        language: Set(None),
        email_confirmed_at: Set(email_confirmed_at),
        default_payment_method: Set(None),
    };
    if was_guest {
        // Tokens of the guest, which other devices may have, are not the account's.
        end_access(transaction, &mut row, 0, now).await?;
    }
    match row.insert(transaction).await {
        Ok(made) => Ok(Some(made)),
        Err(error) if is_unique_violation(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Takes an address from an account that does not keep it, as [`UserRow::keeps_email`] says: that account
/// goes on without an address.
async fn free(
    transaction: &impl ConnectionTrait,
    email: &str,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let holder = user::Entity::find()
        .filter(user::Column::Email.eq(email))
        .filter(user::Column::PasswordHash.eq(NO_PASSWORD))
        .filter(user::Column::EmailConfirmedAt.is_null())
        .lock_exclusive();
    let Some(found) = holder.one(transaction).await? else { return Ok(()) };
    let id = UserId(found.id);
    mail_link::end_all(transaction, id).await?;
    let mut row: user::ActiveModel = found.into();
    (row.email, row.updated_at) = (Set(no_address(id)), Set(now));
    row.update(transaction).await?;
    Ok(())
}

/// Returns the row of an open account, locked until the transaction ends; `None` if the account is
/// closed or never existed. SQLite has one writer and locks nothing.
pub(crate) async fn lock(
    transaction: &impl ConnectionTrait,
    id: UserId,
) -> Result<Option<user::Model>, StoreError> {
    let found = user::Entity::find_by_id(id.0).lock_exclusive().one(transaction).await?;
    Ok(found.filter(|row| row.email != forgotten(id)))
}

/// Ends all sessions of an account but that of `keeps`, whose refresh token is stored. Returns false
/// if that one had ended.
pub(super) async fn end_others(
    transaction: &impl ConnectionTrait,
    user: UserId,
    keeps: Option<&RefreshToken>,
    now: TimestampMs,
) -> Result<bool, StoreError> {
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::RevokedAt, Expr::value(now))
        .filter(refresh_token::Column::UserId.eq(user.0))
        .filter(refresh_token::Column::RevokedAt.is_null())
        .exec(transaction)
        .await?;
    let lives =
        session_rows::end_with_account(transaction, user, keeps.map(|it| it.session), now).await?;
    let Some(keeps) = keeps else { return Ok(true) };
    if lives {
        session_rows::insert_token(transaction, keeps).await?;
        session_rows::extend(transaction, keeps).await?;
    }
    Ok(lives)
}

/// Makes every instance refuse all earlier access tokens, those of `version` and below. This is the
/// last step before the row is written.
pub(super) async fn end_access(
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
