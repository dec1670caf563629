//! The last row that is in files, of each journal whose first rows are archived.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "archives")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub offering_id: Uuid,
    pub seq: i64,
    pub epoch: i64,
    pub at: i64,
    pub hash: Vec<u8>,
    pub tally: String,
    pub directory: String,
    pub archived_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
