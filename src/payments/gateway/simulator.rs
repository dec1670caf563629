//! A gateway that takes no money, for demonstrations and tests. The request says what is to come of
//! a charge: success, a decline, a success after the pay window, notifications that come twice and out
//! of order, or a time-out after the charge was made. Its charges are rows of their own, and its
//! notifications are signed by Standard Webhooks and read as those of any other gateway.

use std::sync::Arc;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::signature;
use super::{
    Answered, BadNotification, Charge, ChargeAnswer, ChargeStatus, GatewayError, GivenBack,
    Headers, Notification, NotifiedCharge, PaymentGateway, Refund, Void,
};
use crate::clock::Clock;
use crate::ids::PaymentId;
use crate::inventory::TimestampMs;
use crate::store::{NewSimulatorCharge, SimulatorCharge, Store, StoreError};

/// What is to come of a charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The money is set aside.
    #[default]
    Succeed,
    /// The bank declines.
    Decline,
    /// The money is set aside after the pay window has ended; after `delayMs`, if that is given.
    Late,
    /// As [`Self::Succeed`], with notifications that come twice and out of order.
    Duplicate,
    /// As [`Self::Succeed`], but the answer that says so is lost.
    Timeout,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Succeed => "succeed",
            Self::Decline => "decline",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Timeout => "timeout",
        }
    }
}

/// What a request asks of the simulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Script {
    /// What is to come of the charge.
    pub outcome: Outcome,
    /// After how many ms it comes; at once if absent.
    pub delay_ms: Option<u32>,
}

/// The notifications of a charge with the outcome `duplicate`: the second repeats the first, and the
/// third is older than both.
const REPEATS: [(&str, &str); 4] = [
    ("a", "charge.settled"),
    ("a", "charge.settled"),
    ("b", "charge.pending"),
    ("c", "charge.settled"),
];
/// A payment waits for a quarter of an hour longer than its pay window: this is after the window and its
/// grace.
const LATE_BEFORE_DEADLINE_MS: i64 = 60_000;
const REPEAT_PAUSE_MS: i64 = 200;
/// Notifications sent in one round.
const NOTIFIED_AT_ONCE: i64 = 256;

/// A notification as it is sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The headers, by names in lower case.
    pub headers: [(&'static str, String); 3],
    /// The body.
    pub body: Vec<u8>,
}

/// The simulated gateway.
#[derive(Clone)]
pub struct Simulator {
    store: Store,
    clock: Arc<dyn Clock>,
    secret: [u8; 32],
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Simulator")
    }
}

impl Simulator {
    /// Opens the gateway; `secret` signs its notifications.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, secret: [u8; 32]) -> Self {
        Self { store, clock, secret }
    }

    /// Returns the notifications that are due, signed. A process that stops before it has sent them
    /// loses them, as a network may.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_notifications(&self) -> Result<Vec<Sent>, StoreError> {
        let now = self.clock.now_ms();
        let repeats = i32::try_from(REPEATS.len()).unwrap_or(i32::MAX);
        let due = self
            .store
            .simulator_notifications_take((repeats, REPEAT_PAUSE_MS), now, NOTIFIED_AT_ONCE)
            .await?;
        Ok(due.iter().map(|charge| self.notification(charge, now)).collect())
    }

    fn notification(&self, charge: &SimulatorCharge, now: TimestampMs) -> Sent {
        let nth = usize::try_from(charge.notified - 1).unwrap_or_default();
        let (id, kind) = REPEATS[nth.min(REPEATS.len() - 1)];
        let id = format!("sim_{}_{id}", charge.payment);
        let body = json!({
            "type": kind,
            "data": {
                "payment": charge.payment, "amount": charge.amount, "currency": charge.currency,
            },
        });
        let body = body.to_string().into_bytes();
        Sent { headers: signature::sign_standard(&self.secret, &id, &body, now), body }
    }

    async fn charge(&self, charge: &Charge) -> Result<ChargeAnswer, GatewayError> {
        let script = match charge.options.as_deref().map(serde_json::from_str::<Script>) {
            None => Script::default(),
            Some(Ok(script)) => script,
            Some(Err(error)) => return Err(GatewayError::Refused(error.to_string())),
        };
        let now = self.clock.now_ms();
        let late_at = charge.deadline.saturating_sub(LATE_BEFORE_DEADLINE_MS);
        let settles_at = match (script.outcome, script.delay_ms) {
            (_, Some(delay)) => now + i64::from(delay),
            (Outcome::Late, None) => late_at.max(now),
            (_, None) => now,
        };
        let is_told = settles_at > now || script.outcome != Outcome::Succeed;
        let new = NewSimulatorCharge {
            payment: charge.payment,
            amount: charge.amount,
            currency: charge.currency.clone(),
            outcome: script.outcome.as_str(),
            settles_at,
            notify_at: is_told.then_some(settles_at),
        };
        let (made, is_new) = self.store.simulator_charge_make(&new, now).await.map_err(in_doubt)?;
        if is_new && script.outcome == Outcome::Timeout {
            return Err(GatewayError::InDoubt("the answer was lost, as the request asked".into()));
        }
        Ok(answer(&made, charge, now))
    }

    async fn status(&self, charge: &Charge) -> Result<ChargeAnswer, GatewayError> {
        let found = self.store.simulator_charge_get(charge.payment).await.map_err(in_doubt)?;
        Ok(match found {
            Some(found) => answer(&found, charge, self.clock.now_ms()),
            None => ChargeAnswer {
                status: ChargeStatus::Unknown,
                reference: None,
                redirect_url: None,
                amount: charge.amount,
                currency: charge.currency.clone(),
            },
        })
    }

    async fn take(&self, charge: &Charge) -> Result<(), GatewayError> {
        let now = self.clock.now_ms();
        let is_taken = self.store.simulator_charge_capture(charge.payment, now).await;
        if is_taken.map_err(in_doubt)? {
            return Ok(());
        }
        match self.status(charge).await?.status {
            ChargeStatus::Captured => Ok(()),
            other => Err(GatewayError::Refused(format!("the charge is {other:?}"))),
        }
    }

    async fn let_go(&self, charge: &Charge) -> Result<Void, GatewayError> {
        let now = self.clock.now_ms();
        if self.store.simulator_charge_void(charge.payment, now).await.map_err(in_doubt)? {
            return Ok(Void::Done);
        }
        match self.status(charge).await?.status {
            ChargeStatus::Captured => Ok(Void::Captured),
            _ => Ok(Void::Done),
        }
    }

    async fn give_back(&self, refund: &Refund) -> Result<GivenBack, GatewayError> {
        let (of, now) = ((refund.id, refund.amount), self.clock.now_ms());
        match self.store.simulator_charge_refund(refund.payment, of, now).await.map_err(in_doubt)? {
            true => Ok(GivenBack::Done),
            false => Err(GatewayError::Refused("less than that is left of the charge".into())),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes values")]
fn in_doubt(error: StoreError) -> GatewayError {
    GatewayError::InDoubt(error.to_string())
}

fn answer(found: &SimulatorCharge, charge: &Charge, now: TimestampMs) -> ChargeAnswer {
    let status = match found {
        _ if found.is_voided => ChargeStatus::Voided,
        _ if found.is_captured => ChargeStatus::Captured,
        _ if found.settles_at > now => ChargeStatus::Pending,
        _ if found.outcome == Outcome::Decline.as_str() => {
            ChargeStatus::Declined { reason: "card_declined".into() }
        }
        _ => ChargeStatus::Authorized,
    };
    // A bank that asks its customer nothing: it sends them straight back.
    let redirect_url = (status == ChargeStatus::Pending).then(|| charge.return_url.clone());
    ChargeAnswer {
        status,
        reference: Some(format!("sim_{}", found.payment)),
        redirect_url: redirect_url.flatten(),
        amount: found.amount,
        currency: found.currency.clone(),
    }
}

impl PaymentGateway for Simulator {
    fn start<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.charge(charge).boxed()
    }

    fn look<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.status(charge).boxed()
    }

    fn capture<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ()> {
        self.take(charge).boxed()
    }

    fn void<'a>(&'a self, charge: &'a Charge) -> Answered<'a, Void> {
        self.let_go(charge).boxed()
    }

    fn refund<'a>(&'a self, refund: &'a Refund) -> Answered<'a, GivenBack> {
        self.give_back(refund).boxed()
    }

    fn read_notification(
        &self,
        headers: Headers<'_>,
        body: &[u8],
        now: TimestampMs,
    ) -> Result<Notification, BadNotification> {
        let id = signature::verify_standard(&self.secret, headers, body, now)?;
        let body: Value = serde_json::from_slice(body).map_err(|_| BadNotification::Body)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(BadNotification::Body);
        let data = &body["data"];
        let payment: PaymentId =
            text(&data["payment"])?.parse().map_err(|_| BadNotification::Body)?;
        let amount = data["amount"].as_i64().ok_or(BadNotification::Body)?;
        let about = NotifiedCharge {
            payment: Some(payment),
            reference: format!("sim_{payment}"),
            money: (amount, text(&data["currency"])?),
        };
        Ok(Notification { id, kind: text(&body["type"])?, about: Some(about) })
    }
}
