//! A cluster in miniature: several instances in one thread, on virtual time, over a simulated
//! database, lease store and network. The box offices, the registry, the use of leases, the placement
//! and the hand-over are the real ones; their surroundings fail in every way that the seed draws. A
//! phase of faults is followed by a calm phase in which all work must complete; then a checker
//! compares the answers that clients received with the contents of the database.
//!
//! The same seed gives the same run, to the last line of its trace.

mod administrator;
mod checker;
mod class_model;
mod customers;
mod fault_injector;
mod feed;
mod journal;
mod leases;
mod machine;
mod model;
mod network;
mod queue_model;
mod read_checker;
mod requests;
mod students;
mod usher;
mod world;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::ids::{OfferingId, ProductId};
use crate::inventory::{
    Change, ClassRules, Definition, Minor, Policy, ProductDefinition, RowDefinition, SaleState,
    SaleWindow, SectionDefinition,
};
use crate::random;
use customers::Crowd;
use machine::{Machines, Site};
use world::World;

/// The parameters of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Seed of all random choices.
    pub seed: u64,
    /// Client requests during the phase of faults; a third as many follow in the calm phase.
    pub steps: u32,
    /// Whether the lines of the trace are kept.
    pub keeps_trace: bool,
}

/// The result of a simulation.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed, as planned.
    pub seed: u64,
    /// Hash of the whole trace.
    pub trace_hash: blake3::Hash,
    /// Number of lines in the trace.
    pub events: u64,
    /// The lines, if they were kept.
    pub trace: Vec<String>,
    /// Journal rows at the end.
    pub rows: usize,
    /// Takeovers among the rows.
    pub takeovers: usize,
    /// Numbers of the answers that clients received: done, refused, undone, unknown.
    pub told: [usize; 4],
    /// Virtual time that passed.
    pub lasted: Duration,
    /// Violated invariants.
    pub violations: Vec<String>,
}

/// Number of instances.
const MACHINES: usize = 3;
/// Number of events on sale.
const OFFERINGS: usize = 3;
/// Number of concurrent clients.
const CLIENTS: usize = 6;
/// Virtual time within which clients must finish, plus an allowance for each step.
const LONGEST: Duration = Duration::from_secs(900);
const LONGEST_STEP: Duration = Duration::from_millis(500);
/// Lengths in seconds: long enough, or just not long enough, for data that expires after an hour or a
/// day.
const NIGHTS_S: [u64; 5] = [3_590, 3_610, 86_380, 86_395, 90_000];

/// Runs one simulation in this thread.
///
/// # Panics
/// If the operating system grants no timer, or one of the simulated parts panics.
#[must_use]
pub fn run(plan: &Plan) -> Report {
    random::seed_thread(Some(plan.seed ^ 0x5eed));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without sockets needs nothing");
    let report = runtime.block_on(simulate(plan));
    random::seed_thread(None);
    report
}

async fn simulate(plan: &Plan) -> Report {
    let world = World::new(plan.seed, plan.keeps_trace);
    let (wires, mut carried) = mpsc::unbounded_channel();
    let site = Site {
        database: journal::Database::new(Arc::clone(&world)),
        leases: leases::LeaseStore::new(Arc::clone(&world)),
        listeners: Arc::default(),
        switch: network::Switch::new(Arc::clone(&world)),
        world: Arc::clone(&world),
        wires,
    };
    let machines = Machines::new(site.clone(), MACHINES);
    let offerings: Vec<_> =
        (0..OFFERINGS).map(|_| OfferingId(uuid::Uuid::from_bytes(random::bytes()))).collect();
    // The last offering is free if the regime wants it: customers participate in it.
    let free = offerings.last().copied().filter(|_| world.regime.has_free_event);
    let class = offerings.first().copied().filter(|_| world.regime.class.is_some());
    let queue = offerings.get(1).copied().filter(|_| world.regime.queue.is_some());
    for offering in &offerings {
        let changes = match world.regime.class {
            Some(of) if class == Some(*offering) => opened_class(of, world.regime.class_after_ms),
            _ => {
                let price = if free == Some(*offering) { 0 } else { 10 };
                vec![Change::Created { definition: definition(price) }]
            }
        };
        site.database.create(*offering, changes);
    }
    let crowd = Rc::new(Crowd {
        site: site.clone(),
        machines: machines.clone(),
        offerings,
        free,
        class,
        queue,
        queued: RefCell::default(),
        applications: RefCell::default(),
        steps_left: Cell::new(0),
        is_calm: Cell::new(false),
        regulars: RefCell::default(),
        deeds: RefCell::default(),
        looks: RefCell::default(),
        polls: RefCell::default(),
        finished: Cell::new(0),
    });
    let outside = LocalSet::new();
    outside.spawn_local(async move {
        while let Some(message) = carried.recv().await {
            tokio::task::spawn_local(message);
        }
    });
    let mut story = outside.spawn_local(tell(Rc::clone(&crowd), plan.steps));
    let mut outside = outside;
    // One poll is one step of the world: first the tasks outside the machines, then each machine.
    std::future::poll_fn(|context| {
        let outside = std::pin::Pin::new(&mut outside).poll(context);
        machines.poll(context);
        match std::pin::Pin::new(&mut story).poll(context) {
            Poll::Ready(ended) => {
                ended.expect("the story has no panics of its own");
                Poll::Ready(())
            }
            Poll::Pending => outside,
        }
    })
    .await;
    report(plan, &crowd)
}

/// Runs the phase of faults, the calm phase, and the final check.
async fn tell(crowd: Rc<Crowd>, steps: u32) {
    for index in 0..crowd.machines.count() {
        crowd.machines.start(index);
    }
    let watching = tokio::task::spawn_local(watch(Rc::clone(&crowd)));
    let (world, longest) = (&crowd.site.world, LONGEST + LONGEST_STEP * steps);
    for day in 0..world.regime.days {
        if day > 0 {
            let night = usize::try_from(world.within(0, NIGHTS_S.len() as u64 - 1)).unwrap_or(0);
            world.sleep(Duration::from_secs(NIGHTS_S[night]));
            fault_injector::calm_down(&crowd).await;
        }
        open_doors(&crowd, steps / world.regime.days);
        let trouble = fault_injector::make_trouble(Rc::clone(&crowd), CLIENTS);
        if tokio::time::timeout(longest, trouble).await.is_err() {
            world.violated(format_args!("clients are not done after {longest:?}"));
        }
        fault_injector::calm_down(&crowd).await;
        if world.is_violated() {
            break;
        }
    }
    if !world.is_violated() {
        crowd.is_calm.set(true);
        open_doors(&crowd, steps / 3);
        let calm = fault_injector::roll(&crowd, CLIENTS);
        if tokio::time::timeout(longest, calm).await.is_err() {
            world.violated(format_args!("in calm, clients are not done"));
        }
        watching.abort();
        // Long enough for every deadline to pass.
        tokio::time::sleep(Duration::from_secs(12)).await;
    }
    watching.abort();
    checker::check_all(&crowd);
}

fn open_doors(crowd: &Rc<Crowd>, steps: u32) {
    crowd.finished.set(0);
    crowd.steps_left.set(steps);
    if crowd.site.world.regime.is_administered {
        tokio::task::spawn_local(administrator::administer(Rc::clone(crowd)));
    }
    if let (Some(offering), Some(regime)) = (crowd.queue, crowd.site.world.regime.queue) {
        tokio::task::spawn_local(usher::usher(Rc::clone(crowd), offering, regime));
    }
    for _ in 0..CLIENTS {
        tokio::task::spawn_local(customers::visit(Rc::clone(crowd)));
    }
}

/// Checks that no instance's knowledge of an owner goes back to an earlier one.
async fn watch(crowd: Rc<Crowd>) {
    let mut known = std::collections::BTreeMap::new();
    loop {
        tokio::time::sleep(Duration::from_millis(19)).await;
        for index in 0..crowd.machines.count() {
            let Some(cluster) = crowd.machines.cluster(index) else { continue };
            let me = cluster.me().incarnation;
            for offering in &crowd.offerings {
                let now = cluster.remembered(*offering).map(|owner| owner.epoch);
                let before = known.insert((me, *offering), now).flatten();
                if let (Some(before), Some(now)) = (before, now)
                    && now < before
                {
                    crowd.site.world.violated(format_args!(
                        "{me} knew an owner of epoch {before} of {offering}, and now one of {now}"
                    ));
                }
            }
        }
    }
}

fn report(plan: &Plan, crowd: &Crowd) -> Report {
    let lasted = crowd.site.world.elapsed();
    let (rows, takeovers) = crowd.site.database.inspect(|chains| {
        let records =
            || chains.values().flat_map(|chain| chain.rows.iter().map(|(_, record)| record));
        let takeover = |record: &&Arc<crate::journal::Record>| {
            matches!(***record, crate::journal::Record::Takeover)
        };
        (records().count(), records().filter(takeover).count())
    });
    let mut told = [0; 4];
    for deed in crowd.deeds.borrow().iter() {
        told[match deed.told {
            customers::ClientAnswer::Done { .. } => 0,
            customers::ClientAnswer::Refused(_) => 1,
            customers::ClientAnswer::Nothing(_) => 2,
            customers::ClientAnswer::Unknown => 3,
        }] += 1;
    }
    let (trace_hash, events, trace, violations) = crowd.site.world.finish();
    let seed = plan.seed;
    Report { seed, trace_hash, events, trace, rows, takeovers, told, lasted, violations }
}

/// Returns the first changes of a class with two places.
fn opened_class((fee, rules): (Minor, ClassRules), after_ms: i64) -> Vec<Change> {
    let mut definition = definition(0);
    definition.products[0].price = fee;
    definition.products[0].capacity = Some(2);
    let starts_at = world::BEGINNING + after_ms;
    vec![
        Change::Created { definition },
        Change::EventTimesSet { starts_at, ends_at: starts_at + (1 << 40) },
        Change::ClassRulesSet { rules },
    ]
}

/// Returns a small venue with short deadlines; a free one has no seats.
fn definition(price: i64) -> Definition {
    let product = |capacity| ProductDefinition {
        price,
        capacity,
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    let seats = u32::try_from(customers::SEATS / 2).unwrap_or(1);
    let row = |name: &str| RowDefinition { name: name.into(), seats };
    let stalls = SectionDefinition {
        name: "Stalls".into(),
        product: ProductId(1),
        rows: vec![row("A"), row("B")],
    };
    let (products, sections) = match price {
        0 => (vec![product(Some(5))], Vec::new()),
        _ => (vec![product(Some(5)), product(None)], vec![stalls]),
    };
    Definition {
        currency: *b"KRW",
        products,
        sections,
        policy: Policy {
            hold_ttl_ms: 1_000,
            hold_max_ms: 2_500,
            pay_window_ms: 1_500,
            payment_grace_ms: 1_000,
            offer_ttl_ms: 1_000,
            max_places_per_hold: 4,
            max_per_customer: None,
            waitlist_capacity: 10,
        },
        sale: SaleWindow::default(),
        sale_state: SaleState::Open,
    }
}
