//! Rendered drawings and seat states, shared by all workers. Bounded: what is forgotten is rendered
//! again when it is asked for.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use dashmap::DashMap;

use super::packed::Packed;
use crate::ids::OfferingId;
use crate::journal::Hash;
use crate::offerings::SaleStatus;

/// The most bytes that are kept, uncompressed; beyond, an eighth of the events is forgotten.
const MOST_BYTES: usize = 64 * 1_024 * 1_024;

/// The most events whose states are kept; beyond, an eighth of them is forgotten.
const MOST_EVENTS: usize = 128;

/// The rendered drawings, shared by all workers.
#[derive(Default)]
pub struct Drawings {
    kept: DashMap<OfferingId, Arc<RenderedDrawing>>,
    bytes: AtomicUsize,
}

pub(super) struct RenderedDrawing {
    /// Rows and seats of the map that was drawn: a map only grows.
    pub(super) size: (usize, usize),
    pub(super) packed: Packed,
}

impl Drawings {
    pub(super) fn get(&self, event: OfferingId) -> Option<Arc<RenderedDrawing>> {
        self.kept.get(&event).map(|kept| Arc::clone(kept.value()))
    }

    pub(super) fn keep(&self, event: OfferingId, rendered: Arc<RenderedDrawing>) {
        if self.bytes.load(Relaxed) + rendered.packed.len() > MOST_BYTES {
            let eighth = self.kept.len().div_ceil(8);
            let gone: Vec<_> = self.kept.iter().take(eighth).map(|kept| *kept.key()).collect();
            for (_, before) in gone.iter().filter_map(|event| self.kept.remove(event)) {
                self.bytes.fetch_sub(before.packed.len(), Relaxed);
            }
        }
        self.bytes.fetch_add(rendered.packed.len(), Relaxed);
        if let Some(before) = self.kept.insert(event, rendered) {
            self.bytes.fetch_sub(before.packed.len(), Relaxed);
        }
    }
}

/// The rendered states, shared by all workers.
#[derive(Default)]
pub struct SeatStates {
    kept: DashMap<OfferingId, Arc<RenderedStates>>,
}

/// An event's states, valid for one view until time changes its status.
pub(super) struct RenderedStates {
    pub(super) of: Hash,
    pub(super) status: SaleStatus,
    pub(super) packed: Packed,
}

impl SeatStates {
    pub(super) fn get(&self, event: OfferingId) -> Option<Arc<RenderedStates>> {
        self.kept.get(&event).map(|kept| Arc::clone(kept.value()))
    }

    pub(super) fn keep(&self, event: OfferingId, rendered: Arc<RenderedStates>) {
        if self.kept.len() >= MOST_EVENTS {
            let gone = self.kept.iter().take(MOST_EVENTS / 8).map(|kept| *kept.key());
            let gone: Vec<_> = gone.collect();
            for event in gone {
                self.kept.remove(&event);
            }
        }
        self.kept.insert(event, rendered);
    }
}
