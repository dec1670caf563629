//! A place in line in words: counts, and no promise. `queue.js` writes the same sentences, from the same
//! texts, as the numbers change; any other change it takes over from this page.

use std::sync::Arc;

use maud::{Markup, html};

use crate::http::api::waiting_room::shown::{in_a_word, phase};
use crate::http::respond::rfc3339;
use crate::inventory::{QueuePhase, QueuePlace, QueueProgress, TimestampMs};
use crate::store::EventRow;
use crate::waiting_room::{Estimate, Outlook, RoomStatus, Seen, people_in};
use crate::web::format::{self, number};
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

/// Seconds from which a wait is said in hours.
const HOURS_FROM: u32 = 2 * 3_600;

/// What the page has to say.
pub(super) enum Told {
    /// No waiting room is on.
    Off,
    /// The visitor has never entered: the line as everybody sees it.
    Outside(Arc<Seen>),
    /// The visitor's place.
    Place(Box<RoomStatus>),
}

/// True while the entry can still change by itself.
pub(super) fn goes_on(place: QueuePlace) -> bool {
    match place {
        QueuePlace::BeforeDraw
        | QueuePlace::InLine { .. }
        | QueuePlace::Ahead { .. }
        | QueuePlace::Aside
        | QueuePlace::Inside { .. } => true,
        QueuePlace::Lapsed | QueuePlace::Served | QueuePlace::Left | QueuePlace::Voided => false,
    }
}

/// What must be the same for the page to differ in its numbers alone; `queue.js` computes it from the
/// API's status.
pub(super) fn signature(status: &RoomStatus) -> String {
    let progress = &status.seen.progress;
    let (word, ends_at, is_used) = in_a_word(status.entry.place);
    let time = |at: Option<TimestampMs>| at.map(rfc3339).unwrap_or_default();
    let (opens_at, ends_at) = (time(progress.opens_at), time(ends_at));
    let phase = phase(progress.phase);
    format!("{word} {phase} {} {opens_at} {ends_at} {is_used}", progress.rules.paused)
}

/// Renders what the page says.
pub(super) fn render(visitor: &Visitor, event: &EventRow, told: &Told) -> Markup {
    match told {
        Told::Off => html! {
            h2 { (visitor.text("queue.off_title")) }
            p { (visitor.text("queue.off")) }
            p.actions { (to_seats(visitor, event)) }
        },
        Told::Outside(seen) => outside(visitor, event, &seen.progress),
        Told::Place(status) => place(visitor, event, status),
    }
}

fn to_seats(visitor: &Visitor, event: &EventRow) -> Markup {
    html! {
        a.button href={ "/events/" (event.id) } { (visitor.text("queue.choose")) }
    }
}

fn outside(visitor: &Visitor, event: &EventRow, progress: &QueueProgress) -> Markup {
    let back = format!("/events/{}/queue", event.id);
    let back: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    html! {
        h2 { (visitor.text("queue.title")) }
        p { (visitor.text("queue.explained")) }
        (opening(visitor, event, progress))
        dl.tiles { (tile(visitor.text("queue.total"), "total", &number(progress.waiting))) }
        p { (prospects(visitor, progress, None)) }
        @if progress.rules.paused { p.warning { (visitor.text("queue.paused")) } }
        @if progress.rules.draining {
            p.warning { (visitor.text("queue.draining")) }
        } @else if visitor.has_account() {
            (enter_form(visitor, event, progress, visitor.text("queue.enter")))
        } @else {
            p { (visitor.text("queue.account_needed")) }
            p.actions {
                a.button href={ "/sign-in?back=" (back) } { (visitor.text("account.sign_in")) }
                a.button.quiet href={ "/register?back=" (back) } {
                    (visitor.text("account.no_account_yet"))
                }
            }
        }
    }
}

/// Says when the order is drawn, while it is not.
fn opening(visitor: &Visitor, event: &EventRow, progress: &QueueProgress) -> Markup {
    html! {
        @match (progress.phase, progress.opens_at) {
            (QueuePhase::Open, _) => {}
            (QueuePhase::Drawing, _) => p { (visitor.text("queue.drawing")) },
            (QueuePhase::PreQueue, None) => p { (visitor.text("queue.draw_at_sale")) },
            (QueuePhase::PreQueue, Some(at)) => {
                p {
                    (visitor.text("queue.draw_at")) " "
                    time role="timer" data-countdown datetime=(rfc3339(at)) {
                        (format::date_time(visitor.language, at, zone_of(visitor, event)))
                    }
                }
                p.hint { (visitor.text("queue.draw_explained")) }
            }
        }
    }
}

fn place(visitor: &Visitor, event: &EventRow, status: &RoomStatus) -> Markup {
    let progress = &status.seen.progress;
    let title = |key| html! { h2 { (visitor.text(key)) } };
    html! {
        @match status.entry.place {
            QueuePlace::BeforeDraw => {
                (title("queue.is_in"))
                (opening(visitor, event, progress))
                dl.tiles { (tile(visitor.text("queue.total"), "total", &number(progress.waiting))) }
                p data-queue="prospects" { (prospects(visitor, progress, None)) }
                @if progress.rules.paused { p.warning { (visitor.text("queue.paused")) } }
                (keep_page(visitor, progress))
                (leave_form(visitor, event, visitor.text("queue.leave")))
            }
            QueuePlace::InLine { .. } | QueuePlace::Ahead { .. } | QueuePlace::Aside => {
                (title("queue.waits"))
                (numbers(visitor, status))
                p data-queue="prospects" {
                    (prospects(visitor, progress, Some((status.outlook, status.ahead))))
                }
                @if progress.rules.paused { p.warning { (visitor.text("queue.paused")) } }
                (keep_page(visitor, progress))
                (leave_form(visitor, event, visitor.text("queue.leave")))
            }
            QueuePlace::Inside { ends_at, is_used, .. } => {
                div.success {
                    (title("queue.turn"))
                    p {
                        (visitor.text(if is_used { "queue.turn_used" } else { "queue.turn_until" }))
                        " "
                        time role="timer" data-countdown datetime=(rfc3339(ends_at)) {
                            (format::date_time(visitor.language, ends_at, zone_of(visitor, event)))
                        }
                    }
                }
                // Who is inside may find no place any more: that is said before they look for one.
                p data-queue="prospects" {
                    (prospects(visitor, progress, Some((status.outlook, status.ahead))))
                }
                p.actions {
                    (to_seats(visitor, event))
                    @if is_used {
                        a.button.quiet href="/basket" { (visitor.text("sale_says.to_basket")) }
                    }
                }
                (leave_form(visitor, event, visitor.text("queue.give_up")))
            }
            QueuePlace::Lapsed => { (title("queue.lapsed")) p { (visitor.text("queue.lapsed_why")) } }
            QueuePlace::Served => { (title("queue.served")) p { (visitor.text("queue.served_why")) } }
            QueuePlace::Left => { (title("queue.left")) p { (visitor.text("queue.left_why")) } }
            QueuePlace::Voided => { (title("queue.voided")) p { (visitor.text("error.QUEUE_VOIDED")) } }
        }
        @if matches!(status.entry.place, QueuePlace::Lapsed | QueuePlace::Served | QueuePlace::Left) {
            (again(visitor, event, status))
        }
        (record(visitor, event, status))
    }
}

/// Says what the public record of the line has of the visitor, and what it is checked with.
fn record(visitor: &Visitor, event: &EventRow, status: &RoomStatus) -> Markup {
    let progress = &status.seen.progress;
    let commitment: String = progress.commitment.iter().map(|byte| format!("{byte:02x}")).collect();
    let row = |key, value: &str| {
        html! { dt { (visitor.text(key)) } dd { code { (value) } } }
    };
    html! {
        details.record {
            summary { (visitor.text("queue.check")) }
            p { (visitor.text("queue.check_how")) }
            dl {
                (row("queue.check_entry", &status.entry.id.to_string()))
                (row("queue.check_commitment", &commitment))
                @if let Some(source) = &progress.rules.public_source {
                    (row("queue.check_source", source))
                }
            }
            p { a href={ "/queue/" (event.id) "/audit" } download { (visitor.text("queue.check_record")) } }
        }
    }
}

/// Renders the way back into the line.
fn again(visitor: &Visitor, event: &EventRow, status: &RoomStatus) -> Markup {
    let turns = number(status.entry.turns_left);
    html! {
        @if status.seen.progress.rules.draining {
            p.warning { (visitor.text("queue.draining")) }
        } @else if status.entry.turns_left == 0 {
            p { (visitor.text("error.QUEUE_TURNS_USED")) }
        } @else {
            p.hint { (visitor.fill("queue.turns_left", &[("n", &turns)])) }
            (enter_form(visitor, event, &status.seen.progress, visitor.text("queue.enter_again")))
        }
    }
}

/// Says for how long a visitor may be away.
fn keep_page(visitor: &Visitor, progress: &QueueProgress) -> Markup {
    let seconds = u32::try_from(progress.rules.silence_ms / 1_000).unwrap_or(u32::MAX);
    let silence = duration(visitor, seconds);
    html! { p.hint { (visitor.fill("queue.keep_page", &[("silence", &silence)])) } }
}

fn numbers(visitor: &Visitor, status: &RoomStatus) -> Markup {
    let waiting = number(status.seen.progress.waiting);
    let ahead = status.ahead.map_or_else(|| "–".to_owned(), number);
    html! {
        dl.tiles {
            (tile(visitor.text("queue.ahead"), "ahead", &ahead))
            (tile(visitor.text("queue.total"), "total", &waiting))
            (tile(visitor.text("queue.wait"), "wait", &wait(visitor, status.estimate)))
        }
        p.hint data-queue="gaps" {
            @if status.ahead.is_some_and(|ahead| ahead > 0 && ahead >= status.seen.progress.waiting) {
                (visitor.text("js.queue.gaps"))
            }
        }
    }
}

fn tile(label: &str, name: &str, value: &str) -> Markup {
    html! { div.tile { dt { (label) } dd data-queue=(name) { (value) } } }
}

/// Says how long the wait may be, with its spread.
fn wait(visitor: &Visitor, estimate: Option<Estimate>) -> String {
    let Some(Estimate { seconds, low, high }) = estimate else {
        return visitor.text("js.queue.unknown").to_owned();
    };
    let words = |seconds| duration(visitor, seconds);
    let (wait, low) = (words(seconds), words(low));
    match high.map(words) {
        None => visitor.fill("js.queue.aboutOrMore", &[("wait", &wait)]),
        Some(high) if high == low => visitor.fill("js.queue.about", &[("wait", &wait)]),
        Some(high) => {
            let values = [("wait", &*wait), ("low", &*low), ("high", &*high)];
            visitor.fill("js.queue.aboutSpread", &values)
        }
    }
}

/// Says a time roughly: a wait is no promise.
fn duration(visitor: &Visitor, seconds: u32) -> String {
    match seconds {
        0..=60 => visitor.text("js.queue.minute").to_owned(),
        61..HOURS_FROM => visitor.fill("js.queue.minutes", &[("n", &number(seconds.div_ceil(60)))]),
        HOURS_FROM.. => visitor.fill("js.queue.hours", &[("n", &number(seconds.div_ceil(3_600)))]),
    }
}

/// Says what the places left mean for someone behind `ahead` others, or for all who wait.
fn prospects(
    visitor: &Visitor,
    progress: &QueueProgress,
    of: Option<(Outlook, Option<u32>)>,
) -> String {
    let (outlook, ahead) = match of {
        Some((outlook, ahead)) => (outlook, people_in(ahead.unwrap_or(0), progress)),
        None => (Outlook::of(progress, progress.waiting), progress.waiting),
    };
    let (left, held) = (number(progress.places_left), number(progress.places_held));
    let (left, held, ahead) = (("left", &*left), ("held", &*held), number(ahead));
    match outlook {
        Outlook::NotOnSale => visitor.text("js.queue.notOnSale").to_owned(),
        Outlook::Places => visitor.fill("js.queue.places", &[left]),
        Outlook::Few if of.is_none() => visitor.fill("js.queue.fewForAll", &[left, ("n", &ahead)]),
        Outlook::Few => visitor.fill("js.queue.few", &[left, ("n", &ahead)]),
        Outlook::SoldOutForNow => visitor.fill("js.queue.soldOutForNow", &[held]),
        Outlook::SoldOut => visitor.text("js.queue.soldOut").to_owned(),
    }
}

fn enter_form(
    visitor: &Visitor,
    event: &EventRow,
    progress: &QueueProgress,
    label: &str,
) -> Markup {
    let asks_for_proof = progress.rules.challenge_bits > 0;
    html! {
        @if asks_for_proof {
            noscript { p.warning { (visitor.text("queue.needs_scripts")) } }
        }
        // `queue.js` solves the task before it sends the form.
        form.row method="post" action={ "/events/" (event.id) "/queue/enter" }
            data-task[asks_for_proof]
        {
            @if asks_for_proof { input type="hidden" name="proof" value=""; }
            button.button { (label) }
            span.hint role="status" { (visitor.text("queue.enter_once")) }
            @if asks_for_proof { progress aria-hidden="true" hidden {} }
        }
    }
}

fn leave_form(visitor: &Visitor, event: &EventRow, label: &str) -> Markup {
    html! {
        details.cancel {
            summary { (label) }
            p { (visitor.text("queue.leave_does")) }
            form.row method="post" action={ "/events/" (event.id) "/queue/leave" } {
                button.button.danger { (label) }
            }
        }
    }
}
