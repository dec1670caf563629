//! The server deletes rows whose time is over, and none before.

use std::sync::Arc;
use std::time::Duration;

use admitone::clock::ManualClock;
use admitone::ids::{SessionId, UserId};
use admitone::store::{
    AuditEntry, Device, LinkPurpose, MailLink, NewUser, Proof, RefreshToken, Role, Store,
};
use serde_json::json;
use uuid::Uuid;

use crate::support::test_app::TestApp;
use crate::support::test_db::eventually;

/// From the next millisecond on, each of the rows is over.
const END: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 3_600_000;
const PASSWORD_HASH: &str = "$argon2id$…";

async fn user(store: &Store) -> UserId {
    let new = NewUser {
        id: UserId::random(),
        email: "kim@example.org".into(),
        password_hash: PASSWORD_HASH.into(),
        name: "김지연".into(),
        phone_number: None,
        role: Role::User,
    };
    let id = new.id;
    store.user_create(new, None, 1).await.expect("the address is free");
    id
}

/// Opens a session with a refresh token that both end at `expires_at`.
async fn open(store: &Store, user: UserId, token_hash: [u8; 32], expires_at: i64) {
    let session = SessionId::random();
    let token = RefreshToken { session, user, token_hash, issued_at: 1, expires_at };
    let proof = Proof::Password(PASSWORD_HASH);
    let opened = store.refresh_token_open(&token, proof, &Device::default()).await;
    assert!(opened.expect("stores").is_some(), "the account has this password");
}

/// Stores one row of each kind, but the invitation (which is kept for a day after its end), and one that is
/// over a millisecond before.
async fn fill(store: &Store) {
    let user = user(store).await;
    // Refresh tokens are kept for 7 days after their end, sessions for one.
    open(store, user, [1; 32], END - 7 * DAY).await;
    open(store, user, [2; 32], END - DAY).await;
    let link = MailLink {
        id: Uuid::new_v4(),
        user,
        purpose: LinkPurpose::ResetPassword,
        token_hash: [3; 32],
        created_at: 1,
        expires_at: END,
    };
    store.mail_link_put(&link).await.expect("stores");
    for (state, expires_at) in [([4; 32], END), ([5; 32], END - 1)] {
        assert!(store.social_state_use(state, expires_at).await.expect("stores"));
    }
    let act = AuditEntry {
        id: Uuid::new_v4(),
        at: END - 30 * DAY,
        actor: Some(user),
        session: None,
        address: None,
        action: "event.change".into(),
        offering: None,
        target: None,
        before: None,
        after: None,
        request_id: None,
        outcome: "DONE".into(),
    };
    store.audit_put(&act).await.expect("stores");
}

on_both_databases! {
    async fn rows_of_people_are_deleted_when_their_time_is_over_and_not_before(db: TestDb) {
        let clock = Arc::new(ManualClock::at(END - 8 * DAY));
        let kept = Duration::from_secs(30 * 24 * 3_600);
        let app = TestApp::with(db).clock(clock.clone());
        let mut app = app.config(|config| config.audit_log_kept = kept).start().await;
        let invited = json!({"email": "lee@example.com", "role": "ADMIN"});
        app.post("/api/admin/invitations", &app.admin(), invited).await.expect(201);
        fill(&app.state().store).await;
        let rows = [
            ("refresh_tokens", format!("expires_at = {}", END - 7 * DAY)),
            ("sessions", format!("expires_at = {}", END - DAY)),
            ("mail_links", format!("expires_at = {END}")),
            ("invitations", format!("expires_at = {}", END - DAY)),
            ("social_states", format!("expires_at = {END}")),
            ("audit_log", format!("at = {}", END - 30 * DAY)),
        ]
        .map(|(table, which)| format!("SELECT count(*) FROM {table} WHERE {which}"));
        clock.advance_ms(8 * DAY);
        app.restart().await;
        // The states are the last of them, and this one was over.
        let before = format!("SELECT count(*) FROM social_states WHERE expires_at = {}", END - 1);
        eventually("it has cleaned up", async || app.db.count(&before).await == 0).await;
        for row in &rows {
            assert_eq!(app.db.count(row).await, 1, "deleted too early: {row}");
        }
        clock.advance_ms(1);
        app.restart().await;
        for row in &rows {
            eventually(row, async || app.db.count(row).await == 0).await;
        }
        let token = format!("SELECT count(*) FROM refresh_tokens WHERE expires_at = {}", END - DAY);
        assert_eq!(app.db.count(&token).await, 1, "deleted too early: {token}");
    }
}
