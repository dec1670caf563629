//! The virtual buyers: the requests of each from its arrival on, one after the other.

mod answers;
mod classes;
pub mod seat_map;
mod steps;
mod visitor;

use std::time::Duration;

use rand::RngExt;

use super::crowd::{Known, Worker};
use super::ledger::{Answered, Asked};
use super::workload::{Journey, Kind, Pick};
use steps::{Buyer, Held};
pub use visitor::Visitor;

/// Time between one read and the next.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOKS: u32 = 5;
/// Number of times that a buyer on the waitlist checks for an offer.
const WAITLIST_LOOKS: u32 = 10;

/// Runs one journey of a buyer who was meant to arrive at `due`.
pub async fn travel(worker: &Worker, due: Duration) {
    let kind = any_kind(worker);
    let event = worker.any_event();
    let people = u32::try_from(worker.plan.tokens.len()).expect("at most 100,000 buyers");
    let number = worker.draw(|rng| rng.random_range(0..people));
    let mut buyer = Buyer { worker, number, event, next: due, pass: None, refusal: None };
    let party = worker.plan.options.workload.party;
    let party = worker.draw(|rng| rng.random_range(party.0..=party.1));
    match kind.journey {
        Journey::Hold => {
            buyer.hold(kind.pick, party).await;
        }
        Journey::Purchase => {
            if let Some(held) = buyer.hold(kind.pick, party).await {
                purchase(&mut buyer, &held).await;
            }
        }
        Journey::Hesitate => {
            if let Some(held) = buyer.hold(kind.pick, party).await {
                buyer.think(LOOK_EVERY).await;
                buyer.extend(&held).await;
                purchase(&mut buyer, &held).await;
            }
        }
        Journey::Return => {
            if let Some(held) = buyer.hold(kind.pick, party).await {
                buyer.release(&held).await;
            }
        }
        Journey::Retry => retry(&mut buyer, party).await,
        Journey::Regret => {
            if let Some(held) = buyer.hold(kind.pick, party).await
                && let Some(reservation) = purchase(&mut buyer, &held).await
            {
                buyer.cancel(reservation).await;
            }
        }
        Journey::Wait => wait(&mut buyer, party).await,
        Journey::Poll => {
            let mut etag = None;
            for look in 0..LOOKS {
                if look > 0 {
                    buyer.think(LOOK_EVERY).await;
                }
                etag = buyer.look(etag.as_deref()).await;
            }
        }
        Journey::Browse => {
            let etag = buyer.browse(None).await;
            buyer.think(LOOK_EVERY).await;
            buyer.browse(etag.as_deref()).await;
        }
        Journey::Apply => {
            buyer.apply().await;
        }
        Journey::ApplyAgain => buyer.apply_again().await,
        Journey::ApplyTwice => buyer.apply_twice().await,
        Journey::Withdraw => buyer.withdraw().await,
        Journey::Queue => buyer.queue().await,
        // A person of a waiting room is no journey: `people.rs` runs them.
        Journey::LineUp => {}
    }
}

fn any_kind(worker: &Worker) -> Kind {
    let crowd = worker.plan.options.workload.crowd;
    let mut left = worker.draw(|rng| rng.random_range(0..1_000_u32));
    for kind in crowd {
        if left < kind.per_mille {
            return *kind;
        }
        left -= kind.per_mille;
    }
    crowd[crowd.len() - 1]
}

/// Buys the held places; returns the reservation if it was paid.
async fn purchase(buyer: &mut Buyer<'_>, held: &Held) -> Option<uuid::Uuid> {
    let (reservation, price) = buyer.reserve(held.hold).await?;
    if price != held.price {
        buyer.worker.violation(format!(
            "hold {} cost {} when it was placed and {price} when it was reserved",
            held.hold, held.price
        ));
    }
    buyer.pay(reservation, price).await.then_some(reservation)
}

/// Sends the same hold twice under one key: both answers must name the same hold.
async fn retry(buyer: &mut Buyer<'_>, party: u32) {
    let Some((product, _)) = buyer.worker.plan.events[buyer.event].places.clone() else { return };
    let number = buyer.worker.number();
    let asked = Asked::Places { product, quantity: party };
    let entry = buyer.worker.note(buyer.number, buyer.event, number, asked.clone());
    let first = buyer.hold_under(number, entry, &asked).await;
    let Some(first) = first else { return };
    let second = buyer.hold_again(number, &asked).await;
    if let Known::Success(_) = second.0
        && second.1 != Some(first.hold)
    {
        buyer.worker.violation(format!(
            "key {} was answered with hold {} first and then with {:?}",
            buyer.worker.plan.header.key(number),
            first.hold,
            second.1
        ));
    }
}

/// Buys if places are free; otherwise joins the waitlist and waits for places that others give
/// back.
async fn wait(buyer: &mut Buyer<'_>, party: u32) {
    if let Some(held) = buyer.hold(Pick::Places, party).await {
        purchase(buyer, &held).await;
        return;
    }
    let Some(entry) = buyer.join(party).await else { return };
    for _ in 0..WAITLIST_LOOKS {
        buyer.think(LOOK_EVERY * 2).await;
        match buyer.look_at_waitlist(entry).await.as_deref() {
            Some("WAITING") | None => {}
            Some("OFFERED") => {
                if let Some(held) = buyer.accept(entry).await {
                    purchase(buyer, &held).await;
                }
                return;
            }
            // Declined or expired: the entry has ended.
            Some(_) => return,
        }
    }
    buyer.leave(entry).await;
}

/// The outcome of a change whose success has no further content.
fn done(known: &Known) -> Answered {
    match known {
        Known::Success(_) => Answered::Done,
        Known::Refused(_) => Answered::Refused,
        Known::Unknown => Answered::Unknown,
    }
}
