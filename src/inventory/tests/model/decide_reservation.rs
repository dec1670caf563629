//! The naive model's decisions about reservations and their payments.

use super::*;

impl Model {
    pub(super) fn decide_reservation(&self, command: &Command) -> Answer {
        let (id, by) = match command {
            Command::BeginPayment { reservation, customer, .. }
            | Command::CancelReservation { reservation, by: Requester::Customer(customer) }
            | Command::CancelTickets { reservation, by: Requester::Customer(customer), .. } => {
                (*reservation, Some(*customer))
            }
            Command::ConfirmPayment { reservation, .. }
            | Command::FailPayment { reservation, .. }
            | Command::CancelReservation { reservation, by: Requester::Admin }
            | Command::CancelTickets { reservation, by: Requester::Admin, .. }
            | Command::DeferPayment { reservation, .. }
            | Command::FailAndCancel { reservation, .. }
            | Command::CheckIn { reservation, .. }
            | Command::CheckInAtGate { reservation, .. }
            | Command::UndoCheckIn { reservation, .. } => (*reservation, None),
            other => unreachable!("{other:?}"),
        };
        let found = self.find_reservation(id).map(|at| &self.claims[at]);
        let found = found.filter(|claim| by.is_none_or(|customer| customer == claim.customer));
        let Some(claim) = found else {
            return Err(match command {
                Command::CheckIn { .. }
                | Command::CheckInAtGate { .. }
                | Command::UndoCheckIn { .. } => Rejection::TicketNotFound.into(),
                _ => Rejection::ReservationNotFound.into(),
            });
        };
        let (customer, lines) = (claim.customer, claim.lines.clone());
        let over = match claim.state {
            State::Expired { .. } => Rejection::ReservationExpired,
            _ => wrong(),
        };
        match (command, &claim.state) {
            (
                Command::BeginPayment { payment, .. },
                State::Pending { payment: now, window, .. },
            ) => match now {
                Some((begun, place)) if begun == payment => Err(No::Already(*place)),
                Some(_) => Err(Rejection::PaymentInProgress.into()),
                None => {
                    let pay_by = window + self.policy.payment_grace_ms;
                    let payment = *payment;
                    Ok(vec![Change::PaymentBegun { reservation: id, payment, pay_by }])
                }
            },
            (Command::ConfirmPayment { payment, .. }, state) => {
                let payment = *payment;
                let sold =
                    Change::ReservationConfirmed { reservation: id, payment, customer, lines };
                match state {
                    State::Confirmed { payment: by, place, .. } if *by == Some(payment) => {
                        Err(No::Already(*place))
                    }
                    State::Pending { payment: Some((begun, _)), .. } if *begun == payment => {
                        Ok(vec![sold])
                    }
                    State::Pending { payment: Some(_), .. } => {
                        Err(Rejection::PaymentInProgress.into())
                    }
                    State::Expired { payment: Some(late), .. }
                        if *late == payment && self.can_come_back(claim) =>
                    {
                        Ok(vec![Change::ReservationRevived { reservation: id }, sold])
                    }
                    _ => Err(over.into()),
                }
            }
            (
                Command::FailPayment { payment, .. },
                State::Pending { payment: Some((begun, _)), window, .. },
            ) if begun == payment => {
                let (payment, pay_by) = (*payment, *window);
                Ok(vec![Change::PaymentFailed { reservation: id, payment, pay_by }])
            }
            (
                Command::FailAndCancel { payment, .. },
                State::Pending { payment: Some((begun, _)), window, .. },
            ) if begun == payment => {
                let (payment, pay_by) = (*payment, *window);
                Ok(vec![
                    Change::PaymentFailed { reservation: id, payment, pay_by },
                    Change::ReservationsCancelled { reservations: vec![id] },
                ])
            }
            (
                Command::FailPayment { payment, .. } | Command::FailAndCancel { payment, .. },
                State::Expired { payment: Some(late), window, .. },
            ) if late == payment => {
                let (payment, pay_by) = (*payment, *window);
                Ok(vec![Change::PaymentFailed { reservation: id, payment, pay_by }])
            }
            (
                Command::DeferPayment { payment, until, .. },
                State::Pending { payment: Some((begun, _)), pay_by, .. },
            ) if begun == payment => {
                let week = self.at + 7 * 24 * HOUR;
                let ends = match (&self.class, self.times) {
                    (Some(_), times) => times.map_or(week, |(starts, _)| starts),
                    (None, _) => self.windows(ProductId(0))[0].end.unwrap_or(week),
                };
                let (reservation, payment) = (id, *payment);
                let pay_by = [week, ends, *until].into_iter().min().unwrap().max(*pay_by);
                Ok(vec![Change::PaymentDeferred { reservation, payment, pay_by }])
            }
            (Command::DeferPayment { .. }, State::Pending { payment: Some(_), .. }) => {
                Err(Rejection::PaymentInProgress.into())
            }
            (Command::CancelTickets { tickets, refund, by, .. }, State::Confirmed { used, .. }) => {
                self.cancel_some(claim, (id, used), (tickets, *refund), *by)
            }
            (Command::CancelReservation { .. }, State::Pending { payment: Some(_), .. }) => {
                Err(Rejection::PaymentInProgress.into())
            }
            (Command::CancelReservation { .. }, State::Confirmed { used, .. })
                if !used.is_empty() =>
            {
                Err(Rejection::AlreadyCheckedIn.into())
            }
            (Command::CancelReservation { by, .. }, State::Confirmed { .. }) => {
                let refund = match by {
                    Requester::Customer(_) => self.comes_back(claim.worth())?,
                    Requester::Admin => claim.worth(),
                };
                Ok(vec![claim.ends_for(id, refund.min(claim.left()))])
            }
            (Command::CancelReservation { .. }, State::Pending { .. }) => {
                Ok(vec![Change::ReservationsCancelled { reservations: vec![id] }])
            }
            (
                Command::CheckIn { ticket, .. }
                | Command::CheckInAtGate { ticket, .. }
                | Command::UndoCheckIn { ticket, .. },
                State::Confirmed { used, .. },
            ) => {
                if usize::from(*ticket) >= claim.tickets().len() {
                    return Err(Rejection::TicketNotFound.into());
                }
                if claim.gone.contains(ticket) {
                    return Err(wrong().into());
                }
                let (reservation, ticket, is_in) = (id, *ticket, used.contains(ticket));
                match command {
                    Command::UndoCheckIn { .. } if is_in => {
                        Ok(vec![Change::CheckInUndone { reservation, ticket }])
                    }
                    Command::UndoCheckIn { .. } => Err(wrong().into()),
                    _ if is_in => Err(Rejection::AlreadyCheckedIn.into()),
                    Command::CheckInAtGate { gate, .. } if gate.is_empty() => Ok(vec![invalid()?]),
                    Command::CheckInAtGate { gate, .. } => {
                        let gate = gate.clone();
                        Ok(vec![Change::CheckedInAtGate { reservation, ticket, gate }])
                    }
                    _ => Ok(vec![Change::CheckedIn { reservation, ticket }]),
                }
            }
            (
                Command::CheckIn { .. }
                | Command::CheckInAtGate { .. }
                | Command::UndoCheckIn { .. },
                State::Pending { .. },
            ) => Err(Rejection::TicketNotFound.into()),
            (
                Command::CheckIn { .. }
                | Command::CheckInAtGate { .. }
                | Command::UndoCheckIn { .. },
                _,
            ) => Err(wrong().into()),
            _ => Err(over.into()),
        }
    }

    pub(super) fn can_come_back(&self, claim: &Claim) -> bool {
        let mut wanted: BTreeMap<ProductId, u32> = BTreeMap::new();
        for line in &claim.lines {
            *wanted.entry(line.product).or_default() += line.quantity;
        }
        let wanted: Vec<(ProductId, u32)> = wanted.into_iter().collect();
        let mut seats = claim.lines.iter().flat_map(|line| line.seats.iter());
        self.alive().is_ok()
            && seats.all(|seat| self.status(*seat) == SeatStatus::Available)
            && wanted.iter().all(|(product, places)| {
                let available = self.counts(*product).available;
                // While the sale is not open, free places may be owed to the waitlist.
                let views_in_use =
                    self.waiting.iter().any(|w| w.product == *product && w.party <= available);
                !views_in_use && available >= *places
            })
            && self.limits(claim.customer, &wanted).is_ok()
            && self.class.as_ref().is_none_or(|class| self.free_for_anyone(class))
            && self.has_none_living(claim.customer)
    }
}
