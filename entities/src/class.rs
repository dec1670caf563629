//! A class, beside its rows in `events` and `products`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "classes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub visibility: String,
    pub is_online: i32,
    pub waitlist_capacity: i64,
    pub selection_type: String,
    pub promotion: String,
    pub allow_reapply: i32,
    pub pay_window_ms: i64,
    pub offer_ttl_ms: i64,
    pub search: String,
    pub deleted_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The row with title, times and terms.
    #[sea_orm(
        belongs_to = "super::event::Entity",
        from = "Column::Id",
        to = "super::event::Column::Id"
    )]
    Event,
}

impl Related<super::event::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Event.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
