//! What holds of every queue, whatever the model says: who is admitted, in which order, how fast,
//! and how many; and the comparison of the core's views of a queue with the naive model's.

use super::super::model::{Is, Queue};
use super::super::world;
use super::History;
use crate::inventory::{Change, Lane, QueuePhase, QueuePlace, Transition};

/// The customers of events with a waiting room.
pub(super) const CUSTOMERS: u64 = 40;

/// The admissions of the present queue.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    /// The time of each, and the fastest rate until then.
    times: Vec<(i64, u32)>,
    numbers: Vec<u32>,
    /// The places in the line of those who were admitted from it.
    places: Vec<usize>,
}

impl Admissions {
    /// No more than the rate allows in the time from any admission to the last one: ten seconds'
    /// worth may come at once, and one always.
    fn check_rate(&self) {
        let Some(&(last, rate)) = self.times.last() else { return };
        let rate = i64::from(rate);
        for (count, (first, _)) in (1..).zip(self.times.iter().rev()) {
            let time = last - first;
            let most = (rate * (time + 10_000) / 60_000).max(1 + rate * time / 60_000);
            assert!(count <= most, "{count} passes in {time} ms at {rate} a minute");
        }
    }
}

impl History {
    /// Checks the admissions of a transition, which the model has followed.
    pub(super) fn watch(&mut self, transition: &Transition) {
        let Some(mut log) = self.admissions.take() else { return };
        for change in &transition.changes {
            match change {
                Change::QueueEnded { .. } => log = Admissions::default(),
                Change::QueueAdmitted { admitted, .. } => {
                    let queue = self.model.queue.as_ref().expect("who is admitted has a queue");
                    let line = queue.line();
                    let before = log.times.last().map_or(0, |(_, rate)| *rate);
                    let rate = queue.rules.passes_per_minute.max(before);
                    for admission in admitted {
                        assert!(!log.numbers.contains(&admission.number), "admitted twice");
                        log.numbers.push(admission.number);
                        log.times.push((self.model.at, rate));
                        if admission.lane == Lane::Line {
                            let place = line.iter().position(|one| *one == admission.number);
                            let place = place.expect("a place in the line");
                            assert!(log.places.last().is_none_or(|last| *last < place));
                            log.places.push(place);
                        }
                    }
                    log.check_rate();
                    self.check_room(queue);
                }
                _ => {}
            }
        }
        if self.model.queue.is_none() {
            log = Admissions::default();
        }
        self.admissions = Some(log);
    }

    /// An admission is the last change of its transition.
    fn check_room(&self, queue: &Queue) {
        let line = queue.line();
        let mut passed = line.iter().take(queue.served);
        assert!(passed.all(|number| queue.is(*number) != Some(Is::InLine)), "somebody was passed");
        assert!(queue.sessions.len() <= queue.rules.active_limit as usize, "too many inside");
        let idle = self.model.idle(queue);
        let places = u64::from(self.model.places_for_sessions());
        let most = (places * u64::from(queue.rules.admit_percent)).div_ceil(100);
        assert!(idle as u64 <= most, "more sessions than places");
    }

    pub(super) fn compare_queue(&self) {
        let Some(queue) = &self.model.queue else {
            assert_eq!(self.live.queue_progress(), None);
            return;
        };
        let progress = self.live.queue_progress().expect("the queue is on");
        let phase = match (queue.closed, queue.draw) {
            (None, _) => QueuePhase::PreQueue,
            (Some(_), None) => QueuePhase::Drawing,
            (Some(_), Some(_)) => QueuePhase::Open,
        };
        assert_eq!((progress.phase, progress.opens_at), (phase, self.model.queue_opens_at()));
        assert_eq!(progress.generation, self.model.generation);
        assert_eq!(progress.rules, queue.rules);
        assert_eq!(progress.totals, queue.totals);
        assert_eq!(progress.closed.map(|(count, _)| count), queue.closed);
        assert_eq!(progress.entered as usize, queue.entries.len());
        let (ahead, line) = (queue.ahead(), queue.line());
        assert_eq!((progress.next as usize, progress.ahead as usize), (queue.served, ahead.len()));
        let waiting = queue.entries.iter().filter(|entry| entry.is.waits()).count();
        assert_eq!(progress.waiting as usize, waiting);
        let idle = self.model.idle(queue);
        let inside = (progress.sessions as usize, progress.idle as usize);
        assert_eq!(inside, (queue.sessions.len(), idle));
        assert_eq!(progress.places_left, self.model.places_for_sessions());
        for customer in (0..CUSTOMERS).map(world::user) {
            let view = self.live.queue_entry(customer);
            assert_eq!(view.map(|view| view.number), queue.newest(customer));
            if let Some(view) = view {
                let place = self.place_in(queue, &line, view.number);
                assert_eq!(view.place, place, "{customer}");
            }
        }
        let next = ahead.iter().map(|(number, _)| *number);
        let in_line = line.iter().skip(queue.served).copied();
        let in_line = in_line.filter(|number| queue.is(*number) == Some(Is::InLine));
        let front: Vec<u32> = match queue.draw {
            Some(_) => next.chain(in_line).take(5).collect(),
            None => Vec::new(),
        };
        let found: Vec<u32> = self.live.queue_front(5).iter().map(|(number, _)| *number).collect();
        assert_eq!(found, front);
    }

    fn place_in(&self, queue: &Queue, line: &[u32], number: u32) -> QueuePlace {
        let position = |at: Option<usize>| u32::try_from(at.unwrap()).unwrap();
        match queue.is(number).unwrap() {
            Is::InLine if line.is_empty() => QueuePlace::BeforeDraw,
            Is::InLine => {
                QueuePlace::InLine { place: position(line.iter().position(|one| *one == number)) }
            }
            Is::Ahead(..) => {
                let before = queue.ahead().iter().position(|(one, _)| *one == number);
                QueuePlace::Ahead { before: position(before) }
            }
            Is::Aside => QueuePlace::Aside,
            Is::Inside => {
                let session = queue.sessions.iter().find(|one| one.number == number).unwrap();
                let (admitted_at, ends_at) = (session.began, session.ends);
                match session.used {
                    used if ends_at > self.live.now => {
                        QueuePlace::Inside { admitted_at, ends_at, is_used: used.is_some() }
                    }
                    None => QueuePlace::Lapsed,
                    Some(_) => QueuePlace::Served,
                }
            }
            Is::Lapsed => QueuePlace::Lapsed,
            Is::Served => QueuePlace::Served,
            Is::Left => QueuePlace::Left,
            Is::Voided => QueuePlace::Voided,
        }
    }
}
