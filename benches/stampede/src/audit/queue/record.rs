//! The public record of a queue: it must hold by itself, and have the entry that each person was
//! told, once, with the number that the person was told.

use std::collections::HashMap;

use anyhow::Result;
use uuid::Uuid;

use super::history::History;
use crate::api::{Api, Call};
use crate::people::{Reply, Told};
use admitone::ids::OfferingId;
use admitone::waiting_room::record::line::{QueueEvent, RecordLine};
use admitone::waiting_room::record::verify::Verifier;

/// The public record, as far as it is compared.
#[derive(Default)]
pub(in crate::audit) struct PublicRecord {
    numbers: HashMap<Uuid, u32>,
    admitted: Vec<u32>,
    wrong: Vec<String>,
}

impl PublicRecord {
    /// Reads the record of the event's queue, and verifies it.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub(in crate::audit) async fn read(api: &mut Api, event: OfferingId) -> Result<Self> {
        let mut record = Self::default();
        let mut verifier = Some(Verifier::new(None));
        let path = format!("/api/queue/{event}/audit");
        api.lines(Call::get(&path, None), |line| {
            if let Some(Err(wrong)) = verifier.as_mut().map(|verifier| verifier.take(line)) {
                record.wrong.push(format!("the public record does not hold: {wrong}"));
                verifier = None;
            }
            record.take(line);
            Ok(())
        })
        .await?;
        if let Some(Err(wrong)) = verifier.map(Verifier::finish) {
            record.wrong.push(format!("the public record does not hold: {wrong}"));
        }
        Ok(record)
    }

    fn take(&mut self, line: &str) {
        // A line that cannot be read is one that the verifier has refused.
        let Ok(RecordLine { event, .. }) = serde_json::from_str(line) else { return };
        match event {
            QueueEvent::Entered { from, entries }
            | QueueEvent::Prioritised { from, entries, .. } => {
                for (number, entry) in (from..).zip(entries) {
                    if self.numbers.insert(entry.0, number).is_some() {
                        self.wrong.push(format!("the public record has entry {entry} twice"));
                    }
                }
            }
            QueueEvent::Admitted { admitted, .. } => {
                self.admitted.extend(admitted.iter().map(|one| one.number));
            }
            _ => {}
        }
    }

    /// What differs from the answers and from the journal.
    pub(in crate::audit) fn compare(self, told: &[Told], history: &History) -> Vec<String> {
        let mut wrong = self.wrong;
        let mut last = HashMap::new();
        for one in told {
            let Reply::Standing(standing) = &one.reply else { continue };
            if last.insert(one.person, (standing.entry, standing.number))
                == Some((standing.entry, standing.number))
            {
                continue;
            }
            if self.numbers.get(&standing.entry) != Some(&standing.number) {
                wrong.push(format!(
                    "the public record does not have entry {} as number {}",
                    standing.entry, standing.number
                ));
            }
        }
        let in_journal = history.entries.iter().zip(0_u32..);
        if self.numbers.len() != history.entries.len()
            || in_journal
                .into_iter()
                .any(|(life, number)| self.numbers.get(&life.id) != Some(&number))
        {
            wrong.push("the public record has other entries than the journal".into());
        }
        let admitted = history.admissions.iter().map(|(_, number)| *number);
        if !admitted.eq(self.admitted.iter().copied()) {
            wrong.push("the public record has other admissions than the journal".into());
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_an_entry_twice_or_without_one_is_found() {
        let id = |number: u128| Uuid::from_u128(number);
        let line = |from: u32, entries: &[Uuid]| {
            serde_json::json!({
                "seq": 1, "at": "2026-01-01T00:00:00.000Z", "type": "entered", "from": from,
                "entries": entries,
            })
            .to_string()
        };
        let entered = [(1, id(1)), (2, id(2))].map(|(customer, entry)| {
            let customer = admitone::ids::UserId(id(customer + 100));
            (customer, admitone::ids::QueueEntryId(entry))
        });
        let mut history = History::default();
        let change = admitone::inventory::Change::QueueEntered { entries: entered.to_vec() };
        history.take(&change, 0);
        for (lines, expected) in [
            (vec![line(0, &[id(1), id(2)])], None),
            (vec![line(0, &[id(1), id(2)]), line(2, &[id(1)])], Some("twice")),
            (vec![line(0, &[id(2), id(1)])], Some("other entries")),
            (vec![line(0, &[id(1)])], Some("other entries")),
        ] {
            let mut record = PublicRecord::default();
            lines.iter().for_each(|line| record.take(line));
            let wrong = record.compare(&[], &history);
            match expected {
                None => assert!(wrong.is_empty(), "{wrong:?}"),
                Some(says) => {
                    assert!(wrong.iter().any(|one| one.contains(says)), "{says}: {wrong:?}");
                }
            }
        }
    }
}
