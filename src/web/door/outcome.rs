//! The result of a check-in or of its reversal, as the page of a door shows it.

use uuid::Uuid;

use crate::http::error::ErrorCode;

/// The result of a form, as the page shows it.
#[derive(Default)]
pub(super) struct Outcome {
    /// As in `door-result.js`; also the end of the key of the title.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) place: String,
    pub(super) more: String,
    /// The ticket that is checked in now.
    pub(super) admitted: Option<Uuid>,
    /// The code that may be sent again.
    pub(super) undecided: Option<String>,
    /// Why it was refused.
    pub(super) failure: Option<ErrorCode>,
}
