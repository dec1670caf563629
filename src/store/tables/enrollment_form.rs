//! The forms of classes: rows that are written once. The current form of a class is its highest
//! version, unless that says that the form was deleted.

use entities::enrollment_form::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait};

use crate::ids::{FormId, OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Answered, Key, Store, StoreError};

/// A version of a form as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FormRow {
    pub class: OfferingId,
    /// Counts from 1 in each class.
    pub version: u32,
    /// The same in all versions until the form is deleted.
    pub id: FormId,
    pub title: String,
    pub description: String,
    /// JSON.
    pub questions: String,
    pub is_active: bool,
    /// The administrator who wrote this version.
    pub created_by: UserId,
    pub created_at: TimestampMs,
    /// Set in the version that says that the form was deleted.
    pub deleted_at: Option<TimestampMs>,
}

/// What became of a version that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormPut {
    /// It is written, or was before with the same key: then the version of that time.
    Written(Answered<()>),
    /// The version exists already: another administrator wrote it first.
    Taken,
}

impl Store {
    /// Returns the highest version of a class's form; it may say that the form was deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn form_current(&self, class: OfferingId) -> Result<Option<FormRow>, StoreError> {
        let query = Entity::find().filter(Column::ClassId.eq(class.0));
        let found = query.order_by_desc(Column::Version).one(self.reads()).await?;
        found.map(form_row).transpose()
    }

    /// Returns a version of a class's form.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn form_version(
        &self,
        class: OfferingId,
        version: u32,
    ) -> Result<Option<FormRow>, StoreError> {
        let found = Entity::find_by_id((class.0, i64::from(version))).one(self.reads()).await?;
        found.map(form_row).transpose()
    }

    /// Returns when the first version of a form was written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn form_created_at(&self, form: &FormRow) -> Result<TimestampMs, StoreError> {
        let found: Option<TimestampMs> = Entity::find()
            .select_only()
            .column(Column::CreatedAt)
            .filter(Column::ClassId.eq(form.class.0))
            .filter(Column::FormId.eq(form.id.0))
            .order_by_asc(Column::Version)
            .into_tuple()
            .one(self.reads())
            .await?;
        Ok(found.unwrap_or(form.created_at))
    }

    /// Writes the next version of a form, unless the version exists or the request is a retry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn form_put(&self, new: &FormRow, key: Option<&Key>) -> Result<FormPut, StoreError> {
        let transaction = self.writes().begin().await?;
        let (response, now) = (new.version.to_string(), new.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &response, now).await? {
            transaction.rollback().await?;
            return Ok(FormPut::Written(Answered::Before(before)));
        }
        let row = ActiveModel {
            class_id: Set(new.class.0),
            version: Set(i64::from(new.version)),
            form_id: Set(new.id.0),
            title: Set(new.title.clone()),
            description: Set(new.description.clone()),
            questions: Set(new.questions.clone()),
            is_active: Set(i32::from(new.is_active)),
            created_by: Set(new.created_by.0),
            created_at: Set(now),
            deleted_at: Set(new.deleted_at),
        };
        // Of two who write the same version at once, one waits here for the other.
        let written = Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        if written == 0 {
            transaction.rollback().await?;
            return Ok(FormPut::Taken);
        }
        transaction.commit().await?;
        Ok(FormPut::Written(Answered::Now(())))
    }
}

fn form_row(row: Model) -> Result<FormRow, StoreError> {
    let damaged = |_| StoreError::Damaged(format!("a form of class {}", row.class_id));
    Ok(FormRow {
        class: OfferingId(row.class_id),
        version: u32::try_from(row.version).map_err(damaged)?,
        id: FormId(row.form_id),
        title: row.title,
        description: row.description,
        questions: row.questions,
        is_active: row.is_active != 0,
        created_by: UserId(row.created_by),
        created_at: row.created_at,
        deleted_at: row.deleted_at,
    })
}
