//! Rejections of the box office as errors of the API.

use serde_json::{Value, json};

use super::{ApiError, ErrorCode};
use crate::http::respond::rfc3339;
use crate::inventory::Rejection;

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let mut error = Self::new(code_of(&rejection), rejection.to_string());
        error.details = details_of(&rejection);
        if let Rejection::SeatsTaken { seats }
        | Rejection::UnknownSeats { seats }
        | Rejection::DuplicateSeats { seats } = rejection
        {
            error.seats = seats;
        }
        error
    }
}

fn code_of(rejection: &Rejection) -> ErrorCode {
    match rejection {
        Rejection::SoldOut { .. } => ErrorCode::SoldOut,
        Rejection::SeatsTaken { .. } => ErrorCode::SeatsTaken,
        Rejection::UnknownProduct => ErrorCode::UnknownProduct,
        Rejection::UnknownSection => ErrorCode::UnknownSection,
        Rejection::UnknownSeats { .. } => ErrorCode::UnknownSeats,
        Rejection::DuplicateSeats { .. } => ErrorCode::DuplicateSeats,
        Rejection::WrongKindOfProduct { .. } => ErrorCode::WrongKindOfProduct,
        Rejection::Invalid { .. } => ErrorCode::Invalid,
        Rejection::LimitExceeded { .. } => ErrorCode::LimitExceeded,
        Rejection::SaleNotOpen { .. } => ErrorCode::SaleNotOpen,
        Rejection::SaleClosed { paused: true } => ErrorCode::SalePaused,
        Rejection::SaleClosed { paused: false } => ErrorCode::SaleClosed,
        Rejection::Cancelled => ErrorCode::EventCancelled,
        Rejection::HoldNotFound => ErrorCode::HoldNotFound,
        Rejection::HoldExpired => ErrorCode::HoldExpired,
        Rejection::HoldEnded => ErrorCode::HoldEnded,
        Rejection::ExtensionExhausted => ErrorCode::ExtensionExhausted,
        Rejection::ReservationNotFound => ErrorCode::ReservationNotFound,
        Rejection::ReservationExpired => ErrorCode::ReservationExpired,
        Rejection::WrongState { .. } => ErrorCode::WrongState,
        Rejection::PaymentInProgress => ErrorCode::PaymentInProgress,
        Rejection::AlreadyCheckedIn => ErrorCode::AlreadyCheckedIn,
        Rejection::TicketNotFound => ErrorCode::TicketNotFound,
        Rejection::WaitlistUnavailable { .. } => ErrorCode::WaitlistUnavailable,
        Rejection::AlreadyWaiting => ErrorCode::AlreadyWaiting,
        Rejection::PlacesAvailable { .. } => ErrorCode::PlacesAvailable,
        Rejection::WaitlistEntryNotFound => ErrorCode::WaitlistEntryNotFound,
        Rejection::BelowTaken { .. } => ErrorCode::BelowTaken,
        Rejection::KeyReused => ErrorCode::KeyReused,
        Rejection::TooManyKeys => ErrorCode::TooManyKeys,
        Rejection::ProductWithdrawn => ErrorCode::ProductWithdrawn,
        Rejection::CancellationRefused { .. } => ErrorCode::CancellationRefused,
        Rejection::SaleOver { .. } => ErrorCode::WrongState,
        Rejection::NotParticipable => ErrorCode::ParticipationUnavailable,
        Rejection::AlreadyParticipated { .. } => ErrorCode::EventAlreadyParticipated,
        Rejection::WrongOffering { is_class: true } => ErrorCode::WrongState,
        Rejection::WrongOffering { is_class: false } => ErrorCode::ClassNotFound,
        Rejection::RecruitmentNotOpen { .. } => ErrorCode::RecruitmentNotOpen,
        Rejection::RecruitmentOver { .. } => ErrorCode::RecruitmentOver,
        Rejection::AlreadyEnrolled { .. } => ErrorCode::AlreadyEnrolled,
        Rejection::ReapplyRefused { .. } => ErrorCode::ReapplyRefused,
        Rejection::ClassFull { .. } => ErrorCode::ClassFull,
        Rejection::NoPlacesLeft { .. } => ErrorCode::NoPlacesLeft,
        Rejection::EnrollmentNotFound => ErrorCode::EnrollmentNotFound,
        Rejection::VersionConflict { .. } => ErrorCode::VersionConflict,
        Rejection::SelectionFrozen => ErrorCode::SelectionFrozen,
        Rejection::HasEnrollments { .. } => ErrorCode::HasEnrollments,
        Rejection::PlacesLeft { .. } => ErrorCode::PlacesLeft,
        Rejection::TooManyApplications { .. } => ErrorCode::TooManyApplications,
        Rejection::QueueIsOn => ErrorCode::QueueIsOn,
        Rejection::NoQueue => ErrorCode::NoQueue,
        Rejection::QueueClosing => ErrorCode::QueueClosing,
        Rejection::QueueDraining => ErrorCode::QueueClosed,
        Rejection::QueueFull { .. } => ErrorCode::QueueFull,
        Rejection::InQueue => ErrorCode::InQueue,
        Rejection::QueueEntryNotFound => ErrorCode::NotInQueue,
        Rejection::PassRequired => ErrorCode::PassRequired,
        Rejection::PassExpired => ErrorCode::PassExpired,
        Rejection::PassUsed => ErrorCode::PassUsed,
    }
}

fn details_of(rejection: &Rejection) -> Option<Value> {
    match rejection {
        Rejection::SoldOut { requested, available } => {
            Some(json!({ "requested": requested, "available": available }))
        }
        Rejection::LimitExceeded { max, current } => {
            Some(json!({ "max": max, "current": current }))
        }
        Rejection::SaleNotOpen { opens_at: Some(at) } => Some(json!({ "opensAt": rfc3339(*at) })),
        Rejection::WrongState { what, state } => Some(json!({ "what": what, "state": state })),
        Rejection::PlacesAvailable { available } => Some(json!({ "available": available })),
        Rejection::BelowTaken { taken } => Some(json!({ "taken": taken })),
        Rejection::CancellationRefused { until: Some(at) } => {
            Some(json!({ "until": rfc3339(*at) }))
        }
        Rejection::SaleOver { end, at } => Some(json!({
            "what": "sale", "state": "over", "field": end.field(), "endedAt": rfc3339(*at)
        })),
        Rejection::AlreadyParticipated { reservation: Some(id), .. } => {
            Some(json!({ "participationId": id }))
        }
        Rejection::AlreadyParticipated { reservation: None, hold } => {
            Some(json!({ "holdId": hold }))
        }
        Rejection::RecruitmentNotOpen { opens_at: Some(at) } => {
            Some(json!({ "opensAt": rfc3339(*at) }))
        }
        Rejection::RecruitmentOver { ended_at: Some(at) } => {
            Some(json!({ "endedAt": rfc3339(*at) }))
        }
        Rejection::AlreadyEnrolled { enrollment } | Rejection::ReapplyRefused { enrollment } => {
            Some(json!({ "enrollmentId": enrollment }))
        }
        Rejection::ClassFull { capacity, waitlist } => {
            Some(json!({ "capacity": capacity, "waitlistCapacity": waitlist }))
        }
        Rejection::TooManyApplications { limit } => Some(json!({ "limit": limit })),
        Rejection::QueueFull { max } => Some(json!({ "max": max })),
        Rejection::NoPlacesLeft { left } | Rejection::PlacesLeft { left } => {
            Some(json!({ "placesLeft": left }))
        }
        Rejection::VersionConflict { current } => Some(json!({ "currentVersion": current })),
        Rejection::HasEnrollments { living } => Some(json!({ "livingEnrollments": living })),
        Rejection::RecruitmentNotOpen { opens_at: None }
        | Rejection::RecruitmentOver { ended_at: None }
        | Rejection::WrongOffering { .. }
        | Rejection::EnrollmentNotFound
        | Rejection::QueueIsOn
        | Rejection::NoQueue
        | Rejection::QueueClosing
        | Rejection::QueueDraining
        | Rejection::InQueue
        | Rejection::QueueEntryNotFound
        | Rejection::PassRequired
        | Rejection::PassExpired
        | Rejection::PassUsed
        | Rejection::SelectionFrozen
        | Rejection::SeatsTaken { .. }
        | Rejection::UnknownProduct
        | Rejection::UnknownSection
        | Rejection::UnknownSeats { .. }
        | Rejection::DuplicateSeats { .. }
        | Rejection::WrongKindOfProduct { .. }
        | Rejection::Invalid { .. }
        | Rejection::SaleNotOpen { opens_at: None }
        | Rejection::SaleClosed { .. }
        | Rejection::Cancelled
        | Rejection::HoldNotFound
        | Rejection::HoldExpired
        | Rejection::HoldEnded
        | Rejection::ExtensionExhausted
        | Rejection::ReservationNotFound
        | Rejection::ReservationExpired
        | Rejection::PaymentInProgress
        | Rejection::AlreadyCheckedIn
        | Rejection::TicketNotFound
        | Rejection::WaitlistUnavailable { .. }
        | Rejection::AlreadyWaiting
        | Rejection::WaitlistEntryNotFound
        | Rejection::KeyReused
        | Rejection::TooManyKeys
        | Rejection::NotParticipable
        | Rejection::ProductWithdrawn
        | Rejection::CancellationRefused { until: None } => None,
    }
}
