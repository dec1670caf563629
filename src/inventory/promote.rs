//! What follows in a class from the changes of a command or of due work, in the same transition:
//! enrollments end with their offers and reservations, and free places go to the line.

use super::class::{Approval, CancelCause, EnrollmentStatus, Moved, Promotion};
use super::decide_class::{PLACES, canceled, moved};
use super::{Change, Command, Inventory, Requester, SaleState, UserId};
use crate::ids::EnrollmentId;
use crate::planted::{Bug, is_planted};

/// The most promotions in one transition; the rest follow as due work.
const PROMOTIONS: usize = 1_000;
/// The most enrollments that end in one transition of a cancelled class.
const PAGE: usize = 1_000;

impl Inventory {
    /// Adds the ends of enrollments whose offers and reservations end by `changes`, and the revival
    /// of those whose reservations are revived.
    pub(super) fn follow_enrollments(&self, command: Option<&Command>, changes: &mut Vec<Change>) {
        let Some(class) = &self.class else { return };
        let cause = self.cause_of(command);
        // What follows was asked for as well: the administrator's name stands behind it.
        let acted = changes.pop_if(|last| matches!(last, Change::ActedBy { .. }));
        let (mut ended, mut revived) = (Vec::new(), Vec::new());
        let mut settled: Vec<EnrollmentId> = Vec::new();
        for change in &*changes {
            match change {
                Change::HoldReleased { hold } => ended.push(EnrollmentId(hold.0)),
                Change::HoldsExpired { holds } => {
                    ended.extend(holds.iter().map(|hold| EnrollmentId(hold.0)));
                }
                Change::ReservationsExpired { reservations }
                | Change::ReservationsCancelled { reservations } => {
                    ended.extend(reservations.iter().map(|id| EnrollmentId(id.0)));
                }
                Change::ReservationCancelledFor { reservation, .. } => {
                    ended.push(EnrollmentId(reservation.0));
                }
                Change::ReservationRevived { reservation } => {
                    revived.push(EnrollmentId(reservation.0));
                }
                Change::EnrollmentRejected { enrollment, .. } => settled.push(*enrollment),
                Change::EnrollmentsCanceled { enrollments, .. } => {
                    settled.extend(enrollments.iter().map(|one| one.enrollment));
                }
                _ => {}
            }
        }
        let ending = ended.iter().filter(|id| !settled.contains(id));
        let ending = ending.filter_map(|id| class.enrollments.get(*id));
        // One change for each cause: an offer that expires and a fee that is not paid.
        let (offers, places): (Vec<_>, Vec<_>) =
            ending.partition(|found| found.status == EnrollmentStatus::Offered);
        for (found, of_expiry) in
            [(offers, CancelCause::OfferExpired), (places, CancelCause::Unpaid)]
        {
            if of_expiry == CancelCause::Unpaid && is_planted(Bug::UnpaidStaysApproved) {
                continue;
            }
            let enrollments: Vec<_> = found.into_iter().map(canceled).collect();
            if !enrollments.is_empty() {
                let cause = cause.unwrap_or(of_expiry);
                changes.push(Change::EnrollmentsCanceled { enrollments, cause, reason: None });
            }
        }
        for id in revived {
            if let Some(found) = class.enrollments.get(id) {
                let (enrollment, customer, moved) = (id, found.customer, moved(found));
                // Before the confirmation of the reservation, which stands last.
                let at = changes.len() - 1;
                changes.insert(at, Change::EnrollmentRevived { enrollment, customer, moved });
            }
        }
        changes.extend(acted);
    }

    /// The cause of the ends that a command brings about; `None` for those of due work and of
    /// payments that failed.
    fn cause_of(&self, command: Option<&Command>) -> Option<CancelCause> {
        match command {
            None if self.sale_state == SaleState::Cancelled => Some(CancelCause::ClassCancelled),
            None => None,
            Some(Command::ByAdmin { command, .. }) => {
                self.cause_of(Some(command)).or(Some(CancelCause::Admin))
            }
            Some(
                Command::CancelReservation { by: Requester::Customer(_), .. }
                | Command::CancelTickets { by: Requester::Customer(_), .. },
            ) => Some(CancelCause::Customer),
            Some(Command::EndClaims { .. }) => Some(CancelCause::AccountClosed),
            Some(Command::FailAndCancel { .. }) => None,
            Some(_) => Some(CancelCause::Admin),
        }
    }

    /// Gives free places to the line, in the transition that freed them: no applicant in between
    /// finds a place that the line could get.
    pub(super) fn promote(&mut self, changes: &mut Vec<Change>) {
        for _ in 0..PROMOTIONS {
            let Some(change) = self.next_promotion() else { return };
            self.apply_live(&change);
            changes.push(change);
        }
    }

    fn next_promotion(&self) -> Option<Change> {
        let class = self.class.as_ref().filter(|_| self.promotes())?;
        let first = match is_planted(Bug::LineFromTheBack) {
            false => class.enrollments.first_in_line()?,
            true => class.enrollments.get(class.enrollments.line().next_back()?.1)?,
        };
        let (enrollment, customer) = (first.id, first.customer);
        let moved: Moved = moved(first);
        Some(match class.rules.promotion {
            Promotion::Auto => self.approval(enrollment, customer, Approval::Promoted, moved),
            Promotion::Offer => {
                let line = self.place_of_class();
                let expires_at = self.now.saturating_add(class.rules.offer_ttl_ms);
                Change::PlaceOffered { enrollment, customer, line, expires_at, moved }
            }
        })
    }

    /// True if a place is free for the first in line.
    pub(super) fn promotes(&self) -> bool {
        let Some(class) = &self.class else { return false };
        class.enrollments.waiting() > 0
            && self.products[PLACES.index()].counts.available > 0
            && self.sale_state != SaleState::Cancelled
            && !self.is_over()
    }

    /// The end of the enrollment of a customer who closes their account, if it waits for a decision
    /// or in line. A place is a reservation, and an offer a hold: both end as those do.
    pub(super) fn undecided_of(&self, customer: UserId) -> Option<Change> {
        let last = self.class.as_ref()?.enrollments.last_of(customer)?;
        let waits = [EnrollmentStatus::Applied, EnrollmentStatus::Waitlisted];
        if !waits.contains(&last.status) {
            return None;
        }
        let (enrollments, cause) = (vec![canceled(last)], CancelCause::AccountClosed);
        Some(Change::EnrollmentsCanceled { enrollments, cause, reason: None })
    }

    /// The enrollments of a cancelled class that have neither offer nor place, page by page.
    pub(super) fn page_of_cancelled_class(&self) -> Vec<Change> {
        let Some(class) = &self.class else { return Vec::new() };
        let living = class.enrollments.iter().filter(|found| found.status.is_living());
        let mut living: Vec<_> = living.collect();
        living.sort_unstable_by_key(|found| (found.applied_at, found.id));
        let enrollments: Vec<_> = living.into_iter().take(PAGE).map(canceled).collect();
        if enrollments.is_empty() {
            return Vec::new();
        }
        let cause = CancelCause::ClassCancelled;
        vec![Change::EnrollmentsCanceled { enrollments, cause, reason: None }]
    }
}
