//! The administrator of a simulation, who pauses, resizes, blocks and cancels while customers buy.

use std::rc::Rc;

use super::customers::{ClientAnswer, Crowd, Intent, SEATS};
use crate::ids::{ProductId, SeatId, UserId};
use crate::inventory::{Change, Command, LineRequest, Requester};

/// The longest time for which seats are kept.
const KEPT_MS: u64 = 5_000;

/// The product without seats.
const STANDING: ProductId = ProductId(0);

/// Works while there are customers, and leaves every event open that is not cancelled.
pub(super) async fn administer(crowd: Rc<Crowd>) {
    let world = &crowd.site.world;
    let any = |count: u64| world.within(0, count - 1);
    while crowd.steps_left.get() > 0 {
        tokio::time::sleep(world.millis(100, 2_500)).await;
        let nth = usize::try_from(any(crowd.offerings.len() as u64)).unwrap_or(0);
        // Clients administer the class themselves.
        if crowd.class == Some(crowd.offerings[nth]) {
            continue;
        }
        let seats = vec![SeatId(u32::try_from(any(SEATS)).unwrap_or(0))];
        let few = u32::try_from(world.within(1, 8)).unwrap_or(1);
        let price = if crowd.free == Some(crowd.offerings[nth]) { 0 } else { i64::from(few) };
        let until = world.now_ms() + i64::try_from(any(KEPT_MS)).unwrap_or(0);
        if any(14) == 0 {
            give_away(&crowd, nth, seats).await;
            continue;
        }
        let command = match any(22) {
            0..=2 => Command::PauseSale,
            3 => Command::CloseSale,
            4..=9 => Command::OpenSale,
            10 | 11 => Command::Resize { product: STANDING, total: few },
            12 | 13 => Command::BlockSeats { seats },
            14..=16 => Command::UnblockSeats { seats },
            17 => Command::BlockPlaces { product: STANDING, quantity: 1 },
            18 => Command::UnblockPlaces { product: STANDING, quantity: 1 },
            19 | 20 => Command::KeepSeats { seats, until },
            _ if world.regime.is_cancelled && world.happens(100) => Command::CancelOffering,
            _ => Command::Reprice { product: STANDING, price },
        };
        crowd.ask(crowd.offerings[nth], Intent::Plain(command)).await;
    }
    for offering in crowd.offerings.iter().filter(|offering| crowd.class != Some(**offering)) {
        crowd.ask(*offering, Intent::Plain(Command::OpenSale)).await;
    }
}

/// Gives away a seat, which may be blocked, or a standing place, and often takes it back.
async fn give_away(crowd: &Crowd, nth: usize, seats: Vec<SeatId>) {
    let (world, offering) = (&crowd.site.world, crowd.offerings[nth]);
    // One order each: the checker takes two grants of a customer for a double participation.
    let customer = UserId::random();
    let line = if world.happens(500) {
        LineRequest::Seats(seats)
    } else {
        LineRequest::Quantity { product: STANDING, quantity: 1 }
    };
    let given = Intent::Complimentary { customer, lines: vec![line] };
    let ClientAnswer::Done { transition, .. } = crowd.ask(offering, given).await else { return };
    let Some(Change::ReservationGranted { reservation, .. }) = transition.changes.last() else {
        world.violated(format_args!("a complimentary order was answered by {transition:?}"));
        return;
    };
    if world.happens(600) {
        let command =
            Command::CancelReservation { reservation: *reservation, by: Requester::Admin };
        crowd.ask(offering, Intent::Plain(command)).await;
    }
}
