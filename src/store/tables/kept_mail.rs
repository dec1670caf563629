//! Mails that a server without SMTP keeps, the newest of them.

use entities::{kept_mail, kept_mail_part};
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError, older};

/// A mail as it would have been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct KeptMail {
    pub id: Uuid,
    pub user: UserId,
    pub kind: String,
    pub recipient: String,
    pub subject: String,
    pub plain: String,
    pub html: String,
    pub created_at: TimestampMs,
}

/// An attachment or an inline picture of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPart {
    /// The name of the file.
    pub name: String,
    /// The type of its content.
    pub content_type: String,
    /// The name by which the HTML shows it; `None` for attachments.
    pub content_id: Option<String>,
    /// The content.
    pub content: Vec<u8>,
}

impl Store {
    /// Keeps mails, unless they are kept already, and forgets all but the newest `most`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn kept_mail_put(
        &self,
        mails: Vec<(KeptMail, Vec<KeptPart>)>,
        most: u64,
    ) -> Result<(), StoreError> {
        let transaction = self.writes().begin().await?;
        for (mail, parts) in mails {
            put(&transaction, mail, parts).await?;
        }
        forget_oldest(&transaction, most).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Returns kept mails, newest first, after the one with that time and id; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn kept_mail_list(
        &self,
        after: Option<(TimestampMs, Uuid)>,
        limit: u64,
    ) -> Result<Vec<KeptMail>, StoreError> {
        use kept_mail::Column;
        let mut query = kept_mail::Entity::find()
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some((at, id)) = after {
            query = query.filter(older((Column::CreatedAt, at), (Column::Id, id)));
        }
        Ok(query.all(self.reads()).await?.into_iter().map(mail_of).collect())
    }

    /// Returns a kept mail with its parts.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn kept_mail_get(
        &self,
        id: Uuid,
    ) -> Result<Option<(KeptMail, Vec<KeptPart>)>, StoreError> {
        let Some(row) = kept_mail::Entity::find_by_id(id).one(self.reads()).await? else {
            return Ok(None);
        };
        let parts = kept_mail_part::Entity::find()
            .filter(kept_mail_part::Column::MailId.eq(id))
            .order_by_asc(kept_mail_part::Column::Position)
            .all(self.reads())
            .await?;
        let part = |row: kept_mail_part::Model| KeptPart {
            name: row.name,
            content_type: row.content_type,
            content_id: row.content_id,
            content: row.content,
        };
        Ok(Some((mail_of(row), parts.into_iter().map(part).collect())))
    }
}

async fn put(
    transaction: &impl ConnectionTrait,
    mail: KeptMail,
    parts: Vec<KeptPart>,
) -> Result<(), StoreError> {
    let id = mail.id;
    let row = kept_mail::ActiveModel {
        id: Set(id),
        user_id: Set(mail.user.0),
        kind: Set(mail.kind),
        recipient: Set(mail.recipient),
        subject: Set(mail.subject),
        plain: Set(mail.plain),
        html: Set(mail.html),
        created_at: Set(mail.created_at),
    };
    let is_new = kept_mail::Entity::insert(row)
        .on_conflict(OnConflict::column(kept_mail::Column::Id).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?
        > 0;
    if is_new && !parts.is_empty() {
        let rows = (0_i32..).zip(parts).map(|(position, part)| kept_mail_part::ActiveModel {
            mail_id: Set(id),
            position: Set(position),
            name: Set(part.name),
            content_type: Set(part.content_type),
            content_id: Set(part.content_id),
            content: Set(part.content),
        });
        kept_mail_part::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}

fn mail_of(row: kept_mail::Model) -> KeptMail {
    KeptMail {
        id: row.id,
        user: UserId(row.user_id),
        kind: row.kind,
        recipient: row.recipient,
        subject: row.subject,
        plain: row.plain,
        html: row.html,
        created_at: row.created_at,
    }
}

/// Deletes all mails but the newest `most`.
async fn forget_oldest(transaction: &impl ConnectionTrait, most: u64) -> Result<(), StoreError> {
    use kept_mail::Column;
    // The last mail that stays.
    let last = kept_mail::Entity::find()
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .offset(most.saturating_sub(1))
        .one(transaction)
        .await?;
    let Some(last) = last else { return Ok(()) };
    let old = older((Column::CreatedAt, last.created_at), (Column::Id, last.id));
    let ids = Query::select()
        .column(Column::Id)
        .from(kept_mail::Entity)
        .and_where(old.clone())
        .to_owned();
    kept_mail_part::Entity::delete_many()
        .filter(kept_mail_part::Column::MailId.in_subquery(ids))
        .exec(transaction)
        .await?;
    kept_mail::Entity::delete_many().filter(old).exec(transaction).await?;
    Ok(())
}

/// Deletes the mails to a person.
pub(crate) async fn forget(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), StoreError> {
    use kept_mail::Column;
    let ids = Query::select()
        .column(Column::Id)
        .from(kept_mail::Entity)
        .and_where(Column::UserId.eq(user.0))
        .to_owned();
    kept_mail_part::Entity::delete_many()
        .filter(kept_mail_part::Column::MailId.in_subquery(ids))
        .exec(transaction)
        .await?;
    kept_mail::Entity::delete_many().filter(Column::UserId.eq(user.0)).exec(transaction).await?;
    Ok(())
}
