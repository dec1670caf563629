//! All settings of the process, typed and checked once at the start. No other code reads the
//! environment.

mod community;
mod keys;
mod load;
mod serving;
mod social;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::network::{ForwardedHeader, Proxies};
pub use community::{LinkTitles, ObjectsConfig};
pub use keys::{Key, check_secret, keys, parse_duration};
pub use load::{ConfigError, DEFAULT_FILE, Sources};
pub use social::{AppleClient, SocialClient, SocialConfig};

/// A value that must not be shown: its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value` to keep it out of logs.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the value itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True if the value is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What becomes of mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailMode {
    /// They are sent.
    Smtp,
    /// The newest are kept in the database, shown at `/dev/mail`, and never leave.
    Keep,
    /// None are made.
    Off,
}

/// All settings. `config/keys.rs` has the names under which they are set, and their help.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the API.
    pub listen: SocketAddr,
    /// Address that Prometheus scrapes; `None` turns metrics off.
    pub metrics_listen: Option<SocketAddr>,
    /// The address noted in the journal, at which other instances reach this one; the listening
    /// address when absent.
    pub advertise: Option<String>,
    /// Directory of the embedded database and the generated secret.
    pub data_dir: PathBuf,
    /// `postgres://…` or `sqlite:…`; empty for the SQLite file of the data directory, see
    /// [`Config::database`].
    pub database_url: Secret,
    /// The Redis that instances share; a process without one is alone.
    pub redis_url: Option<Secret>,
    /// The secret by which instances recognise each other; set with Redis, and only then.
    pub cluster_secret: Option<Secret>,
    /// Name of this instance; its advertised address when absent.
    pub instance: Option<String>,
    /// Its share of the offerings, relative to the others'.
    pub weight: u32,
    /// Time to live of a lease that is not renewed.
    pub lease_ttl: Duration,
    /// How long a stop goes on accepting connections while it is unready, see
    /// [`Config::time_to_notice`].
    pub drain_delay: Option<Duration>,
    /// Signs access tokens and ticket codes; the server generates one when it is empty, which is
    /// allowed with SQLite only.
    pub jwt_secret: Secret,
    /// Log filters in the syntax of `tracing`: `info`, `warn,admitone=debug`.
    pub log: String,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// URL to which spans are sent, with the path; `None` traces nothing.
    pub otlp_endpoint: Option<String>,
    /// Name of this service at the collector.
    pub trace_service: String,
    /// Fraction of requests traced where the caller does not decide: 0 to 1.
    pub trace_sample: f64,
    /// Requests a second that are traced at least, of those whose callers want it.
    pub trace_forced_per_second: u32,
    /// Whether browsers may keep sessions without encryption, on any host.
    pub allow_plain_http: bool,
    /// The address at which people reach the server, without a path.
    pub public_url: Option<String>,
    /// The name of the shop on all pages.
    pub shop_name: String,
    /// The picture beside the name.
    pub shop_logo: Option<PathBuf>,
    /// The main colour of the pages, `#rrggbb`.
    pub shop_color: Option<String>,
    /// How long a page for visitors without cookies is served before it is made anew; zero makes
    /// each anew.
    pub page_lifetime: Duration,
    /// Whether this process delivers messages.
    pub relay: bool,
    /// True for `admitone worker`, which sells nothing; see [`Config::for_worker`].
    pub is_worker: bool,
    /// Whether a demo event is made on an empty store; see [`Config::has_demo`].
    pub demo: Option<bool>,
    /// The time zone of events that have none of their own, an IANA name.
    pub time_zone: String,
    /// Whether payments by the simulator are accepted; by default as `demo`, see [`Config::allows_demo_payments`].
    pub demo_payments: Option<bool>,
    /// Whether payments by bank transfer or at the till are accepted.
    pub payment_manual: bool,
    /// How long such a payment may take.
    pub payment_manual_deadline: Duration,
    /// Pages to which gateways may send customers back, besides those of `public_url`.
    pub payment_return_urls: Vec<String>,
    /// The key by which this server is an account of Stripe's; `None` offers no payments by it.
    pub stripe_secret_key: Option<Secret>,
    /// The secret that signs Stripe's notifications.
    pub stripe_webhook_secret: Option<Secret>,
    /// Where Stripe is.
    pub stripe_url: String,
    /// Whether customers may put money into their own wallets, see [`Config::allows_self_charge`].
    pub wallet_self_charge: Option<bool>,
    /// Whether webhooks may be sent to addresses that are not public, see
    /// [`Config::allows_private_webhooks`].
    pub webhook_allow_private: Option<bool>,
    /// What becomes of mails, where it is said; see [`Config::mail_mode`].
    pub mail: Option<MailMode>,
    /// The mail server with its login.
    pub smtp_url: Option<Secret>,
    /// The sender of mails, with or without a name.
    pub mail_from: Option<String>,
    /// The e-mail address of the first administrator.
    pub admin_email: String,
    /// The first administrator's password; generated when absent.
    pub admin_password: Option<Secret>,
    /// Threads that parse and answer HTTP.
    pub workers: usize,
    /// Threads that run box offices.
    pub box_office_threads: usize,
    /// Connections to Postgres; each box office thread gets at least one of its own for appends.
    pub database_pool: u32,
    /// The most commands of one event that may wait at a time.
    pub max_pending: usize,
    /// The mean time of orders above which new claims are refused; `None` refuses none for it.
    pub latency_target: Option<Duration>,
    /// How long an append may take before its outcome counts as unknown.
    pub append_timeout: Duration,
    /// The life of an access token.
    pub access_token_ttl: Duration,
    /// The most places of one customer at an event that names no limit of its own.
    pub max_per_customer: Option<u32>,
    /// The life of a refresh token.
    pub refresh_token_ttl: Duration,
    /// How long the log of administrative acts is kept.
    pub audit_log_kept: Duration,
    /// Passwords hashed at a time; each takes 19 MiB.
    pub password_hashers: usize,
    /// Whether requests are limited.
    pub rate_limits: bool,
    /// The proxies whose word about a client's address counts; `None` if nothing is said about them.
    pub trusted_proxies: Option<Proxies>,
    /// The header in which they say where a client is.
    pub forwarded_header: ForwardedHeader,
    /// The registrations with providers of identities.
    pub social: SocialConfig,
    /// Where titles of links to music services are asked for.
    pub link_titles: LinkTitles,
    /// Where pictures are kept.
    pub objects: ObjectsConfig,
    /// Origins whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// The longest a request may take; streams last longer, but must begin within it.
    pub request_timeout: Duration,
    /// The longest that a client may take to receive 64 KB of a waiting answer.
    pub write_timeout: Duration,
    /// Connections that may be open; `None` for as many as the limit of open files leaves room for.
    pub max_connections: Option<usize>,
    /// Connections from one network address; `None` for half of all.
    pub connections_per_address: Option<usize>,
    /// Streams that may be open; `None` for three quarters of the connections.
    pub max_streams: Option<usize>,
    /// Streams from one network address; `None` for half of all.
    pub streams_per_address: Option<usize>,
    /// Customers of one network address who may enter a waiting room in a minute; `None` for no bound.
    pub queue_entries_per_address: Option<u32>,
    /// How long a stop waits for pending answers.
    pub shutdown_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            metrics_listen: Some((Ipv4Addr::LOCALHOST, 9464).into()),
            advertise: None,
            data_dir: PathBuf::from("data"),
            database_url: Secret::new(""),
            redis_url: None,
            cluster_secret: None,
            instance: None,
            weight: 1,
            lease_ttl: Duration::from_secs(10),
            drain_delay: None,
            jwt_secret: Secret::new(""),
            log: "info".into(),
            log_format: LogFormat::Text,
            otlp_endpoint: None,
            trace_service: "admitone".into(),
            trace_sample: 0.01,
            trace_forced_per_second: 100,
            allow_plain_http: false,
            public_url: None,
            shop_name: "Admit One".into(),
            shop_logo: None,
            shop_color: None,
            page_lifetime: Duration::from_millis(250),
            relay: true,
            is_worker: false,
            demo: None,
            time_zone: "UTC".into(),
            demo_payments: None,
            payment_manual: false,
            payment_manual_deadline: Duration::from_secs(3 * 86_400),
            payment_return_urls: Vec::new(),
            stripe_secret_key: None,
            stripe_webhook_secret: None,
            stripe_url: "https://api.stripe.com".into(),
            wallet_self_charge: None,
            webhook_allow_private: None,
            mail: None,
            smtp_url: None,
            mail_from: None,
            admin_email: "admin@admitone.local".into(),
            admin_password: None,
            workers: cores,
            box_office_threads: cores.div_ceil(2),
            database_pool: 16,
            max_pending: 16_384,
            latency_target: Some(Duration::from_millis(15)),
            append_timeout: Duration::from_secs(5),
            max_per_customer: Some(10),
            access_token_ttl: Duration::from_secs(24 * 3_600),
            refresh_token_ttl: Duration::from_secs(7 * 24 * 3_600),
            audit_log_kept: Duration::from_secs(400 * 24 * 3_600),
            password_hashers: cores,
            rate_limits: true,
            trusted_proxies: None,
            forwarded_header: ForwardedHeader::default(),
            social: Default::default(),
            link_titles: Default::default(),
            objects: Default::default(),
            cors_origins: Vec::new(),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            max_connections: None,
            connections_per_address: None,
            max_streams: None,
            streams_per_address: None,
            queue_entries_per_address: Some(3_000),
            shutdown_grace: Duration::from_secs(20),
        }
    }
}

impl Config {
    /// True if the database is Postgres.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.database_url.expose().starts_with("postgres")
    }

    /// True if a demo event is made on an empty store: by default not on Postgres, where shops sell.
    #[must_use]
    pub fn has_demo(&self) -> bool {
        self.demo.unwrap_or(!self.is_postgres())
    }

    /// True if customers may put money into their own wallets, which no payment covers. By default
    /// only in a demonstration on the embedded database.
    #[must_use]
    pub fn allows_self_charge(&self) -> bool {
        self.wallet_self_charge.unwrap_or(self.has_demo() && self.database_url.is_empty())
    }

    /// True if the simulator exists, by which tickets cost nothing: if it or the demo was turned on, and
    /// without any setting only on the embedded database.
    #[must_use]
    pub fn allows_demo_payments(&self) -> bool {
        self.demo_payments.or(self.demo).unwrap_or(self.database_url.is_empty())
    }

    /// True if webhooks may be sent to addresses that are not public. By default only in a
    /// demonstration on the embedded database.
    #[must_use]
    pub fn allows_private_webhooks(&self) -> bool {
        self.webhook_allow_private.unwrap_or(self.has_demo() && self.database_url.is_empty())
    }

    /// Returns what becomes of mails. Without a word about it they are sent if there is a mail server,
    /// kept on SQLite, and not made on Postgres, where [`Config::check_serving`] demands a word.
    #[must_use]
    pub fn mail_mode(&self) -> MailMode {
        match (self.mail, &self.smtp_url) {
            (Some(mode), _) => mode,
            (None, Some(_)) => MailMode::Smtp,
            (None, None) if self.is_postgres() => MailMode::Off,
            (None, None) => MailMode::Keep,
        }
    }

    /// True if this process is one of several that share a database.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        self.redis_url.is_some()
    }

    /// Returns the proxies whose word about a client's address counts.
    #[must_use]
    pub fn proxies(&self) -> &Proxies {
        self.trusted_proxies.as_ref().unwrap_or(Proxies::NONE)
    }

    /// Returns these settings for a process that works for the instances: it relays in any case, since
    /// they leave that to it, no event is placed on it, and no load balancer needs to notice its stop.
    #[must_use]
    pub fn for_worker(self) -> Self {
        let drain_delay = Some(Duration::ZERO);
        // It makes no demo event, and ends the payments that instances with the same settings began.
        let (demo, demo_payments) = (Some(false), Some(self.allows_demo_payments()));
        Self { is_worker: true, relay: true, demo, demo_payments, weight: 0, drain_delay, ..self }
    }

    /// Returns how long a stop waits, unready, for load balancers to notice before it accepts no more
    /// connections. For a process that is alone, no other instance could take its place.
    #[must_use]
    pub fn time_to_notice(&self) -> Duration {
        let default = Duration::from_secs(if self.is_cluster() { 2 } else { 0 });
        self.drain_delay.unwrap_or(default)
    }

    /// Returns the database's URL, that of the embedded one if none is set.
    #[must_use]
    pub fn database(&self) -> Secret {
        if self.database_url.is_empty() {
            let file = self.data_dir.join("admitone.db").display().to_string();
            // The name of a directory may contain characters with a meaning in a URL.
            let file = file.replace('%', "%25").replace('?', "%3F");
            return Secret::new(format!("sqlite://{file}"));
        }
        self.database_url.clone()
    }
}
