//! The faults of a simulation and their times, drawn from the seed. Each run has its own mix of
//! faults, so that some runs are hard in one way and others in another.

use std::rc::Rc;
use std::time::Duration;

use crate::simulation::customers::Crowd;
use crate::simulation::world::Faults;

/// The kinds of faults in a run.
#[derive(Clone, Copy, Debug)]
struct Mix {
    kills: bool,
    pauses: bool,
    cuts: bool,
    store_outages: bool,
    database_outages: bool,
    clocks: bool,
    restarts: bool,
    moves: bool,
}

/// Injects faults until the clients have finished.
pub(crate) async fn make_trouble(crowd: Rc<Crowd>, clients: usize) {
    let world = &crowd.site.world;
    let often = |per_mille| world.happens(per_mille);
    let mix = Mix {
        kills: often(600),
        pauses: often(600),
        cuts: often(400),
        store_outages: often(400),
        database_outages: often(300),
        clocks: often(300),
        restarts: often(500),
        moves: often(500),
    };
    let rate = |on: bool, most: u64| {
        if on { u32::try_from(world.within(1, most)).unwrap_or(0) } else { 0 }
    };
    world.set_faults(Faults {
        lost: rate(often(500), 30),
        slow: rate(often(600), 100),
        doubled: rate(often(400), 100),
        unanswered: rate(often(600), 60),
        zombie: rate(often(600), 60),
        refused: rate(often(400), 30),
        granted_twice: rate(often(400), 300),
        rotten: rate(often(300), 300),
    });
    world.note(format_args!("{:?} {mix:?} {:?}", world.regime, world.faults()));
    while crowd.finished.get() < clients {
        tokio::time::sleep(world.millis(20, 400)).await;
        trouble(&crowd, mix).await;
        for index in 0..crowd.machines.count() {
            crowd.machines.start(index);
        }
    }
}

async fn trouble(crowd: &Rc<Crowd>, mix: Mix) {
    let (world, machines) = (&crowd.site.world, &crowd.machines);
    let any = || usize::try_from(world.within(0, machines.count() as u64 - 1)).unwrap_or(0);
    match world.within(0, 8) {
        0 if mix.kills => {
            let index = any();
            machines.kill(index);
            tokio::time::sleep(world.millis(1, 1_500)).await;
        }
        1 if mix.pauses => {
            let index = any();
            if machines.is_running(index) {
                machines.pause(index);
                let longest = [500, 6_000, 12_000][any() % 3];
                let crowd = Rc::clone(crowd);
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(crowd.site.world.millis(50, longest)).await;
                    crowd.machines.resume(index);
                    // A client reads before the resumed process has noticed that time has passed.
                    for offering in &crowd.offerings {
                        crowd.look_at(*offering, index).await;
                    }
                });
            }
        }
        2 if mix.cuts => {
            let (from, to) = (machines.name(any()), machines.name(any()));
            world.note(format_args!("nothing passes from {from} to {to}"));
            crowd.site.switch.cut(from, to);
            let longest = world.millis(100, 3_000);
            let crowd = Rc::clone(crowd);
            tokio::task::spawn_local(async move {
                tokio::time::sleep(longest).await;
                crowd.site.switch.heal();
            });
        }
        3 if mix.store_outages => {
            world.note(format_args!("the lease store is away"));
            crowd.site.leases.set_down(true);
            tokio::time::sleep(world.millis(50, 3_000)).await;
            if world.happens(500) {
                world.note(format_args!("it comes back empty"));
                crowd.site.leases.forget_all();
            }
            crowd.site.leases.set_down(false);
        }
        4 if mix.database_outages => {
            world.note(format_args!("the database is away"));
            crowd.site.database.set_down(true);
            tokio::time::sleep(world.millis(50, 1_500)).await;
            crowd.site.database.set_down(false);
        }
        5 if mix.clocks => {
            let index = any();
            let offset = match world.within(0, 3) {
                0 => 60_000,
                1 => -60_000,
                _ => i64::try_from(world.within(0, 1_600)).unwrap_or(0) - 800,
            };
            machines.set_clock(index, offset);
            let most = if world.happens(200) { 9_000 } else { 2_500 };
            let (crowd, longest) = (Rc::clone(crowd), world.millis(100, most));
            tokio::task::spawn_local(async move {
                tokio::time::sleep(longest).await;
                crowd.machines.set_clock(index, 0);
            });
        }
        6 if mix.restarts => terminate(crowd, any()),
        7 if mix.moves => move_one(crowd),
        _ => {}
    }
}

fn terminate(crowd: &Crowd, index: usize) {
    use crate::simulation::network::Incoming;
    if let Some(process) = crowd.site.switch.at(&crowd.machines.name(index)) {
        // The process may die before it receives the signal.
        let _ = process.send(Incoming::Terminate);
    }
}

/// Asks any machine to move any offering to any machine.
pub(crate) fn move_one(crowd: &Crowd) {
    use crate::simulation::network::Incoming;
    let (world, machines) = (&crowd.site.world, &crowd.machines);
    let any = |count: usize| usize::try_from(world.within(0, count as u64 - 1)).unwrap_or(0);
    let offering = crowd.offerings[any(crowd.offerings.len())];
    let (asked, to) = (machines.name(any(machines.count())), machines.name(any(machines.count())));
    world.note(format_args!("{offering} is to move to {to}"));
    if let Some(process) = crowd.site.switch.at(&asked) {
        let _ = process.send(Incoming::Move { offering, to });
    }
}

/// Ends all faults, and waits until everything has had time to recover.
pub(crate) async fn calm_down(crowd: &Crowd) {
    let world = &crowd.site.world;
    world.set_faults(Faults::default());
    world.note(format_args!("calm"));
    crowd.site.switch.heal();
    crowd.site.leases.set_down(false);
    crowd.site.database.set_down(false);
    for index in 0..crowd.machines.count() {
        crowd.machines.resume(index);
        crowd.machines.set_clock(index, 0);
    }
    // A process that was killed or asked to stop may not have ended yet.
    for _ in 0..40 {
        for index in 0..crowd.machines.count() {
            crowd.machines.start(index);
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// Moves offerings and restarts instances, which clients must not notice.
pub(crate) async fn roll(crowd: &Crowd, clients: usize) {
    let mut next = 0;
    while crowd.finished.get() < clients {
        tokio::time::sleep(crowd.site.world.millis(30, 200)).await;
        if crowd.site.world.happens(100) {
            terminate(crowd, next % crowd.machines.count());
            next += 1;
            // One instance after the other, as in a rolling upgrade.
            for _ in 0..30 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                for index in 0..crowd.machines.count() {
                    crowd.machines.start(index);
                }
            }
        } else {
            move_one(crowd);
        }
    }
}
