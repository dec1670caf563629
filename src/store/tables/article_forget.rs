//! The end of an author's account: drafts go, and what others have read stays without its author.

use entities::{article, article_comment, ban, report};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::ids::UserId;
use crate::store::StoreError;
use crate::store::tables::{article as articles, article_reaction};

/// Deletes a person's drafts, likes, bookmarks, reports and bans, and takes the person's name off
/// published articles and comments.
pub(crate) async fn forget(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), StoreError> {
    let drafts: Vec<Uuid> = article::Entity::find()
        .select_only()
        .column(article::Column::Id)
        .filter(article::Column::AuthorId.eq(user.0))
        .filter(article::Column::IsPublished.eq(0))
        .into_tuple()
        .all(transaction)
        .await?;
    if !drafts.is_empty() {
        articles::delete(transaction, &drafts).await?;
    }
    article_reaction::forget(transaction, user).await?;
    let none = || Expr::value(Option::<Uuid>::None);
    article::Entity::update_many()
        .col_expr(article::Column::AuthorId, none())
        .filter(article::Column::AuthorId.eq(user.0))
        .exec(transaction)
        .await?;
    article_comment::Entity::update_many()
        .col_expr(article_comment::Column::AuthorId, none())
        .filter(article_comment::Column::AuthorId.eq(user.0))
        .exec(transaction)
        .await?;
    report::Entity::delete_many()
        .filter(report::Column::ReporterId.eq(user.0))
        .exec(transaction)
        .await?;
    ban::Entity::delete_many().filter(ban::Column::UserId.eq(user.0)).exec(transaction).await?;
    Ok(())
}
