//! Reservations, derived from the journal.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reservations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub offering_id: Uuid,
    pub user_id: Uuid,
    pub hold_id: Uuid,
    pub status: String,
    pub total_price: i64,
    pub lines: String,
    pub pay_by: i64,
    pub payment_id: Option<Uuid>,
    pub created_at: i64,
    pub updated_at: i64,
    pub refund_amount: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
