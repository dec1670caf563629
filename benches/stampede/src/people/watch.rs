//! Watches the line as everybody sees it, once a second, and says when the sale is over.

use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::told::{Outlook, Prospects};
use crate::api::{Api, Call};
use crate::crowd::Worker;

const EVERY: Duration = Duration::from_secs(1);
/// So many looks in a row must agree that the sale is over.
const AGREE: u32 = 3;

/// What all workers of a run share.
#[derive(Debug, Default)]
pub struct Watch {
    is_over: AtomicBool,
    /// People who are to act on places: to hold, to pay, to give back.
    busy: AtomicU32,
    /// People whose visit has not ended.
    here: AtomicU32,
    samples: Mutex<Vec<Sample>>,
}

/// The line at a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct Sample {
    /// Seconds into the run.
    pub at: f64,
    pub waiting: u32,
    pub inside: u32,
    pub places_left: u32,
    pub places_held: u32,
}

#[derive(Deserialize)]
struct ProgressData {
    total: u32,
    prospects: Prospects,
}

impl Watch {
    /// A watch over so many people.
    #[must_use]
    pub fn over(people: u32) -> Self {
        Self { here: AtomicU32::new(people), ..Self::default() }
    }

    /// True once the sale is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Records that a person becomes, or is no longer, busy with places.
    pub fn set_busy(&self, is_busy: bool) {
        if is_busy {
            self.busy.fetch_add(1, Ordering::Relaxed);
        } else {
            self.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Records the end of a visit.
    pub fn went(&self) {
        self.here.fetch_sub(1, Ordering::Relaxed);
    }

    /// What was seen.
    ///
    /// # Panics
    /// If a worker has panicked.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.samples.lock().expect("nobody panics here").clone()
    }
}

/// Looks at the line until the sale is over.
pub async fn watch(worker: Rc<Worker>) {
    let plan = &worker.plan;
    let path = format!("/api/queue/{}/progress", plan.events[0].id);
    let mut api = Api::new(&plan.addresses, 0, plan.options.place.timeout);
    let mut agreed = 0;
    while !worker.is_ending.get() && !worker.watch.is_over() {
        let looked = api.call(Call::get(&path, None)).await;
        let seen = looked.ok().and_then(|data| serde_json::from_value::<ProgressData>(data).ok());
        let has_left = worker.watch.here.load(Ordering::Relaxed) == 0;
        let is_idle = worker.watch.busy.load(Ordering::Relaxed) == 0;
        let mut is_sold = false;
        if let Some(ProgressData { total, prospects }) = seen {
            is_sold = prospects.outlook == Outlook::SoldOut && prospects.inside == 0;
            worker.watch.samples.lock().expect("nobody panics here").push(Sample {
                at: worker.now().as_secs_f64(),
                waiting: total,
                inside: prospects.inside,
                places_left: prospects.places_left,
                places_held: prospects.places_held,
            });
        }
        agreed = if has_left || (is_sold && is_idle) { agreed + 1 } else { 0 };
        if agreed >= AGREE {
            worker.watch.is_over.store(true, Ordering::Relaxed);
        }
        tokio::time::sleep(EVERY).await;
    }
}
