//! Mails about applications for classes: each step in both languages, by a real mail server and as kept
//! mails.

mod relay;
mod steps;

use admitone::ids::UserId;
use admitone::store::KeptMail;
use serde_json::{Value, json};

use super::mail;
use crate::http::api_client::{Person, Shop};
use crate::support::test_db::eventually;

/// A class with its API.
struct Class<'a> {
    shop: &'a Shop,
    id: String,
    path: String,
}

impl<'a> Class<'a> {
    /// A class with a waitlist of 60 places, and the changes of `more` to its body.
    async fn open(shop: &'a Shop, capacity: u32, more: Value) -> Self {
        let mut body = json!({
            "title": "도자기 & <b>Pottery</b>", "location": "Studio 3", "capacity": capacity,
            "selectionType": "FIRST_COME", "startAt": shop.time_in(90_000),
            "endAt": shop.time_in(97_200), "allowWaitlist": true, "waitlistCapacity": 60,
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = shop.admin().post("/api/mclasses", &body).await.is(201);
        let id = made.data["id"].as_str().unwrap().to_owned();
        Self { shop, path: format!("/api/mclasses/{id}"), id }
    }

    /// Applies, and returns the id of the application.
    async fn apply(&self, person: &Person<'_>) -> String {
        let made = person.post(&format!("{}/enrollments", self.path), &json!({})).await.is(201);
        made.data["id"].as_str().unwrap().to_owned()
    }

    /// Cancels with a reason, which is the organiser's where an administrator cancels.
    async fn cancel(&self, person: &Person<'_>, enrollment: &str) {
        let path =
            format!("{}/enrollments/{enrollment}?reason=the%20kiln%20%3Cbroke%3E", self.path);
        person.delete(&path).await.is(200);
    }

    async fn decide(&self, enrollment: &str, status: &str, reason: Option<&str>) {
        let path = format!("/api/admin/enrollments/{enrollment}");
        let version = self.shop.admin().get(&path).await.is(200).data["version"].clone();
        let body = json!({"status": status, "version": version, "reason": reason});
        self.shop.admin().put(&path, &body).await.is(200);
    }
}

/// Returns the text of the newest mail of a kind to a person, after checking that the HTML says so too.
async fn text(shop: &Shop, kind: &str, to: UserId, parts: &[&str]) -> KeptMail {
    let (mail, _) = mail(shop, kind, to).await;
    for part in parts {
        assert!(mail.plain.contains(part), "{kind}: {part} is not in\n{}", mail.plain);
        let escaped = part
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\'', "&#x27;");
        let linked = part.rsplit_once(": http").map_or(escaped, |(_, link)| format!("http{link}"));
        assert!(mail.html.contains(&linked), "{kind}: {linked} is not in\n{}", mail.html);
    }
    mail
}

/// Waits until the relay has nothing left to do.
async fn until_told(shop: &Shop) {
    eventually("all messages are told", async || {
        let waiting = "SELECT count(*) FROM outbox_messages WHERE processed_at IS NULL";
        let due = "SELECT count(*) FROM deliveries WHERE state = 'WAITING'";
        shop.app.db.count(waiting).await == 0 && shop.app.db.count(due).await == 0
    })
    .await;
}
