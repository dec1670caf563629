//! Roles that the operator gives and takes on the machine of the server, when no administrator can.

use reqwest::Method;
use serde_json::{Value, json};

use super::process;
use crate::support::process::Server;
use crate::support::test_db::{TestDb, eventually};

const PASSWORD: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_given_and_taken_while_servers_run() {
    let db = TestDb::postgres().await;
    let server = Server::start(db.url()).await;
    let client = reqwest::Client::new();
    let send = async |method: Method, path: &str, token: &str, body: Option<Value>| {
        let call = client.request(method, format!("{}{path}", server.base)).bearer_auth(token);
        let call = match body {
            Some(body) => call.json(&body),
            None => call,
        };
        let answer = call.send().await.expect("it answers");
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or_default()["data"].clone())
    };
    let register = async |email: &str| {
        let body = json!({"email": email, "password": PASSWORD, "name": "Kim"});
        let (status, made) = send(Method::POST, "/api/auth/register", "", Some(body)).await;
        assert_eq!(status, 201);
        made["accessToken"].as_str().expect("a token").to_owned()
    };
    let token = register("kim@example.com").await;
    let mailing = |mails: Option<&str>, arguments: &[&str]| {
        let mut command = server.command(&[&["admin"], arguments].concat());
        match mails {
            Some(mails) => command.env("ADMITONE_MAIL", mails),
            None => command.env_remove("ADMITONE_MAIL"),
        };
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        process::Ended::from(command.output().expect("it runs"))
    };
    let admin = |arguments: &[&str]| mailing(Some("off"), arguments);
    for (bad, said) in [
        (&["grant", "lee@example.com", "ADMIN"][..], "no account of lee@example.com"),
        (&["grant", "kim@example.com", "DOOR"], "name its id"),
        (&["grant", "kim@example.com", "DOOR", "0190f5a0-0000-7000-8000-000000000000"], "no event"),
        (&["revoke", "kim@example.com", "ADMIN"], "no such grant"),
        (&["revoke", "admin@example.com", "ADMIN"], "last administrator"),
    ] {
        let ended = admin(bad);
        assert_eq!(ended.code, 1, "{bad:?}: {}", ended.out);
        assert!(ended.err.contains(said), "{bad:?}: {}", ended.err);
    }
    let users = async || send(Method::GET, "/api/admin/users", &token, None).await.0;
    assert_eq!(users().await, 403);
    let grant = ["grant", "Kim@example.com", "admin"];
    // Also without the server's settings of mails.
    for mails in [Some("keep"), None] {
        let refused = mailing(mails, &grant);
        assert_eq!(refused.code, 1, "{}", refused.out);
        assert!(refused.err.contains("kim@example.com has not been confirmed"), "{}", refused.err);
        assert!(refused.err.contains("or add --unconfirmed"), "{}", refused.err);
    }
    assert_eq!(users().await, 403);
    let given = admin(&grant);
    assert_eq!(given.code, 0, "{}", given.err);
    assert!(given.err.contains("has not been confirmed"), "{}", given.err);
    assert_eq!(users().await, 200, "before the server refuses, it looks again");
    let (_, acts) = send(Method::GET, "/api/admin/audit-log", &token, None).await;
    let act = acts.as_array().and_then(|acts| {
        acts.iter().find(|act| act["action"] == "grant.give" && act["outcome"] == "DONE")
    });
    let act = act.expect("the act is in the audit log");
    assert_eq!((&act["actorId"], &act["address"]), (&Value::Null, &json!("command line")), "{act}");
    let codes = acts.as_array().into_iter().flatten().filter(|act| act["action"] == "grant.revoke");
    let codes: Vec<_> = codes.map(|act| act["outcome"].clone()).collect();
    assert_eq!(codes, [json!("LAST_ADMINISTRATOR"), json!("NOT_FOUND")]);
    let taken = admin(&["revoke", "kim@example.com", "ADMIN"]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    eventually("the role ends for the token", async || users().await == 403).await;
    let insisted = mailing(Some("keep"), &[&grant[..], &["--unconfirmed"]].concat());
    assert_eq!((insisted.code, &*insisted.err), (0, ""), "it is given all the same");
    db.sql("UPDATE users SET email_confirmed_at = 1 WHERE email = 'kim@example.com'").await;
    let confirmed = mailing(Some("keep"), &grant);
    assert_eq!((confirmed.code, &*confirmed.err), (0, ""), "nothing to warn of");
}
