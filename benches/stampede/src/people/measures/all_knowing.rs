//! Sells the same places to the same people with an admitter who knows what each of them will do,
//! under the same rate, the same limit of sessions and the same order: the most that the coupling
//! of the line and the stock could have reached.
//!
//! This admitter never waits to see whether a person holds: as long as those inside will not take all
//! that is free, the next is admitted. It also tries to admit people for places that are held now and
//! will come back, and does the better of both. A second one may pass over people who will not buy,
//! as no fair admitter may.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use serde::Serialize;

use super::{Facts, seconds};
use crate::people::{Decisions, Purpose, Reply};
use admitone::inventory::TimestampMs;

/// The time whose worth of passes may be given at once.
const BURST_MS: i64 = 10_000;
/// A session without a hold ends this long after its last one.
const IDLE_MS: i64 = 60_000;
/// Who finds nothing free tries again after this time.
const AGAIN_MS: i64 = 3_000;
/// The two requests of a purchase.
const PAYING_MS: i64 = 20;

/// Seconds from the first admission until so many places were sold, and how much slower that was than
/// with the all-knowing admitter.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllKnowing {
    /// Until the last place that both sold: in the run.
    pub seconds: f64,
    /// The same with the all-knowing admitter.
    pub seconds_all_knowing: f64,
    /// Places sold per minute in the run, divided by those of the all-knowing admitter.
    pub ratio: f64,
    /// The same until nine in ten places were sold, before single places decide.
    pub ratio_at_90_percent: f64,
    /// The ratio to an admitter who also passes over people who will not buy.
    pub ratio_to_picking: f64,
    /// The seconds of a sale by the rules of the run, played the same way: the nearer to those of the
    /// run, the better these figures are.
    pub seconds_by_rules: f64,
    /// The same sale by other rules.
    pub what_if: Vec<WhatIf>,
}

/// A sale to the same people by other rules.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIf {
    /// Sessions that hold nothing, in percent of the places left.
    pub admit_percent: u32,
    /// True if those who have lost what they held are counted among these.
    pub counts_those_who_lost: bool,
    /// As for [`AllKnowing`].
    pub seconds: f64,
    /// See [`AllKnowing::ratio`].
    pub ratio: f64,
    /// Sessions whose owners wanted places and found none.
    pub in_vain: u32,
}

/// Compares the run with all-knowing admitters.
pub(super) fn compare(facts: &Facts<'_>, notices: &HashMap<u32, i64>) -> Option<AllKnowing> {
    let history = facts.history;
    let (began, _) = *history.admissions.first()?;
    let line = line(facts, notices)?;
    let real: Vec<(i64, i64)> = history.sold.iter().map(|(at, sold)| (at - began, *sold)).collect();
    let play = |policy: Policy| Sale::new(facts, &line, began, policy).run().0;
    let best = |picks: bool| {
        let sales = [false, true].map(|eager| play(Policy::KnowsAll { picks, eager }));
        let [one, other] = sales;
        let end = |sold: &[(i64, i64)]| (Reverse(most(sold)), sold.last().map(|(at, _)| *at));
        if end(&one) <= end(&other) { one } else { other }
    };
    let (ideal, picking) = (best(false), best(true));
    let percent = i64::from(history.rules.admit_percent);
    let by_rules = play(Policy::Rules { percent, counts_lost: false });
    let target = most(&real).min(most(&ideal)).min(most(&picking));
    let until = |sold: &[(i64, i64)], target: i64| {
        sold.iter().find(|(_, sold)| *sold >= target).map(|(at, _)| seconds(*at).max(0.001))
    };
    let ratio =
        |other: &[(i64, i64)], target: i64| Some(until(other, target)? / until(&real, target)?);
    (target > 0).then_some(())?;
    let nine_tenths = (target * 9 / 10).max(1);
    let what_if = |(admit_percent, counts_lost): (u32, bool)| {
        let policy = Policy::Rules { percent: admit_percent.into(), counts_lost };
        let (series, in_vain) = Sale::new(facts, &line, began, policy).run();
        let (seconds, ideal) = (until(&series, target), until(&ideal, target));
        WhatIf {
            admit_percent,
            counts_those_who_lost: counts_lost,
            seconds: seconds.unwrap_or(f64::INFINITY),
            ratio: ideal.zip(seconds).map_or(0.0, |(ideal, seconds)| ideal / seconds),
            in_vain,
        }
    };
    let rules = [(100, true), (150, true), (200, true), (300, true), (100, false), (150, false)];
    Some(AllKnowing {
        seconds: until(&real, target)?,
        seconds_all_knowing: until(&ideal, target)?,
        ratio: ratio(&ideal, target)?,
        ratio_at_90_percent: ratio(&ideal, nine_tenths)?,
        ratio_to_picking: ratio(&picking, target)?,
        seconds_by_rules: until(&by_rules, target).unwrap_or(f64::INFINITY),
        what_if: rules.into_iter().map(what_if).collect(),
    })
}

/// The most places that were sold at any time.
fn most(sold: &[(i64, i64)]) -> i64 {
    sold.iter().map(|(_, sold)| *sold).max().unwrap_or(0)
}

/// A person in line, with what will be decided. Times are the server's.
struct Person {
    place: u32,
    comes_at: TimestampMs,
    /// From this time on the person is not in line any more, or was not heard of for too long.
    gone_at: TimestampMs,
    /// From this time on the person does not look at the page.
    looks_until: TimestampMs,
    notices_ms: i64,
    decisions: Decisions,
}

/// The people by their places in line.
fn line(facts: &Facts<'_>, notices: &HashMap<u32, i64>) -> Option<Vec<Person>> {
    let history = facts.history;
    let draw = history.draw?;
    let mut known: Vec<i64> = notices.values().copied().collect();
    known.sort_unstable();
    let mut heard: HashMap<u32, TimestampMs> = HashMap::new();
    for told in facts.told {
        if let Reply::Standing(standing) = &told.reply {
            let last = heard.entry(standing.number).or_insert(told.answered_at);
            *last = (*last).max(told.answered_at);
        }
    }
    let positions: HashMap<_, u32> =
        facts.people.iter().map(|account| account.id).zip(0_u32..).collect();
    let mut line: Vec<Person> = (0_u32..)
        .zip(&history.entries)
        .filter_map(|(number, life)| {
            let person = *positions.get(&life.customer)?;
            let decisions = Decisions::of(facts.seed, person, facts.options);
            let last_heard = heard.get(&number).copied().unwrap_or(life.entered_at);
            // Who was admitted in the run, or asked until its end, would have noticed.
            let stays = life.admitted.is_some() && notices.contains_key(&number);
            let looks_until = if stays { TimestampMs::MAX } else { last_heard + 60_000 };
            let silent_at = last_heard.saturating_add(history.rules.silence_ms);
            let silent_at = if stays { TimestampMs::MAX } else { silent_at };
            let any = known.get((number as usize).wrapping_mul(7_919) % known.len().max(1));
            let notices_ms = notices.get(&number).or(any).copied().unwrap_or(3_000);
            let gone_at = life.left_at.unwrap_or(TimestampMs::MAX).min(silent_at);
            let place = draw.place_of(number);
            let comes_at = life.entered_at;
            Some(Person { place, comes_at, gone_at, looks_until, notices_ms, decisions })
        })
        .collect();
    line.sort_by_key(|person| person.place);
    Some(line)
}

/// How people are admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// By the rules of a waiting room.
    Rules {
        /// Sessions that hold nothing, in percent of the places left.
        percent: i64,
        /// True if those who have lost what they held are counted among these.
        counts_lost: bool,
    },
    KnowsAll {
        /// True if people who will not buy are passed over.
        picks: bool,
        /// True if held places that will come back count as free.
        eager: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Admit,
    Hold,
    Buy,
    Release,
    Return,
    End,
}

/// A sale by an all-knowing admitter.
struct Sale<'a> {
    line: &'a [Person],
    policy: Policy,
    began: TimestampMs,
    rate: i64,
    active_limit: usize,
    pass_ms: i64,
    hold_ms: i64,
    places: i64,
    free: i64,
    sold: i64,
    /// Places that those inside will buy.
    promised: i64,
    /// Those inside, and until when they may hold for the first time.
    inside: HashMap<usize, TimestampMs>,
    /// Those inside who hold something.
    holding: BTreeSet<usize>,
    /// Those inside who have lost what they held.
    lost: BTreeSet<usize>,
    in_vain: u32,
    /// What each of those inside holds or will hold.
    buying: HashMap<usize, i64>,
    /// The first in line who was not admitted or passed by.
    next: usize,
    events: BinaryHeap<Reverse<(TimestampMs, Event, usize)>>,
    level: i64,
    level_at: TimestampMs,
    series: Vec<(i64, i64)>,
}

impl<'a> Sale<'a> {
    fn new(facts: &Facts<'_>, line: &'a [Person], began: TimestampMs, policy: Policy) -> Self {
        let rules = &facts.history.rules;
        Self {
            line,
            policy,
            began,
            rate: i64::from(rules.passes_per_minute),
            active_limit: rules.active_limit as usize,
            pass_ms: rules.pass_ms,
            hold_ms: i64::from(facts.options.hold_seconds) * 1_000,
            places: facts.history.places,
            free: facts.history.places,
            sold: 0,
            promised: 0,
            inside: HashMap::new(),
            holding: BTreeSet::new(),
            lost: BTreeSet::new(),
            in_vain: 0,
            buying: HashMap::new(),
            next: 0,
            events: BinaryHeap::new(),
            level: 0,
            level_at: began,
            series: Vec::new(),
        }
    }

    /// The places sold over time, in milliseconds since the first admission, and how many were
    /// admitted in vain.
    fn run(mut self) -> (Vec<(i64, i64)>, u32) {
        self.events.push(Reverse((self.began, Event::Admit, 0)));
        let last = self.began + 24 * 3_600_000;
        while let Some(Reverse((at, event, person))) = self.events.pop() {
            if at > last || self.sold >= self.places {
                break;
            }
            match event {
                Event::Admit => {}
                Event::Hold => self.hold(at, person),
                Event::Buy => self.buy(at, person),
                Event::Release => self.release(at, person),
                Event::Return => self.give_back(at, person),
                Event::End => self.end(person),
            }
            self.admit(at);
        }
        (self.series, self.in_vain)
    }

    fn admit(&mut self, at: TimestampMs) {
        while self.has_room() && self.inside.len() < self.active_limit {
            let Some(person) = self.first(at) else { break };
            let run_out = (at - self.level_at).saturating_mul(self.rate);
            let level = self.level.saturating_sub(run_out).max(0);
            let most = (self.rate * BURST_MS).max(60_000);
            if level + 60_000 > most {
                let wait = (level + 60_000 - most).div_euclid(self.rate) + 1;
                self.events.push(Reverse((at + wait, Event::Admit, 0)));
                return;
            }
            (self.level, self.level_at) = (level + 60_000, at);
            self.next = person + 1;
            self.let_in(at, person);
        }
        // Late people arrive in the order of the line; the next one may be on the way.
        if let Some(coming) = self.line.get(self.next).filter(|one| one.comes_at > at)
            && self.has_room()
        {
            self.events.push(Reverse((coming.comes_at, Event::Admit, 0)));
        }
    }

    /// True if the places are enough for one more.
    fn has_room(&self) -> bool {
        match self.policy {
            Policy::Rules { percent, counts_lost } => {
                let most = (self.free * percent + 99) / 100;
                let lost = if counts_lost { 0 } else { self.lost.len() };
                let idle = self.inside.len() - self.holding.len() - lost;
                i64::try_from(idle).unwrap_or(i64::MAX) < most
            }
            Policy::KnowsAll { .. } => self.promised + self.sold < self.places,
        }
    }

    fn is_eager(&self) -> bool {
        matches!(self.policy, Policy::KnowsAll { eager: true, .. })
    }

    /// The first in line who is there.
    fn first(&mut self, at: TimestampMs) -> Option<usize> {
        loop {
            let person = self.line.get(self.next)?;
            if person.comes_at > at {
                return None;
            }
            let will_buy = person.decisions.buys() && at < person.looks_until;
            let picks = matches!(self.policy, Policy::KnowsAll { picks: true, .. });
            if person.gone_at > at && (will_buy || !picks) {
                return Some(self.next);
            }
            self.next += 1;
        }
    }

    fn let_in(&mut self, at: TimestampMs, number: usize) {
        let person = &self.line[number];
        self.inside.insert(number, at + self.pass_ms);
        let acts = !person.decisions.abandons && at < person.looks_until;
        let holds_at = at + person.notices_ms + ms(person.decisions.thinks);
        if !acts || holds_at >= at + self.pass_ms {
            self.events.push(Reverse((at + self.pass_ms, Event::End, number)));
            return;
        }
        if person.decisions.buys() {
            let left = self.places - self.sold - self.promised;
            let party = i64::from(person.decisions.party).min(left);
            self.promised += party;
            self.buying.insert(number, party);
        }
        self.events.push(Reverse((holds_at, Event::Hold, number)));
    }

    fn hold(&mut self, at: TimestampMs, number: usize) {
        let decisions = &self.line[number].decisions;
        let wanted = i64::from(decisions.party);
        let promised = self.buying.remove(&number).unwrap_or(0);
        self.promised -= promised;
        let party = if self.free >= wanted { wanted } else { self.free.min(1) };
        if party == 0 && self.inside.get(&number).is_none_or(|until| at + AGAIN_MS >= *until) {
            self.in_vain += 1;
            self.end(number);
            return;
        }
        if party == 0 {
            // Places of others may come back, as in the run.
            if promised > 0 {
                self.promised += 1;
                self.buying.insert(number, 1);
            }
            self.events.push(Reverse((at + AGAIN_MS, Event::Hold, number)));
            return;
        }
        self.free -= party;
        self.holding.insert(number);
        match decisions.purpose {
            Purpose::Buys | Purpose::Returns => {
                self.promised += party;
                self.buying.insert(number, party);
                let then = at + ms(decisions.decides) + PAYING_MS;
                self.events.push(Reverse((then, Event::Buy, number)));
            }
            Purpose::Releases | Purpose::Forgets => {
                self.buying.insert(number, party);
                self.promised += if self.is_eager() { 0 } else { party };
                let is_forgotten = decisions.purpose == Purpose::Forgets;
                let after = if is_forgotten { self.hold_ms } else { ms(decisions.decides) };
                self.events.push(Reverse((at + after, Event::Release, number)));
            }
        }
    }

    fn buy(&mut self, at: TimestampMs, number: usize) {
        let party = self.buying.remove(&number).unwrap_or(0);
        self.promised -= party;
        self.sold += party;
        self.end(number);
        self.series.push((at - self.began, self.sold));
        let decisions = &self.line[number].decisions;
        if decisions.purpose == Purpose::Returns {
            self.buying.insert(number, party);
            self.events.push(Reverse((at + ms(decisions.returns_after), Event::Return, number)));
        }
    }

    fn give_back(&mut self, at: TimestampMs, number: usize) {
        let party = self.buying.remove(&number).unwrap_or(0);
        self.sold -= party;
        self.free += party;
        self.series.push((at - self.began, self.sold));
    }

    fn release(&mut self, at: TimestampMs, number: usize) {
        let party = self.buying.remove(&number).unwrap_or(0);
        self.promised -= if self.is_eager() { 0 } else { party };
        self.holding.remove(&number);
        self.lost.insert(number);
        self.free += party;
        let decisions = &self.line[number].decisions;
        let goes = decisions.purpose == Purpose::Releases && decisions.says_goodbye;
        let ends_at = if goes { at } else { at + IDLE_MS };
        self.events.push(Reverse((ends_at, Event::End, number)));
    }

    fn end(&mut self, number: usize) {
        self.inside.remove(&number);
        self.holding.remove(&number);
        self.lost.remove(&number);
    }
}

fn ms(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}
