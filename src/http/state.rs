//! What every handler can reach. Built once by the server, shared by all workers.

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::box_office::BoxOffices;
use crate::clock::Clock;
use crate::closing::Closing;
use crate::cluster::{Cluster, Seal, TokenProof};
use crate::config::Config;
use crate::http::api::box_office::availability::{SeatMaps, ViewsInUse};
use crate::http::middleware::admission::Admission;
use crate::http::middleware::connections::Connections;
use crate::http::middleware::lifecycle::Lifecycle;
use crate::http::middleware::response_body::Unsent;
use crate::offerings::Offerings;
use crate::payments::Payments;
use crate::store::Store;
use crate::trace::Tracer;

/// Whether the database answered its last ping, and the monotonic time of that answer.
pub type Pings = tokio::sync::Mutex<Option<(std::time::Duration, bool)>>;

/// The parts behind the routes.
pub struct AppState {
    /// The database, for queries and for what no box office decides.
    pub store: Store,
    /// The live box offices: the way to every change of an offering.
    pub offices: Arc<BoxOffices>,
    /// Events, their reservations and tickets.
    pub offerings: Offerings,
    /// The way to pay.
    pub payments: Arc<Payments>,
    /// Audits of journals.
    pub auditor: crate::audit::Auditor,
    /// Users and tokens.
    pub accounts: Arc<Accounts>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who else is there.
    pub cluster: Arc<Cluster>,
    /// What calls of other instances must bear; `None` in a process that is alone.
    pub seal: Option<Seal>,
    /// Proves to other instances that they share our token secret.
    pub token_proof: TokenProof,
    /// The settings.
    pub config: Arc<Config>,
    /// The tokio runtime of all database work. Every handler is polled inside it: a connection that
    /// were opened on an HTTP worker's own runtime would stall with that worker, and die with it.
    pub runtime: tokio::runtime::Handle,
    /// Where the steps of requests that are traced go.
    pub tracer: Tracer,
    /// Whether orders are let in.
    pub admission: Admission,
    /// Seat maps that are rendered.
    pub seat_maps: SeatMaps,
    /// The versions of seat maps that answers under way need.
    pub views_in_use: Arc<ViewsInUse>,
    /// The bytes of long answers that wait to be sent.
    pub unsent: Unsent,
    /// Who is connected, and how many may be.
    pub connections: Arc<Connections>,
    /// Whether the process is stopping.
    pub lifecycle: Arc<Lifecycle>,
    /// What the database last answered to readiness probes.
    pub pings: Pings,
}

impl AppState {
    /// What closes accounts.
    #[must_use]
    pub fn closing(&self) -> Closing {
        Closing {
            store: self.store.clone(),
            offices: self.offices.clone(),
            payments: self.payments.clone(),
            accounts: self.accounts.clone(),
            clock: self.clock.clone(),
        }
    }
}
