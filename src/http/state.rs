//! The state that every handler can access. The server builds it once, and all workers share it.

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::box_office::BoxOffices;
use crate::classes::Classes;
use crate::clock::Clock;
use crate::closing::Closing;
use crate::cluster::{Cluster, Seal, TokenProof};
use crate::community::articles::Articles;
use crate::community::catalogue::Catalogue;
use crate::community::chat::Chat;
use crate::community::likes::Likes;
use crate::community::moderation::Moderation;
use crate::community::pictures::Pictures;
use crate::community::setlists::Setlists;
use crate::config::Config;
use crate::forms::Forms;
use crate::http::api::box_office::availability::{SeatMaps, ViewsInUse};
use crate::http::api::venues::{Drawings, SeatStates};
use crate::http::middleware::admission::Admission;
use crate::http::middleware::connections::Connections;
use crate::http::middleware::lifecycle::Lifecycle;
use crate::http::middleware::response_body::Unsent;
use crate::http::middleware::unnamed_proxies::UnnamedProxies;
use crate::limits::Limits;
use crate::mail::Mailer;
use crate::offerings::Offerings;
use crate::payments::Payments;
use crate::store::Store;
use crate::terms::Terms;
use crate::trace::Tracer;
use crate::venues::Venues;
use crate::waiting_room::WaitingRooms;
use crate::webhooks::Webhooks;

/// Whether the database answered its last ping, and the monotonic time of that ping.
pub type Pings = tokio::sync::Mutex<Option<(std::time::Duration, bool)>>;

/// The components behind the routes.
pub struct AppState {
    /// The database, for queries and for changes that no box office decides.
    pub store: Store,
    /// The live box offices, through which every change of an offering goes.
    pub offices: Arc<BoxOffices>,
    /// Events, their reservations and tickets.
    pub offerings: Offerings,
    /// Classes and the applications for them.
    pub classes: Classes,
    /// The enrollment forms of classes.
    pub forms: Forms,
    /// Venues, their plans and the plans of events.
    pub venues: Arc<Venues>,
    /// Endpoints of other systems and the messages for them.
    pub webhooks: Arc<Webhooks>,
    /// Rooms and their messages.
    pub chat: Arc<Chat>,
    /// What fans see of events beside their sales.
    pub catalogue: Catalogue,
    /// Pictures that people uploaded.
    pub pictures: Arc<Pictures>,
    /// Setlists of concerts.
    pub setlists: Setlists,
    /// Terms that people agree to.
    pub terms: Terms,
    /// Articles of fans.
    pub articles: Arc<Articles>,
    /// Reports, hidden things and bans.
    pub moderation: Arc<Moderation>,
    /// Likes of events.
    pub likes: Likes,
    /// The waiting rooms of events.
    pub waiting_rooms: Arc<WaitingRooms>,
    /// The payment process.
    pub payments: Arc<Payments>,
    /// The audits of journals.
    pub auditor: crate::audit::Auditor,
    /// Users and tokens.
    pub accounts: Arc<Accounts>,
    /// Makes and sends mails.
    pub mailer: Arc<Mailer>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The other instances of the cluster.
    pub cluster: Arc<Cluster>,
    /// The seal that requests of other instances must carry; `None` in a process without a cluster.
    pub seal: Option<Seal>,
    /// Proves to other instances that this one shares their token secret.
    pub token_proof: TokenProof,
    /// The settings.
    pub config: Arc<Config>,
    /// The tokio runtime of all database work. Every handler is polled inside it: a connection that
    /// was opened on an HTTP worker's own runtime would stall with that worker, and die with it.
    pub runtime: tokio::runtime::Handle,
    /// The exporter of traced requests' spans.
    pub tracer: Tracer,
    /// Limits of people and networks.
    pub limits: Arc<Limits>,
    /// Decides whether orders are admitted.
    pub admission: Admission,
    /// The cache of rendered seat maps.
    pub seat_maps: SeatMaps,
    /// The cache of rendered drawings.
    pub drawings: Drawings,
    /// The cache of rendered seat states.
    pub seat_states: SeatStates,
    /// The versions of seat maps that answers under way need.
    pub views_in_use: Arc<ViewsInUse>,
    /// The unsent bytes of long answers.
    pub unsent: Unsent,
    /// The open connections and their limits.
    pub connections: Arc<Connections>,
    /// The warning of load balancers that the settings do not name.
    pub unnamed_proxies: UnnamedProxies,
    /// The state of the process between start and stop.
    pub lifecycle: Arc<Lifecycle>,
    /// The result of the last database ping of readiness probes.
    pub pings: Pings,
}

impl AppState {
    /// Returns the process that closes accounts.
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
