//! Files that a server without settings keeps on the disk: the database and the secret that was
//! generated for it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StartError;
use crate::config::{Config, Secret, check_secret};
use crate::store::private_file;

const SECRET_FILE: &str = "jwt_secret";

/// Makes the data directory if the configuration needs one.
pub(super) fn make(config: &Config) -> Result<(), StartError> {
    if config.is_postgres() {
        // The configuration has made sure that there is a secret: nothing is kept here.
        return Ok(());
    }
    let directory = &config.data_dir;
    make_private(directory)
        .and_then(|()| check_writable(directory))
        .map_err(|error| unusable(directory, &error))
}

/// Makes the data directory and fills in the secret if none is set.
pub(super) fn prepare(config: &mut Config) -> Result<(), StartError> {
    make(config)?;
    if !config.is_postgres() {
        warn_of_exposed(&config.data_dir);
    }
    if config.jwt_secret.is_empty() {
        let path = config.data_dir.join(SECRET_FILE);
        config.jwt_secret = match kept_secret(&path)? {
            Some(secret) => secret,
            None => new_secret(&path).map_err(|error| unusable(&config.data_dir, &error))?,
        };
    }
    Ok(())
}

fn unusable(directory: &Path, error: &io::Error) -> StartError {
    StartError::DataDir { path: directory.to_owned(), reason: error.to_string() }
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Warns of files that other users can read. Files made here are private to their owner; the modes of
/// older files are not changed.
fn warn_of_exposed(directory: &Path) {
    // Users who may list the directory learn the names of files and no more.
    let inside = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let exposed = private_file::exposed(inside);
    if exposed.is_empty() {
        return;
    }
    let shown = |(path, mode): &(PathBuf, u32)| format!("{} ({mode:o})", path.display());
    let shown = exposed.iter().map(shown).collect::<Vec<_>>().join(", ");
    tracing::warn!(
        "others on this machine can read names, password hashes and secrets in {shown}: run \
         `chmod -R go= {}`",
        directory.display()
    );
}

/// Fails now, with a clear message, where SQLite would only report "unable to open".
fn check_writable(directory: &Path) -> io::Result<()> {
    let probe = directory.join(format!(".probe-{:016x}", rand::random::<u64>()));
    private_file::create(&probe)?;
    fs::remove_file(&probe)
}

/// Returns the secret in the file, if there is a file. A damaged one is an error, and is not replaced
/// silently.
fn kept_secret(path: &Path) -> Result<Option<Secret>, StartError> {
    let wrong = |reason| StartError::Secret { path: path.to_owned(), reason };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(format!("{error}: make it readable"))),
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        wrong("it is damaged, since it is not text in UTF-8: put the secret back".into())
    })?;
    let secret = text.trim();
    check_secret(secret).map_err(|reason| wrong(format!("the secret in it {reason}")))?;
    Ok(Some(Secret::new(secret)))
}

/// Returns a new secret, and writes it to the file whole or not at all: a start that is killed
/// halfway must not leave a short one behind.
fn new_secret(path: &Path) -> io::Result<Secret> {
    let generated = blake3::Hash::from_bytes(rand::random()).to_hex().to_string();
    let whole = path.with_extension("new");
    let mut file = private_file::create(&whole)?;
    file.write_all(generated.as_bytes())?;
    file.sync_all()?;
    fs::rename(&whole, path)?;
    Ok(Secret::new(generated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_private_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("a/b");
        let mut config = Config { data_dir: data_dir.clone(), ..Config::default() };
        prepare(&mut config).unwrap();
        let first = config.jwt_secret.clone();
        assert_eq!(first.expose().len(), 64);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(data_dir.join(SECRET_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let mut again = Config { data_dir, ..Config::default() };
        prepare(&mut again).unwrap();
        assert_eq!(again.jwt_secret, first);
    }

    #[test]
    #[cfg(unix)]
    fn files_that_others_can_read_are_named() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admitone.db");
        private_file::create(&path).unwrap();
        let exposed = || private_file::exposed([path.clone()]);
        assert!(exposed().is_empty());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(exposed(), [(path.clone(), 0o644)]);
    }

    #[test]
    fn a_damaged_secret_is_not_replaced_in_silence() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(SECRET_FILE);
        for (text, says) in [
            (&b"short"[..], "the secret in it has 5 bytes: use 32 or more"),
            (b"", "has 0 bytes"),
            (&[b'a'; 64], "one character or word over and over"),
            (&[0xff; 64], "UTF-8"),
        ] {
            fs::write(&path, text).unwrap();
            let mut config = Config { data_dir: directory.path().into(), ..Config::default() };
            let error = prepare(&mut config).unwrap_err().to_string();
            let start = format!("cannot use {}: ", path.display());
            assert!(error.starts_with(&start) && error.contains(says), "{error}");
            assert!(error.contains("remove the file") && !error.contains("writable"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), text, "it is not replaced in silence");
        }
    }
}
