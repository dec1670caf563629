//! Money in the wallets of a demonstration.

use crate::accounts::Caller;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::IdempotencyKey;
use crate::http::state::AppState;
use crate::store::Balance;

/// What one press of the button puts into the wallet.
const CHARGE: i64 = 1_000_000;

/// Charges the caller's own wallet, where the operator allows it.
///
/// # Errors
/// It is not allowed, or the balance would be too high.
pub(super) async fn charge_wallet(
    state: &AppState,
    caller: Caller,
    key: &str,
) -> Result<(), ApiError> {
    if !state.config.allows_self_charge() {
        return Err(ApiError::of(ErrorCode::SelfChargeOff));
    }
    let charge = Balance { currency: "KRW".into(), amount: CHARGE };
    let key = IdempotencyKey(Some(key.to_owned()))
        .row_key(caller.user, "wallet.charge", &("page", CHARGE))
        .expect("the key is there");
    state.store.wallet_charge(caller.user, &charge, &key, state.clock.now_ms()).await?;
    Ok(())
}
