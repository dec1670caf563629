//! What commands and refusals are called in labels. A label, once there, keeps its meaning: dashboards
//! and alerts go by it.

use crate::inventory::{Command, Rejection};

/// A command's kind.
pub(crate) fn kind(command: &Command) -> &'static str {
    match command {
        Command::PlaceHold { .. } => "place_hold",
        Command::ExtendHold { .. } => "extend_hold",
        Command::ReleaseHold { .. } => "release_hold",
        Command::CheckOut { .. } => "check_out",
        Command::Reserve { .. } => "reserve",
        Command::Participate { .. } => "participate",
        Command::BeginPayment { .. } => "begin_payment",
        Command::ConfirmPayment { .. } => "confirm_payment",
        Command::FailPayment { .. } => "fail_payment",
        Command::CancelReservation { .. } => "cancel_reservation",
        Command::CheckIn { .. } => "check_in",
        Command::JoinWaitlist { .. } => "join_waitlist",
        Command::LeaveWaitlist { .. } => "leave_waitlist",
        Command::AcceptOffer { .. } => "accept_offer",
        Command::BlockSeats { .. } => "block_seats",
        Command::UnblockSeats { .. } => "unblock_seats",
        Command::BlockPlaces { .. } => "block_places",
        Command::UnblockPlaces { .. } => "unblock_places",
        Command::Resize { .. } => "resize",
        Command::AddRow { .. } => "add_row",
        Command::RemoveSeats { .. } => "remove_seats",
        Command::Reprice { .. } => "reprice",
        Command::SetSaleWindow { .. } => "set_sale_window",
        Command::ChangeSale { .. } => "change_sale",
        Command::OpenSale => "open_sale",
        Command::PauseSale => "pause_sale",
        Command::CloseSale => "close_sale",
        Command::CancelOffering => "cancel_offering",
        Command::EndClaims { .. } => "end_claims",
        // Whoever asked for it, it is the same kind of work.
        Command::ByAdmin { command, .. } => kind(command),
        Command::CheckInAtGate { .. } => "check_in",
        Command::UndoCheckIn { .. } => "undo_check_in",
        Command::AddProduct { .. } => "add_product",
        Command::ChangeProduct { .. } => "change_product",
        Command::ChangeOffering { .. } => "change_offering",
    }
}

/// Why a command was refused.
pub(crate) fn reason(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::SoldOut { .. } => "sold_out",
        Rejection::SeatsTaken { .. } => "seats_taken",
        Rejection::LimitExceeded { .. } | Rejection::AlreadyParticipated { .. } => "limit_exceeded",
        Rejection::SaleNotOpen { .. }
        | Rejection::SaleClosed { .. }
        | Rejection::Cancelled
        | Rejection::ProductWithdrawn => "not_on_sale",
        Rejection::HoldExpired | Rejection::ReservationExpired => "expired",
        Rejection::HoldNotFound
        | Rejection::ReservationNotFound
        | Rejection::TicketNotFound
        | Rejection::WaitlistEntryNotFound => "not_found",
        Rejection::KeyReused | Rejection::TooManyKeys => "idempotency",
        Rejection::UnknownProduct
        | Rejection::UnknownSection
        | Rejection::UnknownSeats { .. }
        | Rejection::DuplicateSeats { .. }
        | Rejection::WrongKindOfProduct { .. }
        | Rejection::NotParticipable
        | Rejection::Invalid { .. } => "invalid",
        Rejection::HoldEnded
        | Rejection::ExtensionExhausted
        | Rejection::WrongState { .. }
        | Rejection::PaymentInProgress
        | Rejection::AlreadyCheckedIn
        | Rejection::WaitlistUnavailable { .. }
        | Rejection::AlreadyWaiting
        | Rejection::PlacesAvailable { .. }
        | Rejection::BelowTaken { .. }
        | Rejection::CancellationRefused { .. }
        | Rejection::SaleOver { .. } => "wrong_state",
    }
}
