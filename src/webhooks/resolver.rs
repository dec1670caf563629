//! Resolves the names of endpoints for the HTTP client. A name with an address that may not be
//! reached is refused as a whole, and the client connects to the addresses that were checked: a
//! second answer of the name server cannot change them.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::target::{Reach, may_reach};

/// How long the name server is waited for where an answer is only a courtesy.
const LOOKUP: Duration = Duration::from_secs(3);

/// A name that has an address that is not public.
#[derive(Debug, thiserror::Error)]
#[error("the name has an address that is not public")]
pub(super) struct NotPublic;

/// The resolver of the HTTP client.
#[derive(Debug)]
pub(super) struct Resolver(pub(super) Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !may_reach(address.ip(), reach)) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// True if a name is known to have an address that may not be reached. A name that cannot be
/// resolved now may be all right later, but those of loopback (RFC 6761) never are.
pub(super) async fn is_refused(name: &str, reach: Reach) -> bool {
    let plain = name.trim_end_matches('.');
    if reach == Reach::Public && (plain == "localhost" || plain.ends_with(".localhost")) {
        return true;
    }
    let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((name, 0))).await;
    let Ok(Ok(mut found)) = found else { return false };
    found.any(|address| !may_reach(address.ip(), reach))
}
