//! The documents list the things that exist: settings, metrics, operations, modules, files. A list
//! that is not checked against the code is wrong within a month.

mod attacks;
mod code_map;
mod links;

use std::collections::BTreeSet;
use std::fs;

use admitone::config::keys;
use admitone::http::error::ErrorCode;
use serde_json::Value;

use crate::dashboards::{path, promql};
use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;

fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Returns the part of a document below a heading.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, rest) = text.split_once(heading).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// Returns the cells of the rows of all tables in a text.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().filter(|line| !line.starts_with("| ---")).filter_map(cells).collect()
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let line = line.strip_prefix("| ")?.strip_suffix('|')?;
    Some(line.split(" | ").map(|cell| cell.trim().trim_end_matches('|').trim()).collect())
}

fn in_backticks(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Returns all source files below a directory, by their path in the repository.
fn sources(directory: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path(directory)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{directory}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            found.extend(sources(&name));
        } else {
            found.push(name);
        }
    }
    found
}

#[test]
fn every_setting_that_a_document_names_exists() {
    /// Variables of benches, the variable of the settings file, and a partial name: not settings.
    const OTHERS: [&str; 6] = [
        "ADMITONE_BENCH_POSTGRES_URL",
        "ADMITONE_BENCH_REDIS_URL",
        "ADMITONE_CONFIG",
        // A setting of earlier versions, whose end the changelog tells.
        "ADMITONE_LOGIN_ATTEMPTS_PER_MINUTE",
        "ADMITONE_TRACE_",
        // Kubernetes would set it for a service called admitone.
        "ADMITONE_PORT",
    ];
    let mut files = ["README.md", "CHANGELOG.md"].map(str::to_owned).to_vec();
    files.extend(sources("docs"));
    files.extend(sources("deploy"));
    for file in files.iter().filter(|file| !file.ends_with(".json")) {
        let text = read(file);
        let words =
            text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
        for word in words.filter(|word| word.starts_with("ADMITONE_")) {
            let is_there = keys().any(|key| key.env == word) || OTHERS.contains(&word);
            assert!(is_there, "{file}: there is no setting {word}");
        }
    }
}

#[test]
fn the_defaults_of_the_settings_page_are_those_of_the_program() {
    let page = read("docs/settings.md");
    let mut compared = 0;
    for row in rows(&page) {
        let [names, defaults, ..] = row[..] else { continue };
        let keys: Vec<_> = in_backticks(names)
            .into_iter()
            .map(|name| keys().find(|key| key.env == name).expect("it exists"))
            .collect();
        for (key, default) in keys.iter().zip(defaults.split(", ")) {
            // A sentence is not a value.
            let value = default.trim_matches('`');
            if value.contains(' ')
                || (!default.contains('`') && !value.starts_with(char::is_numeric))
            {
                continue;
            }
            let help = key.help.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(help.contains(&format!("[{value}]")), "{}: {default}, but {help}", key.env);
            compared += 1;
        }
    }
    assert!(compared > 15, "{compared} defaults were compared");
}

#[test]
fn the_metrics_of_the_metrics_page_are_those_of_the_program() {
    let listed: BTreeSet<_> = promql::metrics(&read("docs/metrics.md")).into_iter().collect();
    let mut made = BTreeSet::new();
    for file in sources("src").iter().filter(|file| file.ends_with(".rs")) {
        let text = read(file);
        let names = text.split("\"admitone_").skip(1);
        let name = |rest: &str| -> String {
            rest.chars()
                .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')
                .collect()
        };
        made.extend(names.map(|rest| format!("admitone_{}", name(rest))));
    }
    let made: BTreeSet<_> =
        promql::metrics(&made.into_iter().collect::<Vec<_>>().join(" ")).into_iter().collect();
    assert_eq!(listed.difference(&made).collect::<Vec<_>>(), [""; 0], "not made any more");
    assert_eq!(made.difference(&listed).collect::<Vec<_>>(), [""; 0], "not in docs/metrics.md");
}

/// Returns `GET/POST /api/x[/{id}]`, `DELETE …/{id}` of a row as methods and whole paths.
fn operations_of(cell: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut methods, mut base) = (String::new(), String::new());
    for one in in_backticks(cell) {
        let path = match one.split_once(' ') {
            Some((before, path)) => {
                methods = before.to_owned();
                path
            }
            None => one,
        };
        let paths = written_out(&path.replace('…', &base));
        if !path.starts_with('…') {
            base = paths.iter().max_by_key(|path| path.len()).cloned().unwrap_or_default();
        }
        for method in methods.split('/') {
            found.extend(paths.iter().map(|path| (method.to_lowercase(), path.clone())));
        }
    }
    found
}

/// Returns every path that `[optional]` and `{one,another}` stand for.
fn written_out(path: &str) -> Vec<String> {
    if let Some((before, rest)) = path.split_once('[') {
        let (inner, after) = rest.split_once(']').expect("a bracket ends");
        let both = [format!("{before}{after}"), format!("{before}{inner}{after}")];
        return both.iter().flat_map(|path| written_out(path)).collect();
    }
    for (from, _) in path.match_indices('{') {
        let to = from + path[from..].find('}').expect("a brace ends");
        if path[from..to].contains(',') {
            let each = path[from + 1..to].split(',');
            let whole = each.map(|one| format!("{}{one}{}", &path[..from], &path[to + 1..]));
            return whole.flat_map(|path| written_out(&path)).collect();
        }
    }
    vec![path.to_owned()]
}

/// True if a path of the page is one of the API document, whose `{name}` stands for anything.
fn is_same(listed: &str, documented: &str) -> bool {
    let (listed, documented) = (listed.split('/'), documented.split('/'));
    let is_any = |part: &str| part.starts_with('{') && part.ends_with('}');
    listed.clone().count() == documented.clone().count()
        && listed
            .zip(documented)
            .all(|(one, other)| one == other || is_any(other) || (is_any(one) && is_any(other)))
}

#[tokio::test]
async fn the_api_at_a_glance_is_the_whole_api() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let document: Value = app.get_anonymously("/api-docs/openapi.json").await.body;
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                documented.push((method.to_owned(), path.clone()));
            }
        }
    }
    let page = read("docs/api.md");
    let table = rows(section(&page, "\n## The API at a glance"));
    let listed: Vec<_> = table.iter().skip(1).flat_map(|row| operations_of(row[1])).collect();
    let is_one = |(method, path): &(String, String), other: &(String, String)| {
        *method == other.0 && is_same(path, &other.1)
    };
    for operation in &listed {
        assert!(
            documented.iter().any(|other| is_one(operation, other)),
            "there is no {operation:?}"
        );
    }
    for operation in &documented {
        assert!(
            listed.iter().any(|other| is_one(other, operation)),
            "{operation:?} is not in the table"
        );
    }
}

#[test]
fn paths_are_written_out() {
    assert_eq!(written_out("/a[/{id}]"), ["/a", "/a/{id}"]);
    assert_eq!(written_out("/a/{id}/{b,c}"), ["/a/{id}/b", "/a/{id}/c"]);
    let row = "`GET/POST /api/x`, `DELETE …/{id}`, `GET /api/y[/{id}]`, `…/z`";
    let found: Vec<_> = operations_of(row).iter().map(|(m, p)| format!("{m} {p}")).collect();
    let expected = [
        "get /api/x",
        "post /api/x",
        "delete /api/x/{id}",
        "get /api/y",
        "get /api/y/{id}",
        "get /api/y/{id}/z",
    ];
    assert_eq!(found, expected);
    assert!(is_same("/a/{event}/pause", "/a/{id}/{action}") && !is_same("/a/{id}", "/a/b"));
}

#[test]
fn every_file_of_deploy_is_explained() {
    let (readme, mut missing) = (read("deploy/README.md"), Vec::new());
    for file in sources("deploy") {
        let file = file.trim_start_matches("deploy/");
        // A directory may be explained as a whole, and so may files of a kind.
        let mut names = vec![file.to_owned()];
        let mut at = file;
        while let Some((directory, name)) = at.rsplit_once('/') {
            names.push(format!("{directory}/"));
            if let Some((_, extension)) = name.rsplit_once('.') {
                names.push(format!("{directory}/*.{extension}"));
            }
            at = directory;
        }
        if file != "README.md" && !names.iter().any(|name| readme.contains(&format!("`{name}`"))) {
            missing.push(file.to_owned());
        }
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn operators_are_told_what_every_503_means() {
    let operations = read("docs/operations.md");
    let explained = section(&operations, "## Something is wrong");
    for code in ErrorCode::ALL.iter().filter(|code| code.status().as_u16() == 503) {
        let name = format!("`{}`", code.as_str());
        assert!(explained.contains(&name), "{name} is not explained where people look first");
    }
}

/// Returns the value of a constant in a source file.
fn constant(file: &str, name: &str) -> String {
    let text = read(file);
    let line = text.lines().find(|line| line.contains(&format!("const {name}: ")));
    let value = line.and_then(|line| line.split(" = ").nth(1));
    value.unwrap_or_else(|| panic!("{name} is in {file}")).trim_end_matches(';').to_owned()
}

#[test]
fn the_changelog_says_what_neighbouring_versions_owe_each_other() {
    let changelog = read("CHANGELOG.md");
    let unreleased = section(&changelog, "## [Unreleased]");
    let now = |what: &str| -> String {
        let found: Vec<_> =
            rows(unreleased).into_iter().filter(|row| row[0].contains(what)).collect();
        assert_eq!(found.len(), 1, "rows about {what}");
        (*found[0].last().unwrap()).to_owned()
    };
    assert_eq!(now("`FORMAT`"), constant("src/journal.rs", "FORMAT"));
    assert_eq!(now("`VERSION`"), constant("src/inventory/snapshot.rs", "VERSION"));
    assert_eq!(now("`PROTOCOL`"), constant("src/cluster/network/http.rs", "PROTOCOL"));
    let steps = sources("migration/src").iter().filter(|file| file.contains("/m00")).count();
    assert_eq!(now("schema"), format!("steps 1 to {steps}"));
}
