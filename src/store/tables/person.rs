//! Names and addresses of people, with an account or as guests, for the lists that administrators
//! read: names and addresses by id, and ids by a part of either.

use std::collections::{HashMap, HashSet};

use entities::{grant, guest, user};
use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, IntoColumnRef, LikeExpr, Query, SelectStatement, SimpleExpr, UnionType,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::tables::grant::GrantRole;
use crate::store::tables::user_row::{Role, address, user_row};
use crate::store::{Store, StoreError, UserRow, older};

/// The most people that a condition names one by one.
const FEW: u64 = 1_000;

/// A person with an account that is not closed, or a guest who has left an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `None` for guests.
    pub name: Option<String>,
    /// Empty for an account without an address.
    pub email: String,
    /// The tag of the language; `None` where it is not known.
    pub language: Option<String>,
}

impl Person {
    /// Returns the address, if there is one.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        Some(&*self.email).filter(|email| !email.is_empty())
    }
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
            (UserId(id), Person { name: Some(name), email: address(email), language })
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
            let admins = Query::select()
                .column(grant::Column::UserId)
                .from(grant::Entity)
                .and_where(grant::Column::Role.eq(GrantRole::Admin.as_str()))
                .to_owned();
            query = query.filter(match role {
                Role::Admin => Column::Id.in_subquery(admins),
                Role::User => Column::Id.not_in_subquery(admins),
            });
        }
        if let Some((at, id)) = after {
            query = query.filter(older((Column::CreatedAt, at), (Column::Id, id.0)));
        }
        query.all(self.reads()).await?.into_iter().map(user_row).collect()
    }
}

impl Store {
    /// Returns the condition that `column` names a person whose name or address contains `text`. Few
    /// people are looked up first and named one by one; many are found again soon in every list, so
    /// that its rows are tried in their order.
    pub(crate) async fn person_is_like(
        &self,
        column: impl IntoColumnRef,
        text: &str,
    ) -> Result<SimpleExpr, StoreError> {
        let of = Expr::col(column);
        let mut ids = ids_like(text);
        let few = self.backend().build(ids.limit(FEW + 1));
        let rows = self.reads().query_all_raw(few).await?;
        let found: Vec<Uuid> =
            rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, DbErr>>()?;
        if found.len() as u64 <= FEW {
            return Ok(of.is_in(found));
        }
        let is_user = Query::select()
            .expr(Expr::value(1))
            .from(user::Entity)
            .and_where(Expr::col((user::Entity, user::Column::Id)).eq(of.clone()))
            .and_where(is_like(text))
            .to_owned();
        let is_guest = Query::select()
            .expr(Expr::value(1))
            .from(guest::Entity)
            .and_where(Expr::col((guest::Entity, guest::Column::UserId)).eq(of))
            .and_where(is_like_guest(text))
            .to_owned();
        Ok(Expr::exists(is_user).or(Expr::exists(is_guest)))
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
    contains((user::Entity, Alias::new("search")), text)
}

/// The condition that the address of a guest contains `text`.
fn is_like_guest(text: &str) -> SimpleExpr {
    contains((guest::Entity, guest::Column::Email), text)
}

/// The condition that a column of lower-case text contains `text`. Databases may lower ASCII letters
/// only: other letters are found as they were written, too.
fn contains(column: impl IntoColumnRef, text: &str) -> SimpleExpr {
    let column = Expr::col(column);
    let has = |text: &str| column.clone().like(LikeExpr::new(pattern(text)).escape('\\'));
    let (lower, as_written) = (text.to_lowercase(), text.to_ascii_lowercase());
    match lower == as_written {
        true => has(&lower),
        false => has(&lower).or(has(&as_written)),
    }
}

/// Returns the pattern of texts that contain `text`.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
