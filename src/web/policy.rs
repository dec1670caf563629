//! What browsers may do with a page or a file of this server.

use actix_web::http::header::{self, HeaderMap, HeaderValue};

/// Sources that a page may load: this server's alone, and no inline script or style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; \
    worker-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Sources of a page that shows a mail in a frame.
const POLICY_WITH_FRAME: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; manifest-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Sources of a mail in such a frame: its own styles and pictures, and nothing that acts or loads.
const POLICY_OF_MAIL: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Lets a page show a mail in a frame.
pub(crate) fn allow_frames(headers: &mut HeaderMap) {
    let policy = HeaderValue::from_static(POLICY_WITH_FRAME);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
}

/// Sets the headers of a mail in a frame.
pub(crate) fn of_mail(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY_OF_MAIL));
}

/// Sets the headers, unless the answer has a policy of its own. Files have them too: a picture can be
/// opened as a page.
pub(crate) fn set(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    // With `no-referrer`, browsers would send no origin with forms either.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}
