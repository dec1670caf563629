//! Classes beside their places: what people see of them, applications with their answers, decisions.
//! Places and the line are decided by the box office; what people write stays out of its journal.

mod change;
mod currencies;
mod deciding;
mod draft;
mod enrolling;
mod error;
mod reading;
mod status;

pub use change::{ClassEdit, ClassKeys};
pub use deciding::{Decision, Outcome, Wish};
pub use draft::{ClassDraft, WaitlistDraft};
pub use enrolling::{Application, Done, Sender};
pub use error::ClassError;
pub use reading::{EnrollmentPage, SeenEnrollment};
pub use status::ClassStatus;
use std::sync::Arc;

use crate::box_office::{BoxOffices, Committed};
use crate::forms::Forms;
use crate::ids::{OfferingId, UserId};
use crate::inventory::{Command, Idempotency, Request};
use crate::store::Store;
use crate::terms::Terms;

/// Classes and the applications for them.
pub struct Classes {
    store: Store,
    offices: Arc<BoxOffices>,
    forms: Forms,
    terms: Terms,
}

impl Classes {
    /// Creates the service over a store and the box offices.
    #[must_use]
    pub fn new(store: Store, offices: Arc<BoxOffices>) -> Self {
        let (forms, terms) = (Forms::new(store.clone()), Terms::new(store.clone()));
        Self { store, offices, forms, terms }
    }

    async fn submit(
        &self,
        class: OfferingId,
        command: Command,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, ClassError> {
        let request = Request { command, idempotency };
        Ok(self.offices.submit(class, request).await?)
    }

    async fn submit_by_admin(
        &self,
        class: OfferingId,
        admin: UserId,
        command: Command,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, ClassError> {
        let command = Command::ByAdmin { admin, command: Box::new(command) };
        // Administrators act thousands of times: each key has a share of the remembered keys to
        // itself. The key is a hash that includes the administrator.
        let idempotency = idempotency.map(|given| {
            let principal = UserId(uuid::Uuid::from_bytes(given.key));
            Idempotency { principal, ..given }
        });
        self.submit(class, command, idempotency).await
    }
}
