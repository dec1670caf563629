//! What a server without settings keeps on the disk: the database file and the secret that was
//! generated for it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::StartError;
use crate::config::{Config, Secret};

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

/// Makes the data directory and fills in the secret that no one has set.
pub(super) fn prepare(config: &mut Config) -> Result<(), StartError> {
    make(config)?;
    if config.jwt_secret.is_empty() {
        let path = config.data_dir.join(SECRET_FILE);
        config.jwt_secret = secret(&path).map_err(|error| unusable(&config.data_dir, &error))?;
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

/// Finds out now, with a clear message, what SQLite would only say as "unable to open".
fn check_writable(directory: &Path) -> io::Result<()> {
    let probe = directory.join(format!(".probe-{:016x}", rand::random::<u64>()));
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}

/// The secret in the file, generated at the first start. Written whole or not at all: a start that
/// is killed halfway must not leave a short one behind.
fn secret(path: &Path) -> io::Result<Secret> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 32 => return Ok(Secret::new(text.trim())),
        Ok(_) => {
            let reason = format!("{} is damaged: remove it to have a new one made", path.display());
            return Err(io::Error::other(reason));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let generated = blake3::Hash::from_bytes(rand::random()).to_hex().to_string();
    let whole = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&whole)?;
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
    fn a_damaged_secret_is_not_replaced_in_silence() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(SECRET_FILE), "short").unwrap();
        let mut config = Config { data_dir: directory.path().into(), ..Config::default() };
        let error = prepare(&mut config).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }
}
