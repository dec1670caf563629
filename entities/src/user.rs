//! People with an account.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub email: String,
    pub password_hash: String,
    pub name: String,
    pub phone_number: Option<String>,
    pub role: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub token_version: i64,
    pub revocation: Option<i64>,
    pub revoked_at: Option<i64>,
    pub language: Option<String>,
    pub email_confirmed_at: Option<i64>,
    pub default_payment_method: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
