//! What people write about an application, which no journal holds: answers and reasons, written
//! before the command that names them, and the salts of fingerprints.

use entities::{answer_salt, enrollment_answers, enrollment_reason};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Statement};

use crate::ids::{AnswersId, EnrollmentId, OfferingId, ReasonId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::words_group::Words;
use crate::store::{Store, StoreError};

/// Answers to the form of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AnswersRow {
    pub id: AnswersId,
    pub class: OfferingId,
    pub enrollment: EnrollmentId,
    pub user: UserId,
    /// The form's id and version; `None` if the class has no form.
    pub form: Option<(uuid::Uuid, u32)>,
    /// JSON; `None` without a form, and once they were erased.
    pub answers: Option<String>,
    /// The client's key, as it sent it.
    pub idempotency_key: Option<String>,
    /// The salted hash of the request with that key.
    pub fingerprint: Option<[u8; 16]>,
}

/// A reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewReason {
    pub id: ReasonId,
    pub class: OfferingId,
    pub author: UserId,
    pub reason: String,
}

impl Store {
    /// Stores answers for a command that is about to be sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answers_insert(
        &self,
        new: &AnswersRow,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let row = enrollment_answers::ActiveModel {
            id: Set(new.id.0),
            class_id: Set(new.class.0),
            enrollment_id: Set(new.enrollment.0),
            user_id: Set(new.user.0),
            form_id: Set(new.form.map(|(id, _)| id)),
            form_version: Set(new.form.map(|(_, version)| version.into())),
            answers: Set(new.answers.clone()),
            idempotency_key: Set(new.idempotency_key.clone()),
            fingerprint: Set(new.fingerprint.map(|hash| hash.to_vec())),
            is_pending: Set(1),
            created_at: Set(now),
        };
        self.inner.words.write(Words::Answers(row)).await
    }

    /// Stores answers that are to replace those of an enrollment. The sweep looks at the earlier ones,
    /// `before`, anew: it deletes them if the enrollment does not have them any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answers_replace(
        &self,
        new: &AnswersRow,
        before: Option<AnswersId>,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        if let Some(before) = before {
            enrollment_answers::Entity::update_many()
                .col_expr(enrollment_answers::Column::IsPending, Expr::value(1))
                .filter(enrollment_answers::Column::Id.eq(before.0))
                .exec(self.writes())
                .await?;
        }
        self.answers_insert(new, now).await
    }

    /// Deletes answers soon, that no enrollment is known to have or to get.
    pub fn answers_forget(&self, id: AnswersId) {
        self.inner.words.forget(Words::UnusedAnswers(id));
    }

    /// Deletes a reason whose command took no effect, soon.
    pub fn reason_forget(&self, id: ReasonId) {
        self.inner.words.forget(Words::UnusedReason(id));
    }

    /// Returns those of `ids` that exist, in no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answers_get(&self, ids: &[AnswersId]) -> Result<Vec<AnswersRow>, StoreError> {
        let found = enrollment_answers::Entity::find()
            .filter(enrollment_answers::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(answers_row).collect())
    }

    /// Returns what a customer sent with an idempotency key, newest first: the commands may have taken
    /// effect or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answers_by_key(
        &self,
        user: UserId,
        class: OfferingId,
        key: &str,
    ) -> Result<Vec<AnswersRow>, StoreError> {
        let found = enrollment_answers::Entity::find()
            .filter(enrollment_answers::Column::UserId.eq(user.0))
            .filter(enrollment_answers::Column::ClassId.eq(class.0))
            .filter(enrollment_answers::Column::IdempotencyKey.eq(key))
            .order_by_desc(enrollment_answers::Column::CreatedAt)
            .all(self.writes())
            .await?;
        Ok(found.into_iter().map(answers_row).collect())
    }

    /// Deletes what a closed account wrote at the last moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_words_erase(&self, user: UserId) -> Result<(), StoreError> {
        erase(self.writes(), user).await
    }

    /// Stores a reason for a command that is about to be sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reason_insert(&self, new: &NewReason, now: TimestampMs) -> Result<(), StoreError> {
        let row = enrollment_reason::ActiveModel {
            id: Set(new.id.0),
            class_id: Set(new.class.0),
            author_id: Set(new.author.0),
            reason: Set(new.reason.clone()),
            is_pending: Set(1),
            created_at: Set(now),
        };
        enrollment_reason::Entity::insert(row).exec_without_returning(self.writes()).await?;
        Ok(())
    }

    /// Returns the words of those of `ids` that exist, in no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reasons_get(
        &self,
        ids: &[ReasonId],
    ) -> Result<Vec<(ReasonId, String)>, StoreError> {
        let found = enrollment_reason::Entity::find()
            .filter(enrollment_reason::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(|row| (ReasonId(row.id), row.reason)).collect())
    }

    /// Returns the salt of a customer's fingerprints; `new` becomes it if there is none yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answer_salt(&self, user: UserId, new: [u8; 16]) -> Result<Vec<u8>, StoreError> {
        let find = async || answer_salt::Entity::find_by_id(user.0).one(self.reads()).await;
        if let Some(found) = find().await? {
            return Ok(found.salt);
        }
        let row = answer_salt::ActiveModel { user_id: Set(user.0), salt: Set(new.to_vec()) };
        self.inner.words.write(Words::Salt(row)).await?;
        // Another request of the customer may have been first.
        let found = find().await?;
        Ok(found.map_or_else(|| new.to_vec(), |row| row.salt))
    }
}

/// Deletes all that was written about a person's applications: answers, the reasons of
/// changes to this person's enrollments alone, the salt. The enrollments stay and are counted.
pub(crate) async fn erase(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), StoreError> {
    enrollment_answers::Entity::delete_many()
        .filter(enrollment_answers::Column::UserId.eq(user.0))
        .exec(transaction)
        .await?;
    // The reasons of this person's own enrollments, by whom they are; one that was given to many says
    // nothing of one.
    let sql = "DELETE FROM enrollment_reasons WHERE id IN (
        SELECT c.reason_id FROM enrollments e JOIN enrollment_changes c ON c.enrollment_id = e.id
        WHERE e.user_id = $1 AND c.reason_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM enrollment_changes o JOIN enrollments f ON f.id = o.enrollment_id
            WHERE o.reason_id = c.reason_id AND f.user_id <> $1))";
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, [user.0.into()]);
    transaction.execute_raw(statement).await?;
    answer_salt::Entity::delete_by_id(user.0).exec(transaction).await?;
    Ok(())
}

fn answers_row(row: enrollment_answers::Model) -> AnswersRow {
    let version = row.form_version.and_then(|version| u32::try_from(version).ok());
    AnswersRow {
        id: AnswersId(row.id),
        class: OfferingId(row.class_id),
        enrollment: EnrollmentId(row.enrollment_id),
        user: UserId(row.user_id),
        form: row.form_id.zip(version),
        answers: row.answers,
        idempotency_key: row.idempotency_key,
        fingerprint: row.fingerprint.and_then(|hash| hash.try_into().ok()),
    }
}
