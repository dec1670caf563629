//! The differences between two plans: the seats that one has and the other has not, by the names that
//! are printed on tickets.

use std::collections::{BTreeSet, HashMap};

use crate::venues::plan::Plan;

/// What a plan has that an earlier one has not, and the reverse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanChanges {
    /// Seats that are new.
    pub added: u64,
    /// Seats that are gone.
    pub removed: u64,
    /// Seats that are in another price zone.
    pub rezoned: u64,
    /// Sections in which a seat is new, gone or in another zone.
    pub sections: BTreeSet<String>,
}

impl PlanChanges {
    /// Compares two plans.
    #[must_use]
    pub fn between(before: &Plan, after: &Plan) -> Self {
        let mut changes = Self::default();
        let mut left = seats(before);
        for (seat, zone) in seats(after) {
            match left.remove(&seat) {
                Some(was) if was == zone => continue,
                Some(_) => changes.rezoned += 1,
                None => changes.added += 1,
            }
            changes.note(seat.0);
        }
        changes.removed = left.len() as u64;
        left.keys().for_each(|(section, ..)| changes.note(section));
        changes
    }

    /// True if both have the same seats in the same zones. They may be drawn elsewhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added + self.removed + self.rezoned == 0
    }

    fn note(&mut self, section: &str) {
        if !self.sections.contains(section) {
            self.sections.insert(section.to_owned());
        }
    }
}

/// Returns the zones of all seats by section, row and label.
fn seats(plan: &Plan) -> HashMap<(&str, &str, String), &str> {
    let mut seats = HashMap::with_capacity(usize::try_from(plan.seats()).unwrap_or_default());
    for section in &plan.sections {
        for row in &section.rows {
            for position in 1..=row.seats {
                let name = (&*section.name, &*row.name, row.label(position));
                seats.insert(name, row.zone(section, position));
            }
        }
    }
    seats
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(sections: &serde_json::Value) -> Plan {
        let plan = serde_json::json!({
            "format": 1, "name": "Hall", "zones": [{"name": "Gold"}, {"name": "Silver"}],
            "sections": sections,
        });
        serde_json::from_value(plan).expect("a plan")
    }

    #[test]
    fn seats_are_compared_by_their_names() {
        let row = |name: &str, seats: u32| serde_json::json!({"name": name, "x": 0, "y": 0, "seats": seats});
        let section = |name: &str, zone: &str, rows: &[serde_json::Value]| serde_json::json!({"name": name, "zone": zone, "rows": rows});
        let before = plan(&serde_json::json!([
            section("Stalls", "Gold", &[row("A", 3), row("B", 2)]),
            section("Circle", "Silver", &[row("A", 2)]),
        ]));
        assert!(PlanChanges::between(&before, &before).is_empty());
        let after = plan(&serde_json::json!([
            section("Stalls", "Gold", &[row("A", 4), row("C", 1)]),
            section("Circle", "Gold", &[row("A", 2)]),
        ]));
        let changes = PlanChanges::between(&before, &after);
        assert_eq!((changes.added, changes.removed, changes.rezoned), (2, 2, 2));
        assert_eq!(changes.sections, BTreeSet::from(["Circle".to_owned(), "Stalls".to_owned()]));
        // Where a seat is drawn does not matter.
        let mut moved = before.clone();
        moved.sections[0].x = 5.0;
        assert!(PlanChanges::between(&before, &moved).is_empty());
    }
}
