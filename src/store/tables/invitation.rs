//! Invitations to roles. Only the hash of an invitation's token is stored.

use entities::{invitation, user};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use serde_json::json;

use crate::ids::{InvitationId, OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::grant;
use crate::store::tables::{idempotency, notice};
use crate::store::{
    Answered, GrantRole, GrantRow, Granting, Key, NewNotice, RightNeeded, Store, StoreError, older,
};

/// The kind of the message to the person who is invited.
const SENT: &str = "invitation.sent";

/// An invitation to a role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct InvitationRow {
    pub id: InvitationId,
    /// The address that it was sent to.
    pub email: String,
    pub role: GrantRole,
    /// `None` for administrators.
    pub offering: Option<OfferingId>,
    pub invited_by: UserId,
    pub token_hash: [u8; 32],
    pub created_at: TimestampMs,
    pub expires_at: TimestampMs,
}

impl Store {
    /// Stores an invitation and the message that sends it, in `language` unless the person has another, in the place of an earlier one of the same
    /// address to the same role. False, and nothing is stored, if the inviter has lost the right.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn invitation_put(
        &self,
        new: &InvitationRow,
        needed: &RightNeeded,
        language: &str,
        key: Option<&Key>,
    ) -> Result<Answered<bool>, StoreError> {
        let transaction = self.writes().begin().await?;
        let now = new.created_at;
        if let Some(before) =
            idempotency::claim(&transaction, key, &new.id.to_string(), now).await?
        {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        if !grant::has_right(&transaction, Some(needed)).await? {
            transaction.rollback().await?;
            return Ok(Answered::Now(false));
        }
        invitation::Entity::delete_many()
            .filter(invitation::Column::Email.eq(new.email.as_str()))
            .filter(invitation::Column::Role.eq(new.role.as_str()))
            .filter(match new.offering {
                Some(offering) => invitation::Column::OfferingId.eq(offering.0),
                None => invitation::Column::OfferingId.is_null(),
            })
            .exec(&transaction)
            .await?;
        let row = invitation::ActiveModel {
            id: Set(new.id.0),
            email: Set(new.email.clone()),
            role: Set(new.role.as_str().into()),
            offering_id: Set(new.offering.map(|id| id.0)),
            invited_by: Set(new.invited_by.0),
            token_hash: Set(new.token_hash.to_vec()),
            created_at: Set(now),
            expires_at: Set(new.expires_at),
        };
        invitation::Entity::insert(row).exec_without_returning(&transaction).await?;
        let account = user::Entity::find().filter(user::Column::Email.eq(new.email.as_str()));
        let account = account.one(&transaction).await?.map(|account| account.id);
        // Every mail is for a person; to an address without an account, the invitation stands for one.
        let person = Some(UserId(account.unwrap_or(new.id.0)));
        let payload = json!({ "invitationId": new.id, "language": language });
        let notice = NewNotice { kind: SENT, offering: new.offering, user: person, payload };
        notice::put(&transaction, &notice, now).await?;
        transaction.commit().await?;
        Ok(Answered::Now(true))
    }

    /// Returns an invitation.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn invitation_get(
        &self,
        id: InvitationId,
    ) -> Result<Option<InvitationRow>, StoreError> {
        let found = invitation::Entity::find_by_id(id.0).one(self.reads()).await?;
        found.map(invitation_row).transpose()
    }

    /// Returns the invitation with a token, unless it has expired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn invitation_by_token(
        &self,
        token_hash: [u8; 32],
        now: TimestampMs,
    ) -> Result<Option<InvitationRow>, StoreError> {
        let found = invitation::Entity::find()
            .filter(invitation::Column::TokenHash.eq(token_hash.to_vec()))
            .filter(invitation::Column::ExpiresAt.gt(now));
        found.one(self.reads()).await?.map(invitation_row).transpose()
    }

    /// Returns open invitations, newest first, of all offerings or of these; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn invitation_list(
        &self,
        offerings: Option<&[OfferingId]>,
        after: Option<(TimestampMs, InvitationId)>,
        (limit, now): (u64, TimestampMs),
    ) -> Result<Vec<InvitationRow>, StoreError> {
        use invitation::Column;
        let mut query = invitation::Entity::find()
            .filter(Column::ExpiresAt.gt(now))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some(offerings) = offerings {
            query = query.filter(Column::OfferingId.is_in(offerings.iter().map(|id| id.0)));
        }
        if let Some((at, id)) = after {
            query = query.filter(older((Column::CreatedAt, at), (Column::Id, id.0)));
        }
        query.all(self.reads()).await?.into_iter().map(invitation_row).collect()
    }

    /// Withdraws an invitation; returns false if it is gone already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn invitation_delete(&self, id: InvitationId) -> Result<bool, StoreError> {
        let deleted = invitation::Entity::delete_by_id(id.0).exec(self.writes()).await?;
        Ok(deleted.rows_affected > 0)
    }

    /// Uses an invitation up and gives its role. Returns `None`, and changes nothing, if it was used or
    /// withdrawn before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn invitation_accept(
        &self,
        invitation: &InvitationRow,
        grant: &GrantRow,
        needed: &RightNeeded,
    ) -> Result<Option<Granting>, StoreError> {
        let transaction = self.writes().begin().await?;
        if invitation::Entity::delete_by_id(invitation.id.0).exec(&transaction).await?.rows_affected
            == 0
        {
            transaction.rollback().await?;
            return Ok(None);
        }
        let granting = grant::put(&transaction, grant, Some(needed)).await?;
        match granting {
            Granting::Granted(_) => {
                user::Entity::update_many()
                    .col_expr(user::Column::EmailConfirmedAt, Expr::value(grant.granted_at))
                    .filter(user::Column::Id.eq(grant.user.0))
                    .filter(user::Column::Email.eq(&invitation.email))
                    .filter(user::Column::EmailConfirmedAt.is_null())
                    .exec(&transaction)
                    .await?;
                transaction.commit().await?;
            }
            Granting::NoSuchAccount | Granting::Forbidden => transaction.rollback().await?,
        }
        Ok(Some(granting))
    }
}

fn invitation_row(row: invitation::Model) -> Result<InvitationRow, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("the {what} of invitation {}", row.id));
    Ok(InvitationRow {
        id: InvitationId(row.id),
        role: GrantRole::parse(&row.role).ok_or_else(|| damaged("role"))?,
        offering: row.offering_id.map(OfferingId),
        invited_by: UserId(row.invited_by),
        token_hash: row.token_hash.as_slice().try_into().map_err(|_| damaged("token"))?,
        email: row.email,
        created_at: row.created_at,
        expires_at: row.expires_at,
    })
}
