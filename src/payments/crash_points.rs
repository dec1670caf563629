//! Points at which a payment can be made to stop dead, to show that it is found and brought to its
//! end.

use std::fmt;
use std::sync::Arc;

use super::PaymentError;
use crate::ids::PaymentId;

/// A step of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// The payment's row is written.
    Create,
    /// The box office is notified that a payment is in progress.
    Begin,
    /// The box office keeps the pay window open for a manual payment.
    Defer,
    /// The payment's row says that the gateway is about to be asked.
    Await,
    /// The gateway is asked to set the money aside.
    Start,
    /// The gateway is asked how far the charge has come.
    Look,
    /// The money is set aside; where a gateway does that, the payment's row says that it has.
    Authorize,
    /// The box office confirms the reservation.
    Confirm,
    /// The box office is notified that the payment failed.
    Fail,
    /// The refusal is recorded in the payment's row.
    Refuse,
    /// The gateway takes the money.
    Capture,
    /// The payment's row says that the gateway has taken the money.
    Taken,
    /// The gateway is told to let the money go.
    LetGo,
    /// The money goes back, since the reservation was not confirmed; where a gateway does that, the
    /// payment's row says that it has.
    Void,
    /// The gateway is asked to give money back.
    AskRefund,
    /// Money goes back, since a part of the reservation or all of it was cancelled after it was paid.
    Refund,
}

impl Edge {
    /// All steps, in the order in which payments reach them.
    pub const ALL: [Self; 16] = [
        Self::Create,
        Self::Begin,
        Self::Defer,
        Self::Await,
        Self::Start,
        Self::Look,
        Self::Authorize,
        Self::Confirm,
        Self::Fail,
        Self::Refuse,
        Self::Capture,
        Self::Taken,
        Self::LetGo,
        Self::Void,
        Self::AskRefund,
        Self::Refund,
    ];
}

/// The side of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The step was not attempted.
    Before,
    /// The step took effect, and its result was lost.
    After,
}

type Crash = dyn Fn(PaymentId, Edge, Side) -> bool + Send + Sync;

/// Selects the points at which to stop. In production, none.
#[derive(Clone, Default)]
pub struct CrashPoints(Option<Arc<Crash>>);

impl CrashPoints {
    /// Never stops.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Stops wherever `crash` returns true.
    pub fn new(crash: impl Fn(PaymentId, Edge, Side) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(crash)))
    }

    pub(super) fn pass(
        &self,
        payment: PaymentId,
        edge: Edge,
        side: Side,
    ) -> Result<(), PaymentError> {
        match &self.0 {
            Some(crash) if crash(payment, edge, side) => Err(PaymentError::Interrupted),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for CrashPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CrashPoints").field(&self.0.is_some()).finish()
    }
}
