//! What organisers enter of concerts, artists and series.

use reqwest::Url;

use crate::ids::{ArtistId, ImageId, SeriesId};
use crate::inventory::TimestampMs;
use crate::store::{ConcertCategory, TicketLink};
use crate::text::{self, InvalidField};

/// The most artists of a concert.
const MAX_ARTISTS: usize = 20;
/// The most pictures of a concert.
const MAX_IMAGES: usize = 10;
/// The most links to other shops.
const MAX_LINKS: usize = 10;
/// The most characters of a link's name.
const MAX_LINK_NAME: usize = 50;
/// The most bytes of an address.
const MAX_URL: usize = 2_048;
/// The most other names of an artist.
const MAX_OTHER_NAMES: usize = 10;
/// The most characters of a name.
const MAX_NAME: usize = 200;
/// The most characters of a description.
pub const MAX_DESCRIPTION: usize = 5_000;
/// The years in which tickets may open.
const YEARS: std::ops::Range<TimestampMs> = 0..253_402_300_800_000;

/// What fans are to see of an event.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ConcertDraft {
    pub category: ConcertCategory,
    pub artists: Vec<ArtistId>,
    pub series: Option<SeriesId>,
    pub poster: Option<ImageId>,
    pub images: Vec<ImageId>,
    pub ticket_links: Vec<TicketLink>,
    /// `None` for the start of the sale.
    pub ticket_open: Option<TimestampMs>,
}

/// What is said of an artist.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArtistDraft {
    pub name: String,
    pub other_names: Vec<String>,
    pub description: String,
    pub image: Option<ImageId>,
}

/// What is said of a series.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeriesDraft {
    pub name: String,
    pub description: String,
}

impl ConcertDraft {
    pub(super) fn checked(self) -> Result<Self, InvalidField> {
        at_most("artistIds", &self.artists, MAX_ARTISTS)?;
        at_most("imageIds", &self.images, MAX_IMAGES)?;
        at_most("ticketLinks", &self.ticket_links, MAX_LINKS)?;
        if self.ticket_open.is_some_and(|at| !YEARS.contains(&at)) {
            return Err(InvalidField::new("ticketOpenDate", "must be between 1970 and 9999"));
        }
        let links = self.ticket_links.into_iter().enumerate();
        let links = links.map(|(index, link)| checked_link(index, &link));
        Ok(Self { ticket_links: links.collect::<Result<_, _>>()?, ..self })
    }
}

impl ArtistDraft {
    pub(super) fn checked(self) -> Result<Self, InvalidField> {
        if self.other_names.len() > MAX_OTHER_NAMES {
            let reason = format!("may have at most {MAX_OTHER_NAMES} items");
            return Err(InvalidField::new("otherNames", reason));
        }
        let names = self.other_names.iter().map(|name| text::line("otherNames", name, MAX_NAME));
        Ok(Self {
            name: text::line("name", &self.name, MAX_NAME)?,
            other_names: names.collect::<Result<_, _>>()?,
            description: description(&self.description)?,
            image: self.image,
        })
    }
}

impl SeriesDraft {
    pub(super) fn checked(self) -> Result<Self, InvalidField> {
        let name = text::line("name", &self.name, MAX_NAME)?;
        Ok(Self { name, description: description(&self.description)? })
    }
}

fn description(entered: &str) -> Result<String, InvalidField> {
    text::paragraph("description", &entered.replace("\r\n", "\n"), MAX_DESCRIPTION)
}

/// Checks that a list is not too long, and names nothing twice.
fn at_most<T: PartialEq>(field: &str, items: &[T], max: usize) -> Result<(), InvalidField> {
    if items.len() > max {
        return Err(InvalidField::new(field, format!("may have at most {max} items")));
    }
    let is_twice = |(index, item): (usize, &T)| items[..index].contains(item);
    if items.iter().enumerate().any(is_twice) {
        return Err(InvalidField::new(field, "must not name one of them twice"));
    }
    Ok(())
}

fn checked_link(index: usize, link: &TicketLink) -> Result<TicketLink, InvalidField> {
    let field = |name: &str| format!("ticketLinks[{index}].{name}");
    let name = text::line(&field("name"), &link.name, MAX_LINK_NAME)?;
    let wrong = || InvalidField::new(field("url"), "must be an address that begins with https://");
    let url = Url::parse(link.url.trim()).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if url.scheme() != "https" || !url.has_host() || !is_plain || url.as_str().len() > MAX_URL {
        return Err(wrong());
    }
    Ok(TicketLink { name, url: url.into() })
}
