//! The machines of a simulation: each runs one process at a time, which can be killed between any two
//! of its steps, or stopped for a while and resumed as if nothing had happened.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

use super::feed::SimPubSub;
use super::journal::{Database, SimJournal};
use super::leases::{LeaseStore, SimLeases};
use super::network::{Incoming, SimNetwork, Switch};
use super::world::{Regime, SimClock, World};
use crate::box_office::{BoxOffices, Settings};
use crate::clock::SteadyClock;
use crate::cluster::pubsub::Listeners;
use crate::cluster::{Cluster, HELLO, HeartbeatLoop, Member};
use crate::executor::Executor;
use crate::ids::InstanceId;

/// Time to live of a lease.
pub(super) const LEASE_TTL: Duration = Duration::from_secs(2);

/// Parts shared by all processes.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) world: Arc<World>,
    pub(super) database: Arc<Database>,
    pub(super) leases: Arc<LeaseStore>,
    pub(super) listeners: Arc<Listeners>,
    pub(super) switch: Arc<Switch>,
    pub(super) wires: mpsc::UnboundedSender<BoxFuture<'static, ()>>,
}

struct Machine {
    name: Arc<str>,
    clock: Arc<SimClock>,
    process: Option<LocalSet>,
    cluster: Rc<RefCell<Option<Arc<Cluster>>>>,
    /// The process has ended; the tasks that it spawned end with it.
    has_ended: Rc<Cell<bool>>,
    is_paused: bool,
    is_killed: bool,
}

/// All machines.
#[derive(Clone)]
pub(super) struct Machines {
    site: Site,
    all: Rc<RefCell<Vec<Machine>>>,
}

impl Machines {
    pub(super) fn new(site: Site, count: usize) -> Self {
        let machine = |index: usize| Machine {
            name: format!("m{index}").into(),
            clock: SimClock::new(Arc::clone(&site.world)),
            process: None,
            cluster: Rc::default(),
            has_ended: Rc::default(),
            is_paused: false,
            is_killed: false,
        };
        let all = Rc::new(RefCell::new((0..count).map(machine).collect()));
        Self { site, all }
    }

    pub(super) fn count(&self) -> usize {
        self.all.borrow().len()
    }

    /// Returns the name of a machine, which is its address too.
    pub(super) fn name(&self, index: usize) -> Arc<str> {
        Arc::clone(&self.all.borrow()[index].name)
    }

    pub(super) fn is_running(&self, index: usize) -> bool {
        let all = self.all.borrow();
        all[index].process.is_some() && !all[index].is_killed
    }

    /// Returns the cluster state of the machine's process.
    pub(super) fn cluster(&self, index: usize) -> Option<Arc<Cluster>> {
        self.all.borrow()[index].cluster.borrow().clone()
    }

    /// Starts a process, if none runs.
    pub(super) fn start(&self, index: usize) {
        let mut all = self.all.borrow_mut();
        let machine = &mut all[index];
        if machine.process.is_some() || machine.is_killed {
            return;
        }
        let incarnation = InstanceId::random();
        let name = Arc::clone(&machine.name);
        self.site.world.note(format_args!("{name} starts as {incarnation}"));
        let process = LocalSet::new();
        let me =
            Member { address: Arc::clone(&name), name, incarnation, weight: 1, leaving: false };
        let (site, clock) = (self.site.clone(), Arc::clone(&machine.clock));
        let (known, ended) = (Rc::clone(&machine.cluster), Rc::clone(&machine.has_ended));
        ended.set(false);
        process.spawn_local(async move {
            live(site, me, clock, known).await;
            ended.set(true);
        });
        machine.process = Some(process);
        machine.is_paused = false;
    }

    /// Ends a process as `kill -9` does.
    pub(super) fn kill(&self, index: usize) {
        let mut all = self.all.borrow_mut();
        let machine = &mut all[index];
        if machine.process.is_some() {
            self.site.world.note(format_args!("{} is killed", machine.name));
            machine.is_killed = true;
            machine.is_paused = false;
        }
    }

    pub(super) fn pause(&self, index: usize) {
        let machine = &mut self.all.borrow_mut()[index];
        self.site.world.note(format_args!("{} stands still", machine.name));
        machine.is_paused = true;
    }

    pub(super) fn resume(&self, index: usize) {
        let machine = &mut self.all.borrow_mut()[index];
        if machine.is_paused {
            self.site.world.note(format_args!("{} goes on", machine.name));
            machine.is_paused = false;
        }
    }

    pub(super) fn set_clock(&self, index: usize, step_ms: i64) {
        let machine = &self.all.borrow()[index];
        self.site.world.note(format_args!("the clock of {} is off by {step_ms} ms", machine.name));
        machine.clock.set_step(step_ms);
    }

    /// Polls every process that is not paused.
    pub(super) fn poll(&self, context: &mut Context<'_>) {
        for index in 0..self.count() {
            let process = {
                let mut all = self.all.borrow_mut();
                let machine = &mut all[index];
                if machine.is_paused && !machine.is_killed { None } else { machine.process.take() }
            };
            let Some(mut process) = process else { continue };
            let is_killed = self.all.borrow()[index].is_killed;
            if !is_killed && Pin::new(&mut process).poll(context) == Poll::Pending {
                let machine = &mut self.all.borrow_mut()[index];
                if !machine.has_ended.get() {
                    machine.process = Some(process);
                    continue;
                }
            }
            // The process has ended or was killed: all its tasks are dropped where they are.
            self.site.switch.unlisten(&self.name(index));
            drop(process);
            let mut all = self.all.borrow_mut();
            all[index].is_killed = false;
            all[index].cluster.borrow_mut().take();
        }
    }
}

/// Runs a process; its parts are those of the server.
async fn live(
    site: Site,
    me: Member,
    clock: Arc<SimClock>,
    known: Rc<RefCell<Option<Arc<Cluster>>>>,
) {
    let (incarnation, address) = (me.incarnation, Arc::clone(&me.address));
    let clock = Arc::new(SteadyClock::new(clock, site.world.regime.believed_after));
    let mut incoming = site.switch.listen(Arc::clone(&address));
    let network = Arc::new(SimNetwork {
        switch: Arc::clone(&site.switch),
        from: Arc::clone(&address),
        wires: site.wires.clone(),
    });
    let settings = crate::cluster::Settings {
        lease_ttl: LEASE_TTL,
        settle: LEASE_TTL,
        ..crate::cluster::Settings::default()
    };
    let leases = SimLeases::new(Arc::clone(&site.leases), incarnation);
    let feed = SimPubSub {
        world: Arc::clone(&site.world),
        listeners: Arc::clone(&site.listeners),
        wires: site.wires.clone(),
    };
    let cluster = Cluster::of_many(me, settings, clock.clone(), leases, network);
    let cluster = cluster.with_feed(Arc::new(feed));
    *known.borrow_mut() = Some(Arc::clone(&cluster));
    // Another instance may send a hello before this one has joined.
    let joining = spawn_local({
        let cluster = Arc::clone(&cluster);
        async move {
            loop {
                match HeartbeatLoop::join(Arc::clone(&cluster), &Executor::Here).await {
                    Ok(keeper) => return Some(keeper),
                    Err(crate::cluster::JoinError::Leases(_)) => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Err(_) => return None,
                }
            }
        }
    });
    let (mut joining, mut early) = (joining, Vec::new());
    let keeper = loop {
        match futures_util::future::select(&mut joining, Box::pin(incoming.recv())).await {
            futures_util::future::Either::Left((Ok(Some(keeper)), _)) => break keeper,
            futures_util::future::Either::Left((_, _)) => return,
            futures_util::future::Either::Right((message, _)) => match message {
                Some(Incoming::Question { question, reply }) => {
                    greet(&question, reply, incarnation);
                }
                // Requests of clients wait until the process is ready.
                Some(other) => early.push(other),
                None => return,
            },
        }
    };
    let keeper = Rc::new(keeper);
    let journal = SimJournal::new(Arc::clone(&site.database), site.wires.clone());
    let offices = BoxOffices::start_in(
        Arc::clone(&cluster),
        journal,
        clock,
        office_settings(&site.world.regime, incarnation, address),
        Executor::Here,
    );
    spawn_local({
        let (cluster, switch) = (Arc::clone(&cluster), Arc::clone(&site.switch));
        let world = Arc::clone(&site.world);
        async move {
            let other = cluster.lost().await;
            // The server stops in this case.
            world.note(format_args!(
                "{} finds its name taken by {}",
                incarnation, other.incarnation
            ));
            switch.unlisten(&cluster.me().address);
        }
    });
    let in_flight = Rc::new(Cell::new(0_u32));
    loop {
        let message = match early.pop() {
            Some(message) => message,
            None => match incoming.recv().await {
                Some(message) => message,
                None => break,
            },
        };
        match message {
            Incoming::Terminate => {
                spawn_local(terminate(site.clone(), Arc::clone(&offices), Rc::clone(&keeper)));
            }
            other => {
                let (offices, in_flight) = (Arc::clone(&offices), Rc::clone(&in_flight));
                in_flight.set(in_flight.get() + 1);
                spawn_local(async move {
                    serve(offices, incarnation, other).await;
                    in_flight.set(in_flight.get() - 1);
                });
            }
        }
    }
    // Accepted requests are answered first.
    for _ in 0..500 {
        if in_flight.get() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    offices.shutdown().await;
    keeper.resign().await;
    site.world.note(format_args!("{} has stopped", cluster.me().name));
}

/// Answers a hello; other questions get no answer.
fn greet(question: &[u8], reply: oneshot::Sender<Bytes>, incarnation: InstanceId) {
    if question == HELLO {
        let _ = reply.send(Bytes::copy_from_slice(incarnation.0.as_bytes()));
    }
}

async fn serve(offices: Arc<BoxOffices>, incarnation: InstanceId, message: Incoming) {
    match message {
        Incoming::Question { question, reply } if question[..] == HELLO[..] => {
            greet(&question, reply, incarnation);
        }
        Incoming::Question { question, reply } => {
            if let Ok(answer) = offices.answer(&question).await {
                let _ = reply.send(answer);
            }
        }
        Incoming::Submit { offering, request, reply } => {
            let _ = reply.send(offices.submit(offering, request).await);
        }
        Incoming::Show { offering, reply } => {
            let _ = reply.send(offices.view(offering).await);
        }
        Incoming::Poll { offering, customer, reply } => {
            let _ = reply.send(offices.queue(offering, vec![customer]).await);
        }
        Incoming::Move { offering, to } => {
            // No caller waits for the result; its effects show.
            let _ = offices.move_to(offering, &to).await;
        }
        Incoming::Terminate => {}
    }
}

/// Does what the server does on SIGTERM.
async fn terminate(site: Site, offices: Arc<BoxOffices>, keeper: Rc<HeartbeatLoop>) {
    let name = Arc::clone(&keeper.cluster().me().name);
    site.world.note(format_args!("{name} is told to stop"));
    // Announced first, so that no new offering is placed here.
    keeper.leave().await;
    offices.hand_off_all().await;
    // It still forwards requests while clients turn to other instances.
    tokio::time::sleep(Duration::from_millis(300)).await;
    site.world.note(format_args!("{name} has handed everything over"));
    site.switch.unlisten(&name);
}

fn office_settings(regime: &Regime, instance: InstanceId, address: Arc<str>) -> Settings {
    Settings {
        instance,
        address,
        answer_timeout: Duration::from_secs(3),
        moving_timeout: Duration::from_millis(1_500),
        ownership_max_age: Duration::ZERO,
        passivate_after: regime.passivate_after,
        follow_for: Duration::from_millis(1_500),
        snapshot_every: regime.snapshot_every,
        snapshot_at_rest: regime.snapshot_at_rest,
        sweep_interval: Duration::from_millis(200),
        max_batch_commands: regime.max_batch_commands,
        longest_recovery: Duration::from_secs(5),
        ..Settings::default()
    }
}
