//! The code map and the table of dependencies in `docs/architecture.md` match the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{in_backticks, read, rows, section};
use crate::architecture::MAY_USE;
use crate::dashboards::path;

/// Returns all folders below a folder, itself included, each with a trailing slash.
fn folders(folder: &str) -> Vec<String> {
    let mut found = vec![format!("{folder}/")];
    for entry in fs::read_dir(path(folder)).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            found.extend(folders(&format!("{folder}/{}", entry.file_name().to_str().unwrap())));
        }
    }
    found
}

#[test]
fn the_code_map_has_every_module_and_folder() {
    let page = read("docs/architecture.md");
    let map = rows(section(&page, "\n## Code map"));
    let listed: BTreeSet<&str> = map.iter().flat_map(|row| in_backticks(row[0])).collect();
    let mut missing = Vec::new();
    for entry in fs::read_dir(path("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let file = format!("src/{name}");
        if name.ends_with(".rs") && !listed.contains(file.as_str()) {
            missing.push(file);
        }
    }
    let folders = folders("src").into_iter().filter(|folder| folder != "src/");
    missing.extend(folders.filter(|folder| !listed.contains(folder.as_str())));
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_files_of_the_code_map_are_in_their_folders() {
    let page = read("docs/architecture.md");
    let mut looked_at = 0;
    for row in rows(section(&page, "\n## Code map")) {
        let folders: Vec<_> =
            in_backticks(row[0]).into_iter().filter(|name| name.ends_with('/')).collect();
        let files = in_backticks(row[1]).into_iter().filter(|name| name.ends_with(".rs"));
        for file in files {
            let is_there = folders.iter().any(|folder| path(folder).join(file).is_file());
            assert!(is_there || path(file).is_file(), "{folders:?} has no {file}");
            looked_at += 1;
        }
    }
    assert!(looked_at > 80, "{looked_at} files were looked at");
}

#[test]
fn the_table_of_dependencies_is_that_of_the_test() {
    let page = read("docs/architecture.md");
    let table = rows(section(&page, "\n## Direction of dependencies"));
    let listed: BTreeMap<_, _> =
        table.iter().skip(1).map(|row| (in_backticks(row[0])[0], in_backticks(row[1]))).collect();
    let known: BTreeMap<_, _> = MAY_USE.iter().map(|(name, used)| (*name, used.to_vec())).collect();
    assert_eq!(listed, known);
}
