//! The naive second model: lists, searched whole each time, and no code shared with the core but
//! the words of its contract. It decides on its own; only where best available may choose freely
//! it takes the core's choice, after checking by brute force that it is a right one.

use std::collections::BTreeMap;

use super::model_seats::{Seat, all_seats, check_choice};
use crate::ids::{HoldId, PaymentId, ProductId, ReservationId, SeatId, Seq, UserId};
use crate::inventory::{
    Change, Command, Counts, Decision, Definition, Fit, Line, LineRequest, Place, Policy,
    Rejection, Request, Requester, RowDefinition, SaleState, SaleWindow, SeatStatus, Transition,
};

const HOUR: i64 = 3_600_000;

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) at: i64,
    place: Place,
    policy: Policy,
    definition: Definition,
    pub(super) state: SaleState,
    blocked: BTreeMap<ProductId, u32>,
    pub(super) seats: Vec<Seat>,
    pub(super) claims: Vec<Claim>,
    ended: Vec<(HoldId, UserId, Ended, i64)>,
    pub(super) waiting: Vec<Waiting>,
    keys: Vec<([u8; 16], [u8; 16], Place, i64)>,
    /// What the core refused the command with that is being decided.
    refused: Option<Rejection>,
}

#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) hold: HoldId,
    pub(super) customer: UserId,
    pub(super) lines: Vec<Line>,
    pub(super) state: State,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    Hold { placed: i64, expires: i64, offered: bool },
    Pending { id: ReservationId, pay_by: i64, window: i64, payment: Option<(PaymentId, Place)> },
    Confirmed { id: ReservationId, payment: PaymentId, place: Place, used: Vec<u8> },
    Expired { id: ReservationId, at: i64, window: i64, payment: Option<PaymentId> },
    Cancelled { id: ReservationId, at: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Expired,
    Otherwise,
}

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) entry: HoldId,
    pub(super) customer: UserId,
    pub(super) product: ProductId,
    pub(super) party: u32,
}

enum No {
    Because(Rejection),
    Already(Place),
}

impl From<Rejection> for No {
    fn from(rejection: Rejection) -> Self {
        Self::Because(rejection)
    }
}

type Answer = Result<Vec<Change>, No>;

fn invalid<T>() -> Result<T, Rejection> {
    Err(Rejection::Invalid { reason: "" })
}

fn wrong() -> Rejection {
    Rejection::WrongState { what: "", state: "" }
}

/// The words of a refusal are not compared, only what it says.
fn plain(rejection: &Rejection) -> Rejection {
    match rejection {
        Rejection::Invalid { .. } => Rejection::Invalid { reason: "" },
        Rejection::WrongState { .. } => wrong(),
        other => other.clone(),
    }
}

impl Model {
    pub(super) fn new(definition: &Definition, at: i64) -> Self {
        Self {
            at,
            place: Place { seq: Seq(0), index: 0 },
            policy: definition.policy,
            definition: definition.clone(),
            state: definition.sale_state,
            blocked: BTreeMap::new(),
            seats: all_seats(definition),
            claims: Vec::new(),
            ended: Vec::new(),
            waiting: Vec::new(),
            keys: Vec::new(),
            refused: None,
        }
    }

    pub(super) fn begin_batch(&mut self, seq: Seq, now: i64) {
        self.at = self.at.max(now);
        self.place = Place { seq, index: 0 };
        let at = self.at;
        self.keys.retain(|key| at - key.3 < 24 * HOUR);
        self.ended.retain(|ended| at - ended.3 < HOUR);
        self.claims.retain(|claim| match claim.state {
            State::Expired { at: end, .. } | State::Cancelled { at: end, .. } => {
                at - end < 24 * HOUR
            }
            State::Hold { .. } | State::Pending { .. } | State::Confirmed { .. } => true,
        });
    }

    /// What the core decided must be what this model decides.
    pub(super) fn execute(&mut self, request: &Request, core: &Decision) {
        if let Some(key) = &request.idempotency
            && let Some(known) = self.keys.iter().find(|known| known.0 == key.key)
        {
            let expected = if known.1 == key.fingerprint {
                Decision::Replayed(known.2)
            } else {
                Decision::Rejected(Rejection::KeyReused)
            };
            assert_eq!(*core, expected, "a key that was used before");
            return;
        }
        let hints: &[Change] = match core {
            Decision::Decided(transition) => &transition.changes,
            Decision::Replayed(_) | Decision::Rejected(_) => &[],
        };
        self.refused = match core {
            Decision::Rejected(rejection) => Some(rejection.clone()),
            Decision::Decided(_) | Decision::Replayed(_) => None,
        };
        match (self.decide(&request.command, hints), core) {
            (Ok(changes), Decision::Decided(transition)) => {
                self.follow(changes, &transition.changes);
                if let Some(key) = &request.idempotency {
                    self.keys.push((key.key, key.fingerprint, self.place, self.at));
                }
                self.place.index += 1;
            }
            (Err(No::Because(mine)), Decision::Rejected(theirs)) => {
                assert_eq!(plain(&mine), plain(theirs), "{:?}", request.command);
            }
            (Err(No::Already(mine)), Decision::Replayed(theirs)) => assert_eq!(mine, *theirs),
            (Ok(mine), theirs) => panic!("{:?}: {mine:?}, not {theirs:?}", request.command),
            (Err(No::Because(mine)), theirs) => {
                panic!("{:?}: {mine:?}, not {theirs:?}", request.command)
            }
            (Err(No::Already(mine)), theirs) => {
                panic!("{:?}: {mine:?}, not {theirs:?}", request.command)
            }
        }
    }

    /// The same for a round of due work.
    pub(super) fn run_due(&mut self, core: Option<&Transition>) {
        let theirs = core.map_or(&[][..], |transition| &transition.changes);
        let due = self.due();
        self.follow(due, theirs);
        self.place.index += u32::from(core.is_some());
    }

    /// Applies changes and the offers that follow; all must be the core's.
    fn follow(&mut self, mut changes: Vec<Change>, theirs: &[Change]) {
        for change in changes.clone() {
            self.apply(&change);
        }
        while let Some(change) = self.next_offer(theirs.get(changes.len())) {
            self.apply(&change);
            changes.push(change);
        }
        assert_eq!(changes, theirs);
    }

    fn due(&self) -> Vec<Change> {
        let cancelled = self.state == SaleState::Cancelled;
        let (mut holds, mut reservations) = (Vec::new(), Vec::new());
        for claim in &self.claims {
            match claim.state {
                State::Hold { expires, .. } if cancelled || expires <= self.at => {
                    holds.push(claim.hold);
                }
                State::Pending { id, pay_by, .. } if cancelled || pay_by <= self.at => {
                    reservations.push(id);
                }
                State::Confirmed { id, .. } if cancelled => reservations.push(id),
                _ => {}
            }
        }
        holds.sort_unstable();
        reservations.sort_unstable();
        let mut changes = Vec::new();
        if !holds.is_empty() {
            changes.push(Change::HoldsExpired { holds });
        }
        if !reservations.is_empty() && cancelled {
            changes.push(Change::ReservationsCancelled { reservations });
        } else if !reservations.is_empty() {
            changes.push(Change::ReservationsExpired { reservations });
        }
        if changes.is_empty() && cancelled {
            let left = |waiting: &Waiting| Change::WaitlistLeft { entry: waiting.entry };
            return self.waiting.iter().map(left).collect();
        }
        changes
    }

    pub(super) fn next_due_at(&self) -> Option<i64> {
        let live = self.claims.iter().filter_map(|claim| match claim.state {
            State::Hold { expires, .. } => Some(expires),
            State::Pending { pay_by, .. } => Some(pay_by),
            State::Confirmed { .. } if self.state == SaleState::Cancelled => Some(self.at),
            State::Confirmed { .. } | State::Expired { .. } | State::Cancelled { .. } => None,
        });
        if self.state == SaleState::Cancelled {
            return (live.count() > 0 || !self.waiting.is_empty()).then_some(self.at);
        }
        let offers = self.waiting.iter().filter_map(|waiting| {
            if waiting.party > self.counts(waiting.product).available
                || self.state != SaleState::Open
            {
                return None;
            }
            let windows = [self.definition.sale, self.product(waiting.product).sale];
            let start = windows.iter().filter_map(|window| window.start).max();
            let opens = self.at.max(start.unwrap_or(self.at));
            windows.iter().all(|window| window.end.is_none_or(|end| opens < end)).then_some(opens)
        });
        live.chain(offers).min()
    }

    fn product(&self, product: ProductId) -> &crate::inventory::ProductDefinition {
        &self.definition.products[product.index()]
    }

    pub(super) fn counts(&self, product: ProductId) -> Counts {
        let mut counts = Counts {
            total: self.product(product).capacity.unwrap_or(0),
            blocked: self.blocked.get(&product).copied().unwrap_or(0),
            ..Counts::default()
        };
        for seat in self.seats.iter().filter(|seat| seat.product == product) {
            counts.total += u32::from(seat.status != SeatStatus::Removed);
            counts.blocked += u32::from(seat.status == SeatStatus::Blocked);
        }
        for claim in &self.claims {
            for line in claim.lines.iter().filter(|line| line.product == product) {
                match claim.state {
                    State::Hold { .. } | State::Pending { .. } => counts.held += line.quantity,
                    State::Confirmed { .. } => counts.sold += line.quantity,
                    State::Expired { .. } | State::Cancelled { .. } => {}
                }
            }
        }
        counts.available = counts.total - counts.held - counts.sold - counts.blocked;
        counts
    }

    fn places_of(&self, customer: UserId, product: Option<ProductId>) -> u32 {
        let live = self.claims.iter().filter(|claim| {
            let ended = matches!(claim.state, State::Expired { .. } | State::Cancelled { .. });
            claim.customer == customer && !ended
        });
        live.flat_map(|claim| &claim.lines)
            .filter(|line| product.is_none_or(|product| product == line.product))
            .map(|line| line.quantity)
            .sum()
    }

    fn limits(&self, customer: UserId, wanted: &[(ProductId, u32)]) -> Result<(), Rejection> {
        let all: u32 = wanted.iter().map(|(_, places)| places).sum();
        let over_all = self.policy.max_per_customer.map(|max| (max, None, all));
        let each = wanted.iter().filter_map(|(product, places)| {
            Some((self.product(*product).max_per_customer?, Some(*product), *places))
        });
        for (max, product, more) in over_all.into_iter().chain(each) {
            let current = self.places_of(customer, product);
            if current + more > max {
                return Err(Rejection::LimitExceeded { max, current });
            }
        }
        Ok(())
    }

    fn on_sale(&self, product: ProductId) -> Result<(), Rejection> {
        let windows = [self.definition.sale, self.product(product).sale];
        let opens_at = windows.iter().filter_map(|window| window.start).max();
        let over = windows.iter().any(|window| window.end.is_some_and(|end| end <= self.at));
        match self.state {
            SaleState::Cancelled => Err(Rejection::Cancelled),
            SaleState::Paused => Err(Rejection::SaleClosed { paused: true }),
            SaleState::Closed => Err(Rejection::SaleClosed { paused: false }),
            SaleState::Scheduled => Err(Rejection::SaleNotOpen { opens_at }),
            SaleState::Open if over => Err(Rejection::SaleClosed { paused: false }),
            SaleState::Open if opens_at.is_some_and(|start| self.at < start) => {
                Err(Rejection::SaleNotOpen { opens_at })
            }
            SaleState::Open => Ok(()),
        }
    }

    fn alive(&self) -> Result<(), Rejection> {
        if self.state == SaleState::Cancelled { Err(Rejection::Cancelled) } else { Ok(()) }
    }

    fn next_offer(&self, hint: Option<&Change>) -> Option<Change> {
        let mut products: Vec<ProductId> = self.waiting.iter().map(|w| w.product).collect();
        products.sort_unstable();
        products.dedup();
        for product in products {
            let available = self.counts(product).available;
            let mut line = self.waiting.iter().filter(|waiting| waiting.product == product);
            let Some(first) = line.find(|waiting| waiting.party <= available) else { continue };
            if self.on_sale(product).is_err() {
                continue;
            }
            let Waiting { entry, customer, party, .. } = *first;
            if self.limits(customer, &[(product, party)]).is_err() {
                return Some(Change::WaitlistLeft { entry });
            }
            let (seats, fit) = match hint {
                Some(Change::OfferMade { line, .. })
                    if self.product(product).capacity.is_none() =>
                {
                    let choice = (&line.seats[..], line.fit);
                    check_choice(&self.seats, product, None, &[], party, choice);
                    (line.seats.clone(), line.fit)
                }
                _ => (Box::default(), Fit::Exact),
            };
            let line = self.line(product, party, seats, fit);
            let expires_at = self.at + self.policy.offer_ttl_ms;
            return Some(Change::OfferMade { entry, customer, line, expires_at });
        }
        None
    }

    fn line(&self, product: ProductId, quantity: u32, seats: Box<[SeatId]>, fit: Fit) -> Line {
        Line { product, quantity, unit_price: self.product(product).price, seats, fit }
    }

    fn status(&self, seat: SeatId) -> SeatStatus {
        self.seats.get(seat.index()).map_or(SeatStatus::Removed, |seat| seat.status)
    }

    fn set_seats(&mut self, seats: &[SeatId], status: SeatStatus) {
        for seat in seats {
            self.seats[seat.index()].status = status;
        }
    }

    fn find_reservation(&self, id: ReservationId) -> Option<usize> {
        self.claims.iter().position(|claim| match claim.state {
            State::Hold { .. } => false,
            State::Pending { id: of, .. }
            | State::Confirmed { id: of, .. }
            | State::Expired { id: of, .. }
            | State::Cancelled { id: of, .. } => of == id,
        })
    }

    fn find_hold(&self, id: HoldId, customer: UserId) -> Result<usize, Rejection> {
        let found = self
            .claims
            .iter()
            .position(|claim| claim.hold == id && matches!(claim.state, State::Hold { .. }));
        if let Some(at) = found.filter(|at| self.claims[*at].customer == customer) {
            return Ok(at);
        }
        match self.ended.iter().find(|ended| ended.0 == id && ended.1 == customer) {
            Some((_, _, Ended::Expired, _)) => Err(Rejection::HoldExpired),
            Some((_, _, Ended::Otherwise, _)) => Err(Rejection::HoldEnded),
            None => Err(Rejection::HoldNotFound),
        }
    }

    fn accepted(&self, id: HoldId, customer: UserId) -> Result<&Claim, Rejection> {
        let claim = &self.claims[self.find_hold(id, customer)?];
        if matches!(claim.state, State::Hold { offered: true, .. }) {
            return Err(wrong());
        }
        Ok(claim)
    }

    fn offer(&self, id: HoldId, customer: UserId) -> Result<&Claim, Rejection> {
        if self.waiting.iter().any(|w| w.entry == id && w.customer == customer) {
            return Err(wrong());
        }
        let at = self.find_hold(id, customer).map_err(|rejection| match rejection {
            Rejection::HoldNotFound => Rejection::WaitlistEntryNotFound,
            other => other,
        })?;
        let claim = &self.claims[at];
        if matches!(claim.state, State::Hold { offered: true, .. }) {
            return Ok(claim);
        }
        Err(wrong())
    }

    fn decide(&mut self, command: &Command, hints: &[Change]) -> Answer {
        match command {
            Command::PlaceHold { hold, customer, lines } => {
                Ok(vec![self.place_hold(*hold, *customer, lines, hints)?])
            }
            Command::Reserve { hold, reservation, customer, lines } => {
                let placed = self.place_hold(*hold, *customer, lines, hints)?;
                let Change::HoldPlaced { lines, .. } = &placed else { unreachable!() };
                let lines = lines.clone();
                let pay_by = self.at + self.policy.pay_window_ms;
                let (hold, reservation, customer) = (*hold, *reservation, *customer);
                let out = Change::CheckedOut { hold, reservation, customer, lines, pay_by };
                Ok(vec![placed, out])
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
            Command::ReleaseHold { hold, customer } => {
                self.find_hold(*hold, *customer)?;
                Ok(vec![Change::HoldReleased { hold: *hold }])
            }
            Command::CheckOut { hold, reservation, customer } => {
                let lines = self.accepted(*hold, *customer)?.lines.clone();
                self.alive()?;
                let pay_by = self.at + self.policy.pay_window_ms;
                let (hold, reservation, customer) = (*hold, *reservation, *customer);
                Ok(vec![Change::CheckedOut { hold, reservation, customer, lines, pay_by }])
            }
            Command::BeginPayment { .. }
            | Command::ConfirmPayment { .. }
            | Command::FailPayment { .. }
            | Command::CancelReservation { .. }
            | Command::CheckIn { .. } => self.decide_reservation(command),
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
            | Command::Reprice { .. }
            | Command::SetSaleWindow { .. }
            | Command::OpenSale
            | Command::PauseSale
            | Command::CloseSale
            | Command::CancelOffering => Ok(vec![self.decide_admin(command)?]),
        }
    }

    fn place_hold(
        &self,
        hold: HoldId,
        customer: UserId,
        wishes: &[LineRequest],
        hints: &[Change],
    ) -> Result<Change, Rejection> {
        self.alive()?;
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
                if quantity == 0 || total > u64::from(self.policy.max_places_per_hold) {
                    return invalid();
                }
                match wanted.iter().position(|(known, _)| *known == product) {
                    Some(at) => wanted[at].1 += quantity,
                    None => wanted.push((product, quantity)),
                }
            }
        }
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

    fn grant(
        &self,
        wishes: &[LineRequest],
        mut taken: Vec<SeatId>,
        hints: &[Change],
    ) -> Result<Vec<Line>, Rejection> {
        let chosen = match hints.first() {
            Some(Change::HoldPlaced { lines, .. }) => &lines[..],
            _ => &[],
        };
        let mut lines: Vec<Line> = Vec::new();
        // Places that best available gave to earlier lines, if the core would not say which.
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
                        // How many are left depends on what was chosen for the lines before.
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

    fn kind(&self, product: ProductId, numbered: bool) -> Result<(), Rejection> {
        let Some(of) = self.definition.products.get(product.index()) else {
            return Err(Rejection::UnknownProduct);
        };
        if of.capacity.is_none() == numbered {
            return Ok(());
        }
        Err(Rejection::WrongKindOfProduct { numbered: !numbered })
    }

    fn known_seats(&self, seats: &[SeatId]) -> Result<(), Rejection> {
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

    fn join(&self, entry: HoldId, customer: UserId, product: ProductId, party: u32) -> Answer {
        if product.index() >= self.definition.products.len() {
            return Err(Rejection::UnknownProduct.into());
        }
        self.on_sale(product)?;
        if self.waiting.len() >= self.policy.waitlist_capacity as usize {
            return Err(Rejection::WaitlistUnavailable { full: true }.into());
        }
        if party == 0 || party > self.policy.max_places_per_hold {
            return Ok(invalid()?);
        }
        if self.waiting.iter().any(|w| w.customer == customer && w.product == product) {
            return Err(Rejection::AlreadyWaiting.into());
        }
        self.limits(customer, &[(product, party)])?;
        let available = self.counts(product).available;
        if available >= party {
            return Err(Rejection::PlacesAvailable { available }.into());
        }
        Ok(vec![Change::WaitlistJoined { entry, customer, product, party_size: party }])
    }

    fn decide_reservation(&self, command: &Command) -> Answer {
        let (id, by) = match command {
            Command::BeginPayment { reservation, customer, .. }
            | Command::CancelReservation { reservation, by: Requester::Customer(customer) } => {
                (*reservation, Some(*customer))
            }
            Command::ConfirmPayment { reservation, .. }
            | Command::FailPayment { reservation, .. }
            | Command::CancelReservation { reservation, by: Requester::Admin }
            | Command::CheckIn { reservation, .. } => (*reservation, None),
            other => unreachable!("{other:?}"),
        };
        let found = self.find_reservation(id).map(|at| &self.claims[at]);
        let found = found.filter(|claim| by.is_none_or(|customer| customer == claim.customer));
        let Some(claim) = found else {
            return Err(match command {
                Command::CheckIn { .. } => Rejection::TicketNotFound.into(),
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
                    State::Confirmed { payment: by, place, .. } if *by == payment => {
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
                Command::FailPayment { payment, .. },
                State::Expired { payment: Some(late), window, .. },
            ) if late == payment => {
                let (payment, pay_by) = (*payment, *window);
                Ok(vec![Change::PaymentFailed { reservation: id, payment, pay_by }])
            }
            (Command::CancelReservation { .. }, State::Pending { payment: Some(_), .. }) => {
                Err(Rejection::PaymentInProgress.into())
            }
            (Command::CancelReservation { .. }, State::Confirmed { used, .. })
                if !used.is_empty() =>
            {
                Err(Rejection::AlreadyCheckedIn.into())
            }
            (
                Command::CancelReservation { .. },
                State::Pending { .. } | State::Confirmed { .. },
            ) => Ok(vec![Change::ReservationsCancelled { reservations: vec![id] }]),
            (Command::CheckIn { ticket, .. }, State::Confirmed { used, .. }) => {
                let tickets: u32 = lines.iter().map(|line| line.quantity).sum();
                if u32::from(*ticket) >= tickets {
                    return Err(Rejection::TicketNotFound.into());
                }
                if used.contains(ticket) {
                    return Err(Rejection::AlreadyCheckedIn.into());
                }
                Ok(vec![Change::CheckedIn { reservation: id, ticket: *ticket }])
            }
            (Command::CheckIn { .. }, State::Pending { .. }) => {
                Err(Rejection::TicketNotFound.into())
            }
            (Command::CheckIn { .. }, _) => Err(wrong().into()),
            _ => Err(over.into()),
        }
    }

    fn can_come_back(&self, claim: &Claim) -> bool {
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
                // With the sale shut, what is free may be owed to those who wait.
                let owed =
                    self.waiting.iter().any(|w| w.product == *product && w.party <= available);
                !owed && available >= *places
            })
            && self.limits(claim.customer, &wanted).is_ok()
    }

    fn decide_admin(&self, command: &Command) -> Result<Change, Rejection> {
        self.alive()?;
        let sold_out = |requested: u32, available: u32| match requested {
            0 => invalid(),
            _ if requested > available => Err(Rejection::SoldOut { requested, available }),
            _ => Ok(()),
        };
        Ok(match command {
            Command::BlockSeats { seats } => {
                self.seats_that_are(seats, &[SeatStatus::Available])?;
                Change::SeatsBlocked { seats: seats.clone() }
            }
            Command::UnblockSeats { seats } => {
                self.seats_that_are(seats, &[SeatStatus::Blocked])?;
                Change::SeatsUnblocked { seats: seats.clone() }
            }
            Command::RemoveSeats { seats } => {
                self.seats_that_are(seats, &[SeatStatus::Blocked, SeatStatus::Available])?;
                Change::SeatsRemoved { seats: seats.clone() }
            }
            Command::BlockPlaces { product, quantity } => {
                self.kind(*product, false)?;
                sold_out(*quantity, self.counts(*product).available)?;
                Change::PlacesBlocked { product: *product, quantity: *quantity }
            }
            Command::UnblockPlaces { product, quantity } => {
                self.kind(*product, false)?;
                sold_out(*quantity, self.counts(*product).blocked)?;
                Change::PlacesUnblocked { product: *product, quantity: *quantity }
            }
            Command::Resize { product, total } => {
                self.kind(*product, false)?;
                let counts = self.counts(*product);
                let taken = counts.held + counts.sold + counts.blocked;
                if *total < taken {
                    return Err(Rejection::BelowTaken { taken });
                }
                Change::Resized { product: *product, total: *total }
            }
            Command::AddRow { section, name, seats } => {
                let Some(of) = self.definition.sections.get(section.index()) else {
                    return Err(Rejection::UnknownSection);
                };
                if *seats == 0 || *seats > 1_000 || of.rows.iter().any(|row| row.name == *name) {
                    return invalid();
                }
                let first_seat = SeatId(u32::try_from(self.seats.len()).unwrap());
                Change::RowAdded {
                    section: *section,
                    name: name.clone(),
                    seats: *seats,
                    first_seat,
                }
            }
            Command::Reprice { product, price } => {
                if product.index() >= self.definition.products.len() {
                    return Err(Rejection::UnknownProduct);
                }
                if *price < 0 {
                    return invalid();
                }
                Change::Repriced { product: *product, price: *price }
            }
            Command::SetSaleWindow { product, window } => {
                if let SaleWindow { start: Some(start), end: Some(end) } = window
                    && end <= start
                {
                    return invalid();
                }
                Change::SaleWindowSet { product: *product, window: *window }
            }
            Command::OpenSale => self.switch(SaleState::Open)?,
            Command::PauseSale => self.switch(SaleState::Paused)?,
            Command::CloseSale => self.switch(SaleState::Closed)?,
            Command::CancelOffering => self.switch(SaleState::Cancelled)?,
            other => unreachable!("{other:?}"),
        })
    }

    fn switch(&self, state: SaleState) -> Result<Change, Rejection> {
        if self.state == state { Err(wrong()) } else { Ok(Change::SaleStateSet { state }) }
    }

    fn seats_that_are(&self, seats: &[SeatId], allowed: &[SeatStatus]) -> Result<(), Rejection> {
        if seats.is_empty() {
            return invalid();
        }
        self.known_seats(seats)?;
        let mut others = seats.to_vec();
        others.retain(|seat| !allowed.contains(&self.status(*seat)));
        if others.is_empty() { Ok(()) } else { Err(Rejection::SeatsTaken { seats: others }) }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Created { .. } => unreachable!("made by new"),
            Change::HoldPlaced { hold, customer, lines, expires_at } => {
                self.claim(*hold, *customer, lines.clone(), *expires_at, false);
            }
            Change::OfferMade { entry, customer, line, expires_at } => {
                self.waiting.retain(|waiting| waiting.entry != *entry);
                self.claim(*entry, *customer, vec![line.clone()], *expires_at, true);
            }
            Change::HoldExtended { hold, expires_at, .. } => {
                let at = self.claims.iter().position(|claim| claim.hold == *hold).unwrap();
                let State::Hold { expires, .. } = &mut self.claims[at].state else { panic!() };
                *expires = *expires_at;
            }
            Change::OfferAccepted { entry, expires_at, .. } => {
                let placed = self.at;
                let at = self.claims.iter().position(|claim| claim.hold == *entry).unwrap();
                let expires = *expires_at;
                self.claims[at].state = State::Hold { placed, expires, offered: false };
            }
            Change::HoldReleased { hold } => self.end_hold(*hold, Ended::Otherwise),
            Change::HoldsExpired { holds } => {
                for hold in holds {
                    self.end_hold(*hold, Ended::Expired);
                }
            }
            Change::CheckedOut { hold, reservation, pay_by, .. } => {
                let at = self.claims.iter().position(|claim| claim.hold == *hold).unwrap();
                let (id, pay_by) = (*reservation, *pay_by);
                self.claims[at].state =
                    State::Pending { id, pay_by, window: pay_by, payment: None };
                self.ended.push((*hold, self.claims[at].customer, Ended::Otherwise, self.at));
            }
            Change::WaitlistJoined { entry, customer, product, party_size } => {
                let (entry, customer, product) = (*entry, *customer, *product);
                self.waiting.push(Waiting { entry, customer, product, party: *party_size });
            }
            Change::WaitlistLeft { entry } => {
                self.waiting.retain(|waiting| waiting.entry != *entry);
            }
            Change::PaymentBegun { .. }
            | Change::ReservationConfirmed { .. }
            | Change::PaymentFailed { .. }
            | Change::ReservationsExpired { .. }
            | Change::ReservationRevived { .. }
            | Change::ReservationsCancelled { .. }
            | Change::CheckedIn { .. } => self.apply_reservation(change),
            Change::SeatsBlocked { seats } => self.set_seats(seats, SeatStatus::Blocked),
            Change::SeatsUnblocked { seats } => self.set_seats(seats, SeatStatus::Available),
            Change::SeatsRemoved { seats } => self.set_seats(seats, SeatStatus::Removed),
            Change::PlacesBlocked { product, quantity } => {
                *self.blocked.entry(*product).or_default() += quantity;
            }
            Change::PlacesUnblocked { product, quantity } => {
                *self.blocked.entry(*product).or_default() -= quantity;
            }
            Change::Resized { product, total } => {
                self.definition.products[product.index()].capacity = Some(*total);
            }
            Change::RowAdded { section, name, seats, .. } => {
                let of = &mut self.definition.sections[section.index()];
                of.rows.push(RowDefinition { name: name.clone(), seats: *seats });
                let (section, row, product) = (section.index(), of.rows.len() - 1, of.product);
                let status = SeatStatus::Available;
                for _ in 0..*seats {
                    self.seats.push(Seat { product, section, row, status });
                }
            }
            Change::Repriced { product, price } => {
                self.definition.products[product.index()].price = *price;
            }
            Change::SaleWindowSet { product, window } => match product {
                Some(product) => self.definition.products[product.index()].sale = *window,
                None => self.definition.sale = *window,
            },
            Change::SaleStateSet { state } => self.state = *state,
        }
    }

    fn apply_reservation(&mut self, change: &Change) {
        let (now, place) = (self.at, self.place);
        let ids: Vec<ReservationId> = match change {
            Change::PaymentBegun { reservation, .. }
            | Change::ReservationConfirmed { reservation, .. }
            | Change::PaymentFailed { reservation, .. }
            | Change::ReservationRevived { reservation }
            | Change::CheckedIn { reservation, .. } => vec![*reservation],
            Change::ReservationsExpired { reservations }
            | Change::ReservationsCancelled { reservations } => reservations.clone(),
            other => unreachable!("{other:?}"),
        };
        for id in ids {
            let at = self.find_reservation(id).unwrap();
            let state = self.claims[at].state.clone();
            let (next, seats) = match (change, state) {
                (Change::PaymentBegun { payment, pay_by, .. }, State::Pending { window, .. }) => {
                    let (pay_by, payment) = (*pay_by, Some((*payment, place)));
                    (State::Pending { id, pay_by, window, payment }, None)
                }
                (Change::PaymentFailed { .. }, State::Pending { window, .. }) => {
                    (State::Pending { id, pay_by: window, window, payment: None }, None)
                }
                (Change::PaymentFailed { .. }, State::Expired { at, window, .. }) => {
                    (State::Expired { id, at, window, payment: None }, None)
                }
                (Change::ReservationRevived { .. }, State::Expired { window, .. }) => {
                    let revived = State::Pending { id, pay_by: now, window, payment: None };
                    (revived, Some(SeatStatus::Held))
                }
                (Change::ReservationConfirmed { payment, .. }, State::Pending { .. }) => {
                    let (payment, used) = (*payment, Vec::new());
                    (State::Confirmed { id, payment, place, used }, Some(SeatStatus::Sold))
                }
                (Change::ReservationsExpired { .. }, State::Pending { window, payment, .. }) => {
                    let payment = payment.map(|(payment, _)| payment);
                    let expired = State::Expired { id, at: now, window, payment };
                    (expired, Some(SeatStatus::Available))
                }
                (
                    Change::ReservationsCancelled { .. },
                    State::Pending { .. } | State::Confirmed { .. },
                ) => (State::Cancelled { id, at: now }, Some(SeatStatus::Available)),
                (
                    Change::CheckedIn { ticket, .. },
                    State::Confirmed { payment, place, mut used, .. },
                ) => {
                    used.push(*ticket);
                    (State::Confirmed { id, payment, place, used }, None)
                }
                (change, state) => panic!("{change:?} of {state:?}"),
            };
            self.claims[at].state = next;
            if let Some(status) = seats {
                for line in self.claims[at].lines.clone() {
                    self.set_seats(&line.seats, status);
                }
            }
        }
    }

    fn claim(
        &mut self,
        hold: HoldId,
        customer: UserId,
        lines: Vec<Line>,
        expires: i64,
        offered: bool,
    ) {
        for line in &lines {
            self.set_seats(&line.seats, SeatStatus::Held);
        }
        let state = State::Hold { placed: self.at, expires, offered };
        self.claims.push(Claim { hold, customer, lines, state });
    }

    fn end_hold(&mut self, hold: HoldId, how: Ended) {
        let at = self.claims.iter().position(|claim| claim.hold == hold).unwrap();
        let claim = self.claims.remove(at);
        for line in &claim.lines {
            self.set_seats(&line.seats, SeatStatus::Available);
        }
        self.ended.push((hold, claim.customer, how, self.at));
    }
}
