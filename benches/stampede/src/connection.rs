//! One kept-alive HTTP/1.1 connection, as thin as possible: the generator shares the machine with
//! the server it measures. Requests are written in one piece, answers parsed by `httparse`; nothing
//! is retried here.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const FIRST_BUFFER: usize = 8 * 1_024;
/// The API sends no head or piece larger than this.
const MAX_BUFFER: usize = 4 * 1_024 * 1_024;
const MAX_HEADERS: usize = 48;
/// Needed because a machine that is gone does not refuse connections.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// No connection could be made: the request was not sent.
    NotConnected(io::Error),
    /// The connection ended before the answer did: the request may have been carried out.
    Broken(io::Error),
    /// No answer in time: the request may have been carried out.
    TimedOut,
    /// The answer is not HTTP as this API uses it.
    Malformed(String),
}

impl Failure {
    /// The name under which the failure is counted.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotConnected(_) => "no connection",
            Self::Broken(_) => "connection broken",
            Self::TimedOut => "no answer in time",
            Self::Malformed(_) => "not an answer",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(error) | Self::Broken(error) => {
                write!(f, "{}: {error}", self.name())
            }
            Self::TimedOut => f.write_str(self.name()),
            Self::Malformed(reason) => write!(f, "{}: {reason}", self.name()),
        }
    }
}

impl std::error::Error for Failure {}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The `ETag`, with its quotes.
    pub etag: Option<Box<str>>,
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// The head.
    pub head: Head,
    /// The body, decoded.
    pub body: Vec<u8>,
}

/// The unread rest of the body.
#[derive(Clone, Copy, Debug)]
enum Rest {
    Bytes(usize),
    /// The rest of the current chunk; 0 before the size of the next one.
    Chunks(usize),
    Nothing,
}

/// A connection to the server.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Start of the bytes that have been read and not been used yet.
    start: usize,
    end: usize,
    rest: Rest,
    closes: bool,
}

impl Connection {
    /// Connects to the server.
    ///
    /// # Errors
    /// [`Failure::NotConnected`].
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        let stream = connecting.unwrap_or_else(|late| Err(late.into()));
        let stream = stream.map_err(Failure::NotConnected)?;
        stream.set_nodelay(true).map_err(Failure::NotConnected)?;
        let buffer = vec![0; FIRST_BUFFER];
        Ok(Self { stream, buffer, start: 0, end: 0, rest: Rest::Nothing, closes: false })
    }

    /// True if another request may be sent.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.closes && matches!(self.rest, Rest::Nothing)
    }

    /// True if the server closed the connection while it was idle.
    #[must_use]
    pub fn was_closed(&self) -> bool {
        !matches!(self.stream.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends a request and reads its complete answer.
    ///
    /// # Errors
    /// [`Failure`]; the connection must not be used any further then.
    pub async fn exchange(&mut self, request: &[u8], timeout: Duration) -> Result<Answer, Failure> {
        let whole = async {
            let head = self.begin(request).await?;
            let mut body = Vec::new();
            while let Some(piece) = self.piece().await? {
                body.extend_from_slice(piece);
            }
            Ok(Answer { head, body })
        };
        match tokio::time::timeout(timeout, whole).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Sends a request and reads the head of its answer; the body is read with [`Self::piece`].
    ///
    /// # Errors
    /// [`Failure`]; the connection must not be used any further then.
    pub async fn begin(&mut self, request: &[u8]) -> Result<Head, Failure> {
        self.closes = true;
        self.stream.write_all(request).await.map_err(Failure::Broken)?;
        loop {
            if self.end > self.start
                && let Some((head, length, rest, closes)) =
                    parse_head(&self.buffer[self.start..self.end])?
            {
                self.start += length;
                self.rest = rest;
                self.closes = closes;
                return Ok(head);
            }
            self.read().await?;
        }
    }

    /// The next piece of the body, `None` at its end.
    ///
    /// # Errors
    /// [`Failure`]; the connection must not be used any further then.
    pub async fn piece(&mut self) -> Result<Option<&[u8]>, Failure> {
        loop {
            let left = match self.rest {
                Rest::Nothing | Rest::Bytes(0) => {
                    self.rest = Rest::Nothing;
                    return Ok(None);
                }
                Rest::Bytes(left) => left,
                Rest::Chunks(0) => match self.chunk_size()? {
                    Some(size) => size,
                    None => {
                        self.read().await?;
                        continue;
                    }
                },
                Rest::Chunks(left) => left,
            };
            if left == 0 {
                // The last chunk; the end of its line was read with its size.
                self.rest = Rest::Nothing;
                return Ok(None);
            }
            if self.start == self.end {
                self.read().await?;
                continue;
            }
            let taken = left.min(self.end - self.start);
            let from = self.start;
            self.start += taken;
            self.rest = match self.rest {
                Rest::Bytes(_) => Rest::Bytes(left - taken),
                Rest::Chunks(_) | Rest::Nothing => Rest::Chunks(left - taken),
            };
            return Ok(Some(&self.buffer[from..from + taken]));
        }
    }

    /// The size of the next chunk, once its size line has been read.
    fn chunk_size(&mut self) -> Result<Option<usize>, Failure> {
        let mut here = &self.buffer[self.start..self.end];
        let mut skipped = 0;
        // The end of the line of the previous chunk.
        if here.starts_with(b"\r\n") {
            here = &here[2..];
            skipped = 2;
        }
        match httparse::parse_chunk_size(here) {
            Ok(httparse::Status::Partial) => Ok(None),
            Ok(httparse::Status::Complete((length, 0))) => {
                // An empty line follows the last chunk (this API sends no trailers).
                if here.len() < length + 2 {
                    return Ok(None);
                }
                self.start += skipped + length + 2;
                Ok(Some(0))
            }
            Ok(httparse::Status::Complete((length, size))) => {
                self.start += skipped + length;
                let size = usize::try_from(size).map_err(|_| too_large())?;
                self.rest = Rest::Chunks(size);
                Ok(Some(size))
            }
            Err(_) => Err(Failure::Malformed("a chunk without a size".into())),
        }
    }

    async fn read(&mut self) -> Result<(), Failure> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            if self.buffer.len() >= MAX_BUFFER {
                return Err(too_large());
            }
            self.buffer.resize(self.buffer.len() * 4, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.end..]).await.map_err(Failure::Broken)?;
        if read == 0 {
            return Err(Failure::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
        self.end += read;
        Ok(())
    }
}

fn too_large() -> Failure {
    Failure::Malformed("a head or a chunk that is too large".into())
}

type Parsed = (Head, usize, Rest, bool);

fn parse_head(bytes: &[u8]) -> Result<Option<Parsed>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(Failure::Malformed(format!("no HTTP answer ({error})"))),
    };
    let status = response.code.unwrap_or_default();
    let (mut etag, mut rest, mut closes) = (None, None, false);
    for header in response.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let value = || String::from_utf8_lossy(header.value);
        if is("content-length") {
            let length = value()
                .trim()
                .parse()
                .map_err(|_| Failure::Malformed(format!("a Content-Length of {:?}", value())))?;
            rest = Some(Rest::Bytes(length));
        } else if is("transfer-encoding") && value().trim().eq_ignore_ascii_case("chunked") {
            rest = Some(Rest::Chunks(0));
        } else if is("etag") {
            etag = Some(value().into());
        } else if is("connection") && value().trim().eq_ignore_ascii_case("close") {
            closes = true;
        }
    }
    let rest = match (status, rest) {
        (204 | 304, _) => Rest::Nothing,
        (_, Some(rest)) => rest,
        (_, None) => return Err(Failure::Malformed("an answer without a length".into())),
    };
    Ok(Some((Head { status, etag }, length, rest, closes)))
}
