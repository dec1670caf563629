//! The naive model's decisions about holds, and the dispatch of all commands.

use super::decide_queue::Shown;
use super::*;
use crate::inventory::OfferingChange;

/// The seats picked by id, and the places of each product.
type Wanted = (Vec<SeatId>, Vec<(ProductId, u32)>);

impl Model {
    pub(super) fn decide(&mut self, command: &Command, hints: &[Change]) -> Answer {
        self.fits(command)?;
        if let Command::PlaceHold { customer, .. }
        | Command::Reserve { customer, .. }
        | Command::Participate { customer, .. } = command
        {
            self.may_hold(*customer, self.shown)?;
        }
        match command {
            Command::Apply { .. }
            | Command::ReplaceAnswers { .. }
            | Command::CancelEnrollment { .. }
            | Command::AcceptPlace { .. }
            | Command::DecideEnrollment { .. }
            | Command::DecideEnrollments { .. }
            | Command::MoveUp { .. }
            | Command::RecordAttendance { .. }
            | Command::ChangeClass { .. }
            | Command::CancelClass { .. } => self.decide_class(command),
            Command::PlaceHold { hold, customer, lines } => {
                Ok(vec![self.place_hold(*hold, *customer, lines, hints)?])
            }
            Command::Reserve { hold, reservation, customer, lines } => {
                let placed = self.place_hold(*hold, *customer, lines, hints)?;
                let Change::HoldPlaced { lines, expires_at, .. } = &placed else { unreachable!() };
                let (lines, pay_by) = (lines.clone(), self.pay_by(*expires_at));
                let (hold, reservation, customer) = (*hold, *reservation, *customer);
                let out = Change::CheckedOut { hold, reservation, customer, lines, pay_by };
                Ok(vec![placed, out])
            }
            Command::Participate { hold, reservation, customer } => {
                self.participate(*hold, *reservation, *customer, hints)
            }
            Command::IssueComplimentary { hold, reservation, customer, lines } => {
                self.complimentary((*hold, *reservation), *customer, lines, hints)
            }
            Command::ExtendHold { hold, customer } => {
                let claim = self.accepted(*hold, *customer)?;
                self.alive()?;
                let State::Hold { placed, expires, .. } = claim.state else { unreachable!() };
                let latest = placed + self.policy.hold_max_ms;
                let expires_at = latest.min(self.at + self.policy.hold_ttl_ms);
                if expires_at <= expires {
                    return Err(Rejection::ExtensionExhausted.into());
                }
                Ok(vec![Change::HoldExtended {
                    hold: *hold,
                    lines: claim.lines.clone(),
                    expires_at,
                }])
            }
            Command::ChangeHold { hold, customer, places, seats } => {
                self.change_hold(*hold, *customer, places, seats)
            }
            Command::ReleaseHold { hold, customer } => {
                self.find_hold(*hold, *customer)?;
                Ok(vec![Change::HoldReleased { hold: *hold }])
            }
            Command::CheckOut { hold, reservation, customer } => {
                let claim = self.accepted(*hold, *customer)?;
                let State::Hold { expires, .. } = claim.state else { unreachable!() };
                let (lines, pay_by) = (claim.lines.clone(), self.pay_by(expires));
                self.alive()?;
                let (hold, reservation, customer) = (*hold, *reservation, *customer);
                Ok(vec![Change::CheckedOut { hold, reservation, customer, lines, pay_by }])
            }
            Command::BeginPayment { .. }
            | Command::ConfirmPayment { .. }
            | Command::FailPayment { .. }
            | Command::CancelReservation { .. }
            | Command::CancelTickets { .. }
            | Command::DeferPayment { .. }
            | Command::FailAndCancel { .. }
            | Command::CheckIn { .. }
            | Command::CheckInAtGate { .. }
            | Command::UndoCheckIn { .. } => self.decide_reservation(command),
            Command::ByAdmin { admin, command } => {
                if let Command::ByAdmin { .. } = &**command {
                    return Ok(vec![invalid()?]);
                }
                let mut changes = self.decide(command, hints)?;
                if !changes.is_empty() {
                    changes.push(Change::ActedBy { admin: *admin });
                }
                Ok(changes)
            }
            Command::SetQueue { .. }
            | Command::EnterQueue { .. }
            | Command::LeaveQueue { .. }
            | Command::DrawQueue { .. }
            | Command::SetAside { .. }
            | Command::VoidEntries { .. }
            | Command::Prioritise { .. }
            | Command::UsePass { .. } => self.decide_queue(command),
            Command::WithPass { pass, command } => {
                if matches!(**command, Command::WithPass { .. } | Command::ByAdmin { .. }) {
                    return Ok(vec![invalid()?]);
                }
                self.shown = pass.map_or(Shown::Own, Shown::This);
                self.decide(command, hints)
            }
            Command::AddProduct { product } => self.add_product(product),
            Command::ChangeProduct { product, change } => self.change_product(*product, change),
            Command::ChangeOffering { change } => self.change_offering(change),
            Command::JoinWaitlist { entry, customer, product, party_size } => {
                self.join(*entry, *customer, *product, *party_size)
            }
            Command::LeaveWaitlist { entry, customer } => {
                if self.waiting.iter().any(|w| w.entry == *entry && w.customer == *customer) {
                    return Ok(vec![Change::WaitlistLeft { entry: *entry }]);
                }
                if self.waiting.iter().any(|w| w.entry == *entry) {
                    return Err(Rejection::WaitlistEntryNotFound.into());
                }
                self.offer(*entry, *customer)?;
                Ok(vec![Change::HoldReleased { hold: *entry }])
            }
            Command::EndClaims { customer } => {
                let own = self.waiting.iter().filter(|waiting| waiting.customer == *customer);
                let mut entries: Vec<_> = own.map(|waiting| waiting.entry).collect();
                let held = |claim: &&Claim| matches!(claim.state, State::Hold { .. });
                let own = self.claims.iter().filter(|claim| claim.customer == *customer);
                let mut holds: Vec<_> = own.filter(held).map(|claim| claim.hold).collect();
                entries.sort();
                holds.sort();
                let left = entries.into_iter().map(|entry| Change::WaitlistLeft { entry });
                let released = holds.into_iter().map(|hold| Change::HoldReleased { hold });
                let enrolled = self.undecided(*customer);
                let queued = self.leaving(*customer);
                let changes: Vec<_> = left.chain(released).chain(enrolled).chain(queued).collect();
                if changes.is_empty() { Err(Rejection::HoldNotFound.into()) } else { Ok(changes) }
            }
            Command::AcceptOffer { entry, customer } => {
                self.alive()?;
                let line = self.offer(*entry, *customer)?.lines[0].clone();
                let expires_at = self.at + self.policy.hold_ttl_ms;
                Ok(vec![Change::OfferAccepted { entry: *entry, line, expires_at }])
            }
            Command::BlockSeats { .. }
            | Command::UnblockSeats { .. }
            | Command::BlockPlaces { .. }
            | Command::UnblockPlaces { .. }
            | Command::Resize { .. }
            | Command::AddRow { .. }
            | Command::RemoveSeats { .. }
            | Command::KeepSeats { .. }
            | Command::Reprice { .. }
            | Command::SetSaleWindow { .. }
            | Command::OpenSale
            | Command::PauseSale
            | Command::CloseSale
            | Command::CancelOffering => Ok(vec![self.decide_admin(command)?]),
            Command::ChangeSale { start, end, state } => {
                let (sale_start, sale_end, state) = (*start, *end, *state);
                let rest = OfferingChange::default();
                self.change_offering(&OfferingChange { sale_start, sale_end, state, ..rest })
            }
        }
    }

    pub(super) fn pay_by(&self, hold_ends: i64) -> i64 {
        let window = self.policy.pay_window_ms;
        if window == 0 { hold_ends } else { self.at + window }
    }

    fn participate(
        &mut self,
        hold: HoldId,
        reservation: ReservationId,
        customer: UserId,
        hints: &[Change],
    ) -> Answer {
        self.alive()?;
        let count = u16::try_from(self.definition.products.len()).unwrap();
        let offered: Vec<_> =
            (0..count).map(ProductId).filter(|id| !self.withdrawn.contains_key(id)).collect();
        let product = match offered[..] {
            [] => return Err(Rejection::ProductWithdrawn.into()),
            [product] if self.product(product).price == 0 => product,
            _ => return Err(Rejection::NotParticipable.into()),
        };
        let of_customer = self.claims.iter().filter(|claim| claim.customer == customer);
        let (mut reservations, mut holds) = (Vec::new(), Vec::new());
        for claim in of_customer {
            match claim.state {
                State::Hold { .. } => holds.push(claim.hold),
                State::Pending { id, .. } | State::Confirmed { id, .. } => reservations.push(id),
                State::Expired { .. } | State::Cancelled { .. } => {}
            }
        }
        if !(reservations.is_empty() && holds.is_empty()) {
            let (reservation, hold) = (reservations.into_iter().min(), holds.into_iter().min());
            return Err(Rejection::AlreadyParticipated { reservation, hold }.into());
        }
        let (quantity, section) = (1, None);
        let lines = match self.product(product).capacity {
            Some(_) => vec![LineRequest::Quantity { product, quantity }],
            None => vec![LineRequest::BestAvailable { product, quantity, section }],
        };
        let mut changes =
            self.decide(&Command::Reserve { hold, reservation, customer, lines }, hints)?;
        let Change::HoldPlaced { lines, .. } = &changes[0] else { unreachable!() };
        let lines = lines.clone();
        changes.push(Change::ReservationGranted { reservation, customer, lines });
        Ok(changes)
    }

    pub(super) fn place_hold(
        &self,
        hold: HoldId,
        customer: UserId,
        wishes: &[LineRequest],
        hints: &[Change],
    ) -> Result<Change, Rejection> {
        self.alive()?;
        let (picks, wanted) = self.wanted(wishes, self.policy.max_places_per_hold)?;
        for (product, _) in &wanted {
            self.on_sale(*product)?;
        }
        self.limits(customer, &wanted)?;
        let mut gone = picks.clone();
        gone.retain(|seat| self.status(*seat) != SeatStatus::Available);
        if !gone.is_empty() {
            return Err(Rejection::SeatsTaken { seats: gone });
        }
        for (product, requested) in wanted {
            let available = self.counts(product).available;
            if available < requested {
                return Err(Rejection::SoldOut { requested, available });
            }
        }
        let lines = self.grant(wishes, picks, hints)?;
        let expires_at = self.at + self.policy.hold_ttl_ms;
        Ok(Change::HoldPlaced { hold, customer, lines, expires_at })
    }

    /// The seats picked by id, and the places of each product.
    pub(super) fn wanted(&self, wishes: &[LineRequest], most: u32) -> Result<Wanted, Rejection> {
        if wishes.is_empty() {
            return invalid();
        }
        let picks: Vec<SeatId> = wishes
            .iter()
            .flat_map(|wish| match wish {
                LineRequest::Seats(seats) => seats.clone(),
                LineRequest::Quantity { .. } | LineRequest::BestAvailable { .. } => Vec::new(),
            })
            .collect();
        self.known_seats(&picks)?;
        let mut wanted: Vec<(ProductId, u32)> = Vec::new();
        let mut total = 0;
        for wish in wishes {
            let each: Vec<(ProductId, u32)> = match wish {
                LineRequest::Quantity { product, quantity } => {
                    self.kind(*product, false)?;
                    vec![(*product, *quantity)]
                }
                LineRequest::BestAvailable { product, quantity, section } => {
                    self.kind(*product, true)?;
                    if let Some(section) = section
                        && self.definition.sections.get(section.index()).map(|s| s.product)
                            != Some(*product)
                    {
                        return Err(Rejection::UnknownSection);
                    }
                    vec![(*product, *quantity)]
                }
                LineRequest::Seats(seats) if seats.is_empty() => return invalid(),
                LineRequest::Seats(seats) => {
                    seats.iter().map(|seat| (self.seats[seat.index()].product, 1)).collect()
                }
            };
            for (product, quantity) in each {
                total += u64::from(quantity);
                if quantity == 0 || total > u64::from(most) {
                    return invalid();
                }
                match wanted.iter().position(|(known, _)| *known == product) {
                    Some(at) => wanted[at].1 += quantity,
                    None => wanted.push((product, quantity)),
                }
            }
        }
        Ok((picks, wanted))
    }

    pub(super) fn grant(
        &self,
        wishes: &[LineRequest],
        mut taken: Vec<SeatId>,
        hints: &[Change],
    ) -> Result<Vec<Line>, Rejection> {
        let chosen = hints.iter().find_map(|hint| match hint {
            Change::HoldPlaced { lines, .. } => Some(&lines[..]),
            _ => None,
        });
        let chosen = chosen.unwrap_or_default();
        let mut lines: Vec<Line> = Vec::new();
        taken.extend(self.kept.keys());
        // Places that best available gave to earlier lines, in case the core refused and its choice
        // is unknown.
        let mut chosen_before = 0;
        for wish in wishes {
            match wish {
                LineRequest::Quantity { product, quantity } => {
                    lines.push(self.line(*product, *quantity, Box::default(), Fit::Exact));
                }
                LineRequest::Seats(seats) => {
                    let mut products: Vec<ProductId> = Vec::new();
                    for seat in seats {
                        let product = self.seats[seat.index()].product;
                        if !products.contains(&product) {
                            products.push(product);
                        }
                    }
                    for product in products {
                        let own: Vec<SeatId> = seats
                            .iter()
                            .copied()
                            .filter(|seat| self.seats[seat.index()].product == product)
                            .collect();
                        let quantity = u32::try_from(own.len()).unwrap();
                        lines.push(self.line(product, quantity, own.into(), Fit::Exact));
                    }
                }
                LineRequest::BestAvailable { product, quantity, section } => {
                    let section = section.map(crate::ids::SectionId::index);
                    let free = self.seats.iter().zip(0..).filter(|(seat, at)| {
                        seat.product == *product
                            && section.is_none_or(|section| section == seat.section)
                            && seat.status == SeatStatus::Available
                            && !taken.contains(&SeatId(*at))
                    });
                    let most = u32::try_from(free.count()).unwrap();
                    if most < *quantity && chosen_before == 0 {
                        return Err(Rejection::SoldOut { requested: *quantity, available: most });
                    }
                    if let Some(Rejection::SoldOut { requested, available }) = self.refused
                        && requested == *quantity
                        && (most.saturating_sub(chosen_before)..=most).contains(&available)
                        && available < requested
                    {
                        // The number of seats left depends on the seats chosen for the lines
                        // before.
                        return Err(Rejection::SoldOut { requested, available });
                    }
                    if self.refused.is_some() {
                        chosen_before += quantity;
                        continue;
                    }
                    let line = chosen.get(lines.len()).expect("the core refused what can be had");
                    let choice = (&line.seats[..], line.fit);
                    check_choice(&self.seats, *product, section, &taken, *quantity, choice);
                    taken.extend(line.seats.iter());
                    lines.push(self.line(*product, *quantity, line.seats.clone(), line.fit));
                }
            }
        }
        Ok(lines)
    }

    pub(super) fn kind(&self, product: ProductId, numbered: bool) -> Result<(), Rejection> {
        let Some(of) = self.definition.products.get(product.index()) else {
            return Err(Rejection::UnknownProduct);
        };
        if of.capacity.is_none() == numbered {
            return Ok(());
        }
        Err(Rejection::WrongKindOfProduct { numbered: !numbered })
    }

    pub(super) fn known_seats(&self, seats: &[SeatId]) -> Result<(), Rejection> {
        let mut unknown = seats.to_vec();
        unknown.retain(|seat| self.status(*seat) == SeatStatus::Removed);
        if !unknown.is_empty() {
            return Err(Rejection::UnknownSeats { seats: unknown });
        }
        let mut sorted = seats.to_vec();
        sorted.sort_unstable();
        let twice = sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        let twice: Vec<SeatId> = twice.collect();
        if twice.is_empty() { Ok(()) } else { Err(Rejection::DuplicateSeats { seats: twice }) }
    }

    pub(super) fn join(
        &self,
        entry: HoldId,
        customer: UserId,
        product: ProductId,
        party: u32,
    ) -> Answer {
        if product.index() >= self.definition.products.len() {
            return Err(Rejection::UnknownProduct.into());
        }
        if self.queue.is_some() {
            return Err(Rejection::QueueIsOn.into());
        }
        self.on_sale(product)?;
        if self.waiting.len() >= self.policy.waitlist_capacity as usize {
            return Err(Rejection::WaitlistUnavailable { full: true }.into());
        }
        let room = self.counts(product).total;
        if party == 0 || party > self.policy.max_places_per_hold || party > room {
            return Ok(invalid()?);
        }
        if self.waiting.iter().any(|w| w.customer == customer && w.product == product) {
            return Err(Rejection::AlreadyWaiting.into());
        }
        self.limits(customer, &[(product, party)])?;
        let available = self.for_anyone(product);
        if available >= party {
            return Err(Rejection::PlacesAvailable { available }.into());
        }
        Ok(vec![Change::WaitlistJoined { entry, customer, product, party_size: party }])
    }
}
