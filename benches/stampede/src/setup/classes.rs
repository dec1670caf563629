//! The classes of a run: places and a waitlist, for which the buyers apply.

use serde_json::{Value, json};

use super::arrivals;
use crate::options::Options;
use crate::workload::Supply;

/// Places of classes that never fill up.
const AMPLE: u32 = 1_000_000;

/// The body that creates a class; the same for all classes of a run.
pub(super) fn body(options: &Options) -> Value {
    let (places, waitlist) = sizes(options);
    json!({
        "title": format!("Stampede: {}", options.workload.name),
        "description": "Made by a load test.",
        "location": "Loopback",
        "capacity": places,
        "allowWaitlist": true,
        "waitlistCapacity": waitlist,
        "selectionType": "FIRST_COME",
        "startAt": "2099-12-31T19:00:00Z",
        "endAt": "2099-12-31T21:00:00Z",
    })
}

/// Number of places of each class, and of its waitlist: half as many.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what a class may have"
)]
fn sizes(options: &Options) -> (u32, u32) {
    let places = match (options.places, options.workload.places) {
        (Some(places), _) => places,
        (None, Supply::Ample) => AMPLE,
        (None, Supply::PerMille(per_mille)) => {
            // A buyer has at most one enrollment that is not over in each class.
            let people = (arrivals(options) / f64::from(options.events)).min(options.buyers.into());
            (people * f64::from(per_mille) / 1_000.0).clamp(4.0, f64::from(AMPLE)) as u32
        }
    };
    (places, (places / 2).clamp(1, 100_000))
}
