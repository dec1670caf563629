//! Tickets of confirmed reservations, derived from the journal.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tickets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub offering_id: Uuid,
    pub reservation_id: Uuid,
    pub ticket_index: i32,
    pub user_id: Uuid,
    pub product_id: i32,
    pub seat_id: Option<i64>,
    pub status: String,
    pub checked_in_at: Option<i64>,
    pub created_at: i64,
    pub gate: Option<String>,
    pub checked_in_by: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
