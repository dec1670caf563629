//! An answer that is rendered once and sent to many, compressed for clients that accept it.

use std::io::Write;
use std::sync::OnceLock;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::http::api::box_office::availability::Version;

/// Shorter answers are not worth compressing.
const LEAST: usize = 1_024;

/// A rendered answer in its envelope.
pub(crate) struct Packed {
    version: Version,
    json: Bytes,
    /// Compressed when first asked for.
    gzip: OnceLock<Bytes>,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    success: bool,
    data: &'a T,
}

impl Packed {
    pub(super) fn new(tag: &str, data: &impl Serialize) -> Self {
        let json = serde_json::to_vec(&Envelope { success: true, data });
        Self::whole_of(tag, json.expect("the answer is plain data").into())
    }

    /// Returns an answer without an envelope.
    pub(crate) fn whole_of(tag: &str, json: Bytes) -> Self {
        Self { version: Version::weak(tag), json, gzip: OnceLock::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.json.len()
    }

    /// Answers with the version, or with 304 if the client has it.
    pub(crate) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let mut answer = match self.version.is_known(request) {
            true => self.version.not_modified(),
            false => self.version.mark(self.whole(request)),
        };
        let vary = HeaderValue::from_static("Accept-Encoding");
        answer.headers_mut().append(header::VARY, vary);
        answer
    }

    fn whole(&self, request: &HttpRequest) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        answer.content_type("application/json");
        if self.json.len() < LEAST || !accepts_gzip(request) {
            return answer.body(self.json.clone());
        }
        answer.insert_header((header::CONTENT_ENCODING, "gzip"));
        answer.body(self.gzip.get_or_init(|| gzip(&self.json)).clone())
    }
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all bytes");
    encoder.finish().expect("memory takes all bytes").into()
}

/// True if the client accepts gzip, by name or by `*`, with a weight above 0.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let all = request.headers().get_all(header::ACCEPT_ENCODING);
    let all: Vec<&str> = all.filter_map(|value| value.to_str().ok()).collect();
    let weight = |wanted: &str| {
        let mut named = all.iter().flat_map(|value| value.split(',')).filter_map(|one| {
            let (name, parameters) = one.split_once(';').unwrap_or((one, ""));
            let is_named = name.trim().eq_ignore_ascii_case(wanted);
            is_named
                .then(|| parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse().ok()))
        });
        named.next().map(|weight: Option<f32>| weight.unwrap_or(0.0))
    };
    weight("gzip").or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::accepts_gzip;

    #[test]
    fn gzip_is_sent_to_clients_that_accept_it() {
        for (sent, accepted) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("deflate, *", true),
            ("gzip; q=0, *", false),
            ("gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            let request = TestRequest::default().insert_header(("Accept-Encoding", sent));
            assert_eq!(accepts_gzip(&request.to_http_request()), accepted, "{sent}");
        }
        assert!(!accepts_gzip(&TestRequest::default().to_http_request()));
    }
}
