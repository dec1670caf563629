//! Attempts to pay, with the status of each.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub reservation_id: Uuid,
    pub offering_id: Uuid,
    pub user_id: Uuid,
    pub method: String,
    pub state: String,
    pub amount: i64,
    pub currency: String,
    pub attempts: i32,
    pub next_try_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub refund_amount: Option<i64>,
    pub refunded: i64,
    pub gateway_ref: Option<String>,
    pub decline_reason: Option<String>,
    pub problem: Option<String>,
    pub redirect_url: Option<String>,
    pub return_url: Option<String>,
    pub gateway_options: Option<String>,
    pub deadline: Option<i64>,
    pub captured_at: Option<i64>,
    pub unwatched: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
