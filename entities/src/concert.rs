//! What fans see of an event beside its sale.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "concerts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub offering_id: Uuid,
    pub category: String,
    pub series_id: Option<Uuid>,
    pub ticket_open_at: Option<i64>,
    pub poster_id: Option<Uuid>,
    pub image_ids: String,
    pub ticket_links: String,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
