//! The dashboards and alert rules of `deploy/` that operators use: complete, with metrics that
//! exist, and with links to a runbook.

mod alerts;
mod boards;
mod live;
pub mod promql;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the path of a directory or file of the repository.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Returns the files of a directory, with their texts.
pub fn texts(directory: &str) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(path(directory)).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    files.sort();
    assert!(!files.is_empty(), "{directory} is empty");
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
}

/// Returns the anchors of the operations page.
pub fn anchors() -> BTreeSet<String> {
    anchors_of(&fs::read_to_string(path("docs/operations.md")).unwrap())
}

/// Returns the anchors of a page: those made from its headings, and those written as HTML.
pub fn anchors_of(text: &str) -> BTreeSet<String> {
    // A comment in a code block is not a heading.
    let blocks = text.split("```").step_by(2);
    let headings = blocks.flat_map(str::lines).filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let anchor = |heading: &str| -> String {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        heading.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let written = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    headings.map(anchor).chain(written.map(str::to_owned)).collect()
}

#[test]
fn every_metric_of_a_dashboard_or_a_rule_is_in_the_list_of_metrics() {
    let page = fs::read_to_string(path("docs/metrics.md")).unwrap();
    let listed: BTreeSet<String> = promql::metrics(&page).into_iter().collect();
    for directory in ["deploy/grafana", "deploy/prometheus/rules", "deploy/prometheus/tests"] {
        for (file, text) in texts(directory) {
            for metric in promql::metrics(&text) {
                assert!(listed.contains(&metric), "{}: {metric}", file.display());
            }
        }
    }
}
