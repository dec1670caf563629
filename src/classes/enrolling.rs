//! Applications of customers. Answers are stored before the command that names them: a crash between
//! the two leaves answers without an enrollment, which are deleted after a day, and never an
//! enrollment without its answers.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::box_office::{Committed, SubmitError};
use crate::classes::{ClassError, Classes, Point, metrics};
use crate::forms::{self, CheckedAnswers};
use crate::ids::{AnswersId, EnrollmentId, OfferingId, ReasonId, TermId, UserId};
use crate::inventory::{Change, Command, Idempotency, Requester, TimestampMs};
use crate::random;
use crate::store::{AnswersRow, NewReason};
use crate::text::{self, InvalidField};

/// The longest reason in characters.
const LONGEST_REASON: usize = 1_000;
/// The longest idempotency key in bytes, as the API takes it.
const LONGEST_KEY: usize = 255;

/// What a customer sends with an application.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Application {
    pub answers: Map<String, Value>,
    /// The version of the form that the customer saw.
    pub form_version: Option<u32>,
    /// The terms that the customer agrees to now.
    pub agreed_terms: Vec<TermId>,
}

/// A command that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Done {
    pub enrollment: EnrollmentId,
    /// True if it repeats an earlier request with the same key.
    pub replayed: bool,
}

/// The client's key and the caller, from which the identity of a request follows.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The customer.
    pub user: UserId,
    /// The client's key, as it sent it.
    pub key: Option<&'a str>,
}

impl Classes {
    /// Applies for a class.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn apply(
        &self,
        class: OfferingId,
        sender: Sender<'_>,
        application: Application,
        now: TimestampMs,
    ) -> Result<Done, ClassError> {
        let Application { answers, form_version, agreed_terms } = &application;
        let fingerprint = (answers, form_version, agreed_terms);
        let identity = self.identity(class, sender, "apply", &fingerprint).await?;
        match self.apply_checked(class, sender, &application, identity, now).await {
            Ok(done) => Ok(done),
            // The form or the terms may have changed since the first request with this key.
            Err(error) if error.is_about_application() => {
                let before = self.applied_before(class, sender, identity).await?;
                before.map_or(Err(error), |enrollment| Ok(Done { enrollment, replayed: true }))
            }
            Err(error) => {
                if let ClassError::Rejected(_) | ClassError::Command(SubmitError::Rejected(_)) =
                    error
                {
                    metrics::refused();
                }
                Err(error)
            }
        }
    }

    async fn apply_checked(
        &self,
        class: OfferingId,
        sender: Sender<'_>,
        application: &Application,
        identity: Option<Idempotency>,
        now: TimestampMs,
    ) -> Result<Done, ClassError> {
        let checked = self.checked(class, application).await?;
        if !application.agreed_terms.is_empty() {
            self.terms.agree_all(sender.user, class, &application.agreed_terms, now).await?;
        }
        self.terms.check_application(sender.user, class).await?;
        let enrollment = EnrollmentId::random();
        let stored = match checked.is_some() || sender.key.is_some() {
            true => Some(AnswersId(crate::ids::time_ordered(now.unsigned_abs()))),
            false => None,
        };
        self.crash_points.pass(sender.user, Point::BeforeAnswers)?;
        if let Some(id) = stored {
            let row = AnswersRow {
                id,
                class,
                enrollment,
                user: sender.user,
                form: checked.as_ref().map(|answers| (answers.form_id.0, answers.version)),
                answers: checked.map(|answers| answers.json),
                idempotency_key: sender.key.map(str::to_owned),
                fingerprint: identity.map(|identity| identity.fingerprint),
            };
            self.store.answers_insert(&row, now).await?;
        }
        self.crash_points.pass(sender.user, Point::BeforeCommand)?;
        let command = Command::Apply { enrollment, customer: sender.user, answers: stored };
        let committed = self.submit_with(stored, class, command, identity).await?;
        self.crash_points.pass(sender.user, Point::BeforeAnswer)?;
        match committed.transition.changes.first() {
            Some(Change::Enrolled { enrollment, .. }) => {
                Ok(Done { enrollment: *enrollment, replayed: committed.replayed })
            }
            _ => Err(ClassError::Foreign),
        }
    }

    /// Checks the answers against the form that the class has now; `None` if it has none.
    async fn checked(
        &self,
        class: OfferingId,
        application: &Application,
    ) -> Result<Option<CheckedAnswers>, ClassError> {
        let Application { answers, form_version, .. } = application;
        Ok(match self.forms.for_application(class).await? {
            Some(form) => Some(forms::check(&form, *form_version, answers)?),
            None => {
                forms::check_without_form(*form_version, answers)?;
                None
            }
        })
    }

    /// Returns the enrollment that an earlier request with the same key made, if one did.
    async fn applied_before(
        &self,
        class: OfferingId,
        sender: Sender<'_>,
        identity: Option<Idempotency>,
    ) -> Result<Option<EnrollmentId>, ClassError> {
        let Some((key, identity)) = sender.key.zip(identity) else { return Ok(None) };
        for sent in self.store.answers_by_key(sender.user, class, key).await? {
            // Only what took effect counts.
            if self.store.enrollment_get(sent.enrollment).await?.is_some() {
                let is_same = sent.fingerprint == Some(identity.fingerprint);
                return if is_same { Ok(Some(sent.enrollment)) } else { Err(ClassError::Foreign) };
            }
        }
        Ok(None)
    }

    /// Replaces the answers of an application that is not decided yet.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn replace_answers(
        &self,
        class: OfferingId,
        enrollment: EnrollmentId,
        sender: Sender<'_>,
        application: &Application,
        version: Option<u32>,
        now: TimestampMs,
    ) -> Result<Done, ClassError> {
        let checked = self.checked(class, application).await?;
        let id = AnswersId(crate::ids::time_ordered(now.unsigned_abs()));
        let fingerprint = (enrollment, &application.answers, application.form_version, version);
        let identity = self.identity(class, sender, "replace answers", &fingerprint).await?;
        // The key of the application stays with it.
        let before = self.answers_of(enrollment, sender.user).await?;
        let replaced = before.as_ref().map(|row| row.id);
        let row = AnswersRow {
            id,
            class,
            enrollment,
            user: sender.user,
            form: checked.as_ref().map(|answers| (answers.form_id.0, answers.version)),
            answers: checked.map(|answers| answers.json),
            idempotency_key: before.as_ref().and_then(|row| row.idempotency_key.clone()),
            fingerprint: before.and_then(|row| row.fingerprint),
        };
        self.crash_points.pass(sender.user, Point::BeforeAnswers)?;
        self.store.answers_replace(&row, replaced, now).await?;
        self.crash_points.pass(sender.user, Point::BeforeCommand)?;
        let customer = sender.user;
        let command = Command::ReplaceAnswers { enrollment, customer, answers: id, version };
        let committed = self.submit_with(Some(id), class, command, identity).await?;
        self.crash_points.pass(sender.user, Point::BeforeAnswer)?;
        // A retry finds the answers that the first request has put there.
        if let Some(replaced) = replaced.filter(|_| !committed.replayed) {
            self.store.answers_forget(replaced);
        }
        Ok(Done { enrollment, replayed: committed.replayed })
    }

    async fn answers_of(
        &self,
        enrollment: EnrollmentId,
        user: UserId,
    ) -> Result<Option<AnswersRow>, ClassError> {
        let found = self.store.enrollment_get(enrollment).await?.filter(|row| row.user == user);
        let Some(answers) = found.and_then(|row| row.answers) else { return Ok(None) };
        Ok(self.store.answers_get(&[answers]).await?.pop())
    }

    /// Sends a command that names answers, and deletes them if it is refused or was sent before.
    async fn submit_with(
        &self,
        answers: Option<AnswersId>,
        class: OfferingId,
        command: Command,
        identity: Option<Idempotency>,
    ) -> Result<Committed, ClassError> {
        let committed = self.submit(class, command, identity).await;
        if let Some(answers) = answers.filter(|_| is_without_effect(&committed)) {
            self.store.answers_forget(answers);
        }
        committed
    }

    /// Deletes the reason of a command that was refused or was sent before; returns its outcome.
    pub(super) fn with_reason(
        &self,
        reason: Option<ReasonId>,
        committed: Result<Committed, ClassError>,
    ) -> Result<Committed, ClassError> {
        if let Some(reason) = reason.filter(|_| is_without_effect(&committed)) {
            self.store.reason_forget(reason);
        }
        committed
    }

    /// Takes the place that is offered.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn accept_place(
        &self,
        class: OfferingId,
        enrollment: EnrollmentId,
        sender: Sender<'_>,
    ) -> Result<Done, ClassError> {
        let identity = self.identity(class, sender, "accept place", &enrollment).await?;
        let command = Command::AcceptPlace { enrollment, customer: sender.user };
        let committed = self.submit(class, command, identity).await?;
        Ok(Done { enrollment, replayed: committed.replayed })
    }

    /// Cancels an enrollment of the caller or, for administrators, of anyone.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn cancel(
        &self,
        class: OfferingId,
        enrollment: EnrollmentId,
        sender: Sender<'_>,
        by: Requester,
        reason: Option<&str>,
        now: TimestampMs,
    ) -> Result<Done, ClassError> {
        let identity = self.identity(class, sender, "cancel", &(enrollment, reason)).await?;
        let reason = self.keep_reason(class, sender.user, reason, now).await?;
        let command = Command::CancelEnrollment { enrollment, by, reason, version: None };
        let committed = match by {
            Requester::Customer(_) => self.submit(class, command, identity).await,
            Requester::Admin => self.submit_by_admin(class, sender.user, command, identity).await,
        };
        let committed = self.with_reason(reason, committed)?;
        Ok(Done { enrollment, replayed: committed.replayed })
    }

    /// Stores a reason for the command that will name it.
    pub(super) async fn keep_reason(
        &self,
        class: OfferingId,
        author: UserId,
        reason: Option<&str>,
        now: TimestampMs,
    ) -> Result<Option<ReasonId>, ClassError> {
        let Some(reason) = reason else { return Ok(None) };
        let reason = text::paragraph("reason", reason, LONGEST_REASON)?;
        if reason.is_empty() {
            return Ok(None);
        }
        let id = ReasonId(crate::ids::time_ordered(now.unsigned_abs()));
        self.store.reason_insert(&NewReason { id, class, author, reason }, now).await?;
        Ok(Some(id))
    }

    /// Returns the identity of a request: its fingerprint is salted, because it is journalled, and a
    /// bare hash of answers could be guessed from.
    pub(super) async fn identity(
        &self,
        class: OfferingId,
        sender: Sender<'_>,
        operation: &str,
        body: &impl Serialize,
    ) -> Result<Option<Idempotency>, ClassError> {
        let Some(key) = sender.key else { return Ok(None) };
        // The keys of forms come from browsers, too.
        if key.is_empty()
            || key.len() > LONGEST_KEY
            || !key.bytes().all(|byte| byte.is_ascii_graphic())
        {
            let reason = format!("must be 1 to {LONGEST_KEY} visible characters of ASCII");
            return Err(InvalidField::new("key", reason).into());
        }
        let salt = self.store.answer_salt(sender.user, random::bytes()).await?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(sender.user.0.as_bytes());
        hasher.update(class.0.as_bytes());
        // Lengths first, so that no two pairs of texts concatenate to the same bytes.
        hasher.update(&(operation.len() as u64).to_be_bytes());
        hasher.update(operation.as_bytes());
        hasher.update(key.as_bytes());
        let body = serde_json::to_vec(body).expect("bodies are made of plain JSON types");
        let mut salted = blake3::Hasher::new();
        salted.update(&salt);
        salted.update(&body);
        Ok(Some(Idempotency {
            key: first_half(&hasher.finalize()),
            fingerprint: first_half(&salted.finalize()),
            principal: sender.user,
        }))
    }
}

/// True if a command certainly took no effect now: it was refused, or took effect before.
fn is_without_effect(committed: &Result<Committed, ClassError>) -> bool {
    match committed {
        Ok(committed) => committed.replayed,
        Err(ClassError::Command(SubmitError::Rejected(_))) => true,
        // The command may have taken effect.
        Err(_) => false,
    }
}

fn first_half(hash: &blake3::Hash) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    half
}
