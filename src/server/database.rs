//! The database of a server, and the lock that keeps other processes from it.

use super::{StartError, data_dir};
use crate::config::Config;
use crate::ids::InstanceId;
use crate::store::{InstanceLock, Options, Store};

/// Opens the database of a server that starts, and brings its schema up to date.
pub(super) async fn open(
    config: Config,
    incarnation: InstanceId,
) -> Result<(InstanceLock, Store), StartError> {
    let (lock, store) = match config.is_cluster() {
        true => {
            data_dir::make(&config)?;
            let url = config.database();
            let lock = InstanceLock::of_postgres_shared(url.expose(), incarnation).await?;
            (lock, connect(&config).await?)
        }
        false => connect_alone(&config).await?,
    };
    store.migrate().await?;
    let seats = store.seats_without_event_delete().await?;
    if seats > 0 {
        tracing::info!(seats, "deleted the seats of an event that was not made to the end");
    }
    Ok((lock, store))
}

/// Connects and keeps every other process from doing the same for as long as the lock lives.
///
/// # Errors
/// [`StartError`].
pub async fn connect_alone(config: &Config) -> Result<(InstanceLock, Store), StartError> {
    data_dir::make(config)?;
    let url = config.database();
    let lock = if config.is_postgres() {
        InstanceLock::of_postgres(url.expose()).await?
    } else {
        InstanceLock::of_sqlite(url.expose())?
    };
    Ok((lock, connect(config).await?))
}

/// Connects as configured, without changing the schema.
///
/// # Errors
/// [`StartError`].
pub async fn connect(config: &Config) -> Result<Store, StartError> {
    let options = Options {
        pool_size: config.database_pool,
        append_threads: config.box_office_threads,
        append_timeout: config.append_timeout,
        ..Options::new(config.database().expose())
    };
    Ok(Store::connect(&options).await?)
}
