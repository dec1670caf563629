//! Other names of routes: what the API has below `/api/queue` answers below `/queue` as well, as
//! clients of other queue services call it.

use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;

const ALIAS: &str = "/queue/";
const ROUTE: &str = "/api/queue/";

/// Gives a request to another name of a route the route's own path.
pub fn resolve(request: &mut ServiceRequest) {
    let Some(rest) = request.path().strip_prefix(ALIAS) else { return };
    let query = request.query_string();
    let mark = if query.is_empty() { "" } else { "?" };
    // The path was part of a valid URI, and so is the new one.
    let Ok(uri) = format!("{ROUTE}{rest}{mark}{query}").parse::<Uri>() else { return };
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
}
