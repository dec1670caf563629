//! Styles, scripts and pictures, served from memory: compressed once at the start, under a path that
//! contains a hash of all of them, so that browsers keep them for ever and never mix versions.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use actix_web::http::header::{self, ContentEncoding, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

use crate::web::policy;

/// The files of `assets/`. A debug build reads them from disk at its start.
#[derive(RustEmbed)]
#[folder = "src/web/assets/"]
struct Files;

/// One file, ready to be sent.
pub(crate) struct Asset {
    content_type: HeaderValue,
    plain: Bytes,
    /// `None` if compression does not make it smaller.
    gzip: Option<Bytes>,
}

/// All files, by name.
pub(crate) struct Assets {
    build: String,
    by_name: HashMap<String, Asset>,
}

impl Assets {
    /// Reads and compresses all files; `color` is the brand's main colour, `logo` its picture.
    pub(crate) fn new(color: Option<&str>, logo: Option<(&str, Vec<u8>)>) -> Self {
        let mut files: BTreeMap<String, Vec<u8>> = Files::iter()
            .filter(|name| !name.ends_with(".md"))
            .filter_map(|name| Some((name.to_string(), Files::get(&name)?.data.into_owned())))
            .collect();
        let brand = color.map_or_else(String::new, |color| format!(":root{{--brand:{color}}}\n"));
        files.insert("brand.css".into(), brand.into_bytes());
        if let Some((name, bytes)) = logo {
            files.insert(name.into(), bytes);
        }
        let mut hasher = blake3::Hasher::new();
        for (name, bytes) in &files {
            hasher.update(name.as_bytes());
            hasher.update(&(bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        }
        let build = hasher.finalize().to_hex()[..12].to_owned();
        let by_name = files.into_iter().map(|(name, bytes)| {
            let asset = Asset::new(&name, bytes);
            (name, asset)
        });
        Self { by_name: by_name.collect(), build }
    }

    /// Returns the path of a file. Names are constants of the templates; a test fetches each.
    pub(crate) fn url(&self, name: &str) -> String {
        debug_assert!(self.by_name.contains_key(name), "no asset {name}");
        format!("/assets/{}/{name}", self.build)
    }

    /// Returns the hash that all paths contain.
    pub(crate) fn build(&self) -> &str {
        &self.build
    }

    /// Returns a file.
    pub(crate) fn get(&self, name: &str) -> Option<&Asset> {
        self.by_name.get(name)
    }
}

impl Asset {
    fn new(name: &str, plain: Vec<u8>) -> Self {
        let content_type = HeaderValue::from_static(content_type(name));
        let packed = gzip(&plain).filter(|packed| packed.len() < plain.len() * 9 / 10);
        Self { content_type, plain: plain.into(), gzip: packed.map(Bytes::from) }
    }

    /// Answers a request with the file, compressed if the client takes it.
    pub(crate) fn answer(&self, request: &HttpRequest, cache: HeaderValue) -> HttpResponse {
        let packed = self.gzip.as_ref().filter(|_| accepts_gzip(request));
        let mut response = HttpResponse::Ok();
        response
            .insert_header((header::CONTENT_TYPE, self.content_type.clone()))
            .insert_header((header::CACHE_CONTROL, cache));
        if self.gzip.is_some() {
            response.insert_header((header::VARY, "accept-encoding"));
        }
        let mut answer = match packed {
            Some(packed) => response.insert_header(ContentEncoding::Gzip).body(packed.clone()),
            None => response.body(self.plain.clone()),
        };
        policy::set(answer.headers_mut());
        answer
    }
}

/// Compresses bytes as far as gzip can.
fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

/// True if the client takes gzip. An explicit `gzip;q=0` is a refusal.
pub(crate) fn accepts_gzip(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT_ENCODING);
    accepted.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(',').any(|one| {
            let mut parts = one.split(';').map(str::trim);
            parts.next() == Some("gzip") && !parts.any(|q| matches!(q, "q=0" | "q=0.0" | "q=0.00"))
        })
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("webmanifest") => "application/manifest+json",
        Some("wasm") => "application/wasm",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
