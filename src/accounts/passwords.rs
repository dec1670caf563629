//! Passwords: argon2id, hashed on threads of their own and a bounded number at a time, since each
//! takes 19 MiB and tens of milliseconds.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::AccountError;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
/// Beyond this many a wait would outlast a client's patience.
const MAX_WAITING: usize = 512;

/// Hashes and verifies passwords.
pub(super) struct Passwords {
    runtime: tokio::runtime::Handle,
    at_work: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Passwords {
    /// At most `hashers` at a time, on blocking threads of `runtime`.
    pub(super) fn new(hashers: usize, runtime: tokio::runtime::Handle) -> Self {
        Self {
            runtime,
            at_work: Arc::new(Semaphore::new(hashers)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// The hash to keep, as a PHC string with its own salt.
    pub(super) async fn hash(&self, password: String) -> Result<String, AccountError> {
        self.run(move || {
            let hash = argon2()?.hash_password(password.as_bytes()).map_err(failed)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password is the one that was hashed; without a hash (or with an empty one, of a
    /// closed account) the same work is done for nothing.
    pub(super) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, AccountError> {
        self.run(move || match hash.filter(|hash| !hash.is_empty()) {
            Some(hash) => {
                let hash = PasswordHash::new(&hash).map_err(failed)?;
                Ok(argon2()?.verify_password(password.as_bytes(), &hash).is_ok())
            }
            None => {
                let hash = PasswordHash::new(nobody()).map_err(failed)?;
                let _ = argon2()?.verify_password(password.as_bytes(), &hash);
                Ok(false)
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let Ok(waiting) = self.waiting.clone().try_acquire_owned() else {
            return Err(AccountError::Busy);
        };
        let at_work = self.at_work.clone().acquire_owned().await.map_err(failed)?;
        // The permits go with the work: a client that hangs up does not stop the thread.
        let work = move || {
            let _permits = (waiting, at_work);
            work()
        };
        self.runtime.spawn_blocking(work).await.map_err(failed)?
    }
}

fn argon2() -> Result<Argon2<'static>, AccountError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(error: impl std::fmt::Display) -> AccountError {
    AccountError::Internal(format!("a password could not be hashed: {error}"))
}

/// The hash of a password that nobody has.
fn nobody() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let random: [u8; 16] = rand::random();
        let hash = argon2()
            .ok()
            .and_then(|argon2| argon2.hash_password(&random).ok().map(|hash| hash.to_string()));
        hash.unwrap_or_default()
    })
}
