//! The baselines behind HTTP: the same web server, the same check of the token, an answer of the
//! same form. They differ in the way a place is taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use admitone::accounts::Tokens;
use admitone::clock::SystemClock;
use admitone::ids::UserId;
use rand::RngExt;
use sea_orm::sqlx::PgPool;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::generator::hold;
use super::redis_based::{self, Counter};
use super::{EVENTS, PLACES, SECRET, Target, postgres};

const WORKERS: usize = 2;

/// The way a place is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ForUpdate,
    Conditional,
    SkipLocked,
    RedisLock,
    RedisCounter,
    Bare,
}

impl Kind {
    pub const ALL: [Self; 5] =
        [Self::ForUpdate, Self::Conditional, Self::SkipLocked, Self::RedisLock, Self::RedisCounter];

    pub fn name(self) -> &'static str {
        match self {
            Self::ForUpdate => "SELECT … FOR UPDATE",
            Self::Conditional => "one conditional UPDATE",
            Self::SkipLocked => "FOR UPDATE SKIP LOCKED, a row per place",
            Self::RedisLock => "Redis SET NX lock, check and insert",
            Self::RedisCounter => "Redis Lua counter, insert later",
            Self::Bare => "bare actix-web route",
        }
    }

    pub fn says(self) -> &'static str {
        match self {
            Self::ForUpdate => {
                "a transaction of four round trips, the row locked for three of them"
            }
            Self::Conditional => "one statement, the row locked for its commit alone",
            Self::SkipLocked => {
                "one statement; no two wait for a row; of one event of a million places"
            }
            Self::RedisLock => "whoever does not get the lock tries again after a millisecond",
            Self::RedisCounter => {
                "answers before anything is durable: a crash of the process or of Redis loses holds \
                 that were acknowledged, and a counter that is restored from before sells places twice"
            }
            Self::Bare => "parses the body and writes it back: holds nothing, checks nobody",
        }
    }
}

/// The resources of a worker.
struct Backend {
    kind: Kind,
    pool: PgPool,
    redis: Option<redis::aio::MultiplexedConnection>,
    counter: Option<Counter>,
    tokens: Tokens,
}

/// A running baseline.
pub struct Shop {
    kind: Kind,
    address: SocketAddr,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HoldBody {
    lines: Vec<LineBody>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineBody {
    product_id: String,
    quantity: i32,
}

#[derive(Serialize)]
struct Envelope<'a> {
    success: bool,
    data: Held<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Held<'a> {
    id: Uuid,
    event_id: i32,
    lines: &'a [LineBody],
    status: &'static str,
}

impl Shop {
    pub async fn open(kind: Kind, postgres: &str, redis: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let is_locking = kind == Kind::RedisLock;
        let counter = match kind {
            Kind::RedisCounter => Some(Counter::new(redis, postgres::pool(postgres), EVENTS).await),
            _ => None,
        };
        let (postgres, redis) = (postgres.to_owned(), redis.to_owned());
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    let (postgres, redis, counter) =
                        (postgres.clone(), redis.clone(), counter.clone());
                    let app = actix_web::App::new().data_factory(move || {
                        let (pool, redis, counter) =
                            (postgres::pool(&postgres), redis.clone(), counter.clone());
                        async move {
                            let redis = match is_locking {
                                true => Some(redis_based::connect(&redis).await),
                                false => None,
                            };
                            let ttl = Duration::from_secs(3_600);
                            let tokens = Tokens::new(SECRET, ttl, Arc::new(SystemClock::new()));
                            Ok::<_, ()>(Backend { kind, pool, redis, counter, tokens })
                        }
                    });
                    app.route("/events/{event}/holds", web::post().to(place))
                };
                let server = actix_web::HttpServer::new(app).workers(WORKERS).listen(listener);
                server.expect("it listens").run().await.expect("it runs");
            });
        });
        Self { kind, address }
    }

    pub fn target(&self, tokens: &[(UserId, String)]) -> Target {
        // Implementations with a row per place are measured on one event with many places.
        let has_many_events = !matches!(self.kind, Kind::SkipLocked | Kind::Bare);
        let events = if has_many_events { EVENTS } else { 1 };
        let of = |token: &str| -> Vec<Vec<u8>> {
            let one = |event: usize| {
                let path = format!("/events/{event}/holds");
                let body =
                    format!("{{\"lines\":[{{\"productId\":\"p{event:08x}-0\",\"quantity\":1}}]}}");
                hold(self.address, &path, token, &body)
            };
            (1..=events).map(one).collect()
        };
        let requests = tokens.iter().map(|(_, token)| of(token)).collect();
        Target { address: self.address, requests, has_many_events }
    }
}

async fn place(
    backend: web::Data<Backend>,
    path: web::Path<i32>,
    request: HttpRequest,
    body: web::Json<HoldBody>,
) -> HttpResponse {
    let event = path.into_inner();
    if backend.kind == Kind::Bare {
        return HttpResponse::Created().json(body.into_inner());
    }
    let token = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let Ok(access) = backend.tokens.verify(token) else {
        return HttpResponse::Unauthorized().finish();
    };
    let Some(quantity) = body.lines.first().map(|line| line.quantity).filter(|one| *one > 0) else {
        return HttpResponse::UnprocessableEntity().finish();
    };
    let (pool, customer) = (&backend.pool, access.caller.user.0);
    let held = match backend.kind {
        Kind::ForUpdate => postgres::for_update(pool, event, customer, quantity).await,
        Kind::Conditional => postgres::conditional(pool, event, customer, quantity).await,
        Kind::SkipLocked => {
            let most = i32::try_from(PLACES).expect("a million");
            let from = rand::rng().random_range(1..=most / 2);
            postgres::skip_locked(pool, event, customer, from).await
        }
        Kind::RedisLock => {
            let mut redis = backend.redis.clone().expect("it is connected");
            Ok(redis_based::under_lock(&mut redis, pool, event, customer, quantity).await)
        }
        Kind::RedisCounter => {
            let counter = backend.counter.as_ref().expect("there is one");
            Ok(counter.hold(event, customer, quantity).await)
        }
        Kind::Bare => unreachable!("answered above"),
    };
    match held {
        Ok(Some(id)) => {
            let data = Held { id, event_id: event, lines: &body.lines, status: "ACTIVE" };
            HttpResponse::Created().json(Envelope { success: true, data })
        }
        Ok(None) => HttpResponse::Conflict().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}
