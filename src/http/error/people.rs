//! Errors about accounts and what people agreed to as errors of the API.

use serde_json::{Value, json};

use super::{ApiError, ErrorCode};
use crate::accounts::AccountError;
use crate::closing::ClosingError;
use crate::store::Balance;
use crate::terms::{TermError, TermRow};

/// Advice about a ticket that its owner cannot cancel.
const KEEP: &str = "the account stays open; \"reservations\":\"keep-tickets\" closes it and \
    leaves the ticket valid, an administrator can cancel it";

/// Advice about the remaining holdings of an account.
const SETTLE: &str = "say what becomes of it, as {\"settle\":{\"reservations\":\"cancel\" or \
    \"keep-tickets\",\"balance\":\"forfeit\"}}; cancelling what was paid gives money back, so it needs \
    both; wait for payments under way";

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let code = match error {
            AccountError::Invalid { field, reason } => return Self::invalid(field, reason),
            AccountError::Limited { retry_after } => {
                return Self::of(ErrorCode::TooManyRequests).with_retry_after(retry_after);
            }
            AccountError::Locked { retry_after } => {
                return Self::of(ErrorCode::LoginLocked).with_retry_after(retry_after);
            }
            AccountError::Store(error) => return error.into(),
            AccountError::Social(error) => return error.into(),
            AccountError::Internal(cause) => return Self::internal(cause),
            AccountError::EmailTaken => ErrorCode::EmailTaken,
            AccountError::InvalidCredentials => ErrorCode::InvalidCredentials,
            AccountError::RefreshRefused => ErrorCode::InvalidRefreshToken,
            AccountError::RefreshReused => ErrorCode::RefreshTokenReused,
            AccountError::AccountRequired => ErrorCode::AccountRequired,
            AccountError::HasAccount => ErrorCode::NotAGuest,
            AccountError::ClaimUsed => {
                return Self::new(ErrorCode::InvalidClaimCode, error.to_string());
            }
            AccountError::ClaimRefused | AccountError::ClaimedByAccount => {
                ErrorCode::InvalidClaimCode
            }
            AccountError::LinkRefused => ErrorCode::InvalidLink,
            AccountError::Busy => ErrorCode::Busy,
            AccountError::LastAdministrator => ErrorCode::LastAdministrator,
            // The token outlived the account.
            AccountError::NotFound => ErrorCode::Unauthorized,
        };
        Self::of(code)
    }
}

impl From<ClosingError> for ApiError {
    fn from(error: ClosingError) -> Self {
        match error {
            ClosingError::Unsettled(left) => {
                let message = format!("the account still has {}: {SETTLE}", left.describe());
                let money = |balance: &Balance| json!({ "amount": balance.amount, "currency": balance.currency });
                let reservations = left.reservations.iter().map(|one| one.id);
                Self::new(ErrorCode::AccountNotSettled, message).with_details(json!({
                    "reservations": reservations.collect::<Vec<_>>(),
                    "balances": left.balances.iter().map(money).collect::<Vec<_>>(),
                    "payments": left.payments,
                }))
            }
            ClosingError::Reservation { reservation, error } => {
                let mut error = Self::from(error).with_detail("reservationId", json!(reservation));
                if error.code == ErrorCode::CancellationRefused {
                    error.message = format!("{}: {KEEP}", error.message).into();
                }
                error
            }
            ClosingError::Claims(error) => error.into(),
            ClosingError::Account(error) => error.into(),
            ClosingError::Store(error) => error.into(),
        }
    }
}

impl From<TermError> for ApiError {
    fn from(error: TermError) -> Self {
        match error {
            TermError::Invalid(error) => error.into(),
            TermError::NoSuchTerm => Self::not_found("term"),
            TermError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            TermError::NotCurrent { current } => {
                Self::of(ErrorCode::TermNotCurrent).with_details(json!({ "currentId": current }))
            }
            TermError::NotAllowed(terms) => Self::invalid(
                "agreedTermIds",
                "must be current ones that are asked for here: read them again, they may have changed",
            )
            .with_detail("termIds", json!(terms)),
            TermError::NotAgreed(terms) => {
                let term = |term: &TermRow| {
                    json!({ "id": term.id, "type": term.kind, "title": term.title,
                        "version": term.version })
                };
                let terms: Vec<Value> = terms.iter().map(term).collect();
                Self::of(ErrorCode::TermsNotAgreed).with_details(json!({ "terms": terms }))
            }
            TermError::Store(error) => error.into(),
        }
    }
}
