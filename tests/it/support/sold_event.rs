//! The event that the tests under load sell, and the check of the money it took.

use std::collections::HashMap;

use admitone::clock::{Clock, SystemClock};
use admitone::ids::{OfferingId, ProductId, UserId};
use admitone::inventory::{
    Definition, Policy, ProductDefinition, RowDefinition, SaleState, SaleWindow, SectionDefinition,
};
use admitone::store::{EventDetails, NewEvent, Store};

use crate::support::customers::{PRICE, Shop};
use crate::support::history::Facts;
use crate::support::test_db::eventually;

const ROW: u32 = 25;

/// Creates a theatre with `seats` numbered seats, all of one product, and opens its sale.
pub async fn open(store: &Store, seats: u32) -> OfferingId {
    assert!(seats.is_multiple_of(2 * ROW), "two blocks of whole rows");
    let block = |name: &str| SectionDefinition {
        name: name.into(),
        product: ProductId(0),
        rows: (1..=seats / ROW / 2)
            .map(|row| RowDefinition { name: row.to_string(), seats: ROW })
            .collect(),
    };
    let product = ProductDefinition {
        price: PRICE,
        capacity: None,
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    let event = NewEvent {
        id: OfferingId::new(),
        details: EventDetails {
            name: "The storm".into(),
            description: String::new(),
            venue: "The globe".into(),
            event_date: 4_000_000_000_000,
        },
        products: vec![("Seat".into(), String::new())],
        definition: Definition {
            currency: *b"KRW",
            products: vec![product],
            sections: vec![block("Stalls"), block("Circle")],
            policy: Policy::default(),
            sale: SaleWindow::default(),
            sale_state: SaleState::Open,
        },
        terms: admitone::store::Terms::default(),
        further: Vec::new(),
        plan: None,
        time_zone: None,
        class: None,
        created_by: UserId::random(),
    };
    let now = SystemClock::new().now_ms();
    store.event_create(&event, None, now).await.expect("the event is made");
    event.id
}

/// Waits until no payment is in progress.
pub async fn until_settled(store: &Store) {
    eventually("all payments come to their end", async || {
        store.payment_unsettled().await.is_ok_and(|count| count == 0)
    })
    .await;
}

/// Checks that every wallet holds its charges less the reservations that are confirmed and not
/// cancelled, and is the sum of its entries.
pub async fn check_money(store: &Store, shop: &Shop, facts: &Facts) {
    let mut expected: HashMap<UserId, i64> = HashMap::new();
    for (user, amount) in shop.charges() {
        *expected.entry(user).or_default() += amount;
    }
    for fact in facts.reservations.values() {
        if fact.confirmed_by.is_some() && !fact.cancelled {
            *expected.entry(fact.customer).or_default() -= fact.price;
        }
    }
    for (user, expected) in expected {
        let balances = store.wallet_get(user).await.expect("wallets can be read");
        let balance: i64 = balances.iter().map(|balance| balance.amount).sum();
        assert_eq!(balance, expected, "the wallet of {user}");
        let entries = store.wallet_entries(user, 1_000).await.expect("entries can be read");
        assert_eq!(balance, entries.iter().map(|entry| entry.amount).sum::<i64>(), "{entries:?}");
    }
}
