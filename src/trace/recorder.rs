//! The queue that ended spans go to.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::trace::sampling::Sampling;
use crate::trace::{Record, metrics};

pub(crate) struct Recorder {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sampling: Sampling,
    pub(super) ended: mpsc::Sender<Record>,
}

impl Recorder {
    pub(super) fn take(&self, record: Record) {
        if self.ended.try_send(record).is_err() {
            metrics::dropped("queue_full", 1);
        }
    }
}
