//! Articles as answers show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::community::articles::{ArticleCategory, Author, ListedArticle, ShownArticle};
use crate::community::moderation::Hidden;
use crate::http::dto;
use crate::http::respond::rfc3339;
use crate::ids::{ArticleId, ImageId, OfferingId, UserId};

/// The author of an article or a comment.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AuthorDto {
    pub id: UserId,
    /// Null where the account has none.
    #[schema(required = true)]
    pub name: Option<String>,
}

/// What a moderator has said of a hidden thing.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct HiddenDto {
    pub reason: String,
    pub hidden_at: String,
}

/// An article in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArticleSummaryDto {
    pub id: ArticleId,
    pub title: String,
    /// The beginning as plain text.
    pub excerpt: String,
    pub category: ArticleCategory,
    pub tags: Vec<String>,
    /// The event that it is about.
    #[schema(required = true)]
    pub concert_id: Option<OfferingId>,
    pub image_ids: Vec<ImageId>,
    /// Null once the account is closed.
    #[schema(required = true)]
    pub author: Option<AuthorDto>,
    pub is_published: bool,
    /// The time of the first publication.
    #[schema(required = true)]
    pub published_at: Option<String>,
    #[schema(minimum = 0)]
    pub views: i64,
    #[schema(minimum = 0)]
    pub likes_count: i64,
    /// Comments and replies.
    #[schema(minimum = 0)]
    pub comments_count: i64,
    /// Rises with each change of the text.
    #[schema(minimum = 1)]
    pub version: i64,
    /// Why a moderator has hidden it, for its author and moderators.
    #[schema(required = true)]
    pub hidden: Option<HiddenDto>,
    pub created_at: String,
    pub updated_at: String,
}

/// An article.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArticleDto {
    #[serde(flatten)]
    pub summary: ArticleSummaryDto,
    /// Markdown, as the author wrote it.
    pub content: String,
    /// The content as HTML that is safe to show: no scripts, no styles, pictures of this server alone.
    pub html: String,
    /// Whether the caller likes it.
    pub liked: bool,
    /// Whether the caller keeps it.
    pub bookmarked: bool,
}

/// Renders an article.
pub(crate) fn render(article: ShownArticle) -> ArticleDto {
    let ShownArticle { row, author, hidden, reactions: (liked, bookmarked) } = article;
    let (content, html) = (row.content, row.html);
    let summary = summary(ListedArticle { head: row.head, author, hidden });
    ArticleDto { summary, content, html, liked, bookmarked }
}

/// Renders an article of a list.
pub(crate) fn summary(article: ListedArticle) -> ArticleSummaryDto {
    let ListedArticle { head, author, hidden } = article;
    ArticleSummaryDto {
        id: head.id,
        title: head.title,
        excerpt: head.excerpt,
        category: head.category,
        tags: head.tags,
        concert_id: head.concert,
        image_ids: head.images,
        author: author.map(render_author),
        is_published: head.is_published,
        published_at: dto::time(head.published_at),
        views: head.views,
        likes_count: head.likes,
        comments_count: head.comments,
        version: head.version,
        hidden: hidden.map(render_hidden),
        created_at: rfc3339(head.created_at),
        updated_at: rfc3339(head.updated_at),
    }
}

pub(super) fn render_author(author: Author) -> AuthorDto {
    AuthorDto { id: author.id, name: author.name }
}

pub(crate) fn render_hidden(hidden: Hidden) -> HiddenDto {
    HiddenDto { reason: hidden.reason, hidden_at: rfc3339(hidden.at) }
}
