//! Why an archive could not be written or read.

use std::io;
use std::path::PathBuf;

use crate::journal::LoadError;

/// Why a journal was not archived, or not as far as it could be.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The journal cannot be read, or is damaged: nothing of it is deleted.
    #[error(transparent)]
    Journal(#[from] LoadError),
    /// A file cannot be written or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file does not hold the rows it should; it is left as it is.
    #[error("{}: {reason}", path.display())]
    Unfit {
        /// The path of the file.
        path: PathBuf,
        /// The defect of the file.
        reason: String,
    },
}
