//! The search for events by text and time, in the order in which they take place.

use entities::event;
use sea_orm::sea_query::{Expr, ExprTrait, Func, IntoColumnRef, LikeExpr, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::store::tables::new_class::kind_name;
use crate::store::{EventRow, Store, StoreError};

/// The events to find.
#[derive(Clone, Debug, Default)]
pub struct EventSearch {
    /// Text that the name or the venue contains, in any case; empty finds all.
    pub text: String,
    /// The first moment at which they may begin.
    pub from: Option<TimestampMs>,
    /// The first moment at which they may no longer begin.
    pub until: Option<TimestampMs>,
    /// Only these events.
    pub among: Option<Vec<OfferingId>>,
    /// The last event of the page before.
    pub after: Option<(TimestampMs, OfferingId)>,
}

/// The name of an event or a class.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfferingName {
    pub id: OfferingId,
    pub name: String,
    pub date: TimestampMs,
    pub is_class: bool,
}

impl Store {
    /// Returns events that match, the earliest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn event_search(
        &self,
        search: &EventSearch,
        limit: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let date = event::Column::EventDate;
        let mut query = event::Entity::find()
            .filter(event::Column::Kind.eq(kind_name(false)))
            .order_by_asc(date)
            .order_by_asc(event::Column::Id)
            .limit(limit);
        if !search.text.is_empty() {
            let found = Condition::any()
                .add(contains(event::Column::Name, &search.text))
                .add(contains(event::Column::Venue, &search.text));
            query = query.filter(found);
        }
        if let Some(among) = &search.among {
            query = query.filter(event::Column::Id.is_in(among.iter().map(|id| id.0)));
        }
        if let Some(from) = search.from {
            query = query.filter(date.gte(from));
        }
        if let Some(until) = search.until {
            query = query.filter(date.lt(until));
        }
        if let Some((at, id)) = search.after {
            let later = Condition::all().add(date.eq(at)).add(event::Column::Id.gt(id.0));
            query = query.filter(Condition::any().add(date.gt(at)).add(later));
        }
        let rows = query.all(self.reads()).await?;
        self.with_products(rows).await
    }

    /// Returns the events with these ids, in no order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn events(&self, ids: &[OfferingId]) -> Result<Vec<EventRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = event::Entity::find()
            .filter(event::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .filter(event::Column::Kind.eq(kind_name(false)))
            .all(self.reads())
            .await?;
        self.with_products(rows).await
    }

    /// Returns the names of those of `ids` that exist, and whether they are classes; of all of them
    /// where `ids` is `None`. The newest are first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn offerings_named(
        &self,
        ids: Option<&[OfferingId]>,
        limit: u64,
    ) -> Result<Vec<OfferingName>, StoreError> {
        use event::Column;
        let mut query = event::Entity::find()
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some(ids) = ids {
            query = query.filter(Column::Id.is_in(ids.iter().map(|id| id.0)));
        }
        let query = query.select_only().columns([
            Column::Id,
            Column::Name,
            Column::EventDate,
            Column::Kind,
        ]);
        let rows: Vec<(Uuid, String, TimestampMs, String)> =
            query.into_tuple().all(self.reads()).await?;
        let named = rows.into_iter().map(|(id, name, date, kind)| OfferingName {
            id: OfferingId(id),
            name,
            date,
            is_class: kind == kind_name(true),
        });
        Ok(named.collect())
    }
}

/// True if a column contains a text. SQLite lowers ASCII letters only.
pub(super) fn contains(column: impl IntoColumnRef, text: &str) -> SimpleExpr {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    Expr::expr(Func::lower(Expr::col(column))).like(LikeExpr::new(pattern).escape('\\'))
}
