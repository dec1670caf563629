//! Why a server does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::store::StoreError;

/// Why the server did not start: one line that states the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is in use, or does not belong to this machine.
    #[error("cannot listen on {address}: {reason}: free it, or set {key} to another address")]
    Listen {
        /// The setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// The reason given by the operating system.
        reason: String,
    },
    /// A setting of the pages names a file that cannot be used.
    #[error("{0}")]
    Pages(String),
    /// A setting of mails cannot be used.
    #[error("{0}")]
    Mail(String),
    /// The data directory cannot be used.
    #[error(
        "cannot use the data directory {}: {reason}: make it writable, or set ADMITONE_DATA_DIR to \
         another directory", path.display()
    )]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// The reason given by the operating system.
        reason: String,
    },
    /// The secret in the data directory cannot be used.
    #[error("cannot use {}: {reason}, or remove the file to have a new secret made, with which \
             tokens and ticket codes given out before are worthless", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// The fault of the file and its remedy.
        reason: String,
    },
    /// The database does not answer.
    #[error("cannot reach the database: {0}: start it, or correct DATABASE_URL")]
    Database(String),
    /// The database answers and cannot be used: a newer schema, another process.
    #[error("{0}")]
    Store(StoreError),
    /// The instance cannot join the cluster: Redis failed, or the name is taken.
    #[error("cannot join the cluster: {0}")]
    Cluster(String),
    /// The machine lacks a resource: threads, memory.
    #[error("cannot start: {0}")]
    Machine(String),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Database(cause.to_string()),
            StoreError::BadData(_)
            | StoreError::Conflict(_)
            | StoreError::KeyReused
            | StoreError::Damaged(_)
            | StoreError::Gone(_)
            | StoreError::NewerSchema { .. }
            | StoreError::Locked(_) => Self::Store(error),
        }
    }
}
