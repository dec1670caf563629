//! The data shown of an event; the state of its sale is in its journal.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub description: String,
    pub venue: String,
    pub event_date: i64,
    pub sale_start_at: Option<i64>,
    pub sale_end_at: Option<i64>,
    pub sale_state: String,
    pub currency: String,
    pub created_by: Uuid,
    pub created_at: i64,
    pub updated_at: i64,
    pub event_end_at: Option<i64>,
    /// JSON.
    pub cancellation: Option<String>,
    pub time_zone: Option<String>,
    pub on_payment_failure: Option<String>,
    /// `EVENT` or `CLASS`.
    pub kind: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
