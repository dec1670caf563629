//! The catalogue of concerts: what fans see of an event beside its sale, the artists, and series such as
//! the dates of a tour. Nothing here decides what is sold: an event's own page and its counts do without.

mod draft;
mod error;

use std::collections::{HashMap, HashSet};

pub use draft::{ArtistDraft, ConcertDraft, MAX_DESCRIPTION, SeriesDraft};
pub use error::CatalogueError;

pub use crate::store::{
    ArtistRow, ConcertCategory, ConcertRow, ConcertSearch, ConcertSort, SeriesRow, Stage,
    TicketLink,
};

use crate::ids::{ArtistId, ImageId, OfferingId, SeriesId, UserId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::{Answered, CatalogueDeleted, ConcertPut, EventRow, Key, Store, StoreError};
use crate::text::InvalidField;

/// The most events of a series that its page lists.
const MAX_DATES: u64 = 200;

/// The catalogue of this store.
pub struct Catalogue {
    store: Store,
}

/// An event as fans see it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ShownConcert {
    pub event: EventRow,
    pub stage: Stage,
    /// `None` for an event of which nothing more was said.
    pub concert: Option<ConcertRow>,
    pub artists: Vec<(ArtistId, String)>,
    pub likes: i64,
}

impl ShownConcert {
    /// Returns when tickets are sold from: what the organiser says, else the start of the sale.
    #[must_use]
    pub fn ticket_open(&self) -> Option<TimestampMs> {
        let said = self.concert.as_ref().and_then(|concert| concert.ticket_open);
        said.or(self.event.sale.start)
    }
}

impl Catalogue {
    /// Creates the catalogue over a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Returns an event as fans see it.
    ///
    /// # Errors
    /// [`CatalogueError::NoSuchEvent`].
    pub async fn concert(
        &self,
        id: OfferingId,
        now: TimestampMs,
    ) -> Result<ShownConcert, CatalogueError> {
        let events = self.store.events(&[id]).await?;
        let mut shown = self.shown(events, now).await?;
        shown.pop().ok_or(CatalogueError::NoSuchEvent)
    }

    /// Returns events as fans see them, in their order: a constant number of queries.
    ///
    /// # Errors
    /// The store failed.
    pub async fn shown(
        &self,
        events: Vec<EventRow>,
        now: TimestampMs,
    ) -> Result<Vec<ShownConcert>, CatalogueError> {
        let ids: Vec<OfferingId> = events.iter().map(|event| event.id).collect();
        let mut concerts = self.store.concerts(&ids).await?;
        let likes = self.store.like_counts(&ids).await?;
        let named: HashSet<ArtistId> =
            concerts.values().flat_map(|concert| concert.artists.iter().copied()).collect();
        let artists = self.store.artists(&named.into_iter().collect::<Vec<_>>()).await?;
        let name = |id: &ArtistId| artists.get(id).map(|artist| (*id, artist.name.clone()));
        let shown = events.into_iter().map(|event| {
            let concert = concerts.remove(&event.id);
            let artists = concert.iter().flat_map(|concert| &concert.artists);
            ShownConcert {
                stage: Stage::of(&event, now),
                artists: artists.filter_map(name).collect(),
                likes: likes.get(&event.id).copied().unwrap_or_default(),
                concert,
                event,
            }
        });
        Ok(shown.collect())
    }

    /// Returns events that match, and the cursor after them; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn search(
        &self,
        search: &ConcertSearch,
        limit: u64,
        now: TimestampMs,
    ) -> Result<(Vec<ShownConcert>, Option<String>), CatalogueError> {
        let found = self.store.concert_search(search, limit, now).await?;
        let next = found.last().filter(|_| found.len() as u64 == limit);
        let next = next.map(crate::store::FoundConcert::cursor);
        let ids: Vec<OfferingId> = found.iter().map(|found| found.id).collect();
        let mut rows: HashMap<OfferingId, EventRow> =
            self.store.events(&ids).await?.into_iter().map(|row| (row.id, row)).collect();
        let events = ids.iter().filter_map(|id| rows.remove(id)).collect();
        Ok((self.shown(events, now).await?, next))
    }

    /// Says of an event what fans see of it, in place of what was said before. Returns whether this
    /// repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub async fn put(
        &self,
        id: OfferingId,
        draft: ConcertDraft,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<bool, CatalogueError> {
        let draft = draft.checked()?;
        if self.store.events(&[id]).await?.is_empty() {
            return Err(CatalogueError::NoSuchEvent);
        }
        self.expect_images("posterId", draft.poster.as_slice()).await?;
        self.expect_images("imageIds", &draft.images).await?;
        let row = ConcertRow {
            offering: id,
            category: draft.category,
            series: draft.series,
            ticket_open: draft.ticket_open,
            poster: draft.poster,
            images: draft.images,
            ticket_links: draft.ticket_links,
            artists: draft.artists,
            created_at: now,
            updated_at: now,
        };
        match self.store.concert_put(&row, key).await? {
            ConcertPut::Stored { replayed } => Ok(replayed),
            ConcertPut::NoSuchArtist => {
                Err(InvalidField::new("artistIds", "must be ids of artists").into())
            }
            ConcertPut::NoSuchSeries => {
                Err(InvalidField::new("seriesId", "must be the id of a series").into())
            }
        }
    }

    /// Takes back what was said of an event beside its sale. It may be taken back already.
    ///
    /// # Errors
    /// [`CatalogueError::NoSuchEvent`].
    pub async fn take_back(&self, id: OfferingId) -> Result<(), CatalogueError> {
        if self.store.events(&[id]).await?.is_empty() {
            return Err(CatalogueError::NoSuchEvent);
        }
        Ok(self.store.concert_delete(id).await?)
    }

    /// Adds an artist. Returns it, and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub async fn create_artist(
        &self,
        by: UserId,
        draft: ArtistDraft,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(ArtistRow, bool), CatalogueError> {
        let ArtistDraft { name, other_names, description, image } = draft.checked()?;
        self.expect_images("imageId", image.as_slice()).await?;
        let id = ArtistId(time_ordered(now.unsigned_abs()));
        let (created_by, created_at, updated_at) = (by, now, now);
        let row = ArtistRow {
            id,
            name,
            other_names,
            description,
            image,
            created_by,
            created_at,
            updated_at,
        };
        match self.store.artist_create(&row, key).await? {
            Answered::Now(()) => Ok((row, false)),
            Answered::Before(id) => {
                let id = id.parse().map_err(|_| StoreError::Damaged(format!("artist {id}")))?;
                Ok((self.artist(id).await?, true))
            }
        }
    }

    /// Returns an artist.
    ///
    /// # Errors
    /// [`CatalogueError::NoSuchArtist`].
    pub async fn artist(&self, id: ArtistId) -> Result<ArtistRow, CatalogueError> {
        self.store.artists(&[id]).await?.remove(&id).ok_or(CatalogueError::NoSuchArtist)
    }

    /// Returns the artist with this name, the one added first if there are several.
    ///
    /// # Errors
    /// The store failed.
    pub async fn artist_named(&self, name: &str) -> Result<Option<ArtistId>, CatalogueError> {
        Ok(self.store.artist_named(name).await?)
    }

    /// Returns artists whose name contains a text, newest first, after `after`; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn artists(
        &self,
        text: &str,
        after: Option<ArtistId>,
        limit: u64,
    ) -> Result<Vec<ArtistRow>, CatalogueError> {
        Ok(self.store.artist_list(text, after, limit).await?)
    }

    /// Replaces what is said of an artist.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub async fn change_artist(
        &self,
        id: ArtistId,
        change: impl FnOnce(ArtistDraft) -> ArtistDraft,
        now: TimestampMs,
    ) -> Result<ArtistRow, CatalogueError> {
        let row = self.artist(id).await?;
        let draft = ArtistDraft {
            name: row.name.clone(),
            other_names: row.other_names.clone(),
            description: row.description.clone(),
            image: row.image,
        };
        let ArtistDraft { name, other_names, description, image } = change(draft).checked()?;
        if image != row.image {
            self.expect_images("imageId", image.as_slice()).await?;
        }
        let row = ArtistRow { name, other_names, description, image, updated_at: now, ..row };
        self.store.artist_update(&row).await?;
        Ok(row)
    }

    /// Deletes an artist whom no event names.
    ///
    /// # Errors
    /// [`CatalogueError::NoSuchArtist`] or [`CatalogueError::InUse`].
    pub async fn delete_artist(&self, id: ArtistId) -> Result<(), CatalogueError> {
        deleted(self.store.artist_delete(id).await?, CatalogueError::NoSuchArtist)
    }

    /// Adds a series. Returns it, and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub async fn create_series(
        &self,
        by: UserId,
        draft: SeriesDraft,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(SeriesRow, bool), CatalogueError> {
        let SeriesDraft { name, description } = draft.checked()?;
        let id = SeriesId(time_ordered(now.unsigned_abs()));
        let (created_by, created_at, updated_at) = (by, now, now);
        let row = SeriesRow { id, name, description, created_by, created_at, updated_at };
        match self.store.series_create(&row, key).await? {
            Answered::Now(()) => Ok((row, false)),
            Answered::Before(id) => {
                let id = id.parse().map_err(|_| StoreError::Damaged(format!("series {id}")))?;
                Ok((self.series_row(id).await?, true))
            }
        }
    }

    async fn series_row(&self, id: SeriesId) -> Result<SeriesRow, CatalogueError> {
        self.store.series_get(id).await?.ok_or(CatalogueError::NoSuchSeries)
    }

    /// Returns a series with its events, the earliest first.
    ///
    /// # Errors
    /// [`CatalogueError::NoSuchSeries`].
    pub async fn series(
        &self,
        id: SeriesId,
        now: TimestampMs,
    ) -> Result<(SeriesRow, Vec<ShownConcert>), CatalogueError> {
        let row = self.series_row(id).await?;
        let events = self.store.series_events(id, MAX_DATES).await?;
        Ok((row, self.shown(events, now).await?))
    }

    /// Returns series, newest first, after `after`; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn all_series(
        &self,
        after: Option<SeriesId>,
        limit: u64,
    ) -> Result<Vec<SeriesRow>, CatalogueError> {
        Ok(self.store.series_list(after, limit).await?)
    }

    /// Replaces what is said of a series.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub async fn change_series(
        &self,
        id: SeriesId,
        change: impl FnOnce(SeriesDraft) -> SeriesDraft,
        now: TimestampMs,
    ) -> Result<SeriesRow, CatalogueError> {
        let row = self.series_row(id).await?;
        let draft = SeriesDraft { name: row.name.clone(), description: row.description.clone() };
        let SeriesDraft { name, description } = change(draft).checked()?;
        let row = SeriesRow { name, description, updated_at: now, ..row };
        self.store.series_update(&row).await?;
        Ok(row)
    }

    /// Deletes a series that no event names.
    ///
    /// # Errors
    /// [`CatalogueError::NoSuchSeries`] or [`CatalogueError::InUse`].
    pub async fn delete_series(&self, id: SeriesId) -> Result<(), CatalogueError> {
        deleted(self.store.series_delete(id).await?, CatalogueError::NoSuchSeries)
    }

    async fn expect_images(&self, field: &str, ids: &[ImageId]) -> Result<(), CatalogueError> {
        if self.store.images_found(ids).await? == ids.len() {
            return Ok(());
        }
        Err(InvalidField::new(field, "must name pictures that were uploaded").into())
    }
}

fn deleted(outcome: CatalogueDeleted, no_such: CatalogueError) -> Result<(), CatalogueError> {
    match outcome {
        CatalogueDeleted::Gone => Ok(()),
        CatalogueDeleted::NoSuch => Err(no_such),
        CatalogueDeleted::InUse => Err(CatalogueError::InUse),
    }
}
