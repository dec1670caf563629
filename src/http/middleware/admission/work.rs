//! The kind of a request for admission control, by its method and path alone: nothing else of a
//! refused request is read.

use std::borrow::Cow;

use actix_web::http::Method;

use crate::ids::OfferingId;

/// Kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// An order that claims places of an event, or keeps them for longer.
    Claim(OfferingId),
    /// An order that frees places or continues promised work, or one whose kind only its body
    /// shows.
    Promise,
    /// Not an order.
    Other,
}

impl Work {
    /// Returns the kind of a request.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        if ![Method::POST, Method::PATCH, Method::DELETE].contains(method) {
            return Self::Other;
        }
        let path = &*decoded(path);
        let of_event = path.strip_prefix("/api").unwrap_or(path).strip_prefix("/events/");
        if let Some(rest) = of_event {
            let Some((event, rest)) = rest.split_once('/') else { return Self::Other };
            let orders = ["holds", "waitlist", "participate"];
            let is_order = orders.iter().any(|order| rest.starts_with(order));
            return match event.parse() {
                Ok(event) if is_order && claims(method, rest) => Self::Claim(event),
                Ok(_) if is_order => Self::Promise,
                Ok(_) | Err(_) => Self::Other,
            };
        }
        // The pages' forms do the same work.
        let promises = ["/api/reservations", "/checkout/", "/orders/"];
        if promises.iter().any(|start| path.starts_with(start)) {
            Self::Promise
        } else {
            Self::Other
        }
    }
}

/// Decodes the path as the router does, so that an encoded letter does not bypass admission
/// control.
fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let rest = code.map_or(part, |_| &part[2..]);
        bytes.push(code.unwrap_or(b'%'));
        bytes.extend_from_slice(rest.as_bytes());
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// True if a request below an event is a claim; `rest` is the path after the event's id.
fn claims(method: &Method, rest: &str) -> bool {
    let is_claim = !rest.contains('/') || rest.ends_with("/extend");
    method == Method::PATCH || (method == Method::POST && is_claim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_wants_places_can_be_refused() {
        let event = OfferingId::random();
        let (post, patch, delete) = (Method::POST, Method::PATCH, Method::DELETE);
        for (method, path, expected) in [
            (&post, "/api/events/{e}/holds", Work::Claim(event)),
            (&post, "/api/events/{e}/holds/{h}/extend", Work::Claim(event)),
            (&post, "/api/events/{e}/waitlist", Work::Claim(event)),
            (&post, "/events/{e}/holds", Work::Claim(event)),
            (&post, "/events/{e}/holds/{h}/release", Work::Promise),
            (&post, "/checkout/{e}/{h}", Work::Promise),
            (&post, "/orders/{e}/pay", Work::Promise),
            (&post, "/api/events/{e}/participate", Work::Claim(event)),
            (&post, "/api/event%73/{e}/%68olds", Work::Claim(event)),
            (&post, "/api/events/{e}/holds%", Work::Claim(event)),
            (&post, "/api/events/%zz/holds", Work::Other),
            (&patch, "/api/events/{e}/holds/{h}", Work::Claim(event)),
            (&patch, "/api/events/{e}", Work::Other),
            (&patch, "/api/events/{e}/products/p1", Work::Other),
            (&delete, "/api/events/{e}/holds/{h}", Work::Promise),
            (&delete, "/api/events/{e}/waitlist/{h}", Work::Promise),
            (&post, "/api/events/{e}/waitlist/{h}/accept", Work::Promise),
            (&post, "/api/reservations", Work::Promise),
            (&post, "/api/reservations/{h}/payments", Work::Promise),
            (&post, "/api/reservations/{h}/cancel", Work::Promise),
            (&Method::GET, "/api/events/{e}/holds/{h}", Work::Other),
            (&Method::GET, "/api/events/{e}/availability", Work::Other),
            (&Method::GET, "/api/reservations", Work::Other),
            (&post, "/api/events", Work::Other),
            (&post, "/api/events/nothing/holds", Work::Other),
            (&post, "/api/auth/login", Work::Other),
            (&post, "/internal/ask", Work::Other),
        ] {
            let hold = "7b0c6cf0-0000-4000-8000-000000000000";
            let path = path.replace("{e}", &event.to_string()).replace("{h}", hold);
            assert_eq!(Work::of(method, &path), expected, "{method} {path}");
        }
    }
}
