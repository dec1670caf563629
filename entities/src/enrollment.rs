//! Applications for classes, derived from the journal.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "enrollments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub class_id: Uuid,
    pub user_id: Uuid,
    pub status: String,
    pub version: i64,
    pub answers_id: Option<Uuid>,
    pub reason_id: Option<Uuid>,
    pub reason_type: Option<String>,
    pub cause: Option<String>,
    pub line_rank: Option<i64>,
    pub offer_expires_at: Option<i64>,
    pub promoted_at: Option<i64>,
    pub attendance: Option<String>,
    pub applied_at: i64,
    pub decided_at: Option<i64>,
    pub decided_by: Option<Uuid>,
    pub canceled_at: Option<i64>,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
