//! The parts of the server that a mailer works with.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::offerings::PlaceNames;
use crate::store::Store;

/// The parts that a mailer works with.
pub struct MailerParts {
    /// The database.
    pub store: Store,
    /// The addresses, claim codes and links of people.
    pub accounts: Arc<Accounts>,
    /// The words for places.
    pub places: PlaceNames,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The address at which this server listens, for links where no public one is set.
    pub listening: SocketAddr,
}
