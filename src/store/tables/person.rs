//! Names and addresses of people, with an account or as guests, for the lists that administrators
//! read: names and addresses by id, and ids by a part of either.

use std::collections::{HashMap, HashSet};

use entities::{guest, user};
use sea_orm::sea_query::{
    Expr, ExprTrait, Func, IntoColumnRef, LikeExpr, Query, SelectStatement, SimpleExpr, UnionType,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::tables::user::{Role, user_row};
use crate::store::{Store, StoreError, UserRow, older};

/// A person with an account that is not closed, or a guest who has left an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Person {
    /// `None` for guests.
    pub name: Option<String>,
    pub email: String,
    /// The tag of the language; `None` where it is not known.
    pub language: Option<String>,
}

impl Store {
    /// Returns those of `ids` whose accounts exist and are not closed, or that are guests with an
    /// address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn people(
        &self,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<HashMap<UserId, Person>, StoreError> {
        let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
        let guests: Vec<(Uuid, String, Option<String>)> = guest::Entity::find()
            .select_only()
            .columns([guest::Column::UserId, guest::Column::Email, guest::Column::Language])
            .filter(guest::Column::UserId.is_in(ids.iter().copied()))
            .into_tuple()
            .all(self.reads())
            .await?;
        let guests = guests
            .into_iter()
            .map(|(id, email, language)| (UserId(id), Person { name: None, email, language }));
        let mut people: HashMap<_, _> = guests.collect();
        let rows: Vec<(Uuid, String, String, Option<String>)> = user::Entity::find()
            .select_only()
            .columns([
                user::Column::Id,
                user::Column::Name,
                user::Column::Email,
                user::Column::Language,
            ])
            .filter(user::Column::Id.is_in(ids))
            // The row of a closed account has no password.
            .filter(user::Column::PasswordHash.ne(""))
            .into_tuple()
            .all(self.reads())
            .await?;
        let named = |(id, name, email, language)| {
            (UserId(id), Person { name: Some(name), email, language })
        };
        people.extend(rows.into_iter().map(named));
        Ok(people)
    }

    /// Returns the telephone numbers of those of `ids` who have left one, and whose accounts are not
    /// closed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn people_phones(
        &self,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<HashMap<UserId, String>, StoreError> {
        let rows: Vec<(Uuid, Option<String>)> = user::Entity::find()
            .select_only()
            .columns([user::Column::Id, user::Column::PhoneNumber])
            .filter(user::Column::Id.is_in(ids.into_iter().map(|id| id.0)))
            .filter(user::Column::PasswordHash.ne(""))
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(rows.into_iter().filter_map(|(id, phone)| Some((UserId(id), phone?))).collect())
    }

    /// Returns those of `ids` whose name or address contains `text`, in upper or lower case.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn people_like(
        &self,
        ids: impl IntoIterator<Item = UserId>,
        text: &str,
    ) -> Result<HashSet<UserId>, StoreError> {
        let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
        let mut rows: Vec<Uuid> = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::Id.is_in(ids.iter().copied()))
            .filter(is_like(text))
            .into_tuple()
            .all(self.reads())
            .await?;
        let guests: Vec<Uuid> = guest::Entity::find()
            .select_only()
            .column(guest::Column::UserId)
            .filter(guest::Column::UserId.is_in(ids))
            .filter(is_like_guest(text))
            .into_tuple()
            .all(self.reads())
            .await?;
        rows.extend(guests);
        Ok(rows.into_iter().map(UserId).collect())
    }
}

impl Store {
    /// Stores the tag of the language of an account, or of a guest who has left an address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn person_language_put(
        &self,
        id: UserId,
        language: &'static str,
    ) -> Result<(), StoreError> {
        user::Entity::update_many()
            .col_expr(user::Column::Language, Expr::value(language))
            .filter(user::Column::Id.eq(id.0))
            .filter(user::Column::PasswordHash.ne(""))
            .exec(self.writes())
            .await?;
        guest::Entity::update_many()
            .col_expr(guest::Column::Language, Expr::value(language))
            .filter(guest::Column::UserId.eq(id.0))
            .exec(self.writes())
            .await?;
        Ok(())
    }
}

impl Store {
    /// Returns accounts that are not closed and whose name or address contains `text`, newest first,
    /// after the one with that time and id; at most `limit`. An empty text finds all; a role finds
    /// those who have it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user_search(
        &self,
        text: &str,
        role: Option<Role>,
        after: Option<(TimestampMs, UserId)>,
        limit: u64,
    ) -> Result<Vec<UserRow>, StoreError> {
        use user::Column;
        let mut query = user::Entity::find()
            .filter(Column::PasswordHash.ne(""))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if !text.is_empty() {
            query = query.filter(is_like(text));
        }
        if let Some(role) = role {
            query = query.filter(Column::Role.eq(role.as_str()));
        }
        if let Some((at, id)) = after {
            query = query.filter(older((Column::CreatedAt, at), (Column::Id, id.0)));
        }
        query.all(self.reads()).await?.into_iter().map(user_row).collect()
    }
}

/// Selects the ids of people whose name or address contains `text`.
pub(crate) fn ids_like(text: &str) -> SelectStatement {
    let guests = Query::select()
        .column(guest::Column::UserId)
        .from(guest::Entity)
        .and_where(is_like_guest(text))
        .to_owned();
    Query::select()
        .column(user::Column::Id)
        .from(user::Entity)
        .and_where(is_like(text))
        .union(UnionType::All, guests)
        .to_owned()
}

/// The condition that the name or address of an account contains `text`.
fn is_like(text: &str) -> SimpleExpr {
    let has = |column| contains((user::Entity, column), text);
    has(user::Column::Name).or(has(user::Column::Email))
}

/// The condition that the address of a guest contains `text`.
fn is_like_guest(text: &str) -> SimpleExpr {
    contains((guest::Entity, guest::Column::Email), text)
}

/// The condition that a column contains `text`. SQLite folds the case of ASCII only: it
/// finds other letters as they were written.
fn contains(column: impl IntoColumnRef, text: &str) -> SimpleExpr {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    let column = Expr::col(column);
    let folded = Expr::expr(Func::lower(column.clone()));
    let folded = folded.like(LikeExpr::new(pattern.to_lowercase()).escape('\\'));
    folded.or(column.like(LikeExpr::new(&pattern).escape('\\')))
}
