//! Complimentary orders: places that an organiser gives away, confirmed at once and at no price. They
//! belong to an account, or to a guest with a claim code that the organiser passes on.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::GuestContact;
use crate::box_office::{SubmitError, Unavailable};
use crate::caller::Caller;
use crate::http::api::accounts::guests::GuestContactDto;
use crate::http::api::box_office::holds::{BestAvailableBody, HoldBody, QuantityBody, requested};
use crate::http::commands::with_nearest;
use crate::http::dto::{self, LineDto};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{ActRecord, Body, IdempotencyKey, Path, Staff, object};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, ReservationId, UserId};
use crate::inventory::{Change, Command, Idempotency, Line, LineRequest, TimestampMs};
use crate::offerings::OfferingError;

/// Adds the route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/offerings/{event}/complimentary-orders").post(give));
}

/// The error codes of this operation, beyond those that follow from its form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "post",
    "/api/admin/offerings/{event}/complimentary-orders",
    &[
        ErrorCode::SoldOut,
        ErrorCode::SeatsTaken,
        ErrorCode::UnknownProduct,
        ErrorCode::UnknownSection,
        ErrorCode::UnknownSeats,
        ErrorCode::DuplicateSeats,
        ErrorCode::WrongKindOfProduct,
        ErrorCode::EventCancelled,
        ErrorCode::NotFound,
    ],
)];

/// The recipient and the places. `lines`, `seats` and `bestAvailable` may be combined, as for a hold.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "email": "press@example.com",
    "bestAvailable": { "productId": "p1a2b3c4d-0", "quantity": 2 }
}))]
pub struct ComplimentaryBody {
    /// The address of a recipient without an account, who gets a claim code; either this or
    /// `userId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "email", max_length = 254)]
    pub email: Option<String>,
    /// The account of the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_id: Option<UserId>,
    /// Places of general-admission products; blocked ones are used when the free ones run out.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "object::list")]
    #[schema(min_items = 1)]
    pub lines: Vec<QuantityBody>,
    /// The ids of specific seats, which may be blocked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1)]
    pub seats: Vec<String>,
    /// The best available seats, placed together if possible.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::option")]
    #[schema(nullable = false)]
    pub best_available: Option<BestAvailableBody>,
}

/// A complimentary order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComplimentaryDto {
    /// The order: `/api/reservations/{id}` shows and cancels it.
    pub reservation_id: ReservationId,
    /// The event.
    pub event_id: OfferingId,
    /// The id of the recipient.
    pub user_id: UserId,
    /// The places, at no price.
    pub lines: Vec<LineDto>,
    /// The address and the claim code of a recipient without an account, until the code is used: the
    /// recipient has another one from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub guest: Option<GuestContactDto>,
    /// Time of the order.
    pub created_at: String,
    /// The server's time.
    pub server_time: String,
}

/// The recipient of a complimentary order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A person without an account, by e-mail address.
    Guest(String),
    /// An account.
    Account(UserId),
}

/// A complimentary order that was issued.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Issued {
    pub reservation: ReservationId,
    pub recipient: UserId,
    pub contact: Option<GuestContact>,
    pub lines: Vec<Line>,
    pub at: TimestampMs,
    /// True if this repeats an earlier request with the key.
    pub replayed: bool,
}

/// Give places away: a confirmed order at no price.
///
/// The state and the windows of the sale, the waitlist and the limits of customers do not matter;
/// seats that are blocked are unblocked with the order. A recipient without an account reads and shows
/// the tickets with the claim code of the answer, which ends by its use. The places count towards the limits of the
/// recipient's later purchases.
#[utoipa::path(post, path = "/api/admin/offerings/{event}/complimentary-orders", tag = "admin",
    operation_id = "giveComplimentaryOrder",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = ComplimentaryBody,
    responses((status = 201, body = crate::http::envelope::Success<ComplimentaryDto>)))]
pub(crate) async fn give(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    record: ActRecord,
    Body(body): Body<ComplimentaryBody>,
) -> Result<HttpResponse, ApiError> {
    let idempotency = key.identity(admin.user, "complimentary order", &(event, &body));
    let recipient = match (body.email, body.user_id) {
        (Some(email), None) => Recipient::Guest(email),
        (None, Some(user)) => Recipient::Account(user),
        _ => return Err(ApiError::new(ErrorCode::Invalid, "send either email or userId")),
    };
    let ComplimentaryBody { lines, seats, best_available, .. } = body;
    let places = HoldBody { lines, seats, best_available };
    let lines = requested(&state, event, &places).await?;
    let issued = match issue(&state, admin, event, (recipient, lines), idempotency).await {
        Ok(issued) => issued,
        Err(error) => return Err(with_nearest(&state, event, &places.seats, error).await),
    };
    let view = state.offices.view_covering(event, &issued.lines).await?;
    let labels = state.venues.labels(event).await;
    let dto = ComplimentaryDto {
        reservation_id: issued.reservation,
        event_id: event,
        user_id: issued.recipient,
        lines: dto::lines(&issued.lines, &view, &labels),
        guest: issued.contact.map(GuestContactDto::from),
        created_at: rfc3339(issued.at),
        server_time: rfc3339(state.clock.now_ms()),
    };
    record.made(&issued.reservation);
    let mut response = respond::created(&dto);
    locate(&mut response, &format!("/api/reservations/{}", issued.reservation));
    mark_replayed(&mut response, issued.replayed);
    Ok(response)
}

/// Issues a complimentary order; the organiser's page uses it too.
///
/// # Errors
/// The recipient does not exist, the refusal, or why nothing could be decided.
pub(crate) async fn issue(
    state: &AppState,
    admin: Caller,
    event: OfferingId,
    (recipient, lines): (Recipient, Vec<LineRequest>),
    idempotency: Option<Idempotency>,
) -> Result<Issued, ApiError> {
    let (customer, made) = match recipient {
        Recipient::Guest(email) => {
            // The address is stored first: an order that nobody can claim would be lost.
            let (guest, contact) = state.accounts.guest_recipient(&email).await?;
            (guest, Some(contact))
        }
        Recipient::Account(user) => match state.store.user_get(user).await? {
            Some(row) if !row.is_closed() => (user, None),
            Some(_) | None => return Err(ApiError::not_found("account")),
        },
    };
    let (hold, reservation) = (HoldId::random(), ReservationId::random());
    let command = Command::IssueComplimentary { hold, reservation, customer, lines };
    let committed = state.offerings.submit_by_admin(event, admin.user, command, idempotency).await;
    let committed = match committed {
        Ok(committed) => committed,
        Err(error) => {
            // Where the outcome is not known, the guest may have been given the places.
            if made.is_some() && is_certain(&error) {
                forget(state, customer).await;
            }
            return Err(error.into());
        }
    };
    let granted = committed.transition.changes.iter().find_map(|change| match change {
        Change::ReservationGranted { reservation, customer, lines } => {
            Some((*reservation, *customer, lines.clone()))
        }
        _ => None,
    });
    let Some((reservation, recipient, lines)) = granted else {
        return Err(ApiError::internal("a complimentary order was answered by another change"));
    };
    let contact = match made {
        Some(contact) if recipient == customer => Some(contact),
        // A repeated request made a guest anew: the order belongs to the first.
        Some(_) => {
            forget(state, customer).await;
            state.accounts.gift_contact(recipient).await?
        }
        None => None,
    };
    let (at, replayed) = (committed.at, committed.replayed);
    Ok(Issued { reservation, recipient, contact, lines, at, replayed })
}

/// Removes a guest who was given nothing. One who stays costs a row and changes no answer.
async fn forget(state: &AppState, guest: UserId) {
    if let Err(error) = state.accounts.forget_recipient(guest).await {
        tracing::warn!(%guest, %error, "a guest who was given nothing could not be removed");
    }
}

/// True if nothing was given, for certain.
fn is_certain(error: &OfferingError) -> bool {
    match error {
        OfferingError::Invalid(_) | OfferingError::NoSuchEvent | OfferingError::Rejected(_) => true,
        OfferingError::Command(_, SubmitError::Rejected(_)) => true,
        OfferingError::Command(_, SubmitError::Unavailable(unavailable))
        | OfferingError::Unavailable(unavailable) => matches!(
            unavailable,
            Unavailable::NoSuchOffering
                | Unavailable::Busy
                | Unavailable::BadData
                | Unavailable::Failed
                | Unavailable::Moving
        ),
        _ => false,
    }
}
