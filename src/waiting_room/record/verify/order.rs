//! Who waits where, as a record tells it: the line in the order of the draw, and the lane ahead of
//! it. Written apart from `inventory/queue/line.rs`, so that a mistake there shows here.

use std::collections::{BTreeMap, HashSet};

use crate::ids::QueueEntryId;
use crate::inventory::Draw;
use crate::waiting_room::record::line::{Admitted, PublicLane};

/// `Err` says what is wrong.
pub(super) type Check = Result<(), String>;

pub(super) fn must(holds: bool, else_say: impl Into<String>) -> Check {
    if holds { Ok(()) } else { Err(else_say.into()) }
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Standing {
    Waits,
    /// Passed over for its silence.
    Aside,
    /// Has an open session.
    Inside,
    /// Its session is over.
    Served,
    Left,
    Voided,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InLine,
    /// Ahead of the line, with the turn that it has there.
    Ahead(u32),
    Aside,
    Inside,
    Served,
    Left,
    Voided,
}

/// The entries by number, and the order in which they are served.
#[derive(Default)]
pub(super) struct Order {
    ids: Vec<QueueEntryId>,
    known: HashSet<QueueEntryId>,
    states: Vec<State>,
    draw: Option<Draw>,
    /// The next place of the line to serve.
    next: u32,
    /// The lane ahead by turn, each entry with the label of its priority, if it has that.
    ahead: BTreeMap<u32, (u32, Option<String>)>,
    turns: u32,
    admitted: u32,
    waiting: u32,
}

impl Order {
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.ids.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn admitted(&self) -> u32 {
        self.admitted
    }

    pub(super) fn waiting(&self) -> u32 {
        self.waiting
    }

    pub(super) fn is_drawn(&self) -> bool {
        self.draw.is_some()
    }

    pub(super) fn drawn(&mut self, draw: Draw) {
        self.draw = Some(draw);
    }

    pub(super) fn place_of(&self, number: u32) -> Option<u32> {
        self.draw.map(|draw| draw.place_of(number))
    }

    pub(super) fn standing(&self, number: u32) -> Standing {
        match self.states[number as usize] {
            State::InLine | State::Ahead(_) => Standing::Waits,
            State::Aside => Standing::Aside,
            State::Inside => Standing::Inside,
            State::Served => Standing::Served,
            State::Left => Standing::Left,
            State::Voided => Standing::Voided,
        }
    }

    /// Adds an entry, ahead of the line if it has a label; returns its number.
    pub(super) fn push(&mut self, id: QueueEntryId, label: Option<&str>) -> Result<u32, String> {
        must(self.known.insert(id), format!("entry {id} has a number already"))?;
        let number = self.len();
        self.ids.push(id);
        self.states.push(State::InLine);
        self.waiting += 1;
        if let Some(label) = label {
            self.put_ahead(number, Some(label.into()))?;
        }
        Ok(number)
    }

    /// Entries that were set aside come back, ahead of the line.
    pub(super) fn put_back(&mut self, numbers: &[u32]) -> Check {
        for number in numbers {
            let was_aside = self.state(*number)? == State::Aside;
            must(was_aside, format!("entry {number} came back, and was not set aside"))?;
            self.put_ahead(*number, None)?;
        }
        Ok(())
    }

    pub(super) fn prioritise(&mut self, numbers: &[u32], label: &str) -> Check {
        for number in numbers {
            let waits =
                matches!(self.state(*number)?, State::InLine | State::Ahead(_) | State::Aside);
            must(waits, format!("entry {number} was given priority, and does not wait"))?;
            self.put_ahead(*number, Some(label.into()))?;
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, number: u32) -> Check {
        let waits = matches!(self.state(number)?, State::InLine | State::Ahead(_) | State::Aside);
        must(waits, format!("entry {number} left, and does not wait"))?;
        self.set(number, State::Left)
    }

    pub(super) fn set_aside(&mut self, numbers: &[u32]) -> Check {
        for number in numbers {
            let waits = matches!(self.state(*number)?, State::InLine | State::Ahead(_));
            must(waits, format!("entry {number} was set aside, and does not wait"))?;
            self.set(*number, State::Aside)?;
        }
        Ok(())
    }

    pub(super) fn void(&mut self, numbers: &[u32]) -> Check {
        for number in numbers {
            let may = !matches!(self.state(*number)?, State::Inside | State::Voided);
            must(may, format!("entry {number} was voided twice, or with an open session"))?;
            self.set(*number, State::Voided)?;
        }
        Ok(())
    }

    pub(super) fn must_be_inside(&self, number: u32) -> Check {
        let is_inside = self.state(number)? == State::Inside;
        must(is_inside, format!("entry {number} has no open session"))
    }

    pub(super) fn end_session(&mut self, number: u32) -> Check {
        self.must_be_inside(number)?;
        self.set(number, State::Served)
    }

    /// Admits entries, and the line goes on at place `next`.
    pub(super) fn admit(&mut self, admitted: &[Admitted], next: u32) -> Check {
        let draw = self.draw.ok_or("an admission before the draw")?;
        let of_lane = admitted.iter().take_while(|one| one.lane != PublicLane::Line).count();
        let (of_lane, of_line) = admitted.split_at(of_lane);
        for one in of_lane {
            self.must_be_named(one, draw)?;
            let first = self.ahead.first_key_value().map(|(_, first)| first.clone());
            let lane = match &first {
                Some((_, Some(_))) => PublicLane::Priority,
                Some((_, None)) => PublicLane::Returned,
                None => return Err(format!("entry {} was not ahead of the line", one.number)),
            };
            let is_next = first.is_some_and(|(number, label)| {
                number == one.number && lane == one.lane && label == one.label
            });
            must(is_next, format!("entry {} was not next of those ahead of the line", one.number))?;
            self.let_in(one.number)?;
        }
        let stays = of_line.is_empty() && next == self.next;
        must(stays || self.ahead.is_empty(), "the line was served before those ahead of it")?;
        must((self.next..=self.len()).contains(&next), format!("the line cannot go on at {next}"))?;
        let mut of_line = of_line.iter();
        for place in self.next..next {
            let number = draw.number_at(place);
            if self.state(number)? != State::InLine {
                continue;
            }
            let one = of_line.next();
            let one = one.filter(|one| one.number == number && one.lane == PublicLane::Line);
            let one = one.ok_or_else(|| format!("entry {number} was next, at place {place}"))?;
            self.must_be_named(one, draw)?;
            self.let_in(number)?;
        }
        self.next = next;
        match of_line.next() {
            Some(one) => Err(format!("entry {} was admitted out of turn", one.number)),
            None => Ok(()),
        }
    }

    fn must_be_named(&self, one: &Admitted, draw: Draw) -> Check {
        let number = one.number;
        self.state(number)?;
        must(self.ids[number as usize] == one.entry, format!("entry {number} has another id"))?;
        let place = draw.place_of(number);
        must(place == one.place, format!("entry {number} has place {place}, and not {}", one.place))
    }

    fn let_in(&mut self, number: u32) -> Check {
        self.admitted += 1;
        self.set(number, State::Inside)
    }

    fn put_ahead(&mut self, number: u32, label: Option<String>) -> Check {
        self.turns += 1;
        self.set(number, State::Ahead(self.turns))?;
        self.ahead.insert(self.turns, (number, label));
        Ok(())
    }

    fn state(&self, number: u32) -> Result<State, String> {
        let state = self.states.get(number as usize);
        state.copied().ok_or_else(|| format!("there is no entry {number}"))
    }

    fn set(&mut self, number: u32, state: State) -> Check {
        let waits = |state| u32::from(matches!(state, State::InLine | State::Ahead(_)));
        let before = self.state(number)?;
        self.waiting = self.waiting + waits(state) - waits(before);
        if let State::Ahead(turn) = before {
            self.ahead.remove(&turn);
        }
        self.states[number as usize] = state;
        Ok(())
    }
}
