//! Commands of which a copy may still be in flight: the client's answer, and the copy's effect.

use std::sync::atomic::Ordering;

use admitone::box_office::SubmitError;
use admitone::ids::{HoldId, SeatId, UserId};
use admitone::inventory::{Command, LineRequest, Rejection, Request, SeatStatus};

use crate::support::two_instances::{Instance, TwoInstances};

fn hold_of_a_seat(customer: UserId) -> (HoldId, Command) {
    let (hold, lines) = (HoldId::random(), vec![LineRequest::Seats(vec![SeatId(4)])]);
    (hold, Command::PlaceHold { hold, customer, lines })
}

async fn status_of_the_seat(stage: &TwoInstances, at: &Instance) -> SeatStatus {
    let view = at.offices.view(stage.offering).await.unwrap();
    view.sections[0].rows[0].seats[4]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_what_was_refused_meanwhile_does_nothing_when_it_arrives() {
    let stage = TwoInstances::shared().await;
    let (somebody, customer) = (UserId::random(), UserId::random());
    let (taken, command) = hold_of_a_seat(somebody);
    stage.submit(&stage.a, command).await;
    stage.wires.to_hold_back.store(1, Ordering::SeqCst);
    let (_, command) = hold_of_a_seat(customer);
    let request = Request { command, idempotency: None };
    match stage.b.offices.submit(stage.offering, request).await {
        Err(SubmitError::Rejected(Rejection::SeatsTaken { seats })) => {
            assert_eq!(seats, [SeatId(4)]);
        }
        other => panic!("{other:?}"),
    }
    stage.submit(&stage.a, Command::ReleaseHold { hold: taken, customer: somebody }).await;
    stage.wires.deliver().await;
    assert_eq!(status_of_the_seat(&stage, &stage.a).await, SeatStatus::Available);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_what_was_done_meanwhile_does_not_do_it_again() {
    let stage = TwoInstances::shared().await;
    let customer = UserId::random();
    stage.wires.to_hold_back.store(1, Ordering::SeqCst);
    let (hold, command) = hold_of_a_seat(customer);
    let (seq, _) = stage.submit(&stage.b, command).await;
    stage.submit(&stage.b, Command::ReleaseHold { hold, customer }).await;
    stage.wires.deliver().await;
    assert_eq!(status_of_the_seat(&stage, &stage.a).await, SeatStatus::Available);
    assert_eq!(stage.seq_at(&stage.a).await, seq.next(), "the copy is in no row");
}
