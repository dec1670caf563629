//! Articles of fans, as Markdown and as the HTML that it became.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "articles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub author_id: Option<Uuid>,
    pub title: String,
    pub content: String,
    pub html: String,
    pub renderer: i32,
    pub excerpt: String,
    pub category: String,
    pub tags: String,
    pub concert_id: Option<Uuid>,
    pub image_ids: String,
    pub is_published: i32,
    pub published_at: Option<i64>,
    pub views: i64,
    pub likes: i64,
    pub comments: i64,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
