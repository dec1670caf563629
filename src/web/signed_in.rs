//! What follows when a visitor has signed in, by whichever way: the guest's basket comes along, the session
//! that the browser had ends, and the new one and its device are kept in cookies.

use actix_web::cookie::Cookie;
use actix_web::{HttpRequest, HttpResponse};

use crate::accounts::Session;
use crate::http::state::AppState;
use crate::web::basket::{self, Moved};
use crate::web::cookies;
use crate::web::forms::local_path;
use crate::web::sessions;
use crate::web::visitor::Visitor;

/// Leads a visitor who has signed in on to the page `back` of this server.
pub(super) async fn lead_on(
    state: &AppState,
    request: &HttpRequest,
    visitor: &Visitor,
    session: Session,
    back: &str,
) -> HttpResponse {
    let user = session.user.id;
    // A guest who has made this account keeps the holds as they are.
    let guest = visitor.caller.filter(|caller| caller.guest && caller.user != user);
    let moved = match guest {
        Some(guest) => basket::hand_over(state, request, guest, user).await,
        None => Moved::default(),
    };
    let back = match local_path(back) {
        // The holds have other ids now.
        back if guest.is_some() && back.starts_with("/checkout/") => "/basket",
        back => back,
    };
    sessions::end_earlier(state, request, visitor).await;
    let mut response = sessions::lead_on(request, &moved.noted(back));
    let known = request.cookie(visitor.site.cookies.device);
    let known = known.as_ref().map(Cookie::value);
    let device = state.accounts.device_token(&session.user, known);
    cookies::keep_device(&mut response, &visitor.site, device);
    cookies::open(&mut response, &visitor.site, session);
    response
}
