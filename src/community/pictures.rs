//! Pictures of people: uploaded, shown in three widths, and deleted. A row says which bytes the object store
//! has; it counts from when all are written until the first is to be deleted, and what a crash left behind
//! is swept away by it.

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::caller::Caller;
use crate::community::metrics;
use crate::ids::{ImageId, time_ordered};
use crate::inventory::TimestampMs;
use crate::objects::images::{self, WIDTHS};
use crate::objects::{ObjectError, Objects};
use crate::quiet_threads::{QuietThreads, Share};
use crate::roles::Roles;
use crate::store::{ImageRow, Store, StoreError};
use crate::text::InvalidField;

use std::sync::Arc;

/// Uploads that may wait for each other, or be worked on; beyond them the server is busy.
const MAX_AT_ONCE: usize = 8;
/// Pictures that a person may upload in a day.
pub const MAX_A_DAY: u64 = 100;
const DAY_MS: TimestampMs = 24 * 3_600_000;
/// An upload that is not done after this time was cut off.
const SWEPT_AFTER_MS: TimestampMs = 3_600_000;
/// The most pictures of one sweep.
const SWEPT_AT_ONCE: u64 = 1_000;

/// The pictures of this shop.
pub struct Pictures {
    store: Store,
    /// `None` where instances share no place for them.
    objects: Option<Objects>,
    roles: Arc<Roles>,
    threads: QuietThreads,
    turns: Semaphore,
}

/// Why a request about pictures failed.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The upload is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// A guest has no pictures.
    #[error("a guest has no account")]
    AccountRequired,
    /// There is no such picture, or it is another person's.
    #[error("there is no such picture")]
    NoSuchPicture,
    /// An event, an artist or an article shows it.
    #[error("an event, an artist or an article shows the picture: take it out there first")]
    InUse,
    /// The person has uploaded enough for today.
    #[error("a person may upload 100 pictures a day")]
    TooMany,
    /// Many uploads are worked on.
    #[error("too many pictures are being uploaded: try again in a moment")]
    Busy,
    /// The server has no place for pictures.
    #[error("this server has no place for pictures: its operator has to set ADMITONE_OBJECTS")]
    NoPlace,
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn name(id: ImageId, width: u32) -> String {
    format!("images/{id}/{width}")
}

impl Pictures {
    /// Creates the service.
    #[must_use]
    pub fn new(store: Store, objects: Option<Objects>, roles: Arc<Roles>) -> Self {
        let (threads, turns) = (QuietThreads::new(1, Share::Ninth), Semaphore::new(MAX_AT_ONCE));
        Self { store, objects, roles, threads, turns }
    }

    /// Keeps a picture that the caller uploads.
    ///
    /// # Errors
    /// [`PictureError`].
    pub async fn upload(
        &self,
        caller: Caller,
        upload: Bytes,
        now: TimestampMs,
    ) -> Result<ImageRow, PictureError> {
        let objects = self.objects.as_ref().ok_or(PictureError::NoPlace)?;
        self.may_upload(caller, now).await?;
        let _turn = self.turns.try_acquire().map_err(|_| PictureError::Busy)?;
        let read = self.threads.run(move || images::read(&upload)).await;
        // The decoder gave up on it.
        let damaged = || InvalidField::new("file", "is damaged, or not a whole picture");
        let picture = read.unwrap_or_else(|| Err(damaged()))?;
        let id = ImageId(time_ordered(now.unsigned_abs()));
        let bytes = picture.sizes.iter().map(|size| size.len() as u64).sum();
        let row = ImageRow {
            id,
            created_by: caller.user,
            content_type: picture.content_type.to_owned(),
            width: picture.width,
            height: picture.height,
            bytes,
            created_at: now,
        };
        self.store.image_create(&row).await?;
        for (width, size) in WIDTHS.into_iter().zip(picture.sizes) {
            objects.put(&name(id, width), size).await?;
        }
        self.store.image_ready(id, bytes).await?;
        metrics::wrote("picture");
        Ok(row)
    }

    /// Checks that the caller may upload a picture, before its bytes are read.
    ///
    /// # Errors
    /// [`PictureError::AccountRequired`], [`PictureError::TooMany`] or [`PictureError::NoPlace`].
    pub async fn may_upload(&self, caller: Caller, now: TimestampMs) -> Result<(), PictureError> {
        if caller.guest {
            return Err(PictureError::AccountRequired);
        }
        if self.objects.is_none() {
            return Err(PictureError::NoPlace);
        }
        if self.store.images_since(caller.user, now - DAY_MS).await? >= MAX_A_DAY {
            return Err(PictureError::TooMany);
        }
        Ok(())
    }

    /// Returns a picture without its bytes.
    ///
    /// # Errors
    /// [`PictureError::NoSuchPicture`].
    pub async fn picture(&self, id: ImageId) -> Result<ImageRow, PictureError> {
        self.store.image_get(id).await?.ok_or(PictureError::NoSuchPicture)
    }

    /// Returns the caller's pictures, newest first, after `after`; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn of(
        &self,
        caller: Caller,
        after: Option<ImageId>,
        limit: u64,
    ) -> Result<Vec<ImageRow>, PictureError> {
        Ok(self.store.images_of(caller.user, after, limit).await?)
    }

    /// Returns the bytes of a picture in one of its widths, and their type.
    ///
    /// # Errors
    /// [`PictureError::NoSuchPicture`].
    pub async fn bytes(&self, id: ImageId, width: u32) -> Result<(Bytes, String), PictureError> {
        if !WIDTHS.contains(&width) {
            return Err(PictureError::NoSuchPicture);
        }
        let row = self.picture(id).await?;
        let objects = self.objects.as_ref().ok_or(PictureError::NoPlace)?;
        let found = objects.get(&name(id, width)).await?;
        Ok((found.ok_or(PictureError::NoSuchPicture)?, row.content_type))
    }

    /// Deletes a picture that nothing shows: one's own, or any (administrators).
    ///
    /// # Errors
    /// [`PictureError::NoSuchPicture`] or [`PictureError::InUse`].
    pub async fn delete(&self, caller: Caller, id: ImageId) -> Result<(), PictureError> {
        let row = self.picture(id).await?;
        let is_admin = !caller.guest && self.roles.is_admin(caller.user);
        if row.created_by != caller.user && !is_admin {
            return Err(PictureError::NoSuchPicture);
        }
        if self.store.image_in_use(id).await? {
            return Err(PictureError::InUse);
        }
        self.store.image_ready(id, 0).await?;
        self.remove(id).await
    }

    /// Deletes the bytes of a picture that no one sees any more, and then its row.
    async fn remove(&self, id: ImageId) -> Result<(), PictureError> {
        if let Some(objects) = &self.objects {
            for width in WIDTHS {
                objects.delete(&name(id, width)).await?;
            }
        }
        self.store.image_delete(id).await?;
        Ok(())
    }

    /// Removes what uploads and deletions that were cut off left behind. Returns how many pictures.
    ///
    /// # Errors
    /// The object store or the store failed.
    pub async fn sweep(&self, now: TimestampMs) -> Result<usize, PictureError> {
        let left = self.store.images_unready(now - SWEPT_AFTER_MS, SWEPT_AT_ONCE).await?;
        for id in &left {
            self.remove(*id).await?;
        }
        Ok(left.len())
    }
}
