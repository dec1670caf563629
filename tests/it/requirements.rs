//! `docs/requirements.md` is complete, and every test that it names exists. The checker is proved
//! by rows that it must refuse.

pub mod sources;

use std::collections::BTreeSet;
use std::fs;

use crate::dashboards::path;

/// The number of rows in each of the five sections.
const ROWS: [usize; 5] = [23, 61, 34, 60, 19];
const STATES: [&str; 6] = ["yes", "better", "different", "partly", "no", "n/a"];

/// A row of a table: number, requirement, state, proof, and missing or different parts.
struct Row<'a> {
    number: &'a str,
    requirement: &'a str,
    state: &'a str,
    shown_by: &'a str,
    note: &'a str,
}

/// Returns every fault of the document.
fn problems(document: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    for line in document.lines().filter(|line| begins_with_a_number(line)) {
        match row(line) {
            Some(row) => rows.push(row),
            None => problems.push(format!("not five cells: {line}")),
        }
    }
    let numbers: Vec<String> = rows.iter().map(|row| row.number.to_owned()).collect();
    let expected: Vec<String> = (0..)
        .zip(ROWS)
        .flat_map(|(section, rows)| (1..=rows).map(move |row| format!("{section}.{row}")))
        .collect();
    for number in &expected {
        let found = numbers.iter().filter(|other| *other == number).count();
        if found != 1 {
            problems.push(format!("{number} is there {found} times"));
        }
    }
    if problems.is_empty() && numbers != expected {
        problems.push("the rows are out of order, or there are more".into());
    }
    for row in &rows {
        problems.extend(problems_of(row, tests));
    }
    problems
}

fn problems_of(row: &Row<'_>, tests: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut complain = |what: String| problems.push(format!("{}: {what}", row.number));
    if row.requirement.is_empty() {
        complain("says nothing".into());
    }
    if !STATES.contains(&row.state) {
        complain(format!("{:?} is no state", row.state));
    }
    let shown_by = in_backticks(row.shown_by);
    if ["yes", "better"].contains(&row.state) && shown_by.is_empty() {
        complain(format!("{} without a test", row.state));
    }
    if ["different", "partly", "n/a"].contains(&row.state) && row.note.is_empty() {
        complain(format!("{} without a reason", row.state));
    }
    let named_in_note = in_backticks(row.note).into_iter().filter(|name| name.contains("::"));
    for name in shown_by.into_iter().chain(named_in_note) {
        let is_there = match name.strip_prefix("benches/") {
            Some(_) => path(name).exists(),
            None => tests.contains(name),
        };
        if !is_there {
            complain(format!("there is no {name}"));
        }
    }
    problems
}

fn begins_with_a_number(line: &str) -> bool {
    line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> =
        line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let [number, requirement, state, shown_by, note] = cells[..] else { return None };
    Some(Row { number, requirement, state, shown_by, note })
}

fn in_backticks(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn document() -> String {
    fs::read_to_string(path("docs/requirements.md")).unwrap()
}

#[test]
fn every_requirement_has_a_row_and_every_test_that_is_named_exists() {
    let found = problems(&document(), &sources::tests());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_bad_row_is_found() {
    let (document, tests) = (document(), sources::tests());
    let good = document.lines().find(|line| line.starts_with("| 4.7 ")).unwrap();
    for (bad, says) in [
        ("| 4.7 | Seats | yes | `http::views_agree::no_such_test` | |", "no http::views_agree"),
        ("| 4.7 | Seats | yes | `benches/no_such_bench` | |", "no benches/"),
        ("| 4.7 | Seats | yes | | |", "yes without a test"),
        ("| 4.7 | Seats | better | a test that I remember | |", "better without a test"),
        ("| 4.7 | Seats | mostly | | |", "\"mostly\" is no state"),
        ("| 4.7 | Seats | partly | | |", "partly without a reason"),
        ("| 4.7 | Seats | different | | |", "different without a reason"),
        (
            "| 4.7 | Seats | no | | (`http::views_agree::no_such_test` is the like) |",
            "no http::views_agree",
        ),
        ("| 4.7 | | no | | |", "says nothing"),
        ("| 4.7 | Seats | no | |", "not five cells"),
        ("", "4.7 is there 0 times"),
        ("| 4.6 | Seats | no | | |", "4.6 is there 2 times"),
        ("| 4.20 | Seats | no | | |", "4.7 is there 0 times"),
    ] {
        let found = problems(&document.replace(good, bad), &tests);
        assert!(found.iter().any(|problem| problem.contains(says)), "{bad}: {found:?}");
    }
    let swapped = document.replace("| 4.7 ", "| 4.x ").replace("| 4.8 ", "| 4.7 ");
    let swapped = swapped.replace("| 4.x ", "| 4.8 ");
    assert!(!problems(&swapped, &tests).is_empty(), "an order that nobody finds a row in");
}

#[test]
fn every_change_is_formatted_linted_and_tested() {
    let ci = fs::read_to_string(path(".ci/run")).unwrap();
    for step in ["cargo fmt --all --check", "-- -D warnings", "cargo doc", "tests/run"] {
        assert!(ci.lines().any(|line| line.contains(step)), "{step} is not a step of .ci/run");
    }
    let workflow = fs::read_to_string(path(".github/workflows/ci.yml")).unwrap();
    assert!(workflow.contains("run: .ci/run"));
}
