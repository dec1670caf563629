//! Roles that people were given. Every change locks the row of the generation first: changes happen one
//! after the other, so that the last administrator stays, and each instance notices that it has to read
//! the grants again.

use entities::{grant, user};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement, TransactionTrait,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::ids::{GrantId, OfferingId, UserId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::tables::closed::{FORGOTTEN, forgotten};
use crate::store::tables::{audit_entry, idempotency};
use crate::store::{Answered, AuditEntry, Key, Store, StoreError, older};

/// A role that a person can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum GrantRole {
    /// May do everything; for no offering in particular.
    Admin,
    /// Runs one offering.
    Organiser,
    /// Reads the orders and payments of one offering, and refunds them.
    Finance,
    /// Checks tickets of one offering in.
    Door,
}

impl GrantRole {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Organiser, Self::Finance, Self::Door];

    /// Returns the name of the role in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Organiser => "ORGANISER",
            Self::Finance => "FINANCE",
            Self::Door => "DOOR",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A role that a person was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct GrantRow {
    pub id: GrantId,
    pub user: UserId,
    pub role: GrantRole,
    /// `None` for administrators.
    pub offering: Option<OfferingId>,
    /// `None` for the first administrator, and for grants made on the command line.
    pub granted_by: Option<UserId>,
    pub granted_at: TimestampMs,
}

/// The grants to list.
#[derive(Clone, Debug, Default)]
pub struct GrantFilter {
    /// Only those of one person.
    pub user: Option<UserId>,
    /// Only those of one role.
    pub role: Option<GrantRole>,
    /// Only those for one of these offerings.
    pub offerings: Option<Vec<OfferingId>>,
    /// Only those after this one in the list, given by its time and id.
    pub after: Option<(TimestampMs, GrantId)>,
}

/// The right that a change of grants needs of the account that asks for it. It is read again within the
/// transaction: what an instance has in memory may be two seconds old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RightNeeded {
    /// The account that asks.
    pub by: UserId,
    /// The offering that it is about; `None` for everything.
    pub offering: Option<OfferingId>,
    /// The roles of the offering that suffice. Administrators have every right.
    pub roles: Vec<GrantRole>,
}

/// What came of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granting {
    /// The grant; the same as before if the person had the role already.
    Granted(GrantRow),
    /// There is no open account with that id.
    NoSuchAccount,
    /// The account that asks has lost the right.
    Forbidden,
}

/// What came of taking a role away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoking {
    /// The grant that ended.
    Revoked(GrantRow),
    /// There is no such grant, or no longer.
    Gone,
    /// It is the role of the last administrator.
    LastAdministrator,
    /// The account that asks has lost the right.
    Forbidden,
}

impl Store {
    /// Returns a number that every change of grants raises.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn grant_generation(&self) -> Result<i64, StoreError> {
        generation(self.reads(), "SELECT last FROM grant_generation WHERE id = 1").await
    }

    /// Returns all grants, except those of roles that only later versions know.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn grant_all(&self) -> Result<Vec<GrantRow>, StoreError> {
        let rows = grant::Entity::find().all(self.reads()).await?;
        let known: Vec<_> = rows.iter().filter_map(|row| grant_row(row).ok()).collect();
        let unknown = rows.len() - known.len();
        if unknown > 0 {
            tracing::warn!(unknown, "grants of unknown roles are ignored");
        }
        Ok(known)
    }

    /// Returns one grant.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn grant_get(&self, id: GrantId) -> Result<Option<GrantRow>, StoreError> {
        let found = grant::Entity::find_by_id(id.0).filter(is_known()).one(self.reads()).await?;
        found.as_ref().map(grant_row).transpose()
    }

    /// Returns grants, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn grant_list(
        &self,
        filter: &GrantFilter,
        limit: u64,
    ) -> Result<Vec<GrantRow>, StoreError> {
        use grant::Column;
        let mut query = grant::Entity::find()
            .filter(is_known())
            .order_by_desc(Column::GrantedAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some(user) = filter.user {
            query = query.filter(Column::UserId.eq(user.0));
        }
        if let Some(role) = filter.role {
            query = query.filter(Column::Role.eq(role.as_str()));
        }
        if let Some(offerings) = &filter.offerings {
            query = query.filter(Column::OfferingId.is_in(offerings.iter().map(|id| id.0)));
        }
        if let Some((at, id)) = filter.after {
            query = query.filter(older((Column::GrantedAt, at), (Column::Id, id.0)));
        }
        query.all(self.reads()).await?.iter().map(grant_row).collect()
    }

    /// Gives a person a role.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grant_put(
        &self,
        new: &GrantRow,
        needed: Option<&RightNeeded>,
        key: Option<&Key>,
    ) -> Result<Answered<Granting>, StoreError> {
        let transaction = self.writes().begin().await?;
        let response = new.id.to_string();
        if let Some(before) =
            idempotency::claim(&transaction, key, &response, new.granted_at).await?
        {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let granting = put(&transaction, new, needed).await?;
        match granting {
            Granting::Granted(_) => transaction.commit().await?,
            Granting::NoSuchAccount | Granting::Forbidden => transaction.rollback().await?,
        }
        Ok(Answered::Now(granting))
    }

    /// Takes a role away.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn grant_delete(
        &self,
        id: GrantId,
        needed: Option<&RightNeeded>,
    ) -> Result<Revoking, StoreError> {
        let transaction = self.writes().begin().await?;
        lock(&transaction).await?;
        if !has_right(&transaction, needed).await? {
            transaction.rollback().await?;
            return Ok(Revoking::Forbidden);
        }
        let Some(found) = grant::Entity::find_by_id(id.0).one(&transaction).await? else {
            transaction.rollback().await?;
            return Ok(Revoking::Gone);
        };
        let row = grant_row(&found)?;
        if row.role == GrantRole::Admin {
            if is_last_admin(&transaction, row.user).await? {
                transaction.rollback().await?;
                return Ok(Revoking::LastAdministrator);
            }
            set_account_role(&transaction, row.user, "USER").await?;
        }
        grant::Entity::delete_by_id(id.0).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(Revoking::Revoked(row))
    }

    /// True if no account but `id` is an administrator's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_is_last_admin(&self, id: UserId) -> Result<bool, StoreError> {
        is_last_admin(self.reads(), id).await
    }
}

/// Waits for other changes of grants, and makes every instance read the grants again after this one.
pub(crate) async fn lock(transaction: &impl ConnectionTrait) -> Result<(), StoreError> {
    let sql = "UPDATE grant_generation SET last = last + 1 WHERE id = 1 RETURNING last";
    generation(transaction, sql).await.map(|_| ())
}

/// Keeps grants from being changed, and others who hold them waiting, until the transaction ends. On SQLite
/// there is one transaction that writes.
pub(crate) async fn hold(transaction: &impl ConnectionTrait) -> Result<(), StoreError> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let sql = "SELECT last FROM grant_generation WHERE id = 1 FOR UPDATE";
        generation(transaction, sql).await?;
    }
    Ok(())
}

async fn generation(connection: &impl ConnectionTrait, sql: &str) -> Result<i64, StoreError> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| StoreError::Damaged("the generation of grants".into()))?;
    Ok(row.try_get("", "last")?)
}

/// The filter for roles that this version knows.
fn is_known() -> sea_orm::sea_query::SimpleExpr {
    grant::Column::Role.is_in(GrantRole::ALL.map(GrantRole::as_str))
}

/// True if the account that asks has a right, or none is needed.
pub(crate) async fn has_right(
    connection: &impl ConnectionTrait,
    needed: Option<&RightNeeded>,
) -> Result<bool, StoreError> {
    let Some(RightNeeded { by, offering, roles }) = needed else { return Ok(true) };
    let held = grant::Entity::find().filter(grant::Column::UserId.eq(by.0)).all(connection).await?;
    Ok(held.iter().filter_map(|row| grant_row(row).ok()).any(|grant| {
        let is_of = offering.is_some() && grant.offering == *offering;
        grant.role == GrantRole::Admin || (is_of && roles.contains(&grant.role))
    }))
}

/// Gives an open account a role, within a transaction, if the right that this needs is still there.
pub(crate) async fn put(
    transaction: &impl ConnectionTrait,
    new: &GrantRow,
    needed: Option<&RightNeeded>,
) -> Result<Granting, StoreError> {
    lock(transaction).await?;
    if !has_right(transaction, needed).await? {
        return Ok(Granting::Forbidden);
    }
    let account = user::Entity::find_by_id(new.user.0).lock_exclusive().one(transaction).await?;
    if account.is_none_or(|row| row.email == forgotten(new.user)) {
        return Ok(Granting::NoSuchAccount);
    }
    let same = grant::Entity::find()
        .filter(grant::Column::UserId.eq(new.user.0))
        .filter(grant::Column::Role.eq(new.role.as_str()))
        .filter(match new.offering {
            Some(offering) => grant::Column::OfferingId.eq(offering.0),
            None => grant::Column::OfferingId.is_null(),
        });
    if let Some(found) = same.one(transaction).await? {
        return Ok(Granting::Granted(grant_row(&found)?));
    }
    insert(transaction, new).await?;
    if new.role == GrantRole::Admin {
        set_account_role(transaction, new.user, GrantRole::Admin.as_str()).await?;
    }
    Ok(Granting::Granted(new.clone()))
}

/// Writes a grant of a person who has no other; the caller has called [`lock`].
pub(crate) async fn insert(
    transaction: &impl ConnectionTrait,
    new: &GrantRow,
) -> Result<(), StoreError> {
    let row = grant::ActiveModel {
        id: Set(new.id.0),
        user_id: Set(new.user.0),
        role: Set(new.role.as_str().into()),
        offering_id: Set(new.offering.map(|id| id.0)),
        granted_by: Set(new.granted_by.map(|id| id.0)),
        granted_at: Set(new.granted_at),
    };
    grant::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

/// Ends all roles of an account that is closed, with a row in the audit log for each, or returns false if it is the last administrator's.
pub(crate) async fn end_all(
    transaction: &impl ConnectionTrait,
    user: UserId,
    now: TimestampMs,
) -> Result<bool, StoreError> {
    // Most people have none, and do not wait for each other.
    if !has_some(transaction, user).await? {
        return Ok(true);
    }
    lock(transaction).await?;
    if is_last_admin(transaction, user).await? {
        return Ok(false);
    }
    let of_user = grant::Entity::find().filter(grant::Column::UserId.eq(user.0));
    for ended in of_user.all(transaction).await? {
        let of = json!({
            "userId": user, "role": ended.role, "offeringId": ended.offering_id,
        });
        let entry = AuditEntry {
            id: time_ordered(now.unsigned_abs()),
            at: now,
            actor: Some(user),
            session: None,
            address: None,
            action: "grant.revoke".to_owned(),
            offering: ended.offering_id.map(OfferingId),
            target: Some(ended.id.to_string()),
            before: Some(of.to_string()),
            after: None,
            request_id: None,
            outcome: "DONE".to_owned(),
        };
        audit_entry::put(transaction, entry).await?;
    }
    grant::Entity::delete_many().filter(grant::Column::UserId.eq(user.0)).exec(transaction).await?;
    Ok(true)
}

/// True if an account has a role.
pub(crate) async fn has_some(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<bool, StoreError> {
    let of_user = grant::Entity::find().filter(grant::Column::UserId.eq(user.0));
    Ok(of_user.one(transaction).await?.is_some())
}

/// True if `user` is an administrator and no other open account is.
async fn is_last_admin(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<bool, StoreError> {
    let admins: Vec<Uuid> = grant::Entity::find()
        .select_only()
        .column(grant::Column::UserId)
        .filter(grant::Column::Role.eq(GrantRole::Admin.as_str()))
        .into_tuple()
        .all(connection)
        .await?;
    if !admins.contains(&user.0) {
        return Ok(false);
    }
    // An instance of the version before closes accounts and leaves their grants.
    let others = user::Entity::find()
        .filter(user::Column::Id.is_in(admins.into_iter().filter(|id| *id != user.0)))
        .filter(user::Column::Email.not_like(format!("%{FORGOTTEN}")));
    Ok(others.one(connection).await?.is_none())
}

/// Sets the role of the account's row, which instances of the version before read.
async fn set_account_role(
    transaction: &impl ConnectionTrait,
    user: UserId,
    role: &'static str,
) -> Result<(), StoreError> {
    user::Entity::update_many()
        .col_expr(user::Column::Role, Expr::value(role))
        .filter(user::Column::Id.eq(user.0))
        .exec(transaction)
        .await?;
    Ok(())
}

fn grant_row(row: &grant::Model) -> Result<GrantRow, StoreError> {
    let role = GrantRole::parse(&row.role)
        .ok_or_else(|| StoreError::Damaged(format!("the role of grant {}", row.id)))?;
    Ok(GrantRow {
        id: GrantId(row.id),
        user: UserId(row.user_id),
        role,
        offering: row.offering_id.map(OfferingId),
        granted_by: row.granted_by.map(UserId),
        granted_at: row.granted_at,
    })
}
