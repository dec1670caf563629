//! The dashboard files: complete, and readable on first sight.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{anchors, texts};

/// A query of a panel, and its origin.
pub struct Query {
    /// The dashboard and the panel of the query.
    pub from: String,
    pub expression: String,
}

/// Returns every dashboard.
pub fn all() -> Vec<Value> {
    let files = texts("deploy/grafana").into_iter();
    let files = files.filter(|(file, _)| file.extension().is_some_and(|it| it == "json"));
    let parsed = files.map(|(file, text)| {
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    });
    parsed.collect()
}

/// Returns the query of every panel, annotation and template variable; variables are not filled in.
pub fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for board in all() {
        let mut add = |of: &Value, expression: &Value| {
            let from = format!("{}: {}", board["title"], of);
            let expression = expression.as_str().unwrap_or_else(|| panic!("{from}: no query"));
            queries.push(Query { from, expression: expression.to_owned() });
        };
        for panel in panels(&board) {
            let targets = panel["targets"].as_array().expect("a panel has queries");
            targets.iter().for_each(|target| add(&panel["title"], &target["expr"]));
        }
        for mark in board["annotations"]["list"].as_array().into_iter().flatten() {
            add(&mark["name"], &mark["expr"]);
        }
        for choice in board["templating"]["list"].as_array().into_iter().flatten() {
            let query = choice["query"]["query"].as_str().unwrap_or_default();
            let result = query.strip_prefix("query_result(").and_then(|it| it.strip_suffix(')'));
            if let Some(expression) = result {
                add(&choice["name"], &expression.into());
            }
        }
    }
    queries
}

fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    let panels = board["panels"].as_array().expect("it has panels").iter();
    panels.filter(|panel| panel["type"] != "row")
}

#[test]
fn dashboards_can_be_imported_side_by_side() {
    let boards = all();
    let uids: BTreeSet<&str> = boards.iter().map(|board| board["uid"].as_str().unwrap()).collect();
    let expected = ["admitone-cluster", "admitone-event", "admitone-overview", "admitone-storage"];
    assert_eq!(uids, BTreeSet::from(expected));
    for board in &boards {
        let title = board["title"].as_str().unwrap();
        assert!(board["schemaVersion"].as_u64() >= Some(38) && board["id"].is_null(), "{title}");
        assert!(board["links"].as_array().unwrap().len() == 2, "{title}: others, and the runbook");
        let mut ids = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: an id twice");
        }
    }
}

#[test]
fn panels_say_what_is_normal_and_lead_to_what_to_do() {
    let anchors = anchors();
    for board in all() {
        for panel in panels(&board) {
            let at = format!("{}: {}", board["title"], panel["title"]);
            assert!(panel["description"].as_str().is_some_and(|text| text.len() > 40), "{at}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{at}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{at}: no unit");
            for target in panel["targets"].as_array().unwrap() {
                assert!(target["legendFormat"].as_str().is_some_and(|it| !it.is_empty()), "{at}");
            }
            for link in panel["links"].as_array().into_iter().flatten() {
                let anchor = link["url"].as_str().and_then(|url| url.strip_prefix("${runbook}#"));
                let anchor = anchor.unwrap_or_else(|| panic!("{at}: {link}"));
                assert!(anchors.contains(anchor), "{at}: there is no #{anchor}");
            }
        }
    }
}

#[test]
fn panels_do_not_overlap() {
    for board in all() {
        let mut taken = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{}: {}", board["title"], panel["title"]);
                }
            }
        }
    }
}

#[test]
fn queries_use_variables_that_there_are() {
    for board in all() {
        let variables = board["templating"]["list"].as_array().unwrap().iter();
        let known: BTreeSet<&str> = variables.map(|it| it["name"].as_str().unwrap()).collect();
        for panel in panels(&board) {
            for target in panel["targets"].as_array().unwrap() {
                let expression = target["expr"].as_str().unwrap();
                for variable in expression.split('$').skip(1) {
                    let end = variable.find(|c: char| !c.is_alphanumeric() && c != '_');
                    let variable = &variable[..end.unwrap_or(variable.len())];
                    let is_known = variable == "__rate_interval" || known.contains(variable);
                    assert!(is_known, "{}: ${variable}", panel["title"]);
                }
            }
        }
    }
}
