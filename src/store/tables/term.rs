//! Terms that people agree to. A row is one version and is never changed or deleted;
//! `current_terms` names the version of each series that is asked for now.

use std::collections::{HashMap, HashSet};

use entities::{class, current_term, term, term_agreement};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, TransactionTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{OfferingId, TermId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::tables::new_class::Visibility;
use crate::store::{Answered, Key, Store, StoreError};

/// What terms are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TermKind {
    /// The use of the service.
    Service,
    /// Personal data.
    Privacy,
    /// Taking part in classes: in all, or in one.
    Enrollment,
}

impl TermKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Service, Self::Privacy, Self::Enrollment];

    /// Returns the name of the kind in the database and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "SERVICE",
            Self::Privacy => "PRIVACY",
            Self::Enrollment => "ENROLLMENT",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One version of terms.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TermRow {
    pub id: TermId,
    /// The same for all versions of the same terms.
    pub series: Uuid,
    /// Counted from 1.
    pub version: u32,
    pub kind: TermKind,
    /// The only class that it is asked for, if it is about classes and not about all of them.
    pub class: Option<OfferingId>,
    pub title: String,
    pub content: String,
    pub is_required: bool,
    /// False once another version has replaced it, or it is retired.
    pub is_current: bool,
    pub created_at: TimestampMs,
    /// The administrator who wrote it.
    pub created_by: UserId,
}

/// A version of terms without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the row")]
pub struct TermHead {
    pub kind: TermKind,
    pub class: Option<OfferingId>,
    pub title: String,
    pub version: u32,
}

/// Which current terms to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TermFilter {
    /// Those of this kind; `None` lets all pass.
    pub kind: Option<TermKind>,
    /// Those of these classes.
    pub of: TermsOf,
}

/// Of which classes to list terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TermsOf {
    /// Of public classes, and of no single class: a list must not say that another class exists.
    #[default]
    Listed,
    /// Of all classes, and of none.
    All,
    /// Of no single class.
    NoClass,
    /// Of this class, and of no single class.
    Class(OfferingId),
}

impl Store {
    /// Stores the first version of terms, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn term_create(
        &self,
        new: &TermRow,
        key: Option<&Key>,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        let id = new.id.to_string();
        if let Some(before) = idempotency::claim(&transaction, key, &id, new.created_at).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        insert(&transaction, new).await?;
        let current =
            current_term::ActiveModel { series_id: Set(new.series), term_id: Set(new.id.0) };
        current_term::Entity::insert(current).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Stores the next version in place of `old`, or answers a retry with the id of the first.
    /// `None` if `old` is not current: nothing changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn term_replace(
        &self,
        old: TermId,
        new: &TermRow,
        key: Option<&Key>,
    ) -> Result<Option<Answered<()>>, StoreError> {
        let transaction = self.writes().begin().await?;
        let id = new.id.to_string();
        if let Some(before) = idempotency::claim(&transaction, key, &id, new.created_at).await? {
            transaction.rollback().await?;
            return Ok(Some(Answered::Before(before)));
        }
        // Of two changes at once, the second waits for this row and finds another version in it.
        let replaced = current_term::Entity::update_many()
            .set(current_term::ActiveModel { term_id: Set(new.id.0), ..Default::default() })
            .filter(current_term::Column::TermId.eq(old.0))
            .exec(&transaction)
            .await?;
        if replaced.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        insert(&transaction, new).await?;
        transaction.commit().await?;
        Ok(Some(Answered::Now(())))
    }

    /// Retires terms, or answers a retry. `None` if this version is not current: nothing changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn term_retire(
        &self,
        id: TermId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Option<Answered<()>>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Some(Answered::Before(before)));
        }
        let retired = current_term::Entity::delete_many()
            .filter(current_term::Column::TermId.eq(id.0))
            .exec(&transaction)
            .await?;
        if retired.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(Answered::Now(())))
    }

    /// Returns a version of terms, current or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn term_get(&self, id: TermId) -> Result<Option<TermRow>, StoreError> {
        let found = term::Entity::find_by_id(id.0).one(self.reads()).await?;
        let Some(found) = found else { return Ok(None) };
        let current = self.term_current(found.series_id).await?;
        row_of(found, current == Some(id)).map(Some)
    }

    /// Returns the current version of a series; `None` if it is retired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn term_current(&self, series: Uuid) -> Result<Option<TermId>, StoreError> {
        let found = current_term::Entity::find_by_id(series).one(self.reads()).await?;
        Ok(found.map(|row| TermId(row.term_id)))
    }

    /// Returns the versions with these ids without their texts; unknown ids are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn term_heads(
        &self,
        ids: &[TermId],
    ) -> Result<HashMap<TermId, TermHead>, StoreError> {
        use term::Column;
        let found: Vec<(Uuid, String, Option<Uuid>, String, i32)> = term::Entity::find()
            .select_only()
            .columns([Column::Id, Column::Kind, Column::ClassId, Column::Title, Column::Version])
            .filter(Column::Id.is_in(ids.iter().map(|id| id.0)))
            .into_tuple()
            .all(self.reads())
            .await?;
        let head =
            |(id, kind, class, title, version): (Uuid, String, Option<Uuid>, String, i32)| {
                let kind = kind_of(id, &kind)?;
                let version = version_of(id, version)?;
                let class = class.map(OfferingId);
                Ok((TermId(id), TermHead { kind, class, title, version }))
            };
        found.into_iter().map(head).collect()
    }

    /// Returns those of `ids` that are current.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn term_current_among(&self, ids: &[TermId]) -> Result<HashSet<TermId>, StoreError> {
        let found = current_term::Entity::find()
            .filter(current_term::Column::TermId.is_in(ids.iter().map(|id| id.0)))
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(|row| TermId(row.term_id)).collect())
    }

    /// Returns current terms by kind and title, after `after`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn term_list(
        &self,
        filter: TermFilter,
        after: Option<&TermRow>,
        limit: u64,
    ) -> Result<Vec<TermRow>, StoreError> {
        use term::Column;
        let mut query = current().limit(limit);
        if let Some(kind) = filter.kind {
            query = query.filter(Column::Kind.eq(kind.as_str()));
        }
        query = match filter.of {
            TermsOf::All => query,
            TermsOf::NoClass => query.filter(Column::ClassId.is_null()),
            TermsOf::Class(class) => query.filter(of_class(class)),
            TermsOf::Listed => query.filter(of_listed_classes()),
        };
        if let Some(after) = after {
            let columns = [Column::Kind, Column::Title, Column::Id];
            let columns = Expr::tuple(columns.map(|column| Expr::col(column.as_column_ref())));
            let last = [
                Expr::value(after.kind.as_str()),
                Expr::value(after.title.as_str()),
                Expr::value(after.id.0),
            ];
            query = query.filter(columns.gt(Expr::tuple(last)));
        }
        let found = query.all(self.reads()).await?;
        found.into_iter().map(|row| row_of(row, true)).collect()
    }

    /// Returns the required current terms that a person has not agreed to, by kind and title: those
    /// of the service and of personal data, and for a class also those about it and about all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn term_missing(
        &self,
        user: UserId,
        class: Option<OfferingId>,
    ) -> Result<Vec<TermRow>, StoreError> {
        let found = missing(user, class).all(self.reads()).await?;
        found.into_iter().map(|row| row_of(row, true)).collect()
    }

    /// True if [`Self::term_missing`] would return terms of the service or of personal data.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn term_is_missing(&self, user: UserId) -> Result<bool, StoreError> {
        let first = missing(user, None).select_only().column(term::Column::Id).limit(1);
        let found: Option<Uuid> = first.into_tuple().one(self.reads()).await?;
        Ok(found.is_some())
    }
}

/// Selects current terms by kind and title.
fn current() -> Select<term::Entity> {
    let current = current_term::Entity::find().select_only().column(current_term::Column::TermId);
    term::Entity::find()
        .filter(term::Column::Id.in_subquery(current.into_query()))
        .order_by_asc(term::Column::Kind)
        .order_by_asc(term::Column::Title)
        .order_by_asc(term::Column::Id)
}

fn of_class(class: OfferingId) -> Condition {
    Condition::any().add(term::Column::ClassId.is_null()).add(term::Column::ClassId.eq(class.0))
}

fn of_listed_classes() -> Condition {
    let public = class::Entity::find()
        .select_only()
        .column(class::Column::Id)
        .filter(class::Column::Visibility.eq(Visibility::Public.as_str()))
        .filter(class::Column::DeletedAt.is_null());
    Condition::any()
        .add(term::Column::ClassId.is_null())
        .add(term::Column::ClassId.in_subquery(public.into_query()))
}

fn missing(user: UserId, class: Option<OfferingId>) -> Select<term::Entity> {
    let agreed = term_agreement::Entity::find()
        .select_only()
        .column(term_agreement::Column::TermId)
        .filter(term_agreement::Column::UserId.eq(user.0));
    let asked = match class {
        Some(class) => of_class(class),
        None => Condition::all().add(term::Column::Kind.ne(TermKind::Enrollment.as_str())),
    };
    current()
        .filter(term::Column::IsRequired.eq(1))
        .filter(asked)
        .filter(term::Column::Id.not_in_subquery(agreed.into_query()))
}

async fn insert(transaction: &impl ConnectionTrait, new: &TermRow) -> Result<(), StoreError> {
    let row = term::ActiveModel {
        id: Set(new.id.0),
        series_id: Set(new.series),
        version: Set(i32::try_from(new.version).expect("versions are counted by one")),
        kind: Set(new.kind.as_str().into()),
        class_id: Set(new.class.map(|class| class.0)),
        title: Set(new.title.clone()),
        content: Set(new.content.clone()),
        is_required: Set(i32::from(new.is_required)),
        created_at: Set(new.created_at),
        created_by: Set(new.created_by.0),
    };
    term::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

fn row_of(row: term::Model, is_current: bool) -> Result<TermRow, StoreError> {
    Ok(TermRow {
        id: TermId(row.id),
        series: row.series_id,
        version: version_of(row.id, row.version)?,
        kind: kind_of(row.id, &row.kind)?,
        class: row.class_id.map(OfferingId),
        title: row.title,
        content: row.content,
        is_required: row.is_required != 0,
        is_current,
        created_at: row.created_at,
        created_by: UserId(row.created_by),
    })
}

fn kind_of(id: Uuid, kind: &str) -> Result<TermKind, StoreError> {
    TermKind::parse(kind).ok_or_else(|| StoreError::Damaged(format!("the kind of term {id}")))
}

fn version_of(id: Uuid, version: i32) -> Result<u32, StoreError> {
    u32::try_from(version).map_err(|_| StoreError::Damaged(format!("the version of term {id}")))
}
