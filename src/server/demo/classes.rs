//! The classes of the demonstration: one for which the first come are served, and one whose
//! applications are reviewed.

use crate::classes::{ClassDraft, WaitlistDraft};
use crate::http::state::AppState;
use crate::ids::UserId;
use crate::inventory::{CancellationPolicy, Promotion, Selection, TimestampMs};
use crate::server::StartError;
use crate::store::Visibility;

const HOUR_MS: TimestampMs = 3_600_000;
const DAY_MS: TimestampMs = 24 * HOUR_MS;

/// Makes both classes.
pub(super) async fn make(state: &AppState, by: UserId, now: TimestampMs) -> Result<(), StartError> {
    let first_come = ClassDraft {
        description: "First come, first served: the places, then the line. Who cancels makes room \
                      for the first in line."
            .into(),
        location: "Studio 3, 1 Market Street".into(),
        capacity: 12,
        fee: (40_000, "KRW".into()),
        ..draft("Pottery for beginners", Selection::FirstCome, now, 30)
    };
    let reviewed = ClassDraft {
        description: "An organiser reads each application and chooses. A free place is offered to \
                      the first in line, who takes it within a day."
            .into(),
        is_online: true,
        capacity: 5,
        promotion: Promotion::Offer,
        ..draft("Writing workshop, by application", Selection::Review, now, 45)
    };
    for class in [first_come, reviewed] {
        let made = state.classes.create(class, by, None, now).await;
        made.map_err(|error| {
            StartError::Machine(format!("the demonstration cannot be made: {error}"))
        })?;
    }
    Ok(())
}

fn draft(title: &str, selection: Selection, now: TimestampMs, days: TimestampMs) -> ClassDraft {
    // On the hour, as classes begin.
    let starts_at = (now / HOUR_MS + 1) * HOUR_MS + days * DAY_MS;
    ClassDraft {
        title: title.into(),
        description: String::new(),
        location: String::new(),
        capacity: 1,
        waitlist: WaitlistDraft { allowed: Some(true), capacity: Some(10) },
        visibility: Visibility::Public,
        fee: (0, "KRW".into()),
        selection,
        promotion: Promotion::Auto,
        allow_reapply: true,
        recruit_start: None,
        recruit_end: None,
        starts_at,
        ends_at: starts_at + 2 * HOUR_MS,
        is_online: false,
        pay_window_ms: 2 * DAY_MS,
        offer_ttl_ms: DAY_MS,
        cancellation: CancellationPolicy::default(),
        time_zone: None,
    }
}
