//! How many people have a room open: each instance counts its own, and tells the others.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::said::Said;
use crate::ids::{InstanceId, UserId};

/// After which the count of an instance that says nothing more is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(30);
/// Interval at which an instance repeats its count.
const REPEAT: Duration = Duration::from_secs(10);

/// The people of one room.
pub(super) struct Presence {
    me: InstanceId,
    /// Open connections of each person in this process.
    here: HashMap<UserId, u32>,
    elsewhere: HashMap<InstanceId, (u64, Instant)>,
    /// The last count that the others were told, and when.
    told: Option<(u64, Instant)>,
    /// The last count that listeners were told.
    shown: u64,
}

impl Presence {
    pub(super) fn new(me: InstanceId) -> Self {
        Self { me, here: HashMap::new(), elsewhere: HashMap::new(), told: None, shown: 0 }
    }

    /// Counts a connection. True if it is the person's first here.
    pub(super) fn come(&mut self, person: UserId) -> bool {
        let connections = self.here.entry(person).or_default();
        *connections += 1;
        *connections == 1
    }

    /// Forgets a connection. True if it was the person's last here.
    pub(super) fn go(&mut self, person: UserId) -> bool {
        let Some(connections) = self.here.get_mut(&person) else { return false };
        *connections -= 1;
        if *connections > 0 {
            return false;
        }
        self.here.remove(&person);
        true
    }

    pub(super) fn has(&self, person: UserId) -> bool {
        self.here.contains_key(&person)
    }

    /// Returns how many people have the room open. One who has it open at two instances counts twice.
    pub(super) fn people(&self) -> u64 {
        let now = Instant::now();
        let others = self.elsewhere.values();
        let fresh = others.filter(|(_, at)| now.duration_since(*at) < FORGOTTEN);
        self.here.len() as u64 + fresh.map(|(people, _)| people).sum::<u64>()
    }

    /// Takes in the count of another instance. True if it asks for this one's.
    pub(super) fn hear(&mut self, instance: InstanceId, people: u64, asks: bool) -> bool {
        if instance == self.me {
            return false;
        }
        match people {
            0 => self.elsewhere.remove(&instance).map(drop).unwrap_or_default(),
            people => {
                self.elsewhere.insert(instance, (people, Instant::now()));
            }
        }
        if asks {
            self.told = None;
        }
        asks
    }

    /// Returns the count for the other instances, if they need it.
    pub(super) fn news(&mut self) -> Option<Said> {
        let (people, now) = (self.here.len() as u64, Instant::now());
        let is_known =
            self.told.is_some_and(|(told, at)| told == people && now.duration_since(at) < REPEAT);
        if is_known {
            return None;
        }
        let asks = self.told.is_none() && self.elsewhere.is_empty();
        self.told = Some((people, now));
        Some(Said::Present { instance: self.me, people, asks })
    }

    /// Returns the count for listeners, if it has changed.
    pub(super) fn changed(&mut self) -> Option<u64> {
        let people = self.people();
        (std::mem::replace(&mut self.shown, people) != people).then_some(people)
    }

    /// Tells the others that no one is left here.
    pub(super) fn end(&self, say: impl FnOnce(Said)) {
        if self.told.is_some() {
            say(Said::Present { instance: self.me, people: 0, asks: false });
        }
    }
}
