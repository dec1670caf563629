//! Notifications of gateways. One changes nothing by itself: after its signature is proved, it makes
//! the payment look at its gateway again, so that a notification that is old, repeated or out of order
//! does no harm. One that fits no payment, or names another amount, is parked.

use super::gateway::{BadNotification, Headers, Notification, NotifiedCharge};
use super::{Method, Payments, Simulator};
use crate::ids::PaymentId;
use crate::store::{Noted, NotificationRow, PaymentRow, StoreError};

/// Why a notification was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// There is no gateway of this name here.
    #[error("there is no such gateway")]
    NoSuchGateway,
    /// It is not to be trusted, or not to be understood.
    #[error(transparent)]
    Bad(#[from] BadNotification),
    /// The gateway has to send it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Payments {
    /// Takes a notification that a gateway sent: `body` as it came, byte by byte. What it leads to
    /// happens after the answer, so that the gateway does not wait for it.
    ///
    /// # Errors
    /// [`NotificationError`].
    pub async fn receive(
        &self,
        gateway: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> Result<(), NotificationError> {
        let method = Method::parse(gateway);
        let found = method.and_then(|method| self.gateway(method));
        let (Some(method), Some(gateway)) = (method, found) else {
            return Err(NotificationError::NoSuchGateway);
        };
        let now = self.clock.now_ms();
        let notification = gateway.read_notification(headers, body, now)?;
        let (row, reason) = match &notification.about {
            Some(about) => match about.payment {
                Some(id) => self.payment_of(method, id, about).await?,
                // A charge of another program, which has the same account at the gateway.
                None => return Ok(()),
            },
            None => (None, None),
        };
        if let (Some(row), Some(about)) = (&row, &notification.about) {
            // Before it is noted: an interruption in between leads to the same once more.
            if let Some(reason) = &reason {
                self.store.payment_park(row.id, reason, now).await?;
            } else {
                self.store.payment_look_again(row.id, &about.reference, now).await?;
            }
        }
        let noted = self.note(method, &notification, (row.as_ref(), reason), body).await?;
        if noted == Noted::First
            && let Some(row) = row
        {
            self.drive_soon(row);
        }
        Ok(())
    }

    /// Returns the payment, and what is wrong with the notification.
    async fn payment_of(
        &self,
        method: Method,
        id: PaymentId,
        about: &NotifiedCharge,
    ) -> Result<(Option<PaymentRow>, Option<String>), StoreError> {
        let found = self.store.payment_get(id).await?.filter(|row| row.method == method);
        let Some(row) = found else {
            return Ok((None, Some("there is no such payment".into())));
        };
        let is_other =
            row.gateway.reference.as_ref().is_some_and(|known| *known != about.reference);
        if is_other {
            return Ok((None, Some("the payment has another charge".into())));
        }
        let (amount, currency) = &about.money;
        if (*amount, currency) != (row.amount, &row.currency) {
            let reason = format!(
                "a notification says {amount} {currency}, and {} {} were asked for",
                row.amount, row.currency
            );
            return Ok((Some(row), Some(reason)));
        }
        Ok((Some(row), None))
    }

    async fn note(
        &self,
        method: Method,
        notification: &Notification,
        (row, reason): (Option<&PaymentRow>, Option<String>),
        body: &[u8],
    ) -> Result<Noted, StoreError> {
        if let Some(reason) = &reason {
            tracing::warn!(
                gateway = method.as_str(),
                id = notification.id,
                reason,
                "a notification is parked"
            );
        }
        let body = reason.is_some().then(|| String::from_utf8_lossy(body).into_owned());
        let row = NotificationRow {
            gateway: method.as_str().into(),
            id: notification.id.clone(),
            kind: notification.kind.clone(),
            payment: row.map(|row| row.id),
            parked_reason: reason,
            body,
            received_at: self.clock.now_ms(),
        };
        self.store.gateway_notification_note(&row).await
    }

    /// Drives a payment in the background; the recovery scan does if this process stops.
    pub(super) fn drive_soon(&self, row: PaymentRow) {
        let payments = self.clone();
        self.runtime.spawn(async move {
            let payment = row.id;
            let found = match payments.read(&row).await {
                Ok(found) => found,
                Err(_) => row,
            };
            if let Err(error) = payments.drive(found).await {
                tracing::debug!(%payment, %error, "a notified payment did not succeed");
            }
        });
    }

    /// Sends the notifications of the simulator that are due, by the way that all notifications come.
    pub async fn send_simulated(&self) {
        let Some(simulator) = &self.simulator else { return };
        if let Err(error) = self.send_from(simulator).await {
            tracing::debug!(%error, "the simulator could not notify");
        }
    }

    async fn send_from(&self, simulator: &Simulator) -> Result<(), NotificationError> {
        for sent in simulator.take_notifications().await? {
            let header = |name: &str| {
                let found = sent.headers.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.clone())
            };
            self.receive(Method::Simulator.as_str(), &header, &sent.body).await?;
        }
        Ok(())
    }
}
