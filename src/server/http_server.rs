//! The API's listener and workers.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web;

use super::StartError;
use crate::config::Config;
use crate::http;
use crate::http::lifecycle::Lifecycle;
use crate::http::state::AppState;

/// Above what load balancers keep connections for (60 s), so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A client that takes longer to send a request's head is not served.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Thousands connect in the same second when a sale opens.
const BACKLOG: u32 = 4_096;

/// Bound from the start, answering once it runs.
pub(super) struct HttpServer {
    /// Where it listens.
    pub(super) address: SocketAddr,
    state: Arc<OnceLock<web::Data<AppState>>>,
    waiting: Option<Start>,
    handle: Option<ServerHandle>,
}

type Start = Box<dyn FnOnce() -> ServerHandle>;

impl HttpServer {
    /// Takes the address: clients can connect, and wait.
    pub(super) fn bind(config: &Config) -> Result<Self, StartError> {
        let state: Arc<OnceLock<web::Data<AppState>>> = Arc::default();
        let later = state.clone();
        let server = actix_web::HttpServer::new(move || {
            http::app(later.get().expect("it runs only after the state is set").clone())
        })
        .workers(config.workers)
        .backlog(BACKLOG)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .tcp_nodelay(true)
        .shutdown_timeout(config.shutdown_grace.as_secs().max(1))
        .disable_signals()
        .bind(config.listen)
        .map_err(|error| cannot_listen("ADMITONE_LISTEN", config.listen, &error))?;
        let address = server.addrs().first().copied().unwrap_or(config.listen);
        let start: Start = Box::new(move || {
            let server = server.run();
            let handle = server.handle();
            actix_web::rt::spawn(server);
            handle
        });
        Ok(Self { address, state, waiting: Some(start), handle: None })
    }

    /// Starts to answer.
    pub(super) fn run(&mut self, state: web::Data<AppState>) {
        if let Some(start) = self.waiting.take()
            && self.state.set(state).is_ok()
        {
            self.handle = Some(start());
        }
    }

    /// Accepts no more connections and waits until every request has its answer.
    pub(super) async fn drain(self, lifecycle: &Lifecycle) {
        let Some(handle) = self.handle else { return };
        // Ends when all connections are closed; idle ones may stay open, and need not be waited for.
        let closed = handle.stop(true);
        let answered = async {
            // A request that is on the wire already is read within this time.
            tokio::time::sleep(Duration::from_millis(100)).await;
            lifecycle.drained().await;
            // The last answers are written within this time.
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        tokio::select! {
            () = closed => {}
            () = answered => {}
        }
    }
}

/// What to say when an address cannot be had.
pub(super) fn cannot_listen(
    key: &'static str,
    address: SocketAddr,
    error: &std::io::Error,
) -> StartError {
    let reason = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another process listens there".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this user may not use that port".to_owned(),
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    };
    StartError::Listen { key, address, reason }
}
