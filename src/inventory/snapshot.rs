//! The state as bytes, sealed by their hash, so that a damaged snapshot is never read as another
//! state. Canonical: equal states have equal bytes, regardless of the history that gave their
//! claims their slots.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::claim::{Claim, EndedHold, Hold, Kind, Reservation, State};
use super::class::{ClassRules, EnrollmentView};
use super::decide_event::sensible;
use super::enrollments::Class;
use super::keys::Remembered;
use super::queue::SavedQueue;
use super::seat_map::Loaded;
use super::validate::{MAX_ROW, MAX_SEATS, MAX_SECTIONS};
use super::waitlist::{EndedEntry, Entry};
use super::{
    CancellationPolicy, EventTimes, HoldId, Inventory, Line, Place, Policy, Product, SaleState,
    SaleWindow, SeatId, SeatStatus, Seq, TimestampMs, UserId, Violation,
};
use crate::ids::{ProductId, SectionId};

/// Rises when the fields below or anything inside them change, `claim::State`, `claim::Ending`,
/// `CancelledTickets` and `waitlist::EntryEnding` included; the journal is folded anew then. `box_office/encodings.rs`
/// pins the bytes.
const VERSION: u16 = 6;
/// Length in bytes of the seal at the end: the start of the hash of all bytes before it. Snapshots of
/// earlier versions have no seal and are read unchecked.
const SEAL: usize = 16;

/// The fields of a snapshot: borrowed when written, owned when read.
#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    version: u16,
    at: TimestampMs,
    currency: [u8; 3],
    policy: Policy,
    sale: SaleWindow,
    sale_state: SaleState,
    products: Vec<Product>,
    sections: Vec<(String, ProductId)>,
    /// Rows by first seat, which is also the order in which they were created.
    rows: Vec<SavedRow>,
    blocked: Vec<SeatId>,
    removed: Vec<SeatId>,
    /// Sorted by id.
    holds: Vec<SavedHold<'a>>,
    /// Sorted by id.
    reservations: Vec<SavedReservation<'a>>,
    /// In the order in which they ended.
    ended_holds: Vec<EndedHold>,
    waitlist: Vec<Entry>,
    keys: Vec<Remembered>,
    times: Option<EventTimes>,
    cancellation: CancellationPolicy,
    /// In the order in which they ended.
    ended_entries: Vec<EndedEntry>,
    /// By time and id.
    kept: Vec<(TimestampMs, SeatId)>,
    /// The rules and enrollments of a class.
    class: Option<(ClassRules, Vec<EnrollmentView>)>,
    /// How many queues there have been.
    queue_generation: u32,
    /// The queue of a waiting room that is on.
    queue: Option<SavedQueue>,
}

#[derive(Serialize, Deserialize)]
struct SavedRow {
    section: SectionId,
    name: String,
    first_seat: u32,
    seats: u32,
}

#[derive(Serialize, Deserialize)]
struct SavedHold<'a> {
    id: HoldId,
    customer: UserId,
    lines: Cow<'a, [Line]>,
    placed_at: TimestampMs,
    expires_at: TimestampMs,
    offered: bool,
}

type SavedReservation<'a> = (Reservation, UserId, Cow<'a, [Line]>);

impl Inventory {
    /// Encodes the state. Canonical: equal states have equal snapshots.
    ///
    /// # Panics
    /// Never: all saved types can be encoded.
    pub fn to_snapshot(&self) -> Vec<u8> {
        // Allocated with room to spare, so that megabytes are not copied as the buffer grows.
        let room = 4_096 + 2 * self.snapshot_size();
        let mut bytes = postcard::to_extend(&self.save(), Vec::with_capacity(room))
            .expect("a state holds only encodable types");
        let seal = blake3::hash(&bytes);
        bytes.extend_from_slice(&seal.as_bytes()[..SEAL]);
        bytes
    }

    /// The approximate length in bytes of [`Self::to_snapshot`], computed from counts alone.
    pub fn snapshot_size(&self) -> usize {
        const ROW: usize = 12;
        const HOLD: usize = 60;
        const ENDED: usize = 45;
        const RESERVATION: usize = 113;
        const KEY: usize = 65;
        const KEPT: usize = 9;
        const ENROLLMENT: usize = 56;
        const ENTRY: usize = 35;
        const SESSION: usize = 36;
        let enrollments = self.class.as_ref().map_or(0, |class| class.enrollments.len());
        ROW * self.seats.row_count()
            + HOLD * (self.claims.live_holds() + self.waitlist.len())
            + ENDED * (self.claims.ended_order.len() + self.waitlist.endings().len())
            + RESERVATION * self.claims.all_reservations()
            + KEY * self.keys.len()
            + KEPT * self.seats.kept().len()
            + ENROLLMENT * enrollments
            + self.queue.as_deref().map_or(0, |queue| {
                ENTRY * queue.line.len() as usize + SESSION * queue.sessions.open()
            })
    }

    /// Reads the bytes that [`Self::to_snapshot`] wrote.
    ///
    /// # Errors
    /// When the bytes are not a snapshot of this format, or not of a possible state.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, Violation> {
        let unreadable = |_| Violation("it does not decode".into());
        let (version, _): (u16, _) = postcard::take_from_bytes(bytes).map_err(unreadable)?;
        if version != VERSION {
            return Err(Violation(format!("version {version}, not {VERSION}")));
        }
        let (saved, seal): (Saved, _) = postcard::take_from_bytes(bytes).map_err(unreadable)?;
        check_seal(&bytes[..bytes.len() - seal.len()], seal)?;
        saved.policy.validate().map_err(|error| Violation(error.to_string()))?;
        let mut inventory = Self::empty();
        inventory.load_map(&saved)?;
        (inventory.now, inventory.at) = (saved.at, saved.at);
        inventory.currency = saved.currency;
        inventory.policy = saved.policy;
        inventory.sale = saved.sale;
        inventory.sale_state = saved.sale_state;
        inventory.products = saved.products;
        for hold in saved.holds {
            inventory.load_hold(hold)?;
        }
        inventory.load_reservations(saved.reservations)?;
        for ended in saved.ended_holds {
            inventory.claims.hold_ended(ended);
        }
        for entry in saved.waitlist {
            inventory.check_party(entry.product, entry.party_size)?;
            if !inventory.waitlist.join(entry) {
                return Err(Violation("somebody waits twice".into()));
            }
        }
        for key in saved.keys {
            if inventory.keys.knows(key.idempotency.key) {
                return Err(twice());
            }
            inventory.keys.remember(key, &mut inventory.customers);
        }
        inventory.times = saved.times;
        sensible(saved.cancellation).map_err(|rejection| Violation(rejection.to_string()))?;
        inventory.cancellation = saved.cancellation;
        for ended in saved.ended_entries {
            inventory.waitlist.ended(ended);
        }
        inventory.seats.load_kept(&saved.kept)?;
        if let Some((rules, enrollments)) = saved.class {
            inventory.load_class(rules, enrollments)?;
        }
        inventory.queue_generation = saved.queue_generation;
        if let Some(queue) = saved.queue {
            inventory.queue = Some(Box::new(queue.load()?));
        }
        inventory.seats.arrange(inventory.products.len());
        inventory.next_deadline = inventory.claims.next_deadline().map(|(deadline, _)| deadline);
        inventory.cursor = Place { seq: Seq(0), index: 0 };
        inventory.check()?;
        Ok(inventory)
    }

    fn save(&self) -> Saved<'_> {
        let mut holds = Vec::with_capacity(self.claims.live_holds());
        let mut reservations = Vec::new();
        for (_, claim) in self.claims.slab.iter() {
            match &claim.kind {
                Kind::Hold(hold) => holds.push(SavedHold {
                    id: hold.id,
                    customer: claim.customer,
                    lines: Cow::Borrowed(&*claim.lines),
                    placed_at: hold.placed_at,
                    expires_at: hold.expires_at,
                    offered: hold.offered,
                }),
                Kind::Reservation(reservation) => {
                    let lines = Cow::Borrowed(&*claim.lines);
                    reservations.push((**reservation, claim.customer, lines));
                }
            }
        }
        holds.sort_unstable_by_key(|hold| hold.id);
        reservations.sort_unstable_by_key(|(reservation, ..)| reservation.id);
        let sections = self.seats.sections();
        let mut rows: Vec<_> = sections
            .iter()
            .flat_map(|section| &section.rows)
            .map(|row| self.seats.row(*row))
            .map(|row| SavedRow {
                section: row.section,
                name: row.name.to_string(),
                first_seat: row.first_seat,
                seats: row.seats,
            })
            .collect();
        rows.sort_unstable_by_key(|row| row.first_seat);
        Saved {
            version: VERSION,
            at: self.at,
            currency: self.currency,
            policy: self.policy,
            sale: self.sale,
            sale_state: self.sale_state,
            products: self.products.clone(),
            sections: sections
                .iter()
                .map(|section| (section.name.to_string(), section.product))
                .collect(),
            rows,
            blocked: self.seats_that_are(SeatStatus::Blocked),
            removed: self.seats_that_are(SeatStatus::Removed),
            holds,
            reservations,
            ended_holds: self
                .claims
                .ended_order
                .iter()
                .filter_map(|id| self.claims.ended_holds.get(id).copied())
                .collect(),
            waitlist: self.waitlist.in_order(),
            keys: self.keys.iter().copied().collect(),
            times: self.times,
            cancellation: self.cancellation,
            ended_entries: self.waitlist.endings().collect(),
            kept: self.seats.kept().iter().collect(),
            class: self.class.as_ref().map(|class| (class.rules, class.enrollments.in_order())),
            queue_generation: self.queue_generation,
            queue: self.queue.as_deref().map(SavedQueue::of),
        }
    }

    fn load_class(
        &mut self,
        rules: ClassRules,
        saved: Vec<EnrollmentView>,
    ) -> Result<(), Violation> {
        let mut class = Class::new(rules);
        for enrollment in saved {
            if !class.enrollments.add(enrollment) {
                return Err(twice());
            }
        }
        self.class = Some(Box::new(class));
        Ok(())
    }

    fn seats_that_are(&self, status: SeatStatus) -> Vec<SeatId> {
        let all = (0..self.seats.next_seat().0).map(SeatId);
        all.filter(|seat| self.seats.status(*seat) == status).collect()
    }

    fn load_map(&mut self, saved: &Saved<'_>) -> Result<(), Violation> {
        if saved.sections.len() > MAX_SECTIONS {
            return Err(Violation("more sections than there may be".into()));
        }
        for (name, product) in &saved.sections {
            if product.index() >= saved.products.len() {
                return Err(Violation(format!("section {name} has no product")));
            }
            self.seats.add_section(name, *product, 0);
        }
        for row in &saved.rows {
            let starts_next = self.seats.next_seat().0 == row.first_seat;
            let sane = (1..=MAX_ROW).contains(&row.seats) && row.first_seat <= MAX_SEATS;
            if !starts_next || !sane || row.section.index() >= saved.sections.len() {
                return Err(Violation(format!("row {} does not fit the map", row.name)));
            }
            self.seats.push_row(row.section, &row.name, row.first_seat, row.seats);
        }
        self.seats.load(&saved.blocked, Loaded::Blocked)?;
        self.seats.load(&saved.removed, Loaded::Removed)
    }

    fn load_hold(&mut self, saved: SavedHold<'_>) -> Result<(), Violation> {
        let SavedHold { id, customer, lines, placed_at, expires_at, offered } = saved;
        let kind = Kind::Hold(Hold { id, placed_at, expires_at, offered });
        let lines = lines.into_owned().into();
        let slot = self.load_claim(Claim::new(customer, lines, kind), Loaded::Held)?;
        self.claims.push_deadline(expires_at, slot);
        Ok(())
    }

    fn load_reservations(&mut self, saved: Vec<SavedReservation<'_>>) -> Result<(), Violation> {
        for (reservation, customer, lines) in saved {
            let id = reservation.id;
            let kind = Kind::Reservation(Box::new(reservation));
            let claim = Claim::new(customer, lines.into_owned().into(), kind);
            match reservation.state {
                State::Pending { pay_by, .. } => {
                    let slot = self.load_claim(claim, Loaded::Held)?;
                    self.claims.push_deadline(pay_by, slot);
                    self.live_reservations += 1;
                }
                State::Confirmed { .. } => {
                    self.live_reservations += 1;
                    self.load_claim(claim, Loaded::Sold)?;
                }
                State::Expired { at, .. } | State::Cancelled { at } => {
                    self.claims.reservation_ended(at, id);
                    self.claims.insert(claim).ok_or_else(twice)?;
                }
            }
        }
        Ok(())
    }

    fn load_claim(&mut self, claim: Claim, state: fn(u32) -> Loaded) -> Result<u32, Violation> {
        let slot = self.claims.insert(claim).ok_or_else(twice)?;
        let Self { claims, seats, customers, products, .. } = self;
        let Some(claim) = claims.slab.get(slot) else {
            return Err(Violation("a claim is not where it was put".into()));
        };
        let (customer, mut places) = (claim.customer, 0_u32);
        for line in &*claim.lines {
            let Some(product) = products.get(line.product.index()) else {
                return Err(Violation(format!("{:?} is unknown", line.product)));
            };
            seats.load(&line.seats, state(slot))?;
            if product.max_per_customer.is_some() {
                customers.add_of_product(customer, line.product, line.quantity)?;
            }
            places = places.saturating_add(line.quantity);
        }
        let older = customers.add(customer, places, slot)?;
        claims.link(slot, older);
        Ok(slot)
    }
}

fn check_seal(saved: &[u8], seal: &[u8]) -> Result<(), Violation> {
    if seal.is_empty() || *seal == blake3::hash(saved).as_bytes()[..SEAL] {
        return Ok(());
    }
    Err(Violation("its bytes are not those that were written".into()))
}

fn twice() -> Violation {
    Violation("a hold, a reservation, an enrollment or a key is there twice".into())
}
