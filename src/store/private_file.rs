//! Files that only their owner may read: what is kept in them is names, addresses, hashes and secrets.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Opens a file to be written from its beginning, made if it is missing.
///
/// # Errors
/// What the operating system says.
pub fn create(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)
}

/// Makes an empty file where there is none. Whoever opens it later keeps its mode, and SQLite gives the
/// same to the files beside it.
///
/// # Errors
/// What the operating system says.
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

/// Those of `paths` that others than their owner may read or write, with their modes.
#[must_use]
pub fn exposed(paths: impl IntoIterator<Item = PathBuf>) -> Vec<(PathBuf, u32)> {
    let open = paths.into_iter().filter_map(|path| mode_of(&path).map(|mode| (path, mode)));
    open.collect()
}

/// The mode of what is there and open to others.
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
