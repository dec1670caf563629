//! What a payment asks of a gateway, an outside party that moves money. The wallet is none: its money
//! moves in the database, in one transaction with the payment.
//!
//! Every method may be repeated and takes effect once: the id of the payment, or of the refund, goes
//! along as the idempotency key. An answer that may have been lost is [`GatewayError::InDoubt`], never
//! a refusal: the caller looks again until it knows.

mod manual;
mod signature;
pub mod simulator;
mod stripe;

use std::fmt;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::ids::PaymentId;
use crate::inventory::{Minor, TimestampMs};

pub use manual::Manual;
pub use simulator::Simulator;
pub use stripe::{Stripe, StripeAccess, StripeOptions};

/// Money to set aside and take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The payment; the idempotency key of everything that is asked for it.
    pub payment: PaymentId,
    /// The gateway's own id of the charge, once it is known.
    pub reference: Option<String>,
    /// The amount in minor units.
    pub amount: Minor,
    /// The currency, as an ISO 4217 code.
    pub currency: String,
    /// Where the gateway sends the customer back to.
    pub return_url: Option<String>,
    /// What the customer asked of this gateway, as JSON.
    pub options: Option<String>,
    /// Until when the payment waits for the money.
    pub deadline: TimestampMs,
}

/// Money to give back of a captured charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The id of the refund; with `retries`, its idempotency key.
    pub id: Uuid,
    /// How often it was refused and asked for again.
    pub retries: i32,
    /// The payment that took the money.
    pub payment: PaymentId,
    /// The gateway's own id of the charge.
    pub reference: Option<String>,
    /// The amount in minor units: the whole of the charge, or a part.
    pub amount: Minor,
    /// The currency, as an ISO 4217 code.
    pub currency: String,
}

/// How far a charge has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeStatus {
    /// The gateway has no such charge.
    Unknown,
    /// The customer or the bank has to act, or the gateway works.
    Pending,
    /// The money is set aside.
    Authorized,
    /// The money is taken.
    Captured,
    /// The gateway, or the customer's bank, refuses; no money moved.
    Declined {
        /// A stable word of the gateway's.
        reason: String,
    },
    /// The money that was set aside was let go.
    Voided,
}

/// What a gateway says of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeAnswer {
    /// How far it has come.
    pub status: ChargeStatus,
    /// The gateway's own id of it.
    pub reference: Option<String>,
    /// Where the customer has to go.
    pub redirect_url: Option<String>,
    /// The amount that the gateway has noted, to be compared with what was asked.
    pub amount: Minor,
    /// The currency that it has noted.
    pub currency: String,
}

/// The result of letting a charge go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// No money is set aside, nor ever will be.
    Done,
    /// The money is taken: only a refund gives it back.
    Captured,
}

/// How far money is on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenBack {
    /// It is back, or nothing can hold it up.
    Done,
    /// The gateway or a person is at work: ask again.
    Pending,
}

/// Why a gateway gave no answer that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// Money may have moved, or not: look again.
    #[error("the outcome at the gateway is not known: {0}")]
    InDoubt(String),
    /// The gateway refuses, for certain; nothing moved.
    #[error("the gateway refuses: {0}")]
    Refused(String),
}

/// What a notification of a gateway says, once its signature is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The gateway's id of the notification.
    pub id: String,
    /// Its kind, in the gateway's words.
    pub kind: String,
    /// What it says of which charge; `None` for kinds that concern no charge.
    pub about: Option<NotifiedCharge>,
}

/// The charge that a notification concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifiedCharge {
    /// The payment, if the gateway was told of it: it may have charges of other programs.
    pub payment: Option<PaymentId>,
    /// The gateway's own id of the charge.
    pub reference: String,
    /// The amount and the currency as the gateway has noted them.
    pub money: (Minor, String),
}

/// Why a notification is not heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNotification {
    /// A header is missing or malformed, or the signature is another's.
    #[error("the signature is not valid")]
    Signature,
    /// It was signed too long ago, or in the future.
    #[error("the signature is too old, or from the future")]
    Time,
    /// The signature is right, and the body is not what was agreed.
    #[error("the body is not a notification")]
    Body,
    /// This gateway sends none.
    #[error("this gateway sends no notifications")]
    NotSent,
}

/// Reads a header of a notification by its name in lower case.
pub type Headers<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// The answer of a gateway.
pub type Answered<'a, T> = BoxFuture<'a, Result<T, GatewayError>>;

/// A party that moves money.
pub trait PaymentGateway: Send + Sync + fmt::Debug {
    /// Sets the money aside, or begins to.
    fn start<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer>;

    /// Returns how far a charge has come.
    fn look<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer>;

    /// Takes the money that is set aside. A charge that is captured already stays so.
    fn capture<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ()>;

    /// Lets the money go that is set aside, or is about to be.
    fn void<'a>(&'a self, charge: &'a Charge) -> Answered<'a, Void>;

    /// Gives money back.
    fn refund<'a>(&'a self, refund: &'a Refund) -> Answered<'a, GivenBack>;

    /// Reads a notification: proves its signature over the raw body, and its time against `now`.
    ///
    /// # Errors
    /// [`BadNotification`].
    fn read_notification(
        &self,
        _headers: Headers<'_>,
        _body: &[u8],
        _now: TimestampMs,
    ) -> Result<Notification, BadNotification> {
        Err(BadNotification::NotSent)
    }

    /// The longest pause between two looks at a payment, in ms; `None` where nothing is learned by
    /// looking.
    fn look_after_ms(&self) -> Option<i64> {
        Some(60_000)
    }
}
