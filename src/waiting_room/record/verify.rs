//! Checks a record of a queue line by line: the list, the draw, the order of the admissions and
//! their rate. Needs nothing but the record, and trusts nothing in it. `docs/waiting-room.md` says
//! what this proves.

mod order;
mod rate;

use super::line::{Hex, PublicLane, PublicRules, QueueEvent, RecordLine, Time, VERSION};
use crate::ids::{OfferingId, QueueEntryId, Seq};
use crate::inventory::{Draw, chained, commitment_of, first_link, seed_of};
pub use order::Standing;
use order::{Check, Order, must};
use rate::Rate;

/// The first thing that is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Wrong {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

/// What a record shows that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The event.
    pub offering: OfferingId,
    /// Which of its queues.
    pub generation: u32,
    /// The number of lines.
    pub lines: u64,
    /// The row of the journal up to which it goes, and its time.
    pub until: (Seq, Time),
    /// The number of entries.
    pub entries: u32,
    /// The number of admissions.
    pub admitted: u32,
    /// The number of entries that wait.
    pub waiting: u32,
    /// The commitment to the secret.
    pub commitment: Hex,
    /// How often the commitment was replaced, and when last.
    pub recommitted: Option<(u32, Time)>,
    /// The list of the draw.
    pub list: Option<List>,
    /// The draw.
    pub drawn: Option<Drawn>,
    /// The most passes within a minute, and the most that the rules allow.
    pub fastest: (u32, u32),
    /// True if the queue has ended.
    pub has_ended: bool,
    /// The entry that was asked for.
    pub entry: Option<EntryFinding>,
}

/// The list of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// The number of entries on it.
    pub count: u32,
    /// The hash of their ids.
    pub root: Hex,
}

/// A draw.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the record")]
pub struct Drawn {
    pub at: Time,
    pub seed: Hex,
    pub public_value: String,
    pub public_source: Option<String>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFinding {
    /// Its id.
    pub id: QueueEntryId,
    /// Its number, by the order of arrival.
    pub number: u32,
    /// When it entered.
    pub entered_at: Time,
    /// Its place in the line; `None` before the draw.
    pub place: Option<u32>,
    /// Where it stands now.
    pub standing: Standing,
    /// When it was admitted, from which lane and with which label.
    pub admitted: Option<(Time, PublicLane, Option<String>)>,
}

/// Reads a record and checks it.
pub struct Verifier {
    line: u64,
    last: Option<(Seq, Time)>,
    queue: Option<Queue>,
    lines_said: Option<u64>,
    wanted: Option<QueueEntryId>,
}

struct Queue {
    offering: OfferingId,
    generation: u32,
    rules: PublicRules,
    commitment: Hex,
    recommitted: Option<(u32, Time)>,
    chain: [u8; 32],
    list: Option<List>,
    drawn: Option<Drawn>,
    order: Order,
    rate: Rate,
    has_ended: bool,
    entry: Option<EntryFinding>,
}

impl Verifier {
    /// Begins with the first line, and looks out for an entry.
    #[must_use]
    pub fn new(wanted: Option<QueueEntryId>) -> Self {
        Self { line: 0, last: None, queue: None, lines_said: None, wanted }
    }

    /// Checks the next line.
    ///
    /// # Errors
    /// [`Wrong`]: the record does not hold, and later lines mean nothing.
    pub fn take(&mut self, text: &str) -> Result<(), Wrong> {
        self.line += 1;
        let read: Result<RecordLine, _> = serde_json::from_str(text);
        let taken = match read {
            Ok(line) => self.take_line(line),
            Err(error) => Err(format!("it is not a line of a record: {error}")),
        };
        taken.map_err(|reason| Wrong { line: self.line, reason })
    }

    /// Checks that the record is whole.
    ///
    /// # Errors
    /// [`Wrong`] if it breaks off.
    pub fn finish(self) -> Result<Finding, Wrong> {
        let line = self.line + 1;
        let (Some(queue), Some(until), Some(_)) = (self.queue, self.last, self.lines_said) else {
            return Err(Wrong { line, reason: "the record breaks off here".into() });
        };
        Ok(queue.finding(self.line, until))
    }

    fn take_line(&mut self, line: RecordLine) -> Check {
        let RecordLine { seq, at, event } = line;
        must(self.lines_said.is_none(), "a line after the last one")?;
        let (last_seq, last_at) = self.last.unwrap_or((seq, at));
        must(last_seq <= seq, format!("row {seq} after row {last_seq}"))?;
        must(last_at <= at, "its time is before that of the line before")?;
        self.last = Some((seq, at));
        match (event, &mut self.queue) {
            (QueueEvent::Queue { version, .. }, None) if version != VERSION => {
                Err(format!("version {version} of the record, and this program reads {VERSION}"))
            }
            (QueueEvent::Queue { offering, generation, commitment, rules, .. }, None) => {
                self.queue = Some(Queue::new(offering, generation, commitment, rules, at));
                Ok(())
            }
            (QueueEvent::Complete { lines }, _) => {
                let before = self.line - 1;
                self.lines_said = Some(lines);
                must(lines == before, format!("it says {lines} lines, and {before} are before it"))
            }
            (QueueEvent::Queue { .. }, Some(_)) => Err("a second queue".into()),
            (_, None) => Err("a record begins with the line of its queue".into()),
            (event, Some(queue)) => queue.take(event, at, self.wanted),
        }
    }
}

impl Queue {
    fn new(
        offering: OfferingId,
        generation: u32,
        commitment: Hex,
        rules: PublicRules,
        at: Time,
    ) -> Self {
        Self {
            offering,
            generation,
            rate: Rate::new(at.0, rules.passes_per_minute),
            rules,
            commitment,
            recommitted: None,
            chain: first_link(),
            list: None,
            drawn: None,
            order: Order::default(),
            has_ended: false,
            entry: None,
        }
    }

    fn take(&mut self, event: QueueEvent, at: Time, wanted: Option<QueueEntryId>) -> Check {
        must(!self.has_ended, "the queue has ended before")?;
        match event {
            QueueEvent::Queue { .. } | QueueEvent::Complete { .. } => Ok(()),
            QueueEvent::Rules { commitment, rules } => self.change(commitment, rules, at),
            QueueEvent::Entered { from, entries } => self.enter(from, &entries, None, (at, wanted)),
            QueueEvent::Returned { numbers } => self.order.put_back(&numbers),
            QueueEvent::Closed { count, root } => self.close(count, root),
            QueueEvent::Drawn { secret, public_value, seed } => {
                self.draw(secret, public_value, seed, at)
            }
            QueueEvent::Admitted { admitted, next } => {
                self.order.admit(&admitted, next)?;
                if let Some(entry) = &mut self.entry
                    && let Some(one) = admitted.iter().find(|one| one.number == entry.number)
                {
                    entry.admitted = Some((at, one.lane, one.label.clone()));
                }
                self.rate.pass(at.0, admitted.len())
            }
            QueueEvent::Left { number } => self.order.leave(number),
            QueueEvent::SetAside { numbers } => self.order.set_aside(&numbers),
            QueueEvent::Voided { numbers, .. } => self.order.void(&numbers),
            QueueEvent::Prioritised { numbers, from, entries, reason } => {
                self.order.prioritise(&numbers, &reason)?;
                must(entries.is_empty() || self.order.is_drawn(), "new guests before the draw")?;
                self.enter(from, &entries, Some(&reason), (at, wanted))
            }
            QueueEvent::PassUsed { number } => self.order.must_be_inside(number),
            QueueEvent::SessionsEnded { sessions } => {
                sessions.iter().try_for_each(|ended| self.order.end_session(ended.number))
            }
            QueueEvent::Ended { .. } => {
                self.has_ended = true;
                Ok(())
            }
        }
    }

    fn change(&mut self, commitment: Hex, rules: PublicRules, at: Time) -> Check {
        if commitment != self.commitment {
            must(self.list.is_none(), "another commitment, after the list was closed")?;
            let times = self.recommitted.map_or(0, |(times, _)| times);
            self.recommitted = Some((times + 1, at));
        }
        let is_open = self.list.is_none() || self.order.is_drawn();
        must(
            is_open || rules.public_source == self.rules.public_source,
            "another source of the public value, between the close and the draw",
        )?;
        self.rate.change(at.0, rules.passes_per_minute);
        (self.commitment, self.rules) = (commitment, rules);
        Ok(())
    }

    fn enter(
        &mut self,
        from: u32,
        entries: &[QueueEntryId],
        label: Option<&str>,
        (at, wanted): (Time, Option<QueueEntryId>),
    ) -> Check {
        must(from == self.order.len(), format!("entry {} is missing", self.order.len()))?;
        for id in entries {
            self.chain = chained(self.chain, *id.0.as_bytes());
            let number = self.order.push(*id, label)?;
            if wanted == Some(*id) {
                let standing = Standing::Waits;
                let (id, entered_at, place, admitted) = (*id, at, None, None);
                self.entry =
                    Some(EntryFinding { id, number, entered_at, place, standing, admitted });
            }
        }
        Ok(())
    }

    fn close(&mut self, count: u32, root: Hex) -> Check {
        must(self.list.is_none(), "the list was closed before")?;
        let entries = self.order.len();
        must(count == entries, format!("the list is of {count} entries, and {entries} entered"))?;
        must(root.0 == self.chain, "the root is not the hash of the entries before")?;
        self.list = Some(List { count, root });
        if count == 0 {
            // Nobody to draw for.
            self.order.drawn(Draw::new([0; 32], 0));
        }
        Ok(())
    }

    fn draw(&mut self, secret: Hex, value: String, seed: Hex, at: Time) -> Check {
        let List { count, root } = self.list.ok_or("a draw before the list was closed")?;
        must(!self.order.is_drawn(), "a second draw")?;
        must(
            commitment_of(&secret.0) == self.commitment.0,
            "the secret is not the one that was committed to",
        )?;
        let source = &self.rules.public_source;
        must(value.is_empty() == source.is_none(), "a public value without its source, or none")?;
        must(
            seed_of(&secret.0, &root.0, &value) == seed.0,
            "the seed is not that of the secret, the root and the public value",
        )?;
        self.order.drawn(Draw::new(seed.0, count));
        let public_source = source.clone();
        self.drawn = Some(Drawn { at, seed, public_value: value, public_source });
        Ok(())
    }

    fn finding(mut self, lines: u64, until: (Seq, Time)) -> Finding {
        if let Some(entry) = &mut self.entry {
            entry.place = self.order.place_of(entry.number);
            entry.standing = self.order.standing(entry.number);
        }
        Finding {
            offering: self.offering,
            generation: self.generation,
            lines,
            until,
            entries: self.order.len(),
            admitted: self.order.admitted(),
            waiting: self.order.waiting(),
            commitment: self.commitment,
            recommitted: self.recommitted,
            list: self.list,
            drawn: self.drawn,
            fastest: self.rate.fastest(),
            has_ended: self.has_ended,
            entry: self.entry,
        }
    }
}
