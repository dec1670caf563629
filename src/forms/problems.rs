//! The problems of a form, collected: all are reported at once.

use crate::text::InvalidField;

/// The problems of a form so far.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<InvalidField>);

impl Problems {
    /// Adds a problem; `reason` is the end of a sentence that begins with the field.
    pub(super) fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.push(InvalidField::new(field, reason));
    }

    /// Returns a checked value, or adds its problem.
    pub(super) fn take<T>(&mut self, checked: Result<T, InvalidField>) -> Option<T> {
        checked.map_err(|problem| self.0.push(problem)).ok()
    }
}
