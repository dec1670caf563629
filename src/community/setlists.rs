//! Setlists: what was played at a concert, written by those who were there. Each change is a version
//! of its own with its author, so that nothing is lost to an edit.

mod draft;
mod error;
mod links;
mod titles;

pub use draft::{MAX_CHARS, MAX_SONGS, Playlists, SetlistDraft, Song};
pub use error::SetlistError;
pub use titles::TitleSource;

use std::collections::HashMap;
use std::sync::Arc;

use titles::Titles;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::community::metrics;
use crate::ids::{OfferingId, UserId};
use crate::inventory::{SaleState, TimestampMs};
use crate::store::{Answered, EventRow, Key, SetlistPut, SetlistRow, Store, StoreError};

/// The setlists of this store.
pub struct Setlists {
    store: Store,
    titles: Titles,
}

/// A version of a setlist.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Setlist {
    pub concert: OfferingId,
    pub version: u32,
    pub songs: Vec<Song>,
    pub playlists: Playlists,
    /// Titles of links, where their services were asked.
    pub titles: HashMap<String, String>,
    pub author: UserId,
    /// `None` if the account is closed.
    pub author_name: Option<String>,
    pub created_at: TimestampMs,
}

/// A version in a list.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SetlistVersion {
    pub version: u32,
    pub songs: usize,
    pub is_deleted: bool,
    pub author: UserId,
    /// `None` if the account is closed.
    pub author_name: Option<String>,
    pub created_at: TimestampMs,
}

/// A concert that a person was at.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Attended {
    pub concert: OfferingId,
    pub name: String,
    /// When the person said so.
    pub at: TimestampMs,
}

/// How many were at a concert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// Whether the caller was.
    pub attended: bool,
    /// How many say so.
    pub count: u64,
}

impl Setlists {
    /// Creates the service over a store.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, source: TitleSource) -> Self {
        let titles = Titles::new(source, store.clone(), clock);
        Self { store, titles }
    }

    /// Returns the current setlist of a concert.
    ///
    /// # Errors
    /// [`SetlistError::NoSuchConcert`] or [`SetlistError::NoSetlist`].
    pub async fn current(&self, concert: OfferingId) -> Result<Setlist, SetlistError> {
        let found = self.store.setlist_current(concert).await?.filter(|row| !row.is_deleted);
        match found {
            Some(row) => self.read(row).await,
            None => {
                self.concert(concert).await?;
                Err(SetlistError::NoSetlist)
            }
        }
    }

    /// Returns a version of a setlist.
    ///
    /// # Errors
    /// [`SetlistError::NoSuchConcert`] or [`SetlistError::NoSetlist`].
    pub async fn version(
        &self,
        concert: OfferingId,
        version: u32,
    ) -> Result<Setlist, SetlistError> {
        let found = self.store.setlist_version(concert, version).await?;
        match found.filter(|row| !row.is_deleted) {
            Some(row) => self.read(row).await,
            None => {
                self.concert(concert).await?;
                Err(SetlistError::NoSetlist)
            }
        }
    }

    /// Returns the versions of a setlist, newest first, below `before`; at most `limit`.
    ///
    /// # Errors
    /// [`SetlistError::NoSuchConcert`].
    pub async fn versions(
        &self,
        concert: OfferingId,
        before: Option<u32>,
        limit: u64,
    ) -> Result<Vec<SetlistVersion>, SetlistError> {
        self.concert(concert).await?;
        let rows = self.store.setlist_versions(concert, before, limit).await?;
        let people = self.store.people(rows.iter().map(|row| row.created_by)).await?;
        let version_of = |row: SetlistRow| {
            Ok(SetlistVersion {
                version: row.version,
                songs: songs_of(&row)?.len(),
                is_deleted: row.is_deleted,
                author: row.created_by,
                author_name: people.get(&row.created_by).and_then(|person| person.name.clone()),
                created_at: row.created_at,
            })
        };
        rows.into_iter().map(version_of).collect()
    }

    /// Writes the next version of a setlist. Returns it, and whether this repeats an earlier request
    /// with the key.
    ///
    /// # Errors
    /// The field that is not allowed, [`SetlistError::VersionConflict`], or
    /// [`SetlistError::NoSuchConcert`].
    pub async fn put(
        &self,
        caller: Caller,
        concert: OfferingId,
        draft: SetlistDraft,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(Setlist, bool), SetlistError> {
        if caller.guest {
            return Err(SetlistError::AccountRequired);
        }
        let draft = draft.checked()?;
        self.concert(concert).await?;
        if let Some(before) = self.store.idempotency_response(key).await? {
            return Ok((self.written(concert, &before).await?, true));
        }
        let row = SetlistRow {
            concert,
            version: self.next_version(concert, draft.version).await?,
            songs: json(&draft.songs)?,
            playlists: json(&draft.playlists)?,
            is_deleted: false,
            created_by: caller.user,
            created_at: now,
        };
        match self.store.setlist_put(&row, key).await? {
            SetlistPut::Written(Answered::Now(())) => {
                metrics::wrote("setlist");
                Ok((self.read(row).await?, false))
            }
            SetlistPut::Written(Answered::Before(version)) => {
                Ok((self.written(concert, &version).await?, true))
            }
            SetlistPut::Taken => Err(self.conflict(concert).await?),
        }
    }

    /// Deletes a setlist: the next version says so, and earlier ones stay. The caller has been allowed
    /// to.
    ///
    /// # Errors
    /// [`SetlistError::NoSetlist`] or [`SetlistError::NoSuchConcert`].
    pub async fn delete(
        &self,
        by: UserId,
        concert: OfferingId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(), SetlistError> {
        if self.store.idempotency_response(key).await?.is_some() {
            return Ok(());
        }
        let current = self.current(concert).await?;
        let row = SetlistRow {
            concert,
            version: current.version.saturating_add(1),
            songs: "[]".into(),
            playlists: json(&Playlists::default())?,
            is_deleted: true,
            created_by: by,
            created_at: now,
        };
        match self.store.setlist_put(&row, key).await? {
            SetlistPut::Written(_) => Ok(()),
            SetlistPut::Taken => Err(self.conflict(concert).await?),
        }
    }

    /// Stores whether a person was at a concert, and returns how many were.
    ///
    /// # Errors
    /// [`SetlistError::NotBegun`], [`SetlistError::Cancelled`] or [`SetlistError::NoSuchConcert`].
    pub async fn attend(
        &self,
        caller: Caller,
        concert: OfferingId,
        attended: bool,
        now: TimestampMs,
    ) -> Result<Attendance, SetlistError> {
        if caller.guest {
            return Err(SetlistError::AccountRequired);
        }
        let event = self.concert(concert).await?;
        match attended {
            true if event.sale_state == SaleState::Cancelled => {
                return Err(SetlistError::Cancelled);
            }
            true if event.details.event_date > now => return Err(SetlistError::NotBegun),
            true => self.store.attendance_put(concert, caller.user, now).await?,
            false => self.store.attendance_delete(concert, caller.user).await?,
        }
        self.attendance(concert, Some(caller.user)).await
    }

    /// Returns how many were at a concert, and whether `user` was.
    ///
    /// # Errors
    /// The store failed.
    pub async fn attendance(
        &self,
        concert: OfferingId,
        user: Option<UserId>,
    ) -> Result<Attendance, SetlistError> {
        self.concert(concert).await?;
        let (attended, count) = self.store.attendance_count(concert, user).await?;
        Ok(Attendance { attended, count })
    }

    /// Returns the concerts that a person was at, the last one said first, after `cursor`; at most
    /// `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn attended(
        &self,
        user: UserId,
        cursor: Option<(TimestampMs, OfferingId)>,
        limit: u64,
    ) -> Result<Vec<Attended>, SetlistError> {
        let rows = self.store.attendance_list(user, cursor, limit).await?;
        let ids: Vec<OfferingId> = rows.iter().map(|(concert, _)| *concert).collect();
        let mut names: HashMap<_, _> = self.store.event_names(&ids).await?.into_iter().collect();
        let attended = |(concert, at)| Attended {
            concert,
            name: names.remove(&concert).unwrap_or_default(),
            at,
        };
        Ok(rows.into_iter().map(attended).collect())
    }

    /// Returns the concert, which is an event and no class.
    async fn concert(&self, id: OfferingId) -> Result<EventRow, SetlistError> {
        let found = self.store.event_get(id).await?.filter(|event| !event.is_class);
        found.ok_or(SetlistError::NoSuchConcert)
    }

    async fn read(&self, row: SetlistRow) -> Result<Setlist, SetlistError> {
        let songs = songs_of(&row)?;
        let playlists = serde_json::from_str(&row.playlists).map_err(|_| damaged(&row))?;
        let links = draft::links(&songs, &playlists);
        let titles = self.store.link_titles(links.clone()).await?;
        let unknown: Vec<String> =
            links.into_iter().filter(|link| !titles.contains_key(link)).collect();
        if !unknown.is_empty() {
            self.titles.look_up(unknown);
        }
        let mut people = self.store.people([row.created_by]).await?;
        Ok(Setlist {
            concert: row.concert,
            version: row.version,
            songs,
            playlists,
            titles,
            author: row.created_by,
            author_name: people.remove(&row.created_by).and_then(|person| person.name),
            created_at: row.created_at,
        })
    }

    /// Returns the version that an earlier request with the same key wrote.
    async fn written(&self, concert: OfferingId, version: &str) -> Result<Setlist, SetlistError> {
        let damaged = || StoreError::Damaged(format!("setlist version {version}"));
        let version = version.parse().map_err(|_| damaged())?;
        let row = self.store.setlist_version(concert, version).await?.ok_or_else(damaged)?;
        self.read(row).await
    }

    /// Returns the version after the one that a writer has read; 0 stands for no setlist, also for one
    /// that was deleted.
    async fn next_version(&self, concert: OfferingId, read: u32) -> Result<u32, SetlistError> {
        let current = self.store.setlist_current(concert).await?;
        let last = current.as_ref().map_or(0, |row| row.version);
        let shown = current.filter(|row| !row.is_deleted).map_or(0, |row| row.version);
        match read == shown {
            true => Ok(last.saturating_add(1)),
            false => Err(SetlistError::VersionConflict { current: shown }),
        }
    }

    async fn conflict(&self, concert: OfferingId) -> Result<SetlistError, SetlistError> {
        let current = self.store.setlist_current(concert).await?.filter(|row| !row.is_deleted);
        Ok(SetlistError::VersionConflict { current: current.map_or(0, |row| row.version) })
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn songs_of(row: &SetlistRow) -> Result<Vec<Song>, StoreError> {
    serde_json::from_str(&row.songs).map_err(|_| damaged(row))
}

fn damaged(row: &SetlistRow) -> StoreError {
    StoreError::Damaged(format!("version {} of the setlist of {}", row.version, row.concert))
}
