//! Invitations to roles. Only the hash of an invitation's token is stored. The row of one that was used,
//! withdrawn or replaced stays for a day, since it was sent and counts.

use entities::{invitation, user};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
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
/// The most invitations to one address, and the milliseconds within which they are counted: an organiser
/// is no means of filling a mailbox.
const TO_ADDRESS: (u64, TimestampMs) = (5, 3_600_000);
/// The most invitations by one inviter.
const BY_INVITER: (u64, TimestampMs) = (100, INVITATIONS_COUNT_FOR_MS);
/// The end of an invitation that was used, withdrawn or replaced: by the clock of every instance it is over.
const ENDED: TimestampMs = 0;
/// How long an invitation counts after it was sent, used and withdrawn ones included.
pub const INVITATIONS_COUNT_FOR_MS: TimestampMs = 24 * 3_600_000;

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

/// What came of an invitation to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inviting {
    /// It is stored, with the message that sends it.
    Invited,
    /// The inviter has lost the right.
    Forbidden,
    /// The address got, or the inviter sent, too many of late.
    TooMany {
        /// The time at which there can be one more.
        until: TimestampMs,
    },
}

impl InvitationRow {
    /// True if it was used, withdrawn or replaced.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.expires_at == ENDED
    }
}

impl Store {
    /// Stores an invitation and the message that sends it, in `language` unless the person has another, in
    /// the place of an earlier one of the same address to the same role. Nothing is stored if it is refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn invitation_put(
        &self,
        new: &InvitationRow,
        needed: &RightNeeded,
        language: &str,
        key: Option<&Key>,
    ) -> Result<Answered<Inviting>, StoreError> {
        let transaction = self.writes().begin().await?;
        let now = new.created_at;
        if let Some(before) =
            idempotency::claim(&transaction, key, &new.id.to_string(), now).await?
        {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        if let Some(refused) = refusal(&transaction, new, needed).await? {
            transaction.rollback().await?;
            return Ok(Answered::Now(refused));
        }
        let same = Condition::all()
            .add(invitation::Column::Email.eq(new.email.as_str()))
            .add(invitation::Column::Role.eq(new.role.as_str()))
            .add(match new.offering {
                Some(offering) => invitation::Column::OfferingId.eq(offering.0),
                None => invitation::Column::OfferingId.is_null(),
            });
        end(&transaction, same).await?;
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
        Ok(Answered::Now(Inviting::Invited))
    }

    /// Returns an invitation, which may have ended.
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

    /// Withdraws an invitation; returns false if it has ended already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn invitation_withdraw(&self, id: InvitationId) -> Result<bool, StoreError> {
        let this = Condition::all().add(invitation::Column::Id.eq(id.0));
        end(self.writes(), this).await
    }

    /// Uses an invitation up and gives its role. Returns `None`, and changes nothing, if it has ended.
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
        // Before the row of the invitation, as everywhere.
        grant::hold(&transaction).await?;
        let this = Condition::all().add(invitation::Column::Id.eq(invitation.id.0));
        if !end(&transaction, this).await? {
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

/// Returns why an invitation cannot be sent; `None` if it can. Others wait until the transaction ends, so that
/// of many at once no more are sent than there may be.
async fn refusal(
    transaction: &impl ConnectionTrait,
    new: &InvitationRow,
    needed: &RightNeeded,
) -> Result<Option<Inviting>, StoreError> {
    use invitation::Column;
    grant::hold(transaction).await?;
    if !grant::has_right(transaction, Some(needed)).await? {
        return Ok(Some(Inviting::Forbidden));
    }
    let bounds = [
        (Column::InvitedBy.eq(new.invited_by.0), BY_INVITER),
        (Column::Email.eq(new.email.as_str()), TO_ADDRESS),
    ];
    let mut until = None;
    for (whose, (most, within_ms)) in bounds {
        let last_that_counts = invitation::Entity::find()
            .select_only()
            .column(Column::CreatedAt)
            .filter(whose)
            .filter(Column::CreatedAt.gt(new.created_at.saturating_sub(within_ms)))
            .order_by_desc(Column::CreatedAt)
            .offset(most - 1)
            .limit(1);
        let at: Option<TimestampMs> = last_that_counts.into_tuple().one(transaction).await?;
        until = until.max(at.map(|at| at.saturating_add(within_ms)));
    }
    Ok(until.map(|until| Inviting::TooMany { until }))
}

/// Ends invitations; returns whether there were any that had not ended.
async fn end(connection: &impl ConnectionTrait, which: Condition) -> Result<bool, StoreError> {
    let ended = invitation::Entity::update_many()
        .col_expr(invitation::Column::ExpiresAt, Expr::value(ENDED))
        .filter(which)
        .filter(invitation::Column::ExpiresAt.gt(ENDED))
        .exec(connection)
        .await?;
    Ok(ended.rows_affected > 0)
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
