//! Stripe: PaymentIntents with manual capture (<https://docs.stripe.com/api/payment_intents>), by plain
//! form posts. Every post carries an `Idempotency-Key` made of the payment's or the refund's id. The
//! secret key is sent to the configured address only and is in no log line and no error.

use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use reqwest::{Method, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::signature;
use super::{
    Answered, BadNotification, Charge, ChargeAnswer, ChargeStatus, GatewayError, GivenBack,
    Headers, Notification, NotifiedCharge, PaymentGateway, Refund, Void,
};
use crate::inventory::TimestampMs;

/// Currencies that Stripe counts in hundredths where ISO 4217 has none, or the reverse
/// (<https://docs.stripe.com/currencies#special-cases>).
const COUNTED_OTHERWISE: [&str; 3] = ["ISK", "MGA", "UGX"];

/// After which an answer counts as lost.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The version of Stripe's API that the shapes here are of.
const VERSION: &str = "2024-06-20";

/// The account to use.
#[derive(Clone)]
pub struct StripeAccess {
    /// `sk_…`.
    pub secret_key: String,
    /// `whsec_…`; without it no notification is accepted.
    pub webhook_secret: Option<String>,
    /// Where Stripe is.
    pub url: String,
}

/// What a request asks of Stripe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StripeOptions {
    /// `pm_…`, as Stripe's script made it, or a kind of payment that needs no more than a redirect,
    /// such as `kakao_pay`.
    pub payment_method: String,
}

/// The gateway.
#[derive(Clone)]
pub struct Stripe {
    client: reqwest::Client,
    access: StripeAccess,
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("url", &self.access.url).finish_non_exhaustive()
    }
}

/// An answer of Stripe: its status and its JSON.
struct Reply {
    status: u16,
    body: Value,
}

impl Reply {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Stripe {
    /// Opens the gateway.
    ///
    /// # Errors
    /// When no client can be made on this machine.
    pub fn new(access: StripeAccess) -> Result<Self, anyhow::Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::client_config()?)
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, access })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
        key: Option<String>,
    ) -> Result<Reply, GatewayError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let url = format!("{}/v1/{path}", self.access.url);
        let mut request = self
            .client
            .request(method, url)
            .bearer_auth(&self.access.secret_key)
            .header("stripe-version", VERSION)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let in_doubt = |error: reqwest::Error| {
            let error = error.without_url();
            GatewayError::InDoubt(format!("no answer: {error}"))
        };
        let answer = request.send().await.map_err(in_doubt)?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.map_err(in_doubt)?;
        // A key that is in use, a limit, and a fault of Stripe's say nothing of the charge.
        if status >= 500 || [409, 429].contains(&status) {
            return Err(GatewayError::InDoubt(format!("the answer was {status}")));
        }
        let body = serde_json::from_slice(&bytes)
            .map_err(|_| GatewayError::InDoubt(format!("{status} without JSON")))?;
        Ok(Reply { status, body })
    }

    /// Returns how the customer pays, or why nothing can be asked of Stripe.
    fn payment_method(charge: &Charge) -> Result<String, GatewayError> {
        if COUNTED_OTHERWISE.contains(&&*charge.currency) {
            let why = format!("Stripe counts {} in other units than this server", charge.currency);
            return Err(GatewayError::Refused(why));
        }
        let options = charge.options.as_deref().map(serde_json::from_str::<StripeOptions>);
        let Some(Ok(StripeOptions { payment_method })) = options else {
            return Err(GatewayError::Refused("no paymentMethod was named".into()));
        };
        Ok(payment_method)
    }

    async fn create(&self, charge: &Charge) -> Result<ChargeAnswer, GatewayError> {
        let payment_method = Self::payment_method(charge)?;
        let (amount, payment) = (charge.amount.to_string(), charge.payment.to_string());
        let currency = charge.currency.to_ascii_lowercase();
        let mut form = vec![
            ("amount", &*amount),
            ("currency", &*currency),
            ("capture_method", "manual"),
            ("confirm", "true"),
            ("metadata[payment]", &*payment),
        ];
        if payment_method.starts_with("pm_") {
            form.push(("payment_method", &payment_method));
        } else {
            form.push(("payment_method_types[]", &payment_method));
            form.push(("payment_method_data[type]", &payment_method));
        }
        if let Some(url) = &charge.return_url {
            form.push(("return_url", url));
        }
        let key = Some(format!("{payment}-start"));
        let reply = self.send(Method::POST, "payment_intents", &form, key).await?;
        match reply.status {
            _ if reply.is_success() => intent(&reply.body),
            // A decline has the intent inside the error.
            402 => Ok(ChargeAnswer {
                status: ChargeStatus::Declined { reason: reason(&reply.body["error"]) },
                reference: text(&reply.body["error"]["payment_intent"]["id"]),
                redirect_url: None,
                amount: charge.amount,
                currency: charge.currency.clone(),
            }),
            status => Err(refused(status, &reply.body)),
        }
    }

    async fn read(&self, reference: &str) -> Result<ChargeAnswer, GatewayError> {
        let path = format!("payment_intents/{}", path_part(reference));
        let reply = self.send(Method::GET, &path, &[], None).await?;
        match reply.status {
            _ if reply.is_success() => intent(&reply.body),
            // The intent was made, so an error to read it is no word on the money.
            status => Err(GatewayError::InDoubt(format!("the answer was {status}"))),
        }
    }

    /// Without Stripe's id, because its answer was lost, the same request brings it again.
    async fn find(&self, charge: &Charge) -> Result<ChargeAnswer, GatewayError> {
        match &charge.reference {
            Some(reference) => self.read(reference).await,
            None => self.create(charge).await,
        }
    }

    /// Posts a step of an intent; returns the reply, and how far the intent is if it was refused.
    async fn step(
        &self,
        charge: &Charge,
        step: &str,
    ) -> Result<Result<(), (GatewayError, ChargeStatus)>, GatewayError> {
        let reference = match &charge.reference {
            Some(reference) => reference.clone(),
            None => {
                let found = self.create(charge).await?;
                let missing = || GatewayError::InDoubt("the intent has no id".into());
                found.reference.ok_or_else(missing)?
            }
        };
        let path = format!("payment_intents/{}/{step}", path_part(&reference));
        let key = Some(format!("{}-{step}", charge.payment));
        let reply = self.send(Method::POST, &path, &[], key).await?;
        if reply.is_success() {
            return Ok(Ok(()));
        }
        let refused = refused(reply.status, &reply.body);
        Ok(Err((refused, self.read(&reference).await?.status)))
    }

    async fn take(&self, charge: &Charge) -> Result<(), GatewayError> {
        match self.step(charge, "capture").await? {
            Ok(()) | Err((_, ChargeStatus::Captured)) => Ok(()),
            Err((refused, _)) => Err(refused),
        }
    }

    async fn let_go(&self, charge: &Charge) -> Result<Void, GatewayError> {
        match self.step(charge, "cancel").await? {
            Ok(()) | Err((_, ChargeStatus::Voided)) => Ok(Void::Done),
            Err((_, ChargeStatus::Captured)) => Ok(Void::Captured),
            Err((refused, _)) => Err(refused),
        }
    }

    async fn give_back(&self, refund: &Refund) -> Result<GivenBack, GatewayError> {
        let missing = || GatewayError::Refused("Stripe's id of the charge is not known".into());
        let intent = refund.reference.as_deref().ok_or_else(missing)?;
        let key = format!("{}-{}", refund.id, refund.retries);
        if let Some(found) = self.find_refund(intent, &key).await? {
            return refund_answer(&found);
        }
        let (amount, payment) = (refund.amount.to_string(), refund.payment.to_string());
        let form = [
            ("payment_intent", intent),
            ("amount", &*amount),
            ("metadata[payment]", &*payment),
            ("metadata[refund]", &*key),
        ];
        let reply = self.send(Method::POST, "refunds", &form, Some(key.clone())).await?;
        match reply.is_success() {
            true => refund_answer(&reply.body),
            false => Err(refused(reply.status, &reply.body)),
        }
    }

    /// Returns the refund that was made under this key: Stripe forgets keys after some days, and its
    /// answer to a repeated request is the first one, however far the refund has come since.
    async fn find_refund(&self, intent: &str, key: &str) -> Result<Option<Value>, GatewayError> {
        let path = format!("refunds?payment_intent={}&limit=100", path_part(intent));
        let reply = self.send(Method::GET, &path, &[], None).await?;
        let list = reply.body["data"].as_array().filter(|_| reply.is_success());
        let unreadable = || GatewayError::InDoubt(format!("{} without refunds", reply.status));
        let list = list.ok_or_else(unreadable)?;
        Ok(list.iter().find(|made| made["metadata"]["refund"] == *key).cloned())
    }
}

/// Ids of Stripe are letters, digits and `_`; others are no part of a path.
fn path_part(reference: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    reference.chars().filter(is_plain).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Returns the stable word for a decline.
fn reason(error: &Value) -> String {
    let words = [&error["decline_code"], &error["code"], &error["type"]];
    words.into_iter().find_map(text).unwrap_or_else(|| "declined".into())
}

fn refund_answer(body: &Value) -> Result<GivenBack, GatewayError> {
    match body["status"].as_str() {
        Some("succeeded") => Ok(GivenBack::Done),
        Some("failed" | "canceled") => {
            let why = text(&body["failure_reason"]).unwrap_or_else(|| "the refund failed".into());
            Err(GatewayError::Refused(why))
        }
        // pending, requires_action, and words to come.
        _ => Ok(GivenBack::Pending),
    }
}

fn refused(status: u16, body: &Value) -> GatewayError {
    let why = text(&body["error"]["code"]).or_else(|| text(&body["error"]["type"]));
    GatewayError::Refused(format!("{status} {}", why.unwrap_or_default()))
}

fn intent(body: &Value) -> Result<ChargeAnswer, GatewayError> {
    let unreadable = |what: &str| GatewayError::InDoubt(format!("an intent without {what}"));
    let error = &body["last_payment_error"];
    let status = match body["status"].as_str().ok_or_else(|| unreadable("status"))? {
        "requires_capture" => ChargeStatus::Authorized,
        "succeeded" => ChargeStatus::Captured,
        "canceled" => ChargeStatus::Voided,
        "requires_payment_method" => ChargeStatus::Declined { reason: reason(error) },
        // requires_action, requires_confirmation, processing, and words to come.
        _ => ChargeStatus::Pending,
    };
    Ok(ChargeAnswer {
        status,
        reference: Some(text(&body["id"]).ok_or_else(|| unreadable("id"))?),
        redirect_url: text(&body["next_action"]["redirect_to_url"]["url"]),
        amount: body["amount"].as_i64().ok_or_else(|| unreadable("amount"))?,
        currency: text(&body["currency"])
            .ok_or_else(|| unreadable("currency"))?
            .to_ascii_uppercase(),
    })
}

impl PaymentGateway for Stripe {
    fn start<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.find(charge).boxed()
    }

    fn look<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        // An earlier request may have made the charge: a refusal of this one is no word on it.
        let in_doubt = |error| match error {
            GatewayError::Refused(why) => GatewayError::InDoubt(why),
            error @ GatewayError::InDoubt(_) => error,
        };
        async move {
            if charge.reference.is_none() {
                Self::payment_method(charge)?;
            }
            self.find(charge).await.map_err(in_doubt)
        }
        .boxed()
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
        let secret = self.access.webhook_secret.as_deref().ok_or(BadNotification::NotSent)?;
        signature::verify_stripe(secret.as_bytes(), headers, body, now)?;
        let body: Value = serde_json::from_slice(body).map_err(|_| BadNotification::Body)?;
        let need = |value: &Value| text(value).ok_or(BadNotification::Body);
        let (id, kind) = (need(&body["id"])?, need(&body["type"])?);
        let object = &body["data"]["object"];
        let about = match object["object"].as_str() {
            Some("payment_intent") => Some(NotifiedCharge {
                payment: object["metadata"]["payment"].as_str().and_then(|id| id.parse().ok()),
                reference: need(&object["id"])?,
                money: (
                    object["amount"].as_i64().ok_or(BadNotification::Body)?,
                    need(&object["currency"])?.to_ascii_uppercase(),
                ),
            }),
            _ => None,
        };
        Ok(Notification { id, kind, about })
    }
}
