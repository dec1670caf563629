//! The command line of `stampede`, without a server.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[test]
fn the_load_page_has_every_workload() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/load.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let names = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: BTreeSet<_> = names.collect();
    let made: BTreeSet<_> = stampede::workload::ALL.iter().map(|known| known.name).collect();
    assert_eq!(listed, made);
}

#[test]
fn help_names_every_workload() {
    let output = Command::new(env!("CARGO_BIN_EXE_stampede")).arg("--help").output();
    let output = output.expect("it starts");
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for workload in stampede::workload::ALL {
        assert!(text.contains(workload.name), "{} in {text}", workload.name);
    }
}
