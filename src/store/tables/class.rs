//! Classes: their rows beside those of the events, and the search for them.

use entities::{class, class_count, enrollment, event};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::OfferingId;
use crate::inventory::{ClassRules, Promotion, Selection, TimestampMs};
use crate::store::states::{promotion_name, selection_name};
use crate::store::tables::new_class::{Visibility, searchable};
use crate::store::tables::{idempotency, notice};
use crate::store::{Answered, EventRow, Key, NewNotice, Store, StoreError};

/// A class as it is stored. Its `event` has title (`name`), place (`venue`), times and terms; its
/// only product has capacity and fee.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassRow {
    pub event: EventRow,
    pub rules: ClassRules,
    pub visibility: Visibility,
    pub is_online: bool,
    pub deleted_at: Option<TimestampMs>,
    pub counts: ClassCounts,
    /// Those of `counts.waitlisted` that are offered a place, and have left the line.
    pub offered: i64,
}

impl ClassRow {
    /// Number of people in line.
    #[must_use]
    pub fn in_line(&self) -> i64 {
        Ord::max(self.counts.waitlisted - self.offered, 0)
    }

    /// Number of places.
    #[must_use]
    pub fn capacity(&self) -> i64 {
        self.event.products.first().map_or(0, |places| places.total_stock)
    }

    /// Number of places that an applicant could get; none while others wait in line.
    #[must_use]
    pub fn places_left(&self) -> i64 {
        let left = self.capacity() - self.counts.approved - self.offered;
        if self.in_line() > 0 { 0 } else { Ord::max(left, 0) }
    }
}

/// Numbers of enrollments by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassCounts {
    pub applied: i64,
    pub approved: i64,
    pub waitlisted: i64,
    pub rejected: i64,
    pub canceled: i64,
}

impl ClassCounts {
    /// Returns the number of all enrollments.
    #[must_use]
    pub fn all(&self) -> i64 {
        self.applied + self.approved + self.waitlisted + self.rejected + self.canceled
    }
}

/// Changes to what the box office does not know of a class; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassChange {
    pub title: Option<String>,
    pub description: Option<String>,
    pub location: Option<String>,
    pub visibility: Option<Visibility>,
    pub is_online: Option<bool>,
    pub time_zone: Option<String>,
}

/// The classes to find.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassSearch {
    /// Text that title, description or place contains, in any case; empty finds all.
    pub text: String,
    /// Text that the place contains.
    pub location: String,
    /// True: those that take applications at this time.
    pub recruiting_at: Option<TimestampMs>,
    /// Those that begin at or after this time.
    pub from: Option<TimestampMs>,
    /// Those that begin before this time.
    pub until: Option<TimestampMs>,
    pub is_free: Option<bool>,
    pub is_online: Option<bool>,
    /// Unlisted and deleted ones, too: for administrators.
    pub with_unlisted: bool,
    /// Only these classes.
    pub among: Option<Vec<OfferingId>>,
    pub sort: ClassSort,
    pub after: Option<(i64, OfferingId)>,
}

/// The order of a list of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClassSort {
    /// The earliest start first.
    #[default]
    StartAt,
    /// The end of recruitment that comes first.
    RecruitEndAt,
    /// The newest first.
    CreatedAt,
}

/// A page of classes, with the key of its last one in the order of the list.
pub type ClassPage = (Vec<ClassRow>, Option<(i64, OfferingId)>);

impl Store {
    /// Returns one class, deleted ones included.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_get(&self, id: OfferingId) -> Result<Option<ClassRow>, StoreError> {
        let found = class::Entity::find_by_id(id.0)
            .find_also_related(event::Entity)
            .one(self.reads())
            .await?;
        let Some((class, Some(event))) = found else { return Ok(None) };
        Ok(self.class_rows(vec![(class, event)]).await?.pop())
    }

    /// Returns classes that match, in the order of the search; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_search(
        &self,
        search: &ClassSearch,
        limit: u64,
    ) -> Result<ClassPage, StoreError> {
        let mut query = class::Entity::find()
            .find_also_related(event::Entity)
            .filter(search.condition())
            .limit(limit);
        let (key, id) = (search.sort.key(), Expr::col((class::Entity, class::Column::Id)));
        query = match search.sort {
            ClassSort::CreatedAt => query.order_by_desc(key.clone()).order_by_desc(id.clone()),
            ClassSort::StartAt | ClassSort::RecruitEndAt => {
                query.order_by_asc(key.clone()).order_by_asc(id.clone())
            }
        };
        if let Some((at, last)) = search.after {
            let (next, same) = (Expr::tuple([key, id]), Expr::tuple([at.into(), last.0.into()]));
            query = query.filter(match search.sort {
                ClassSort::CreatedAt => next.lt(same),
                ClassSort::StartAt | ClassSort::RecruitEndAt => next.gt(same),
            });
        }
        let found = query.all(self.reads()).await?;
        let found: Vec<_> =
            found.into_iter().filter_map(|(class, event)| Some((class, event?))).collect();
        let last = found.last().map(|(class, event)| {
            let key = match search.sort {
                ClassSort::StartAt => event.event_date,
                ClassSort::RecruitEndAt => event.sale_end_at.unwrap_or(event.event_date),
                ClassSort::CreatedAt => event.created_at,
            };
            (key, OfferingId(class.id))
        });
        Ok((self.class_rows(found).await?, last))
    }

    /// Changes what the box office does not know of a class, or answers a retry. Writes a notice for
    /// those who have places if title or place differ from what they were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_update(
        &self,
        id: OfferingId,
        change: ClassChange,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let found = event::Entity::find_by_id(id.0).lock_exclusive().one(&transaction).await?;
        let Some(before) = found else { return Err(StoreError::Gone("class")) };
        if let Some(payload) = replaced(&before, &change) {
            let kind = "event.details_changed";
            let new = NewNotice { kind, offering: Some(id), user: None, payload };
            notice::put(&transaction, &new, now).await?;
        }
        let search = searchable(
            change.title.as_ref().unwrap_or(&before.name),
            change.description.as_ref().unwrap_or(&before.description),
            change.location.as_ref().unwrap_or(&before.venue),
        );
        let ClassChange { title, description, location, visibility, is_online, time_zone } = change;
        let of_event = event::ActiveModel {
            name: title.map_or(NotSet, Set),
            description: description.map_or(NotSet, Set),
            venue: location.map_or(NotSet, Set),
            time_zone: time_zone.map_or(NotSet, |zone| Set(Some(zone))),
            updated_at: Set(now),
            ..Default::default()
        };
        let of_class = class::ActiveModel {
            visibility: visibility.map_or(NotSet, |word| Set(word.as_str().into())),
            is_online: is_online.map_or(NotSet, |online| Set(i32::from(online))),
            search: Set(search),
            ..Default::default()
        };
        event::Entity::update_many()
            .set(of_event)
            .filter(event::Column::Id.eq(id.0))
            .exec(&transaction)
            .await?;
        class::Entity::update_many()
            .set(of_class)
            .filter(class::Column::Id.eq(id.0))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Takes a class out of all lists.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_delete(&self, id: OfferingId, now: TimestampMs) -> Result<(), StoreError> {
        class::Entity::update_many()
            .set(class::ActiveModel { deleted_at: Set(Some(now)), ..Default::default() })
            .filter(class::Column::Id.eq(id.0))
            .filter(class::Column::DeletedAt.is_null())
            .exec(self.writes())
            .await?;
        Ok(())
    }

    async fn class_rows(
        &self,
        found: Vec<(class::Model, event::Model)>,
    ) -> Result<Vec<ClassRow>, StoreError> {
        let ids: Vec<Uuid> = found.iter().map(|(class, _)| class.id).collect();
        let counts = class_count::Entity::find()
            .filter(class_count::Column::ClassId.is_in(ids.iter().copied()))
            .all(self.reads())
            .await?;
        let offered: Vec<(Uuid, i64)> = enrollment::Entity::find()
            .select_only()
            .column(enrollment::Column::ClassId)
            .column_as(enrollment::Column::Id.count(), "offered")
            .filter(enrollment::Column::ClassId.is_in(ids))
            .filter(enrollment::Column::OfferExpiresAt.is_not_null())
            .group_by(enrollment::Column::ClassId)
            .into_tuple()
            .all(self.reads())
            .await?;
        let (classes, events): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let events = self.with_products(events).await?;
        let rows = classes.into_iter().zip(events).map(|(class, event)| {
            let counts = counts.iter().find(|row| row.class_id == class.id);
            let offered = offered.iter().find(|(id, _)| *id == class.id).map_or(0, |(_, n)| *n);
            Ok(ClassRow { offered, ..class_row(&class, event, counts)? })
        });
        rows.collect()
    }
}

impl ClassSort {
    fn key(self) -> Expr {
        let column = |column| Expr::col((event::Entity, column));
        match self {
            Self::StartAt => column(event::Column::EventDate),
            // A recruitment without an end of its own ends with the class's start.
            Self::RecruitEndAt => {
                column(event::Column::SaleEndAt).if_null(column(event::Column::EventDate))
            }
            Self::CreatedAt => column(event::Column::CreatedAt),
        }
    }
}

impl ClassSearch {
    fn condition(&self) -> Condition {
        let mut all = Condition::all();
        if !self.with_unlisted {
            let public = Visibility::Public.as_str();
            all = all
                .add(class::Column::Visibility.eq(public))
                .add(class::Column::DeletedAt.is_null())
                .add(event::Column::SaleState.ne("CANCELLED"));
        }
        if let Some(among) = &self.among {
            all = all.add(class::Column::Id.is_in(among.iter().map(|id| id.0)));
        }
        if !self.text.is_empty() {
            all = all.add(contains(class::Column::Search.into_expr(), &self.text));
        }
        if !self.location.is_empty() {
            let lower = sea_orm::sea_query::Func::lower(event::Column::Venue.into_expr());
            all = all.add(contains(lower.into(), &self.location));
        }
        if let Some(now) = self.recruiting_at {
            let end = Expr::col((event::Entity, event::Column::SaleEndAt))
                .if_null(Expr::col((event::Entity, event::Column::EventDate)));
            let started = event::Column::SaleStartAt.is_null();
            all = all
                .add(started.or(event::Column::SaleStartAt.lte(now)))
                .add(end.gt(now))
                .add(event::Column::SaleState.eq("OPEN"));
        }
        if let Some(from) = self.from {
            all = all.add(event::Column::EventDate.gte(from));
        }
        if let Some(until) = self.until {
            all = all.add(event::Column::EventDate.lt(until));
        }
        if let Some(is_online) = self.is_online {
            all = all.add(class::Column::IsOnline.eq(i32::from(is_online)));
        }
        if let Some(is_free) = self.is_free {
            let free = "EXISTS (SELECT 1 FROM products p WHERE p.offering_id = classes.id \
                 AND p.product_id = 0 AND p.price = 0)";
            let is = Expr::cust(free);
            all = all.add(if is_free { is } else { is.not() });
        }
        all
    }
}

/// True if a text, which is in lower case, contains another.
fn contains(column: Expr, text: &str) -> Expr {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    column.like(LikeExpr::new(pattern).escape('\\'))
}

/// Returns the title and the place that a change replaces by others; `None` if neither differs.
fn replaced(before: &event::Model, change: &ClassChange) -> Option<serde_json::Value> {
    let differs = |new: &Option<String>, old: &String| new.as_ref().is_some_and(|new| new != old);
    let mut payload = serde_json::Map::new();
    if differs(&change.title, &before.name) {
        payload.insert("previousName".into(), before.name.clone().into());
    }
    if differs(&change.location, &before.venue) {
        payload.insert("previousVenue".into(), before.venue.clone().into());
    }
    (!payload.is_empty()).then_some(payload.into())
}

fn class_row(
    row: &class::Model,
    event: EventRow,
    counts: Option<&class_count::Model>,
) -> Result<ClassRow, StoreError> {
    let damaged = |what| StoreError::Damaged(format!("the {what} of class {}", row.id));
    let selection = [Selection::FirstCome, Selection::Review]
        .into_iter()
        .find(|one| selection_name(*one) == row.selection_type)
        .ok_or_else(|| damaged("selection"))?;
    let promotion = [Promotion::Auto, Promotion::Offer]
        .into_iter()
        .find(|one| promotion_name(*one) == row.promotion)
        .ok_or_else(|| damaged("promotion"))?;
    Ok(ClassRow {
        event,
        rules: ClassRules {
            selection,
            waitlist: u32::try_from(row.waitlist_capacity).map_err(|_| damaged("waitlist"))?,
            promotion,
            offer_ttl_ms: row.offer_ttl_ms,
            pay_window_ms: row.pay_window_ms,
            allow_reapply: row.allow_reapply != 0,
        },
        visibility: Visibility::parse(&row.visibility).ok_or_else(|| damaged("visibility"))?,
        is_online: row.is_online != 0,
        deleted_at: row.deleted_at,
        counts: counts.map_or_else(ClassCounts::default, |row| ClassCounts {
            applied: row.applied,
            approved: row.approved,
            waitlisted: row.waitlisted,
            rejected: row.rejected,
            canceled: row.canceled,
        }),
        offered: 0,
    })
}
