//! What every handler can reach. Built once by the server, shared by all workers.

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::box_office::BoxOffices;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::Store;

/// The parts behind the routes.
pub struct AppState {
    /// The database, for queries and for what no box office decides.
    pub store: Store,
    /// The live box offices: the way to every change of an offering.
    pub offices: Arc<BoxOffices>,
    /// Users and tokens.
    pub accounts: Arc<Accounts>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The settings.
    pub config: Arc<Config>,
}
