//! The mark of closed accounts.

use entities::user;
use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect};

use crate::ids::UserId;
use crate::store::StoreError;

/// The end of the placeholder address of every closed account.
pub(crate) const FORGOTTEN: &str = "@deleted.invalid";

pub(crate) fn forgotten(id: UserId) -> String {
    format!("{id}{FORGOTTEN}")
}

/// True if the account is closed; its row is locked as by [`lock`]. False for an account that never
/// existed.
pub(crate) async fn lock_closed(
    transaction: &impl ConnectionTrait,
    id: UserId,
) -> Result<bool, StoreError> {
    let found = user::Entity::find_by_id(id.0).lock_exclusive().one(transaction).await?;
    Ok(found.is_some_and(|row| row.email == forgotten(id)))
}
