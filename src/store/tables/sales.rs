//! The sales of an event over time, and its orders by state, summed from the rows of reservations.

use entities::{reservation, ticket};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, JoinType, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::ids::OfferingId;
use crate::inventory::{Minor, TimestampMs};
use crate::store::{ReservationState, Store, StoreError, TicketState};

/// The orders of an event in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OrdersInState {
    pub state: ReservationState,
    pub orders: u64,
    /// The sum of their prices, without what was refunded for single tickets.
    pub total: Minor,
}

/// The paid orders of one slice of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SalesSlice {
    /// Start of the slice.
    pub from: TimestampMs,
    pub orders: u64,
    pub places: u64,
    /// The sum of their prices.
    pub total: Minor,
}

impl Store {
    /// Returns the orders of an event by state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sales_by_state(
        &self,
        offering: OfferingId,
    ) -> Result<Vec<OrdersInState>, StoreError> {
        use reservation::Column;
        let rows: Vec<(String, i64, i64)> = reservation::Entity::find()
            .select_only()
            .column(Column::Status)
            .expr(Expr::col((reservation::Entity, Column::Id)).count())
            .expr(sum_of_prices())
            .filter(Column::OfferingId.eq(offering.0))
            .group_by(Column::Status)
            .into_tuple()
            .all(self.reads())
            .await?;
        let in_state = |(state, orders, total): (String, i64, i64)| {
            let state = ReservationState::parse(&state);
            let state =
                state.ok_or_else(|| StoreError::Damaged("the status of an order".into()))?;
            Ok(OrdersInState { state, orders: u64::try_from(orders).unwrap_or_default(), total })
        };
        rows.into_iter().map(in_state).collect()
    }

    /// Returns the times of an event's first and last paid order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sales_span(
        &self,
        offering: OfferingId,
    ) -> Result<Option<(TimestampMs, TimestampMs)>, StoreError> {
        use reservation::Column;
        let span: Option<(Option<i64>, Option<i64>)> = reservation::Entity::find()
            .select_only()
            .expr(Column::CreatedAt.min())
            .expr(Column::CreatedAt.max())
            .filter(Column::OfferingId.eq(offering.0))
            .filter(Column::Status.eq(ReservationState::Confirmed.as_str()))
            .into_tuple()
            .one(self.reads())
            .await?;
        Ok(span.and_then(|(first, last)| first.zip(last)))
    }

    /// Returns the paid orders of an event by slices of `slice_ms`, in the order of time and without
    /// empty slices. An order counts when it was placed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sales_over_time(
        &self,
        offering: OfferingId,
        slice_ms: i64,
    ) -> Result<Vec<SalesSlice>, StoreError> {
        use reservation::Column;
        let created = Expr::col((reservation::Entity, Column::CreatedAt));
        let slice: SimpleExpr = created.div(Expr::val(slice_ms));
        let paid = || {
            reservation::Entity::find()
                .select_only()
                .filter(Column::OfferingId.eq(offering.0))
                .filter(Column::Status.eq(ReservationState::Confirmed.as_str()))
        };
        let orders: Vec<(i64, i64, i64)> = paid()
            .expr_as(slice.clone(), "slice")
            .expr(Expr::col((reservation::Entity, Column::Id)).count())
            .expr(sum_of_prices())
            .group_by(Expr::col(Alias::new("slice")))
            .order_by_asc(Expr::col(Alias::new("slice")))
            .into_tuple()
            .all(self.reads())
            .await?;
        let of_order = reservation::Entity::belongs_to(ticket::Entity)
            .from(Column::Id)
            .to(ticket::Column::ReservationId)
            .into();
        let places: Vec<(i64, i64)> = paid()
            .expr_as(slice, "slice")
            .expr(Expr::col((ticket::Entity, ticket::Column::Id)).count())
            .join(JoinType::InnerJoin, of_order)
            .filter(ticket::Column::Status.ne(TicketState::Void.as_str()))
            .group_by(Expr::col(Alias::new("slice")))
            .into_tuple()
            .all(self.reads())
            .await?;
        let places: std::collections::HashMap<i64, i64> = places.into_iter().collect();
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        let slice = |(slice, orders, total): (i64, i64, i64)| SalesSlice {
            from: slice * slice_ms,
            orders: count(orders),
            places: count(places.get(&slice).copied().unwrap_or_default()),
            total,
        };
        Ok(orders.into_iter().map(slice).collect())
    }
}

/// The sum of the prices of reservations, without what was refunded for single tickets of confirmed
/// ones, as an integer on both databases.
fn sum_of_prices() -> SimpleExpr {
    use reservation::Column;
    let column = |column| Expr::col((reservation::Entity, column));
    let refunded = Expr::case(
        column(Column::Status).eq(ReservationState::Confirmed.as_str()),
        column(Column::RefundAmount).if_null(0_i64),
    );
    let refunded: SimpleExpr = refunded.finally(0_i64).into();
    let kept = column(Column::TotalPrice).sub(refunded);
    kept.sum().cast_as(Alias::new("bigint"))
}
