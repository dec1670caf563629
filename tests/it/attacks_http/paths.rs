//! Other spellings of paths: none walks around the gate of staff, nor around a limit.

use admitone::http::staff;
use serde_json::json;

use super::{get, talk};
use crate::support::test_app::{TestApp, TestUser};
use crate::support::test_db::TestDb;

async fn asked(app: &TestApp, target: &str, by: &TestUser) -> u16 {
    let answers = talk(app, get(target, &format!("Authorization: Bearer {}\r\n", by.token))).await;
    assert!((1..=2).contains(&answers.0.len()), "{target}: {answers:?}");
    answers.statuses()[0]
}

/// Other spellings of a path, and whether the router takes them for the same.
fn spellings(path: &str) -> Vec<(String, bool)> {
    let (_, rest) = path.split_at(1);
    let (first, behind) = rest.split_once('/').unwrap_or((rest, ""));
    let letter = |at: usize| format!("%{:02x}", rest.as_bytes()[at]);
    let mut all = vec![
        (format!("http://evil.example{path}"), true),
        (format!("/{}{}", letter(0), &rest[1..]), true),
        (format!("{}%{:02X}", &path[..path.len() - 1], path.as_bytes()[path.len() - 1]), true),
    ];
    all.extend(
        [
            format!("/{path}"),
            format!("//x{path}"),
            format!("{path}/"),
            format!("{path}//"),
            format!("{path}/."),
            format!("{path}%00"),
            format!("{path}%20"),
            format!("{path}%2f"),
            format!("{path};a=b"),
            format!("{path}%3f"),
            format!("{path}%23"),
            format!("/x/..{path}"),
            format!("/x/%2e%2e{path}"),
            format!("/x%2f..{path}"),
            format!("/health/live/..{path}"),
            format!("/queue/../..{path}"),
            format!("/queue/%2e%2e{path}"),
            format!("/assets/..{path}"),
            format!("/{}{path}", letter(0)),
            format!("/{first}//{behind}"),
            format!("/{first}/./{behind}"),
            format!("/{first}/%2e/{behind}"),
            format!("/{first}%2f{behind}"),
            format!("/{first}%5c{behind}"),
            format!("/{first}/x/../{behind}"),
            format!("/{first}/{behind}/%2f.."),
            format!("/{}/{behind}", first.to_uppercase()),
            format!("/{}%25{:02x}{}", &first[..1], first.as_bytes()[1], &rest[2..]),
        ]
        .map(|path| (path, false)),
    );
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_a_path_gets_past_the_gate_of_staff() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let (admin, kim) = (app.admin(), app.user().await);
    let lists = staff::listed()
        .into_iter()
        .filter(|rule| rule.method == "GET" && !rule.is_shared && !rule.path.contains('{'));
    let mut paths: Vec<_> = lists.map(|rule| rule.path).collect();
    paths.extend(["/organiser", "/organiser/audit"]);
    assert!(paths.len() > 5, "{paths:?}");
    for path in paths {
        let is_page = path.starts_with("/organiser");
        if !is_page {
            let status = asked(&app, path, &admin).await;
            assert!(matches!(status, 200 | 422), "{path}: {status}");
            assert_eq!(asked(&app, path, &kim).await, 403, "{path}");
        }
        for (spelling, is_same) in spellings(path) {
            let status = asked(&app, &spelling, &kim).await;
            let refused: &[u16] = match (is_page, is_same) {
                (false, true) => &[403],
                // Pages know no bearer tokens: they lead to the login.
                (true, true) => &[303, 401, 403],
                // Some name a thing below, in a way that it has not.
                (_, false) => &[400, 403, 404, 405],
            };
            assert!(refused.contains(&status), "{spelling}: {status}");
            if is_same && !is_page {
                let status = asked(&app, &spelling, &admin).await;
                assert!(matches!(status, 200 | 422), "{spelling}: {status}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_in_another_spelling_is_written_to_the_audit_log_as_well() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let rows = "SELECT count(*) FROM audit_log WHERE action = 'event.create' AND outcome = 'DONE'";
    let event = crate::support::test_app::standing_event(1).to_string();
    for (nth, path) in ["/api/events", "/api/%65vents", "/%61pi/event%73"].into_iter().enumerate() {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIdempotency-Key: k{nth}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{event}",
            app.admin().token,
            event.len()
        );
        let answers = talk(&app, head).await;
        assert_eq!(answers.statuses()[0], 201, "{path}: {answers:?}");
        assert_eq!(app.db.count(rows).await, i64::try_from(nth).unwrap() + 1, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_a_path_gets_past_a_limit() {
    let app = TestApp::with(TestDb::sqlite().await).config(|config| config.rate_limits = true);
    let app = app.start().await;
    let path = "/api/auth/email/confirm";
    let body = json!({"token": "no"}).to_string();
    let post = async |target: &str| {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        talk(&app, request).await.statuses()[0]
    };
    // One request in three seconds comes back, which is why the limit is reached again and again.
    while post(path).await != 429 {}
    for (spelling, is_same) in spellings(path) {
        let mut status = post(&spelling).await;
        if is_same {
            // At most what came back meanwhile.
            for _ in 0..5 {
                if status == 410 {
                    status = post(&spelling).await;
                }
            }
            assert_eq!(status, 429, "{spelling}");
        } else {
            assert!(matches!(status, 400 | 404 | 405 | 429), "{spelling}: {status}");
        }
    }
}
