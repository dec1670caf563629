//! How automatic payments are made: as a checkout asks for, or as the caller has chosen for all.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::Caller;
use crate::http::state::AppState;
use crate::payments::Method;

/// A method of payment that needs nothing more of the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AutoMethod {
    /// From the wallet in the event's currency.
    Wallet,
    /// By the simulated gateway, which moves no money. Offered in a demonstration, or with
    /// `ADMITONE_PAYMENT_SIMULATOR`.
    Simulator,
}

impl AutoMethod {
    /// Returns the method of that name, if it can pay by itself.
    pub(crate) fn of(method: Option<Method>) -> Option<Self> {
        match method? {
            Method::Wallet => Some(Self::Wallet),
            Method::Simulator => Some(Self::Simulator),
            Method::Demo | Method::Manual | Method::Stripe => None,
        }
    }

    /// Returns the method, if it is offered here.
    ///
    /// # Errors
    /// [`ErrorCode::PaymentMethodUnavailable`].
    pub(crate) fn offered(self, state: &AppState) -> Result<Method, ApiError> {
        let method = match self {
            Self::Wallet => Method::Wallet,
            Self::Simulator => Method::Simulator,
        };
        if !state.payments.offers(method) {
            return Err(ApiError::of(ErrorCode::PaymentMethodUnavailable));
        }
        Ok(method)
    }
}

/// Returns how a checkout is to be paid by itself: by the `asked` method, else as the caller has chosen,
/// else from the wallet. `None` if it is not to be.
///
/// # Errors
/// A method without `autoPay`, or one that is not offered here.
pub(crate) async fn of_checkout(
    state: &AppState,
    caller: Caller,
    (auto_pay, asked): (bool, Option<AutoMethod>),
) -> Result<Option<Method>, ApiError> {
    if !auto_pay {
        return match asked {
            Some(_) => Err(ApiError::invalid("method", "goes with \"autoPay\": true only")),
            None => Ok(None),
        };
    }
    let method = match asked {
        Some(method) => method,
        None => AutoMethod::of(state.accounts.default_payment_method(caller).await?)
            .unwrap_or(AutoMethod::Wallet),
    };
    method.offered(state).map(Some)
}
