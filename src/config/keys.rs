//! The table of all keys: the name, meaning and parser of each setting. Flags, environment, file,
//! help and error messages are all made from it.

#[macro_use]
mod key;
mod community;
mod social;
mod values;

use std::time::Duration;

use super::{LogFormat, Secret};
use crate::payments::ReturnUrls;
use values::{
    address, boolean, collector, color, database_url, duration, instance_name, log_filter,
    mail_from, mail_mode, number, origin, origins, ratio, redis_url, smtp_url, text, time_zone,
    word,
};

pub use key::Key;
pub use values::{check_secret, parse_duration};

/// Parses a limit, or `off`.
fn number_or_off(text: &str) -> Result<usize, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(usize::MAX);
    }
    number(text, 1, 1_048_576).map_err(|why| format!("{why}, or off"))
}

fn entries_or_off(text: &str) -> Result<Option<u32>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    number(text, 1, 1_000_000).map(Some).map_err(|why| format!("{why}, or off"))
}

/// All settings.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    GENERAL.iter().chain(social::SOCIAL).chain(community::COMMUNITY)
}

const GENERAL: &[Key] = &[
    key!(
        "listen",
        "ADMITONE_LISTEN",
        "HOST:PORT",
        "Where the API listens [127.0.0.1:8080]",
        |c, v| { address(v).map(|v| c.listen = v) }
    ),
    key!(
        "metrics_listen",
        "ADMITONE_METRICS_LISTEN",
        "HOST:PORT",
        "Where Prometheus scrapes, or off [127.0.0.1:9464]",
        |c, v| {
            if v.eq_ignore_ascii_case("off") {
                c.metrics_listen = None;
                return Ok(());
            }
            address(v).map(|v| c.metrics_listen = Some(v))
        }
    ),
    key!(
        "advertise",
        "ADMITONE_ADVERTISE",
        "HOST:PORT",
        "The address at which other instances reach this one, noted in the journal [the address it \
         listens on]",
        |c, v| text(v, 255).map(|v| c.advertise = Some(v))
    ),
    key!(
        "data_dir",
        "ADMITONE_DATA_DIR",
        "DIR",
        "Where the embedded database and the generated secret live [./data]",
        |c, v| text(v, 4_096).map(|v| c.data_dir = v.into())
    ),
    key!(
        "database_url",
        "DATABASE_URL",
        "URL",
        "postgres://user:password@host/database or sqlite://path [SQLite in the data directory]",
        |c, v| database_url(v).map(|v| c.database_url = v)
    ),
    key!(
        "redis_url",
        "REDIS_URL",
        "URL",
        "Has several instances share the work: the same Redis, Postgres and secrets for each. \
         redis://:password@host:port/number or unix:///path [unset: one instance]",
        |c, v| redis_url(v).map(|v| c.redis_url = Some(v))
    ),
    key!(secret
        "cluster_secret",
        "ADMITONE_CLUSTER_SECRET",
        "SECRET",
        "By which instances know each other, the same for all; for example from `openssl rand -hex \
         32` [required with REDIS_URL]",
        |c, v| {
            check_secret(v)?;
            c.cluster_secret = Some(Secret::new(v));
            Ok(())
        }
    ),
    key!(
        "instance",
        "ADMITONE_INSTANCE",
        "NAME",
        "What this instance is called among several; no two that run may share a name [the \
         advertised address]",
        |c, v| instance_name(v).map(|v| c.instance = Some(v))
    ),
    key!(
        "weight",
        "ADMITONE_WEIGHT",
        "N",
        "This instance's share of the events, relative to the others', 0 to 1000; with 0 it gets \
         only what is moved to it [1]",
        |c, v| number(v, 0, 1_000).map(|v| c.weight = v)
    ),
    key!(
        "lease_ttl",
        "ADMITONE_LEASE_TTL",
        "DURATION",
        "How long an instance that fell silent is waited for before others take over, 500ms to 60s; \
         the same for all [10s]",
        |c, v| duration(v, "500ms", "60s").map(|v| c.lease_ttl = v)
    ),
    key!(
        "drain_delay",
        "ADMITONE_DRAIN_DELAY",
        "DURATION",
        "How long a stop goes on accepting connections, unready, so that load balancers notice, 0s \
         to 5m [2s with REDIS_URL, otherwise 0s]",
        |c, v| duration(v, "0s", "5m").map(|v| c.drain_delay = Some(v))
    ),
    key!(secret
        "jwt_secret",
        "ADMITONE_JWT_SECRET",
        "SECRET",
        "Signs access tokens and ticket codes; 32 bytes or more, for example from `openssl rand -hex \
         32` [generated into the data directory with SQLite; required with Postgres]",
        |c, v| {
            check_secret(v)?;
            c.jwt_secret = Secret::new(v);
            Ok(())
        }
    ),
    key!(
        "log",
        "ADMITONE_LOG",
        "FILTER",
        "What is logged: off, error, warn, info, debug, trace, or by module, such as \
         info,admitone::access=debug [info]",
        |c, v| log_filter(v).map(|v| c.log = v)
    ),
    key!(
        "log_format",
        "ADMITONE_LOG_FORMAT",
        "text|json",
        "How log lines are written, to standard error [text]",
        |c, v| {
            c.log_format = match v {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err("is neither text nor json".into()),
            };
            Ok(())
        }
    ),
    key!(
        "otlp_endpoint",
        "ADMITONE_OTLP_ENDPOINT",
        "URL",
        "The collector that traces are sent to, by OTLP over HTTP, such as http://127.0.0.1:4318 \
         [unset: nothing is traced]",
        |c, v| collector(v).map(|v| c.otlp_endpoint = Some(v))
    ),
    key!(
        "trace_sample",
        "ADMITONE_TRACE_SAMPLE",
        "RATIO",
        "Which part of the requests is traced, 0 to 1, where the caller's traceparent does not say \
         [0.01]",
        |c, v| ratio(v).map(|v| c.trace_sample = v)
    ),
    key!(
        "trace_forced_per_second",
        "ADMITONE_TRACE_FORCED_PER_SECOND",
        "N",
        "How many requests a second are traced because the caller's traceparent says so; for those \
         beyond, ADMITONE_TRACE_SAMPLE decides [100]",
        |c, v| number(v, 0, 1_000_000).map(|v| c.trace_forced_per_second = v)
    ),
    key!(
        "trace_service",
        "ADMITONE_TRACE_SERVICE",
        "NAME",
        "The service.name of traces; their service.instance.id is the instance's name [admitone]",
        |c, v| text(v, 255).map(|v| c.trace_service = v)
    ),
    key!(
        "allow_plain_http",
        "ADMITONE_ALLOW_PLAIN_HTTP",
        "true|false",
        "Let browsers sign in over http:// on hosts other than localhost, with cookies that are not \
         protected by encryption: for tests in a trusted network [false]",
        |c, v| boolean(v).map(|v| c.allow_plain_http = v)
    ),
    key!(
        "public_url",
        "ADMITONE_PUBLIC_URL",
        "URL",
        "The address at which people reach the server, such as https://tickets.example.com, for \
         links in mails, and for pages where a proxy changes the host that requests name [the host of \
         each request; in mails the listening address]",
        |c, v| origin(v).map(|v| c.public_url = Some(v))
    ),
    key!(
        "shop_name",
        "ADMITONE_SHOP_NAME",
        "TEXT",
        "The name of the shop on all pages [Admit One]",
        |c, v| text(v, 60).map(|v| c.shop_name = v)
    ),
    key!(
        "shop_logo",
        "ADMITONE_SHOP_LOGO",
        "FILE",
        "The picture beside the shop's name: .svg, .png or .webp, at most 512 KiB [unset: none]",
        |c, v| text(v, 4_096).map(|v| c.shop_logo = Some(v.into()))
    ),
    key!(
        "shop_color",
        "ADMITONE_SHOP_COLOR",
        "#RRGGBB",
        "The main colour of the pages, of buttons and links [unset: the one of admitone.css]",
        |c, v| color(v).map(|v| c.shop_color = Some(v))
    ),
    key!(
        "page_lifetime",
        "ADMITONE_PAGE_LIFETIME",
        "DURATION",
        "How long a start or event page for visitors without cookies is served from memory, 10ms to \
         5s, or off: what it says is as old [250ms]",
        |c, v| {
            if v.eq_ignore_ascii_case("off") {
                c.page_lifetime = Duration::ZERO;
                return Ok(());
            }
            let lifetime = duration(v, "10ms", "5s").map_err(|why| format!("{why}, or off"));
            lifetime.map(|v| c.page_lifetime = v)
        }
    ),
    key!(
        "relay",
        "ADMITONE_RELAY",
        "true|false",
        "Whether this process delivers messages: mail, webhooks, the event stream [true]",
        |c, v| boolean(v).map(|v| c.relay = v)
    ),
    key!(
        "demo",
        "ADMITONE_DEMO",
        "true|false",
        "Make a demo event on an empty store, and accept payments by the simulator, which move no money \
         [true on the embedded database, false on Postgres]",
        |c, v| boolean(v).map(|v| c.demo = Some(v))
    ),
    key!(
        "payment_simulator",
        "ADMITONE_PAYMENT_SIMULATOR",
        "true|false",
        "Accept payments by the simulator, which move no money: for demonstrations and load tests [as \
         ADMITONE_DEMO]",
        |c, v| boolean(v).map(|v| c.demo_payments = Some(v))
    ),
    key!(
        "payment_manual",
        "ADMITONE_PAYMENT_MANUAL",
        "true|false",
        "Accept payments by bank transfer or at the till, which an administrator marks as paid [false]",
        |c, v| boolean(v).map(|v| c.payment_manual = v)
    ),
    key!(
        "payment_manual_deadline",
        "ADMITONE_PAYMENT_MANUAL_DEADLINE",
        "DURATION",
        "How long such a payment is waited for, 1m to 7d [3d]",
        |c, v| duration(v, "1m", "7d").map(|v| c.payment_manual_deadline = v)
    ),
    key!(
        "payment_return_urls",
        "ADMITONE_PAYMENT_RETURN_URLS",
        "URL,…",
        "Pages to which a gateway may send customers back, each with all below it [those of \
         ADMITONE_PUBLIC_URL]",
        |c, v| {
            ReturnUrls::parse(v.split(','))?;
            c.payment_return_urls = v.split(',').map(|url| url.trim().to_owned()).collect();
            Ok(())
        }
    ),
    key!(secret
        "stripe_secret_key",
        "ADMITONE_STRIPE_SECRET_KEY",
        "SECRET",
        "Accept payments by Stripe, with this key of an account there, sk_… [no payments by Stripe]",
        |c, v| word(v).map(|v| c.stripe_secret_key = Some(v))
    ),
    key!(secret
        "stripe_webhook_secret",
        "ADMITONE_STRIPE_WEBHOOK_SECRET",
        "SECRET",
        "The signing secret of Stripe's endpoint for https://…/api/webhooks/stripe, whsec_… [no \
         notifications: payments are looked at instead]",
        |c, v| word(v).map(|v| c.stripe_webhook_secret = Some(v))
    ),
    key!(
        "stripe_url",
        "ADMITONE_STRIPE_URL",
        "URL",
        "Where Stripe is [https://api.stripe.com]",
        |c, v| origin(v).map(|v| c.stripe_url = v)
    ),
    key!(
        "time_zone",
        "ADMITONE_TIME_ZONE",
        "ZONE",
        "The time zone of events that have none of their own, a name of the IANA database [UTC]",
        |c, v| time_zone(v).map(|v| c.time_zone = v)
    ),
    key!(
        "wallet_self_charge",
        "ADMITONE_WALLET_SELF_CHARGE",
        "true|false",
        "Let customers put money into their own wallets, which nothing pays for: for demonstrations and \
         load tests [true with the demo event on the embedded database, otherwise false]",
        |c, v| boolean(v).map(|v| c.wallet_self_charge = Some(v))
    ),
    key!(secret
        "smtp_url",
        "ADMITONE_SMTP_URL",
        "URL",
        "The mail server: smtps://USER:PASSWORD@HOST, or smtp://HOST:PORT?tls=required, opportunistic or \
         none; without tls=, required except on this machine [unset]",
        |c, v| smtp_url(v).map(|v| c.smtp_url = Some(v))
    ),
    key!(
        "mail_from",
        "ADMITONE_MAIL_FROM",
        "ADDRESS",
        "The sender of mails, such as tickets@example.com or Tickets <tickets@example.com> [required with \
         ADMITONE_SMTP_URL]",
        |c, v| mail_from(v).map(|v| c.mail_from = Some(v))
    ),
    key!(
        "mail",
        "ADMITONE_MAIL",
        "smtp|keep|off",
        "What becomes of mails: sent, kept in the database and shown at /dev/mail, or not made [smtp with \
         ADMITONE_SMTP_URL, keep on SQLite; with Postgres it must be set]",
        |c, v| mail_mode(v).map(|v| c.mail = Some(v))
    ),
    key!(
        "webhook_allow_private",
        "ADMITONE_WEBHOOK_ALLOW_PRIVATE",
        "true|false",
        "Let webhooks go to loopback, private and reserved addresses, so to the machines around this one \
         [true with the demo event on the embedded database, otherwise false]",
        |c, v| boolean(v).map(|v| c.webhook_allow_private = Some(v))
    ),
    key!(
        "admin_email",
        "ADMITONE_ADMIN_EMAIL",
        "EMAIL",
        "The first administrator, made on an empty store [admin@admitone.local]",
        |c, v| { crate::accounts::normalise_email(v).map(|v| c.admin_email = v) }
    ),
    key!(secret
        "admin_password",
        "ADMITONE_ADMIN_PASSWORD",
        "PASSWORD",
        "Its password, 8 to 128 characters [generated and printed once]",
        |c, v| {
            crate::accounts::check_password(v)?;
            c.admin_password = Some(Secret::new(v));
            Ok(())
        }
    ),
    key!("workers", "ADMITONE_WORKERS", "N", "HTTP threads [one per core]", |c, v| {
        // The HTTP server supports no more workers.
        number(v, 1, 512).map(|v| c.workers = v)
    }),
    key!(
        "box_office_threads",
        "ADMITONE_BOX_OFFICE_THREADS",
        "N",
        "Threads that events live on [half the cores]",
        |c, v| number(v, 1, 1_024).map(|v| c.box_office_threads = v)
    ),
    key!(
        "database_pool",
        "ADMITONE_DATABASE_POOL",
        "N",
        "Connections to Postgres; each event thread gets at least one [16]",
        |c, v| number(v, 2, 1_000).map(|v| c.database_pool = v)
    ),
    key!(
        "max_pending",
        "ADMITONE_MAX_PENDING",
        "N",
        "Commands of one event that may wait; more are answered 503 at once [16384]",
        |c, v| number(v, 64, 1_048_576).map(|v| c.max_pending = v)
    ),
    key!(
        "latency_target",
        "ADMITONE_LATENCY_TARGET",
        "DURATION",
        "The mean time that holds, reservations and payments may take; while they take longer, new \
         holds are refused at once, 503 with Retry-After. 1ms to 10s, or off. Where a lone order \
         takes long by itself, four times that counts instead [15ms]",
        |c, v| {
            if v.eq_ignore_ascii_case("off") {
                c.latency_target = None;
                return Ok(());
            }
            let target = duration(v, "1ms", "10s").map_err(|why| format!("{why}, or off"));
            target.map(|v| c.latency_target = Some(v))
        }
    ),
    key!(
        "append_timeout",
        "ADMITONE_APPEND_TIMEOUT",
        "DURATION",
        "How long the database may take to keep a batch before its outcome counts as unknown [5s]",
        |c, v| duration(v, "100ms", "60s").map(|v| c.append_timeout = v)
    ),
    key!(
        "max_per_customer",
        "ADMITONE_MAX_PER_CUSTOMER",
        "N",
        "The most places of one customer at an event that names no limit when it is made, 1 to \
         1000000, or off [10]",
        |c, v| entries_or_off(v).map(|v| c.max_per_customer = v)
    ),
    key!(
        "access_token_ttl",
        "ADMITONE_ACCESS_TOKEN_TTL",
        "DURATION",
        "Life of an access token, 1m to 24h; it ends before with its session, within 2 s on every \
         instance [24h]",
        |c, v| duration(v, "1m", "24h").map(|v| c.access_token_ttl = v)
    ),
    key!(
        "refresh_token_ttl",
        "ADMITONE_REFRESH_TOKEN_TTL",
        "DURATION",
        "Life of a refresh token, 1h to 90d [7d]",
        |c, v| duration(v, "1h", "90d").map(|v| c.refresh_token_ttl = v)
    ),
    key!(
        "audit_log_kept",
        "ADMITONE_AUDIT_LOG_KEPT",
        "DURATION",
        "How long administrative acts stay in the audit log, 1d to 3650d [400d]",
        |c, v| duration(v, "1d", "3650d").map(|v| c.audit_log_kept = v)
    ),
    key!(
        "password_hashers",
        "ADMITONE_PASSWORD_HASHERS",
        "N",
        "Passwords hashed at a time, 19 MiB each [one per core]",
        |c, v| number(v, 1, 256).map(|v| c.password_hashers = v)
    ),
    key!(
        "rate_limits",
        "ADMITONE_RATE_LIMITS",
        "on|off",
        "Limit the requests of a person and of a network address; off for load tests [on]",
        |c, v| boolean(v).map(|v| c.rate_limits = v)
    ),
    key!(
        "trusted_proxies",
        "ADMITONE_TRUSTED_PROXIES",
        "NETWORK,…",
        "The load balancers and proxies in front, whose X-Forwarded-For (or Forwarded) says where a client \
         is: networks and addresses such as 10.0.0.0/8,::1, or none [none; with REDIS_URL it must be \
         set]",
        |c, v| v.parse().map(|v| c.trusted_proxies = Some(v))
    ),
    key!(
        "forwarded_header",
        "ADMITONE_FORWARDED_HEADER",
        "x-forwarded-for|forwarded",
        "The header in which the trusted proxies say where a client is; the other one is not read \
         [x-forwarded-for]",
        |c, v| v.parse().map(|v| c.forwarded_header = v)
    ),
    key!(
        "cors_origins",
        "ADMITONE_CORS_ORIGINS",
        "ORIGIN,…",
        "Web pages of these origins may call the API, such as https://tickets.example [none]",
        |c, v| origins(v).map(|v| c.cors_origins = v)
    ),
    key!(
        "request_timeout",
        "ADMITONE_REQUEST_TIMEOUT",
        "DURATION",
        "After which a request is answered 503, its body included, 1s to 10m [30s]",
        |c, v| duration(v, "1s", "10m").map(|v| c.request_timeout = v)
    ),
    key!(
        "write_timeout",
        "ADMITONE_WRITE_TIMEOUT",
        "DURATION",
        "A client that takes less than 64 KB of its answer in so long is disconnected, 1s to 10m [30s]",
        |c, v| duration(v, "1s", "10m").map(|v| c.write_timeout = v)
    ),
    key!(
        "max_connections",
        "ADMITONE_MAX_CONNECTIONS",
        "N",
        "Connections that may be open; beyond, idle ones, slow requests, the oldest streams and long \
         answers are ended in this order [what the limit of open files leaves room for, and never more; \
         65536 where nobody sets it]",
        |c, v| number(v, 16, 1_048_576).map(|v| c.max_connections = Some(v))
    ),
    key!(
        "connections_per_address",
        "ADMITONE_CONNECTIONS_PER_ADDRESS",
        "N",
        "The same of one network address, a /64 of IPv6; loopback and trusted proxies have no \
         limit; off for none [half of ADMITONE_MAX_CONNECTIONS]",
        |c, v| number_or_off(v).map(|v| c.connections_per_address = Some(v))
    ),
    key!(
        "max_streams",
        "ADMITONE_MAX_STREAMS",
        "N",
        "Event streams that may be open; more are answered 503 with Retry-After [three quarters of \
         ADMITONE_MAX_CONNECTIONS]",
        |c, v| number(v, 0, 1_048_576).map(|v| c.max_streams = Some(v))
    ),
    key!(
        "streams_per_address",
        "ADMITONE_STREAMS_PER_ADDRESS",
        "N",
        "The same of one network address, as for connections, or off [half of ADMITONE_MAX_STREAMS]",
        |c, v| number_or_off(v).map(|v| c.streams_per_address = Some(v))
    ),
    key!(
        "queue_entries_per_address",
        "ADMITONE_QUEUE_ENTRIES_PER_ADDRESS",
        "N",
        "Customers of one network address who may enter a waiting room in a minute, two thirds of them \
         at once; more are answered 429; off for no bound [3000]",
        |c, v| entries_or_off(v).map(|v| c.queue_entries_per_address = v)
    ),
    key!(
        "shutdown_grace",
        "ADMITONE_SHUTDOWN_GRACE",
        "DURATION",
        "How long a stop waits for answers under way, 1s to 10m [20s]",
        |c, v| duration(v, "1s", "10m").map(|v| c.shutdown_grace = v)
    ),
];
