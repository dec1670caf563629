//! The deadlines and limits of events. They are in the first row of an event's journal and never
//! change, so that each is read once and kept.

use crate::ids::{OfferingId, Seq};
use crate::inventory::{Change, Policy};
use crate::journal::{LoadError, Record};
use crate::offerings::summaries::MOST_KEPT;
use crate::offerings::{OfferingError, Offerings};
use crate::store::StoreError;

impl Offerings {
    /// Returns the deadlines and limits of an event; `None` if its journal has been archived.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn policy(&self, event: OfferingId) -> Result<Option<Policy>, OfferingError> {
        if let Some(known) = self.policies.kept.get(&event) {
            return Ok(Some(*known));
        }
        let rows = match self.store.journal_rows_before(event, Seq(2), 1).await {
            Ok(rows) => rows,
            Err(LoadError::NotFound) => return Ok(None),
            Err(error) => {
                let damage = format!("the journal of {event}: {error}");
                return Err(StoreError::Damaged(damage).into());
            }
        };
        let changes = rows.iter().filter_map(|(_, record)| match record {
            Record::Batch(transitions) => transitions.first(),
            Record::Takeover => None,
        });
        let policy = changes.flat_map(|first| &first.changes).find_map(|change| match change {
            Change::Created { definition } => Some(definition.policy),
            _ => None,
        });
        if let Some(policy) = policy {
            if self.policies.kept.len() >= MOST_KEPT {
                self.policies.kept.clear();
            }
            self.policies.kept.insert(event, policy);
        }
        Ok(policy)
    }
}
