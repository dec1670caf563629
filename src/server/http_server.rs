//! The API's listener and workers.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{Extensions, HttpService, Protocol};
use actix_server::{ServerBuilder, ServerHandle};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use actix_web::web;
use tokio::net::TcpSocket;

use super::StartError;
use super::socket::Socket;
use crate::config::Config;
use crate::http;
use crate::http::middleware::connections::{Connections, Limits, MAX_ENDING};
use crate::http::middleware::lifecycle::Lifecycle;
use crate::http::state::AppState;
use crate::waiting_room::hand_out_answers;
use crate::web::{self as pages, Site};

/// Longer than load balancers keep idle connections (60 s), so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A client that takes longer to send a request's head is not served.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Thousands connect in the same second when a sale opens.
const BACKLOG: u32 = 4_096;
/// A server that is being drained takes no other word until it is done.
const END_TIMEOUT: Duration = Duration::from_millis(500);
/// The answer to a client for which there is no room, sent before it has made a request.
const FULL: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-length: 132\r\n\r\n\
    {\"success\":false,\"error\":{\"code\":\"BUSY\",\
    \"message\":\"as many connections are open as may be: retry after Retry-After\",\
    \"requestId\":\"\"}}";

/// Bound from the start, answering once it runs.
pub(super) struct HttpServer {
    /// The address it listens on.
    pub(super) address: SocketAddr,
    /// The open connections.
    pub(super) connections: Arc<Connections>,
    state: Arc<OnceLock<web::Data<AppState>>>,
    waiting: Option<Start>,
    handle: Option<ServerHandle>,
}

type Start = Box<dyn FnOnce() -> ServerHandle>;

impl HttpServer {
    /// Binds the address: clients can connect, and wait.
    pub(super) fn bind(
        config: &Config,
        limits: Limits,
        site: web::Data<Site>,
    ) -> Result<Self, StartError> {
        let failed = |error: &io::Error| cannot_listen("ADMITONE_LISTEN", config.listen, error);
        let listener = listen(config.listen).map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let connections = Connections::behind(config.proxies().clone(), limits);
        let state: Arc<OnceLock<web::Data<AppState>>> = Arc::default();
        let builder = ServerBuilder::new()
            .workers(config.workers)
            // The workers end surplus connections; connections that they have not processed yet take
            // descriptors too.
            .max_concurrent_connections((limits.connections + MAX_ENDING).div_ceil(config.workers))
            .shutdown_timeout(config.shutdown_grace.as_secs().max(1))
            .disable_signals();
        let stopping = builder.graceful_shutdown_signal();
        let (later, counted) = (state.clone(), connections.clone());
        let write_timeout = config.write_timeout;
        let builder = builder.listen("api", listener, move || {
            let state = later.get().expect("it runs only after the state is set").clone();
            // This is a thread of its own for each worker.
            actix_web::rt::spawn(hand_out_answers());
            let site = site.clone();
            let crowded = site.clone();
            let crowded =
                move |cfg: &mut web::ServiceConfig| pages::configure_crowded(cfg, &crowded);
            let app = http::app(state, crowded, move |cfg| pages::configure(cfg, &site))
                .into_factory()
                .map_err(|error: actix_web::Error| error.error_response());
            let stopping = stopping.clone();
            let service = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(HEAD_TIMEOUT)
                .local_addr(address)
                .on_connect_ext(|socket: &Socket, data: &mut Extensions| {
                    data.insert(Arc::clone(socket.connection()));
                })
                .finish(map_config(app, |()| AppConfig::default()));
            let connections = counted.clone();
            fn_service(move |stream: TcpStream| {
                std::future::ready(accept(&connections, stream, write_timeout))
            })
            .and_then(service)
        });
        let builder = builder.map_err(|error| failed(&error))?;
        let start: Start = Box::new(move || {
            let server = builder.run();
            let handle = server.handle();
            actix_web::rt::spawn(server);
            handle
        });
        Ok(Self { address, connections, state, waiting: Some(start), handle: None })
    }

    /// Starts to answer.
    pub(super) fn run(&mut self, state: web::Data<AppState>) {
        if let Some(start) = self.waiting.take()
            && self.state.set(state).is_ok()
        {
            self.handle = Some(start());
        }
    }

    /// Returns what ends the server where there is no time to drain it.
    pub(super) fn ender(&self) -> Ender {
        Ender(self.handle.clone())
    }

    /// Waits for acts of staff, then accepts no more connections and waits until every request has its
    /// answer.
    pub(super) async fn drain(self, lifecycle: &Lifecycle) {
        let Some(handle) = self.handle else { return };
        // A worker ends with its last connection, and an act may go on without one.
        lifecycle.acts_over().await;
        // Completes when all connections are closed; idle ones may stay open, and need not be waited
        // for.
        let closed = handle.stop(true);
        let answered = async {
            // A request that is already on its way is read within this time.
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

/// Ends a server at once.
pub(super) struct Ender(Option<ServerHandle>);

impl Ender {
    /// Closes the listener and all connections. One that is being drained has closed its listener.
    pub(super) async fn end(self) {
        let Some(handle) = self.0 else { return };
        let _ = tokio::time::timeout(END_TIMEOUT, handle.stop(false)).await;
    }
}

type Accepted = (Socket, Protocol, Option<SocketAddr>);

/// Returns the connection if there is room, or else answers that there is none.
fn accept(
    connections: &Arc<Connections>,
    stream: TcpStream,
    write_timeout: Duration,
) -> Result<Accepted, DispatchError> {
    let peer = stream.peer_addr().ok();
    // Without it, a small answer waits for more data, and is late.
    let _ = stream.set_nodelay(true);
    match connections.accept(peer) {
        Ok(opened) => Ok((Socket::new(stream, opened, write_timeout), Protocol::Http1, peer)),
        Err(_full) => {
            // The client gets no further answer if this write fails.
            let _ = stream.try_write(FULL.as_bytes());
            Err(DispatchError::Io(io::ErrorKind::ConnectionRefused.into()))
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // Connections of a process that has ended keep the address for a while.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Returns the error for an address that cannot be bound.
pub(super) fn cannot_listen(
    key: &'static str,
    address: SocketAddr,
    error: &io::Error,
) -> StartError {
    let reason = match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not use that port".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    };
    StartError::Listen { key, address, reason }
}

#[cfg(test)]
mod tests {
    use super::FULL;

    #[test]
    fn who_finds_no_room_is_given_a_whole_answer() {
        let (head, body) = FULL.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.ends_with(&format!("\r\ncontent-length: {}", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["error"]["code"], "BUSY");
    }
}
