//! Tickets for queries. Only the projection of the journal writes them.

use entities::{reservation, ticket};
use sea_orm::sea_query::{Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::ids::{OfferingId, ProductId, ReservationId, SeatId, UserId};
use crate::inventory::TimestampMs;
use crate::store::states::TicketState;
use crate::store::tables::person::ids_like;
use crate::store::{Store, StoreError, older};

/// A ticket.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TicketRow {
    pub id: Uuid,
    pub offering: OfferingId,
    pub reservation: ReservationId,
    /// The ticket's position among the reservation's tickets, from 0.
    pub index: u8,
    pub user: UserId,
    pub product: ProductId,
    pub seat: Option<SeatId>,
    pub state: TicketState,
    pub checked_in_at: Option<TimestampMs>,
    /// The gate of the check-in, if the door named it.
    pub gate: Option<String>,
    /// The administrator who checked it in.
    pub checked_in_by: Option<UserId>,
    pub created_at: TimestampMs,
}

impl Store {
    /// Returns one ticket.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ticket_get(&self, id: Uuid) -> Result<Option<TicketRow>, StoreError> {
        ticket::Entity::find_by_id(id).one(self.reads()).await?.as_ref().map(ticket_row).transpose()
    }

    /// Returns the tickets of a reservation, in the order of its places.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ticket_list_of(
        &self,
        reservation: ReservationId,
    ) -> Result<Vec<TicketRow>, StoreError> {
        let rows = ticket::Entity::find()
            .filter(ticket::Column::ReservationId.eq(reservation.0))
            .order_by_asc(ticket::Column::TicketIndex)
            .all(self.reads())
            .await?;
        rows.iter().map(ticket_row).collect()
    }

    /// Returns a customer's tickets, newest first, after the one with that time and id; at most
    /// `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ticket_list(
        &self,
        user: UserId,
        after: Option<(TimestampMs, Uuid)>,
        limit: u64,
    ) -> Result<Vec<TicketRow>, StoreError> {
        use ticket::Column;
        let mut query = ticket::Entity::find()
            .filter(Column::UserId.eq(user.0))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some((at, id)) = after {
            query = query.filter(older((Column::CreatedAt, at), (Column::Id, id)));
        }
        query.all(self.reads()).await?.iter().map(ticket_row).collect()
    }

    /// Returns tickets of an event whose holders' name or e-mail address contains `who`, each
    /// person's together and the valid ones first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ticket_list_by_holder(
        &self,
        event: OfferingId,
        who: &str,
        limit: u64,
    ) -> Result<Vec<TicketRow>, StoreError> {
        let holders = reservation::Column::UserId.in_subquery(ids_like(who));
        self.ticket_list_of_holders(event, holders, limit).await
    }

    /// Returns a person's tickets of an event, the valid ones first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ticket_list_of_person(
        &self,
        event: OfferingId,
        person: UserId,
        limit: u64,
    ) -> Result<Vec<TicketRow>, StoreError> {
        let holder = reservation::Column::UserId.eq(person.0);
        self.ticket_list_of_holders(event, holder, limit).await
    }

    async fn ticket_list_of_holders(
        &self,
        event: OfferingId,
        holders: SimpleExpr,
        limit: u64,
    ) -> Result<Vec<TicketRow>, StoreError> {
        use ticket::Column;
        // Tickets have no index by event, reservations have one.
        let reservations = Query::select()
            .column(reservation::Column::Id)
            .from(reservation::Entity)
            .and_where(reservation::Column::OfferingId.eq(event.0))
            .and_where(holders)
            .to_owned();
        let rows = ticket::Entity::find()
            .filter(Column::ReservationId.in_subquery(reservations))
            .order_by(Column::Status.eq(TicketState::Valid.as_str()), Order::Desc)
            .order_by_asc(Column::UserId)
            .order_by_asc(Column::ReservationId)
            .order_by_asc(Column::TicketIndex)
            .limit(limit)
            .all(self.reads())
            .await?;
        rows.iter().map(ticket_row).collect()
    }

    /// Returns the tickets of an event with ids from `least` to `greatest`; at most `limit`. The primary
    /// key finds them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ticket_list_between(
        &self,
        event: OfferingId,
        (least, greatest): (Uuid, Uuid),
        limit: u64,
    ) -> Result<Vec<TicketRow>, StoreError> {
        use ticket::Column;
        let rows = ticket::Entity::find()
            .filter(Column::Id.between(least, greatest))
            .filter(Column::OfferingId.eq(event.0))
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.reads())
            .await?;
        rows.iter().map(ticket_row).collect()
    }

    /// Returns the reservations of an event with a ticket for one of `seats`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn reservations_of_seats(
        &self,
        event: OfferingId,
        seats: &[SeatId],
    ) -> Result<Vec<ReservationId>, StoreError> {
        use ticket::Column;
        // Tickets have no index by event, reservations have one.
        let reservations = Query::select()
            .column(reservation::Column::Id)
            .from(reservation::Entity)
            .and_where(reservation::Column::OfferingId.eq(event.0))
            .to_owned();
        let found: Vec<Uuid> = ticket::Entity::find()
            .select_only()
            .column(Column::ReservationId)
            .distinct()
            .filter(Column::ReservationId.in_subquery(reservations))
            .filter(Column::SeatId.is_in(seats.iter().map(|seat| i64::from(seat.0))))
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(ReservationId).collect())
    }

    /// Returns the number of an event's tickets that are checked in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ticket_count_checked_in(&self, event: OfferingId) -> Result<u64, StoreError> {
        use ticket::Column;
        let checked_in = ticket::Entity::find()
            .filter(Column::OfferingId.eq(event.0))
            .filter(Column::CheckedInAt.is_not_null())
            .filter(Column::Status.eq(TicketState::Used.as_str()));
        Ok(checked_in.count(self.reads()).await?)
    }
}

fn ticket_row(row: &ticket::Model) -> Result<TicketRow, StoreError> {
    let damaged = || StoreError::Damaged(format!("ticket {}", row.id));
    Ok(TicketRow {
        id: row.id,
        offering: OfferingId(row.offering_id),
        reservation: ReservationId(row.reservation_id),
        index: u8::try_from(row.ticket_index).map_err(|_| damaged())?,
        user: UserId(row.user_id),
        product: ProductId(u16::try_from(row.product_id).map_err(|_| damaged())?),
        seat: row.seat_id.map(u32::try_from).transpose().map_err(|_| damaged())?.map(SeatId),
        state: TicketState::parse(&row.status).ok_or_else(damaged)?,
        checked_in_at: row.checked_in_at,
        gate: row.gate.clone(),
        checked_in_by: row.checked_in_by.map(UserId),
        created_at: row.created_at,
    })
}
