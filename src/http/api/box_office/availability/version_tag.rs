//! Versions of answers as values of the header `ETag`, and answers to clients that have one.

use actix_web::body::MessageBody;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

/// A version as a value of the header `ETag`.
pub(crate) struct Version(HeaderValue);

impl Version {
    pub(crate) fn of(tag: &str) -> Self {
        Self(HeaderValue::from_str(&format!("\"{tag}\"")).expect("numbers and capitals"))
    }

    /// Returns the version of an answer that is sent in several encodings, which is a weak one.
    pub(crate) fn weak(tag: &str) -> Self {
        Self(HeaderValue::from_str(&format!("W/\"{tag}\"")).expect("numbers and capitals"))
    }

    /// Answers with the JSON, or with 304 if the client has this version.
    pub(crate) fn answer<B>(&self, request: &HttpRequest, json: impl FnOnce() -> B) -> HttpResponse
    where
        B: MessageBody + 'static,
    {
        match self.is_known(request) {
            true => self.not_modified(),
            false => self.mark(HttpResponse::Ok().content_type("application/json").body(json())),
        }
    }

    pub(crate) fn not_modified(&self) -> HttpResponse {
        self.mark(HttpResponse::NotModified().finish())
    }

    pub(crate) fn mark(&self, mut answer: HttpResponse) -> HttpResponse {
        let headers = answer.headers_mut();
        headers.insert(header::ETAG, self.0.clone());
        // Clients may store the answer, but must revalidate it before each use.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer
    }

    pub(crate) fn is_known(&self, request: &HttpRequest) -> bool {
        let Some(sent) = request.headers().get(header::IF_NONE_MATCH) else { return false };
        sent == self.0
            || sent.to_str().is_ok_and(|sent| sent.split(',').any(|one| self.is(one.trim())))
    }

    fn is(&self, one: &str) -> bool {
        let one = one.strip_prefix("W/").unwrap_or(one);
        let tag = self.0.as_bytes();
        let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
        // Missing quotes are tolerated.
        one == "*" || one.trim_matches('"').as_bytes() == &tag[1..tag.len() - 1]
    }
}
