//! Buying without an account: an e-mail address, and a code with which the order is found again.

use maud::{Markup, html};

use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;
use crate::payments::Method;
use crate::web::fields::Field;
use crate::web::visitor::Visitor;

/// Renders the field for the address of a guest, and the way to an account.
pub(super) fn email_fields(_state: &AppState, visitor: &Visitor, email: &str) -> Markup {
    let field = Field {
        name: "email",
        label: visitor.text("account.email"),
        kind: "email",
        value: email,
        hint: Some(visitor.text("guest.email_hint")),
        autocomplete: Some("email"),
        required: true,
        max_length: Some(254),
        ..Field::default()
    };
    field.render()
}

/// Notes who the guest is.
pub(super) async fn identify(
    _state: &AppState,
    _visitor: &Visitor,
    _email: &str,
) -> Result<(), ApiError> {
    Err(ApiError::of(ErrorCode::Unauthorized))
}

/// Renders the code with which a guest finds the order again; nothing for accounts.
pub(super) async fn claim_code(_state: &AppState, _visitor: &Visitor) -> Result<Markup, ApiError> {
    Ok(html! {})
}

/// Renders the payment that only a demonstration has.
pub(super) fn demo_payment(
    _state: &AppState,
    _visitor: &Visitor,
    _pay: &str,
    _key: &str,
) -> Markup {
    html! {}
}

/// Returns the method of payment with a name.
pub(super) fn method(name: &str) -> Result<Method, ApiError> {
    match name {
        "wallet" => Ok(Method::Wallet),
        _ => Err(ApiError::invalid("method", "is not a method of payment")),
    }
}
