//! The labels of commands and refusals. A label that exists keeps its meaning: dashboards and
//! alerts depend on it.

use crate::box_office::permits::Urgency;
use crate::ids::UserId;
use crate::inventory::{Command, Rejection, Requester};

/// Returns the label of a command's kind.
pub(crate) fn kind(command: &Command) -> &'static str {
    match command {
        Command::PlaceHold { .. } => "place_hold",
        Command::ExtendHold { .. } => "extend_hold",
        Command::ChangeHold { .. } => "change_hold",
        Command::ReleaseHold { .. } => "release_hold",
        Command::CheckOut { .. } => "check_out",
        Command::Reserve { .. } => "reserve",
        Command::Participate { .. } => "participate",
        Command::BeginPayment { .. } => "begin_payment",
        Command::ConfirmPayment { .. } => "confirm_payment",
        Command::FailPayment { .. } => "fail_payment",
        Command::CancelReservation { .. } => "cancel_reservation",
        Command::CancelTickets { .. } => "cancel_tickets",
        Command::DeferPayment { .. } => "defer_payment",
        Command::FailAndCancel { .. } => "fail_payment",
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
        Command::KeepSeats { .. } => "keep_seats",
        Command::Reprice { .. } => "reprice",
        Command::SetSaleWindow { .. } => "set_sale_window",
        Command::ChangeSale { .. } => "change_sale",
        Command::OpenSale => "open_sale",
        Command::PauseSale => "pause_sale",
        Command::CloseSale => "close_sale",
        Command::CancelOffering => "cancel_offering",
        Command::EndClaims { .. } => "end_claims",
        // The kind of work is the same for every requester.
        Command::ByAdmin { command, .. } => kind(command),
        Command::CheckInAtGate { .. } => "check_in",
        Command::UndoCheckIn { .. } => "undo_check_in",
        Command::AddProduct { .. } => "add_product",
        Command::ChangeProduct { .. } => "change_product",
        Command::ChangeOffering { .. } => "change_offering",
        Command::IssueComplimentary { .. } => "issue_complimentary",
        Command::Apply { .. } => "apply",
        Command::ReplaceAnswers { .. } => "replace_answers",
        Command::CancelEnrollment { .. } => "cancel_enrollment",
        Command::AcceptPlace { .. } => "accept_offer",
        Command::DecideEnrollment { .. } | Command::DecideEnrollments { .. } => "decide_enrollment",
        Command::MoveUp { .. } => "move_up",
        Command::RecordAttendance { .. } => "record_attendance",
        Command::ChangeClass { .. } => "change_class",
        Command::CancelClass { .. } => "cancel_class",
        Command::SetQueue { .. } => "set_queue",
        Command::EnterQueue { .. } => "enter_queue",
        Command::LeaveQueue { .. } => "leave_queue",
        Command::DrawQueue { .. } => "draw_queue",
        Command::SetAside { .. } => "set_aside",
        Command::VoidEntries { .. } => "void_entries",
        Command::Prioritise { .. } => "prioritise",
        Command::UsePass { .. } => "use_pass",
        Command::WithPass { command, .. } => kind(command),
    }
}

/// Returns the label of the reason for a refusal.
pub(crate) fn reason(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::SoldOut { .. }
        | Rejection::ClassFull { .. }
        | Rejection::NoPlacesLeft { .. } => "sold_out",
        Rejection::SeatsTaken { .. } => "seats_taken",
        Rejection::LimitExceeded { .. }
        | Rejection::AlreadyParticipated { .. }
        | Rejection::AlreadyEnrolled { .. }
        | Rejection::ReapplyRefused { .. }
        | Rejection::TooManyApplications { .. } => "limit_exceeded",
        Rejection::SaleNotOpen { .. }
        | Rejection::SaleClosed { .. }
        | Rejection::Cancelled
        | Rejection::RecruitmentNotOpen { .. }
        | Rejection::RecruitmentOver { .. }
        | Rejection::ProductWithdrawn => "not_on_sale",
        Rejection::HoldExpired | Rejection::ReservationExpired => "expired",
        Rejection::HoldNotFound
        | Rejection::ReservationNotFound
        | Rejection::TicketNotFound
        | Rejection::EnrollmentNotFound
        | Rejection::QueueEntryNotFound
        | Rejection::WaitlistEntryNotFound => "not_found",
        Rejection::KeyReused | Rejection::TooManyKeys => "idempotency",
        Rejection::UnknownProduct
        | Rejection::UnknownSection
        | Rejection::UnknownSeats { .. }
        | Rejection::DuplicateSeats { .. }
        | Rejection::WrongKindOfProduct { .. }
        | Rejection::NotParticipable
        | Rejection::WrongOffering { .. }
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
        | Rejection::VersionConflict { .. }
        | Rejection::SelectionFrozen
        | Rejection::HasEnrollments { .. }
        | Rejection::PlacesLeft { .. }
        | Rejection::QueueIsOn
        | Rejection::NoQueue
        | Rejection::QueueClosing
        | Rejection::QueueDraining
        | Rejection::QueueFull { .. }
        | Rejection::InQueue
        | Rejection::SaleOver { .. } => "wrong_state",
        Rejection::PassRequired | Rejection::PassExpired | Rejection::PassUsed => "no_pass",
    }
}

/// Returns whether a command waits among the common ones. A flood of new claims must not keep
/// places from being freed or paid for.
pub(crate) fn urgency(command: &Command) -> Urgency {
    match command {
        Command::PlaceHold { .. }
        | Command::ExtendHold { .. }
        | Command::ChangeHold { .. }
        | Command::Reserve { .. }
        | Command::Participate { .. }
        | Command::JoinWaitlist { .. }
        | Command::Apply { .. }
        | Command::ReplaceAnswers { .. }
        | Command::LeaveQueue { .. }
        | Command::UsePass { .. } => Urgency::Common,
        Command::EnterQueue { .. } => Urgency::Entry,
        Command::WithPass { command, .. } => urgency(command),
        Command::ReleaseHold { .. }
        | Command::CheckOut { .. }
        | Command::BeginPayment { .. }
        | Command::ConfirmPayment { .. }
        | Command::FailPayment { .. }
        | Command::CancelReservation { .. }
        | Command::CancelTickets { .. }
        | Command::DeferPayment { .. }
        | Command::FailAndCancel { .. }
        | Command::CheckIn { .. }
        | Command::LeaveWaitlist { .. }
        | Command::AcceptOffer { .. }
        | Command::EndClaims { .. }
        | Command::BlockSeats { .. }
        | Command::UnblockSeats { .. }
        | Command::BlockPlaces { .. }
        | Command::UnblockPlaces { .. }
        | Command::Resize { .. }
        | Command::AddRow { .. }
        | Command::RemoveSeats { .. }
        | Command::KeepSeats { .. }
        | Command::Reprice { .. }
        | Command::SetSaleWindow { .. }
        | Command::ChangeSale { .. }
        | Command::OpenSale
        | Command::PauseSale
        | Command::CloseSale
        | Command::CancelOffering
        | Command::CheckInAtGate { .. }
        | Command::UndoCheckIn { .. }
        | Command::AddProduct { .. }
        | Command::ChangeProduct { .. }
        | Command::ChangeOffering { .. }
        | Command::IssueComplimentary { .. }
        | Command::CancelEnrollment { .. }
        | Command::AcceptPlace { .. }
        | Command::DecideEnrollment { .. }
        | Command::DecideEnrollments { .. }
        | Command::MoveUp { .. }
        | Command::RecordAttendance { .. }
        | Command::ChangeClass { .. }
        | Command::CancelClass { .. }
        | Command::SetQueue { .. }
        | Command::DrawQueue { .. }
        | Command::SetAside { .. }
        | Command::VoidEntries { .. }
        | Command::Prioritise { .. }
        | Command::ByAdmin { .. } => Urgency::Urgent,
    }
}

/// The idempotency key that a command without one is forwarded under, so that a repeated forward
/// cannot take effect twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MintedKey {
    /// None: the command is identified by its own ids, and once refused it is refused for ever.
    None,
    /// One in the customer's share of remembered keys.
    OfCustomer(UserId),
    /// One in a share of its own: administrators have no limit on acts.
    OfItsOwn,
}

/// Returns the key to mint for a command.
pub(crate) fn minted_key(command: &Command) -> MintedKey {
    match command {
        Command::ConfirmPayment { .. }
        | Command::FailPayment { .. }
        | Command::FailAndCancel { .. }
        // Who has entered keeps the entry: a repetition changes nothing.
        | Command::EnterQueue { .. } => MintedKey::None,
        Command::WithPass { command, .. } => minted_key(command),
        Command::PlaceHold { customer, .. }
        | Command::BeginPayment { customer, .. }
        | Command::ExtendHold { customer, .. }
        | Command::ChangeHold { customer, .. }
        | Command::ReleaseHold { customer, .. }
        | Command::CheckOut { customer, .. }
        | Command::Reserve { customer, .. }
        | Command::Participate { customer, .. }
        | Command::JoinWaitlist { customer, .. }
        | Command::LeaveWaitlist { customer, .. }
        | Command::AcceptOffer { customer, .. }
        | Command::Apply { customer, .. }
        | Command::ReplaceAnswers { customer, .. }
        | Command::AcceptPlace { customer, .. }
        | Command::LeaveQueue { customer }
        | Command::UsePass { customer, .. }
        | Command::CancelEnrollment { by: Requester::Customer(customer), .. }
        | Command::CancelTickets { by: Requester::Customer(customer), .. }
        | Command::CancelReservation { by: Requester::Customer(customer), .. } => MintedKey::OfCustomer(*customer),
        // In no customer's share of the remembered keys: an administrator has no limit on acts.
        Command::CancelReservation { by: Requester::Admin, .. }
        | Command::CancelTickets { by: Requester::Admin, .. }
        | Command::DeferPayment { .. }
        | Command::CheckIn { .. }
        // Not the customer's own act, and never too many.
        | Command::EndClaims { .. }
        | Command::BlockSeats { .. }
        | Command::UnblockSeats { .. }
        | Command::BlockPlaces { .. }
        | Command::UnblockPlaces { .. }
        | Command::Resize { .. }
        | Command::AddRow { .. }
        | Command::RemoveSeats { .. }
        | Command::KeepSeats { .. }
        | Command::Reprice { .. }
        | Command::SetSaleWindow { .. }
        | Command::ChangeSale { .. }
        | Command::OpenSale
        | Command::PauseSale
        | Command::CloseSale
        | Command::CancelOffering
        | Command::ByAdmin { .. }
        | Command::CheckInAtGate { .. }
        | Command::UndoCheckIn { .. }
        | Command::AddProduct { .. }
        | Command::ChangeProduct { .. }
        | Command::ChangeOffering { .. }
        | Command::IssueComplimentary { .. }
        | Command::CancelEnrollment { by: Requester::Admin, .. }
        | Command::DecideEnrollment { .. }
        | Command::DecideEnrollments { .. }
        | Command::MoveUp { .. }
        | Command::RecordAttendance { .. }
        | Command::ChangeClass { .. }
        | Command::CancelClass { .. }
        | Command::SetQueue { .. }
        | Command::DrawQueue { .. }
        | Command::SetAside { .. }
        | Command::VoidEntries { .. }
        | Command::Prioritise { .. } => MintedKey::OfItsOwn,
    }
}
