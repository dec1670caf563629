//! 2,000 customers behind one network address, at once for 500 seats, over HTTP, against the real
//! server with its limits on requests. Half of them are guests. A refusal by a limit fails the test.

use std::sync::Arc;

use admitone::ids::{OfferingId, UserId};
use futures_util::{StreamExt, stream};
use reqwest::Method;

use crate::support::customers::{Customer, PRICE, Shop, Wish, rng, seed};
use crate::support::process::Server;
use crate::support::sold_event;

const SEATS: u32 = 500;
const CUSTOMERS: u64 = 2_000;
/// One in this many customers releases its hold and does not try again.
const FICKLE: u64 = 8;
/// One in this many customers pays at once.
const EAGER: u64 = 4;

on_both_databases! {
    async fn two_thousand_want_five_hundred_seats_and_each_is_sold_once(db: TestDb) {
        let seed = seed();
        let store = db.store().await;
        let event = sold_event::open(&store, SEATS).await;
        let limited = ("ADMITONE_RATE_LIMITS", "on".to_owned());
        let mut server = Server::with_settings(db.url(), &[limited]);
        server.start_again();
        server.until_ready().await;
        let mut shop = Shop::new(&server.base, event, SEATS);
        shop.impatience = 4;
        let shop = Arc::new(shop);
        let mint = server.mint();
        let customers = (0..CUSTOMERS).map(|index| {
            let (base, mint) = (&server.base, &mint);
            async move { if index % 2 == 0 { guest(base).await } else { mint.customer() } }
        });
        let customers: Vec<Customer> = stream::iter(customers).buffered(64).collect().await;
        let customers = Arc::new(customers);

        for round in 0.. {
            rush(&shop, &customers, seed, round).await;
            if available(&shop, &customers[0]).await == 0 {
                break;
            }
            assert!(round < 20, "people want seats, there are some, and nobody gets them");
        }

        let told = shop.history.told();
        look_at_everything_again(&shop, &customers, &told).await;
        let digest = audit_digest(&shop, &server).await;
        assert!(server.stop().await, "it stops in an orderly way");
        sold_event::until_settled(&store).await;
        let facts = shop.history.check(&store, event).await;
        assert_eq!(facts.taken.len(), SEATS as usize, "all seats are taken, each by one hold");
        sold_event::check_money(&store, &shop, &facts).await;
        assert_eq!(verified_digest(&server, event), digest, "audit and verify agree");
        println!(
            "{} journal rows, {} holds, {} reservations, {} requests without an answer",
            facts.rows,
            facts.holds.len(),
            facts.reservations.len(),
            shop.lost.load(std::sync::atomic::Ordering::Relaxed)
        );
    }
}

async fn guest(base: &str) -> Customer {
    let asked = reqwest::Client::new().post(format!("{base}/api/auth/guest")).send().await;
    let answer = asked.expect("the server runs").json::<serde_json::Value>().await;
    let answer = answer.expect("it answers JSON");
    let text = |field: &serde_json::Value| field.as_str().map(str::to_owned);
    let token = text(&answer["data"]["accessToken"]);
    let token = token.unwrap_or_else(|| panic!("a guest has a token: {answer}"));
    let user = text(&answer["data"]["user"]["id"]).and_then(|id| id.parse().ok());
    let user = user.unwrap_or_else(|| panic!("a guest has an id: {answer}"));
    Customer { user, token, pass: None }
}

/// Runs all customers at once.
async fn rush(shop: &Arc<Shop>, customers: &Arc<Vec<Customer>>, seed: u64, round: u64) {
    let shoppers: Vec<_> = (0..CUSTOMERS)
        .map(|index| {
            let (shop, customers) = (Arc::clone(shop), Arc::clone(customers));
            tokio::spawn(async move {
                let customer = &customers[usize::try_from(index).expect("small")];
                buy(&shop, customer, index, rng(seed, round * CUSTOMERS + index), round).await;
            })
        })
        .collect();
    for shopper in shoppers {
        shopper.await.expect("no customer fails");
    }
}

/// One customer's purchase: lowers the quantity to the seats left, and gives up when none are.
async fn buy(
    shop: &Shop,
    customer: &Customer,
    index: u64,
    mut rng: rand::rngs::StdRng,
    round: u64,
) {
    let rng = &mut rng;
    for path in ["", "/availability"] {
        let path = format!("/api/events/{}{path}", shop.event);
        let answer = shop.ask(customer, rng, (Method::GET, &path), None).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    let mut count = if round == 0 { 1 + u32::try_from(index % 3).expect("small") } else { 1 };
    let mut picks_left = if index.is_multiple_of(2) && round == 0 { 4 } else { 0 };
    let hold = loop {
        let wish = if picks_left > 0 { Wish::Seats(count) } else { Wish::BestAvailable(count) };
        picks_left = i32::max(picks_left - 1, 0);
        let refused = match shop.hold(customer, rng, wish).await {
            Ok(hold) => break hold,
            Err(refused) => refused,
        };
        match refused.code() {
            "SEATS_TAKEN" => {}
            "SOLD_OUT" => match refused.body["error"]["details"]["available"].as_u64() {
                Some(0) => return,
                Some(available) => count = count.min(u32::try_from(available).expect("few")),
                None => panic!("SOLD_OUT says how many are left: {refused:?}"),
            },
            other => panic!("{other}: {refused:?}"),
        }
    };
    if round == 0 && index.is_multiple_of(FICKLE) {
        return shop.release(customer, rng, hold).await;
    }
    if index % EAGER == 1 {
        let reservation = shop.reserve(customer, rng, hold).await;
        shop.charge(customer, rng, 3 * PRICE).await;
        shop.pay(customer, rng, reservation).await;
    }
}

async fn available(shop: &Shop, customer: &Customer) -> u64 {
    let path = format!("/api/events/{}/availability", shop.event);
    let answer = shop.ask(customer, &mut rng(0, 0), (Method::GET, &path), None).await;
    answer.data()["products"][0]["available"].as_u64().expect("a count")
}

/// Checks that the owner of every 201 finds its resource afterwards.
async fn look_at_everything_again(
    shop: &Shop,
    customers: &[Customer],
    told: &[crate::support::history::Acknowledged],
) {
    use crate::support::history::Acknowledged;
    let by_user: std::collections::HashMap<UserId, &Customer> =
        customers.iter().map(|customer| (customer.user, customer)).collect();
    let mut rng = rng(1, 1);
    for one in told {
        let (user, path) = match one {
            Acknowledged::Held { user, hold, .. } => {
                (user, format!("/api/events/{}/holds/{hold}", shop.event))
            }
            Acknowledged::Reserved { user, reservation, .. } => {
                (user, format!("/api/reservations/{reservation}"))
            }
            Acknowledged::Released { .. }
            | Acknowledged::Paid { .. }
            | Acknowledged::Cancelled { .. } => continue,
        };
        let answer = shop.ask(by_user[user], &mut rng, (Method::GET, &path), None).await;
        assert!(answer.is_ok(), "{one:?} is found by its owner: {answer:?}");
    }
}

async fn audit_digest(shop: &Shop, server: &Server) -> String {
    let admin = server.mint().admin();
    let path = format!("/api/events/{}/audit", shop.event);
    let answer = shop.ask(&admin, &mut rng(2, 2), (Method::GET, &path), None).await;
    assert!(answer.is_ok(), "{answer:?}");
    answer.data()["digest"].as_str().expect("a digest").to_owned()
}

/// Returns the digest that `admitone journal verify` reports for the same journal.
fn verified_digest(server: &Server, event: OfferingId) -> String {
    let event = event.to_string();
    let output = server.command(&["journal", "verify", &event]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let is_digest = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let digest = text.split_whitespace().find(is_digest);
    digest.unwrap_or_else(|| panic!("a digest is printed: {text}")).to_owned()
}
