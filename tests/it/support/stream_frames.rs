//! The frames of an event's stream, as a client reads them.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;

/// A frame of a stream.
pub struct Frame {
    pub event: String,
    pub id: String,
    pub data: Value,
}

/// Reads the frames of a stream, one by one.
pub struct Frames {
    response: reqwest::Response,
    buffer: String,
}

impl Frames {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, buffer: String::new() }
    }

    pub async fn next(&mut self) -> Frame {
        tokio::time::timeout(Duration::from_secs(20), self.read()).await.expect("a frame in time")
    }

    /// Waits until the server closes the stream.
    pub async fn until_closed(mut self) {
        let closed =
            async { while self.response.chunk().await.is_ok_and(|chunk| chunk.is_some()) {} };
        tokio::time::timeout(Duration::from_secs(20), closed).await.expect("it closes in time");
    }

    async fn read(&mut self) -> Frame {
        loop {
            while let Some((frame, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    frame.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                let (event, id, data) = (field("event: "), field("id: "), field("data: "));
                self.buffer = rest.to_owned();
                if let (Some(event), Some(id), Some(data)) = (event, id, data) {
                    return Frame { event, id, data: serde_json::from_str(&data).expect("JSON") };
                }
            }
            let chunk = self.response.chunk().await.expect("a chunk").expect("more to come");
            self.buffer.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}
