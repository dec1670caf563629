//! Certificates of attendance as PDF: one A4 page.

use chrono_tz::Tz;
use krilla::Document;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::surface::Surface;

use super::pdf::{GREY, INK, INNER, Labelled, MARGIN, PAGE, block, centred, color, rectangle};
use super::text::{clean, fit};
use super::{DocumentError, pdf};
use crate::inventory::TimestampMs;
use crate::language::{Language, format};
use crate::store::EventRow;

/// A certificate to print; all texts are in the person's language.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Certificate {
    pub heading: String,
    pub name: String,
    /// The sentence below the name.
    pub text: String,
    pub class: String,
    pub details: Vec<Labelled>,
    pub issuer: String,
}

impl Certificate {
    /// Returns the certificate of a person who attended a class; `id` is printed at its foot.
    #[must_use]
    pub fn of(
        (language, zone): (Language, Tz),
        class: &EventRow,
        name: &str,
        issuer: &str,
        id: &str,
    ) -> Self {
        let starts_at = class.details.event_date;
        let ends_at = class.event_end.unwrap_or(starts_at);
        let detail = |key: &'static str, value: &str| Labelled::new(language.text(key), value);
        let mut details =
            vec![detail("certificate.when", &period(language, zone, starts_at, ends_at))];
        if !class.details.venue.is_empty() {
            details.push(detail("certificate.place", &class.details.venue));
        }
        details.push(detail("certificate.id", id));
        Self {
            heading: language.text("certificate.heading").to_owned(),
            name: name.to_owned(),
            text: language.text("certificate.text").to_owned(),
            class: class.details.name.clone(),
            details,
            issuer: issuer.to_owned(),
        }
    }
}

fn period(language: Language, zone: Tz, starts_at: TimestampMs, ends_at: TimestampMs) -> String {
    let first = format::date_time(language, starts_at, zone);
    match ends_at > starts_at {
        true => format!("{first} – {}", format::date_time(language, ends_at, zone)),
        false => first,
    }
}

/// Returns a certificate as PDF; `language` is a tag such as `ko`.
///
/// # Errors
/// [`DocumentError`].
pub fn certificate(of: &Certificate, language: &str) -> Result<Vec<u8>, DocumentError> {
    let mut document = Document::new();
    let metadata = Metadata::new().title(clean(&of.heading)).language(language.to_owned());
    document.set_metadata(metadata.creator("Admit One".to_owned()));
    let settings = PageSettings::from_wh(PAGE.0, PAGE.1).expect("A4 is a size");
    let mut page = document.start_page_with(settings);
    let mut surface = page.surface();
    draw(&mut surface, of);
    surface.finish();
    page.finish();
    pdf::written(document)
}

fn draw(surface: &mut Surface<'_>, of: &Certificate) {
    const TOP: f32 = 150.0;
    const FOOT: f32 = 150.0;
    color(surface, INK);
    rectangle(surface, MARGIN, MARGIN - 14.0, INNER, 4.0);
    let heading = fit(&of.heading, INNER, &[(32.0, 1), (24.0, 2)]);
    let mut y = centred(surface, TOP, &heading) + 50.0;
    y = centred(surface, y, &fit(&of.name, INNER, &[(28.0, 1), (20.0, 2), (14.0, 4)])) + 14.0;
    color(surface, GREY);
    y = centred(surface, y, &fit(&of.text, INNER, &[(13.0, 2), (10.0, 3)])) + 14.0;
    color(surface, INK);
    let class = fit(&of.class, INNER, &[(22.0, 2), (16.0, 4), (11.0, 8)]);
    y = centred(surface, y, &class) + 30.0;
    rectangle(surface, MARGIN, y, INNER, 0.6);
    pdf::details(surface, y + 14.0, &of.details);
    color(surface, INK);
    let issuer = fit(&of.issuer, INNER, &[(16.0, 1), (12.0, 2)]);
    block(surface, MARGIN, PAGE.1 - FOOT, &issuer);
}
