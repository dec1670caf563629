//! Questions of other instances. They come in where clients do, sealed with the cluster's secret;
//! who does not know it learns nothing here, not even whether there is a cluster.

use std::sync::Once;

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use crate::box_office::AskError;
use crate::cluster::{HELLO, PATH, PROTOCOL, SEAL_HEADER, Seal, metrics};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;

/// The most that one question may say: a few hundred commands. It is read before its seal can be
/// checked, so it is no more than that.
const LIMIT: usize = 2 * 1_024 * 1_024;

/// Adds the route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource(PATH).app_data(web::PayloadConfig::new(LIMIT)).route(web::post().to(ask)),
    );
}

async fn ask(
    state: web::Data<AppState>,
    request: HttpRequest,
    question: Bytes,
) -> Result<HttpResponse, ApiError> {
    let Some(expected) = &state.seal else { return Err(ApiError::not_found("route")) };
    let seal = request.headers().get(SEAL_HEADER).and_then(|seal| seal.to_str().ok());
    let Some(seal) = seal.filter(|seal| expected.is_of(seal, &question)) else {
        metrics::refused("secret");
        tracing::debug!(peer = ?request.peer_addr(), "a call without the cluster's secret");
        return Err(ApiError::of(ErrorCode::NotOfThisCluster));
    };
    if Seal::protocol(seal) != Some(PROTOCOL) {
        metrics::refused("protocol");
        return Err(ApiError::of(ErrorCode::OtherProtocol));
    }
    if question[..] == HELLO[..] {
        let incarnation = state.cluster.me().incarnation;
        return Ok(HttpResponse::Ok().body(incarnation.0.as_bytes().to_vec()));
    }
    if !state.lifecycle.is_open() {
        return Err(ApiError::of(ErrorCode::NotReady));
    }
    // Carried on if whoever asks hangs up: what it carries may be half done.
    let offices = std::sync::Arc::clone(&state.offices);
    let answered = state.runtime.spawn(async move { offices.answer(&question).await });
    match answered.await.map_err(ApiError::internal)? {
        Ok(answer) => Ok(HttpResponse::Ok().body(answer)),
        Err(AskError::NotUnderstood) => {
            metrics::refused("protocol");
            Err(ApiError::of(ErrorCode::OtherProtocol))
        }
        Err(error @ AskError::Loop(_)) => {
            static LOGGED: Once = Once::new();
            metrics::refused("loop");
            LOGGED.call_once(|| tracing::error!(%error, "instances hand calls on in circles"));
            Err(ApiError::of(ErrorCode::LoopDetected))
        }
    }
}
