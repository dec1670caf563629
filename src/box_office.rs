//! The actor that owns one offering: decide in memory, append, then answer. It is the only writer
//! of its offering, and it answers nothing that is not durable.

mod settings;

use std::sync::Arc;
use std::time::Duration;

pub use settings::Settings;

use crate::ids::{HoldId, OfferingId, Seq};
use crate::inventory::{
    Counts, HoldView, Minor, Rejection, Request, SaleState, SaleWindow, SectionView, TimestampMs,
    Transition, WaitlistView,
};
use crate::journal::Hash;

/// A command's effect, durable.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The journal row.
    pub seq: Seq,
    /// When it was decided.
    pub at: TimestampMs,
    /// All that it did; `changes[0]` is the answer to the command.
    pub transition: Arc<Transition>,
    /// The effect is that of an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// Why a command has no effect (or none that can be told).
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubmitError {
    /// Refused, by a state that is durable.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Not decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why nothing was decided. All but [`Unavailable::NoSuchOffering`] and
/// [`Unavailable::BadData`] are worth a retry, with the same idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// No such offering.
    #[error("there is no such event")]
    NoSuchOffering,
    /// More commands are waiting than this offering takes.
    #[error("too many requests are waiting for this event")]
    Busy,
    /// The state is being rebuilt, or the journal cannot be reached.
    #[error("this event is temporarily unavailable")]
    Recovering,
    /// The effect may or may not become durable; a retry with the same key finds out.
    #[error("it is not known whether the request took effect")]
    OutcomeUnknown,
    /// The clocks of this machine and the database differ too much to decide deadlines.
    #[error("the server's clock is not trusted at the moment")]
    ClockSkewed,
    /// The process is shutting down.
    #[error("the server is shutting down")]
    Stopping,
    /// The database refused what this command would write. Nothing changed.
    #[error("the request holds a value that cannot be stored")]
    BadData,
    /// The core failed on this command; the state was rebuilt. Nothing changed.
    #[error("the request could not be carried out")]
    Failed,
}

impl Unavailable {
    /// When to try again.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// An immutable picture of an offering after a durable batch; read without its actor.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct View {
    pub offering: OfferingId,
    /// The last durable row that is in it, and that row's hash: together the ETag.
    pub seq: Seq,
    pub hash: Hash,
    pub as_of: TimestampMs,
    pub currency: [u8; 3],
    pub sale_state: SaleState,
    pub sale: SaleWindow,
    pub products: Vec<ProductView>,
    /// Sections that did not change are shared with the view before.
    pub sections: Vec<Arc<SectionView>>,
}

/// A product in a [`View`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ProductView {
    pub counts: Counts,
    pub price: Minor,
    pub sale: SaleWindow,
    pub numbered: bool,
}

/// The live box offices of this process; the way to reach any of them.
pub struct BoxOffices {}

#[expect(
    unused_variables,
    clippy::unimplemented,
    clippy::unused_async,
    missing_docs,
    reason = "replaced by the box office branch"
)]
impl BoxOffices {
    /// Starts the arbiters, the sweeper and the clock guard. `runtime` carries all database work.
    pub fn start(
        journal: Arc<dyn crate::journal::Journal>,
        clock: Arc<dyn crate::clock::Clock>,
        settings: Settings,
        runtime: tokio::runtime::Handle,
    ) -> Arc<Self> {
        unimplemented!()
    }
    /// Whether the clocks agree well enough to decide deadlines; part of readiness.
    pub fn clock_trusted(&self) -> bool {
        unimplemented!()
    }
    /// How many box offices are live.
    pub fn live(&self) -> usize {
        unimplemented!()
    }
    /// Does at once what the sweeper does every so often: due work, passivation, waking. For tests
    /// that move the clock by hand.
    pub async fn sweep(&self) {
        unimplemented!()
    }
    /// Decides and journals one request; wakes the offering if it sleeps.
    ///
    /// # Errors
    /// A refusal, or why nothing could be decided.
    pub async fn submit(
        &self,
        offering: OfferingId,
        request: Request,
    ) -> Result<Committed, SubmitError> {
        unimplemented!()
    }
    /// The published view of a live offering, or one folded from the store for a sleeping one.
    pub async fn view(&self, offering: OfferingId) -> Result<Arc<View>, Unavailable> {
        unimplemented!()
    }
    /// Wakes the offering and follows its views.
    pub async fn watch(
        &self,
        offering: OfferingId,
    ) -> Result<tokio::sync::watch::Receiver<Arc<View>>, Unavailable> {
        unimplemented!()
    }
    /// How a hold stands.
    pub async fn hold(
        &self,
        offering: OfferingId,
        hold: HoldId,
    ) -> Result<Option<HoldView>, Unavailable> {
        unimplemented!()
    }
    /// How somebody stands in the waitlist.
    pub async fn waitlist_entry(
        &self,
        offering: OfferingId,
        entry: HoldId,
    ) -> Result<Option<WaitlistView>, Unavailable> {
        unimplemented!()
    }
    /// Refuses new commands, answers the accepted ones, stops.
    pub async fn shutdown(&self) {
        unimplemented!()
    }
}
