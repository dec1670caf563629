//! Money to give back for a payment, with the status of each.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refunds")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub payment_id: Uuid,
    pub reservation_id: Uuid,
    pub offering_id: Uuid,
    pub amount: i64,
    pub currency: String,
    pub reason: String,
    pub note: Option<String>,
    pub state: String,
    pub attempts: i32,
    pub retries: i32,
    pub next_try_at: Option<i64>,
    pub error: Option<String>,
    pub requested_by: Option<Uuid>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
