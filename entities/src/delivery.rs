//! Messages on their way to one destination.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub message_id: String,
    pub destination: String,
    pub kind: String,
    pub offering_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    pub body: String,
    pub lane: i16,
    pub state: String,
    pub attempts: i32,
    pub next_try_at: i64,
    pub error: Option<String>,
    pub processed_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
