//! The classes of requests, and the numbers of each.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::gcra::Rate;
use crate::ids::UserId;

/// The time that every limit is about.
pub const WINDOW: Duration = Duration::from_secs(60);
/// A network without a name may send so many times the limit at once: thousands have one address at a
/// campus. After that the limit's own rate holds.
const CROWD: u32 = 10;

/// The networks of a site may send so many times the limit of one together.
pub const NETWORKS_OF_SITE: u32 = 16;

/// Requests of the sale itself by a network, without names and by all its guests together: two thousand
/// people at the opening, each of whom loads the page and its parts, looks again every second or so, and
/// buys. One who makes guests by the thousand has no more.
const HOT_OF_NETWORK: u32 = 120_000;

/// What kind of request it is, and so what limits it. `http/middleware/rates/table.rs` says which
/// request has which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Guesses at secrets, and what makes accounts and mails. Always counted by address.
    Strict,
    /// Everything without a class of its own.
    General,
    /// New sessions of guests. Always counted by address.
    Guest,
    /// What everybody may read.
    Relaxed,
    /// What only organisers use.
    Staff,
    /// The sale itself: a bound that no person meets, against programs that run wild.
    Hot,
    /// Not counted.
    Free,
}

/// The one that a request is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// An account or a guest.
    Person(UserId),
    /// A network address, see [`crate::network::counted`].
    Network(IpAddr),
    /// Many networks that may be one customer's, see [`crate::network::site`].
    Site(Ipv6Addr),
}

impl Class {
    /// All classes that are counted.
    pub const COUNTED: [Self; 6] =
        [Self::Strict, Self::General, Self::Guest, Self::Relaxed, Self::Staff, Self::Hot];

    /// Returns the name in headers and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::General => "general",
            Self::Guest => "guest",
            Self::Relaxed => "relaxed",
            Self::Staff => "staff",
            Self::Hot => "hot",
            Self::Free => "free",
        }
    }

    /// Returns the requests within [`WINDOW`]; `None` for those that are not counted.
    #[must_use]
    pub fn limit(self, of: Principal) -> Option<u32> {
        if let Principal::Site(site) = of {
            let of_network = self.limit(Principal::Network(site.into()))?;
            return Some(of_network.saturating_mul(NETWORKS_OF_SITE));
        }
        match (self, of) {
            (Self::Strict, _) => Some(20),
            (Self::General, _) => Some(100),
            (Self::Guest | Self::Relaxed, _) => Some(200),
            (Self::Staff, _) => Some(600),
            (Self::Hot, Principal::Person(_)) => Some(1_200),
            (Self::Hot, _) => Some(HOT_OF_NETWORK),
            (Self::Free, _) => None,
        }
    }

    /// Returns the rate; `None` for requests that are not counted.
    #[must_use]
    pub fn rate(self, of: Principal) -> Option<Rate> {
        let limit = self.limit(of)?;
        let burst = match (self, of) {
            (_, Principal::Person(_)) => limit,
            (Self::General | Self::Guest | Self::Relaxed, _) => limit.saturating_mul(CROWD),
            _ => limit,
        };
        Some(Rate::new(limit, WINDOW, burst))
    }

    /// True if all instances count together. The sale itself never waits for Redis.
    #[must_use]
    pub fn is_shared(self) -> bool {
        !matches!(self, Self::Hot | Self::Free)
    }

    /// True if a person is counted, and not the address. A guess at a secret says nothing true about
    /// the one who makes it.
    #[must_use]
    pub fn is_by_person(self) -> bool {
        !matches!(self, Self::Strict | Self::Guest)
    }

    /// True if guests of one network are bounded together too: a guest costs nothing.
    #[must_use]
    pub fn bounds_guests(self) -> bool {
        self == Self::Hot
    }

    /// True if the networks of a site are bounded together too: who has thousands of networks makes
    /// accounts and guesses with all of them.
    #[must_use]
    pub fn bounds_sites(self) -> bool {
        matches!(self, Self::Strict | Self::Guest)
    }

    /// True if a proof of work is for its own request alone, and not for a fresh allowance: what makes
    /// sessions and accounts, and guesses at secrets, has its price each time.
    #[must_use]
    pub fn is_paid_singly(self) -> bool {
        matches!(self, Self::Strict | Self::Guest)
    }
}
