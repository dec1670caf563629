//! The e-mail address of a customer without an account.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "guests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    pub email: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub language: Option<String>,
    pub email_confirmed_at: Option<i64>,
    /// Grows with each code that ends the one before.
    pub code_version: i64,
    /// True while the code of places that were given away was not used.
    pub is_unclaimed_gift: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
