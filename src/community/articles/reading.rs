//! Articles as they are read: with their authors, and with what moderators have said of them.

use std::collections::HashMap;

use super::{ArticleError, Articles, markdown};
use crate::caller::Caller;
use crate::ids::{ArticleId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{ArticleFilter, ArticleHead, ArticleRow, Hidden, ThingKind};

/// The author of an article or a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Author {
    pub id: UserId,
    /// `None` where the account has none.
    pub name: Option<String>,
}

/// An article in a list.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ListedArticle {
    pub head: ArticleHead,
    /// `None` once the account is closed.
    pub author: Option<Author>,
    /// Only in an author's own list.
    pub hidden: Option<Hidden>,
}

/// A whole article.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ShownArticle {
    pub row: ArticleRow,
    pub author: Option<Author>,
    /// Only for its author and moderators: others cannot read it.
    pub hidden: Option<Hidden>,
    /// Whether the caller likes it, and keeps it.
    pub reactions: (bool, bool),
}

impl Articles {
    /// Returns an article that the caller may read. A view is not counted.
    ///
    /// # Errors
    /// [`ArticleError::NoSuchArticle`].
    pub async fn read(
        &self,
        caller: Option<Caller>,
        id: ArticleId,
    ) -> Result<ShownArticle, ArticleError> {
        let (mut row, hidden) = self.readable(caller, id).await?;
        if row.renderer != markdown::RENDERER {
            // Made by an earlier version. What that one let pass this one may refuse: then it shows nothing.
            row.html = markdown::render(&row.content).unwrap_or_default();
        }
        let author = self.authors([row.head.author]).await?.of(row.head.author);
        let reactions = match caller {
            Some(caller) => self.store.article_reactions(id, caller.user).await?,
            None => (false, false),
        };
        Ok(ShownArticle { row, author, hidden, reactions })
    }

    /// Counts a view of an article by a person or a network address. The author's own do not count.
    pub fn count_view(&self, article: &ShownArticle, viewer: &str, now: TimestampMs) {
        let head = &article.row.head;
        let is_own = head.author.is_some_and(|author| author.to_string() == viewer);
        if head.is_published && article.hidden.is_none() && !is_own {
            self.views.count(head.id, viewer, now);
        }
    }

    /// Returns published articles; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(
        &self,
        filter: &ArticleFilter,
        limit: u64,
    ) -> Result<Vec<ListedArticle>, ArticleError> {
        let heads = self.store.article_list(filter, limit).await?;
        self.listed(heads, HashMap::new()).await
    }

    /// Returns the caller's articles, newest first, drafts and hidden ones too; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn mine(
        &self,
        caller: Caller,
        after: Option<ArticleId>,
        limit: u64,
    ) -> Result<Vec<ListedArticle>, ArticleError> {
        let heads = self.store.article_list_of(caller.user, after, limit).await?;
        let ids = heads.iter().map(|head| head.id.0);
        let hidden = self.moderation.hidden(ThingKind::Article, ids).await?;
        self.listed(heads, hidden).await
    }

    /// Returns the articles that the caller keeps and since when, newest first; at most `limit`. Those
    /// that were taken back or hidden are left out.
    ///
    /// # Errors
    /// The store failed.
    pub async fn bookmarks(
        &self,
        caller: Caller,
        after: Option<(TimestampMs, ArticleId)>,
        limit: u64,
    ) -> Result<Vec<(TimestampMs, ListedArticle)>, ArticleError> {
        let kept = self.store.article_bookmarks(caller.user, after, limit).await?;
        let (times, heads): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
        let listed = self.listed(heads, HashMap::new()).await?;
        Ok(times.into_iter().zip(listed).collect())
    }

    /// Returns an article that the caller may read, and why it is hidden, if it is.
    pub(super) async fn readable(
        &self,
        caller: Option<Caller>,
        id: ArticleId,
    ) -> Result<(ArticleRow, Option<Hidden>), ArticleError> {
        let row = self.store.article_get(id).await?.ok_or(ArticleError::NoSuchArticle)?;
        let hidden = self.moderation.hidden(ThingKind::Article, [id.0]).await?.remove(&id.0);
        let is_authors = caller.is_some_and(|caller| row.head.author == Some(caller.user));
        let is_moderators = || caller.is_some_and(|caller| self.moderation.is_moderator(caller));
        // A draft is its author's alone, for moderators too.
        let may = match (row.head.is_published, &hidden) {
            (true, None) => true,
            (true, Some(_)) => is_authors || is_moderators(),
            (false, _) => is_authors,
        };
        if may { Ok((row, hidden)) } else { Err(ArticleError::NoSuchArticle) }
    }

    /// Returns the authors with these ids.
    pub(super) async fn authors(
        &self,
        ids: impl IntoIterator<Item = Option<UserId>>,
    ) -> Result<Authors, ArticleError> {
        let people = self.store.people(ids.into_iter().flatten()).await?;
        Ok(Authors(people.into_iter().map(|(id, person)| (id, person.name)).collect()))
    }

    async fn listed(
        &self,
        heads: Vec<ArticleHead>,
        mut hidden: HashMap<uuid::Uuid, Hidden>,
    ) -> Result<Vec<ListedArticle>, ArticleError> {
        let authors = self.authors(heads.iter().map(|head| head.author)).await?;
        let listed = heads.into_iter().map(|head| ListedArticle {
            author: authors.of(head.author),
            hidden: hidden.remove(&head.id.0),
            head,
        });
        Ok(listed.collect())
    }
}

/// The names of authors.
pub(super) struct Authors(HashMap<UserId, Option<String>>);

impl Authors {
    /// Returns the author with this id, whose name may not be known.
    pub(super) fn of(&self, id: Option<UserId>) -> Option<Author> {
        let name = |id| self.0.get(&id).cloned().flatten().filter(|name| !name.is_empty());
        id.map(|id| Author { id, name: name(id) })
    }
}
