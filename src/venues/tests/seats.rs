//! A plan's seats as the core's seats, and back.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{body, plan};
use crate::ids::{OfferingId, ProductId, SeatId};
use crate::inventory::{RowDefinition, SectionDefinition};
use crate::venues::plan::{
    FORMAT, Plan, PlanDirection, PlanGap, PlanRow, PlanSection, PlanZone, PlanZoneRange,
};
use crate::venues::{EventSeats, PlanSeats, ZoneProducts, draw, zones_in_use};

fn products(of: &[(&str, u16)]) -> ZoneProducts {
    of.iter().map(|(zone, product)| ((*zone).to_owned(), ProductId(*product))).collect()
}

/// Events that exist compute this order again, so that it must never be another.
#[test]
fn the_order_of_the_cores_seats_is_pinned() {
    let seats = PlanSeats::new(plan(), products(&[("Gold", 0), ("Silver", 1)]));
    let section = |name: &str, product, rows: &[(&str, u32)]| SectionDefinition {
        name: name.into(),
        product: ProductId(product),
        rows: rows
            .iter()
            .map(|(name, seats)| RowDefinition { name: (*name).into(), seats: *seats })
            .collect(),
    };
    let expected = [
        // A: seats 1 and 2, the gap, seat 3. B: all four.
        section("Stalls", 0, &[("A", 4), ("B", 4)]),
        section("Stalls", 1, &[("A", 3)]),
        section("Balcony", 1, &[("1", 3)]),
    ];
    assert_eq!(seats.definitions(), expected);
    assert_eq!(seats.placeholders(), [SeatId(2)]);
    assert_eq!(seats.places(), 14);
    let labels: Vec<_> =
        (0..15).map(|seat| seats.label(SeatId(seat)).unwrap_or_default()).collect();
    let expected = ["1", "2", "", "3", "17", "15", "13", "11", "4", "5", "6", "a", "b", "c", ""];
    assert_eq!(labels, expected);
    assert_eq!(seats.marked(|row| &row.accessible), [SeatId(0)]);
    assert_eq!(seats.marked(|row| &row.restricted), [SeatId(10)]);
}

#[test]
fn zones_of_one_product_share_their_rows() {
    let seats = PlanSeats::new(plan(), products(&[("Gold", 0), ("Silver", 0)]));
    let rows: Vec<_> = seats.definitions()[0].rows.iter().map(|row| row.seats).collect();
    assert_eq!(rows, [7, 4], "six seats and a gap, four seats");
    assert_eq!(seats.placeholders(), [SeatId(2)]);
}

#[test]
fn only_zones_with_seats_are_in_use() {
    let mut body = body();
    body["zones"].as_array_mut().unwrap().push(serde_json::json!({"name": "Nowhere"}));
    let plan: Plan = serde_json::from_value(body).expect("a plan");
    assert_eq!(zones_in_use(&plan.check().expect("a good plan")), ["Gold", "Silver"]);
}

const ZONES: [&str; 4] = ["red", "green", "blue", "grey"];

fn any_row() -> impl Strategy<Value = PlanRow> {
    let zones = prop::collection::vec((1_u32..=12, 0_usize..ZONES.len()), 0..5);
    let gaps = prop::collection::btree_set(1_u32..12, 0..4);
    (1_u32..=12, zones, gaps, any::<bool>()).prop_map(|(seats, zones, gaps, is_rtl)| {
        let mut starts = BTreeMap::new();
        zones.into_iter().filter(|(from, _)| *from <= seats).for_each(|(from, zone)| {
            starts.insert(from, zone);
        });
        let ends: Vec<u32> = starts.keys().skip(1).map(|from| from - 1).chain([seats]).collect();
        let ranges = starts.into_iter().zip(ends);
        let range = |((from, zone), to): ((u32, usize), u32)| PlanZoneRange {
            from,
            // Some ranges leave the rest to the section's zone.
            to: if to > from + 1 { to - 1 } else { to },
            zone: ZONES[zone].to_owned(),
        };
        PlanRow {
            name: String::new(),
            x: 0.0,
            y: 0.0,
            rotation: 0.0,
            spacing: 1.0,
            curve: 0.0,
            seats,
            direction: if is_rtl { PlanDirection::Rtl } else { PlanDirection::Ltr },
            numbering: None,
            gaps: gaps
                .into_iter()
                .filter(|after| *after < seats)
                .map(|after| PlanGap { after, width: 2.0 })
                .collect(),
            accessible: Vec::new(),
            companion: Vec::new(),
            restricted: Vec::new(),
            zones: ranges.map(range).collect(),
        }
    })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let section = (0_usize..ZONES.len(), prop::collection::vec(any_row(), 1..5));
    prop::collection::vec(section, 1..4).prop_map(|sections| {
        let mut y = 0.0;
        let section = |(index, (zone, mut rows)): (usize, (usize, Vec<PlanRow>))| {
            for (row, of) in rows.iter_mut().enumerate() {
                of.name = row.to_string();
                of.y = y;
                y += 1.0;
            }
            PlanSection {
                name: format!("Section {index}"),
                zone: ZONES[zone].to_owned(),
                x: 0.0,
                y: 0.0,
                rotation: 0.0,
                outline: Vec::new(),
                rows,
            }
        };
        let sections = sections.into_iter().enumerate().map(section).collect();
        let zones = ZONES.map(|name| PlanZone { name: name.to_owned() }).to_vec();
        Plan {
            format: FORMAT,
            name: "Plan".into(),
            stage: None,
            labels: Vec::new(),
            zones,
            sections,
        }
    })
}

proptest! {
    #[test]
    fn every_seat_of_a_plan_is_one_seat_of_the_core_and_back(
        plan in any_plan(), of_zone in prop::array::uniform4(0_u16..3),
    ) {
        let plan = plan.check().expect("a good plan");
        let products: ZoneProducts =
            ZONES.iter().zip(of_zone).map(|(zone, product)| ((*zone).to_owned(), ProductId(product))).collect();
        let seats = PlanSeats::new(plan.clone(), products.clone());
        let (sections, gone) = (seats.definitions(), seats.placeholders());
        let gone: BTreeSet<u32> = gone.into_iter().map(|seat| seat.0).collect();
        let mut found = BTreeSet::new();
        let mut seat = 0;
        for section in &sections {
            for row in &section.rows {
                let ends = [seat, seat + row.seats - 1];
                prop_assert!(ends.iter().all(|end| !gone.contains(end)), "a row ends with seats");
                for id in seat..seat + row.seats {
                    let place = seats.position(SeatId(id));
                    prop_assert_eq!(place.is_none(), gone.contains(&id));
                    let Some((of, position)) = place else { continue };
                    let (of_section, of_row) = seats.row(of);
                    prop_assert_eq!(&of_section.name, &section.name);
                    prop_assert_eq!(&of_row.name, &row.name);
                    let zone = of_row.zone(of_section, position);
                    prop_assert_eq!(products[zone], section.product);
                    prop_assert!(found.insert((of.section, of.row, position)), "a seat twice");
                }
                seat += row.seats;
            }
        }
        prop_assert_eq!(found.len() as u64, plan.seats());
        prop_assert_eq!(seat, seats.places());
        // Neighbours of the core are neighbours of the plan without a gap between them.
        for of in seats.rows() {
            let (_, row) = seats.row(of);
            for run in seats.runs(of) {
                let inside = run.from..run.from + run.count - 1;
                prop_assert!(!row.gaps.iter().any(|gap| inside.contains(&gap.after)));
                for at in 0..run.count {
                    let place = seats.position(SeatId(run.first_seat.0 + at));
                    prop_assert_eq!(place, Some((of, run.from + at)));
                }
            }
        }
        let drawing = draw(OfferingId::random(), &[], &EventSeats::of(plan.clone(), products), &[]);
        let runs = drawing.sections.iter().flat_map(|section| &section.rows).flat_map(|row| &row.runs);
        let drawn: u64 = runs.map(|run| u64::from(run.count)).sum();
        prop_assert_eq!(drawn, plan.seats());
    }
}
