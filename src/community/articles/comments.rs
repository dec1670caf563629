//! Comments on articles, and replies to them: plain text, one level of replies.

use super::{ArticleError, Articles, Author};
use crate::caller::Caller;
use crate::community::metrics;
use crate::ids::{ArticleId, CommentId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::{
    Answered, BanScope, CommentAdded, CommentRow, Hidden, Key, StoreError, ThingKind,
};
use crate::text::{self, InvalidField};

/// The most characters of a comment.
pub const MAX_COMMENT: usize = 2_000;

/// A comment to write.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewComment {
    pub text: String,
    /// The comment to reply to.
    pub parent: Option<CommentId>,
}

/// The comments to list.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CommentsOf {
    pub article: ArticleId,
    /// Replies to this comment; `None` for comments that reply to none.
    pub parent: Option<CommentId>,
    /// The last comment of the page before.
    pub after: Option<CommentId>,
}

/// A comment as the caller may read it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ShownComment {
    pub row: CommentRow,
    pub author: Option<Author>,
    /// A hidden comment has its text for its author and moderators alone.
    pub hidden: Option<Hidden>,
    /// True if author and text are for the caller.
    pub is_readable: bool,
    pub replies: i64,
}

impl Articles {
    /// Writes a comment on a published article. Returns it, and whether this repeats an earlier request
    /// with the key.
    ///
    /// # Errors
    /// [`ArticleError`].
    pub async fn comment(
        &self,
        by: Caller,
        article: ArticleId,
        new: NewComment,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(ShownComment, bool), ArticleError> {
        self.expect_public(by, article).await?;
        self.moderation.allow(by, BanScope::Comments, None, now).await?;
        let row = CommentRow {
            id: CommentId(time_ordered(now.unsigned_abs())),
            article,
            parent: new.parent,
            author: Some(by.user),
            text: checked(&new.text)?,
            is_deleted: false,
            created_at: now,
            updated_at: now,
        };
        let (row, replayed) = match self.store.comment_add(&row, key).await? {
            CommentAdded::Stored(Answered::Now(())) => {
                metrics::wrote("comment");
                (row, false)
            }
            CommentAdded::Stored(Answered::Before(id)) => {
                let damaged = |_| StoreError::Damaged(format!("comment id {id}"));
                let id = CommentId(id.parse().map_err(damaged)?);
                (self.comment_of(id).await?, true)
            }
            CommentAdded::NoSuchArticle => return Err(ArticleError::NoSuchArticle),
            CommentAdded::NoSuchParent => {
                let reason = "must be a comment on this article that replies to none";
                return Err(InvalidField::new("parentId", reason).into());
            }
        };
        Ok((self.one_shown(by, row).await?, replayed))
    }

    /// Returns comments, oldest first; at most `limit`.
    ///
    /// # Errors
    /// [`ArticleError::NoSuchArticle`].
    pub async fn comments(
        &self,
        caller: Option<Caller>,
        of: CommentsOf,
        limit: u64,
    ) -> Result<Vec<ShownComment>, ArticleError> {
        self.readable(caller, of.article).await?;
        let rows = self.store.comment_list(of.article, of.parent, of.after, limit).await?;
        self.shown(caller, rows).await
    }

    /// Returns a comment on an article that the caller may read.
    ///
    /// # Errors
    /// [`ArticleError::NoSuchArticle`] or [`ArticleError::NoSuchComment`].
    pub async fn comment_in(
        &self,
        caller: Option<Caller>,
        article: ArticleId,
        id: CommentId,
    ) -> Result<ShownComment, ArticleError> {
        self.readable(caller, article).await?;
        let row = self.comment_of(id).await?;
        if row.article != article {
            return Err(ArticleError::NoSuchComment);
        }
        let mut shown = self.shown(caller, vec![row]).await?;
        shown.pop().ok_or(ArticleError::NoSuchComment)
    }

    /// Changes the text of a comment of one's own.
    ///
    /// # Errors
    /// [`ArticleError`].
    pub async fn change_comment(
        &self,
        by: Caller,
        id: CommentId,
        text: &str,
        now: TimestampMs,
    ) -> Result<ShownComment, ArticleError> {
        let row = self.comment_of(id).await?;
        if row.author != Some(by.user) {
            return Err(ArticleError::NoSuchComment);
        }
        self.moderation.allow(by, BanScope::Comments, None, now).await?;
        if !self.store.comment_update(id, &checked(text)?, now).await? {
            return Err(ArticleError::NoSuchComment);
        }
        let row = self.comment_of(id).await?;
        self.one_shown(by, row).await
    }

    /// Deletes a comment: its author, and moderators. Returns whether this repeats an earlier request
    /// with the key.
    ///
    /// # Errors
    /// [`ArticleError::NoSuchComment`].
    pub async fn delete_comment(
        &self,
        by: Caller,
        id: CommentId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<bool, ArticleError> {
        if self.store.idempotency_response(key).await?.is_some() {
            return Ok(true);
        }
        let row = self.comment_of(id).await?;
        let may = row.author == Some(by.user) || self.moderation.is_moderator(by);
        if !may || row.is_deleted {
            return Err(ArticleError::NoSuchComment);
        }
        let answered = self.store.comment_delete(&row, key, now).await?;
        Ok(matches!(answered, Answered::Before(_)))
    }

    async fn comment_of(&self, id: CommentId) -> Result<CommentRow, ArticleError> {
        self.store.comment_get(id).await?.ok_or(ArticleError::NoSuchComment)
    }

    async fn one_shown(
        &self,
        caller: Caller,
        row: CommentRow,
    ) -> Result<ShownComment, ArticleError> {
        let mut shown = self.shown(Some(caller), vec![row]).await?;
        shown.pop().ok_or(ArticleError::NoSuchComment)
    }

    async fn shown(
        &self,
        caller: Option<Caller>,
        rows: Vec<CommentRow>,
    ) -> Result<Vec<ShownComment>, ArticleError> {
        let ids: Vec<CommentId> = rows.iter().map(|row| row.id).collect();
        let replies = self.store.comment_replies(&ids).await?;
        let ids = ids.iter().map(|id| id.0);
        let mut hidden = self.moderation.hidden(ThingKind::Comment, ids).await?;
        let authors = self.authors(rows.iter().map(|row| row.author)).await?;
        let is_moderator = caller.is_some_and(|caller| self.moderation.is_moderator(caller));
        let shown = rows.into_iter().map(|row| {
            let hidden = hidden.remove(&row.id.0);
            let is_own = caller.is_some_and(|caller| row.author == Some(caller.user));
            ShownComment {
                author: authors.of(row.author),
                is_readable: !row.is_deleted && (hidden.is_none() || is_own || is_moderator),
                replies: replies.get(&row.id).copied().unwrap_or_default(),
                hidden,
                row,
            }
        });
        Ok(shown.collect())
    }
}

fn checked(text: &str) -> Result<String, InvalidField> {
    let text = text::paragraph("text", &text.replace("\r\n", "\n"), MAX_COMMENT)?;
    match text.chars().any(text::is_visible) {
        true => Ok(text),
        false => Err(InvalidField::new("text", "must not be empty")),
    }
}
