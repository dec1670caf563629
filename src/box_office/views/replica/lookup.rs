//! Reads of offerings that other instances own: from the followed view, or from the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::box_office::views::replica::Followed;
use crate::box_office::views::replica::follower::Follower;
use crate::box_office::{BoxOffices, Unavailable, View};
use crate::ids::OfferingId;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;

/// The most offerings that are followed: a view of a large house takes some 300 KiB. Further ones
/// are read from the store.
const MAX_FOLLOWED: usize = 4_096;

impl BoxOffices {
    /// Returns the view of an offering that is not live here, as its owner shows it; from the store
    /// if the offering has no owner, or the owner does not answer.
    pub(crate) async fn followed_view(
        &self,
        offering: OfferingId,
    ) -> Result<Arc<View>, Unavailable> {
        if let Some(followed) = self.follow(offering) {
            if let Some(view) = followed.current(self.monotonic_ms()) {
                return Ok(view);
            }
            let failed = followed.refreshed().await;
            if let Some(view) = followed.current(self.monotonic_ms()) {
                return Ok(view);
            }
            if let Some(Unavailable::NoSuchOffering) = failed {
                return Err(Unavailable::NoSuchOffering);
            }
        }
        Ok(Arc::clone(&self.cold().get(self.shared(), offering).await?.view))
    }

    /// Has the follower fetch a newer view than the one shown, because a newer one exists.
    pub(crate) async fn refresh(&self, offering: OfferingId) {
        if let Some(followed) = self.follow(offering) {
            followed.is_outdated.store(true, Ordering::SeqCst);
            // The caller reads the view again and sees the outcome.
            let _ = followed.refreshed().await;
        }
    }

    /// Subscribes to the views of an offering that is not live here.
    pub(crate) async fn followed_views(
        &self,
        offering: OfferingId,
    ) -> Result<watch::Receiver<Arc<View>>, Unavailable> {
        for _ in 0..3 {
            let followed = self.follow(offering).ok_or(Unavailable::Busy)?;
            if followed.current(self.monotonic_ms()).is_none()
                && let Some(why) = followed.refreshed().await
            {
                return Err(why);
            }
            let views = followed.views().as_ref().map(watch::Sender::subscribe);
            if let Some(views) = views {
                return Ok(views);
            }
            if !followed.has_ended.load(Ordering::SeqCst) {
                break;
            }
            // The follower ended for want of readers just as this reader came: the next round
            // starts another.
        }
        Err(Unavailable::Recovering)
    }

    /// Returns the followed offering, kept up to date from now on. `None` if too many are followed,
    /// or the process stops.
    fn follow(&self, offering: OfferingId) -> Option<Arc<Followed>> {
        let by_offering = &self.followed().by_offering;
        if let Some(followed) = by_offering.get(&offering) {
            return Some(Arc::clone(followed.value()));
        }
        if by_offering.len() >= MAX_FOLLOWED || self.is_stopping() {
            return None;
        }
        let followed = match by_offering.entry(offering) {
            Entry::Occupied(entry) => return Some(Arc::clone(entry.get())),
            Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(Followed::new())).value()),
        };
        let follower = Follower::new(self, offering, Arc::clone(&followed));
        self.shared().executor.spawn(follower.run());
        Some(followed)
    }

    /// Removes an offering that is no longer kept up to date.
    pub(crate) fn unfollow(&self, offering: OfferingId, followed: &Arc<Followed>) {
        let by_offering = &self.followed().by_offering;
        by_offering.remove_if(&offering, |_, found| Arc::ptr_eq(found, followed));
    }
}
