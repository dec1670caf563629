//! Payments: money against a reservation, so that there is either a confirmed reservation and one
//! debit, or neither, no matter what fails in between.
//!
//! The steps are begin (the box office), authorize (the wallet or a gateway), confirm (the box office);
//! the row of the journal that confirms closes the payment as well, and then a gateway captures. The
//! payment's row and the journal record the steps that are done; each step can be repeated and takes
//! effect once. So nothing is
//! locked while a payment is under way: any number of attempts, by the client or by the recovery
//! scan, may drive the same payment at a time. Refunds of captured payments are rows of their own,
//! written with the row of the journal that calls for them.
//!
//! Payments never take an amount from a client, and never give money back unless the journal
//! records that the payment is over.

mod administration;
mod automatic;
mod charging;
mod crash_points;
mod creating;
mod error;
pub mod gateway;
mod metrics;
mod notifications;
mod recovery;
mod refunds;
mod return_urls;
mod saga;

pub use error::PaymentError;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex;

pub use crate::store::PaymentMethod as Method;
pub use administration::may_be_settled_by_hand;
pub use crash_points::{CrashPoints, Edge, Side};
pub use metrics::{backlog as measure_backlog, describe as describe_metrics};
pub use notifications::NotificationError;
pub use recovery::Recovery;
pub use return_urls::ReturnUrls;

use crate::box_office::{BoxOffices, SubmitError};
use crate::clock::Clock;
use crate::ids::{OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::{Minor, TimestampMs};
use crate::payments::error::interrupted;
use crate::payments::gateway::{Manual, PaymentGateway, Simulator};
use crate::store::Store;
use crate::trace;

/// A payment that reached its end, or waits for its gateway; it may have been refunded since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentOutcome {
    /// The payment.
    pub payment: PaymentId,
    /// The reservation that it paid for.
    pub reservation: ReservationId,
    /// The event.
    pub offering: OfferingId,
    /// How it was paid.
    pub method: Method,
    /// The amount taken, in minor units.
    pub amount: Minor,
    /// The currency, as an ISO 4217 code.
    pub currency: String,
    /// The sum that went back since, in minor units.
    pub refunded: Minor,
    /// Set while the gateway is at work: the reservation is not confirmed yet.
    pub pending: Option<Waiting>,
}

/// A payment that waits for its gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Where the customer has to go.
    pub redirect_url: Option<String>,
    /// Until when the gateway may take.
    pub deadline: Option<TimestampMs>,
}

/// How to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayBy {
    /// The method.
    pub method: Method,
    /// What the gateway is asked for, as JSON.
    pub options: Option<String>,
    /// Where the gateway sends the customer back to; the caller has checked it, see [`ReturnUrls`].
    pub return_url: Option<String>,
}

impl From<Method> for PayBy {
    fn from(method: Method) -> Self {
        Self { method, options: None, return_url: None }
    }
}

impl From<SubmitError> for PaymentError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => Self::Rejected(rejection),
            SubmitError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

/// When payments that are not at their end are continued.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long a payment may be under way before the recovery scan takes it on; also the scan's
    /// first pause between two attempts, which doubles each time.
    pub timeout: Duration,
    /// How often the scan runs.
    pub scan_interval: Duration,
    /// How many payments one scan takes on at a time.
    pub scan_limit: u16,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            scan_interval: Duration::from_millis(500),
            scan_limit: 64,
        }
    }
}

/// So many customers at most begin payments by hand at the same time.
const TURNS: usize = 64;

/// Makes payments.
#[derive(Clone)]
pub struct Payments {
    store: Store,
    offices: Arc<BoxOffices>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    crash_points: CrashPoints,
    gateways: Arc<Vec<(Method, Arc<dyn PaymentGateway>)>>,
    simulator: Option<Simulator>,
    return_urls: Arc<ReturnUrls>,
    /// How long an administrator may take to say that a manual payment has come.
    manual_deadline: Duration,
    /// Turns of customers who pay by hand, by a part of their ids.
    turns: Arc<[Mutex<()>; TURNS]>,
    /// Runs the payments, so that a client that disconnects does not leave one halfway.
    runtime: Handle,
}

impl Payments {
    /// Returns payments that run on the current tokio runtime.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    #[must_use]
    pub fn new(store: Store, offices: Arc<BoxOffices>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            offices,
            clock,
            pace: Pace::default(),
            crash_points: CrashPoints::none(),
            gateways: Arc::default(),
            simulator: None,
            return_urls: Arc::default(),
            manual_deadline: Duration::from_secs(3 * 86_400),
            turns: Arc::new(std::array::from_fn(|_| Mutex::new(()))),
            runtime: Handle::current(),
        }
    }

    /// Sets another pace.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Accepts new payments by a gateway as well.
    #[must_use]
    pub fn with_gateway(mut self, method: Method, gateway: Arc<dyn PaymentGateway>) -> Self {
        let mut gateways = self.gateways.to_vec();
        gateways.retain(|(known, _)| *known != method);
        gateways.push((method, gateway));
        self.gateways = Arc::new(gateways);
        self
    }

    /// Accepts new payments by the simulator, and passes its notifications on.
    #[must_use]
    pub fn with_simulator(mut self, simulator: Simulator) -> Self {
        self.simulator = Some(simulator.clone());
        self.with_gateway(Method::Simulator, Arc::new(simulator))
    }

    /// Accepts new payments by bank transfer or at the till, each for so long.
    #[must_use]
    pub fn with_manual(mut self, deadline: Duration) -> Self {
        self.manual_deadline = deadline;
        self.with_gateway(Method::Manual, Arc::new(Manual))
    }

    /// Allows gateways to send customers back to these pages.
    #[must_use]
    pub fn with_return_urls(mut self, urls: ReturnUrls) -> Self {
        self.return_urls = Arc::new(urls);
        self
    }

    /// Returns the simulator, if it is offered.
    #[must_use]
    pub fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_ref()
    }

    /// Returns the pages to which gateways may send customers back.
    #[must_use]
    pub fn return_urls(&self) -> &ReturnUrls {
        &self.return_urls
    }

    /// True if new payments by this method are accepted.
    #[must_use]
    pub fn offers(&self, method: Method) -> bool {
        match method {
            Method::Wallet => true,
            Method::Demo => false,
            Method::Simulator | Method::Manual | Method::Stripe => self.gateway(method).is_some(),
        }
    }

    fn gateway(&self, method: Method) -> Option<&dyn PaymentGateway> {
        let mut all = self.gateways.iter();
        all.find(|(known, _)| *known == method).map(|(_, gateway)| gateway.as_ref())
    }

    /// Injects faults: a payment stops dead at each point that `crash_points` selects, as if the
    /// process had died there.
    #[must_use]
    pub fn with_crash_points(mut self, crash_points: CrashPoints) -> Self {
        self.crash_points = crash_points;
        self
    }

    /// Pays for a reservation of `user`, or continues the payment that `key` has begun, or returns
    /// its outcome again. A refusal is not remembered: the same key may try again.
    ///
    /// # Errors
    /// [`PaymentError`]: the payment was refused, or is not at its end yet.
    pub async fn pay(
        &self,
        user: UserId,
        reservation: ReservationId,
        pay_by: impl Into<PayBy>,
        key: &str,
    ) -> Result<PaymentOutcome, PaymentError> {
        let pay_by = pay_by.into();
        if !self.offers(pay_by.method) {
            return Err(PaymentError::MethodUnavailable);
        }
        let payments = self.clone();
        let key = key.to_owned();
        let paying = self.runtime.spawn(trace::within(trace::current(), async move {
            let row = payments.find_or_create(user, reservation, &pay_by, &key).await?;
            payments.drive(row).await
        }));
        // A panic, or a runtime that stops, leaves the payment to the recovery scan.
        paying.await.unwrap_or_else(|_| Err(interrupted()))
    }

    fn timeout_ms(&self) -> i64 {
        i64::try_from(self.pace.timeout.as_millis()).unwrap_or(i64::MAX / 1_024)
    }
}
