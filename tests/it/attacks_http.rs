//! Attacks below and beside the API: on the protocol, on time and memory, on what the server calls, and on
//! what others read. `docs/security.md` lists them.

mod bodies;
mod files;
mod floods;
mod headers;
mod mails;
mod paths;
mod slow;
mod smuggling;
mod timing;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::test_app::TestApp;

/// Many times longer than any wait here.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What a client sends last, so that the server ends the connection.
const LAST: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// The answers of one connection, in order.
#[derive(Debug)]
struct Answers(Vec<(u16, String)>);

impl Answers {
    fn statuses(&self) -> Vec<u16> {
        self.0.iter().map(|(status, _)| *status).collect()
    }
}

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.running().address).await.expect("it is accepted")
}

/// Sends bytes as they are, and a last request behind them; returns all answers.
async fn talk(app: &TestApp, bytes: impl AsRef<[u8]>) -> Answers {
    talk_to(app.running().address, bytes).await
}

async fn talk_to(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Answers {
    let (mut read, mut write) = TcpStream::connect(address).await.expect("accepted").into_split();
    let bytes = [bytes.as_ref(), LAST.as_bytes()].concat();
    let sends = async {
        // The server may end the connection before it has read everything.
        let _ = write.write_all(&bytes).await;
    };
    let hears = async {
        let mut heard = Vec::new();
        let mut some = [0; 4_096];
        // A reset is an end too, and must not hide what came before it.
        while let Ok(count @ 1..) = read.read(&mut some).await {
            heard.extend_from_slice(&some[..count]);
        }
        heard
    };
    let both = async { tokio::join!(sends, hears).1 };
    let heard = tokio::time::timeout(TIMEOUT, both).await.expect("the connection ends");
    let text = String::from_utf8_lossy(&heard).into_owned();
    let answers = text.split("HTTP/1.1 ").skip(1).map(|answer| {
        let status = answer.get(..3).and_then(|status| status.parse().ok());
        (status.expect("a status"), answer.to_owned())
    });
    Answers(answers.collect())
}

/// Returns a request without a body.
fn get(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n{more}\r\n")
}
