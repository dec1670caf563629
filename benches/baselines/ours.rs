//! Admit One: the program itself, in a process of its own, on the same Postgres.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use admitone::accounts::{Caller, Role, Tokens};
use admitone::clock::SystemClock;
use admitone::ids::{OfferingId, ProductId, UserId};
use admitone::inventory::{Definition, Policy, ProductDefinition, SaleState, SaleWindow};
use admitone::store::{EventDetails, NewEvent, NewUser, Options, Store};

use super::generator::hold;
use super::{EVENTS, SECRET, Target};

/// A running server with events on sale.
pub struct Server {
    address: SocketAddr,
    child: Child,
    events: Vec<OfferingId>,
    directory: tempfile::TempDir,
}

/// A customer and an access token, valid here and at the baselines.
pub fn token() -> (UserId, String) {
    let tokens = Tokens::new(SECRET, Duration::from_secs(3_600), Arc::new(SystemClock::new()));
    let user = UserId::random();
    (user, tokens.issue(Caller::account(user, Role::User)).expect("HMAC does not fail"))
}

impl Server {
    pub async fn start(postgres: &str, buyers: &[(UserId, String)]) -> Self {
        let store = Store::connect(&Options::new(postgres.to_owned())).await;
        let store = store.expect("Postgres answers");
        store.migrate().await.expect("the schema can be made");
        for (id, _) in buyers {
            let new = NewUser {
                id: *id,
                email: format!("{id}@bench.invalid"),
                password_hash: String::new(),
                name: "bench".into(),
                phone_number: None,
                role: Role::User,
            };
            store.user_create(new, None, 0).await.expect("the account is made");
        }
        let mut events = Vec::with_capacity(EVENTS);
        for _ in 0..EVENTS {
            let new = event();
            store.event_create(&new, None, 0).await.expect("the event is made");
            events.push(new.id);
        }
        drop(store);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let directory = tempfile::tempdir().expect("a directory");
        let log = std::fs::File::create(directory.path().join("log")).expect("a file");
        let child = Command::new(stampede::server_program())
            .current_dir(directory.path())
            .env("DATABASE_URL", postgres)
            .env("ADMITONE_MAIL", "off")
            .env("ADMITONE_RATE_LIMITS", "off")
            .env_remove("REDIS_URL")
            .env_remove("ADMITONE_BENCH_POSTGRES_URL")
            .env_remove("ADMITONE_BENCH_REDIS_URL")
            .env("ADMITONE_LISTEN", address.to_string())
            .env("ADMITONE_METRICS_LISTEN", "off")
            .env("ADMITONE_JWT_SECRET", SECRET)
            .env("ADMITONE_DEMO", "false")
            // A closed loop measures the full capacity: no request may be turned away.
            .env("ADMITONE_LATENCY_TARGET", "off")
            .env("ADMITONE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let server = Self { address, child, events, directory };
        server.until_ready().await;
        server
    }

    async fn until_ready(&self) {
        // Clients look for it. An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        for _ in 0..600 {
            let ready = reqwest::get(format!("http://{}/health/ready", self.address)).await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.directory.path().join("log"));
        panic!("the server did not become ready: {}", log.unwrap_or_default());
    }

    pub fn target(&self, tokens: &[(UserId, String)]) -> Target {
        let of = |token: &str| -> Vec<Vec<u8>> {
            let one = |event: &OfferingId| {
                let path = format!("/api/events/{event}/holds");
                let product = ProductId(0).to_public(*event);
                let body =
                    format!("{{\"lines\":[{{\"productId\":\"{product}\",\"quantity\":1}}]}}");
                hold(self.address, &path, token, &body)
            };
            self.events.iter().map(one).collect()
        };
        let requests = tokens.iter().map(|(_, token)| of(token)).collect();
        Target { address: self.address, requests, has_many_events: true }
    }

    pub fn stop(mut self) {
        self.child.kill().expect("our own process");
        self.child.wait().expect("it ends");
    }
}

fn event() -> NewEvent {
    let product = ProductDefinition {
        price: 50_000,
        capacity: Some(9_000_000),
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    NewEvent {
        id: OfferingId::new(),
        details: EventDetails {
            name: "bench".into(),
            description: String::new(),
            venue: String::new(),
            event_date: 0,
        },
        products: vec![("standing".into(), String::new())],
        definition: Definition {
            currency: *b"KRW",
            products: vec![product],
            sections: Vec::new(),
            policy: Policy::default(),
            sale: SaleWindow::default(),
            sale_state: SaleState::Open,
        },
        terms: admitone::store::Terms::default(),
        further: Vec::new(),
        plan: None,
        time_zone: None,
        class: None,
        created_by: UserId::random(),
    }
}
