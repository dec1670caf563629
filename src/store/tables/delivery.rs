//! Deliveries: what becomes of a message at one destination. A delivery is claimed for a while and
//! then tried again: a process that dies with it loses nothing, and a destination may get a message
//! twice.

use entities::delivery;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement,
};
use uuid::Uuid;

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError, older};

/// Rows inserted by one statement.
const AT_ONCE: usize = 500;
/// Characters of an error that are kept.
const MAX_ERROR: usize = 500;

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried at its next time.
    Waiting,
    /// The destination has it, or does not need it.
    Done,
    /// All attempts failed; it waits for an administrator.
    Parked,
    /// An administrator ended it.
    Cancelled,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Done, Self::Parked, Self::Cancelled];

    /// Returns the name of the state in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Done => "DONE",
            Self::Parked => "PARKED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Which deliveries go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What is over within minutes, or what a person waits for.
    Urgent,
    /// Messages of single customers.
    Single,
    /// One of many messages of one cause.
    Mass,
}

impl Lane {
    /// All lanes, in the order of their numbers.
    const ALL: [Self; 3] = [Self::Urgent, Self::Single, Self::Mass];

    fn number(self) -> i16 {
        match self {
            Self::Urgent => -1,
            Self::Single => 0,
            Self::Mass => 1,
        }
    }
}

/// A delivery to make.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewDelivery {
    /// Ordered by time.
    pub id: Uuid,
    /// The same for a message at each destination.
    pub message_id: String,
    pub destination: String,
    pub kind: String,
    pub offering: Option<OfferingId>,
    pub user: Option<UserId>,
    pub body: String,
    pub lane: Lane,
}

/// A delivery.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DeliveryRow {
    pub id: Uuid,
    pub message_id: String,
    pub destination: String,
    pub kind: String,
    pub offering: Option<OfferingId>,
    pub user: Option<UserId>,
    pub body: String,
    pub state: DeliveryState,
    /// Attempts begun.
    pub attempts: i32,
    pub next_try_at: TimestampMs,
    pub error: Option<String>,
    pub processed_at: Option<TimestampMs>,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

/// The deliveries of a list.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only to this destination.
    pub destination: Option<String>,
}

/// The deliveries to one destination that are not at their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryBacklog {
    /// The destination.
    pub destination: String,
    /// Deliveries that wait, counted up to 100,000.
    pub waiting: u64,
    /// When the oldest of them was made.
    pub oldest: Option<TimestampMs>,
    /// Deliveries that are parked, counted up to 100,000.
    pub parked: u64,
}

/// Inserts deliveries; those that exist stay as they are.
pub(crate) async fn insert(
    transaction: &impl ConnectionTrait,
    new: Vec<NewDelivery>,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let row = |new: NewDelivery| delivery::ActiveModel {
        id: Set(new.id),
        message_id: Set(new.message_id),
        destination: Set(new.destination),
        kind: Set(new.kind),
        offering_id: Set(new.offering.map(|id| id.0)),
        user_id: Set(new.user.map(|id| id.0)),
        body: Set(new.body),
        lane: Set(new.lane.number()),
        state: Set(DeliveryState::Waiting.as_str().into()),
        attempts: Set(0),
        next_try_at: Set(now),
        error: Set(None),
        processed_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let mut rows: Vec<_> = new.into_iter().map(row).collect();
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(AT_ONCE));
        delivery::Entity::insert_many(rows)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await?;
        rows = rest;
    }
    Ok(())
}

impl Store {
    /// Makes deliveries; those whose message has one at that destination stay as they are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_create(
        &self,
        new: Vec<NewDelivery>,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        insert(self.writes(), new, now).await
    }

    /// Returns the destinations that have deliveries to try now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn delivery_due(&self, now: TimestampMs) -> Result<Vec<String>, StoreError> {
        // One step along the index for each destination, however many deliveries wait.
        let sql = "WITH RECURSIVE d (destination) AS (
                SELECT min(destination) FROM deliveries WHERE state = 'WAITING'
                UNION ALL
                SELECT (SELECT min(destination) FROM deliveries
                    WHERE state = 'WAITING' AND destination > d.destination)
                FROM d WHERE d.destination IS NOT NULL
            )
            SELECT destination FROM d WHERE destination IS NOT NULL AND (
                EXISTS (SELECT 1 FROM deliveries x WHERE x.state = 'WAITING'
                    AND x.destination = d.destination AND x.lane = -1 AND x.next_try_at <= $1)
                OR EXISTS (SELECT 1 FROM deliveries x WHERE x.state = 'WAITING'
                    AND x.destination = d.destination AND x.lane = 0 AND x.next_try_at <= $1)
                OR EXISTS (SELECT 1 FROM deliveries x WHERE x.state = 'WAITING'
                    AND x.destination = d.destination AND x.lane = 1 AND x.next_try_at <= $1))";
        let statement = Statement::from_sql_and_values(self.backend(), sql, [now.into()]);
        let rows = self.reads().query_all_raw(statement).await?;
        let mut destinations = Vec::with_capacity(rows.len());
        for row in rows {
            destinations.push(row.try_get("", "destination")?);
        }
        Ok(destinations)
    }

    /// Claims deliveries to one destination that are due, until `until`; concurrent claims get
    /// different ones. The lanes take their turns in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_claim(
        &self,
        destination: &str,
        now: TimestampMs,
        until: TimestampMs,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let skip = if self.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "UPDATE deliveries SET attempts = attempts + 1, next_try_at = $3, updated_at = $2
             WHERE id IN (SELECT id FROM deliveries WHERE state = 'WAITING' AND destination = $1
                          AND lane = $4 AND next_try_at <= $2
                          ORDER BY next_try_at LIMIT $5 {skip})
             RETURNING *"
        );
        let mut claimed = Vec::new();
        for lane in Lane::ALL {
            let left = i64::try_from(limit - claimed.len()).unwrap_or(i64::MAX);
            if left == 0 {
                break;
            }
            let values =
                [destination.into(), now.into(), until.into(), lane.number().into(), left.into()];
            let statement = Statement::from_sql_and_values(self.backend(), &sql, values);
            let rows = delivery::Entity::find().from_raw_sql(statement).all(self.writes()).await?;
            let mut rows = rows.into_iter().map(delivery_row).collect::<Result<Vec<_>, _>>()?;
            rows.sort_by_key(|row| row.id);
            claimed.append(&mut rows);
        }
        Ok(claimed)
    }

    /// Ends the claim on a delivery: it is done, is parked, or is tried again at `next_try_at`.
    /// Returns `false` if another claim has begun since, or an administrator has ended it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_settle(
        &self,
        claimed: &DeliveryRow,
        state: DeliveryState,
        next_try_at: TimestampMs,
        error: Option<&str>,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let error = error.map(|text| text.chars().take(MAX_ERROR).collect::<String>());
        let processed_at = (state == DeliveryState::Done).then_some(now);
        let settled = delivery::Entity::update_many()
            .col_expr(delivery::Column::State, Expr::value(state.as_str()))
            .col_expr(delivery::Column::NextTryAt, Expr::value(next_try_at))
            .col_expr(delivery::Column::Error, Expr::value(error))
            .col_expr(delivery::Column::ProcessedAt, Expr::value(processed_at))
            .col_expr(delivery::Column::UpdatedAt, Expr::value(now))
            .filter(delivery::Column::Id.eq(claimed.id))
            .filter(delivery::Column::State.eq(DeliveryState::Waiting.as_str()))
            .filter(delivery::Column::Attempts.eq(claimed.attempts))
            .exec(self.writes())
            .await?;
        Ok(settled.rows_affected == 1)
    }

    /// Ends the claims on deliveries that were made; those whose claim is over stay as they are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_settle_made(
        &self,
        claimed: &[&DeliveryRow],
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        use delivery::Column;
        if claimed.is_empty() {
            return Ok(());
        }
        let by_claim = claimed.iter().fold(Condition::any(), |any, one| {
            let claim = Condition::all().add(Column::Id.eq(one.id));
            any.add(claim.add(Column::Attempts.eq(one.attempts)))
        });
        delivery::Entity::update_many()
            .col_expr(Column::State, Expr::value(DeliveryState::Done.as_str()))
            .col_expr(Column::NextTryAt, Expr::value(now))
            .col_expr(Column::Error, Expr::value(Option::<String>::None))
            .col_expr(Column::ProcessedAt, Expr::value(Some(now)))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(by_claim)
            .filter(Column::State.eq(DeliveryState::Waiting.as_str()))
            .exec(self.writes())
            .await?;
        Ok(())
    }

    /// Ends the claim on a delivery whose destination was away, or that was not begun: the attempt
    /// does not count.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_postpone(
        &self,
        claimed: &DeliveryRow,
        next_try_at: TimestampMs,
        error: Option<&str>,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let error = error.map(|text| text.chars().take(MAX_ERROR).collect::<String>());
        let postponed = delivery::Entity::update_many()
            .col_expr(delivery::Column::Attempts, Expr::value(claimed.attempts - 1))
            .col_expr(delivery::Column::NextTryAt, Expr::value(next_try_at))
            .col_expr(delivery::Column::Error, Expr::value(error))
            .col_expr(delivery::Column::UpdatedAt, Expr::value(now))
            .filter(delivery::Column::Id.eq(claimed.id))
            .filter(delivery::Column::State.eq(DeliveryState::Waiting.as_str()))
            .filter(delivery::Column::Attempts.eq(claimed.attempts))
            .exec(self.writes())
            .await?;
        Ok(postponed.rows_affected == 1)
    }

    /// Returns one delivery.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_get(&self, id: Uuid) -> Result<Option<DeliveryRow>, StoreError> {
        let found = delivery::Entity::find_by_id(id).one(self.writes()).await?;
        found.map(delivery_row).transpose()
    }

    /// Returns deliveries, newest first, after the one with this time and id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_list(
        &self,
        filter: &DeliveryFilter,
        after: Option<(TimestampMs, Uuid)>,
        limit: u64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut found = delivery::Entity::find()
            .order_by_desc(delivery::Column::CreatedAt)
            .order_by_desc(delivery::Column::Id)
            .limit(limit)
            .filter(wanted(filter));
        if let Some((at, id)) = after {
            let (created, key) = (delivery::Column::CreatedAt, delivery::Column::Id);
            found = found.filter(older((created, at), (key, id)));
        }
        found.all(self.reads()).await?.into_iter().map(delivery_row).collect()
    }

    /// Has a delivery tried again from its first attempt, at once; returns `false` if there is no
    /// such delivery. One that is done is made anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_retry(&self, id: Uuid, now: TimestampMs) -> Result<bool, StoreError> {
        let only = Condition::all().add(delivery::Column::Id.eq(id));
        Ok(self.delivery_wake(only, now).await? == 1)
    }

    /// Has all parked deliveries of this filter tried again; returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_retry_parked(
        &self,
        destination: Option<&str>,
        now: TimestampMs,
    ) -> Result<u64, StoreError> {
        let parked = DeliveryFilter {
            state: Some(DeliveryState::Parked),
            destination: destination.map(str::to_owned),
        };
        self.delivery_wake(wanted(&parked), now).await
    }

    async fn delivery_wake(&self, which: Condition, now: TimestampMs) -> Result<u64, StoreError> {
        let woken = delivery::Entity::update_many()
            .col_expr(delivery::Column::State, Expr::value(DeliveryState::Waiting.as_str()))
            .col_expr(delivery::Column::Attempts, Expr::value(0))
            .col_expr(delivery::Column::NextTryAt, Expr::value(now))
            .col_expr(delivery::Column::ProcessedAt, Expr::value(Option::<i64>::None))
            .col_expr(delivery::Column::UpdatedAt, Expr::value(now))
            .filter(which)
            .exec(self.writes())
            .await?;
        Ok(woken.rows_affected)
    }

    /// Ends a delivery that waits or is parked; returns `false` if it is at its end already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_cancel(&self, id: Uuid, now: TimestampMs) -> Result<bool, StoreError> {
        let open = [DeliveryState::Waiting, DeliveryState::Parked].map(DeliveryState::as_str);
        let cancelled = delivery::Entity::update_many()
            .col_expr(delivery::Column::State, Expr::value(DeliveryState::Cancelled.as_str()))
            .col_expr(delivery::Column::ProcessedAt, Expr::value(Some(now)))
            .col_expr(delivery::Column::UpdatedAt, Expr::value(now))
            .filter(delivery::Column::Id.eq(id))
            .filter(delivery::Column::State.is_in(open))
            .exec(self.writes())
            .await?;
        Ok(cancelled.rows_affected == 1)
    }

    /// Returns what waits and what is parked, by destination.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn delivery_backlog(&self) -> Result<Vec<DeliveryBacklog>, StoreError> {
        // This query runs every few seconds: its cost must not grow with the backlog without limit.
        let sql = "SELECT destination,
                COUNT(CASE WHEN state = 'WAITING' THEN 1 END) AS waiting,
                MIN(CASE WHEN state = 'WAITING' THEN created_at END) AS oldest,
                COUNT(CASE WHEN state = 'PARKED' THEN 1 END) AS parked
            FROM (SELECT * FROM (SELECT destination, state, created_at FROM deliveries
                      WHERE state = 'WAITING' ORDER BY destination LIMIT 100000) AS waits
                  UNION ALL
                  SELECT * FROM (SELECT destination, state, created_at FROM deliveries
                      WHERE state = 'PARKED' LIMIT 100000) AS parks) AS open
            GROUP BY destination ORDER BY destination";
        let rows = self.reads().query_all_raw(Statement::from_string(self.backend(), sql)).await?;
        let mut backlogs = Vec::with_capacity(rows.len());
        for row in rows {
            let (waiting, parked): (i64, i64) =
                (row.try_get("", "waiting")?, row.try_get("", "parked")?);
            backlogs.push(DeliveryBacklog {
                destination: row.try_get("", "destination")?,
                waiting: waiting.unsigned_abs(),
                oldest: row.try_get("", "oldest")?,
                parked: parked.unsigned_abs(),
            });
        }
        Ok(backlogs)
    }
}

fn wanted(filter: &DeliveryFilter) -> Condition {
    let state = filter.state.map(|state| delivery::Column::State.eq(state.as_str()));
    let destination =
        filter.destination.as_ref().map(|name| delivery::Column::Destination.eq(name));
    Condition::all().add_option(state).add_option(destination)
}

fn delivery_row(row: delivery::Model) -> Result<DeliveryRow, StoreError> {
    let state = DeliveryState::parse(&row.state)
        .ok_or_else(|| StoreError::Damaged(format!("the state of delivery {}", row.id)))?;
    Ok(DeliveryRow {
        id: row.id,
        message_id: row.message_id,
        destination: row.destination,
        kind: row.kind,
        offering: row.offering_id.map(OfferingId),
        user: row.user_id.map(UserId),
        body: row.body,
        state,
        attempts: row.attempts,
        next_try_at: row.next_try_at,
        error: row.error,
        processed_at: row.processed_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
