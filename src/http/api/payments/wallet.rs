//! `/api/wallet`: the caller's money, and adding to it.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::dto::Money;
use crate::http::envelope::{Failure, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path, Payer, Staff, object};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{PaymentId, UserId};
use crate::inventory::Minor;
use crate::store::{Answered, Balance, EntryKind, Key, WalletEntry};

/// The most that one charge may add, in minor units.
const MAX_CHARGE: Minor = 1_000_000_000_000;
/// The number of last changes that are shown.
const ENTRIES_SHOWN: u64 = 50;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/wallet").route(web::get().to(wallet)))
        .service(web::resource("/api/wallet/charges").route(web::post().to(charge)))
        .service(
            web::resource("/api/admin/users/{user}/wallet/charges")
                .route(web::post().to(charge_for)),
        );
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] =
    &[("post", "/api/wallet/charges", &[ErrorCode::IdempotencyKeyRequired, ErrorCode::Conflict])];

/// A request to put money into a wallet.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChargeRequest {
    /// The amount: at least 1 and at most 1,000,000,000,000 minor units.
    #[serde(deserialize_with = "object::one")]
    #[schema(value_type = crate::http::openapi::forms::Deposit)]
    amount: Money,
}

/// The wallet after a charge.
#[derive(Debug, Serialize, ToSchema)]
pub struct Charged {
    /// The balance in the charged currency.
    balance: Money,
}

/// A wallet.
#[derive(Debug, Serialize, ToSchema)]
pub struct Wallet {
    /// The balance of each currency.
    balances: Vec<Money>,
    /// The last changes, newest first.
    entries: Vec<WalletEntryDto>,
}

/// The reason of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum EntryKindDto {
    /// Money was put in.
    Charge,
    /// A reservation was paid.
    Payment,
    /// The payment failed, and its amount was returned.
    Void,
    /// The paid reservation was cancelled.
    Refund,
    /// The owner gave up the money when closing the account.
    Forfeit,
}

/// A change of a balance.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WalletEntryDto {
    id: Uuid,
    kind: EntryKindDto,
    /// The change; negative if money left the wallet.
    #[serde(deserialize_with = "object::one")]
    amount: Money,
    /// The payment that caused the change; null for other causes.
    #[schema(required = true)]
    payment_id: Option<PaymentId>,
    created_at: String,
}

impl From<WalletEntry> for WalletEntryDto {
    fn from(entry: WalletEntry) -> Self {
        let kind = match entry.kind {
            EntryKind::Charge => EntryKindDto::Charge,
            EntryKind::Authorize => EntryKindDto::Payment,
            EntryKind::Void => EntryKindDto::Void,
            EntryKind::Refund => EntryKindDto::Refund,
            EntryKind::Forfeit => EntryKindDto::Forfeit,
        };
        Self {
            id: entry.id,
            kind,
            amount: Money { amount: entry.amount, currency: entry.currency },
            payment_id: entry.payment,
            created_at: rfc3339(entry.created_at),
        }
    }
}

impl From<Balance> for Money {
    fn from(balance: Balance) -> Self {
        Self { amount: balance.amount, currency: balance.currency }
    }
}

/// Read the balances and the last changes of the caller's wallet.
#[utoipa::path(
    get, path = "/api/wallet", tag = "wallet", operation_id = "getWallet",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "Balances and the last changes", body = Success<Wallet>),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Failure),
        (status = 503, description = "TEMPORARILY_UNAVAILABLE", body = Failure),
    )
)]
pub async fn wallet(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let balances = state.store.wallet_get(caller.user).await?;
    let entries = state.store.wallet_entries(caller.user, ENTRIES_SHOWN).await?;
    Ok(respond::ok(&Wallet {
        balances: balances.into_iter().map(Money::from).collect(),
        entries: entries.into_iter().map(WalletEntryDto::from).collect(),
    }))
}

/// Put money into the caller's own wallet, if the operator allows it. A currency that the wallet
/// does not have yet is added.
#[utoipa::path(
    post, path = "/api/wallet/charges", tag = "wallet", operation_id = "chargeWallet",
    security(("bearer" = [])),
    params(("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, description = "Makes a retry the same charge")),
    request_body = ChargeRequest,
    responses(
        (status = 201, description = "Charged", body = Success<Charged>),
        (status = 400, description = "MALFORMED_JSON", body = Failure),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Failure),
        (status = 403, description = "WALLET_SELF_CHARGE_OFF", body = Failure),
        (status = 409, description = "CONFLICT: the balance would be too high", body = Failure),
        (
            status = 422,
            description = "INVALID, IDEMPOTENCY_KEY_REQUIRED, IDEMPOTENCY_KEY_REUSED",
            body = Failure,
        ),
        (status = 503, description = "TEMPORARILY_UNAVAILABLE", body = Failure),
    )
)]
pub async fn charge(
    state: web::Data<AppState>,
    Payer(caller): Payer,
    key: IdempotencyKey,
    Body(body): Body<ChargeRequest>,
) -> Result<HttpResponse, ApiError> {
    if !state.config.allows_self_charge() {
        return Err(ApiError::of(ErrorCode::SelfChargeOff));
    }
    key.required()?;
    let charge = checked(&body)?;
    let key = key.row_key(caller.user, "wallet.charge", &body).expect("the key is there");
    let deposited = charged(&state, caller.user, &charge, &key).await?;
    let mut response = deposited.answer(charge.currency);
    locate(&mut response, "/api/wallet");
    Ok(response)
}

/// Put money into the wallet of any user (administrators).
#[utoipa::path(
    post, path = "/api/admin/users/{user}/wallet/charges", tag = "admin",
    operation_id = "chargeWalletOfUser",
    security(("bearer" = [])),
    params(
        ("user" = String, Path, format = "uuid"),
        ("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, description = "Makes a retry the same charge"),
    ),
    request_body = ChargeRequest,
    responses(
        (status = 201, description = "Charged", body = Success<Charged>),
        (status = 400, description = "MALFORMED_JSON", body = Failure),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Failure),
        (status = 403, description = "FORBIDDEN", body = Failure),
        (status = 404, description = "NOT_FOUND: no such account, or a closed one", body = Failure),
        (status = 409, description = "CONFLICT: the balance would be too high", body = Failure),
        (
            status = 422,
            description = "INVALID, IDEMPOTENCY_KEY_REQUIRED, IDEMPOTENCY_KEY_REUSED",
            body = Failure,
        ),
        (status = 503, description = "TEMPORARILY_UNAVAILABLE", body = Failure),
    )
)]
pub async fn charge_for(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    Path(user): Path<UserId>,
    key: IdempotencyKey,
    Body(body): Body<ChargeRequest>,
) -> Result<HttpResponse, ApiError> {
    key.required()?;
    let Money { amount, currency } = body.amount;
    let charge = Balance { currency, amount };
    let charged = charge_of_user(&state, caller.user, user, &charge, &key).await?;
    Ok(charged.answer(charge.currency))
}

/// Puts money into the wallet of a user on behalf of the administrator `by`.
///
/// # Errors
/// The amount or the currency is not allowed, or there is no such account.
pub(crate) async fn charge_of_user(
    state: &AppState,
    by: UserId,
    user: UserId,
    charge: &Balance,
    key: &IdempotencyKey,
) -> Result<Deposited, ApiError> {
    let body = ChargeRequest {
        amount: Money { amount: charge.amount, currency: charge.currency.clone() },
    };
    let charge = checked(&body)?;
    if state.store.user_get(user).await?.is_none() {
        return Err(ApiError::not_found("account"));
    }
    key.required()?;
    let key = key.row_key(by, "wallet.charge of another", &(user, &body));
    let charged = charged(state, user, &charge, &key.expect("the key is there")).await?;
    let Money { amount, currency } = &body.amount;
    tracing::info!(%by, %user, amount, currency, "an administrator charged a wallet");
    Ok(charged)
}

/// Returns the amount to charge, if the amount and the currency are valid.
fn checked(body: &ChargeRequest) -> Result<Balance, ApiError> {
    let Money { amount, currency } = &body.amount;
    if !(1..=MAX_CHARGE).contains(amount) {
        let reason = format!("must be between 1 and {MAX_CHARGE}");
        return Err(ApiError::invalid("amount.amount", reason));
    }
    if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        let reason = "must be three capital letters, like KRW (ISO 4217)";
        return Err(ApiError::invalid("amount.currency", reason));
    }
    Ok(Balance { currency: currency.clone(), amount: *amount })
}

/// A balance after a charge.
pub(crate) struct Deposited {
    balance: Minor,
    /// True if this repeats an earlier request with the same key.
    replayed: bool,
}

impl Deposited {
    fn answer(&self, currency: String) -> HttpResponse {
        let balance = Money { amount: self.balance, currency };
        let mut response = respond::created(&Charged { balance });
        mark_replayed(&mut response, self.replayed);
        response
    }
}

async fn charged(
    state: &AppState,
    user: UserId,
    charge: &Balance,
    key: &Key,
) -> Result<Deposited, ApiError> {
    let now = state.clock.now_ms();
    match state.store.wallet_charge(user, charge, key, now).await? {
        Answered::Now(balance) => Ok(Deposited { balance, replayed: false }),
        Answered::Before(kept) => {
            let unreadable = || ApiError::internal(format!("a kept balance reads {kept:?}"));
            let balance = kept.parse().map_err(|_| unreadable())?;
            Ok(Deposited { balance, replayed: true })
        }
    }
}
