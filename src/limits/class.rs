//! The classes of requests, and the numbers of each.

use std::net::IpAddr;
use std::time::Duration;

use super::gcra::Rate;
use crate::ids::UserId;

/// The time that every limit is about.
pub const WINDOW: Duration = Duration::from_secs(60);
/// A network without a name may send so many times the limit at once: thousands have one address at a
/// campus. After that the limit's own rate holds.
const CROWD: u32 = 10;

/// What kind of request it is, and so what limits it. `http/middleware/rates/table.rs` says which
/// request has which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Guesses at secrets, and what makes accounts and mails. Always counted by address.
    Strict,
    /// Everything without a class of its own.
    General,
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
}

impl Class {
    /// All classes that are counted.
    pub const COUNTED: [Self; 5] =
        [Self::Strict, Self::General, Self::Relaxed, Self::Staff, Self::Hot];

    /// Returns the name in headers and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::General => "general",
            Self::Relaxed => "relaxed",
            Self::Staff => "staff",
            Self::Hot => "hot",
            Self::Free => "free",
        }
    }

    /// Returns the requests within [`WINDOW`]; `None` for those that are not counted.
    #[must_use]
    pub fn limit(self, of: Principal) -> Option<u32> {
        match (self, of) {
            (Self::Strict, _) => Some(20),
            (Self::General, _) => Some(100),
            (Self::Relaxed, _) => Some(200),
            (Self::Staff, _) => Some(600),
            (Self::Hot, Principal::Person(_)) => Some(1_200),
            (Self::Hot, Principal::Network(_)) => Some(12_000),
            (Self::Free, _) => None,
        }
    }

    /// Returns the rate; `None` for requests that are not counted.
    #[must_use]
    pub fn rate(self, of: Principal) -> Option<Rate> {
        let limit = self.limit(of)?;
        let burst = match (self, of) {
            (Self::General | Self::Relaxed, Principal::Network(_)) => limit.saturating_mul(CROWD),
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
        self != Self::Strict
    }
}
