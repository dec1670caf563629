//! Files that only their owner may read: they hold names, addresses, hashes and secrets.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Opens a file for writing from its beginning, and creates the file if it is missing.
///
/// # Errors
/// The error of the operating system.
pub fn create(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)
}

/// Creates an empty file if there is none. A later open keeps the file's mode, and SQLite gives the
/// same mode to the files beside it.
///
/// # Errors
/// The error of the operating system.
pub(super) fn make_if_missing(path: &Path) -> io::Result<()> {
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Returns those of `paths` that other users than their owner may read or write, with their modes.
#[must_use]
pub fn exposed(paths: impl IntoIterator<Item = PathBuf>) -> Vec<(PathBuf, u32)> {
    let open = paths.into_iter().filter_map(|path| mode_of(&path).map(|mode| (path, mode)));
    open.collect()
}

/// Returns the mode of a file that exists and is open to other users.
#[cfg(unix)]
fn mode_of(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> Option<u32> {
    None
}
