//! Classes beside their places: what people see of them, applications with their answers, decisions.
//! Places and the line are decided by the box office; what people write stays out of its journal.

mod certificate;
mod change;
mod crash_points;
mod currencies;
mod dashboard;
mod deciding;
mod desk;
mod draft;
mod enrolling;
mod error;
mod history;
mod metrics;
mod reading;
mod status;
mod table;

pub use change::{ClassEdit, ClassKeys};
pub use crash_points::{CrashPoints, Point};
pub use dashboard::{ClassDay, ClassFigures, Dashboard, DashboardQuery};
pub use deciding::{Decision, Outcome, Wish};
pub use desk::{Fee, FeeState, ListedEnrollment, WithAnswers};
pub use draft::{ClassDraft, WaitlistDraft};
pub use enrolling::{Application, Done, Sender};
pub use error::{ClassError, NoCertificate};
pub use history::{ChangesPage, SeenChange};
pub use metrics::{describe as describe_metrics, measure as measure_counts};
pub use reading::{EnrollmentPage, SeenEnrollment};
pub use status::ClassStatus;
use std::sync::Arc;
pub use table::EnrollmentTable;

use tokio::sync::Mutex;

use crate::box_office::{BoxOffices, Committed};
use crate::forms::Forms;
use crate::ids::{OfferingId, UserId};
use crate::inventory::{Command, Idempotency, Request};
use crate::roles::Roles;
use crate::store::Store;
use crate::terms::Terms;

/// Classes and the applications for them.
pub struct Classes {
    store: Store,
    offices: Arc<BoxOffices>,
    forms: Forms,
    terms: Terms,
    roles: Arc<Roles>,
    crash_points: CrashPoints,
    /// Changes of a class at this instance are made one after the other: each is built on what the one
    /// before has left.
    changing: [Mutex<()>; 32],
}

impl Classes {
    /// Creates the service over a store and the box offices.
    #[must_use]
    pub fn new(store: Store, offices: Arc<BoxOffices>, roles: Arc<Roles>) -> Self {
        let (forms, terms) = (Forms::new(store.clone()), Terms::new(store.clone()));
        let (crash_points, changing) = (CrashPoints::default(), Default::default());
        Self { store, offices, forms, terms, roles, crash_points, changing }
    }

    /// Injects faults: an application stops dead at each point that `crash_points` selects, as if the
    /// process had crashed there.
    #[must_use]
    pub fn with_crash_points(mut self, crash_points: CrashPoints) -> Self {
        self.crash_points = crash_points;
        self
    }

    async fn submit(
        &self,
        class: OfferingId,
        command: Command,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, ClassError> {
        let request = Request { command, idempotency };
        let committed = self.offices.submit(class, request).await?;
        if !committed.replayed {
            metrics::changes(&committed.transition.changes);
        }
        Ok(committed)
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
