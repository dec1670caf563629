//! What is done with enrollments in words: buttons, marks of attendance, entries of the log.

use maud::{Markup, html};

use crate::classes::SeenChange;
use crate::inventory::Attendance;
use crate::store::ClassRow;
use crate::web::class::words;
use crate::web::format;
use crate::web::visitor::Visitor;

/// Returns the text of a button by its value.
pub(super) fn action_text(visitor: &Visitor, name: &str) -> &'static str {
    visitor.text(match name {
        "approve" => "organiser_class.approve",
        "approve-or-waitlist" => "organiser_class.approve_or_waitlist",
        "waitlist" => "organiser_class.to_line",
        "reject" => "organiser_class.reject",
        "present" => "organiser_class.present",
        "late" => "organiser_class.late",
        "absent" => "organiser_class.absent",
        _ => "organiser_class.unmark",
    })
}

/// Leaves out the button that puts applications in line while places are free: it would be refused.
pub(super) fn without_line(
    class: &ClassRow,
    buttons: &'static [&'static str],
) -> impl Iterator<Item = &'static str> {
    let is_full = class.places_left() == 0;
    buttons.iter().copied().filter(move |name| is_full || *name != "waitlist")
}

/// Returns a mark of attendance in words.
pub(super) fn attendance_text(visitor: &Visitor, mark: Attendance) -> &'static str {
    visitor.text(match mark {
        Attendance::Present => "organiser_class.present",
        Attendance::Late => "organiser_class.late",
        Attendance::Absent => "organiser_class.absent",
    })
}

/// Renders an entry of the log: what, when, by whom, and why.
pub(super) fn log_line(visitor: &Visitor, class: &ClassRow, entry: &SeenChange) -> Markup {
    let what = match (entry.action.as_str(), entry.detail.as_deref()) {
        ("APPLIED", _) => "enrollment.applied",
        ("APPROVED", Some("PROMOTED")) => "organiser_class.log_promoted",
        ("APPROVED", Some("ACCEPTED")) => "organiser_class.log_accepted",
        ("APPROVED", _) => "enrollment.approved",
        ("WAITLISTED", _) => "enrollment.waitlisted",
        ("OFFERED", _) => "enrollment.offered",
        ("REJECTED", _) => "enrollment.rejected",
        ("MOVED_UP", _) => "organiser_class.log_moved_up",
        ("PAID_LATE", _) => "organiser_class.log_paid_late",
        ("ATTENDANCE", _) => "organiser_class.attendance",
        ("CANCELED", _) => "enrollment.canceled",
        _ => "organiser_class.log_changed",
    };
    let detail = match (entry.action.as_str(), entry.detail.as_deref()) {
        ("ATTENDANCE", Some("PRESENT")) => Some(visitor.text("organiser_class.present")),
        ("ATTENDANCE", Some("LATE")) => Some(visitor.text("organiser_class.late")),
        ("ATTENDANCE", Some("ABSENT")) => Some(visitor.text("organiser_class.absent")),
        ("ATTENDANCE", None) => Some(visitor.text("organiser_class.unmark")),
        ("CANCELED", cause) => words::cause(visitor, cause),
        _ => None,
    };
    html! {
        (visitor.text(what))
        @if let Some(detail) = detail { " (" (detail) ")" }
        span.hint {
            " " (format::time(visitor.language, entry.at, words::zone(visitor, class)))
            @if let Some(name) = &entry.actor_name { " · " (name) }
        }
        @if let Some(reason) = &entry.reason { div.plain-text { (reason) } }
    }
}

/// Renders the link to older entries of a log; nothing after the last.
pub(super) fn older(visitor: &Visitor, path: &str, last: Option<(i64, i32)>) -> Markup {
    html! {
        @if let Some((seq, position)) = last {
            p.more {
                a.button.quiet href={ (path) "?after=" (seq) "_" (position) } {
                    (visitor.text("organiser_class.older"))
                }
            }
        }
    }
}
