//! The order in which passwords are hashed. Each place that passwords come from has a queue of its
//! own, and the queues take turns, so that a flood from one place makes that place alone wait. This
//! module does not know of hashing, threads or time.
//!
//! Logins with unknown e-mail addresses take a small share of the room. Beyond that share they take
//! no room: they wait for their turn like all others, and are then refused without work. Whether
//! there is room for a login never depends on whether its account exists, so neither the answer nor
//! the order reveals that.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use crate::accounts::limiter;

/// Most tasks with real work that may wait: with more, the wait would outlast a client's patience.
pub(super) const MAX_WAITING: usize = 512;
/// Most of those in one queue.
const MAX_PER_CLIENT: usize = 384;
/// Most of those that are registrations.
const MAX_REGISTRATIONS: usize = 256;
/// Most of those that are logins with unknown addresses.
const MAX_UNKNOWN: usize = 32;

/// The purpose of hashing a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To compare the password with an account's.
    Known,
    /// To take as long as for an account, though there is none.
    Unknown,
    /// To create an account.
    Registration,
}

/// The place that a password comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::accounts) enum Place {
    /// A network.
    Network(IpAddr),
    /// If the network is not known: a hash of the name that is logged in to.
    Name([u8; 16]),
}

impl Place {
    /// Returns the network, or else the name.
    pub(in crate::accounts) fn of(network: Option<IpAddr>, name: &str) -> Self {
        match network {
            Some(network) => Self::Network(network),
            None => Self::Name(limiter::key(name)),
        }
    }
}

/// Logins and registrations of one place also take turns, so each has its own queue.
type Client = (Place, bool);

/// The next task, and how to handle it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<T> {
    /// Hash the password.
    Work(T),
    /// Refuse the task, after as long as hashing takes.
    Pretend(T),
}

struct Waiting<T> {
    item: T,
    /// The purpose that the task is counted under; `None` if it takes no room.
    counted: Option<Purpose>,
}

struct ClientQueue<T> {
    waiting: VecDeque<Waiting<T>>,
    /// How many of those take room.
    counted: usize,
}

/// The waiting tasks.
pub(super) struct Queue<T> {
    queues: HashMap<Client, ClientQueue<T>>,
    /// The clients whose queues are not empty, the next one first.
    order: VecDeque<Client>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    all: usize,
    unknown: usize,
    registrations: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { queues: HashMap::new(), order: VecDeque::new(), counts: Counts::default() }
    }
}

impl<T> Queue<T> {
    /// Puts `item` into its queue; returns it as the error if there is no room.
    pub(super) fn push(&mut self, place: Place, purpose: Purpose, item: T) -> Result<(), T> {
        let client = (place, purpose == Purpose::Registration);
        let of_client = self.queues.get(&client).map_or(0, |queue| queue.counted);
        let is_full = self.counts.all >= MAX_WAITING || of_client >= MAX_PER_CLIENT;
        let counted = match purpose {
            _ if is_full => return Err(item),
            Purpose::Registration if self.counts.registrations >= MAX_REGISTRATIONS => {
                return Err(item);
            }
            Purpose::Unknown if self.counts.unknown >= MAX_UNKNOWN => None,
            Purpose::Known | Purpose::Unknown | Purpose::Registration => Some(purpose),
        };
        let queue = self
            .queues
            .entry(client)
            .or_insert_with(|| ClientQueue { waiting: VecDeque::new(), counted: 0 });
        if queue.waiting.is_empty() {
            self.order.push_back(client);
        }
        queue.waiting.push_back(Waiting { item, counted });
        if let Some(purpose) = counted {
            queue.counted += 1;
            self.counts.add(purpose);
        }
        Ok(())
    }

    /// Returns the task whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Turn<T>> {
        let client = self.order.pop_front()?;
        let queue = self.queues.get_mut(&client)?;
        let Waiting { item, counted } = queue.waiting.pop_front()?;
        if let Some(purpose) = counted {
            queue.counted -= 1;
            self.counts.remove(purpose);
        }
        match queue.waiting.is_empty() {
            true => drop(self.queues.remove(&client)),
            false => self.order.push_back(client),
        }
        Some(if counted.is_some() { Turn::Work(item) } else { Turn::Pretend(item) })
    }
}

impl Counts {
    fn add(&mut self, purpose: Purpose) {
        self.all += 1;
        match purpose {
            Purpose::Known => {}
            Purpose::Unknown => self.unknown += 1,
            Purpose::Registration => self.registrations += 1,
        }
    }

    fn remove(&mut self, purpose: Purpose) {
        self.all -= 1;
        match purpose {
            Purpose::Known => {}
            Purpose::Unknown => self.unknown -= 1,
            Purpose::Registration => self.registrations -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Place {
        Place::of(Some(IpAddr::from([192, 0, 2, last])), "")
    }

    fn drain(queue: &mut Queue<usize>) -> Vec<Turn<usize>> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn unknown_addresses_fill_no_room_and_are_never_told_apart_by_an_answer() {
        let mut queue = Queue::default();
        for item in 0..10_000 {
            queue.push(network(1), Purpose::Unknown, item).unwrap();
        }
        for item in 0..MAX_PER_CLIENT - MAX_UNKNOWN {
            queue.push(network(1), Purpose::Known, item).unwrap();
        }
        for purpose in [Purpose::Known, Purpose::Unknown] {
            assert!(queue.push(network(1), purpose, 0).is_err(), "{purpose:?}: its queue is full");
            queue.push(network(2), purpose, 0).unwrap();
        }
        queue.push(network(1), Purpose::Registration, 0).unwrap();
        let turns = drain(&mut queue);
        let pretended = turns.iter().filter(|turn| matches!(turn, Turn::Pretend(_))).count();
        assert_eq!(pretended, 10_001 - MAX_UNKNOWN);
        assert!(queue.queues.is_empty() && queue.counts.all == 0, "and nothing is left behind");
    }

    #[test]
    fn registrations_leave_room_for_logins() {
        let mut queue = Queue::default();
        let accepted = (0..=255_u8)
            .flat_map(|last| [last; 4])
            .filter(|last| queue.push(network(*last), Purpose::Registration, 0).is_ok());
        assert_eq!(accepted.count(), MAX_REGISTRATIONS);
        queue.push(network(1), Purpose::Known, 0).unwrap();
    }

    #[test]
    fn when_there_is_no_room_known_and_unknown_are_refused_alike() {
        let mut queue = Queue::default();
        let accepted = (0..=255_u8)
            .flat_map(|last| [last; 4])
            .filter(|last| queue.push(network(*last), Purpose::Known, 0).is_ok());
        assert_eq!(accepted.count(), MAX_WAITING);
        for purpose in [Purpose::Known, Purpose::Unknown, Purpose::Registration] {
            assert!(queue.push(network(9), purpose, 0).is_err(), "{purpose:?}");
        }
    }

    #[test]
    fn places_take_turns_however_much_comes_from_one() {
        let mut queue = Queue::default();
        for item in 0..100 {
            queue.push(network(1), Purpose::Known, item).unwrap();
        }
        queue.push(network(1), Purpose::Registration, 100).unwrap();
        queue.push(network(2), Purpose::Known, 101).unwrap();
        queue.push(Place::of(None, "kim@example.com"), Purpose::Known, 102).unwrap();
        queue.push(Place::of(None, "lee@example.com"), Purpose::Unknown, 103).unwrap();
        let turns = drain(&mut queue);
        let first: Vec<_> = turns.iter().take(7).collect();
        let work = [0, 100, 101, 102, 103, 1, 2].map(Turn::Work);
        assert_eq!(first, work.iter().collect::<Vec<_>>());
    }
}
