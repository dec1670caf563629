//! Idempotency of the requests that no box office decides. The key is claimed in the transaction of
//! the effect, so that both are stored or neither.

use entities::idempotency_key;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// The identity of such a request across retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The account that sends the request; nil for a client without an account.
    pub principal: UserId,
    /// The kind of request.
    pub operation: &'static str,
    /// Hash of the client's key.
    pub key_hash: [u8; 16],
    /// Hash of the parsed request.
    pub fingerprint: [u8; 16],
}

/// An answer, and whether it was given before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered<T> {
    /// The effect is new.
    Now(T),
    /// The effect happened before; holds the response that was stored for it.
    Before(String),
}

/// Claims the key for `response`. Returns the response that an earlier claim stored, if there was
/// one. Waits for a transaction that is claiming the same key.
pub(crate) async fn claim(
    transaction: &impl ConnectionTrait,
    key: Option<&Key>,
    response: &str,
    now: TimestampMs,
) -> Result<Option<String>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let row = idempotency_key::ActiveModel {
        principal: Set(key.principal.0),
        operation: Set(key.operation.into()),
        key_hash: Set(key.key_hash.to_vec()),
        fingerprint: Set(key.fingerprint.to_vec()),
        response: Set(response.into()),
        created_at: Set(now),
    };
    let claimed = idempotency_key::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    if claimed > 0 {
        return Ok(None);
    }
    match earlier(transaction, key).await? {
        Some(response) => Ok(Some(response)),
        None => Err(StoreError::Damaged("an idempotency key vanished".into())),
    }
}

/// Returns the response that an earlier claim of the key stored, if there was one.
pub(crate) async fn earlier(
    connection: &impl ConnectionTrait,
    key: &Key,
) -> Result<Option<String>, StoreError> {
    let id = (key.principal.0, key.operation.to_owned(), key.key_hash.to_vec());
    match idempotency_key::Entity::find_by_id(id).one(connection).await? {
        Some(kept) if kept.fingerprint == key.fingerprint => Ok(Some(kept.response)),
        Some(_) => Err(StoreError::KeyReused),
        None => Ok(None),
    }
}

impl Store {
    /// Refuses a key that was claimed for another request. Meant for operations that take effect
    /// before they claim the key.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`].
    pub async fn idempotency_check(&self, key: Option<&Key>) -> Result<(), StoreError> {
        let Some(key) = key else { return Ok(()) };
        earlier(self.reads(), key).await.map(|_| ())
    }

    /// Returns the response that was stored for a key. Meant for operations that would refuse a
    /// retry for what the first request changed.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`].
    pub async fn idempotency_response(
        &self,
        key: Option<&Key>,
    ) -> Result<Option<String>, StoreError> {
        let Some(key) = key else { return Ok(None) };
        earlier(self.reads(), key).await
    }
}
