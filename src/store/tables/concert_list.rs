//! The list of concerts: by artist, category, series, place, time and stage, in several orders.

use entities::{concert, concert_artist, event, like_count};
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query, SimpleExpr, SubQueryStatement};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ArtistId, OfferingId, SeriesId};
use crate::inventory::{SaleState, TimestampMs};
use crate::store::states::state_name;
use crate::store::tables::catalogue::contains;
use crate::store::tables::concert::ConcertCategory;
use crate::store::tables::new_class::kind_name;
use crate::store::{EventRow, Store, StoreError};

/// Where a concert stands, by its times; no one has to set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Stage {
    /// It has not begun.
    Upcoming,
    /// It has begun, and its end has not come.
    Ongoing,
    /// Its end has come.
    Completed,
    /// It does not take place.
    Cancelled,
}

impl Stage {
    /// Returns where an event stands. One without an end is over as soon as it has begun.
    #[must_use]
    pub fn of(event: &EventRow, now: TimestampMs) -> Self {
        let begins = event.details.event_date;
        match event.event_end.unwrap_or(begins) {
            _ if event.sale_state == SaleState::Cancelled => Self::Cancelled,
            _ if begins > now => Self::Upcoming,
            end if end > now => Self::Ongoing,
            _ => Self::Completed,
        }
    }
}

/// The order of a list of concerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConcertSort {
    /// Those that begin first are first.
    #[default]
    Date,
    /// Those that were made last are first.
    Recent,
    /// Those that most people like are first; of these, those made last.
    Popular,
}

/// The concerts to list.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ConcertSearch {
    pub artist: Option<ArtistId>,
    pub category: Option<ConcertCategory>,
    pub series: Option<SeriesId>,
    /// Text that the place contains, in any case.
    pub place: String,
    /// The first moment at which they may begin.
    pub from: Option<TimestampMs>,
    /// The first moment at which they may no longer begin.
    pub until: Option<TimestampMs>,
    pub stage: Option<Stage>,
    pub sort: ConcertSort,
    /// The last concert of the page before, with the value by which it is ordered.
    pub after: Option<(i64, OfferingId)>,
}

/// A concert of a list, with the value by which it is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FoundConcert {
    pub id: OfferingId,
    pub by: i64,
}

impl FoundConcert {
    /// Returns the cursor after this concert.
    #[must_use]
    pub fn cursor(&self) -> String {
        format!("{}_{}", self.by, self.id)
    }
}

impl Store {
    /// Returns the concerts that match; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn concert_search(
        &self,
        search: &ConcertSearch,
        limit: u64,
        now: TimestampMs,
    ) -> Result<Vec<FoundConcert>, StoreError> {
        let by = by(search.sort);
        let mut query = event::Entity::find()
            .select_only()
            .column(event::Column::Id)
            .expr_as(by.clone(), "sorted_by")
            .filter(event::Column::Kind.eq(kind_name(false)))
            .filter(wanted(search))
            .limit(limit);
        if let Some(stage) = search.stage {
            query = query.filter(at_stage(stage, now));
        }
        let order = match search.sort {
            ConcertSort::Date => Order::Asc,
            ConcertSort::Recent | ConcertSort::Popular => Order::Desc,
        };
        if let Some((value, id)) = search.after {
            let (by, id_column) = (by.clone(), Expr::col(event::Column::Id));
            let (beyond, next) = match order {
                Order::Asc => (by.clone().gt(value), id_column.gt(id.0)),
                _ => (by.clone().lt(value), id_column.lt(id.0)),
            };
            let same = Condition::all().add(by.eq(value)).add(next);
            query = query.filter(Condition::any().add(beyond).add(same));
        }
        let query = query.order_by(by, order.clone()).order_by(event::Column::Id, order);
        let rows: Vec<(Uuid, i64)> = query.into_tuple().all(self.reads()).await?;
        Ok(rows.into_iter().map(|(id, by)| FoundConcert { id: OfferingId(id), by }).collect())
    }
}

/// Returns the value by which a list is ordered.
fn by(sort: ConcertSort) -> SimpleExpr {
    match sort {
        ConcertSort::Date => Expr::col(event::Column::EventDate),
        ConcertSort::Recent => Expr::col(event::Column::CreatedAt),
        ConcertSort::Popular => {
            let likes = like_count::Entity::find()
                .select_only()
                .column(like_count::Column::Likes)
                .filter(same_event((like_count::Entity, like_count::Column::OfferingId)))
                .into_query();
            let likes =
                SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(likes)));
            Func::coalesce([likes, Expr::value(0_i64)]).into()
        }
    }
}

fn same_event(column: impl sea_orm::sea_query::IntoColumnRef) -> SimpleExpr {
    Expr::col(column).eq(Expr::col((event::Entity, event::Column::Id)))
}

/// The condition of all that is asked for but the stage and the page.
fn wanted(search: &ConcertSearch) -> Condition {
    let date = event::Column::EventDate;
    let mut wanted = Condition::all();
    let of_concerts = |condition: SimpleExpr| {
        let of = Query::select()
            .column(concert::Column::OfferingId)
            .from(concert::Entity)
            .and_where(condition)
            .to_owned();
        event::Column::Id.in_subquery(of)
    };
    if let Some(artist) = search.artist {
        let of = Query::select()
            .column(concert_artist::Column::OfferingId)
            .from(concert_artist::Entity)
            .and_where(concert_artist::Column::ArtistId.eq(artist.0))
            .to_owned();
        wanted = wanted.add(event::Column::Id.in_subquery(of));
    }
    if let Some(category) = search.category {
        wanted = wanted.add(of_concerts(concert::Column::Category.eq(category.as_str())));
    }
    if let Some(series) = search.series {
        wanted = wanted.add(of_concerts(concert::Column::SeriesId.eq(series.0)));
    }
    if !search.place.is_empty() {
        wanted = wanted.add(contains(event::Column::Venue, &search.place));
    }
    if let Some(from) = search.from {
        wanted = wanted.add(date.gte(from));
    }
    if let Some(until) = search.until {
        wanted = wanted.add(date.lt(until));
    }
    wanted
}

fn at_stage(stage: Stage, now: TimestampMs) -> Condition {
    use event::Column;
    let cancelled = state_name(SaleState::Cancelled);
    let end = || Func::coalesce([Expr::col(Column::EventEndAt), Expr::col(Column::EventDate)]);
    let takes_place = Condition::all().add(Column::SaleState.ne(cancelled));
    match stage {
        Stage::Cancelled => Condition::all().add(Column::SaleState.eq(cancelled)),
        Stage::Upcoming => takes_place.add(Column::EventDate.gt(now)),
        Stage::Ongoing => {
            takes_place.add(Column::EventDate.lte(now)).add(SimpleExpr::from(end()).gt(now))
        }
        Stage::Completed => {
            takes_place.add(Column::EventDate.lte(now)).add(SimpleExpr::from(end()).lte(now))
        }
    }
}
