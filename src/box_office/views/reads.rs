//! Reads: from the view that an owner publishes here or over the feed, from the owner's own state,
//! or from the store if the offering has no owner. In a cluster no read takes an offering over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{oneshot, watch};

use crate::box_office::office::batch::{Query, Work};
use crate::box_office::permits::Urgency;
use crate::box_office::{BoxOffices, Unavailable, View};
use crate::ids::{HoldId, OfferingId, SeatId, Seq};
use crate::inventory::{
    EndedEntryView, HoldStatus, HoldView, Inventory, Line, SeatView, TimestampMs, WaitlistView,
};

impl BoxOffices {
    /// Returns the published view of an offering that is live here; reads from nowhere else.
    pub fn published(&self, offering: OfferingId) -> Option<Arc<View>> {
        self.handle(offering).and_then(|handle| handle.view.load_full())
    }

    /// Returns the published view of a live offering, on this or another instance, or a view folded
    /// from the store for a sleeping one. For an offering that is live here it is the last view;
    /// any other view was the last within the last two seconds.
    ///
    /// # Errors
    /// [`Unavailable::NoSuchOffering`], or another reason if the store cannot be read.
    pub async fn view(&self, offering: OfferingId) -> Result<Arc<View>, Unavailable> {
        if let Some(handle) = self.handle(offering)
            && let Some(view) = handle.view.load_full()
        {
            if self.shared().cluster.still_counts(handle.verified_at_ms.load(Ordering::Relaxed)) {
                return Ok(view);
            }
            // This instance's lease has lapsed since ownership was last proven: an owner that was
            // paused must not go on showing its old view.
            if self.look(offering, Urgency::Common, |_| ()).await.is_ok()
                && let Some(view) = handle.view.load_full()
            {
                return Ok(view);
            }
        }
        if self.shared().cluster.is_alone() || self.is_live(offering) {
            return Ok(Arc::clone(&self.cold().get(self.shared(), offering).await?.view));
        }
        self.followed_view(offering).await
    }

    /// Returns a view that includes a journal row known to be durable: the reply of an owner on
    /// another instance may be newer than the view shown here.
    ///
    /// # Errors
    /// As for [`Self::view`].
    pub async fn view_after(
        &self,
        offering: OfferingId,
        row: Seq,
    ) -> Result<Arc<View>, Unavailable> {
        let view = self.view(offering).await?;
        if view.seq >= row {
            return Ok(view);
        }
        if !self.shared().cluster.is_alone() && !self.is_live(offering) {
            self.refresh(offering).await;
            let view = self.view(offering).await?;
            if view.seq >= row {
                return Ok(view);
            }
        }
        // The offering is between two owners, or its owner does not answer: the store has the row.
        Ok(Arc::clone(&self.cold().at_least(self.shared(), offering, row).await?.view))
    }

    /// Returns a view that includes the seats of these lines: the reply of an owner on another
    /// instance may be newer than the view shown here.
    ///
    /// # Errors
    /// As for [`Self::view`].
    pub async fn view_covering(
        &self,
        offering: OfferingId,
        lines: &[Line],
    ) -> Result<Arc<View>, Unavailable> {
        let view = self.view(offering).await?;
        let mut seats = lines.iter().flat_map(|line| line.seats.iter());
        if self.shared().cluster.is_alone() || seats.all(|seat| view.has_seat(*seat)) {
            return Ok(view);
        }
        self.refresh(offering).await;
        self.view(offering).await
    }

    /// Subscribes to the views of an offering. A process that is alone wakes the offering for that;
    /// in a cluster its owner is followed, or the store if it has no owner. The channel closes when
    /// the box office closes, or when the offering moves to this instance: the caller then
    /// subscribes again.
    ///
    /// # Errors
    /// As for [`Self::view`].
    pub async fn watch(
        &self,
        offering: OfferingId,
    ) -> Result<watch::Receiver<Arc<View>>, Unavailable> {
        let handle = self.handle(offering);
        let here = handle.is_some_and(|handle| handle.views.get().is_some());
        if !here && !self.shared().cluster.is_alone() {
            return self.followed_views(offering).await;
        }
        self.look(offering, Urgency::Common, |_| ()).await?;
        let handle = self.handle(offering);
        let views = handle.as_ref().and_then(|handle| handle.views.get());
        views.map(watch::Sender::subscribe).ok_or(Unavailable::Recovering)
    }

    /// Returns a hold by the wall clock: one past its deadline is shown as expired even if no due
    /// work has run yet.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn hold(
        &self,
        offering: OfferingId,
        hold: HoldId,
    ) -> Result<Option<HoldView>, Unavailable> {
        let now = self.now().unwrap_or(TimestampMs::MIN);
        let mut found = if self.shared().cluster.is_alone() || self.is_live(offering) {
            self.read(offering, move |inventory| inventory.hold(hold)).await?
        } else {
            self.hold_of_owner(offering, hold).await?
        };
        if let Some(hold) = &mut found
            && matches!(hold.status, HoldStatus::Active | HoldStatus::Offered)
            && hold.expires_at <= now
        {
            hold.status = HoldStatus::Expired;
        }
        Ok(found)
    }

    /// Returns an entry of the waitlist.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn waitlist_entry(
        &self,
        offering: OfferingId,
        entry: HoldId,
    ) -> Result<Option<WaitlistView>, Unavailable> {
        if self.shared().cluster.is_alone() || self.is_live(offering) {
            return self.read(offering, move |inventory| inventory.waitlist_entry(entry)).await;
        }
        self.waitlist_entry_of_owner(offering, entry).await
    }

    /// Returns how an entry of the waitlist ended, or the offer that it became.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn ended_entry(
        &self,
        offering: OfferingId,
        entry: HoldId,
    ) -> Result<Option<EndedEntryView>, Unavailable> {
        if self.shared().cluster.is_alone() || self.is_live(offering) {
            return self.read(offering, move |inventory| inventory.ended_entry(entry)).await;
        }
        self.ended_entry_of_owner(offering, entry).await
    }

    /// Returns a seat and its holder.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn seat(
        &self,
        offering: OfferingId,
        seat: SeatId,
    ) -> Result<Option<SeatView>, Unavailable> {
        if self.shared().cluster.is_alone() || self.is_live(offering) {
            return self.read(offering, move |inventory| inventory.seat(seat)).await;
        }
        self.seat_of_owner(offering, seat).await
    }

    /// Reads from the owner if the offering is live here, or from the store if it sleeps.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        offering: OfferingId,
        look: impl FnOnce(&Inventory) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        if self.is_live(offering) {
            return self.look(offering, Urgency::Common, look).await;
        }
        Ok(look(&self.cold().get(self.shared(), offering).await?.inventory))
    }

    /// Queries the state of the box office that is, or becomes, live here.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        offering: OfferingId,
        urgency: Urgency,
        look: impl FnOnce(&Inventory) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(offering, urgency, |permit, _| {
            let look = Box::new(move |state: Result<&Inventory, Unavailable>| {
                // The caller may have been dropped.
                let _ = reply.send(state.map(look));
            });
            Work::Query(Query { look, permit })
        })?;
        match tokio::time::timeout(self.shared().settings.answer_timeout, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(Unavailable::Recovering),
        }
    }
}
