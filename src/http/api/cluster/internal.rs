//! Requests of other instances. They arrive at the same port as clients' requests, sealed with the
//! cluster's secret; a caller without it learns only that there is a cluster.

use std::sync::{Arc, Once};

use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};

use crate::box_office::PeerRequestError;
use crate::cluster::{HELLO, PATH, PROTOCOL, SEAL_HEADER, Seal, TokenProof, metrics};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::middleware::connections::Connection;
use crate::http::middleware::deadline::Arrival;
use crate::http::state::AppState;
use crate::trace;

/// The largest request in bytes: a few hundred commands.
const LIMIT: usize = 2 * 1_024 * 1_024;

/// Adds the route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(PATH).route(web::post().to(ask)));
}

async fn ask(
    state: web::Data<AppState>,
    request: HttpRequest,
    question: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let Some(expected) = &state.seal else { return Err(ApiError::not_found("route")) };
    let seal = request.headers().get(SEAL_HEADER).and_then(|seal| seal.to_str().ok());
    // No body is read from a caller without the seal.
    let Some(seal) = seal.filter(|seal| expected.admits(seal)) else {
        return Err(stranger(&request));
    };
    let arriving = Arrival::begin(&request);
    let arrived = question.to_bytes_limited(LIMIT).await;
    drop(arriving);
    let question = match arrived {
        Ok(Ok(question)) => question,
        Ok(Err(error)) => return Err(ApiError::new(ErrorCode::BadRequest, error.to_string())),
        Err(_) => {
            let message = format!("a question has at most {LIMIT} bytes");
            return Err(ApiError::new(ErrorCode::PayloadTooLarge, message));
        }
    };
    if !expected.is_of(seal, &question) {
        return Err(stranger(&request));
    }
    if let Some(connection) = request.conn_data::<Arc<Connection>>() {
        connection.is_of_instance();
    }
    if Seal::protocol(seal) != Some(PROTOCOL) {
        metrics::refused("protocol");
        return Err(ApiError::of(ErrorCode::OtherProtocol));
    }
    if question[..] == HELLO[..] {
        let incarnation = state.cluster.me().incarnation;
        return Ok(HttpResponse::Ok().body(incarnation.0.as_bytes().to_vec()));
    }
    if let Some(asker) = TokenProof::asker(&question) {
        let (me, excluded) =
            (state.cluster.me().incarnation, state.cluster.is_excluded_but_for(asker));
        return Ok(HttpResponse::Ok().body(state.token_proof.answer(&question, me, excluded)));
    }
    if !state.lifecycle.is_open() {
        return Err(ApiError::of(ErrorCode::NotReady));
    }
    // Runs to its end even if the caller disconnects, because its work may be half done.
    let offices = Arc::clone(&state.offices);
    let answering = async move { offices.answer(&question).await };
    let answered = state.runtime.spawn(trace::within(trace::current(), answering));
    match answered.await.map_err(ApiError::internal)? {
        Ok(answer) => Ok(HttpResponse::Ok().body(answer)),
        Err(PeerRequestError::NotUnderstood) => {
            metrics::refused("protocol");
            Err(ApiError::of(ErrorCode::OtherProtocol))
        }
        Err(error @ PeerRequestError::Loop(_)) => {
            static LOGGED: Once = Once::new();
            metrics::refused("loop");
            LOGGED.call_once(|| tracing::error!(%error, "instances hand calls on in circles"));
            Err(ApiError::of(ErrorCode::LoopDetected))
        }
    }
}

fn stranger(request: &HttpRequest) -> ApiError {
    metrics::refused("secret");
    tracing::debug!(peer = ?request.peer_addr(), "a call without the cluster's secret");
    ApiError::of(ErrorCode::NotOfThisCluster)
}
