//! Why the database did not do as asked.

use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// Why a database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, or the connection broke.
    #[error("the database cannot be reached")]
    Unavailable(#[source] DbErr),
    /// The database refused a value.
    #[error("the database refused a value")]
    BadData(#[source] DbErr),
    /// A unique value is taken.
    #[error("{0} is taken")]
    Conflict(&'static str),
    /// The idempotency key was used before with another request.
    #[error("the idempotency key was used before for a different request")]
    KeyReused,
    /// A row that should be readable is not.
    #[error("a stored value is damaged: {0}")]
    Damaged(String),
    /// The schema has steps that this version does not know.
    #[error(
        "the database has a newer schema than this version knows (step {step}): \
         run the version that made it, or a later one"
    )]
    NewerSchema {
        /// The first unknown step.
        step: String,
    },
    /// The object that the operation is for no longer exists.
    #[error("{0} is closed")]
    Gone(&'static str),
    /// This process must not use the database: another process uses it, or its URL names nothing
    /// that lasts. The text says how to fix that.
    #[error("{0}")]
    Locked(String),
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match sqlstate(&error).as_deref().map(|code| &code[..code.len().min(2)]) {
            Some("22" | "23") => Self::BadData(error),
            _ => Self::Unavailable(error),
        }
    }
}

/// Returns the error code of the database server, if the server itself refused the statement.
pub(crate) fn sqlstate(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(source))
        | DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source)) => match source.as_ref() {
            SqlxError::Database(error) => {
                // SQLite's codes are numbers: 19 is a constraint violation, 20 a type mismatch.
                let code = error.code()?.into_owned();
                let primary = code.parse::<u32>().ok().filter(|_| code.len() < 5);
                Some(match primary.map(|code| code & 0xff) {
                    Some(19) => "23000".into(),
                    Some(20) => "22000".into(),
                    Some(_) | None => code,
                })
            }
            _ => None,
        },
        _ => None,
    }
}

pub(crate) fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_)))
}
