//! Whether customers in line were heard of at any instance lately: asked before they are set aside.

use std::time::Duration;

use futures_util::future::join_all;

use crate::box_office::BoxOffices;
use crate::box_office::forwarding::queue::ask_peer;
use crate::box_office::protocol::{PeerReply, PeerRequest};
use crate::box_office::settings::Heard;
use crate::ids::{Epoch, OfferingId, UserId};

/// The most time that another instance may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

impl BoxOffices {
    /// Sets the source of this instance's answers, once.
    pub fn set_heard(&self, heard: Heard) {
        // A second service of one process would know less than the first.
        let _ = self.heard().set(heard);
    }

    /// Asks all other instances; `None` if one of them does not answer.
    pub async fn heard_elsewhere(
        &self,
        offering: OfferingId,
        customers: Vec<UserId>,
        within_ms: i64,
    ) -> Option<Vec<bool>> {
        let cluster = &self.shared().cluster;
        let mut heard = vec![false; customers.len()];
        if cluster.is_alone() {
            return Some(heard);
        }
        let (me, view) = (cluster.me(), cluster.view());
        let others: Vec<_> = view
            .live_members()
            .filter(|member| member.incarnation != me.incarnation)
            .cloned()
            .collect();
        let question = PeerRequest::Heard { offering, customers, within_ms };
        let asked = others.iter().map(|member| {
            let question = question.clone();
            async move { ask_peer(cluster, &member.owning(Epoch(0)), &question, TIMEOUT).await }
        });
        for answer in join_all(asked).await {
            let Ok(PeerReply::Heard(of_one)) = answer else { return None };
            if of_one.len() != heard.len() {
                return None;
            }
            heard.iter_mut().zip(of_one).for_each(|(all, one)| *all |= one);
        }
        Some(heard)
    }

    pub(crate) fn heard_here(
        &self,
        offering: OfferingId,
        customers: &[UserId],
        within_ms: i64,
    ) -> Vec<bool> {
        match self.heard().get() {
            Some(heard) => heard(offering, customers, within_ms),
            None => vec![true; customers.len()],
        }
    }
}
