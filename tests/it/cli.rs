//! The program as people run it: its output, its exit codes, and the commands in its banner.

mod journal;
mod passwords;
mod private;
pub mod process;
mod roles;

use std::fs;
use std::net::TcpListener;

use process::{Admitone, finished};

use crate::support::test_db::TestDb;

#[test]
fn help_teaches() {
    let help = finished(&["--help"], &[]);
    assert_eq!(help.code, 0);
    for text in [
        "DATABASE_URL",
        "REDIS_URL",
        "ADMITONE_JWT_SECRET",
        "ADMITONE_CLUSTER_SECRET",
        "--drain-delay",
        "ADMITONE_LISTEN",
        "migrate",
        "journal",
        "Examples",
    ] {
        assert!(help.out.contains(text), "{text} is not in\n{}", help.out);
    }
    assert!(finished(&["--version"], &[]).out.contains(env!("CARGO_PKG_VERSION")));
    let journal = finished(&["journal", "verify", "--help"], &[]).out;
    assert!(journal.contains("--digest") && journal.contains("--data-dir"), "{journal}");
    assert!(!journal.contains("--cors-origins"), "{journal}");
}

#[test]
fn the_settings_page_names_every_setting() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    let page = fs::read_to_string(page).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for key in admitone::config::keys() {
        let name = format!("`{}`", key.env);
        let is_named = rows.iter().any(|row| row.split(" | ").next().unwrap().contains(&name));
        assert!(is_named, "{name} has no row");
    }
}

#[test]
fn mistakes_in_settings_end_with_code_2_and_a_line_for_each() {
    for (arguments, environment, says) in [
        (&["--listen", "nonsense"][..], &[][..], "--listen: \"nonsense\" is not HOST:PORT"),
        (&[], &[("ADMITONE_DEMO", "perhaps")], "ADMITONE_DEMO: \"perhaps\""),
        (&[], &[("ADMITONE_DEMOO", "1")], "did you mean ADMITONE_DEMO?"),
        (
            &[],
            &[("REDIS_URL", "redis://:hunter2@localhost")],
            "several instances share one Postgres",
        ),
        (&[], &[("REDIS_URL", "rediss://:hunter2@localhost")], "REDIS_URL: the value asks for TLS"),
        (
            &[],
            &[("ADMITONE_CLUSTER_SECRET", "hunter2")],
            "ADMITONE_CLUSTER_SECRET: the value has 7",
        ),
        (&["--weight", "heavy"], &[], "--weight: \"heavy\" is not a whole number from 0 to 1000"),
        (&["--cluster-secret", "x"], &[], "unexpected argument"),
        (&[], &[("DATABASE_URL", "postgres://x:hunter2@h/d")], "ADMITONE_JWT_SECRET is not set"),
        (&["--config", "/nonexistent.toml"], &[], "/nonexistent.toml"),
        (&["journal", "show", "not-an-id"], &[], "not-an-id"),
        (&["nonsense"], &[], "nonsense"),
    ] {
        let ended = finished(arguments, environment);
        assert_eq!(ended.code, 2, "{arguments:?} {environment:?}: {}", ended.err);
        assert!(ended.err.contains(says), "{says} is not in\n{}", ended.err);
        assert!(!ended.err.contains("hunter2"), "{}", ended.err);
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
    }
}

#[test]
fn a_simulation_is_the_same_again_and_its_help_speaks_of_simulations() {
    let help = finished(&["simulate", "--help"], &[]).out;
    assert!(help.contains("--seed") && help.contains("--log <FILTER>"), "{help}");
    assert!(!help.contains("--listen") && !help.contains("--login"), "{help}");
    let run = || finished(&["simulate", "--seed", "3", "--steps", "40", "--log", "off"], &[]);
    let (once, again) = (run(), run());
    assert_eq!((once.code, &once.out), (0, &again.out), "{}", once.err);
    assert!(
        once.out.starts_with("seed 3: all held; ") && once.out.ends_with(" lines\n"),
        "{}",
        once.out
    );
    let traced = finished(&["simulate", "--seed", "3", "--steps", "40", "--trace"], &[]).out;
    assert!(traced.ends_with(&once.out) && traced.lines().count() > 100, "{traced}");
}

#[test]
fn a_setting_that_is_not_text_is_not_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let value = std::ffi::OsStr::from_bytes(b"hunter2\xff");
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_admitone"));
    let output = program.env("ADMITONE_ADMIN_PASSWORD", value).args(["migrate", "status"]).output();
    let ended = process::Ended::from(output.unwrap());
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert!(ended.err.contains("ADMITONE_ADMIN_PASSWORD: the value is not text"), "{}", ended.err);
    assert!(!ended.err.contains("hunter2"), "{}", ended.err);
}

#[test]
fn a_port_in_use_is_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (key, flag) in
        [("ADMITONE_LISTEN", "--listen"), ("ADMITONE_METRICS_LISTEN", "--metrics-listen")]
    {
        let dir = tempfile::tempdir().unwrap();
        let mut other = vec!["--listen", "127.0.0.1:0", "--metrics-listen", "off"];
        other.retain(|argument| *argument != flag);
        let mut arguments = vec!["--data-dir", dir.path().to_str().unwrap(), flag, &address];
        if flag == "--metrics-listen" {
            arguments.extend(["--listen", "127.0.0.1:0"]);
        } else {
            arguments.extend(["--metrics-listen", "off"]);
        }
        let ended = finished(&arguments, &[]);
        assert_eq!(ended.code, 1, "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        for text in [address.as_str(), "another process listens there", key] {
            assert!(ended.err.contains(text), "{text} is not in {}", ended.err);
        }
    }
}

#[test]
fn a_data_directory_that_cannot_be_used_is_said_in_one_line() {
    // A file where the directory should be: not writable even for root.
    let dir = tempfile::tempdir().unwrap();
    let in_the_way = dir.path().join("file");
    fs::write(&in_the_way, "").unwrap();
    let data_dir = in_the_way.join("data");
    let ended = Admitone::arguments(&data_dir);
    let ended = finished(&ended.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    assert!(ended.err.contains("ADMITONE_DATA_DIR"), "{}", ended.err);
}

#[test]
fn a_database_that_is_away_is_said_in_one_line() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://me:hunter2@127.0.0.1:{port}/x");
    let dir = tempfile::tempdir().unwrap();
    let arguments = Admitone::arguments(dir.path());
    let secret = "a secret for tests, of at least thirty-two bytes";
    let environment =
        [("DATABASE_URL", url.as_str()), ("ADMITONE_JWT_SECRET", secret), ("ADMITONE_MAIL", "off")];
    let ended = finished(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &environment);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.err.contains("cannot reach the database"), "{}", ended.err);
    assert!(!ended.err.contains("hunter2"), "{}", ended.err);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let db = TestDb::sqlite().await;
    db.sql(
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_from_the_future', 0)",
    )
    .await;
    let dir = tempfile::tempdir().unwrap();
    let arguments = Admitone::arguments(dir.path());
    let environment = [("DATABASE_URL", db.url())];
    let ended = finished(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &environment);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.err.contains("newer schema") && ended.err.contains("m9999"), "{}", ended.err);
}

#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Admitone::start(dir.path(), &[]);
    let arguments = Admitone::arguments(dir.path());
    let ended = finished(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.err.contains("another process uses this data directory"), "{}", ended.err);
    assert_eq!(first.stop().code, 0);
}

#[test]
fn another_name_of_the_same_database_is_no_other_database() {
    let dir = tempfile::tempdir().unwrap();
    let shown = dir.path().display();
    let first = Admitone::start(dir.path(), &[]);
    let link = dir.path().join("link.db");
    std::os::unix::fs::symlink("admitone.db", &link).unwrap();
    for url in [
        format!("sqlite://{shown}/%61dmitone.db"),
        format!("sqlite:///{shown}/admitone.db"),
        format!("sqlite://{}", link.display()),
    ] {
        let other = tempfile::tempdir().unwrap();
        let arguments = Admitone::arguments(other.path());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = finished(&arguments, &[("DATABASE_URL", &url)]);
        assert_eq!(ended.code, 1, "{url}: {}", ended.err);
        assert!(ended.err.contains("another process uses"), "{url}: {}", ended.err);
    }
    assert_eq!(first.stop().code, 0);
}

#[test]
fn a_database_in_a_missing_directory_is_said_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let url = format!("sqlite://{}/tickets.db", missing.display());
    for arguments in [Admitone::arguments(dir.path()), vec!["migrate".into(), "status".into()]] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = finished(&arguments, &[("DATABASE_URL", &url)]);
        assert_eq!(ended.code, 1, "{}", ended.err);
        let says = format!("there is no directory {}: make it", missing.display());
        assert!(ended.err.contains(&says) && ended.err.lines().count() == 1, "{}", ended.err);
    }
}

#[test]
fn the_first_start_prints_the_password_once_and_makes_one_demo() {
    let dir = tempfile::tempdir().unwrap();
    let first = Admitone::start(dir.path(), &[]);
    let admin = first.line_with("admin: ").expect("the first start shows the password");
    let words: Vec<&str> = admin.split(' ').collect();
    assert_eq!(words.len(), 4, "{admin}");
    assert_eq!((words[0], words[1], words[2]), ("admin:", "admin@admitone.local", "password:"));
    let login = first.shell(&format!(
        "curl -sS $API/api/auth/login -H 'Content-Type: application/json' \
         -d '{{\"email\":\"{}\",\"password\":\"{}\"}}'",
        words[1], words[3]
    ));
    assert!(login.contains("\"role\":\"ADMIN\""), "{login}");
    let demo = first.line_with("EVENT=").expect("the demo is shown");
    let ended = first.stop();
    assert_eq!(ended.code, 0, "{}", ended.err);

    let second = Admitone::start(dir.path(), &[]);
    assert_eq!(second.line_with("admin: "), None);
    let demo = demo.split("EVENT=").nth(1).unwrap().to_owned();
    assert!(second.line_with(&demo).is_some(), "the same event, not another: {demo}");
    let events = second.shell("curl -sS $API/api/events");
    assert_eq!(events.matches("Admit One Demo Night").count(), 1, "{events}");
}

#[test]
fn settings_can_name_the_administrator_and_leave_out_the_demo() {
    let dir = tempfile::tempdir().unwrap();
    let server = Admitone::start(
        dir.path(),
        &[
            ("ADMITONE_ADMIN_EMAIL", "Boss@Example.com"),
            ("ADMITONE_ADMIN_PASSWORD", "hunter2hunter2"),
            ("ADMITONE_DEMO", "false"),
        ],
    );
    assert!(!server.banner.contains("hunter2"), "{}", server.banner);
    assert!(!server.banner.contains("EVENT="), "{}", server.banner);
    let login = server.shell(
        "curl -sS $API/api/auth/login -H 'Content-Type: application/json' \
         -d '{\"email\":\"boss@example.com\",\"password\":\"hunter2hunter2\"}'",
    );
    assert!(login.contains("\"role\":\"ADMIN\""), "{login}");
    let events = server.shell("curl -sS $API/api/events");
    assert!(events.contains("\"data\":[]"), "{events}");
}

#[test]
fn the_printed_commands_buy_two_tickets_and_a_kill_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Admitone::start(dir.path(), &[]);
    let script = server.banner.split("(paste into a shell):").nth(1).expect("the commands");
    let hold = "post /api/events/$EVENT/holds \
        \"{\\\"lines\\\":[{\\\"productId\\\":\\\"${PRODUCT%-0}-3\\\",\\\"quantity\\\":1}]}\" | pick id";
    let script = format!("{script}\necho TOKEN=$TOKEN\nNOW=again-$NOW; echo HOLD=$({hold})");
    let out = server.shell(&script);
    assert!(out.contains("\"status\":\"CONFIRMED\""), "{out}");
    let tickets = out.lines().rfind(|line| line.contains("\"success\":true")).expect("tickets");
    assert_eq!(tickets.matches("\"status\":\"VALID\"").count(), 2, "{out}");
    let named = |name| out.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    let (token, hold) = (named("TOKEN="), named("HOLD="));
    let event = server.event().to_owned();
    server.kill();

    let server = Admitone::start(dir.path(), &[]);
    assert_eq!(server.event(), event);
    let again =
        server.shell(&format!("curl -sS $API/api/tickets -H 'Authorization: Bearer {token}'"));
    assert_eq!(again.trim(), tickets.trim(), "the tickets and the secret outlived the kill");
    let held = server.shell(&format!(
        "curl -sS $API/api/events/{event}/holds/{hold} -H 'Authorization: Bearer {token}'"
    ));
    assert!(held.contains("\"status\":\"ACTIVE\""), "{held}");
    assert_eq!(server.stop().code, 0);

    let verified = process::on_data(dir.path(), &["journal", "verify", "--all"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    assert!(verified.out.contains(&event) && verified.out.contains("ok"), "{}", verified.out);
    let shown = process::on_data(dir.path(), &["journal", "show", &event]);
    assert!(shown.out.contains("HoldPlaced") && shown.out.contains("ReservationConfirmed"));
    let lines = process::on_data(
        dir.path(),
        &["journal", "show", &event, "--json", "--from", "2", "--to", "3"],
    );
    let seqs: Vec<u64> = lines
        .out
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(seqs, [2, 3]);
    let unknown = uuid::Uuid::new_v4().to_string();
    let missing = process::on_data(dir.path(), &["journal", "show", &unknown]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("no journal"), "{}", missing.err);
}

#[test]
fn migrations_are_shown_applied_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let migrate = |words: &[&str]| {
        let arguments: Vec<&str> = ["migrate"].iter().chain(words).copied().collect();
        let ended = process::on_data(dir.path(), &arguments);
        assert_eq!(ended.code, 0, "{}", ended.err);
        ended.out
    };
    let before = migrate(&["status"]);
    assert!(before.contains("pending") && !before.contains("applied"), "{before}");
    let server = Admitone::start(dir.path(), &[]);
    let refused = process::on_data(dir.path(), &["migrate", "down"]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("another process"), "{}", refused.err);
    assert_eq!(server.stop().code, 0);
    let up = migrate(&["up"]);
    assert!(up.contains("applied") && !up.contains("pending"), "{up}");
    let steps = up.lines().count().to_string();
    assert_eq!(migrate(&["down", "--steps", &steps]), before);
}

#[test]
fn a_start_and_a_load_balancer_that_is_not_named_leave_warnings() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        ("ADMITONE_LOG_FORMAT", "json"),
        ("ADMITONE_RATE_LIMITS", "off"),
        ("ADMITONE_TRUSTED_PROXIES", "128.0.0.0/2"),
    ];
    let server = Admitone::start(dir.path(), &settings);
    for _ in 0..3 {
        server.shell("curl -sS $API/health/live -H 'X-Forwarded-For: 192.0.2.7'");
    }
    let ended = server.stop();
    assert_eq!(ended.code, 0, "{}", ended.err);
    let lines = ended.err.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<serde_json::Value> = lines.collect();
    let warnings: Vec<_> = lines.iter().filter(|line| line["level"] == "WARN").collect();
    assert_eq!(warnings.len(), 3, "{warnings:#?}");
    for says in ["ADMITONE_RATE_LIMITS is off", "the wide network 128.0.0.0/2"] {
        assert!(
            warnings.iter().any(|line| line.to_string().contains(says)),
            "{says}: {warnings:#?}"
        );
    }
    let unnamed = warnings.iter().find(|line| line["peer"] == "127.0.0.1").expect("once");
    assert_eq!(unnamed["header"], "x-forwarded-for");
    assert!(unnamed.to_string().contains("ADMITONE_TRUSTED_PROXIES does not name"), "{unnamed}");
}

#[test]
fn log_lines_are_json_with_the_requests_id_if_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let settings =
        [("ADMITONE_LOG_FORMAT", "json"), ("ADMITONE_LOG", "info,admitone::access=debug")];
    let server = Admitone::start(dir.path(), &settings);
    server.shell("curl -sS $API/health/live -H 'X-Request-Id: find-me'");
    let ended = server.stop();
    assert_eq!(ended.code, 0, "{}", ended.err);
    let lines: Vec<serde_json::Value> = ended
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    let access = lines.iter().find(|line| line["request_id"] == "find-me").expect("the request");
    assert_eq!((&access["status"], &access["path"]), (&200.into(), &"/health/live".into()));
    assert!(
        lines.iter().all(|line| line["level"] != "ERROR" && line["level"] != "WARN"),
        "{lines:?}"
    );
}
