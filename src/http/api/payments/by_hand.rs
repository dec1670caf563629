//! Who may pay by hand: the places of such an order are kept for days before any money has come.

use crate::caller::Caller;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;
use crate::payments::Method;

/// Refuses a payment by hand by a person who has confirmed no address. Without mails none can be
/// confirmed, and an account suffices.
///
/// # Errors
/// [`ErrorCode::AccountRequired`].
pub(crate) async fn check(
    state: &AppState,
    caller: Caller,
    method: Method,
) -> Result<(), ApiError> {
    if method != Method::Manual
        || !state.payments.offers(method)
        || state.accounts.may_promise_payment(caller).await?
    {
        return Ok(());
    }
    let why = match state.accounts.can_notify() {
        true => "paying by hand needs a confirmed e-mail address, of an account or a guest",
        false => {
            "paying by hand needs an account: this server sends no mails that confirm addresses"
        }
    };
    Err(ApiError::new(ErrorCode::AccountRequired, why))
}
