//! Compares what people were told in a waiting room with the journal: every place and every
//! admission that was told is there, positions were true, and a pass was refused only where the
//! journal agrees.

use std::collections::{HashMap, HashSet};

use super::history::{History, Life};
use crate::ledger::Account;
use crate::people::{Question, Reply, Standing, State, Told};
use admitone::inventory::{SessionEnd, TimestampMs};

/// How far the times of an answer and of a row may be apart: the two clocks were compared once, and
/// answers take time.
const APART_MS: i64 = 2_000;

/// The contradictions between answers and journal.
pub(in crate::audit) fn check(told: &[Told], people: &[Account], history: &History) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut answers: HashMap<u32, Vec<&Told>> = HashMap::new();
    for one in told {
        answers.entry(one.person).or_default().push(one);
    }
    for (person, answers) in &mut answers {
        // Stable: what was answered in one millisecond stays in the order in which it came.
        answers.sort_by_key(|told| told.answered_at);
        let Some(account) = people.get(*person as usize) else { continue };
        let number = history.numbers.get(&account.id).copied();
        let life = number.and_then(|number| history.entries.get(number as usize));
        let check = Check { history, number, life };
        wrong.extend(check.all(answers).map(|what| format!("person {}: {what}", account.id)));
    }
    let asked: HashSet<_> = answers
        .iter()
        .filter(|(_, answers)| answers.iter().any(|told| told.question == Question::Enter))
        .filter_map(|(person, _)| people.get(*person as usize).map(|account| account.id))
        .collect();
    for life in history.entries.iter().filter(|life| !asked.contains(&life.customer)) {
        wrong.push(format!("{} is in the queue, and never asked to enter it", life.customer));
    }
    wrong
}

/// The check of one person.
struct Check<'a> {
    history: &'a History,
    number: Option<u32>,
    life: Option<&'a Life>,
}

impl Check<'_> {
    fn all(&self, answers: &[&Told]) -> impl Iterator<Item = String> {
        let mut wrong = self.entry(answers);
        let mut last: Option<Standing> = None;
        for told in answers {
            match &told.reply {
                Reply::Standing(standing) => {
                    wrong.extend(self.standing(told, standing));
                    if let Some(last) = &last {
                        wrong.extend(self.rise(last, standing));
                    }
                    last = Some(*standing);
                }
                Reply::Held if told.question == Question::HoldWithoutPass => {
                    wrong.push("held places without a pass of their own".into());
                }
                Reply::Refused(code) if told.question == Question::Hold => {
                    wrong.extend(self.refusal(told, code));
                }
                Reply::Held | Reply::Refused(_) | Reply::Unknown => {}
            }
        }
        wrong.into_iter()
    }

    /// Whether the person is in the queue exactly if that was the answer.
    fn entry(&self, answers: &[&Told]) -> Vec<String> {
        let mut entering = answers.iter().filter(|told| told.question == Question::Enter);
        let is_entered = |told: &&&Told| matches!(told.reply, Reply::Standing(_));
        let was_told = answers.iter().any(|told| is_entered(&told));
        let was_refused = entering.all(|told| matches!(told.reply, Reply::Refused(_)));
        match self.life {
            None if was_told => vec!["LOST: was told a place, and is not in the journal".into()],
            Some(_) if was_refused && !was_told => {
                vec!["was refused entry, and is in the journal".into()]
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn standing(&self, told: &Told, standing: &Standing) -> Vec<String> {
        let Some(life) = self.life else { return Vec::new() };
        let mut wrong = Vec::new();
        if (Some(standing.number), standing.entry) != (self.number, life.id) {
            wrong.push(format!(
                "was told entry {} with number {}, and the journal has {} with {:?}",
                standing.entry, standing.number, life.id, self.number
            ));
        }
        if life.entered_at > told.answered_at + APART_MS {
            wrong.push("was told a place before there was one".into());
        }
        let is_admitted = standing.state == State::Admitted;
        if is_admitted != standing.has_pass {
            wrong.push(format!("is {:?}; a pass: {}", standing.state, standing.has_pass));
        }
        let admitted_at = life.admitted.map(|(at, _)| at);
        if is_admitted && admitted_at.is_none_or(|at| at > told.answered_at + APART_MS) {
            wrong.push("was told of an admission that is not in the journal".into());
        }
        let ended_at = life.ended.map_or(TimestampMs::MAX, |(at, _)| at);
        if is_admitted && ended_at < told.sent_at - APART_MS {
            wrong.push("was told to be inside after the end of the session".into());
        }
        let waits = matches!(standing.state, State::PreQueue | State::Waiting | State::SetAside);
        if waits && admitted_at.is_some_and(|at| at < standing.as_of - APART_MS) {
            wrong.push("was told to wait after the admission".into());
        }
        wrong.extend(self.position(life, told, standing));
        wrong
    }

    /// Position N says that at most N are admitted before.
    fn position(&self, life: &Life, told: &Told, standing: &Standing) -> Option<String> {
        let position = standing.position.filter(|_| !life.was_moved)?;
        // The time of a state is taken before the state is read, which is at the latest when the
        // answer comes.
        let read_until = told.answered_at.max(standing.as_of);
        let before_then = self.history.admitted_until(read_until);
        let (until, before_own) = match (life.admitted, life.left_at) {
            (Some((at, before)), _) => (at, before),
            (None, Some(at)) => (at, self.history.admitted_until(at)),
            (None, None) => (TimestampMs::MAX, self.history.admissions.len()),
        };
        let real = before_own.saturating_sub(before_then);
        let ahead = self.history.put_ahead_between(standing.as_of - APART_MS, until);
        let most = u64::from(position) + u64::from(ahead);
        (real as u64 > most).then(|| {
            format!("was told that {position} were ahead at most, and {real} were admitted before")
        })
    }

    /// Positions rise only by those who are put ahead.
    fn rise(&self, last: &Standing, standing: &Standing) -> Option<String> {
        let (before, now) = (last.position?, standing.position?);
        if self.life.is_none_or(|life| life.was_moved) || standing.as_of < last.as_of {
            return None;
        }
        let ahead = self.history.put_ahead_between(last.as_of - APART_MS, standing.as_of);
        (now > before + ahead).then(|| format!("was at position {before}, and at {now} afterwards"))
    }

    /// Whether the journal agrees that a pass was refused.
    fn refusal(&self, told: &Told, code: &str) -> Option<String> {
        if !code.starts_with("PASS_") {
            return None;
        }
        let agrees = self.life.is_none_or(|life| {
            let (from, until) = (told.sent_at - APART_MS, told.answered_at + APART_MS);
            let is_inside = life.is_inside(from, until, self.history.rules.pass_ms);
            let how = life.ended.map(|(_, how)| how);
            match code {
                "PASS_EXPIRED" => !is_inside && life.first_hold_at.is_none(),
                "PASS_USED" => !is_inside && how.is_some_and(|how| how != SessionEnd::Lapsed),
                _ => life.admitted.is_none() || how == Some(SessionEnd::Left),
            }
        });
        (!agrees).then(|| format!("was refused with {code}, and the journal does not agree"))
    }
}

#[cfg(test)]
mod tests;
