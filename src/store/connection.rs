//! Settings of connections to Postgres that all pools share.

use std::time::Duration;

use sea_orm::sqlx;

/// Longest wait for a connection from the pool, or for a new one.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection that was idle for longer is pinged before it is used: a server restart in the
/// meantime must not turn the outcome of an append into an unknown one.
pub(crate) const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// Turns `synchronous_commit` on where the server's default is weaker, so that every answered write
/// is on disk. A stricter setting, which waits for replicas, stays.
pub(crate) async fn make_durable(connection: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
    let sql = "SELECT set_config('synchronous_commit', 'on', false)
               WHERE current_setting('synchronous_commit') IN ('off', 'local')";
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}
