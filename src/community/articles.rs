//! Articles of fans. A draft is its author's alone; what is published is everyone's, until its author
//! takes it back or a moderator hides it. Nothing here is written while an article is read: views are
//! counted in memory.

mod comments;
mod draft;
mod error;
mod feed;
pub mod markdown;
mod reading;
mod views;

use std::sync::Arc;

pub use comments::{CommentsOf, MAX_COMMENT, NewComment, ShownComment};
pub use draft::{
    ArticleChange, ArticleDraft, MAX_CONTENT, MAX_IMAGES, MAX_TAG, MAX_TAGS, MAX_TITLE, tag,
};
pub use error::ArticleError;
pub use feed::FeedForm;
pub use reading::{Author, ListedArticle, ShownArticle};

pub use crate::store::{ArticleCategory, ArticleFilter, ArticleHead, ArticleSort, Liking};

use crate::caller::Caller;
use crate::community::metrics;
use crate::community::moderation::Moderation;
use crate::ids::{ArticleId, ImageId, OfferingId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::{
    Answered, ArticleChanged, ArticleRow, ArticleText, BanScope, Key, Store, StoreError, ThingKind,
};
use crate::text::InvalidField;
use views::Views;

/// The articles of this store.
pub struct Articles {
    store: Store,
    moderation: Arc<Moderation>,
    views: Views,
}

impl Articles {
    /// Creates the service over a store.
    #[must_use]
    pub fn new(store: Store, moderation: Arc<Moderation>) -> Self {
        Self { store, moderation, views: Views::default() }
    }

    /// Creates an article. Returns its id, and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`ArticleError`].
    pub async fn create(
        &self,
        by: Caller,
        draft: ArticleDraft,
        is_published: bool,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(ArticleId, bool), ArticleError> {
        self.moderation.allow(by, BanScope::Articles, None, now).await?;
        let text = draft.checked()?;
        self.expect_named(by, &text, None).await?;
        let id = ArticleId(time_ordered(now.unsigned_abs()));
        match self.store.article_create((id, by.user), &text, is_published, key, now).await? {
            Answered::Now(()) => {
                metrics::wrote("article");
                Ok((id, false))
            }
            Answered::Before(id) => {
                let damaged = |_| StoreError::Damaged(format!("article id {id}"));
                Ok((ArticleId(id.parse().map_err(damaged)?), true))
            }
        }
    }

    /// Changes the text of an article of one's own that has this version still. Returns whether this
    /// repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`ArticleError`].
    pub async fn change(
        &self,
        by: Caller,
        (id, version): (ArticleId, i64),
        change: ArticleChange,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<bool, ArticleError> {
        let row = self.own(by, id).await?;
        self.moderation.allow(by, BanScope::Articles, None, now).await?;
        let old = text_of(row);
        let (concert, images) = (old.concert, old.images.clone());
        let text = change.of(old).checked()?;
        self.expect_named(by, &text, Some((concert, &images))).await?;
        match self.store.article_update((id, version), &text, key, now).await? {
            Answered::Now(ArticleChanged::Changed) => Ok(false),
            Answered::Before(_) => Ok(true),
            Answered::Now(ArticleChanged::OtherVersion) => {
                let now = self.own(by, id).await?;
                Err(ArticleError::OtherVersion { current: now.head.version })
            }
        }
    }

    /// Publishes an article of one's own, or takes it back. It may be so already.
    ///
    /// # Errors
    /// [`ArticleError`].
    pub async fn publish(
        &self,
        by: Caller,
        id: ArticleId,
        is_published: bool,
        now: TimestampMs,
    ) -> Result<(), ArticleError> {
        self.own(by, id).await?;
        if is_published {
            self.moderation.allow(by, BanScope::Articles, None, now).await?;
        }
        Ok(self.store.article_publish(id, is_published, now).await?)
    }

    /// Deletes an article, with all that hangs on it: its author, and moderators. Returns whether this
    /// repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`ArticleError::NoSuchArticle`].
    pub async fn delete(
        &self,
        by: Caller,
        id: ArticleId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<bool, ArticleError> {
        if self.store.idempotency_response(key).await?.is_some() {
            return Ok(true);
        }
        let row = self.store.article_get(id).await?.ok_or(ArticleError::NoSuchArticle)?;
        if row.head.author != Some(by.user) && !self.moderation.is_moderator(by) {
            return Err(ArticleError::NoSuchArticle);
        }
        match self.store.article_delete(id, key, now).await? {
            Answered::Now(true) => Ok(false),
            Answered::Before(_) => Ok(true),
            Answered::Now(false) => Err(ArticleError::NoSuchArticle),
        }
    }

    /// Sets whether the caller likes an article. Returns whether this is so now, and how many like it.
    ///
    /// # Errors
    /// [`ArticleError::NoSuchArticle`], [`ArticleError::AccountRequired`].
    pub async fn like(
        &self,
        by: Caller,
        id: ArticleId,
        liking: Liking,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(bool, i64), ArticleError> {
        self.expect_public(by, id).await?;
        let found = self.store.article_like((id, by.user), liking, key, now).await?;
        found.ok_or(ArticleError::NoSuchArticle)
    }

    /// Keeps an article for the caller, or no more.
    ///
    /// # Errors
    /// [`ArticleError::NoSuchArticle`], [`ArticleError::AccountRequired`].
    pub async fn bookmark(
        &self,
        by: Caller,
        id: ArticleId,
        is_kept: bool,
        now: TimestampMs,
    ) -> Result<(), ArticleError> {
        self.expect_public(by, id).await?;
        match self.store.article_bookmark((id, by.user), is_kept, now).await? {
            true => Ok(()),
            false => Err(ArticleError::NoSuchArticle),
        }
    }

    /// Stores the views that were counted since the last call; a failure keeps them for the next.
    ///
    /// # Errors
    /// The store failed.
    pub async fn store_views(&self) -> Result<(), StoreError> {
        loop {
            let views = self.views.take();
            if views.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.store.article_views_add(&views).await {
                self.views.put_back(views);
                return Err(error);
            }
        }
    }

    /// Returns the caller's own article.
    async fn own(&self, by: Caller, id: ArticleId) -> Result<ArticleRow, ArticleError> {
        let found = self.store.article_get(id).await?;
        found.filter(|row| row.head.author == Some(by.user)).ok_or(ArticleError::NoSuchArticle)
    }

    /// Checks that an account may do something with an article that all may read.
    async fn expect_public(&self, by: Caller, id: ArticleId) -> Result<(), ArticleError> {
        if by.guest {
            return Err(ArticleError::AccountRequired);
        }
        let found = self.store.article_get(id).await?;
        let is_hidden = !self.moderation.hidden(ThingKind::Article, [id.0]).await?.is_empty();
        match found.is_some_and(|row| row.head.is_published) && !is_hidden {
            true => Ok(()),
            false => Err(ArticleError::NoSuchArticle),
        }
    }

    /// Checks that the concert and the pictures of a text exist. What the article has already may have
    /// gone since.
    async fn expect_named(
        &self,
        by: Caller,
        text: &ArticleText,
        before: Option<(Option<OfferingId>, &[ImageId])>,
    ) -> Result<(), ArticleError> {
        let (concert_before, images_before) = before.unwrap_or_default();
        if let Some(concert) = text.concert.filter(|concert| concert_before != Some(*concert)) {
            let found = self.store.offerings_named(Some(&[concert]), 1).await?;
            if found.first().is_none_or(|offering| offering.is_class) {
                return Err(InvalidField::new("concertId", "must be the id of an event").into());
            }
        }
        let is_new = |image: &&ImageId| !images_before.contains(image);
        let new: Vec<_> = text.images.iter().filter(is_new).copied().collect();
        if !new.is_empty() && self.store.article_images_of(&new, by.user).await? != new.len() {
            let reason = "must be ids of pictures that you have uploaded";
            return Err(InvalidField::new("imageIds", reason).into());
        }
        Ok(())
    }
}

fn text_of(row: ArticleRow) -> ArticleText {
    let ArticleRow { head, content, html, renderer } = row;
    ArticleText {
        title: head.title,
        content,
        html,
        renderer,
        excerpt: head.excerpt,
        category: head.category,
        tags: head.tags,
        concert: head.concert,
        images: head.images,
    }
}
