//! The rule files: valid according to Prometheus, tested, and each alert with a runbook.

use std::process::Command;

use super::{anchors, path, promql, texts};

/// Returns each alert of the file: its name, and the lines up to the next alert.
fn alerts() -> Vec<(String, String)> {
    let (_, text) = texts("deploy/prometheus/rules").swap_remove(0);
    let parts = text.split("- alert: ").skip(1).map(|part| {
        let (name, rest) = part.split_once('\n').expect("an alert has more lines");
        (name.to_owned(), rest.to_owned())
    });
    let alerts: Vec<_> = parts.collect();
    assert!(alerts.len() > 20, "the alerts are where this test looks for them");
    alerts
}

fn promtool(arguments: &[&str], files: &str) {
    let files = texts(files).into_iter().map(|(file, _)| file);
    // Rules are small and evaluated often: most of the collections would find nothing.
    let output = Command::new("promtool").args(arguments).args(files).env("GOGC", "400").output();
    let output = output.expect("promtool is installed: use tests/run");
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(output.status.success(), "promtool {arguments:?}: {}", said.concat());
}

#[test]
fn promtool_finds_the_rules_right() {
    promtool(&["check", "rules"], "deploy/prometheus/rules");
    let config = path("deploy/prometheus/prometheus.yml");
    let checked = Command::new("promtool").args(["check", "config"]).arg(config).output();
    let checked = checked.expect("promtool is installed: use tests/run");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn the_unit_tests_of_the_rules_pass() {
    promtool(&["test", "rules"], "deploy/prometheus/tests");
}

#[test]
fn every_alert_has_a_severity_a_summary_and_a_runbook() {
    let anchors = anchors();
    for (name, text) in alerts() {
        let severity = ["page", "ticket"].map(|it| text.contains(&format!("severity: {it} ")));
        assert!(severity.contains(&true), "{name}: page or ticket?");
        assert!(text.contains("summary: ") && text.contains("description: "), "{name}");
        let anchor = name.to_lowercase();
        let runbook = format!("runbook: docs/operations.md#{anchor}\n");
        assert!(text.contains(&runbook), "{name}: leads to another's runbook, or none");
        assert!(anchors.contains(&anchor), "{name}: docs/operations.md has no section of it");
    }
}

#[test]
fn every_section_of_an_alert_says_what_to_do_and_has_its_alert() {
    let text = std::fs::read_to_string(path("docs/operations.md")).unwrap();
    let sections = text.split("\n### AdmitOne").skip(1);
    let names: Vec<String> = alerts().into_iter().map(|(name, _)| name).collect();
    let mut found = 0;
    for section in sections {
        let name = format!("AdmitOne{}", section.lines().next().unwrap_or_default());
        assert!(names.contains(&name), "{name} is no alert");
        for part in ["*Symptom.*", "*Cause.*", "*Look at", "*Do"] {
            let said = section.split("\n## ").next().is_some_and(|text| {
                text.contains(part) || (part == "*Do" && text.contains("*Look at, do.*"))
            });
            assert!(said, "{name}: {part}");
        }
        found += 1;
    }
    assert_eq!(found, names.len());
}

#[test]
fn every_alert_fires_in_a_test_and_is_silent_in_a_sold_out_sale() {
    let tests = texts("deploy/prometheus/tests");
    let is_usual = |name: &str| name.ends_with("business_as_usual.yml");
    let (usual, unusual): (Vec<_>, Vec<_>) =
        tests.iter().partition(|(file, _)| is_usual(&file.to_string_lossy()));
    let [(_, usual)] = &usual[..] else { panic!("there is one sold-out sale") };
    let looked_at = promql::metrics(usual);
    let recorded = texts("deploy/prometheus/rules").swap_remove(1).1;
    for (name, text) in alerts() {
        let fires = format!("labels: '{{alertname=\"{name}\",");
        let tested = unusual.iter().any(|(_, text)| text.contains(&fires));
        assert!(tested, "{name} fires in no test");
        for metric in promql::metrics(&text) {
            assert!(looked_at.contains(&metric), "{name}: {metric} is not in the sold-out sale");
        }
    }
    for metric in promql::metrics(&recorded) {
        assert!(looked_at.contains(&metric), "{metric} is not in the sold-out sale");
    }
}
