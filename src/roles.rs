//! Roles: what each person may do for which offering. They are read when they are used, from a copy of
//! all grants in memory, and never from a token: a role that is taken away ends at once on the instance
//! that takes it, and within two seconds on the others. Before a route of staff refuses anyone, the copy is
//! read again: there a role that is given counts at once. On routes that customers use too it counts
//! within those two seconds. Changes of roles ask the database itself for the right to make them.

mod error;
mod invitations;
mod permission;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

pub use error::RoleError;
pub use invitations::NewInvitation;
pub use permission::{Permission, Scope};

use crate::caller::Caller;
use crate::ids::{GrantId, OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{
    Answered, GrantFilter, GrantRole, GrantRow, Granting, Key, Revoking, RightNeeded, Store,
};

/// The grants of all people.
pub struct Roles {
    store: Store,
    /// Derives the tokens of invitations.
    invitation_key: [u8; 32],
    held: ArcSwap<Held>,
    /// Only one read at a time stores what it has read: a slow one must not replace a newer. Holds the
    /// number of the last one that succeeded.
    reading: tokio::sync::Mutex<u64>,
    /// The number of reads that have begun.
    begun: AtomicU64,
}

/// All grants, as of one generation.
#[derive(Default)]
struct Held {
    generation: i64,
    administrators: HashSet<UserId>,
    of_offerings: HashMap<UserId, Vec<(GrantRole, OfferingId)>>,
}

/// A role to give.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewGrant {
    pub user: UserId,
    pub role: GrantRole,
    pub offering: Option<OfferingId>,
}

impl Roles {
    /// No grants, until [`Self::learn`] has read them. Invitations are derived from `secret`.
    #[must_use]
    pub fn new(store: Store, secret: &str) -> Self {
        let context = "admitone 2026 tokens of invitations to roles";
        Self {
            store,
            invitation_key: blake3::derive_key(context, secret.as_bytes()),
            held: ArcSwap::default(),
            reading: tokio::sync::Mutex::default(),
            begun: AtomicU64::default(),
        }
    }

    /// Reads the grants again if they have changed since the last call. Costs one read of one row
    /// otherwise, which calls at the same time share. A generation of its own, and not the counter of revoked tokens: that counter's row is
    /// locked by every change of a password, and changes of grants must exclude each other.
    ///
    /// # Errors
    /// The store failed; the grants of before stay.
    pub async fn learn(&self) -> Result<(), RoleError> {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut succeeded = self.reading.lock().await;
        if *succeeded > begun {
            // It began after this call, and has seen all that this one must see.
            return Ok(());
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        // Read before the grants: a change in between is read once more by the next call.
        let generation = self.store.grant_generation().await?;
        if generation == self.held.load().generation {
            *succeeded = number;
            return Ok(());
        }
        let mut held = Held { generation, ..Held::default() };
        for grant in self.store.grant_all().await? {
            match (grant.role, grant.offering) {
                (GrantRole::Admin, _) => {
                    held.administrators.insert(grant.user);
                }
                (role, Some(offering)) => {
                    held.of_offerings.entry(grant.user).or_default().push((role, offering));
                }
                (_, None) => {}
            }
        }
        self.held.store(Arc::new(held));
        *succeeded = number;
        Ok(())
    }

    /// True for administrators, who may do everything.
    #[must_use]
    pub fn is_admin(&self, user: UserId) -> bool {
        self.held.load().administrators.contains(&user)
    }

    /// True for people with any role.
    #[must_use]
    pub fn has_any(&self, caller: Caller) -> bool {
        let held = self.held.load();
        !caller.guest
            && (held.administrators.contains(&caller.user)
                || held.of_offerings.contains_key(&caller.user))
    }

    /// True if the caller may do that with an offering.
    #[must_use]
    pub fn may(&self, caller: Caller, permission: Permission, offering: OfferingId) -> bool {
        self.scope(caller, permission).contains(offering)
    }

    /// Returns the offerings with which the caller may do that.
    #[must_use]
    pub fn scope(&self, caller: Caller, permission: Permission) -> Scope {
        let held = self.held.load();
        if caller.guest {
            return Scope::Some(Vec::new());
        }
        if held.administrators.contains(&caller.user) {
            return Scope::All;
        }
        let grants = held.of_offerings.get(&caller.user).into_iter().flatten();
        let allowed = grants.filter(|(role, _)| permission.is_of(*role));
        Scope::Some(allowed.map(|(_, offering)| *offering).collect())
    }

    /// Returns the roles of a person; those of administrators first.
    #[must_use]
    pub fn of(&self, user: UserId) -> Vec<(GrantRole, Option<OfferingId>)> {
        let held = self.held.load();
        let admin = held.administrators.contains(&user).then_some((GrantRole::Admin, None));
        let others = held.of_offerings.get(&user).into_iter().flatten();
        let others = others.map(|(role, offering)| (*role, Some(*offering)));
        admin.into_iter().chain(others).collect()
    }

    /// Checks that `by` may give or take a role.
    ///
    /// # Errors
    /// [`RoleError::Forbidden`]; the role does not fit the offering, or there is no such offering.
    pub async fn check(
        &self,
        by: Caller,
        role: GrantRole,
        offering: Option<OfferingId>,
    ) -> Result<(), RoleError> {
        match (role, offering) {
            (GrantRole::Admin, Some(_)) => Err(RoleError::AdminOfOffering),
            (GrantRole::Admin, None) if self.is_admin(by.user) && !by.guest => Ok(()),
            (GrantRole::Admin, None) => Err(RoleError::Forbidden),
            (_, None) => Err(RoleError::WithoutOffering),
            (_, Some(offering)) => {
                if !self.may(by, Permission::Manage, offering) {
                    return Err(RoleError::Forbidden);
                }
                match self.store.event_get(offering).await? {
                    Some(_) => Ok(()),
                    None => Err(RoleError::NoSuchOffering),
                }
            }
        }
    }

    /// Gives a person a role. `by` is `None` on the command line. Returns the grant, and whether this
    /// repeats an earlier request with the same key.
    ///
    /// # Errors
    /// [`RoleError`].
    pub async fn grant(
        &self,
        new: NewGrant,
        by: Option<Caller>,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(GrantRow, bool), RoleError> {
        if let Some(by) = by {
            self.check(by, new.role, new.offering).await?;
        }
        let row = GrantRow {
            id: GrantId(crate::ids::time_ordered(now.unsigned_abs())),
            user: new.user,
            role: new.role,
            offering: new.offering,
            granted_by: by.map(|by| by.user),
            granted_at: now,
        };
        let needed = by.map(|by| needed(by.user, new.offering));
        let granted = match self.store.grant_put(&row, needed.as_ref(), key).await? {
            Answered::Now(Granting::Granted(row)) => (row, false),
            Answered::Now(Granting::NoSuchAccount) => return Err(RoleError::NoSuchAccount),
            Answered::Now(Granting::Forbidden) => return Err(self.forbidden().await),
            // The grant may have been taken away since: the answer is that of the first time.
            Answered::Before(id) => {
                let id = id.parse().map_or(row.id, GrantId);
                let first = self.store.grant_get(id).await?;
                (first.unwrap_or(GrantRow { id, ..row }), true)
            }
        };
        self.learn_own().await;
        Ok(granted)
    }

    /// Takes a role away. `by` is `None` on the command line.
    ///
    /// # Errors
    /// [`RoleError::LastAdministrator`], [`RoleError::NoSuchGrant`], [`RoleError::Forbidden`].
    pub async fn revoke(&self, id: GrantId, by: Option<Caller>) -> Result<GrantRow, RoleError> {
        let found = self.store.grant_get(id).await?.ok_or(RoleError::NoSuchGrant)?;
        if let Some(by) = by {
            let is_theirs = match found.offering {
                Some(offering) => self.may(by, Permission::Manage, offering),
                None => self.is_admin(by.user) && !by.guest,
            };
            if !is_theirs {
                return Err(RoleError::Forbidden);
            }
        }
        let needed = by.map(|by| needed(by.user, found.offering));
        let revoked = match self.store.grant_delete(id, needed.as_ref()).await? {
            Revoking::Revoked(row) => row,
            Revoking::Forbidden => return Err(self.forbidden().await),
            Revoking::Gone => return Err(RoleError::NoSuchGrant),
            Revoking::LastAdministrator => return Err(RoleError::LastAdministrator),
        };
        self.learn_own().await;
        Ok(revoked)
    }

    /// Reads a change of this instance. It has happened: a failure is no answer to the one who made it,
    /// and the read of every second follows.
    async fn learn_own(&self) {
        if let Err(error) = self.learn().await {
            tracing::warn!(%error, "a change of roles was not read at once");
        }
    }

    /// Reads what this instance has missed, and returns the refusal.
    async fn forbidden(&self) -> RoleError {
        self.learn_own().await;
        RoleError::Forbidden
    }

    /// Returns grants, newest first; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, filter: &GrantFilter, limit: u64) -> Result<Vec<GrantRow>, RoleError> {
        Ok(self.store.grant_list(filter, limit).await?)
    }
}

/// Returns the right that a change of the roles of an offering, or of administrators, needs.
fn needed(by: UserId, offering: Option<OfferingId>) -> RightNeeded {
    let roles = GrantRole::ALL.into_iter().filter(|role| Permission::Manage.is_of(*role));
    RightNeeded { by, offering, roles: roles.collect() }
}

#[cfg(test)]
mod tests;
