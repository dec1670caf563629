//! Names what is counted.

use std::net::IpAddr;

use super::class::Principal;

/// The most keys of each kind that a process keeps; 128 Ki take about 8 MiB.
pub(super) const MAX_KEYS: usize = 131_072;

/// What is counted: a kind, and the one that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    kind: &'static str,
    of: u128,
    is_person: bool,
}

impl Key {
    /// Returns the key of a limit.
    pub(super) fn of(kind: &'static str, of: Principal) -> Self {
        match of {
            Principal::Person(user) => Self { kind, of: user.0.as_u128(), is_person: true },
            Principal::Network(IpAddr::V4(v4)) => {
                Self { kind, of: v4.to_ipv6_mapped().to_bits(), is_person: false }
            }
            Principal::Network(IpAddr::V6(v6)) => Self { kind, of: v6.to_bits(), is_person: false },
            // No network ends so: the first one of a site is not the site.
            Principal::Site(site) => Self { kind, of: site.to_bits() | 48, is_person: false },
        }
    }

    /// A key that does not tell what it is about.
    pub(super) fn hashed(kind: &'static str, what: &[u8]) -> Self {
        let mut first = [0; 16];
        first.copy_from_slice(&blake3::hash(what).as_bytes()[..16]);
        Self { kind, of: u128::from_be_bytes(first), is_person: true }
    }

    /// Returns the name of the key in Redis.
    pub(super) fn name(&self) -> String {
        let whose = if self.is_person { "p" } else { "n" };
        format!("{}:{whose}:{:032x}", self.kind, self.of)
    }
}
