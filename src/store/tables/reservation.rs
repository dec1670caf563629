//! Reservations for queries. Only the projection of the journal writes them.

use entities::reservation;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::ids::{HoldId, OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::{Line, TimestampMs};
use crate::store::states::ReservationState;
use crate::store::tables::person::ids_like;
use crate::store::{Store, StoreError, older};

/// A reservation.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReservationRow {
    pub id: ReservationId,
    pub offering: OfferingId,
    pub user: UserId,
    pub hold: HoldId,
    pub state: ReservationState,
    pub total_price: i64,
    pub lines: Vec<Line>,
    pub pay_by: TimestampMs,
    pub payment: Option<PaymentId>,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
    /// The amount refunded at the cancellation, if it was not the whole price.
    pub refund_amount: Option<i64>,
}

/// The filter of a list of reservations.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReservationFilter {
    pub user: Option<UserId>,
    pub offering: Option<OfferingId>,
    pub state: Option<ReservationState>,
    /// Only reservations of people whose name or e-mail address contains this text.
    pub who: Option<String>,
    /// Only reservations of these offerings.
    pub offerings: Option<Vec<OfferingId>>,
    /// Only these reservations.
    pub among: Option<Vec<ReservationId>>,
    /// Only reservations after this one in the list, given by its time and id.
    pub after: Option<(TimestampMs, ReservationId)>,
}

impl Store {
    /// Returns one reservation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reservation_get(
        &self,
        id: ReservationId,
    ) -> Result<Option<ReservationRow>, StoreError> {
        let found = reservation::Entity::find_by_id(id.0).one(self.reads()).await?;
        found.as_ref().map(reservation_row).transpose()
    }

    /// Returns reservations, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reservation_list(
        &self,
        filter: ReservationFilter,
        limit: u64,
    ) -> Result<Vec<ReservationRow>, StoreError> {
        use reservation::Column;
        let mut query = reservation::Entity::find()
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some(user) = filter.user {
            query = query.filter(Column::UserId.eq(user.0));
        }
        if let Some(offering) = filter.offering {
            query = query.filter(Column::OfferingId.eq(offering.0));
        }
        if let Some(state) = filter.state {
            query = query.filter(Column::Status.eq(state.as_str()));
        }
        if let Some(offerings) = &filter.offerings {
            query = query.filter(Column::OfferingId.is_in(offerings.iter().map(|id| id.0)));
        }
        if let Some(among) = &filter.among {
            query = query.filter(Column::Id.is_in(among.iter().map(|id| id.0)));
        }
        if let Some(who) = &filter.who {
            query = query.filter(Column::UserId.in_subquery(ids_like(who)));
        }
        if let Some((at, id)) = filter.after {
            query = query.filter(older((Column::CreatedAt, at), (Column::Id, id.0)));
        }
        query.all(self.reads()).await?.iter().map(reservation_row).collect()
    }
}

fn reservation_row(row: &reservation::Model) -> Result<ReservationRow, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("the {what} of reservation {}", row.id));
    Ok(ReservationRow {
        id: ReservationId(row.id),
        offering: OfferingId(row.offering_id),
        user: UserId(row.user_id),
        hold: HoldId(row.hold_id),
        state: ReservationState::parse(&row.status).ok_or_else(|| damaged("status"))?,
        total_price: row.total_price,
        lines: serde_json::from_str(&row.lines).map_err(|_| damaged("lines"))?,
        pay_by: row.pay_by,
        payment: row.payment_id.map(PaymentId),
        created_at: row.created_at,
        updated_at: row.updated_at,
        refund_amount: row.refund_amount,
    })
}
