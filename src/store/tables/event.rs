//! Events: their displayed details, and their creation, which is one transaction with the first row
//! of their journal.

use std::collections::HashMap;

use entities::{event, head, journal, product};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use std::sync::Arc;
use uuid::Uuid;

use crate::ids::{BatchId, Epoch, InstanceId, OfferingId, ProductId, Seq, UserId};
use crate::inventory::{
    CancellationPolicy, Change, Definition, EventTimes, SaleState, SaleWindow, TimestampMs,
    Transition,
};
use crate::journal::{Head, Record, Row, RowFields};
use crate::store::states::{OnPaymentFailure, cancellation_text, parse_state, state_name};
use crate::store::tables::idempotency;
use crate::store::tables::new_class::{NewClass, insert_class, kind_name};
use crate::store::tables::seat::{insert_seat_rows, seat_rows, totals};
use crate::store::tables::venue::{EventPlan, insert_event_plan};
use crate::store::{Answered, Key, Store, StoreError};

/// The displayed details of an event, which do not concern the box office.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EventDetails {
    pub name: String,
    pub description: String,
    pub venue: String,
    pub event_date: TimestampMs,
}

/// An event to create.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewEvent {
    pub id: OfferingId,
    pub details: EventDetails,
    /// Name and description of each product, by `ProductId`.
    pub products: Vec<(String, String)>,
    pub definition: Definition,
    pub terms: Terms,
    /// Changes of the first transition after the definition, such as the removal of places that are
    /// no seats. Removed seats get no row.
    pub further: Vec<Change>,
    /// The seat plan from which the definition was made.
    pub plan: Option<EventPlan>,
    /// The name of an IANA time zone; `None` for that of the settings.
    pub time_zone: Option<String>,
    /// What makes a class of it; `None` for an event.
    pub class: Option<NewClass>,
    pub created_by: UserId,
}

/// The terms that the first transition sets beside the definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// When the event takes place; `None` if the box office does not know it.
    pub times: Option<EventTimes>,
    /// The refund for customers who cancel.
    pub cancellation: CancellationPolicy,
    /// What becomes of a reservation whose payment failed; no part of the journal.
    pub on_payment_failure: OnPaymentFailure,
}

/// An event as it is stored.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EventRow {
    pub id: OfferingId,
    pub details: EventDetails,
    pub currency: String,
    pub sale: SaleWindow,
    pub sale_state: SaleState,
    pub products: Vec<ProductRow>,
    /// `None` for events that were created before this field existed.
    pub event_end: Option<TimestampMs>,
    pub cancellation: CancellationPolicy,
    /// What becomes of a reservation whose payment failed.
    pub on_payment_failure: OnPaymentFailure,
    /// The name of an IANA time zone; `None` for that of the settings.
    pub time_zone: Option<String>,
    /// True for the rows that a class has among the events.
    pub is_class: bool,
    pub created_by: UserId,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

/// A product as it is stored.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ProductRow {
    pub id: ProductId,
    pub name: String,
    pub description: String,
    pub price: i64,
    pub total_stock: i64,
    pub max_per_customer: Option<i64>,
    pub sale: SaleWindow,
    pub withdrawn_at: Option<TimestampMs>,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

impl ProductRow {
    /// Returns the product's own sale window, which ends at the latest when the product was
    /// withdrawn.
    #[must_use]
    pub fn on_sale(&self) -> SaleWindow {
        let end = self.sale.end.into_iter().chain(self.withdrawn_at).min();
        SaleWindow { end, ..self.sale }
    }
}

/// Whether the rows of an event's seats are written in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seats {
    WithTheEvent,
    AreThere,
}

/// Rows in one INSERT: with eleven columns each, they stay below SQLite's 32,766 variables.
const CHUNK: usize = 2_000;

impl Store {
    /// Creates an event with the first row of its journal, or answers a retry. The event exists
    /// once all of it is written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event_create(
        &self,
        new: &NewEvent,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        if self.writes_seats_ahead(&new.definition) {
            return self.event_create_in_slices(new, key, now).await;
        }
        self.event_insert(new, key, now, Seats::WithTheEvent).await
    }

    pub(crate) async fn event_insert(
        &self,
        new: &NewEvent,
        key: Option<&Key>,
        now: TimestampMs,
        seats: Seats,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        let response = new.id.to_string();
        if let Some(before) = idempotency::claim(&transaction, key, &response, now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        insert_event(&transaction, new, now).await?;
        match seats {
            Seats::WithTheEvent => {
                insert_seat_rows(
                    &transaction,
                    seat_rows(new.id, &new.definition, &new.further).collect(),
                )
                .await?;
            }
            Seats::AreThere => {}
        }
        insert_first_row(&transaction, new, now).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Returns one event.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn event_get(&self, id: OfferingId) -> Result<Option<EventRow>, StoreError> {
        let Some(found) = event::Entity::find_by_id(id.0).one(self.reads()).await? else {
            return Ok(None);
        };
        let mut rows = self.with_products(vec![found]).await?;
        Ok(rows.pop())
    }

    /// Returns the names of those of `ids` that exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn event_names(
        &self,
        ids: &[OfferingId],
    ) -> Result<Vec<(OfferingId, String)>, StoreError> {
        let found: Vec<(Uuid, String)> = event::Entity::find()
            .select_only()
            .columns([event::Column::Id, event::Column::Name])
            .filter(event::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(|(id, name)| (OfferingId(id), name)).collect())
    }

    /// Returns the number of the last journal row of each of `ids` that exists.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn event_rows_until(
        &self,
        ids: &[OfferingId],
    ) -> Result<Vec<(OfferingId, Seq)>, StoreError> {
        let found: Vec<(Uuid, i64)> = head::Entity::find()
            .select_only()
            .columns([head::Column::OfferingId, head::Column::Seq])
            .filter(head::Column::OfferingId.is_in(ids.iter().map(|id| id.0)))
            .into_tuple()
            .all(self.reads())
            .await?;
        let seq = |seq| Seq(u64::try_from(seq).unwrap_or_default());
        Ok(found.into_iter().map(|(id, last)| (OfferingId(id), seq(last))).collect())
    }

    /// Returns events, newest first, after `cursor`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn event_list(
        &self,
        cursor: Option<OfferingId>,
        limit: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let mut query = event::Entity::find()
            .filter(event::Column::Kind.eq(kind_name(false)))
            .order_by_desc(event::Column::Id)
            .limit(limit);
        if let Some(cursor) = cursor {
            query = query.filter(event::Column::Id.lt(cursor.0));
        }
        let rows = query.all(self.reads()).await?;
        self.with_products(rows).await
    }

    pub(super) async fn with_products(
        &self,
        events: Vec<event::Model>,
    ) -> Result<Vec<EventRow>, StoreError> {
        let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
        let products = product::Entity::find()
            .filter(product::Column::OfferingId.is_in(ids))
            .order_by_asc(product::Column::ProductId)
            .all(self.reads())
            .await?;
        let mut by_event: HashMap<Uuid, Vec<ProductRow>> = HashMap::new();
        for row in products {
            by_event.entry(row.offering_id).or_default().push(product_row(row)?);
        }
        events
            .into_iter()
            .map(|event| {
                let products = by_event.remove(&event.id).unwrap_or_default();
                event_row(event, products)
            })
            .collect()
    }
}

async fn insert_event(
    transaction: &impl ConnectionTrait,
    new: &NewEvent,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let definition = &new.definition;
    let row = event::ActiveModel {
        id: Set(new.id.0),
        name: Set(new.details.name.clone()),
        description: Set(new.details.description.clone()),
        venue: Set(new.details.venue.clone()),
        event_date: Set(new.details.event_date),
        sale_start_at: Set(definition.sale.start),
        sale_end_at: Set(definition.sale.end),
        sale_state: Set(state_name(definition.sale_state).into()),
        currency: Set(String::from_utf8_lossy(&definition.currency).into_owned()),
        created_by: Set(new.created_by.0),
        created_at: Set(now),
        updated_at: Set(now),
        event_end_at: Set(new.terms.times.map(|times| times.ends_at)),
        cancellation: Set(Some(cancellation_text(new.terms.cancellation))),
        time_zone: Set(new.time_zone.clone()),
        on_payment_failure: Set(Some(new.terms.on_payment_failure.as_str().into())),
        kind: Set(kind_name(new.class.is_some()).into()),
    };
    event::Entity::insert(row).exec_without_returning(transaction).await?;
    if let Some(class) = &new.class {
        let EventDetails { name, description, venue, .. } = &new.details;
        insert_class(transaction, new.id, (name, description, venue), class).await?;
    }
    if let Some(plan) = &new.plan {
        insert_event_plan(transaction, new.id, plan).await?;
    }
    let totals = totals(definition, &new.further);
    let products = definition.products.iter().zip(&new.products).zip(totals).enumerate();
    let rows: Vec<_> = products
        .map(|(index, ((product, (name, description)), total))| product::ActiveModel {
            offering_id: Set(new.id.0),
            product_id: Set(i32::try_from(index).expect("products are counted by u16")),
            name: Set(name.clone()),
            description: Set(description.clone()),
            price: Set(product.price),
            total_stock: Set(total),
            max_per_customer: Set(product.max_per_customer.map(i64::from)),
            sale_start_at: Set(product.sale.start),
            sale_end_at: Set(product.sale.end),
            withdrawn_at: Set(None),
            created_at: Set(now),
            updated_at: Set(now),
        })
        .collect();
    for chunk in rows.chunks(CHUNK) {
        product::Entity::insert_many(chunk.to_vec()).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// Returns when the box office must first act on its own: when seats are kept no longer.
fn first_due(further: &[Change]) -> Option<TimestampMs> {
    let due = further.iter().filter_map(|change| match change {
        Change::SeatsKept { until, .. } => Some(*until),
        _ => None,
    });
    due.min()
}

/// Inserts the first row of a journal. The journal has no owner yet: the first box office takes it
/// over with epoch 1.
async fn insert_first_row(
    transaction: &impl ConnectionTrait,
    new: &NewEvent,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let nobody = InstanceId(Uuid::nil());
    let mut changes = vec![Change::Created { definition: new.definition.clone() }];
    changes.extend(new.further.iter().cloned());
    if let Some(class) = &new.class {
        changes.push(Change::ClassRulesSet { rules: class.rules });
    }
    let Terms { times, cancellation: policy, on_payment_failure: _ } = new.terms;
    if let Some(EventTimes { starts_at, ends_at }) = times {
        changes.push(Change::EventTimesSet { starts_at, ends_at });
    }
    if policy != CancellationPolicy::default() {
        changes.push(Change::CancellationPolicySet { policy });
    }
    changes.push(Change::ActedBy { admin: new.created_by });
    let record = Record::Batch(vec![Arc::new(Transition { idempotency: None, changes })]);
    let fields = RowFields {
        offering: new.id,
        epoch: Epoch(0),
        owner: nobody,
        batch_id: BatchId::random(),
        at: now,
    };
    let row = Row::new(&Head::EMPTY, fields, &record);
    let signed = |value: u64| i64::try_from(value).expect("the first seq and epoch are small");
    let head = head::ActiveModel {
        offering_id: Set(new.id.0),
        seq: Set(signed(row.seq.0)),
        epoch: Set(signed(row.epoch.0)),
        hash: Set(row.hash.to_vec()),
        owner: Set(nobody.0),
        owner_address: Set(String::new()),
        next_due_at: Set(first_due(&new.further)),
    };
    head::Entity::insert(head).exec_without_returning(transaction).await?;
    let row = journal::ActiveModel {
        offering_id: Set(new.id.0),
        seq: Set(signed(row.seq.0)),
        epoch: Set(signed(row.epoch.0)),
        owner: Set(row.owner.0),
        batch_id: Set(row.batch_id.0),
        at: Set(row.at),
        format: Set(i32::from(row.format)),
        hash: Set(row.hash.to_vec()),
        payload: Set(row.payload.to_vec()),
    };
    journal::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

fn event_row(row: event::Model, products: Vec<ProductRow>) -> Result<EventRow, StoreError> {
    let sale_state = parse_state(&row.sale_state)
        .ok_or_else(|| StoreError::Damaged(format!("the sale state of event {}", row.id)))?;
    Ok(EventRow {
        id: OfferingId(row.id),
        details: EventDetails {
            name: row.name,
            description: row.description,
            venue: row.venue,
            event_date: row.event_date,
        },
        currency: row.currency,
        sale: SaleWindow { start: row.sale_start_at, end: row.sale_end_at },
        sale_state,
        products,
        event_end: row.event_end_at,
        cancellation: match row.cancellation {
            None => CancellationPolicy::default(),
            Some(text) => serde_json::from_str(&text).map_err(|_| {
                StoreError::Damaged(format!("the cancellation policy of event {}", row.id))
            })?,
        },
        on_payment_failure: match row.on_payment_failure {
            None => OnPaymentFailure::default(),
            Some(text) => OnPaymentFailure::parse(&text).ok_or_else(|| {
                StoreError::Damaged(format!("the policy for failed payments of event {}", row.id))
            })?,
        },
        time_zone: row.time_zone,
        is_class: row.kind == kind_name(true),
        created_by: UserId(row.created_by),
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn product_row(row: product::Model) -> Result<ProductRow, StoreError> {
    let id = u16::try_from(row.product_id)
        .map_err(|_| StoreError::Damaged(format!("a product id of event {}", row.offering_id)))?;
    Ok(ProductRow {
        id: ProductId(id),
        name: row.name,
        description: row.description,
        price: row.price,
        total_stock: row.total_stock,
        max_per_customer: row.max_per_customer,
        sale: SaleWindow { start: row.sale_start_at, end: row.sale_end_at },
        withdrawn_at: row.withdrawn_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
