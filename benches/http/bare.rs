//! The routes that the server is compared with: actix-web alone.

use std::net::SocketAddr;

use admitone::server::Running;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BareBody {
    lines: Vec<BareLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BareLine {
    product_id: String,
    quantity: u32,
}

/// The same body, parsed and written back by actix-web alone.
pub fn bare_route(workers: usize) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = || {
                actix_web::App::new()
                    .route(
                        "/bare",
                        actix_web::web::post().to(|body: actix_web::web::Json<BareBody>| async {
                            actix_web::HttpResponse::Created().json(body.into_inner())
                        }),
                    )
                    .route("/bare", actix_web::web::get().to(read_bare))
            };
            let server = actix_web::HttpServer::new(app).workers(workers).listen(listener);
            server.expect("it listens").run().await.expect("it runs");
        });
    });
    address
}

/// The availability of an event with one product, in a simple implementation that keeps the counts
/// in memory.
async fn read_bare() -> actix_web::HttpResponse {
    let counts = BareCounts {
        id: "p1a2b3c4d-0",
        total: 9_000_000,
        available: 8_999_999,
        held: 1,
        sold: 0,
        blocked: 0,
    };
    let data = BareAvailability {
        seq: 2,
        as_of: "2026-01-02T03:04:05.678Z",
        products: vec![counts],
        sold_out: false,
    };
    actix_web::HttpResponse::Ok().json(BareEnvelope { success: true, data })
}

#[derive(Serialize)]
struct BareEnvelope {
    success: bool,
    data: BareAvailability,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BareAvailability {
    seq: u64,
    as_of: &'static str,
    products: Vec<BareCounts>,
    sold_out: bool,
}

#[derive(Serialize)]
struct BareCounts {
    id: &'static str,
    total: u32,
    available: u32,
    held: u32,
    sold: u32,
    blocked: u32,
}

/// The same route behind the middleware of this server: request ids, metrics, the envelope.
pub fn bare_route_here(server: &Running, workers: usize) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let state = server.shared_state();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = move || {
                actix_web::App::new()
                    .app_data(state.clone())
                    .route(
                        "/bare",
                        actix_web::web::post().to(|body: actix_web::web::Json<BareBody>| async {
                            actix_web::HttpResponse::Created().json(body.into_inner())
                        }),
                    )
                    .wrap(actix_web::middleware::from_fn(
                        admitone::http::middleware::request_context::request_context,
                    ))
            };
            let server = actix_web::HttpServer::new(app).workers(workers).listen(listener);
            server.expect("it listens").run().await.expect("it runs");
        });
    });
    address
}

/// A route that answers with bytes from memory, of the type and encoding of the original.
pub fn bare_bytes(
    body: Vec<u8>,
    content_type: &str,
    encoding: Option<&str>,
    workers: usize,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let body = actix_web::web::Bytes::from(body);
    let (content_type, encoding) = (content_type.to_owned(), encoding.map(str::to_owned));
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = move || {
                let (body, content_type) = (body.clone(), content_type.clone());
                let encoding = encoding.clone();
                let answer = move || {
                    let mut response = actix_web::HttpResponse::Ok();
                    response.content_type(content_type.clone());
                    if let Some(encoding) = &encoding {
                        response.insert_header(("content-encoding", encoding.clone()));
                    }
                    let response = response.body(body.clone());
                    async move { response }
                };
                actix_web::App::new().route("/bare", actix_web::web::get().to(answer))
            };
            let server = actix_web::HttpServer::new(app).workers(workers).listen(listener);
            server.expect("it listens").run().await.expect("it runs");
        });
    });
    address
}
