//! Resolves a SQLite URL to its file. One file has many names (escapes, links, `..`), and the code
//! that locks it and the code that opens it have to mean the same file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions};

use super::StoreError;

/// Most links followed, as on Linux.
const MAX_LINKS: usize = 40;

/// Returns the options that the driver reads from a URL, with the real path of the file, which need
/// not exist yet.
///
/// # Errors
/// [`StoreError::Locked`], with advice, when the URL names no file that could be kept.
pub(super) fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    let named: SqliteConnectOptions = url.parse().map_err(|error: sqlx::Error| {
        unusable(&format!("is not a URL of a SQLite database ({error}): write sqlite://path"))
    })?;
    // The driver has no getters for these. A file name that is not valid in a URL would panic here.
    let parameters = named.clone().filename("/").to_url_lossy();
    let has = |name: &str, value: Option<&str>| {
        let mut pairs = parameters.query_pairs();
        pairs.any(|(key, found)| key == name && value.is_none_or(|value| found == value))
    };
    if has("mode", Some("memory")) || named.get_filename() == Path::new(":memory:") {
        return Err(unusable(
            "names a database in memory, which would forget what it has promised: name a file, such \
             as sqlite:///var/lib/admitone/admitone.db",
        ));
    }
    if named.get_filename().as_os_str().is_empty() {
        return Err(unusable(
            "names no file: name one, such as sqlite:///var/lib/admitone/admitone.db",
        ));
    }
    if has("vfs", None) {
        return Err(unusable("names a vfs, which may keep or lock nothing: leave it out"));
    }
    let path = real_path(named.get_filename()).map_err(|error| {
        let shown = named.get_filename().display();
        let directory = named.get_filename().parent().unwrap_or(Path::new("."));
        let reason = if error.kind() == io::ErrorKind::NotFound && !directory.exists() {
            format!("there is no directory {}: make it", directory.display())
        } else {
            format!("{error}: make it usable")
        };
        let advice = "or set DATABASE_URL or ADMITONE_DATA_DIR to another place";
        StoreError::Locked(format!("cannot open the database {shown}: {reason}, {advice}"))
    })?;
    // SQLite would not read an absolute path as a `file:` URI with options of its own, either.
    Ok(named.filename(path))
}

/// Returns the file that a SQLite URL means, as its only absolute path without links.
///
/// # Errors
/// As for [`sqlite_options`].
pub(crate) fn sqlite_file(url: &str) -> Result<PathBuf, StoreError> {
    Ok(sqlite_options(url)?.get_filename().to_owned())
}

fn unusable(reason: &str) -> StoreError {
    StoreError::Locked(format!("DATABASE_URL {reason}"))
}

fn real_path(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        // The path does not exist yet, or is a link to a path that does not: SQLite would create
        // that.
        let Some(name) = path.file_name() else { return Err(io::ErrorKind::NotFound.into()) };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = fs::canonicalize(parent.unwrap_or(Path::new(".")))?;
        path = parent.join(name);
        match fs::read_link(&path) {
            Ok(target) => path = parent.join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        match sqlite_file(url) {
            Err(StoreError::Locked(reason)) => reason,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    #[cfg(unix)]
    fn every_name_of_a_file_means_that_file() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        let shown = root.display().to_string();
        fs::create_dir(root.join("real")).unwrap();
        symlink("real", root.join("directory")).unwrap();
        symlink("real/a.db", root.join("link.db")).unwrap();
        symlink(root.join("link.db"), root.join("link to link.db")).unwrap();
        let names = [
            format!("sqlite://{shown}/real/a.db"),
            format!("sqlite:{shown}/real/a.db?mode=rwc"),
            format!("sqlite:///{shown}/real/a.db"),
            format!("sqlite://{shown}/real/%61%2Edb"),
            format!("sqlite://{shown}/real/../directory//./a.db"),
            format!("sqlite://{shown}/link.db"),
            format!("sqlite://{shown}/link%20to link.db?cache=private"),
        ];
        for there_already in [false, true] {
            if there_already {
                fs::write(root.join("real/a.db"), "").unwrap();
            }
            for url in &names {
                assert_eq!(sqlite_file(url).unwrap(), root.join("real/a.db"), "{url}");
            }
        }
        let relative = sqlite_file("sqlite://a.db").unwrap();
        assert_eq!(relative, fs::canonicalize(".").unwrap().join("a.db"));
        let odd = sqlite_file(&format!("sqlite://{shown}/a:b%3F%25.db")).unwrap();
        assert_eq!(odd, root.join("a:b?%.db"));
    }

    #[test]
    fn what_would_not_last_is_refused() {
        for url in [
            "sqlite::memory:",
            "sqlite://%3Amemory%3A",
            "sqlite:///tmp/a.db?mode=memory",
            "sqlite:///tmp/a.db?cache=shared&m%6Fde=memor%79",
            "sqlite:?mode=memory",
        ] {
            let reason = refusal(url);
            assert!(reason.contains("in memory") && reason.contains("name a file"), "{reason}");
        }
        for url in ["sqlite:", "sqlite://", "sqlite:?mode=rwc"] {
            assert!(refusal(url).contains("names no file"), "{}", refusal(url));
        }
        assert!(refusal("sqlite:///tmp/a.db?vfs=memdb").contains("vfs"));
        let unknown = refusal("sqlite:///tmp/a.db?mode=nonsense");
        assert!(unknown.contains("`mode`") && unknown.contains("sqlite://path"), "{unknown}");
        // SQLite would read this as a URI with options; this code, and so SQLite, takes it as a
        // file with an odd name.
        let odd = sqlite_file("sqlite:file:a.db%3Fmode=memory").unwrap();
        assert!(odd.is_absolute() && odd.ends_with("file:a.db?mode=memory"), "{}", odd.display());
    }

    #[test]
    fn a_missing_directory_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        let reason = refusal(&format!("sqlite://{}/a.db", missing.display()));
        let says = format!("there is no directory {}: make it", missing.display());
        assert!(reason.contains(&says), "{reason}");
    }

    #[test]
    #[cfg(unix)]
    fn links_in_a_circle_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("circle.db");
        std::os::unix::fs::symlink(&link, &link).unwrap();
        assert!(refusal(&format!("sqlite://{}", link.display())).contains("cannot open"));
    }
}
