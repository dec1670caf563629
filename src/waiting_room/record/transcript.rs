//! Turns rows of a journal into the lines of a record. Knows no database.

use std::collections::HashMap;

use super::line::{
    Admitted, Ended, Hex, PublicLane, QueueEnding, QueueEvent, RecordLine, Time, VERSION,
};
use crate::ids::{OfferingId, QueueEntryId, Seq};
use crate::inventory::{
    Admission, Change, Draw, Lane, QueueEntry, QueueRules, SaleState, TimestampMs, seed_of,
};
use crate::journal::{LoadError, Record, Row};

/// How often a queue was switched on, and whether one is on now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// The generation of the newest queue.
    pub begun: u32,
    /// True while it is on.
    pub is_on: bool,
}

impl Switches {
    /// Takes a change; returns true if it begins a queue.
    fn take(&mut self, change: &Change) -> bool {
        match change {
            Change::QueueSet { .. } if !self.is_on => {
                *self = Self { begun: self.begun + 1, is_on: true };
                true
            }
            Change::QueueEnded { .. } | Change::SaleStateSet { state: SaleState::Cancelled } => {
                self.is_on = false;
                false
            }
            _ => false,
        }
    }

    /// Takes a row; returns true if a queue begins in it.
    pub fn take_row(&mut self, record: &Record) -> bool {
        let mut begins = false;
        changes(record).for_each(|change| begins |= self.take(change));
        begins
    }
}

fn changes(record: &Record) -> impl Iterator<Item = &Change> {
    let transitions = match record {
        Record::Takeover => &[],
        Record::Batch(transitions) => transitions.as_slice(),
    };
    transitions.iter().flat_map(|transition| &transition.changes)
}

/// Writes the record of one queue from the rows of its journal. Keeps 16 bytes per entry.
pub struct Transcript {
    offering: OfferingId,
    generation: u32,
    switches: Switches,
    lines: u64,
    entries: Vec<QueueEntryId>,
    /// The reasons of those who were given priority, by number.
    labels: HashMap<u32, String>,
    list: Option<(u32, [u8; 32])>,
    draw: Option<Draw>,
}

impl Transcript {
    /// Writes the queue `generation`; `switches` are those before the first row that will be taken.
    #[must_use]
    pub fn new(offering: OfferingId, generation: u32, switches: Switches) -> Self {
        Self {
            offering,
            generation,
            switches,
            lines: 0,
            entries: Vec::new(),
            labels: HashMap::new(),
            list: None,
            draw: None,
        }
    }

    /// True once the queue has ended: later rows add nothing.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.lines > 0 && !self.goes_on()
    }

    fn goes_on(&self) -> bool {
        self.switches.is_on && self.switches.begun == self.generation
    }

    /// Appends the lines of a row.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] if the row does not fit those before.
    pub fn row(&mut self, row: &Row, record: &Record, out: &mut Vec<u8>) -> Result<(), LoadError> {
        for change in changes(record) {
            let was_on = self.goes_on();
            let begins = self.switches.take(change);
            if !was_on && !self.goes_on() {
                continue;
            }
            let event = self
                .event(change, begins)
                .map_err(|reason| LoadError::Damaged { seq: row.seq, reason })?;
            if let Some(event) = event {
                self.push(row.seq, row.at, event, out);
            }
        }
        Ok(())
    }

    /// Appends the last line; `seq` and `at` are those of the last row taken.
    pub fn complete(&mut self, seq: Seq, at: TimestampMs, out: &mut Vec<u8>) {
        let event = QueueEvent::Complete { lines: self.lines };
        self.push(seq, at, event, out);
    }

    fn push(&mut self, seq: Seq, at: TimestampMs, event: QueueEvent, out: &mut Vec<u8>) {
        let line = RecordLine { seq, at: Time(at), event };
        serde_json::to_writer(&mut *out, &line).expect("a line holds only encodable types");
        out.push(b'\n');
        self.lines += 1;
    }

    /// The public form of a change; `None` for one that is not of the queue.
    fn event(&mut self, change: &Change, begins: bool) -> Result<Option<QueueEvent>, String> {
        Ok(Some(match change {
            Change::QueueSet { rules, commitment } => self.set(rules, *commitment, begins),
            Change::QueueEntered { entries } => {
                let from = self.enter(entries);
                QueueEvent::Entered { from, entries: ids(entries) }
            }
            Change::QueueReturned { numbers } => QueueEvent::Returned { numbers: numbers.clone() },
            Change::QueueClosed { count, root } => {
                self.list = Some((*count, *root));
                self.draw = (*count == 0).then(|| Draw::new([0; 32], 0));
                QueueEvent::Closed { count: *count, root: Hex(*root) }
            }
            Change::QueueDrawn { secret, public_value } => self.drawn(secret, public_value)?,
            Change::QueueAdmitted { admitted, next } => {
                let admitted = admitted.iter().map(|one| self.admitted(one));
                let admitted = admitted.collect::<Result<_, _>>()?;
                QueueEvent::Admitted { admitted, next: *next }
            }
            Change::QueueLeft { number } => QueueEvent::Left { number: *number },
            Change::QueueSetAside { numbers } => QueueEvent::SetAside { numbers: numbers.clone() },
            Change::QueueVoided { numbers, reason } => {
                QueueEvent::Voided { numbers: numbers.clone(), reason: reason.clone() }
            }
            Change::QueuePrioritised { entries, numbers, reason } => {
                let from = self.enter(entries);
                let new = from..from + u32::try_from(entries.len()).unwrap_or(u32::MAX);
                let all = numbers.iter().copied().chain(new);
                self.labels.extend(all.map(|number| (number, reason.clone())));
                QueueEvent::Prioritised {
                    numbers: numbers.clone(),
                    from,
                    entries: ids(entries),
                    reason: reason.clone(),
                }
            }
            Change::PassUsed { number } => QueueEvent::PassUsed { number: *number },
            Change::SessionsEnded { sessions } => {
                let ended = sessions
                    .iter()
                    .map(|(number, how)| Ended { number: *number, how: (*how).into() });
                QueueEvent::SessionsEnded { sessions: ended.collect() }
            }
            Change::QueueEnded { how } => QueueEvent::Ended { how: (*how).into() },
            Change::SaleStateSet { state: SaleState::Cancelled } => {
                QueueEvent::Ended { how: QueueEnding::EventCancelled }
            }
            // Not of a queue: the changes of `apply_queue` are above.
            _ => return Ok(None),
        }))
    }

    fn set(&self, rules: &QueueRules, commitment: [u8; 32], begins: bool) -> QueueEvent {
        let (commitment, rules) = (Hex(commitment), rules.into());
        if !begins {
            return QueueEvent::Rules { commitment, rules };
        }
        QueueEvent::Queue {
            version: VERSION,
            offering: self.offering,
            generation: self.generation,
            commitment,
            rules,
        }
    }

    /// Adds entries; returns the number of the first.
    fn enter(&mut self, entries: &[QueueEntry]) -> u32 {
        let from = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.extend(entries.iter().map(|(_, id)| *id));
        from
    }

    fn drawn(&mut self, secret: &[u8; 32], public_value: &str) -> Result<QueueEvent, String> {
        let (count, root) = self.list.ok_or("a draw before its list was closed")?;
        let seed = seed_of(secret, &root, public_value);
        self.draw = Some(Draw::new(seed, count));
        Ok(QueueEvent::Drawn {
            secret: Hex(*secret),
            public_value: public_value.into(),
            seed: Hex(seed),
        })
    }

    fn admitted(&self, one: &Admission) -> Result<Admitted, String> {
        let number = one.number;
        let draw = self.draw.ok_or("an admission before the draw")?;
        let entry = self.entries.get(number as usize);
        let entry = *entry.ok_or_else(|| format!("the queue has no entry {number}"))?;
        let (lane, label) = match one.lane {
            Lane::Line => (PublicLane::Line, None),
            Lane::Returned => (PublicLane::Returned, None),
            Lane::Priority => (PublicLane::Priority, self.labels.get(&number).cloned()),
        };
        Ok(Admitted { number, place: draw.place_of(number), entry, lane, label })
    }
}

fn ids(entries: &[QueueEntry]) -> Vec<QueueEntryId> {
    entries.iter().map(|(_, id)| *id).collect()
}
