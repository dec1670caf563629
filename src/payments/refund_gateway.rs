//! How a gateway is asked to give money back.

use std::sync::Arc;

use crate::store::{PaymentRow, RefundRow};

/// What a gateway answers when it is asked to give money back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayAnswer {
    /// The money is back.
    Done,
    /// It is asked again later.
    Pending,
    /// It will not give the money back, for this reason.
    Refused(String),
}

/// Asks a gateway to give money back; idempotent by the refund's id.
pub(super) type RefundGateway = Arc<dyn Fn(&PaymentRow, &RefundRow) -> GatewayAnswer + Send + Sync>;
