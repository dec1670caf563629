//! `admitone journal` on the data of a server that was stopped.

use std::fs;

use super::process::{self, Admitone, finished};

#[test]
fn rows_that_there_are_not_are_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let server = Admitone::start(dir.path(), &[]);
    let event = server.event().to_owned();
    assert_eq!(server.stop().code, 0);
    let show = |range: &[&str]| {
        let arguments: Vec<&str> = [&["journal", "show", &event], range].concat();
        process::on_data(dir.path(), &arguments)
    };
    let whole = show(&["--json"]);
    let last = format!("its last row is {}\n", whole.out.lines().count());
    for (range, says) in [
        (&["--to", "0"][..], "no rows from 1 to 0"),
        (&["--from", "0", "--to", "0"], "no rows from 1 to 0"),
        (&["--from", "5", "--to", "2"], "no rows from 5 to 2"),
        (&["--from", "99999"], "no rows from 99999 on"),
    ] {
        let ended = show(range);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{range:?}");
        assert!(ended.err.contains(says) && ended.err.ends_with(&last), "{}", ended.err);
    }
    assert_eq!(show(&["--json", "--from", "0"]).out, whole.out);
}

#[test]
fn an_export_is_verified_down_to_what_it_says_and_where_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let server = Admitone::start(dir.path(), &[]);
    let event = server.event().to_owned();
    // Runs the purchase of the banner, so that the journal has more than the event's first row.
    server.shell(server.banner.split("(paste into a shell):").nth(1).expect("the commands"));
    assert_eq!(server.stop().code, 0);
    let export = process::on_data(dir.path(), &["journal", "show", &event, "--json"]).out;
    let lines: Vec<&str> = export.lines().collect();
    let (last, all_but_last) = lines.split_last().unwrap();
    assert!(!all_but_last.is_empty(), "{export}");
    let digest_of = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["hash"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let path = dir.path().join("export");
    let verify = |text: &str, digest: Option<&str>| {
        fs::write(&path, text).unwrap();
        let mut arguments = vec!["journal", "verify", "--file", path.to_str().unwrap()];
        arguments.extend(digest.iter().flat_map(|digest| ["--digest", digest]));
        finished(&arguments, &[])
    };
    let (end, before) = (digest_of(last), digest_of(all_but_last.last().unwrap()));
    let elsewhere = "0".repeat(64);
    let (row, row_before) = (lines.len(), all_but_last.len());

    // The unchanged export.
    let unsure = format!("rows 1 to {row} verified; whether rows are missing after them");
    for text in [export.clone(), format!("{export}\n \n"), export.replace('\n', "\r\n")] {
        let ended = verify(&text, None);
        assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
        assert!(ended.out.contains(&unsure) && ended.out.contains("--digest"), "{}", ended.out);
        let ended = verify(&text, Some(&end));
        assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
        assert!(ended.out.contains("so nothing is missing"), "{}", ended.out);
    }

    // An export that was cut short, and one of another history.
    let short = format!("{}\n", all_but_last.join("\n"));
    assert!(verify(&short, None).out.contains(&format!("rows 1 to {row_before} verified")));
    for (text, digest, says) in [
        (&short, &end, "no row has the digest"),
        (&export, &elsewhere, "no row has the digest"),
        (&export, &before, &format!("the digest is that of row {row_before}")[..]),
        (&String::new(), &end, "there are no rows in"),
    ] {
        let ended = verify(text, Some(digest));
        assert_eq!(ended.code, 1, "{}", ended.out);
        assert!(ended.err.contains(says), "{}", ended.err);
    }
    assert_eq!(verify(&export, Some("12ab")).code, 2);

    // A line whose readable part differs from its encoded record.
    let (honest, _) = last.split_once("\"record\":").unwrap();
    let ended = verify(&format!("{short}{honest}\"record\":\"Forged\"}}\n"), Some(&end));
    assert_eq!(ended.code, 1, "{}", ended.out);
    let says = format!("damaged at row {row}: its readable part");
    assert!(ended.out.contains(&says), "{}", ended.out);

    // The same checks against the database, whose journals grow.
    let against = |digest: &str| {
        process::on_data(dir.path(), &["journal", "verify", &event, "--digest", digest])
    };
    let ended = against(&end);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    assert!(ended.out.ends_with("has the digest, nothing is missing\n"), "{}", ended.out);
    let ended = against(&before);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    assert!(ended.out.ends_with("rows appended since: 1\n"), "{}", ended.out);
    let ended = against(&elsewhere);
    assert_eq!(ended.code, 1, "{}", ended.out);
    assert!(ended.err.contains("no row has the digest"), "{}", ended.err);
}

#[tokio::test]
async fn a_damaged_journal_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let event = {
        let server = Admitone::start(dir.path(), &[]);
        let event = server.event().to_owned();
        assert_eq!(server.stop().code, 0);
        event
    };
    let url = format!("sqlite://{}", dir.path().join("admitone.db").display());
    damage(&url).await;
    let verified = process::on_data(dir.path(), &["journal", "verify", &event]);
    assert_eq!(verified.code, 1);
    assert!(verified.out.contains("DAMAGED"), "{}", verified.out);
    assert!(verified.err.contains("1 of 1 journals"), "{}", verified.err);
}

async fn damage(url: &str) {
    use sea_orm::sqlx::{Connection, Executor, SqliteConnection};
    let mut connection = SqliteConnection::connect(url).await.expect("opens");
    connection.execute("UPDATE journal SET at = at + 1 WHERE seq = 1").await.expect("valid");
}
