//! The waiting room of a simulation: its clients enter, leave and hold places with their passes, and
//! an usher switches the queue on and off, makes the draw, and changes the rules.

use std::rc::Rc;

use super::customers::{Crowd, Customer, Intent};
use super::world::QueueRegime;
use crate::ids::{OfferingId, UserId};
use crate::inventory::{Command, QueueChange, commitment_of};

const SECRET: [u8; 32] = [3; 32];

impl Customer {
    /// Does something in the event with a waiting room.
    pub(super) async fn queue_up(&mut self, crowd: &Crowd, offering: OfferingId) {
        let world = &crowd.site.world;
        match world.within(0, 23) {
            0..=7 => self.enter(crowd, offering).await,
            8..=10 => {
                // Somebody who will not come when it is their turn.
                let customer = UserId::random();
                crowd.ask(offering, Intent::Enter { customer }).await;
            }
            11..=13 => crowd.poll(offering, self.id).await,
            14 => {
                let command = Command::LeaveQueue { customer: self.id };
                crowd.ask(offering, Intent::Plain(command)).await;
            }
            _ => self.hold(crowd, offering).await,
        }
    }

    async fn enter(&mut self, crowd: &Crowd, offering: OfferingId) {
        crowd.ask(offering, Intent::Enter { customer: self.id }).await;
        let mut queued = crowd.queued.borrow_mut();
        if !queued.contains(&self.id) {
            queued.push(self.id);
        }
    }
}

/// Runs the waiting room while there are customers.
pub(super) async fn usher(crowd: Rc<Crowd>, offering: OfferingId, regime: QueueRegime) {
    let world = &crowd.site.world;
    crowd.ask(offering, Intent::Plain(switch_on(&crowd, regime))).await;
    while crowd.steps_left.get() > 0 {
        tokio::time::sleep(world.millis(50, 500)).await;
        let queued = crowd.queued.borrow().clone();
        let nth = usize::try_from(world.within(0, 5)).unwrap_or(0);
        let someone = queued.get(nth).copied();
        let number = u32::try_from(world.within(0, 9)).unwrap_or(0);
        let generation = u32::try_from(world.within(1, 2)).unwrap_or(1);
        let intent = match (world.within(0, 39), someone) {
            (0, _) => {
                Intent::Plain(set(QueueChange { enabled: Some(false), ..QueueChange::default() }))
            }
            (1..=4, _) => Intent::Plain(switch_on(&crowd, regime)),
            (5, _) => Intent::Plain(set(QueueChange {
                paused: Some(world.happens(300)),
                ..QueueChange::default()
            })),
            (6 | 7, Some(customer)) => Intent::Guest { customer },
            (8, Some(customer)) => Intent::Plain(Command::VoidEntries {
                customers: vec![customer],
                reason: "a robot".into(),
            }),
            (9..=12, _) => {
                Intent::Plain(Command::SetAside { generation, numbers: vec![number, number + 1] })
            }
            _ => Intent::Plain(Command::DrawQueue { secret: SECRET, public_value: None }),
        };
        crowd.ask(offering, intent).await;
    }
}

fn switch_on(crowd: &Crowd, regime: QueueRegime) -> Command {
    let world = &crowd.site.world;
    let opens_at = world.now_ms() + i64::try_from(world.within(0, 1_500)).unwrap_or(0);
    set(QueueChange {
        enabled: Some(true),
        opens_at: regime.has_draw.then_some(Some(opens_at)),
        passes_per_minute: Some(regime.passes_per_minute),
        active_limit: Some(regime.active_limit),
        admit_percent: Some(regime.admit_percent),
        pass_ms: Some(10_000),
        turns: Some(100),
        ..QueueChange::default()
    })
}

fn set(change: QueueChange) -> Command {
    let commitment = commitment_of(&SECRET);
    Command::SetQueue { change: Box::new(QueueChange { commitment, ..change }) }
}
