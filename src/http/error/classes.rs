//! Errors of classes and their forms as errors of the API.

use serde_json::json;

use super::{ApiError, ErrorCode};
use crate::box_office::{SubmitError, Unavailable};
use crate::classes::ClassError;
use crate::forms::FormError;
use crate::inventory::Rejection;

impl ApiError {
    /// 422: the enrollments of a class are more than a spreadsheet's rows.
    #[must_use]
    pub(crate) fn export_too_large(rows: u32, enrollments: i64) -> Self {
        let message = format!(
            "a spreadsheet has at most {rows} rows, and the class has {enrollments} enrollments: \
             export them as CSV"
        );
        let details = json!({ "rows": rows, "enrollments": enrollments });
        Self::new(ErrorCode::ExportTooLarge, message).with_details(details)
    }
}

impl From<ClassError> for ApiError {
    fn from(error: ClassError) -> Self {
        match error {
            ClassError::Invalid(error) => error.into(),
            ClassError::NoSuchClass
            | ClassError::Command(SubmitError::Unavailable(Unavailable::NoSuchOffering)) => {
                Self::of(ErrorCode::ClassNotFound)
            }
            ClassError::Command(SubmitError::Rejected(Rejection::Cancelled)) => {
                Self::of(ErrorCode::ClassCanceled)
            }
            ClassError::Command(SubmitError::Rejected(
                rejection @ Rejection::CancellationRefused { .. },
            )) => {
                let mut error = Self::from(rejection);
                error.message = "it is too late to give this place back: ask the organiser".into();
                error
            }
            ClassError::Command(error) => error.into(),
            ClassError::Rejected(rejection) => rejection.into(),
            ClassError::Foreign => Self::of(ErrorCode::KeyReused),
            ClassError::Form(error) => error.into(),
            ClassError::Terms(error) => error.into(),
            ClassError::NoCertificate(reason) => {
                Self::new(ErrorCode::CertificateUnavailable, reason.to_string())
                    .with_details(json!({ "reason": reason.as_str() }))
            }
            ClassError::Store(error) => error.into(),
        }
    }
}

impl From<FormError> for ApiError {
    fn from(error: FormError) -> Self {
        let message = error.to_string();
        match error {
            FormError::NoSuchClass => Self::of(ErrorCode::ClassNotFound),
            FormError::NoSuchForm => Self::of(ErrorCode::FormNotFound),
            FormError::Exists { current } => Self::new(ErrorCode::FormExists, message)
                .with_detail("currentVersion", json!(current)),
            FormError::VersionConflict { current } => {
                Self::new(ErrorCode::VersionConflict, message)
                    .with_detail("currentVersion", json!(current))
            }
            FormError::Changed { current } => Self::new(ErrorCode::FormChanged, message)
                .with_detail("currentVersion", json!(current)),
            FormError::Inactive => Self::of(ErrorCode::FormInactive),
            FormError::Invalid(problems) => Self::invalid_fields(&problems),
            FormError::Answers(problems) => Self::new(ErrorCode::InvalidAnswers, message)
                .with_detail("answers", json!(problems)),
            FormError::Store(error) => error.into(),
        }
    }
}
