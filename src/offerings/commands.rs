//! Sends commands on behalf of a customer or an administrator; the journal records on whose behalf.

use uuid::Uuid;

use crate::box_office::{Committed, Unavailable};
use crate::caller::Caller;
use crate::ids::{HoldId, OfferingId, UserId};
use crate::inventory::{Command, Idempotency, Request};
use crate::offerings::{OfferingError, Offerings};
use crate::roles::Permission;

impl Offerings {
    /// Sends an administrator's command to the event's box office.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn submit_by_admin(
        &self,
        event: OfferingId,
        admin: UserId,
        command: Command,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, OfferingError> {
        let command = Command::ByAdmin { admin, command: Box::new(command) };
        self.submit(event, command, idempotency.map(in_a_share_of_its_own)).await
    }

    /// Releases a hold of the caller or, for the event's organisers, of any customer.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn release_hold(
        &self,
        caller: Caller,
        event: OfferingId,
        hold: HoldId,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, OfferingError> {
        let owner = match self.roles.may(caller, Permission::Manage, event) {
            true => self.owner_of_hold(event, hold).await?,
            false => None,
        };
        let release = |customer| Command::ReleaseHold { hold, customer };
        self.submit_for(caller, owner, event, release, idempotency).await
    }

    /// Removes a waitlist entry, or declines its offer; the event's organisers may do so for any customer.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn leave_waitlist(
        &self,
        caller: Caller,
        event: OfferingId,
        entry: HoldId,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, OfferingError> {
        let owner = match self.roles.may(caller, Permission::Manage, event) {
            true => match self.offices.waitlist_entry(event, entry).await? {
                Some(waiting) => Some(waiting.customer),
                // An entry that became an offer is a hold.
                None => self.owner_of_hold(event, entry).await?,
            },
            false => None,
        };
        let leave = |customer| Command::LeaveWaitlist { entry, customer };
        self.submit_for(caller, owner, event, leave, idempotency).await
    }

    /// Returns the customer who has a hold, which never changes.
    async fn owner_of_hold(
        &self,
        event: OfferingId,
        hold: HoldId,
    ) -> Result<Option<UserId>, Unavailable> {
        Ok(self.offices.hold(event, hold).await?.map(|hold| hold.customer))
    }

    /// Sends a command as the caller's own or, on behalf of another `owner`, as an administrator's.
    async fn submit_for(
        &self,
        caller: Caller,
        owner: Option<UserId>,
        event: OfferingId,
        command: impl FnOnce(UserId) -> Command,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, OfferingError> {
        match owner.filter(|owner| *owner != caller.user) {
            None => self.submit(event, command(caller.user), idempotency).await,
            Some(owner) => {
                self.submit_by_admin(event, caller.user, command(owner), idempotency).await
            }
        }
    }

    pub(super) async fn submit(
        &self,
        event: OfferingId,
        command: Command,
        idempotency: Option<Idempotency>,
    ) -> Result<Committed, OfferingError> {
        let request = Request { command, idempotency };
        let submitted = self.offices.submit(event, request).await;
        submitted.map_err(|error| OfferingError::Command(event, error))
    }
}

/// Gives the key a share of the remembered keys to itself: administrators act thousands of times,
/// at the door above all. The key is a hash that includes the administrator: it cannot name the
/// share of a customer.
fn in_a_share_of_its_own(idempotency: Idempotency) -> Idempotency {
    let principal = UserId(Uuid::from_bytes(idempotency.key));
    Idempotency { principal, ..idempotency }
}
