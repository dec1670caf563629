//! Links of the documents have a target, and the files that they name exist.

use std::collections::BTreeSet;
use std::fs;

use super::{in_backticks, read, sources};
use crate::dashboards::{anchors_of, path};
use crate::requirements::sources::tests;

/// Returns the documents, README first.
fn documents() -> Vec<String> {
    let others = ["README.md", "CHANGELOG.md", "SECURITY.md", "deploy/README.md"];
    let mut files = others.map(str::to_owned).to_vec();
    files.extend(sources("docs").into_iter().filter(|file| file.ends_with(".md")));
    files
}

/// Returns the targets of the links of a text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Returns why the target of a link does not exist; `None` if it exists.
fn fault(document: &str, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let directory = document.rsplit_once('/').map_or("", |(directory, _)| directory);
    let target = match file {
        "" => path(document),
        file => path(directory).join(file),
    };
    if !target.exists() {
        return Some(format!("{document}: there is no {file}"));
    }
    if anchor.is_empty() {
        return None;
    }
    let text = fs::read_to_string(&target).unwrap();
    let missing = !anchors_of(&text).contains(anchor);
    missing.then(|| format!("{document}: {link}: there is no such heading"))
}

#[test]
fn every_link_leads_somewhere() {
    let (mut followed, mut faults) = (0, Vec::new());
    for document in documents() {
        let text = read(&document);
        for link in links(&text).filter(|link| !link.contains("://")) {
            followed += 1;
            faults.extend(fault(&document, link));
        }
    }
    assert_eq!(faults, [""; 0]);
    assert!(followed > 100, "{followed} links were followed");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    assert_eq!(fault("docs/api.md", "operations.md#alerts"), None);
    assert_eq!(fault("docs/api.md", "../README.md"), None);
    assert!(fault("docs/api.md", "operations.md#no-such-heading").is_some());
    assert!(fault("docs/api.md", "no-such-page.md").is_some());
    let fenced = "# A heading\n```sh\n# no heading\n```\n<a id=\"written\"></a>";
    assert_eq!(anchors_of(fenced).into_iter().collect::<Vec<_>>(), ["a-heading", "written"]);
}

/// Pages, notes and bookmarks elsewhere link to these sections of the README, which are now pages.
#[test]
fn old_anchors_of_the_readme_are_still_there() {
    let anchors = anchors_of(&read("README.md"));
    for anchor in [
        "run-it",
        "buy-a-ticket",
        "the-api-at-a-glance",
        "how-it-works",
        "invariants",
        "settings",
        "operating-it",
        "try-it-under-load",
        "figures",
        "code-map",
        "limits-known",
    ] {
        assert!(anchors.contains(anchor), "README.md has no #{anchor}");
    }
}

/// Returns the names of tests in a text: in backticks, with `::`, and outside of programs.
pub(super) fn named_tests(text: &str) -> BTreeSet<String> {
    let prose: String = text.split("```").step_by(2).collect();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
    let named = in_backticks(&prose).into_iter().filter(|text| text.contains("::"));
    named.filter(|text| text.chars().all(is_plain)).map(str::to_owned).collect()
}

#[test]
fn the_tests_that_the_pages_name_exist() {
    let tests = tests();
    for (page, least) in [("docs/adding-a-capability.md", 15), ("docs/security.md", 80)] {
        let named = named_tests(&read(page));
        assert!(named.len() > least, "{page} names {} tests", named.len());
        let missing: Vec<_> = named.difference(&tests).collect();
        assert_eq!(missing, [""; 0], "{page} names tests that do not exist");
    }
}

/// The form `decide_hold` in `src/inventory/decide_hold.rs`: a name, and the file that has it.
#[test]
fn the_names_that_the_pages_about_the_source_find_in_a_file_are_there() {
    let mut found = 0;
    for page in ["docs/architecture.md", "docs/adding-a-capability.md"] {
        let text = read(page);
        let prose: String = text.split("```").step_by(2).collect();
        let prose = prose.split_whitespace().collect::<Vec<_>>().join(" ");
        for (at, between) in prose.match_indices("` in `") {
            let name = prose[..at].rsplit('`').next().unwrap_or_default();
            let file = prose[at + between.len()..].split('`').next().unwrap_or_default();
            if is_path(file) && file.ends_with(".rs") && !file.contains("announcement") {
                let name = name.rsplit([' ', ':']).next().unwrap_or(name);
                assert!(read(file).contains(name), "{page}: {file} has no {name}");
                found += 1;
            }
        }
    }
    assert!(found > 15, "{found} names were looked up");
}

/// True if a text in backticks is the path of a file or a folder.
fn is_path(text: &str) -> bool {
    const ROOTS: [&str; 7] =
        ["src/", "tests/", "docs/", "benches/", "deploy/", "entities/", "migration/"];
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
    text.chars().all(is_plain) && ROOTS.iter().any(|root| text.starts_with(root))
}

#[test]
fn the_files_that_the_pages_about_the_source_name_exist() {
    for page in ["docs/architecture.md", "docs/adding-a-capability.md"] {
        let text = read(page);
        let prose: String = text.split("```").step_by(2).collect();
        let named = in_backticks(&prose).into_iter().filter(|text| is_path(text));
        // The files of the example, which does not exist, have its name in theirs.
        let named: Vec<_> = named.filter(|text| !text.contains("announcement")).collect();
        assert!(named.len() > 30, "{page} names {}", named.len());
        for file in named {
            assert!(path(file).exists(), "{page}: there is no {file}");
        }
    }
}
