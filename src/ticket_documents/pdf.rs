//! Tickets as PDF: one A4 page each, with vector text and a vector QR code.

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::text::TextDirection;
use qrcode::{Color, QrCode};

use super::DocumentError;
use super::text::{Fitted, clean, fit, runs, width};

/// A4, in points.
pub(super) const PAGE: (f32, f32) = (595.0, 842.0);
pub(super) const MARGIN: f32 = 48.0;
pub(super) const INNER: f32 = PAGE.0 - 2.0 * MARGIN;
const QR_LARGEST: f32 = 240.0;
const QR_SMALLEST: f32 = 130.0;
/// Light modules that must surround a QR code.
const QUIET_ZONE: u16 = 4;
/// The distance of lines, relative to the size of the font.
const LEADING: f32 = 1.3;
/// Columns of places in a row.
const COLUMNS: usize = 3;

pub(super) const INK: (u8, u8, u8) = (20, 24, 31);
pub(super) const GREY: (u8, u8, u8) = (92, 99, 112);

/// A value and its label, in the customer's language.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Labelled {
    pub label: String,
    pub value: String,
}

impl Labelled {
    /// Returns a value with its label.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }
}

/// A ticket to print; all texts are in the customer's language.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The name of the event.
    pub event: String,
    /// The date and time in the event's time zone.
    pub when: String,
    /// The venue.
    pub venue: String,
    /// Where its holder sits or stands, in large letters: section, row and seat, or the product.
    pub place: Vec<Labelled>,
    /// The holder, the kind of ticket, its price, and the like.
    pub details: Vec<Labelled>,
    /// The signed code that the door reads.
    pub code: String,
    /// A line below the QR code with the part of the code that is typed if it cannot be scanned.
    pub by_hand: String,
    /// A sentence below the code.
    pub note: String,
}

/// Returns a PDF with a page for each ticket. `title` is shown by viewers; `language` is a tag such
/// as `ko`.
///
/// # Errors
/// [`DocumentError`].
pub fn pdf(tickets: &[Ticket], title: &str, language: &str) -> Result<Vec<u8>, DocumentError> {
    if tickets.is_empty() {
        return Err(DocumentError::Empty);
    }
    let mut document = Document::new();
    let metadata = Metadata::new().title(clean(title)).language(language.to_owned());
    document.set_metadata(metadata.creator("Admit One".to_owned()));
    for ticket in tickets {
        let code = QrCode::new(&ticket.code)?;
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).expect("A4 is a size");
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        draw_ticket(&mut surface, ticket, &code);
        surface.finish();
        page.finish();
    }
    written(document)
}

/// Returns the bytes of a document.
pub(super) fn written(document: Document) -> Result<Vec<u8>, DocumentError> {
    document.finish().map_err(|error| DocumentError::Written(format!("{error:?}")))
}

fn draw_ticket(surface: &mut Surface<'_>, ticket: &Ticket, code: &QrCode) {
    color(surface, INK);
    rectangle(surface, MARGIN, MARGIN - 14.0, INNER, 4.0);
    let sizes = [(30.0, 2), (24.0, 3), (18.0, 4), (14.0, 6), (11.0, 8)];
    let mut y = block(surface, MARGIN, MARGIN + 10.0, &fit(&ticket.event, INNER, &sizes)) + 8.0;
    y = block(surface, MARGIN, y, &fit(&ticket.when, INNER, &[(15.0, 1), (12.0, 2)])) + 2.0;
    color(surface, GREY);
    y = block(surface, MARGIN, y, &fit(&ticket.venue, INNER, &[(13.0, 1), (10.0, 3)])) + 14.0;
    rectangle(surface, MARGIN, y, INNER, 0.6);
    y = places(surface, y + 12.0, &ticket.place);
    y = details(surface, y, &ticket.details);
    foot(surface, y, ticket, code);
}

/// Draws places side by side; returns where the page goes on.
fn places(surface: &mut Surface<'_>, mut y: f32, places: &[Labelled]) -> f32 {
    for row in places.chunks(COLUMNS) {
        #[expect(clippy::cast_precision_loss, reason = "at most three")]
        let column = INNER / row.len() as f32;
        let mut end = y;
        let mut x = MARGIN;
        for one in row {
            let inner = column - 10.0;
            color(surface, GREY);
            let below = block(surface, x, y, &fit(&one.label, inner, &[(9.0, 1)]));
            color(surface, INK);
            let sizes = [(26.0, 1), (18.0, 1), (13.0, 2), (10.0, 3)];
            end = end.max(block(surface, x, below, &fit(&one.value, inner, &sizes)));
            x += column;
        }
        y = end + 10.0;
    }
    y
}

/// Draws details one below the other; returns where the page goes on.
pub(super) fn details(surface: &mut Surface<'_>, mut y: f32, details: &[Labelled]) -> f32 {
    const LABELS: f32 = 110.0;
    for one in details {
        color(surface, GREY);
        let label =
            block(surface, MARGIN, y, &fit(&one.label, LABELS - 8.0, &[(11.0, 1), (9.0, 2)]));
        color(surface, INK);
        let value = fit(&one.value, INNER - LABELS, &[(11.0, 1), (9.0, 3)]);
        y = label.max(block(surface, MARGIN + LABELS, y, &value)) + 3.0;
    }
    y
}

/// Draws the QR code, the code as text and the note in the rest of the page below `y`.
fn foot(surface: &mut Surface<'_>, y: f32, ticket: &Ticket, code: &QrCode) {
    let note = fit(&ticket.note, INNER, &[(10.0, 2), (8.0, 3)]);
    let by_hand = fit(&ticket.by_hand, INNER, &[(13.0, 1), (10.0, 2)]);
    let text = fit(&ticket.code, INNER, &[(9.0, 1), (7.0, 2)]);
    let bottom = PAGE.1 - MARGIN - height(&note) - 10.0 - height(&text) - height(&by_hand);
    let space = bottom - 4.0 - y;
    let side = (space - 10.0).clamp(QR_SMALLEST, QR_LARGEST);
    let top = y + ((space - side) / 2.0).max(0.0);
    color(surface, INK);
    qr(surface, code, (PAGE.0 - side) / 2.0, top, side);
    let below = centred(surface, top + side + 4.0, &by_hand) + 4.0;
    color(surface, GREY);
    let below = centred(surface, below, &text) + 6.0;
    centred(surface, below, &note);
}

fn qr(surface: &mut Surface<'_>, code: &QrCode, x: f32, y: f32, side: f32) {
    let colors = code.to_colors();
    let modules = u16::try_from(code.width()).unwrap_or(u16::MAX);
    let unit = side / f32::from(modules + 2 * QUIET_ZONE);
    let mut path = PathBuilder::new();
    let at = |nth: u16| f32::from(nth + QUIET_ZONE) * unit;
    for (row, line) in (0_u16..).zip(colors.chunks(code.width())) {
        for (column, color) in (0_u16..).zip(line) {
            // A little too large, so that no viewer shows gaps between modules.
            let rect = Rect::from_xywh(x + at(column), y + at(row), unit * 1.01, unit * 1.01);
            if let (Color::Dark, Some(rect)) = (color, rect) {
                path.push_rect(rect);
            }
        }
    }
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
}

fn height(fitted: &Fitted) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a few lines")]
    let lines = fitted.lines.len() as f32;
    lines * fitted.size * LEADING
}

/// Draws lines from the left; returns where the page goes on.
pub(super) fn block(surface: &mut Surface<'_>, x: f32, mut y: f32, fitted: &Fitted) -> f32 {
    for line in &fitted.lines {
        y += fitted.size * LEADING;
        draw_line(surface, x, y - fitted.size * 0.3, fitted.size, line);
    }
    y
}

/// Draws lines in the middle of the page; returns where the page goes on.
pub(super) fn centred(surface: &mut Surface<'_>, mut y: f32, fitted: &Fitted) -> f32 {
    for line in &fitted.lines {
        y += fitted.size * LEADING;
        let x = (PAGE.0 - width(line) * fitted.size) / 2.0;
        draw_line(surface, x, y - fitted.size * 0.3, fitted.size, line);
    }
    y
}

/// Draws a line from `x` with its baseline at `y`.
fn draw_line(surface: &mut Surface<'_>, mut x: f32, y: f32, size: f32, line: &str) {
    for run in runs(line) {
        let direction = match run.is_right_to_left {
            true => TextDirection::RightToLeft,
            false => TextDirection::LeftToRight,
        };
        surface.draw_text(Point::from_xy(x, y), run.font, size, run.text, false, direction);
        x += run.width * size;
    }
}

pub(super) fn rectangle(surface: &mut Surface<'_>, x: f32, y: f32, width: f32, height: f32) {
    let mut path = PathBuilder::new();
    if let Some(rect) = Rect::from_xywh(x, y, width, height) {
        path.push_rect(rect);
    }
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
}

pub(super) fn color(surface: &mut Surface<'_>, (red, green, blue): (u8, u8, u8)) {
    let paint = rgb::Color::new(red, green, blue).into();
    surface.set_fill(Some(Fill { paint, ..Fill::default() }));
}
