//! The table of refusals and failures, as clients receive them.

use actix_web::http::header;

use super::*;
use crate::accounts::AccountError;
use crate::box_office::{SubmitError, Unavailable};
use crate::ids::EnrollmentId;
use crate::inventory::{Rejection, SaleEnd};

fn check(error: impl Into<ApiError>, status: u16, code: &str) {
    let error = error.into();
    let response = error.to_response(&RequestId::given("the-id").unwrap());
    assert_eq!((response.status().as_u16(), error.code().as_str()), (status, code));
    let retries = [429, 503].contains(&status);
    assert_eq!(response.headers().contains_key(header::RETRY_AFTER), retries, "{code}");
}

const ENROLLMENT: EnrollmentId = EnrollmentId(uuid::Uuid::nil());

#[test]
fn every_rejection_has_its_status_and_code() {
    let seats = || vec![SeatId(1)];
    let mut tested = std::collections::HashSet::new();
    for (rejection, status, code) in [
        (Rejection::SoldOut { requested: 2, available: 1 }, 409, "SOLD_OUT"),
        (Rejection::SeatsTaken { seats: seats() }, 409, "SEATS_TAKEN"),
        (Rejection::UnknownProduct, 422, "UNKNOWN_PRODUCT"),
        (Rejection::UnknownSection, 422, "UNKNOWN_SECTION"),
        (Rejection::UnknownSeats { seats: seats() }, 422, "UNKNOWN_SEATS"),
        (Rejection::DuplicateSeats { seats: seats() }, 422, "DUPLICATE_SEATS"),
        (Rejection::WrongKindOfProduct { numbered: true }, 422, "WRONG_KIND_OF_PRODUCT"),
        (Rejection::Invalid { reason: "zero places".into() }, 422, "INVALID"),
        (Rejection::LimitExceeded { max: 4, current: 4 }, 409, "LIMIT_EXCEEDED"),
        (Rejection::SaleNotOpen { opens_at: None }, 409, "SALE_NOT_OPEN"),
        (Rejection::SaleClosed { paused: false }, 409, "SALE_CLOSED"),
        (Rejection::SaleClosed { paused: true }, 409, "SALE_PAUSED"),
        (Rejection::Cancelled, 409, "EVENT_CANCELLED"),
        (Rejection::HoldNotFound, 404, "HOLD_NOT_FOUND"),
        (Rejection::HoldExpired, 410, "HOLD_EXPIRED"),
        (Rejection::HoldEnded, 409, "HOLD_ENDED"),
        (Rejection::ExtensionExhausted, 409, "EXTENSION_EXHAUSTED"),
        (Rejection::ReservationNotFound, 404, "RESERVATION_NOT_FOUND"),
        (Rejection::ReservationExpired, 410, "RESERVATION_EXPIRED"),
        (
            Rejection::WrongState { what: "hold".into(), state: "offered".into() },
            409,
            "WRONG_STATE",
        ),
        (Rejection::PaymentInProgress, 409, "PAYMENT_IN_PROGRESS"),
        (Rejection::AlreadyCheckedIn, 409, "ALREADY_CHECKED_IN"),
        (Rejection::TicketNotFound, 404, "TICKET_NOT_FOUND"),
        (Rejection::WaitlistUnavailable { full: true }, 409, "WAITLIST_UNAVAILABLE"),
        (Rejection::AlreadyWaiting, 409, "ALREADY_WAITING"),
        (Rejection::PlacesAvailable { available: 3 }, 409, "PLACES_AVAILABLE"),
        (Rejection::WaitlistEntryNotFound, 404, "WAITLIST_ENTRY_NOT_FOUND"),
        (Rejection::BelowTaken { taken: 9 }, 409, "BELOW_TAKEN"),
        (Rejection::KeyReused, 422, "IDEMPOTENCY_KEY_REUSED"),
        (Rejection::TooManyKeys, 429, "TOO_MANY_IDEMPOTENCY_KEYS"),
        (Rejection::ProductWithdrawn, 409, "PRODUCT_WITHDRAWN"),
        (Rejection::CancellationRefused { until: None }, 409, "CANCELLATION_REFUSED"),
        (Rejection::SaleOver { end: SaleEnd::Sale, at: 1 }, 409, "WRONG_STATE"),
        (Rejection::NotParticipable, 409, "PARTICIPATION_UNAVAILABLE"),
        (
            Rejection::AlreadyParticipated { reservation: None, hold: None },
            409,
            "EVENT_ALREADY_PARTICIPATED",
        ),
        (Rejection::WrongOffering { is_class: true }, 409, "WRONG_STATE"),
        (Rejection::WrongOffering { is_class: false }, 404, "CLASS_NOT_FOUND"),
        (Rejection::RecruitmentNotOpen { opens_at: Some(1) }, 409, "RECRUITMENT_NOT_OPEN"),
        (Rejection::RecruitmentOver { ended_at: None }, 409, "RECRUITMENT_OVER"),
        (Rejection::AlreadyEnrolled { enrollment: ENROLLMENT }, 409, "ALREADY_ENROLLED"),
        (Rejection::ReapplyRefused { enrollment: ENROLLMENT }, 409, "REAPPLY_REFUSED"),
        (Rejection::ClassFull { capacity: 2, waitlist: 1 }, 409, "CLASS_FULL"),
        (Rejection::NoPlacesLeft { left: 0 }, 409, "NO_PLACES_LEFT"),
        (Rejection::EnrollmentNotFound, 404, "ENROLLMENT_NOT_FOUND"),
        (Rejection::VersionConflict { current: 2 }, 409, "VERSION_CONFLICT"),
        (Rejection::SelectionFrozen, 409, "SELECTION_FROZEN"),
        (Rejection::HasEnrollments { living: 3 }, 409, "CLASS_HAS_ENROLLMENTS"),
        (Rejection::PlacesLeft { left: 2 }, 409, "PLACES_LEFT"),
        (Rejection::TooManyApplications { limit: 20 }, 409, "TOO_MANY_APPLICATIONS"),
        (Rejection::QueueIsOn, 409, "QUEUE_IS_ON"),
        (Rejection::NoQueue, 404, "NO_QUEUE"),
        (Rejection::QueueClosing, 409, "QUEUE_CLOSING"),
        (Rejection::QueueDraining, 409, "QUEUE_CLOSED"),
        (Rejection::QueueFull { max: 9 }, 409, "QUEUE_FULL"),
        (Rejection::InQueue, 409, "IN_QUEUE"),
        (Rejection::QueueEntryNotFound, 404, "NOT_IN_QUEUE"),
        (Rejection::PassRequired, 403, "PASS_REQUIRED"),
        (Rejection::PassExpired, 403, "PASS_EXPIRED"),
        (Rejection::PassUsed, 403, "PASS_USED"),
    ] {
        tested.insert(std::mem::discriminant(&rejection));
        check(SubmitError::from(rejection), status, code);
    }
    for (name, rejection) in crate::box_office::every_rejection() {
        assert!(tested.contains(&std::mem::discriminant(&rejection)), "{name} has no row here");
    }
}

#[test]
fn every_reason_to_decide_nothing_has_its_status_and_code() {
    for (unavailable, status, code) in [
        (Unavailable::NoSuchOffering, 404, "EVENT_NOT_FOUND"),
        (Unavailable::Busy, 503, "BUSY"),
        (Unavailable::Recovering, 503, "TEMPORARILY_UNAVAILABLE"),
        (Unavailable::OutcomeUnknown, 503, "OUTCOME_UNKNOWN"),
        (Unavailable::ClockSkewed, 503, "CLOCK_NOT_TRUSTED"),
        (Unavailable::Stopping, 503, "SHUTTING_DOWN"),
        (Unavailable::BadData, 422, "UNSTORABLE_VALUE"),
        (Unavailable::Failed, 500, "INTERNAL_ERROR"),
    ] {
        check(SubmitError::from(unavailable), status, code);
    }
}

#[test]
fn what_failed_inside_is_told_to_nobody() {
    let cause = sea_orm::DbErr::Custom("password=hunter2".into());
    for error in [
        ApiError::from(StoreError::Unavailable(cause)),
        ApiError::from(StoreError::Damaged("hunter2".into())),
        ApiError::from(StoreError::BadData(sea_orm::DbErr::Custom("hunter2".into()))),
        ApiError::from(AccountError::Internal("hunter2".into())),
    ] {
        assert!(!format!("{error}").contains("hunter2"), "{error}");
    }
}

#[test]
fn seats_are_named_by_their_public_ids() {
    let offering = OfferingId::random();
    let rejection = Rejection::SeatsTaken { seats: vec![SeatId(3), SeatId(5)] };
    let error = ApiError::in_offering(offering, SubmitError::from(rejection));
    let seats = json!([SeatId(3).to_public(offering), SeatId(5).to_public(offering)]);
    assert_eq!(error.details, Some(json!({ "seats": seats })));
}

#[test]
fn a_wait_is_rounded_up() {
    let error = ApiError::of(ErrorCode::Busy).with_retry_after(Duration::from_millis(1_001));
    assert_eq!(
        error
            .to_response(&RequestId::draw())
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()),
        Some("2")
    );
}
