//! Who may have a certificate of attendance, and when.

use crate::classes::{ClassError, Classes, NoCertificate};
use crate::ids::OfferingId;
use crate::inventory::{Attendance, SaleState, TimestampMs};
use crate::store::{ClassRow, EnrollmentRow, EnrollmentState, Person};

impl Classes {
    /// Returns the class that a person attended, and the person.
    ///
    /// # Errors
    /// [`NoCertificate`], or the store cannot be read.
    pub async fn attended(
        &self,
        class: OfferingId,
        row: &EnrollmentRow,
        now: TimestampMs,
    ) -> Result<(ClassRow, Person), ClassError> {
        let class = self.class(class).await?;
        if class.event.sale_state == SaleState::Cancelled {
            return Err(NoCertificate::ClassCancelled.into());
        }
        let ends_at = class.event.event_end.unwrap_or(class.event.details.event_date);
        if ends_at > now {
            return Err(NoCertificate::NotEnded.into());
        }
        if row.status != EnrollmentState::Approved {
            return Err(NoCertificate::NotApproved.into());
        }
        match row.attendance {
            Some(Attendance::Present | Attendance::Late) => {}
            Some(Attendance::Absent) | None => return Err(NoCertificate::NotAttended.into()),
        }
        let found = self.store.people([row.user]).await?.remove(&row.user);
        let named = found.filter(|person| person.name.is_some());
        Ok((class, named.ok_or(NoCertificate::NoName)?))
    }
}
