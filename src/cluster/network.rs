//! Calls between instances: one question, one answer, and a precise meaning of each failure. Over
//! HTTP in `http.rs`; a simulation has its own.

pub mod http;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The port refuses connections: the process is gone. The question was not received.
    #[error("nobody listens at {0}")]
    Refused(Arc<str>),
    /// No connection could be made. The question was not received.
    #[error("{0} cannot be reached")]
    Unreachable(Arc<str>),
    /// No answer in time, or the connection broke: it is not known whether the question was received.
    #[error("{0} did not answer")]
    NoAnswer(Arc<str>),
    /// Received and refused: the instance does not have our secret.
    #[error("{0} has another ADMITONE_CLUSTER_SECRET, or is of another cluster")]
    WrongSecret(Arc<str>),
    /// Received and refused for another reason: the instance may be of another version.
    #[error("{0} did not take the question: {1}")]
    NotTaken(Arc<str>, String),
}

/// The network to the other instances.
pub trait Network: Send + Sync + 'static {
    /// Sends `question` to the instance at `address`, and waits for the answer at most `timeout`.
    fn ask(
        &self,
        address: Arc<str>,
        question: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, NetworkError>>;
}

/// The network of a process that runs alone: reaches no instance.
#[derive(Debug, Default)]
pub struct NoPeers;

impl Network for NoPeers {
    fn ask(
        &self,
        address: Arc<str>,
        _: Bytes,
        _: Duration,
    ) -> BoxFuture<'static, Result<Bytes, NetworkError>> {
        Box::pin(std::future::ready(Err(NetworkError::Unreachable(address))))
    }
}
