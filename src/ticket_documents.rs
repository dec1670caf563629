//! Documents that customers take along: tickets as PDF, their codes as pictures, and events as calendar
//! files. Everything that is printed is given: this module reads neither the store nor clocks.

mod calendar;
mod certificate;
mod order;
mod pdf;
mod picture;
mod text;

pub use calendar::{CalendarEntry, calendar};
pub use certificate::{Certificate, certificate};
pub use order::{online_place, pages};
pub use pdf::{Labelled, Ticket, pdf};
pub use picture::qr_picture;

/// Why a document was not made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A document needs a ticket.
    #[error("a document of no tickets")]
    Empty,
    /// The ticket's code does not fit into a QR code.
    #[error("a ticket's code does not fit into a QR code")]
    Code(#[from] qrcode::types::QrError),
    /// A time is beyond the years that a calendar file can name.
    #[error("the time {0} ms is beyond all calendars")]
    Time(i64),
    /// The PDF could not be written.
    #[error("the document could not be written: {0}")]
    Written(String),
}
