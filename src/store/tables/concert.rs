//! What fans see of an event beside its sale: category, artists, series, pictures and links.

use std::collections::HashMap;

use entities::{artist, concert, concert_artist, like_count, series};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ArtistId, ImageId, OfferingId, SeriesId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Key, Store, StoreError};

/// The kind of a concert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConcertCategory {
    /// One artist or group, with or without guests.
    Concert,
    /// Several artists in a row.
    Festival,
    /// Classical music.
    Classical,
    /// A musical.
    Musical,
    /// A play.
    Theatre,
    /// An artist meets fans.
    Fanmeeting,
    /// Another kind.
    Other,
}

impl ConcertCategory {
    /// All categories.
    pub const ALL: [Self; 7] = [
        Self::Concert,
        Self::Festival,
        Self::Classical,
        Self::Musical,
        Self::Theatre,
        Self::Fanmeeting,
        Self::Other,
    ];

    /// Returns the name of the category in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concert => "CONCERT",
            Self::Festival => "FESTIVAL",
            Self::Classical => "CLASSICAL",
            Self::Musical => "MUSICAL",
            Self::Theatre => "THEATRE",
            Self::Fanmeeting => "FANMEETING",
            Self::Other => "OTHER",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == text)
    }
}

/// A place outside of this shop that sells tickets too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TicketLink {
    pub name: String,
    pub url: String,
}

/// What fans see of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ConcertRow {
    pub offering: OfferingId,
    pub category: ConcertCategory,
    pub series: Option<SeriesId>,
    /// `None` for the start of the sale.
    pub ticket_open: Option<TimestampMs>,
    pub poster: Option<ImageId>,
    pub images: Vec<ImageId>,
    pub ticket_links: Vec<TicketLink>,
    /// In the order in which they are named.
    pub artists: Vec<ArtistId>,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

/// What became of a concert that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConcertPut {
    /// It is stored, or was by an earlier request with the key.
    Stored {
        /// True if it was stored before.
        replayed: bool,
    },
    /// An artist is gone.
    NoSuchArtist,
    /// The series is gone.
    NoSuchSeries,
}

impl Store {
    /// Stores what fans see of an event, in place of what was there. A retry with the key changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn concert_put(
        &self,
        row: &ConcertRow,
        key: Option<&Key>,
    ) -> Result<ConcertPut, StoreError> {
        let transaction = self.writes().begin().await?;
        if idempotency::claim(&transaction, key, "", row.updated_at).await?.is_some() {
            transaction.rollback().await?;
            return Ok(ConcertPut::Stored { replayed: true });
        }
        // Locked, so that none of them is deleted before this is stored.
        let ids = row.artists.iter().map(|id| id.0);
        let found = artist::Entity::find().filter(artist::Column::Id.is_in(ids)).lock_shared();
        if found.all(&transaction).await?.len() != row.artists.len() {
            transaction.rollback().await?;
            return Ok(ConcertPut::NoSuchArtist);
        }
        if let Some(id) = row.series {
            let found = series::Entity::find_by_id(id.0).lock_shared().one(&transaction).await?;
            if found.is_none() {
                transaction.rollback().await?;
                return Ok(ConcertPut::NoSuchSeries);
            }
        }
        write(&transaction, row).await?;
        transaction.commit().await?;
        Ok(ConcertPut::Stored { replayed: false })
    }

    /// Deletes what fans see of an event; the event stays. A retry changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn concert_delete(&self, id: OfferingId) -> Result<(), StoreError> {
        let transaction = self.writes().begin().await?;
        concert_artist::Entity::delete_many()
            .filter(concert_artist::Column::OfferingId.eq(id.0))
            .exec(&transaction)
            .await?;
        concert::Entity::delete_by_id(id.0).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Returns what fans see of those of `ids` of which there is something, by two queries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn concerts(
        &self,
        ids: &[OfferingId],
    ) -> Result<HashMap<OfferingId, ConcertRow>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let ids = || ids.iter().map(|id| id.0);
        let rows = concert::Entity::find().filter(concert::Column::OfferingId.is_in(ids()));
        let rows = rows.all(self.reads()).await?;
        let named = concert_artist::Entity::find()
            .filter(concert_artist::Column::OfferingId.is_in(ids()))
            .order_by_asc(concert_artist::Column::Position)
            .all(self.reads())
            .await?;
        let mut artists: HashMap<Uuid, Vec<ArtistId>> = HashMap::new();
        for row in named {
            artists.entry(row.offering_id).or_default().push(ArtistId(row.artist_id));
        }
        let row = |row: concert::Model| {
            let artists = artists.remove(&row.offering_id).unwrap_or_default();
            row_of(&row, artists).map(|row| (row.offering, row))
        };
        rows.into_iter().map(row).collect()
    }

    /// Returns how many accounts like those of `ids` that any likes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn like_counts(
        &self,
        ids: &[OfferingId],
    ) -> Result<HashMap<OfferingId, i64>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let ids = ids.iter().map(|id| id.0);
        let rows = like_count::Entity::find()
            .filter(like_count::Column::OfferingId.is_in(ids))
            .all(self.reads())
            .await?;
        Ok(rows.into_iter().map(|row| (OfferingId(row.offering_id), row.likes)).collect())
    }
}

async fn write(transaction: &impl ConnectionTrait, row: &ConcertRow) -> Result<(), StoreError> {
    use concert::Column;
    let replace = OnConflict::column(Column::OfferingId)
        .update_columns([
            Column::Category,
            Column::SeriesId,
            Column::TicketOpenAt,
            Column::PosterId,
            Column::ImageIds,
            Column::TicketLinks,
            Column::UpdatedAt,
        ])
        .to_owned();
    concert::Entity::insert(active(row)?)
        .on_conflict(replace)
        .exec_without_returning(transaction)
        .await?;
    concert_artist::Entity::delete_many()
        .filter(concert_artist::Column::OfferingId.eq(row.offering.0))
        .exec(transaction)
        .await?;
    let named = (0..).zip(&row.artists).map(|(position, artist)| concert_artist::ActiveModel {
        offering_id: Set(row.offering.0),
        artist_id: Set(artist.0),
        position: Set(position),
    });
    let named: Vec<_> = named.collect();
    if !named.is_empty() {
        concert_artist::Entity::insert_many(named).exec_without_returning(transaction).await?;
    }
    Ok(())
}

fn active(row: &ConcertRow) -> Result<concert::ActiveModel, StoreError> {
    let json = |error: serde_json::Error| StoreError::Damaged(error.to_string());
    let images: Vec<Uuid> = row.images.iter().map(|id| id.0).collect();
    Ok(concert::ActiveModel {
        offering_id: Set(row.offering.0),
        category: Set(row.category.as_str().into()),
        series_id: Set(row.series.map(|id| id.0)),
        ticket_open_at: Set(row.ticket_open),
        poster_id: Set(row.poster.map(|id| id.0)),
        image_ids: Set(serde_json::to_string(&images).map_err(json)?),
        ticket_links: Set(serde_json::to_string(&row.ticket_links).map_err(json)?),
        created_at: Set(row.created_at),
        updated_at: Set(row.updated_at),
    })
}

fn row_of(row: &concert::Model, artists: Vec<ArtistId>) -> Result<ConcertRow, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("concert {}: {what}", row.offering_id));
    let category = ConcertCategory::parse(&row.category).ok_or_else(|| damaged("category"))?;
    let images: Vec<Uuid> =
        serde_json::from_str(&row.image_ids).map_err(|_| damaged("pictures"))?;
    let ticket_links = serde_json::from_str(&row.ticket_links).map_err(|_| damaged("links"))?;
    Ok(ConcertRow {
        offering: OfferingId(row.offering_id),
        category,
        series: row.series_id.map(SeriesId),
        ticket_open: row.ticket_open_at,
        poster: row.poster_id.map(ImageId),
        images: images.into_iter().map(ImageId).collect(),
        ticket_links,
        artists,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
