//! Rendered pages in memory, packed and plain, each for a moment.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::web::language::Language;

/// Most pages kept.
const MOST: usize = 512;
/// The longest that an old page is served while it is made anew, in lifetimes.
const STALE: u32 = 40;

/// The pages that are kept.
pub(crate) struct KeptPages {
    /// How long a page is served; zero keeps none.
    lifetime: Duration,
    kept: Mutex<HashMap<Key, Kept>>,
}

/// The page of a path.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) path: String,
    pub(crate) language: Language,
}

struct Kept {
    made: Duration,
    /// When a request last began to make the page anew. One that has not kept it a lifetime later
    /// may have failed, and another one begins.
    renewing_since: Option<Duration>,
    page: Rendered,
}

/// A page as it is sent.
#[derive(Clone)]
pub(crate) struct Rendered {
    plain: Sent,
    gzip: Option<Sent>,
}

/// The body in one encoding, and its headers.
#[derive(Clone)]
struct Sent {
    headers: Arc<HeaderMap>,
    body: Bytes,
}

impl KeptPages {
    /// Keeps pages for `lifetime`.
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { lifetime, kept: Mutex::default() }
    }

    /// False if each page is made anew.
    pub(crate) fn is_on(&self) -> bool {
        !self.lifetime.is_zero()
    }

    /// Returns the kept page, unless this request has to make it.
    pub(crate) fn find(&self, key: &Key, now: Duration) -> Option<Rendered> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get_mut(key)?;
        let age = now.saturating_sub(found.made);
        let is_renewing =
            found.renewing_since.is_some_and(|since| now.saturating_sub(since) < self.lifetime);
        if age < self.lifetime || (is_renewing && age < self.lifetime * STALE) {
            return Some(found.page.clone());
        }
        found.renewing_since = Some(now);
        None
    }

    /// Keeps a page that was made at that time.
    pub(crate) fn keep(&self, key: Key, made: Duration, page: Rendered) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST && !kept.contains_key(&key) {
            kept.retain(|_, kept| made.saturating_sub(kept.made) < self.lifetime);
        }
        let is_older = kept.get(&key).is_some_and(|kept| kept.made > made);
        if kept.len() < MOST && !is_older {
            kept.insert(key, Kept { made, renewing_since: None, page });
        }
    }
}

impl Rendered {
    /// Packs a page, which contains no secret and nothing that was entered.
    pub(crate) fn new(headers: &HeaderMap, body: Bytes) -> Self {
        let mut headers = headers.clone();
        let vary = HeaderValue::from_static("accept-encoding, accept-language, cookie");
        headers.insert(header::VARY, vary);
        let gzip = gzip(&body).filter(|packed| packed.len() < body.len()).map(|packed| {
            let mut headers = headers.clone();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Sent { headers: Arc::new(headers), body: packed.into() }
        });
        Self { plain: Sent { headers: Arc::new(headers), body }, gzip }
    }

    /// Answers with the page, packed for clients that take gzip.
    pub(crate) fn answer(&self, packed: bool) -> HttpResponse {
        let sent = self.gzip.as_ref().filter(|_| packed).unwrap_or(&self.plain);
        let mut response = HttpResponse::Ok().body(sent.body.clone());
        *response.headers_mut() = HeaderMap::clone(&sent.headers);
        response
    }
}

fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: u64 = 250;

    fn pages() -> (KeptPages, Key, Rendered) {
        let key = Key { path: "/".into(), language: Language::English };
        let page = Rendered::new(&HeaderMap::new(), Bytes::from_static(b"page"));
        (KeptPages::new(Duration::from_millis(LIFETIME)), key, page)
    }

    #[test]
    fn one_request_a_lifetime_makes_an_old_page_anew() {
        let (pages, key, page) = pages();
        let finds = |ms| pages.find(&key, Duration::from_millis(ms)).is_some();
        assert!(!finds(0));
        pages.keep(key.clone(), Duration::ZERO, page.clone());
        assert!(finds(LIFETIME - 1));
        assert!(!finds(LIFETIME), "this one makes it");
        assert!(finds(LIFETIME) && finds(2 * LIFETIME - 1), "the others are served meanwhile");
        // The one that makes it is slow, or failed.
        assert!(!finds(2 * LIFETIME));
        assert!(finds(2 * LIFETIME + 1));
        pages.keep(key.clone(), Duration::from_millis(LIFETIME), page);
        assert!(!finds(2 * LIFETIME), "it is as old as its state");
        assert!(!finds(100 * LIFETIME) && !finds(100 * LIFETIME), "too old to be served");
    }

    #[test]
    fn an_older_page_does_not_replace_a_newer_one_and_there_is_a_most() {
        let (pages, key, page) = pages();
        let newer = Rendered::new(&HeaderMap::new(), Bytes::from_static(b"newer"));
        pages.keep(key.clone(), Duration::from_millis(10), newer);
        pages.keep(key.clone(), Duration::from_millis(5), page.clone());
        let found = pages.find(&key, Duration::from_millis(20)).unwrap();
        assert_eq!(&found.plain.body[..], b"newer");
        for number in 0..2 * MOST {
            let key = Key { path: number.to_string(), ..key.clone() };
            pages.keep(key, Duration::from_millis(20), page.clone());
        }
        assert_eq!(pages.kept.lock().unwrap().len(), MOST);
    }
}
