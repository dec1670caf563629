//! Documents that customers take along: tickets as PDF and events as calendar files. Everything that
//! is printed is given: this module has no words of its own, and knows neither the store nor clocks.

mod calendar;
mod pdf;
mod text;

pub use calendar::{CalendarEntry, calendar};
pub use pdf::{Labelled, Ticket, pdf};

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
