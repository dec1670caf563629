//! What browsers may do with a page or a file of this server.

use actix_web::http::header::{self, HeaderMap, HeaderValue};

/// Sources that a page may load: this server's alone, and no inline script or style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; \
    worker-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Sets the headers. Files have them too: a picture can be opened as a page.
pub(crate) fn set(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // With `no-referrer`, browsers would send no origin with forms either.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}
