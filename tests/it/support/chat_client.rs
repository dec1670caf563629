//! A client of the chat: a WebSocket that keeps what it was told.

use std::sync::LazyLock;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::http::conformance;

/// The longest wait for a frame.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct ChatClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl ChatClient {
    /// Connects with an access token; `url` begins with `http`. The first frame is taken.
    pub async fn connect(url: &str, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let mut client = Self::with_headers(url, &[("authorization", &bearer)]).await.unwrap();
        client.expect("welcome").await;
        client
    }

    /// Connects with headers; an error is the status of the refusal.
    pub async fn with_headers(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let url = format!("{}/api/chat/socket", url.trim_end_matches('/'));
        let mut request = url.replace("http://", "ws://").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(Error::Http(refused)) => Err(refused.status().as_u16()),
            Err(error) => panic!("no connection: {error}"),
        }
    }

    pub async fn ask(&mut self, event: &str, data: Value) {
        let frame = json!({"event": event, "data": data}).to_string();
        self.send(Message::text(frame)).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("the socket is open");
    }

    /// Joins a room and returns the answer. What was missed since the change `after` follows.
    pub async fn join(&mut self, room: &str, after: Option<u64>) -> Value {
        self.ask("joinRoom", json!({"roomId": room, "after": after})).await;
        self.expect("joinedRoom").await
    }

    pub async fn say(&mut self, room: &str, content: &str) {
        self.ask("sendMessage", json!({"roomId": room, "content": content})).await;
    }

    /// Returns the next frame; the reason if the server closes the connection.
    pub async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            let came = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match came.expect("a frame comes in time") {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    check(&frame);
                    return Ok(frame);
                }
                Some(Ok(Message::Close(reason))) => return Err(reason),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Returns the data of the next frame of this event; others are passed over.
    pub async fn expect(&mut self, event: &str) -> Value {
        loop {
            match self.next().await {
                Ok(frame) if frame["event"] == event => return frame["data"].clone(),
                Ok(_) => {}
                Err(reason) => panic!("closed while {event} was expected: {reason:?}"),
            }
        }
    }

    /// Waits until the server closes the connection, and returns the code.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Err(reason) = self.next().await {
                return reason.map(|reason| reason.code.into());
            }
        }
    }

    /// Ends the connection without a word.
    pub fn drop_it(self) {}
}

/// Checks that the document of the chat describes a frame.
fn check(frame: &Value) {
    static DOCUMENT: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(admitone::http::openapi::CHAT).expect("JSON"));
    let messages = DOCUMENT["components"]["messages"].as_object().expect("messages");
    let described = messages
        .iter()
        .find(|(key, message)| key.starts_with("Tell") && message["name"] == frame["event"]);
    let (name, described) = described.unwrap_or_else(|| panic!("{frame} is not described"));
    let fits = conformance::fits(&DOCUMENT, &described["payload"], frame, name);
    assert_eq!(fits, Ok(()), "{frame}");
}
