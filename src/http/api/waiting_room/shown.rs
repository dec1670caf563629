//! A place in line, and the line as everybody sees it, in JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::respond::rfc3339;
use crate::ids::{OfferingId, QueueEntryId, UserId};
use crate::inventory::{QueuePhase, QueuePlace, QueueProgress, TimestampMs};
use crate::waiting_room::{Outlook, RoomStatus, Seen};

/// A customer's place in line.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatusDto {
    event_id: OfferingId,
    client_id: UserId,
    /// `PRE_QUEUE` (the draw comes), `WAITING`, `ADMITTED` (the pass is below), `SET_ASIDE` (not heard
    /// of for too long), or how it ended: `EXPIRED` (the pass was not used), `SERVED`, `LEFT`,
    /// `VOIDED`.
    #[schema(value_type = crate::http::openapi::forms::QueueState)]
    status: &'static str,
    /// `PRE_QUEUE`, `DRAWING` (the list is closed) or `OPEN`.
    #[schema(value_type = crate::http::openapi::forms::QueuePhase)]
    phase: &'static str,
    /// How many are ahead at most; 0 is next. Places of those who left count until the line reaches
    /// them. Null before the draw, and for those who do not wait.
    #[schema(required = true)]
    position: Option<u32>,
    /// How many wait in all.
    total: u32,
    /// The estimated wait; null before the line has begun, while it stands still, and where those ahead
    /// are likely to take all places that are left.
    #[schema(required = true)]
    estimate: Option<QueueEstimateDto>,
    /// Ask again after this many seconds.
    next_poll_seconds: u32,
    /// The pass, to be sent as `X-Pass-Token`; null unless it is one's turn.
    #[schema(required = true)]
    pass_token: Option<String>,
    /// The end of the session, unless places are held until then. Null unless it is one's turn.
    #[schema(required = true)]
    pass_expires_at: Option<String>,
    /// Whether places were held with the pass.
    pass_used: bool,
    prospects: QueueProspectsDto,
    /// How often one may enter again.
    turns_left: u8,
    /// One's entry in the public record of the queue: nobody else knows that it is yours.
    entry_id: QueueEntryId,
    /// The number of one's entry in that record.
    entry_number: u32,
    /// The time of the draw, if it is known.
    #[schema(required = true)]
    opens_at: Option<String>,
    /// Whether the organiser has paused the queue.
    paused: bool,
    /// The state of the line is of this time.
    as_of: String,
    server_time: String,
}

/// An estimated wait, in seconds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct QueueEstimateDto {
    seconds: u32,
    /// If the line goes on as in its fastest quarter of the last minute.
    low: u32,
    /// If it goes on as in its slowest quarter; null if it stood still then.
    #[schema(required = true)]
    high: Option<u32>,
}

/// What the places left mean for someone in line: counts, not a promise.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueProspectsDto {
    /// `NOT_ON_SALE`, `PLACES` (more are left than people are ahead), `FEW`, `SOLD_OUT_FOR_NOW` (what is
    /// held may come back), `SOLD_OUT` (only returns can bring a place).
    #[schema(value_type = crate::http::openapi::forms::QueueOutlook)]
    outlook: &'static str,
    /// Places that are free now.
    places_left: u32,
    /// Places that are held, and not paid yet.
    places_held: u32,
    /// Open sessions, whose owners may take some of them.
    inside: u32,
}

/// The line as everybody sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueProgressDto {
    event_id: OfferingId,
    /// Counts the queues of the event.
    generation: u32,
    /// `PRE_QUEUE`, `DRAWING` (the list is closed) or `OPEN`.
    #[schema(value_type = crate::http::openapi::forms::QueuePhase)]
    phase: &'static str,
    paused: bool,
    #[schema(required = true)]
    opens_at: Option<String>,
    /// Places of the line before this one are served.
    served_up_to: u32,
    /// Entries that go before the line: of people who came back, and guests of the organiser.
    ahead_of_line: u32,
    /// How many wait.
    total: u32,
    /// Entries so far.
    entered: u32,
    admitted: u32,
    inside: u32,
    passes_per_minute: u32,
    prospects: QueueProspectsDto,
    /// The SHA-256 of the secret of the draw, in hexadecimal digits.
    commitment: String,
    /// Where the public value of the draw comes from; null if it has none.
    #[schema(required = true)]
    public_source: Option<String>,
    as_of: String,
    server_time: String,
}

pub(super) fn prospects(progress: &QueueProgress, outlook: Outlook) -> QueueProspectsDto {
    let outlook = match outlook {
        Outlook::NotOnSale => "NOT_ON_SALE",
        Outlook::Places => "PLACES",
        Outlook::Few => "FEW",
        Outlook::SoldOutForNow => "SOLD_OUT_FOR_NOW",
        Outlook::SoldOut => "SOLD_OUT",
    };
    QueueProspectsDto {
        outlook,
        places_left: progress.places_left,
        places_held: progress.places_held,
        inside: progress.sessions,
    }
}

/// Renders what a customer is told.
pub(crate) fn render(customer: UserId, status: &RoomStatus, now: i64) -> QueueStatusDto {
    let progress = &status.seen.progress;
    let (word, ends_at, is_used) = in_a_word(status.entry.place);
    QueueStatusDto {
        event_id: status.seen.event,
        client_id: customer,
        status: word,
        phase: phase(progress.phase),
        position: status.ahead,
        total: progress.waiting,
        estimate: status.estimate.map(|estimate| QueueEstimateDto {
            seconds: estimate.seconds,
            low: estimate.low,
            high: estimate.high,
        }),
        next_poll_seconds: status.next_poll_s,
        pass_token: status.pass.clone(),
        pass_expires_at: ends_at.map(rfc3339),
        pass_used: is_used,
        prospects: prospects(progress, status.outlook),
        turns_left: status.entry.turns_left,
        entry_id: status.entry.id,
        entry_number: status.entry.number,
        opens_at: progress.opens_at.map(rfc3339),
        paused: progress.rules.paused,
        as_of: rfc3339(status.seen.as_of),
        server_time: rfc3339(now),
    }
}

/// Renders the line.
pub(crate) fn render_progress(seen: &Seen, now: i64) -> QueueProgressDto {
    let progress = &seen.progress;
    QueueProgressDto {
        event_id: seen.event,
        generation: progress.generation,
        phase: phase(progress.phase),
        paused: progress.rules.paused,
        opens_at: progress.opens_at.map(rfc3339),
        served_up_to: progress.next,
        ahead_of_line: progress.ahead,
        total: progress.waiting,
        entered: progress.entered,
        admitted: progress.totals.admitted,
        inside: progress.sessions,
        passes_per_minute: progress.rules.passes_per_minute,
        prospects: prospects(progress, Outlook::of(progress, progress.waiting)),
        commitment: super::hex(&progress.commitment),
        public_source: progress.rules.public_source.clone(),
        as_of: rfc3339(seen.as_of),
        server_time: rfc3339(now),
    }
}

/// A place in a word of the API, the end of its session, and whether its pass is used.
pub(crate) fn in_a_word(place: QueuePlace) -> (&'static str, Option<TimestampMs>, bool) {
    match place {
        QueuePlace::BeforeDraw => ("PRE_QUEUE", None, false),
        QueuePlace::InLine { .. } | QueuePlace::Ahead { .. } => ("WAITING", None, false),
        QueuePlace::Aside => ("SET_ASIDE", None, false),
        QueuePlace::Inside { ends_at, is_used, .. } => ("ADMITTED", Some(ends_at), is_used),
        QueuePlace::Lapsed => ("EXPIRED", None, false),
        QueuePlace::Served => ("SERVED", None, true),
        QueuePlace::Left => ("LEFT", None, false),
        QueuePlace::Voided => ("VOIDED", None, false),
    }
}

/// A phase in a word of the API.
pub(crate) fn phase(phase: QueuePhase) -> &'static str {
    match phase {
        QueuePhase::PreQueue => "PRE_QUEUE",
        QueuePhase::Drawing => "DRAWING",
        QueuePhase::Open => "OPEN",
    }
}
