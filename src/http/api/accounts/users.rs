//! `/api/users/me`: the caller's own account, as it is shown and closed.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{Access, Profile, Role, SocialProvider};
use crate::closing::{OnReservations, Settlement};
use crate::http::api::accounts::guests::CustomerKind;
use crate::http::api::payments::automatic::AutoMethod;
use crate::http::api::roles::users::{HeldRoleDto, held};
use crate::http::envelope::{Done, Failure};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Caller, OptionalBody, PayerAccess, object};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::UserId;
use crate::language::Language;
use crate::store::{IdentityRow, UserRow};
use crate::trace;

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "delete",
    "/api/users/me",
    &[
        ErrorCode::LastAdministrator,
        ErrorCode::LoginTooOld,
        ErrorCode::TooManyRequests,
        ErrorCode::Busy,
    ],
)];

/// A language that people can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LanguageTag {
    /// English.
    En,
    /// Korean.
    Ko,
}

impl LanguageTag {
    fn of(tag: Option<&str>) -> Option<Self> {
        tag.and_then(Language::by_tag).map(|language| match language {
            Language::English => Self::En,
            Language::Korean => Self::Ko,
        })
    }

    pub(super) fn language(self) -> Language {
        match self {
            Self::En => Language::English,
            Self::Ko => Language::Korean,
        }
    }
}

/// What an account was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AccountProvider {
    /// An e-mail address and a password.
    Local,
    /// An identity at Google.
    Google,
    /// An identity at Kakao.
    Kakao,
    /// An identity at Naver.
    Naver,
    /// An identity at Apple.
    Apple,
    /// An identity at the issuer that the operator has set.
    Oidc,
}

impl From<SocialProvider> for AccountProvider {
    fn from(provider: SocialProvider) -> Self {
        match provider {
            SocialProvider::Google => Self::Google,
            SocialProvider::Kakao => Self::Kakao,
            SocialProvider::Naver => Self::Naver,
            SocialProvider::Apple => Self::Apple,
            SocialProvider::Oidc => Self::Oidc,
        }
    }
}

/// An account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// Null for an account that a provider made without one.
    #[schema(required = true)]
    email: Option<String>,
    name: String,
    #[schema(required = true)]
    phone_number: Option<String>,
    role: Role,
    /// The provider for whose identity the account was made.
    provider: AccountProvider,
    /// The person's id at that provider; null for `LOCAL`.
    #[schema(required = true)]
    social_id: Option<String>,
    /// The language of mails; null while it is not known, and mails are in English.
    #[schema(required = true)]
    language: Option<LanguageTag>,
    /// When the address was confirmed by a mail; null until then.
    #[schema(required = true)]
    email_confirmed_at: Option<String>,
    /// How reservations with `autoPay` are paid; null is the wallet.
    #[schema(required = true)]
    default_payment_method: Option<AutoMethod>,
    /// True if all required current terms of the types `SERVICE` and `PRIVACY` are agreed to.
    is_sign_up_completed: bool,
    created_at: String,
    updated_at: String,
}

impl User {
    /// Reads what belongs to an account, and renders it.
    pub(super) async fn of(state: &AppState, row: UserRow) -> Self {
        let is_completed = state.terms.has_completed_sign_up(row.id).await;
        // A sign-in does not fail for this.
        let origin = state.accounts.social_origin(&row).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the provider of an account could not be read");
            None
        });
        Self::new(row, is_completed, origin)
    }

    fn new(row: UserRow, is_sign_up_completed: bool, origin: Option<IdentityRow>) -> Self {
        let provider = origin.as_ref().map(|origin| origin.provider.into());
        Self {
            id: row.id,
            email: Some(row.email).filter(|email| !email.is_empty()),
            provider: provider.unwrap_or(AccountProvider::Local),
            social_id: origin.map(|origin| origin.subject),
            name: row.name,
            phone_number: row.phone_number,
            role: row.role,
            language: LanguageTag::of(row.language.as_deref()),
            email_confirmed_at: row.email_confirmed_at.map(rfc3339),
            default_payment_method: AutoMethod::of(row.default_payment_method),
            is_sign_up_completed,
            created_at: rfc3339(row.created_at),
            updated_at: rfc3339(row.updated_at),
        }
    }
}

/// The caller: an account, or a guest. A guest has no name, and the address and times are null
/// until the guest leaves an address.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    kind: CustomerKind,
    #[schema(required = true)]
    email: Option<String>,
    /// Empty for guests.
    name: String,
    #[schema(required = true)]
    phone_number: Option<String>,
    role: Role,
    /// The roles of the account: ADMIN, and those for offerings.
    roles: Vec<HeldRoleDto>,
    /// The provider for whose identity the account was made; null for guests.
    #[schema(required = true)]
    provider: Option<AccountProvider>,
    /// The person's id at that provider; null for `LOCAL` and for guests.
    #[schema(required = true)]
    social_id: Option<String>,
    /// The language of mails; null while it is not known, and mails are in English.
    #[schema(required = true)]
    language: Option<LanguageTag>,
    /// When the address was confirmed by a mail; null until then.
    #[schema(required = true)]
    email_confirmed_at: Option<String>,
    /// How reservations with `autoPay` are paid; null is the wallet.
    #[schema(required = true)]
    default_payment_method: Option<AutoMethod>,
    /// True if all required current terms of the types `SERVICE` and `PRIVACY` are agreed to; false
    /// for guests, who have not signed up.
    is_sign_up_completed: bool,
    #[schema(required = true)]
    created_at: Option<String>,
    #[schema(required = true)]
    updated_at: Option<String>,
}

impl Me {
    fn new(
        caller: Caller,
        profile: Profile,
        roles: Vec<HeldRoleDto>,
        is_sign_up_completed: bool,
        origin: Option<IdentityRow>,
    ) -> Self {
        match profile {
            Profile::Account(row) => {
                let User {
                    id,
                    email,
                    name,
                    phone_number,
                    role: _,
                    provider,
                    social_id,
                    language,
                    email_confirmed_at,
                    default_payment_method,
                    is_sign_up_completed,
                    created_at,
                    updated_at,
                } = User::new(*row, is_sign_up_completed, origin);
                Self {
                    id,
                    kind: CustomerKind::Account,
                    email,
                    name,
                    phone_number,
                    // As the roles of now say, and not the row.
                    role: caller.role,
                    roles,
                    provider: Some(provider),
                    social_id,
                    language,
                    email_confirmed_at,
                    default_payment_method,
                    is_sign_up_completed,
                    created_at: Some(created_at),
                    updated_at: Some(updated_at),
                }
            }
            Profile::Guest(row) => {
                let row = row.as_ref();
                Self {
                    id: caller.user,
                    kind: CustomerKind::Guest,
                    email: row.map(|row| row.email.clone()),
                    name: String::new(),
                    phone_number: None,
                    role: caller.role,
                    roles: Vec::new(),
                    provider: None,
                    social_id: None,
                    language: LanguageTag::of(row.and_then(|row| row.language.as_deref())),
                    email_confirmed_at: row.and_then(|row| row.email_confirmed_at).map(rfc3339),
                    default_payment_method: None,
                    is_sign_up_completed: false,
                    created_at: row.map(|row| rfc3339(row.created_at)),
                    updated_at: row.map(|row| rfc3339(row.updated_at)),
                }
            }
        }
    }
}

/// Read the caller's own account, or what is known of a guest.
#[utoipa::path(
    get, path = "/api/users/me", tag = "users", operation_id = "getMe",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account", body = Me),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Failure),
    )
)]
pub async fn me(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let profile = state.accounts.profile(caller).await?;
    let is_completed = state.terms.is_sign_up_completed(caller.user).await?;
    let origin = match &profile {
        Profile::Account(user) => state.accounts.social_origin(user).await?,
        Profile::Guest(_) => None,
    };
    let roles = held(state.accounts.roles(), caller.user);
    Ok(respond::ok(&Me::new(caller, profile, roles, is_completed, origin)))
}

/// How the remaining reservations and money of the account are settled.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "currentPassword": "correct horse battery",
    "settle": { "reservations": "keep-tickets", "balance": "forfeit" },
}))]
pub struct CloseAccountRequest {
    /// The account's password. Required unless the caller's login is of the last 10 minutes; a guest
    /// has none.
    #[serde(default)]
    #[schema(format = Password, max_length = 128)]
    current_password: Option<String>,
    /// Required while the account has live reservations or money.
    #[serde(default, deserialize_with = "object::option")]
    settle: Option<SettleBody>,
}

/// How remaining reservations and money are settled.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleBody {
    /// The treatment of reservations that wait for payment, or whose event is still to come.
    #[serde(default, deserialize_with = "object::option_word")]
    reservations: Option<SettleReservations>,
    /// The treatment of the money in the wallet, and of refunds of cancelled reservations.
    #[serde(default, deserialize_with = "object::option_word")]
    balance: Option<SettleBalance>,
}

/// How live reservations are settled.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettleReservations {
    /// All are cancelled; payments are refunded to the wallet.
    Cancel,
    /// Paid ones stay, and their tickets stay valid; unpaid ones are cancelled.
    KeepTickets,
}

/// How money is settled.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettleBalance {
    /// The money is given up.
    Forfeit,
}

impl From<SettleBody> for Settlement {
    fn from(settle: SettleBody) -> Self {
        let reservations = settle.reservations.map(|reservations| match reservations {
            SettleReservations::Cancel => OnReservations::Cancel,
            SettleReservations::KeepTickets => OnReservations::KeepTickets,
        });
        let forfeits_balance = matches!(settle.balance, Some(SettleBalance::Forfeit));
        Self { reservations, forfeits_balance }
    }
}

/// Close the caller's account and erase its data.
///
/// Name, addresses and password are erased, tokens end, and holds and waitlist entries end in every
/// event. Of a guest, the address is erased. An account is closed with its `currentPassword`, or within
/// 10 minutes of the session's login. While the account has money or a reservation that is not over, the
/// body must state how they are settled. What was settled stays so if the closing is refused in the end,
/// since the session was ended or the password changed meanwhile.
#[utoipa::path(
    delete, path = "/api/users/me", tag = "users", operation_id = "forgetMe",
    security(("bearer" = [])),
    request_body = Option<CloseAccountRequest>,
    responses(
        (status = 200, description = "The account is closed", body = Done),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Failure),
        (status = 403, description = "LOGIN_TOO_OLD", body = Failure),
        (
            status = 409,
            description = "ACCOUNT_NOT_SETTLED, LAST_ADMINISTRATOR, PAYMENT_IN_PROGRESS",
            body = Failure,
        ),
        (status = 422, description = "INVALID", body = Failure),
        (status = 429, description = "TOO_MANY_REQUESTS", body = Failure),
        (status = 503, description = "BUSY, TEMPORARILY_UNAVAILABLE", body = Failure),
    )
)]
pub async fn forget_me(
    state: web::Data<AppState>,
    PayerAccess(access): PayerAccess,
    OptionalBody(body): OptionalBody<CloseAccountRequest>,
) -> Result<HttpResponse, ApiError> {
    let CloseAccountRequest { current_password, settle } = body.unwrap_or_default();
    closed(&state, access, current_password, settle.unwrap_or_default().into()).await?;
    Ok(respond::done("the account is closed"))
}

/// Closes the caller's account, if the caller has proved to be its owner.
///
/// # Errors
/// Another password, or a login that is too old; something is left that the settlement does not cover.
pub(crate) async fn closed(
    state: &AppState,
    access: Access,
    current_password: Option<String>,
    settlement: Settlement,
) -> Result<(), ApiError> {
    let user = access.caller.user;
    let proof = state.accounts.prove_owner(access, current_password).await?;
    let closing = state.closing();
    let late = closing.clone();
    // Runs to its end, even if the client disconnects in the middle.
    let closed = async move { closing.close(user, proof, settlement).await };
    let closed = state.runtime.spawn(trace::within(trace::current(), closed));
    let closed = closed.await.map_err(ApiError::internal)??;
    state.runtime.spawn(async move {
        if let Err(error) = late.finish(closed).await {
            tracing::warn!(%error, "what a closed account began last is left to end later");
        }
    });
    Ok(())
}
