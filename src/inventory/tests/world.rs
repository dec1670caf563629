//! A small offering for tests, and fixed ids that look random.

use uuid::Uuid;

use crate::ids::{EnrollmentId, HoldId, PaymentId, ProductId, QueueEntryId, ReservationId, UserId};
use crate::inventory::{
    Change, Definition, Inventory, Policy, ProductDefinition, RowDefinition, SaleState, SaleWindow,
    SectionDefinition, Transition,
};

pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
/// The time at which tests start, in milliseconds.
pub(super) const START: i64 = 1_000 * HOUR;

/// Two standing products and two of numbered seats; the products' limits differ.
pub(super) const STANDING: ProductId = ProductId(0);
pub(super) const SMALL: ProductId = ProductId(1);
pub(super) const STALLS: ProductId = ProductId(2);
pub(super) const BALCONY: ProductId = ProductId(3);

fn id(kind: u64, number: u64) -> Uuid {
    let spread = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Uuid::from_u64_pair(spread ^ kind, spread.rotate_left(17).wrapping_add(kind))
}

pub(super) fn hold(number: u64) -> HoldId {
    HoldId(id(1, number))
}

pub(super) fn reservation(number: u64) -> ReservationId {
    ReservationId(id(2, number))
}

pub(super) fn payment(number: u64) -> PaymentId {
    PaymentId(id(3, number))
}

pub(super) fn enrollment(number: u64) -> EnrollmentId {
    EnrollmentId(id(5, number))
}

pub(super) fn queue_entry(number: u64) -> QueueEntryId {
    QueueEntryId(id(6, number))
}

pub(super) fn user(number: u64) -> UserId {
    UserId(id(4, number))
}

pub(super) fn definition() -> Definition {
    let product = |price, capacity, max_per_customer| ProductDefinition {
        price,
        capacity,
        max_per_customer,
        sale: SaleWindow::default(),
    };
    let section = |name: &str, product, rows: &[u32]| SectionDefinition {
        name: name.into(),
        product,
        rows: (1..)
            .zip(rows)
            .map(|(number, seats)| RowDefinition { name: format!("{number}"), seats: *seats })
            .collect(),
    };
    Definition {
        currency: *b"KRW",
        products: vec![
            product(50_000, Some(12), Some(6)),
            product(20_000, Some(3), None),
            product(90_000, None, None),
            ProductDefinition {
                sale: SaleWindow { start: Some(START + HOUR), end: Some(START + 9 * HOUR) },
                ..product(70_000, None, Some(5))
            },
        ],
        sections: vec![
            section("A", STALLS, &[5, 6, 7]),
            section("Balcony", BALCONY, &[4, 4]),
            section("B", STALLS, &[3, 1, 8]),
        ],
        policy: Policy {
            hold_ttl_ms: 5 * MINUTE,
            hold_max_ms: 12 * MINUTE,
            pay_window_ms: 10 * MINUTE,
            payment_grace_ms: 2 * MINUTE,
            offer_ttl_ms: 7 * MINUTE,
            max_places_per_hold: 8,
            max_per_customer: Some(11),
            waitlist_capacity: 6,
        },
        sale: SaleWindow { start: None, end: Some(START + 60 * HOUR) },
        sale_state: SaleState::Open,
    }
}

/// A free event with one product, general admission or seated, in which hold and payment share five
/// minutes.
pub(super) fn free(seated: bool) -> Definition {
    let mut free = definition();
    free.products.truncate(1);
    free.products[0].price = 0;
    free.products[0].capacity = (!seated).then_some(7);
    free.sections = Vec::new();
    if seated {
        let row = |seats| RowDefinition { name: format!("{seats}"), seats };
        let rows = vec![row(3), row(5)];
        free.sections.push(SectionDefinition { name: "Hall".into(), product: STANDING, rows });
    }
    free.policy.pay_window_ms = 0;
    free
}

/// A small class, before its rules make one of it.
pub(super) fn class(capacity: u32, fee: i64) -> Definition {
    let mut class = free(false);
    class.products[0].capacity = Some(capacity);
    class.products[0].price = fee;
    class.products[0].max_per_customer = None;
    class.policy.max_per_customer = None;
    // Recruitment ends with the class.
    class.sale.end = None;
    class
}

pub(super) fn created(definition: Definition) -> Transition {
    Transition { idempotency: None, changes: vec![Change::Created { definition }] }
}

pub(super) fn opened(definition: Definition) -> Inventory {
    let mut inventory = Inventory::empty();
    inventory.begin_batch(crate::ids::Seq(1), START);
    inventory.apply(&created(definition)).unwrap();
    inventory
}
