//! The waiting room of a run: its people, its rules, and the instant of its opening.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{CHARGE, CURRENCY, Plan};
use crate::api::{Api, Call};
use crate::ledger::Account;
use crate::options::Options;
use crate::say;
use admitone::accounts::{Caller, Role, Tokens};
use admitone::clock::SystemClock;
use admitone::ids::UserId;
use admitone::waiting_room::record::line::Time;

/// Until the instant of the opening is fixed, the sale begins at this time.
pub(super) const NEVER: &str = "2099-01-01T00:00:00Z";
/// The most that tokens may live; the server cuts them to what its own live.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3_600);
/// From the end of the preparations to the first arrival.
const LEAD: Duration = Duration::from_secs(2);

/// What to do when tokens cannot be signed.
pub const SIGN_THEM: &str = "the people of this run have no accounts: set ADMITONE_JWT_SECRET as it \
                             was set for the run";

/// People who have no accounts: the ids that their tokens name.
pub(super) fn people(number: u32) -> Vec<Account> {
    (0..number).map(|_| Account { id: UserId::random(), email: String::new() }).collect()
}

/// Signs an access token for each person, as the server would after a login.
///
/// # Errors
/// When signing fails.
pub fn tokens(secret: &str, people: &[Account]) -> Result<Vec<String>> {
    let signs = Tokens::new(secret, TOKEN_TTL, Arc::new(SystemClock::new()));
    let token = |person: &Account| signs.issue(Caller::account(person.id, Role::User));
    people.iter().map(token).collect::<Result<_, _>>().context("tokens cannot be signed")
}

/// Checks that the server takes these tokens, and that people may charge their wallets.
pub(super) async fn check(options: &Options, addresses: &[SocketAddr], secret: &str) -> Result<()> {
    let one = people(1);
    let token = tokens(secret, &one)?;
    charge(options, addresses, 0, &one[0], &token[0]).await
}

/// Charges the wallet of a person whose token is signed here.
pub(super) async fn charge(
    options: &Options,
    addresses: &[SocketAddr],
    number: usize,
    person: &Account,
    token: &str,
) -> Result<()> {
    let mut api = Api::new(addresses, number, options.place.timeout);
    let body = json!({ "amount": { "amount": CHARGE, "currency": CURRENCY } });
    let key = format!("charge-{}", person.id);
    let call = Call {
        method: "POST",
        path: "/api/wallet/charges",
        token: Some(token),
        key: Some(&key),
        body: Some(&body),
    };
    api.call(call).await.map(drop).context(
        "people whose tokens are signed here must be able to charge their wallets: start the server \
         with the same ADMITONE_JWT_SECRET, and with ADMITONE_WALLET_SELF_CHARGE=true",
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    progress: ShownProgress,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShownProgress {
    server_time: Time,
}

/// Switches the waiting room on, and sets the instant of the opening.
pub(super) async fn open(plan: &mut Plan) -> Result<()> {
    let queue = plan.options.queue.as_ref().context("a workload without a queue")?;
    let event = plan.events[0].id;
    let mut api = Api::new(&plan.addresses, 0, plan.options.place.timeout);
    let (path, rules) = (
        format!("/api/admin/events/{event}/queue"),
        json!({
            "enabled": true,
            "passesPerMinute": queue.passes_per_minute,
            "activeLimit": queue.active_limit,
            "admitPercent": queue.admit_percent,
            "passSeconds": queue.pass_seconds,
            "silenceSeconds": queue.silence_seconds,
        }),
    );
    let change = |method, path, body| Call {
        method,
        path,
        token: Some(&plan.admin),
        key: None,
        body: Some(body),
    };
    let asked = Instant::now();
    let shown = api.call(change("PUT", &path, &rules)).await?;
    // The middle between the question and the answer.
    let seen_at = asked + asked.elapsed() / 2;
    let shown: Shown = serde_json::from_value(shown).context("the waiting room")?;
    let server_ms = shown.progress.server_time.0;
    let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4);
    let begins_at = Instant::now() + LEAD;
    plan.starts_at_ms = server_ms + ms(begins_at.saturating_duration_since(seen_at));
    let opens_at = Time(plan.starts_at_ms + ms(queue.prequeue));
    let (path, body) = (format!("/api/events/{event}"), json!({ "saleStartAt": opens_at }));
    api.call(change("PATCH", &path, &body)).await?;
    plan.begins_at = Some(begins_at);
    say(&format!("stampede: the sale opens at {opens_at}"));
    Ok(())
}
