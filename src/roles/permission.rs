//! What each role may do. This table is the only place that says so; `docs/security.md` repeats it.

use crate::ids::OfferingId;
use crate::store::GrantRole;

/// An act, or a group of acts, that needs a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Make offerings, venues, terms and webhooks, give ADMIN, see the cluster and its messages.
    Administer,
    /// Change one offering: its entry, products, sale, seats, queue, classes' desk, forms and team.
    Manage,
    /// Read orders, holds, payments and sales of one offering, and export them.
    ReadOrders,
    /// Cancel orders of one offering and refund them.
    Refund,
    /// Check tickets of one offering in, and find holders by the door.
    Door,
    /// Read what every member of the team reads: the offering's entry in lists of staff.
    Any,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 6] =
        [Self::Administer, Self::Manage, Self::ReadOrders, Self::Refund, Self::Door, Self::Any];

    /// True if a role of an offering has this permission for it.
    #[must_use]
    pub fn is_of(self, role: GrantRole) -> bool {
        match role {
            GrantRole::Admin => true,
            GrantRole::Organiser => self != Self::Administer,
            GrantRole::Finance => matches!(self, Self::ReadOrders | Self::Refund | Self::Any),
            GrantRole::Door => matches!(self, Self::Door | Self::Any),
        }
    }
}

/// The offerings with which a person may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All offerings, and what belongs to none.
    All,
    /// These offerings; none at all if empty.
    Some(Vec<OfferingId>),
}

impl Scope {
    /// True if the offering is among them.
    #[must_use]
    pub fn contains(&self, offering: OfferingId) -> bool {
        match self {
            Self::All => true,
            Self::Some(offerings) => offerings.contains(&offering),
        }
    }

    /// True if it contains no offering.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Some(offerings) if offerings.is_empty())
    }

    /// Returns the offerings; `None` for all.
    #[must_use]
    pub fn offerings(&self) -> Option<Vec<OfferingId>> {
        match self {
            Self::All => None,
            Self::Some(offerings) => Some(offerings.clone()),
        }
    }
}
