//! Who may have a certificate of attendance, and when.

use crate::classes::{ClassError, Classes};
use crate::ids::OfferingId;
use crate::inventory::{Attendance, SaleState, TimestampMs};
use crate::store::{ClassRow, EnrollmentRow, EnrollmentState, Person};

/// Why there is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCertificate {
    /// The class does not take place.
    #[error("the class was cancelled")]
    ClassCancelled,
    /// The class is not over.
    #[error("the class is not over")]
    NotEnded,
    /// The person has no place.
    #[error("the application has no place in the class")]
    NotApproved,
    /// It is not recorded that the person attended.
    #[error("it is not recorded that the person attended")]
    NotAttended,
    /// The person was erased, or has no name.
    #[error("the name of the person is not known")]
    NoName,
}

impl NoCertificate {
    /// Returns the word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClassCancelled => "CLASS_CANCELLED",
            Self::NotEnded => "NOT_ENDED",
            Self::NotApproved => "NOT_APPROVED",
            Self::NotAttended => "NOT_ATTENDED",
            Self::NoName => "NO_NAME",
        }
    }
}

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
