//! The recovery scan: finds payments that no driver continues any more, no matter what stopped
//! them, and brings them to their end; also begins automatic payments that were left, and pays back the
//! refunds that are due.

use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{PaymentError, Payments, metrics};
use crate::store::{PaymentRow, StoreError};

/// Payments that a scan drives at a time.
const AT_ONCE: usize = 8;

/// A running scan. Stop it before the box offices are stopped.
#[derive(Debug)]
pub struct Recovery {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Recovery {
    /// Starts no more payments, and waits for those under way.
    pub async fn stop(self) {
        // The scan may have ended by itself, with the runtime.
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

impl Payments {
    /// Scans now and at every scan interval, until the scan is stopped.
    #[must_use]
    pub fn spawn_recovery(&self) -> Recovery {
        let (stop, mut stopped) = watch::channel(false);
        let payments = self.clone();
        let task = self.runtime.spawn(async move {
            let mut interval = tokio::time::interval(payments.pace.scan_interval);
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    // An error means that the `Recovery` that could stop the scan is dropped.
                    _ = stopped.wait_for(|stop| *stop) => return,
                    _ = interval.tick() => {}
                }
                payments.send_simulated().await;
                payments.scan_until_done(&stopped).await;
            }
        });
        Recovery { stop, task }
    }

    /// Takes on the payments, the automatic ones that are not begun, and the refunds that are due, one
    /// page of each; returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`] when the payments cannot be read. An error of one payment is logged, and that
    /// payment is tried again later.
    pub async fn recover_due(&self) -> Result<usize, StoreError> {
        let limit = i64::from(self.pace.scan_limit);
        let now = self.clock.now_ms();
        let due = self.store.payment_claim_due(now, self.timeout_ms(), limit).await?;
        let count = due.len();
        stream::iter(due).for_each_concurrent(AT_ONCE, |row| self.recover(row)).await;
        let intents = self.store.auto_payment_claim_due(now, self.timeout_ms(), limit).await?;
        let count = count + intents.len();
        stream::iter(intents).for_each_concurrent(AT_ONCE, |row| self.recover_intent(row)).await;
        let refunds = self.store.refund_claim_due(now, self.timeout_ms(), limit).await?;
        let count = count + refunds.len();
        stream::iter(refunds).for_each_concurrent(AT_ONCE, |row| self.recover_refund(row)).await;
        Ok(count)
    }

    async fn scan_until_done(&self, stopped: &watch::Receiver<bool>) {
        while !*stopped.borrow() {
            match self.recover_due().await {
                Ok(count) if count >= usize::from(self.pace.scan_limit) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, "could not look for payments to recover");
                    return;
                }
            }
        }
    }

    async fn recover(&self, row: PaymentRow) {
        let (payment, attempts) = (row.id, row.attempts);
        match self.drive(row).await {
            Ok(outcome) if outcome.pending.is_some() => metrics::recovered("waiting"),
            Ok(_) => metrics::recovered("paid"),
            Err(
                PaymentError::Rejected(_)
                | PaymentError::InsufficientBalance
                | PaymentError::Declined { .. },
            ) => {
                metrics::recovered("refused");
            }
            Err(error) => {
                metrics::recovered("unavailable");
                tracing::warn!(%payment, attempts, %error, "payment not recovered yet");
            }
        }
    }
}
