//! The tables of attacks in `docs/security.md` are complete, and each row names a test that exists. The
//! checker is proved by rows that it must refuse.

use std::collections::BTreeSet;

use super::links::named_tests;
use super::{read, rows, section};
use crate::requirements::sources::tests;

/// The fewest attacks that the page has to show.
const LEAST: usize = 50;

/// The heading of the first cell of a table of attacks.
const FIRST: &str = "| attack |";

/// Returns the faults of the rows.
fn faults(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let (mut faults, mut attacks) = (Vec::new(), BTreeSet::new());
    let section = section(page, "\n## Attacks\n");
    let (all, read) = (page.matches(FIRST).count(), section.matches(FIRST).count());
    if all > read {
        faults.push(format!("tables of attacks outside of the section: {}", all - read));
    }
    for row in rows(section) {
        let [attack, answer, shown_by] = row[..] else {
            faults.push(format!("not three cells: {row:?}"));
            continue;
        };
        if attack == "attack" {
            continue;
        }
        if answer.is_empty() {
            faults.push(format!("{attack}: without an answer"));
        }
        let named = named_tests(shown_by);
        if named.is_empty() {
            faults.push(format!("{attack}: without a test"));
        }
        let missing = named.difference(tests);
        faults.extend(missing.map(|name| format!("{attack}: there is no {name}")));
        if !attacks.insert(attack) {
            faults.push(format!("{attack}: twice"));
        }
    }
    if attacks.len() < LEAST {
        faults.push(format!("{} attacks", attacks.len()));
    }
    faults
}

#[test]
fn every_attack_names_a_test_that_exists() {
    assert_eq!(faults(&read("docs/security.md"), &tests()), [""; 0]);
}

#[test]
fn a_row_without_a_test_is_found() {
    let (page, tests) = (read("docs/security.md"), tests());
    let good = page.lines().find(|line| line.contains("(IDOR)")).expect("a row");
    for (bad, says) in [
        ("| an attack | 403 | `attacks::ids::no_such_test` |", "there is no attacks::ids::no"),
        ("| an attack | 403 | a test that I remember |", "without a test"),
        ("| an attack |  | `attacks::ids::no_such_test` |", "without an answer"),
        ("| an attack | 403 |", "not three cells"),
    ] {
        let found = faults(&page.replace(good, bad), &tests);
        assert!(found.iter().any(|fault| fault.contains(says)), "{bad}: {found:?}");
    }
    let is_kept = |line: &&str| !line.starts_with("| ") || line.contains("`attacks::");
    let few = page.lines().filter(is_kept).collect::<Vec<_>>().join("\n");
    assert!(faults(&few, &tests).iter().any(|fault| fault.ends_with(" attacks")));
    assert!(faults(&page.replace(good, &format!("{good}\n{good}")), &tests)[0].ends_with("twice"));
    let apart = page.replace("\n### Below the API\n", "\n## Attacks below the API\n");
    assert!(faults(&apart, &tests)[0].ends_with("outside of the section: 1"));
}
