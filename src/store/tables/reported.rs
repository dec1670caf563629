//! What people have reported, as moderators look at it: some things of each kind, one query per kind.

use std::collections::HashMap;

use entities::{article, article_comment, chat_message};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::ids::UserId;
use crate::store::{Store, StoreError, ThingKind};

/// A thing that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingRow {
    /// `None` once the account is closed.
    pub author: Option<UserId>,
    /// As it was written; the title and the beginning of an article.
    pub text: String,
    /// The article of a comment, or the room of a message.
    pub within: Option<Uuid>,
    /// True if its author or a moderator has deleted it.
    pub is_deleted: bool,
}

impl Store {
    /// Returns those of `ids` that are there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn things(
        &self,
        kind: ThingKind,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, ThingRow>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let ids = ids.iter().copied();
        Ok(match kind {
            ThingKind::Article => {
                use article::Column;
                type Row = (Uuid, Option<Uuid>, String, String);
                let query = article::Entity::find()
                    .select_only()
                    .columns([Column::Id, Column::AuthorId, Column::Title, Column::Excerpt])
                    .filter(Column::Id.is_in(ids));
                let rows: Vec<Row> = query.into_tuple().all(self.reads()).await?;
                rows.into_iter().map(article_of).collect()
            }
            ThingKind::Comment => {
                let query =
                    article_comment::Entity::find().filter(article_comment::Column::Id.is_in(ids));
                query.all(self.reads()).await?.into_iter().map(comment_of).collect()
            }
            ThingKind::Message => {
                let query =
                    chat_message::Entity::find().filter(chat_message::Column::Id.is_in(ids));
                query.all(self.reads()).await?.into_iter().map(message_of).collect()
            }
        })
    }
}

fn article_of(row: (Uuid, Option<Uuid>, String, String)) -> (Uuid, ThingRow) {
    let (id, author, title, excerpt) = row;
    let text = format!("{title}\n{excerpt}");
    (id, ThingRow { author: author.map(UserId), text, within: None, is_deleted: false })
}

fn comment_of(row: article_comment::Model) -> (Uuid, ThingRow) {
    let thing = ThingRow {
        author: row.author_id.map(UserId),
        text: row.body,
        within: Some(row.article_id),
        is_deleted: row.is_deleted != 0,
    };
    (row.id, thing)
}

fn message_of(row: chat_message::Model) -> (Uuid, ThingRow) {
    let thing = ThingRow {
        author: Some(UserId(row.author_id)),
        text: row.content,
        within: Some(row.room_id),
        is_deleted: row.deleted_at.is_some(),
    };
    (row.id, thing)
}
