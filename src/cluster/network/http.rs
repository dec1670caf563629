//! Questions between instances over HTTP. Each carries a seal, made with the secret that the
//! instances share and covering the whole question: a process that does not know the secret cannot
//! ask anything, and an eavesdropper does not learn the secret. Replaying a sealed question has no
//! new effect: commands carry idempotency keys.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::cluster::{Network, NetworkError};
use crate::trace::{self, Origin};

/// Path of the questions.
pub const PATH: &str = "/internal/ask";
/// Name of the header with the seal.
pub const SEAL_HEADER: &str = "x-admitone-seal";
/// Name of the header with the id of the client's request that a question belongs to.
const REQUEST_ID_HEADER: &str = "x-request-id";
/// Version of the protocol between instances; different versions are incompatible.
/// `box_office/encodings.rs` describes when it rises.
pub const PROTOCOL: u32 = 1;

/// 403 Forbidden as defined in RFC 9110, and 508 Loop Detected as defined in RFC 5842.
const FORBIDDEN: u16 = 403;
const LOOP: u16 = 508;
/// The error code in the answer of an instance that is not open.
const NOT_READY: &str = "NOT_READY";
/// Timeout of connecting: the other instances are near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Idle connections kept to each instance.
const MAX_IDLE: usize = 64;

/// Makes and checks seals: `<protocol>.<pass>.<hash>`. The pass is the same for all questions and
/// shows, before anything else is read, that the sender knows the secret; the hash covers the
/// question.
#[derive(Clone)]
pub struct Seal {
    key: [u8; 32],
    pass: String,
}

impl Seal {
    /// Returns the seal maker for the secret of the cluster.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let key = |context| blake3::derive_key(context, secret.as_bytes());
        let pass = blake3::Hash::from_bytes(key("admitone 2026 pass between instances"));
        Self {
            key: key("admitone 2026 calls between instances"),
            pass: pass.to_hex().as_str().to_owned(),
        }
    }

    /// Returns the seal of a question.
    #[must_use]
    pub fn of(&self, question: &[u8]) -> String {
        format!("{PROTOCOL}.{}.{}", self.pass, self.hash(PROTOCOL, question).to_hex())
    }

    /// True if the pass of `seal` is right: its sender knows the secret, or is an eavesdropper.
    #[must_use]
    pub fn admits(&self, seal: &str) -> bool {
        let pass = seal.split('.').nth(1).and_then(|hex| blake3::Hash::from_hex(hex).ok());
        // Hashes are compared in constant time.
        pass.is_some() && pass == blake3::Hash::from_hex(&self.pass).ok()
    }

    /// True if `seal` belongs to this question, in any protocol. Takes equally long for every wrong
    /// seal.
    #[must_use]
    pub fn is_of(&self, seal: &str, question: &[u8]) -> bool {
        let hash = seal.split('.').nth(2).and_then(|hex| blake3::Hash::from_hex(hex).ok());
        let (Some(hash), Some(protocol)) = (hash, Self::protocol(seal)) else { return false };
        self.admits(seal) && hash == self.hash(protocol, question)
    }

    /// Returns the protocol that a seal names.
    #[must_use]
    pub fn protocol(seal: &str) -> Option<u32> {
        seal.split_once('.')?.0.parse().ok()
    }

    fn hash(&self, protocol: u32, question: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&protocol.to_be_bytes());
        hasher.update(question);
        hasher.finalize()
    }
}

/// The network of the data centre.
pub struct HttpNetwork {
    client: reqwest::Client,
    seal: Seal,
}

impl HttpNetwork {
    /// Returns a network that seals its questions with `seal`.
    ///
    /// # Errors
    /// The operating system lacks a resource.
    pub fn new(seal: Seal) -> Result<Self, anyhow::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE)
            .tcp_nodelay(true)
            // Proxy settings in the environment do not apply to the other instances.
            .no_proxy()
            // Instances call each other without TLS: a machine without certificates will do.
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, seal })
    }
}

impl Network for HttpNetwork {
    fn ask(
        &self,
        address: Arc<str>,
        question: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, NetworkError>> {
        let request = self
            .client
            .post(format!("http://{address}{PATH}"))
            .header(SEAL_HEADER, self.seal.of(&question))
            .timeout(timeout)
            .body(question);
        let request = match trace::current() {
            Some(origin) => on_behalf(request, &origin),
            None => request,
        };
        async move {
            let answered = async {
                let answer = request.send().await?;
                let status = answer.status();
                Ok::<_, reqwest::Error>((status, answer.bytes().await?))
            };
            match answered.await {
                Ok((status, answer)) if status.is_success() => Ok(answer),
                // The instance is starting or stopping, and has not read the question.
                Ok((_, answer)) if says_not_ready(&answer) => {
                    Err(NetworkError::Unreachable(address))
                }
                Ok((status, _)) if status.as_u16() == FORBIDDEN => {
                    Err(NetworkError::WrongSecret(address))
                }
                Ok((status, _)) if status.is_client_error() || status.as_u16() == LOOP => {
                    Err(NetworkError::NotTaken(address, status.to_string()))
                }
                // The instance may have acted on the question.
                Ok(_) => Err(NetworkError::NoAnswer(address)),
                Err(error) => Err(meaning(address, &error)),
            }
        }
        .boxed()
    }
}

/// Adds the id of the client's request and its trace context, for proxies in between and for the
/// other instance's log. The seal does not cover these headers: the parent of the spans is inside the
/// question.
fn on_behalf(request: reqwest::RequestBuilder, origin: &Origin) -> reqwest::RequestBuilder {
    let request = request.header(REQUEST_ID_HEADER, origin.request_id.to_string());
    let Some(context) = &origin.context else { return request };
    let request = request.header("traceparent", context.parent());
    match context.state() {
        Some(state) => request.header("tracestate", state),
        None => request,
    }
}

fn says_not_ready(answer: &[u8]) -> bool {
    let answer = serde_json::from_slice::<serde_json::Value>(answer).unwrap_or_default();
    answer["error"]["code"] == NOT_READY
}

fn meaning(address: Arc<str>, error: &reqwest::Error) -> NetworkError {
    if error.is_builder() {
        // No instance can be reached at such an address.
        return NetworkError::Unreachable(address);
    }
    if !error.is_connect() {
        return NetworkError::NoAnswer(address);
    }
    let mut source = error.source();
    while let Some(cause) = source {
        let refused = cause
            .downcast_ref::<io::Error>()
            .is_some_and(|cause| cause.kind() == io::ErrorKind::ConnectionRefused);
        if refused {
            return NetworkError::Refused(address);
        }
        source = cause.source();
    }
    NetworkError::Unreachable(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_fits_one_question_and_one_secret() {
        let (ours, theirs) = (Seal::new("our secret"), Seal::new("their secret"));
        let seal = ours.of(b"a question");
        assert!(ours.is_of(&seal, b"a question"));
        assert!(!ours.is_of(&seal, b"another question"));
        assert!(!theirs.is_of(&seal, b"a question"));
        assert_eq!(Seal::protocol(&seal), Some(PROTOCOL));
        assert!(ours.admits(&seal) && !theirs.admits(&seal));
        let other = ours.of(b"another question");
        let (pass, hash) = (other.split('.').nth(1).unwrap(), seal.split('.').nth(2).unwrap());
        assert!(ours.is_of(&format!("{PROTOCOL}.{pass}.{hash}"), b"a question"));
        for bad in ["", "1", "1.", "1.00", "1.00.00", "..", "x.y.z", &format!("1.00.{hash}")] {
            assert!(!ours.is_of(bad, b"a question") && !ours.admits(bad), "{bad}");
        }
    }

    fn network() -> HttpNetwork {
        // As `main` does. An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        HttpNetwork::new(Seal::new("secret")).unwrap()
    }

    #[tokio::test]
    async fn a_port_that_refuses_and_one_that_is_silent_are_told_apart() {
        let network = network();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address: Arc<str> = listener.local_addr().unwrap().to_string().into();
        // The kernel accepts the connection, and no answer ever follows.
        let timeout = Duration::from_millis(200);
        let silent = network.ask(Arc::clone(&address), Bytes::new(), timeout).await;
        assert_eq!(silent, Err(NetworkError::NoAnswer(Arc::clone(&address))));
        drop(listener);
        let refused = network.ask(Arc::clone(&address), Bytes::new(), timeout).await;
        assert_eq!(refused, Err(NetworkError::Refused(address)));
    }

    #[tokio::test]
    async fn only_who_says_that_it_is_not_open_has_not_looked_at_the_question() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let network = network();
        let code = |code| format!(r#"{{"success":false,"error":{{"code":"{code}"}}}}"#);
        for (status, body, expected) in [
            (503, code("NOT_READY"), "cannot be reached"),
            (503, code("OUTCOME_UNKNOWN"), "did not answer"),
            (503, String::new(), "did not answer"),
            (500, code("INTERNAL"), "did not answer"),
            (400, code("OTHER_PROTOCOL"), "did not take the question"),
            (508, code("LOOP_DETECTED"), "did not take the question"),
            (403, code("NOT_OF_THIS_CLUSTER"), "another ADMITONE_CLUSTER_SECRET"),
        ] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address: Arc<str> = listener.local_addr().unwrap().to_string().into();
            let answering = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut question = [0; 4_096];
                assert!(stream.read(&mut question).await.unwrap() > 0);
                let answer =
                    format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream
            };
            let asked = network.ask(address, Bytes::new(), Duration::from_secs(5));
            let (_stream, answer) = tokio::join!(answering, asked);
            let told = answer.unwrap_err().to_string();
            assert!(told.contains(expected), "{status} {body}: {told}");
        }
        let nowhere = network.ask("host:1/x y".into(), Bytes::new(), Duration::from_secs(5));
        assert!(matches!(nowhere.await, Err(NetworkError::Unreachable(_))));
    }
}
