//! When each person acts next: one list for all people of a worker, so that a person who waits costs
//! a few bytes and no task.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::watch;
use crate::buyer::Visitor;
use crate::crowd::Worker;
use crate::timer::Timer;

/// How long people take to leave when the sale is over, at most.
const LEAVING: Duration = Duration::from_secs(10);
/// The longest time between two looks at whether the sale is over.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// People by the time of their next act.
#[derive(Default)]
pub struct Agenda {
    due: RefCell<BinaryHeap<Reverse<(Duration, usize)>>>,
    sooner: Notify,
}

impl Agenda {
    /// A person acts at this time.
    pub fn add(&self, at: Duration, person: usize) {
        let mut due = self.due.borrow_mut();
        let is_sooner = due.peek().is_none_or(|Reverse((first, _))| at < *first);
        due.push(Reverse((at, person)));
        if is_sooner {
            self.sooner.notify_one();
        }
    }

    fn next_at(&self) -> Option<Duration> {
        self.due.borrow().peek().map(|Reverse((at, _))| *at)
    }

    /// The first person whose time has come.
    fn take(&self, now: Duration) -> Option<(Duration, usize)> {
        let mut due = self.due.borrow_mut();
        due.peek().filter(|Reverse((at, _))| *at <= now)?;
        due.pop().map(|Reverse(first)| first)
    }

    fn take_all(&self) -> Vec<usize> {
        self.due.take().into_iter().map(|Reverse((_, person))| person).collect()
    }
}

/// Lets the people of a worker act until the sale is over, or the time.
pub async fn run(worker: &Rc<Worker>) {
    let end = worker.plan.options.warm_up + worker.plan.options.duration;
    let mut visitors = Vec::new();
    let agenda = Rc::new(Agenda::default());
    let threads = worker.plan.options.threads;
    let people = (worker.index..).step_by(threads as usize);
    let all = u32::try_from(worker.plan.tokens.len()).expect("at most 2,000,000 people");
    for number in people.take_while(|number| *number < all) {
        let visitor = Visitor::new(worker, number);
        agenda.add(visitor.comes_at(), visitors.len());
        visitors.push(Rc::new(RefCell::new(Some(visitor))));
    }
    if worker.index == 0 {
        tokio::task::spawn_local(watch(Rc::clone(worker)));
    }
    let timer = Timer::new();
    let mut is_leaving = false;
    while worker.now() < end {
        if worker.watch.is_over() && !is_leaving {
            is_leaving = true;
            leave_all(worker, &agenda, &visitors);
        }
        let now = worker.now();
        while let Some((due, person)) = agenda.take(now) {
            act(worker, &agenda, &visitors[person], person, due);
        }
        if is_leaving && agenda.next_at().is_none() && worker.under_way.get() == 0 {
            return;
        }
        let next = agenda.next_at().unwrap_or(end).min(now + LOOK_EVERY).min(end);
        tokio::select! {
            () = timer.sleep_until(worker.started + next) => {}
            () = agenda.sooner.notified() => {}
        }
    }
}

type Slot = Rc<RefCell<Option<Visitor>>>;

/// Starts the act of a person, who comes back to the agenda afterwards.
fn act(worker: &Rc<Worker>, agenda: &Rc<Agenda>, slot: &Slot, person: usize, due: Duration) {
    let Some(mut visitor) = slot.borrow_mut().take() else { return };
    worker.under_way.set(worker.under_way.get() + 1);
    let (worker, agenda, slot) = (Rc::clone(worker), Rc::clone(agenda), Rc::clone(slot));
    tokio::task::spawn_local(async move {
        let lag = worker.now().saturating_sub(due);
        worker.with_figures(|figures| {
            figures.begun += 1;
            figures.lag.record(lag);
        });
        let next = visitor.act(&worker, due).await;
        if let Some(next) = next {
            *slot.borrow_mut() = Some(visitor);
            agenda.add(next, person);
        }
        worker.under_way.set(worker.under_way.get() - 1);
    });
}

/// Everybody goes home within a few seconds; those who wait at the page say so.
fn leave_all(worker: &Rc<Worker>, agenda: &Agenda, visitors: &[Slot]) {
    let now = worker.now();
    let queue = worker.plan.options.queue.as_ref();
    let leaving = queue.map_or(LEAVING, |queue| LEAVING.min(queue.prequeue));
    for person in agenda.take_all() {
        let is_going =
            visitors[person].borrow_mut().as_mut().is_some_and(|visitor| visitor.go(worker));
        if is_going {
            agenda.add(now + leaving.mul_f64(worker.chance()), person);
        }
    }
}
