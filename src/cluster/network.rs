//! How instances speak to each other: one question, one answer, and precise knowledge of what a
//! failure means. Over HTTP in `http.rs`; a simulation has its own.

pub mod http;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Nobody listens at the address: the process is gone. The question was not received.
    #[error("nobody listens at {0}")]
    Refused(Arc<str>),
    /// No connection came about. The question was not received.
    #[error("{0} cannot be reached")]
    Unreachable(Arc<str>),
    /// No answer in time, or the connection broke: whether it was received is not known.
    #[error("{0} did not answer")]
    NoAnswer(Arc<str>),
    /// Received and not taken: it does not know our secret.
    #[error("{0} has another ADMITONE_CLUSTER_SECRET, or is of another cluster")]
    WrongSecret(Arc<str>),
    /// Received and not taken, for another reason: it may be of another version.
    #[error("{0} did not take the question: {1}")]
    NotTaken(Arc<str>, String),
}

/// The way to the other instances.
pub trait Network: Send + Sync + 'static {
    /// Asks the instance at `address`, and waits for the answer as long as `patience` says.
    fn ask(
        &self,
        address: Arc<str>,
        question: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, NetworkError>>;
}

/// The network of a process that is alone.
#[derive(Debug, Default)]
pub struct Nobody;

impl Network for Nobody {
    fn ask(
        &self,
        address: Arc<str>,
        _: Bytes,
        _: Duration,
    ) -> BoxFuture<'static, Result<Bytes, NetworkError>> {
        Box::pin(std::future::ready(Err(NetworkError::Unreachable(address))))
    }
}
