//! Assembles the parts, runs them, and stops them in the right order. It knows every part and
//! contains no business rules.
//!
//! Threads: one tokio runtime does all database work but appends, and outlives everything else; the
//! HTTP workers and the metrics listener belong to an actix system on a thread of its own; box
//! offices have their own threads, and append from them.

mod admin;
mod banner;
mod cluster;
mod data_dir;
mod database;
mod demo;
mod destinations;
mod error;
mod first_start;
mod housekeeping;
mod http_server;
mod metrics_listener;
mod open_files;
mod payment_gateways;
mod runtime;
mod series;
mod socket;
mod to_mail;
mod to_webhooks;

pub use database::{connect, connect_alone};
pub use error::StartError;
use runtime::on;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::accounts::Accounts;
use crate::audit::Auditor;
use crate::box_office::{self, BoxOffices};
use crate::classes::{self, Classes};
use crate::clock::{BELIEVED_AFTER, Clock, SteadyClock, SystemClock};
use crate::community::articles::Articles;
use crate::community::catalogue::Catalogue;
use crate::community::chat::Chat;
use crate::community::likes::Likes;
use crate::community::moderation::Moderation;
use crate::community::pictures::Pictures;
use crate::community::setlists::{Setlists, TitleSource};
use crate::config::{Config, LinkTitles, Secret};
use crate::executor::Executor;
use crate::forms::Forms;
use crate::http::api::box_office::availability::SeatMaps;
use crate::http::api::cluster::health;
use crate::http::api::community::chat_frames::render as render_chat_frame;
use crate::http::api::venues::{Drawings, SeatStates};
use crate::http::middleware::admission::Admission;
use crate::http::middleware::lifecycle::Lifecycle;
use crate::http::middleware::response_body::Unsent;
use crate::http::middleware::unnamed_proxies::UnnamedProxies;
use crate::http::state::{AppState, Pings};
use crate::ids::InstanceId;
use crate::journal::Journal;
use crate::mail::{Mailer, MailerParts};
use crate::objects::{Bucket, Objects, ObjectsPlace};
use crate::offerings::{Offerings, TicketCodes};
use crate::outbox::RelayHandle;
use crate::payments::{CrashPoints, Pace, Payments, Recovery};
use crate::store::{InstanceLock, Store};
use crate::telemetry::{self, Exporter};
use crate::terms::Terms;
use crate::trace::Tracer;
use crate::venues::Venues;
use crate::waiting_room::{Guard, WaitingRooms};
use crate::web::Site;
use crate::webhooks::{self, Reach, Webhooks};
use actix_web::web;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use admin::Admin;
pub use banner::banner;
pub use first_start::FirstStart;

/// Parts that tests replace.
#[derive(Clone)]
pub struct Parts {
    /// The machine's clock, whose steps are not believed at once.
    pub clock: Arc<dyn Clock>,
    /// Settings of the box offices that have no key: faults, skew, pace. The instance, the address
    /// and all settings with a key come from the configuration.
    pub offices: box_office::Settings,
    /// Points at which payments crash.
    pub crash_points: CrashPoints,
    /// Points at which applications for classes crash.
    pub class_crash_points: classes::CrashPoints,
    /// Intervals of the recovery of payments.
    pub payments_pace: Pace,
    /// The longest that a call of a webhook may take.
    pub webhook_timeout: Duration,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            offices: box_office::Settings::default(),
            crash_points: CrashPoints::none(),
            class_crash_points: classes::CrashPoints::default(),
            payments_pace: Pace::default(),
            webhook_timeout: webhooks::TIMEOUT,
        }
    }
}

impl Parts {
    fn with_steady_clock(self) -> Self {
        Self { clock: Arc::new(SteadyClock::new(self.clock, BELIEVED_AFTER)), ..self }
    }
}

/// A server that answers requests.
pub struct Running {
    /// Address of the API.
    pub address: SocketAddr,
    /// Address of the metrics.
    pub metrics_address: Option<SocketAddr>,
    /// Records made on an empty store.
    pub first_start: FirstStart,
    state: web::Data<AppState>,
    stop: oneshot::Sender<()>,
    stopped: oneshot::Receiver<&'static str>,
}

impl Running {
    /// Returns the parts behind the routes.
    #[must_use]
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Returns the parts behind the routes, to be used by other routes.
    #[must_use]
    pub fn shared_state(&self) -> web::Data<AppState> {
        self.state.clone()
    }

    /// Completes when the server has stopped by itself; returns the reason.
    pub async fn ended(&mut self) -> &'static str {
        (&mut self.stopped).await.unwrap_or("the server's thread has died")
    }

    /// Stops: reports not ready, accepts no new connections, answers accepted requests, and stops the
    /// box offices last. Completes at the latest when the grace period of the configuration is over.
    pub async fn shutdown(self) {
        let Self { state, stop, stopped, .. } = self;
        // The task that stops the server must not keep the parts alive.
        drop(state);
        // An error means that the server's thread has ended already.
        let _ = stop.send(());
        let _ = stopped.await;
    }
}

/// How often an order waits for the database on average: once for a hold, more often for a payment.
const WRITES_OF_AN_ORDER: u32 = 2;

/// Starts servers.
pub struct Server;

impl Server {
    /// Starts everything and returns when the first request can be answered.
    ///
    /// # Errors
    /// [`StartError`]; then no part is left running.
    pub async fn start(config: Config, parts: Parts) -> Result<Running, StartError> {
        let (ready, started) = oneshot::channel();
        let parts = parts.with_steady_clock();
        std::thread::Builder::new()
            .name("server".into())
            .spawn(move || run(config, parts, ready))
            .map_err(|error| StartError::Machine(error.to_string()))?;
        started
            .await
            .unwrap_or_else(|_| Err(StartError::Machine("the server's thread died".into())))
    }
}

/// Runs a server, on a thread of its own.
fn run(config: Config, parts: Parts, ready: oneshot::Sender<Result<Running, StartError>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, usize::from).max(2))
        .thread_name("database")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // The receiver waits as long as this thread lives.
            let _ = ready.send(Err(StartError::Machine(error.to_string())));
            return;
        }
    };
    let handle = runtime.handle().clone();
    let stopped = actix_web::rt::System::new().block_on(live(config, parts, handle, ready));
    // Tasks still running on it have had their time; further waiting would only delay the exit.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Some((tell, why)) = stopped {
        let _ = tell.send(why);
    }
}

/// Starts the parts, reports that, waits for the stop, and stops the parts. Returns the channel to
/// notify, and the reason of the stop.
async fn live(
    config: Config,
    parts: Parts,
    runtime: tokio::runtime::Handle,
    ready: oneshot::Sender<Result<Running, StartError>>,
) -> Option<(oneshot::Sender<&'static str>, &'static str)> {
    let (stop, stopping) = oneshot::channel();
    let (say_stopped, stopped) = oneshot::channel();
    let assembled = match Assembled::start(config, parts, runtime).await {
        Ok(assembled) => assembled,
        Err(error) => {
            let _ = ready.send(Err(error));
            return None;
        }
    };
    let running = Running {
        address: assembled.http.address,
        metrics_address: assembled.metrics.as_ref().map(|listener| listener.address),
        first_start: assembled.first_start.clone(),
        state: assembled.state.clone(),
        stop,
        stopped,
    };
    let mut why = "it was told to";
    if ready.send(Ok(running)).is_ok() {
        tokio::select! {
            // An error means that the handle that could stop the server was dropped: then it stops as
            // well.
            _ = stopping => {}
            () = assembled.lock.lost() => {
                why = "another process uses the database (DATABASE_URL)";
                tracing::error!("another process has taken the database while it was away: stopping");
            }
            other = assembled.state.cluster.lost() => {
                why = "another process has the name of this instance (ADMITONE_INSTANCE)";
                tracing::error!(name = %other.name, address = %other.address,
                    "another process has taken the name of this instance: stopping");
            }
        }
    }
    assembled.stop().await;
    Some((say_stopped, why))
}

/// All running parts.
struct Assembled {
    state: web::Data<AppState>,
    http: http_server::HttpServer,
    metrics: Option<metrics_listener::MetricsListener>,
    recovery: Recovery,
    relay: Option<RelayHandle>,
    housekeeping: JoinHandle<()>,
    tending: JoinHandle<()>,
    membership: cluster::Membership,
    exporter: Option<Exporter>,
    first_start: FirstStart,
    /// Released last: until then no other process may use the database.
    lock: InstanceLock,
}

impl Assembled {
    async fn start(
        mut config: Config,
        parts: Parts,
        runtime: tokio::runtime::Handle,
    ) -> Result<Self, StartError> {
        data_dir::prepare(&mut config)?;
        let limits = open_files::limits(&config, open_files::raise_limit());
        // Before the database is used: the most common mistake is a server that runs already.
        let site = web::Data::new(Site::new(&config).map_err(StartError::Pages)?);
        let mut http = http_server::HttpServer::bind(&config, limits, site)?;
        let metrics = config.metrics_listen.map(metrics_listener::bind).transpose()?;
        let incarnation = InstanceId::random();
        let (lock, store) = on(&runtime, database::open(config.clone(), incarnation)).await?;

        let config = Arc::new(config);
        let (listening, clock) = (http.address, Arc::clone(&parts.clock));
        let identity = cluster::Identity { incarnation, listening, clock };
        let mut membership = cluster::Membership::connect(&config, identity, &runtime).await?;
        let instance = config.instance.clone();
        let instance = instance.unwrap_or_else(|| membership.cluster.me().name.to_string());
        let clock = Arc::clone(&parts.clock);
        let (tracer, exporter) = telemetry::start_export(&config, instance, clock, &runtime)
            .map_err(|error| StartError::Machine(error.to_string()))?;
        let state = assemble(&config, &parts, store, (&runtime, tracer), &membership, &http)?;
        let state = web::Data::new(state);
        let many = config.is_cluster();
        if many {
            // Other instances may already exchange hellos with this one; clients are asked to wait.
            http.run(state.clone());
            membership.join(&lock, &runtime).await?;
        }
        let first_start = on(&runtime, first_start::prepare(state.clone().into_inner())).await?;
        let recovery = state.payments.spawn_recovery();
        let relay = destinations::start_relay(&state)?;
        let housekeeping = housekeeping::start(&state);
        let tending = runtime.spawn(WaitingRooms::tend(Arc::downgrade(&state.waiting_rooms)));
        let measured = state.clone();
        let write =
            on(&runtime, async move { Ok(health::time_of_a_write(&measured).await) }).await?;
        state.admission.expect(WRITES_OF_AN_ORDER * write);
        membership.open(&state, &runtime);
        if !many {
            http.run(state.clone());
        }
        let metrics = metrics.map(|bound| bound.run(state.clone())).transpose()?;
        tracing::info!(address = %http.address, "ready");
        Ok(Self {
            state,
            http,
            metrics,
            recovery,
            relay,
            housekeeping,
            tending,
            membership,
            exporter,
            first_start,
            lock,
        })
    }

    async fn stop(self) {
        let Self {
            state, http, metrics, recovery, relay, housekeeping, tending, membership, ..
        } = self;
        let (lock, exporter) = (self.lock, self.exporter);
        housekeeping.abort();
        tending.abort();
        let notice = state.config.time_to_notice();
        let grace = state.config.shutdown_grace + notice;
        tracing::info!("stopping: handing over what is busy, answering what was accepted");
        state.lifecycle.stop();
        let ender = http.ender();
        let orderly = async {
            // No new offering is placed here; requests that still arrive are forwarded while load
            // balancers notice that this instance is not ready any more.
            membership.leave().await;
            let noticed = tokio::time::sleep(notice);
            futures_util::future::join(state.offices.hand_off_all(), noticed).await;
            http.drain(&state.lifecycle).await;
            recovery.stop().await;
            housekeeping::store_views(&state).await;
            if let Some(relay) = relay {
                relay.stop().await;
            }
            state.offices.shutdown().await;
        };
        if tokio::time::timeout(grace, orderly).await.is_err() {
            tracing::warn!(?grace, "not everything was answered in time");
            // What this process owns is given away next: it takes no more requests. Those under way may
            // still be answered, and the journal's fence refuses their writes.
            ender.end().await;
        }
        if let Some(metrics) = metrics {
            metrics.stop().await;
        }
        membership.resign().await;
        drop(state);
        drop(lock);
        if let Some(exporter) = exporter {
            exporter.stop().await;
        }
        tracing::info!("stopped");
    }
}

fn assemble(
    config: &Arc<Config>,
    parts: &Parts,
    store: Store,
    (runtime, tracer): (&tokio::runtime::Handle, Tracer),
    membership: &cluster::Membership,
    http: &http_server::HttpServer,
) -> Result<AppState, StartError> {
    let clock = parts.clock.clone();
    let cluster = Arc::clone(&membership.cluster);
    let me = cluster.me();
    let settings = box_office::Settings {
        instance: me.incarnation,
        address: Arc::clone(&me.address),
        arbiters: config.box_office_threads,
        max_pending: config.max_pending,
        // If few commands may wait, most of that room is still for customers who want to buy.
        reserved_pending: parts.offices.reserved_pending.min(config.max_pending / 4),
        ownership_max_age: match config.is_cluster() {
            true => Duration::ZERO,
            false => parts.offices.ownership_max_age,
        },
        tracer: tracer.clone(),
        ..parts.offices.clone()
    };
    let journal: Arc<dyn Journal> = Arc::new(store.clone());
    let executor = Executor::Threads(runtime.clone());
    let offices = BoxOffices::start_in(cluster.clone(), journal, clock.clone(), settings, executor);
    // Payments run on the runtime in which they are created, and so do the connections of mails.
    let entered = runtime.enter();
    let payments = Payments::new(store.clone(), offices.clone(), clock.clone())
        .with_pace(parts.payments_pace)
        .with_crash_points(parts.crash_points.clone());
    let payments = payment_gateways::offered(payments, config, &store, &clock)?;
    let limits = membership.limits(config.jwt_secret.expose(), &clock);
    let accounts = Accounts::new(store.clone(), clock.clone(), config, runtime.clone());
    let accounts = Arc::new(accounts.with_limits(limits.clone()));
    let codes = TicketCodes::new(config.jwt_secret.expose());
    let venues = Arc::new(Venues::new(store.clone()));
    let offerings = {
        let roles = accounts.roles().clone();
        Offerings::new(store.clone(), offices.clone(), venues.clone(), codes, roles)
    };
    let classes = Classes::new(store.clone(), offices.clone(), accounts.roles().clone())
        .with_crash_points(parts.class_crash_points.clone());
    let forms = Forms::new(store.clone());
    let moderation = Arc::new(Moderation::new(store.clone(), accounts.roles().clone()));
    let articles = Arc::new(Articles::new(store.clone(), moderation.clone()));
    let pictures = Pictures::new(store.clone(), objects(config)?, accounts.roles().clone());
    let entries = config.queue_entries_per_address.filter(|_| config.rate_limits);
    let guard = Guard::new(config.jwt_secret.expose(), entries, clock.clone());
    let waiting_rooms = WaitingRooms::new(
        store.clone(),
        offices.clone(),
        clock.clone(),
        Executor::Threads(runtime.clone()),
        guard,
    );
    let mail = MailerParts {
        store: store.clone(),
        accounts: Arc::clone(&accounts),
        places: offerings.place_names(),
        clock: clock.clone(),
        listening: http.address,
    };
    let mailer = Arc::new(Mailer::new(config, mail).map_err(StartError::Mail)?);
    let reach = if config.allows_private_webhooks() { Reach::Anywhere } else { Reach::Public };
    let webhooks = Webhooks::new(store.clone(), clock.clone(), reach, parts.webhook_timeout);
    let webhooks = webhooks.map_err(|error| StartError::Machine(error.to_string()))?;
    let chat_feed = Arc::clone(&membership.chat_feed);
    let incarnation = cluster.me().incarnation;
    let chat = Chat::start(store.clone(), chat_feed, incarnation, render_chat_frame);
    drop(entered);
    Ok(AppState {
        chat,
        auditor: Auditor::new(store.clone()),
        setlists: Setlists::new(store.clone(), clock.clone(), title_source(config)),
        terms: Terms::new(store.clone()),
        articles,
        moderation,
        likes: Likes::new(store.clone()),
        catalogue: Catalogue::new(store.clone()),
        pictures: Arc::new(pictures),
        store,
        offices,
        payments: Arc::new(payments),
        accounts,
        mailer,
        webhooks: Arc::new(webhooks),
        cluster,
        seal: membership.seal.clone(),
        token_proof: membership.token_proof.clone(),
        clock,
        config: config.clone(),
        runtime: runtime.clone(),
        tracer,
        limits,
        admission: Admission::new(config.latency_target),
        offerings,
        classes,
        forms,
        waiting_rooms,
        venues,
        seat_maps: SeatMaps::default(),
        drawings: Drawings::default(),
        seat_states: SeatStates::default(),
        views_in_use: Arc::default(),
        unsent: Unsent::default(),
        connections: Arc::clone(&http.connections),
        unnamed_proxies: UnnamedProxies::default(),
        lifecycle: Lifecycle::new(),
        pings: Pings::default(),
    })
}

/// Opens the place for pictures. Instances of a cluster share one that is set; without it none is used.
fn objects(config: &Config) -> Result<Option<Objects>, StartError> {
    let setting = &config.objects;
    let place = match (&setting.place, setting.bucket()) {
        (None, _) if config.is_cluster() => return Ok(None),
        (None, _) => ObjectsPlace::Folder(config.data_dir.join("objects")),
        (Some(_), Some((name, prefix))) => {
            let secret = setting.key_secret.as_ref().map(Secret::expose).unwrap_or_default();
            ObjectsPlace::Bucket(Bucket {
                name: name.to_owned(),
                prefix: prefix.to_owned(),
                endpoint: setting.endpoint.clone(),
                region: setting.region.clone().unwrap_or_else(|| "us-east-1".into()),
                key: (setting.key_id.clone().unwrap_or_default(), secret.to_owned()),
            })
        }
        (Some(folder), None) => ObjectsPlace::Folder(folder.into()),
    };
    Objects::open(&place).map(Some).map_err(|error| StartError::Machine(error.to_string()))
}

fn title_source(config: &Config) -> TitleSource {
    match &config.link_titles {
        LinkTitles::Off => TitleSource::Off,
        LinkTitles::On => TitleSource::Public,
        LinkTitles::At(url) => TitleSource::At(url.clone()),
    }
}
