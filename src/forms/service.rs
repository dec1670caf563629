//! The forms of classes over the store: the calls of handlers, pages and of `classes`.

use serde_json::{Map, Value};

use crate::forms::answers::{AnswerProblem, check_answers};
use crate::forms::check::Form;
use crate::forms::draft::FormDraft;
use crate::forms::error::FormError;
use crate::ids::{FormId, OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{Answered, FormPut, FormRow, Key, Store, StoreError};

/// The forms of classes.
#[derive(Clone)]
pub struct Forms {
    store: Store,
}

/// A version of the form of a class.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassForm {
    pub id: FormId,
    pub class: OfferingId,
    /// Counts from 1 in each class, through all its forms.
    pub version: u32,
    pub form: Form,
    /// When the first version of the form was made.
    pub created_at: TimestampMs,
    /// When this version was made.
    pub updated_at: TimestampMs,
}

/// Answers that fit the form that their class has now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CheckedAnswers {
    pub form_id: FormId,
    pub version: u32,
    /// The answers in their canonical form.
    pub json: String,
}

/// Checks the answers of an application against the current form of the class. `shown` is the
/// version that the customer saw.
///
/// # Errors
/// [`FormError::Changed`], [`FormError::Inactive`] or [`FormError::Answers`].
pub fn check(
    form: &ClassForm,
    shown: Option<u32>,
    answers: &Map<String, Value>,
) -> Result<CheckedAnswers, FormError> {
    if shown.is_some_and(|shown| shown != form.version) {
        return Err(FormError::Changed { current: Some(form.version) });
    }
    if !form.form.is_active {
        return Err(FormError::Inactive);
    }
    let answers = check_answers(&form.form, answers).map_err(FormError::Answers)?;
    Ok(CheckedAnswers { form_id: form.id, version: form.version, json: answers.to_json() })
}

/// Checks an application for a class that has no form: it has no answers.
///
/// # Errors
/// [`FormError::Changed`] if a form was shown, [`FormError::Answers`] for each answer.
pub fn check_without_form(
    shown: Option<u32>,
    answers: &Map<String, Value>,
) -> Result<(), FormError> {
    if shown.is_some() {
        return Err(FormError::Changed { current: None });
    }
    let problem = |id: &String| AnswerProblem::new(id, "has no question: the class has no form");
    let problems: Vec<AnswerProblem> = answers.keys().map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(FormError::Answers(problems)) }
}

impl Forms {
    /// Creates the service over a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Returns the form that answers to a class must fit now; `None` if the class has none.
    ///
    /// # Errors
    /// The store failed.
    pub async fn for_application(
        &self,
        class: OfferingId,
    ) -> Result<Option<ClassForm>, StoreError> {
        match self.living(class).await? {
            Some(row) => Ok(Some(self.read(row).await?)),
            None => Ok(None),
        }
    }

    /// Returns the form of a class.
    ///
    /// # Errors
    /// [`FormError::NoSuchClass`], [`FormError::NoSuchForm`].
    pub async fn current(&self, class: OfferingId) -> Result<ClassForm, FormError> {
        self.class_exists(class).await?;
        self.for_application(class).await?.ok_or(FormError::NoSuchForm)
    }

    /// Returns a version of the form of a class, also of a form that was deleted since.
    ///
    /// # Errors
    /// [`FormError::NoSuchClass`], [`FormError::NoSuchForm`].
    pub async fn version(&self, class: OfferingId, version: u32) -> Result<ClassForm, FormError> {
        self.class_exists(class).await?;
        let row = self.store.form_version(class, version).await?;
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or(FormError::NoSuchForm)?;
        Ok(self.read(row).await?)
    }

    /// Makes the form of a class. Returns it, and whether this repeats an earlier request with the
    /// key.
    ///
    /// # Errors
    /// [`FormError::Exists`], or what is wrong with the form.
    pub async fn create(
        &self,
        class: OfferingId,
        by: UserId,
        draft: &FormDraft,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(ClassForm, bool), FormError> {
        if let Some(before) = self.before(class, key).await? {
            return Ok((before, true));
        }
        self.class_exists(class).await?;
        let form = Form::new(draft).map_err(FormError::Invalid)?;
        let last = self.store.form_current(class).await?;
        if let Some(row) = last.as_ref().filter(|row| row.deleted_at.is_none()) {
            return Err(FormError::Exists { current: row.version });
        }
        let version = last.map_or(0, |row| row.version) + 1;
        let row = row(FormId(crate::ids::time_ordered(now.unsigned_abs())), class, version, &form);
        let row = FormRow { created_by: by, created_at: now, ..row };
        match self.store.form_put(&row, key).await? {
            FormPut::Written(answered) => self.written(row, answered).await,
            FormPut::Taken => Err(FormError::Exists { current: version }),
        }
    }

    /// Replaces the form of a class by a new version. `read` is the version that the writer changed.
    /// Returns the form, and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`FormError::VersionConflict`], or what is wrong with the form.
    pub async fn replace(
        &self,
        class: OfferingId,
        by: UserId,
        (draft, read): (&FormDraft, Option<u32>),
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(ClassForm, bool), FormError> {
        if let Some(before) = self.before(class, key).await? {
            return Ok((before, true));
        }
        self.class_exists(class).await?;
        let last = self.living(class).await?.ok_or(FormError::NoSuchForm)?;
        if read.is_some_and(|read| read != last.version) {
            return Err(FormError::VersionConflict { current: last.version });
        }
        let form = Form::new(draft).map_err(FormError::Invalid)?;
        let row = row(last.id, class, last.version + 1, &form);
        let row = FormRow { created_by: by, created_at: now, ..row };
        match self.store.form_put(&row, key).await? {
            FormPut::Written(answered) => self.written(row, answered).await,
            FormPut::Taken => Err(self.conflict(class, row.version).await?),
        }
    }

    /// Deletes the form of a class; its versions stay readable. Returns whether this repeats an
    /// earlier request with the key.
    ///
    /// # Errors
    /// [`FormError::NoSuchForm`], [`FormError::VersionConflict`].
    pub async fn delete(
        &self,
        class: OfferingId,
        by: UserId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<bool, FormError> {
        if self.store.idempotency_response(key).await?.is_some() {
            return Ok(true);
        }
        self.class_exists(class).await?;
        let last = self.living(class).await?.ok_or(FormError::NoSuchForm)?;
        let version = last.version + 1;
        let row =
            FormRow { version, created_by: by, created_at: now, deleted_at: Some(now), ..last };
        match self.store.form_put(&row, key).await? {
            FormPut::Written(Answered::Now(())) => Ok(false),
            FormPut::Written(Answered::Before(_)) => Ok(true),
            FormPut::Taken => Err(self.conflict(class, version).await?),
        }
    }

    async fn class_exists(&self, class: OfferingId) -> Result<(), FormError> {
        match self.store.class_get(class).await? {
            Some(row) if row.deleted_at.is_none() => Ok(()),
            Some(_) | None => Err(FormError::NoSuchClass),
        }
    }

    async fn living(&self, class: OfferingId) -> Result<Option<FormRow>, StoreError> {
        let row = self.store.form_current(class).await?;
        Ok(row.filter(|row| row.deleted_at.is_none()))
    }

    /// Returns the refusal of a version that another administrator was first to write.
    async fn conflict(&self, class: OfferingId, version: u32) -> Result<FormError, StoreError> {
        let current = self.store.form_current(class).await?.map_or(version, |row| row.version);
        Ok(FormError::VersionConflict { current })
    }

    /// Returns what an earlier request with the key wrote.
    async fn before(
        &self,
        class: OfferingId,
        key: Option<&Key>,
    ) -> Result<Option<ClassForm>, FormError> {
        match self.store.idempotency_response(key).await? {
            Some(version) => Ok(Some(self.first(class, &version).await?)),
            None => Ok(None),
        }
    }

    async fn first(&self, class: OfferingId, version: &str) -> Result<ClassForm, FormError> {
        let damaged = || StoreError::Damaged(format!("version {version} of a form of {class}"));
        let number = version.parse().map_err(|_| damaged())?;
        let row = self.store.form_version(class, number).await?.ok_or_else(damaged)?;
        Ok(self.read(row).await?)
    }

    async fn written(
        &self,
        row: FormRow,
        answered: Answered<()>,
    ) -> Result<(ClassForm, bool), FormError> {
        match answered {
            Answered::Now(()) => Ok((self.read(row).await?, false)),
            Answered::Before(version) => Ok((self.first(row.class, &version).await?, true)),
        }
    }

    /// Reads a stored form. It was checked when it was written, so it passes the checks of today: a
    /// rule may be added only together with what becomes of forms that break it.
    async fn read(&self, row: FormRow) -> Result<ClassForm, StoreError> {
        let damaged =
            || StoreError::Damaged(format!("version {} of the form of {}", row.version, row.class));
        let questions = serde_json::from_str(&row.questions).map_err(|_| damaged())?;
        let created_at = self.store.form_created_at(&row).await?;
        let draft = FormDraft {
            title: row.title.clone(),
            description: row.description.clone(),
            questions,
            is_active: row.is_active,
        };
        Ok(ClassForm {
            id: row.id,
            class: row.class,
            version: row.version,
            form: Form::new(&draft).map_err(|_| damaged())?,
            created_at,
            updated_at: row.created_at,
        })
    }
}

/// Returns the row of a form; the caller says who wrote it, and when.
fn row(id: FormId, class: OfferingId, version: u32, form: &Form) -> FormRow {
    FormRow {
        class,
        version,
        id,
        title: form.title.clone(),
        description: form.description.clone(),
        questions: form.questions_json(),
        is_active: form.is_active,
        created_by: UserId(uuid::Uuid::nil()),
        created_at: 0,
        deleted_at: None,
    }
}
