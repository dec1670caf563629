//! The lock after wrong passwords: five for an e-mail address from one network, and then none for half an
//! hour. It is no weapon. A device on which the owner logged in before has a lock of its own, and a link
//! in a mail ends all of them: locks are bound to the password that they protect.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;

use super::passwords::Place;
use super::{AccountError, Accounts, Caller, counted};
use crate::audit_log::{self, Act};
use crate::ids::UserId;
use crate::limits::NETWORKS_OF_SITE;
use crate::network;
use crate::store::{Device, NewNotice, Role, UserRow};

/// The most wrong passwords, and how long the last of them counts.
const LOCK: (u32, Duration) = (5, Duration::from_secs(30 * 60));
/// The same of many networks that may be one person's.
const LOCK_OF_SITE: (u32, Duration) = (LOCK.0 * NETWORKS_OF_SITE, LOCK.1);

/// Where a login comes from.
#[derive(Clone, Debug, Default)]
pub struct LoginFrom<'a> {
    /// The device, with the client's address.
    pub device: Device,
    /// What the device was given at an earlier login.
    pub device_token: Option<&'a str>,
}

impl From<Option<IpAddr>> for LoginFrom<'_> {
    fn from(address: Option<IpAddr>) -> Self {
        Self { device: address.into(), device_token: None }
    }
}

/// An attempt that is counted and not decided yet. If its request ends before the password is compared,
/// or no comparison is possible, it is taken back: nothing was learned by it.
pub(super) struct Attempted<'a> {
    accounts: &'a Accounts,
    /// What counted it; nothing once it is decided.
    locks: Vec<Lock>,
}

impl Attempted<'_> {
    /// Keeps the attempt, which was a wrong password.
    pub(super) fn keep(mut self) {
        self.locks.clear();
    }

    /// Forgets this attempt and those before it, after a right password.
    pub(super) async fn forget(mut self) {
        for lock in std::mem::take(&mut self.locks) {
            self.accounts.limits.forget(lock.kind, &lock.what).await;
        }
    }
}

impl Drop for Attempted<'_> {
    fn drop(&mut self) {
        for lock in std::mem::take(&mut self.locks) {
            let limits = self.accounts.limits.clone();
            self.accounts.runtime.spawn(async move { limits.undo(lock.kind, &lock.what).await });
        }
    }
}

/// What counts the wrong passwords of a login.
pub(super) struct Lock {
    pub(super) kind: &'static str,
    pub(super) what: Vec<u8>,
}

impl Accounts {
    /// Returns the account if the password is its own. Answers the same, and after as long, if there is
    /// no account.
    pub(super) async fn prove_password(
        &self,
        email: &str,
        user: Option<UserRow>,
        password: String,
        from: &LoginFrom<'_>,
    ) -> Result<UserRow, AccountError> {
        let network = counted(from.device.address);
        let lock = self.lock_of(email, network, user.as_ref(), from.device_token);
        let kind = lock.kind;
        let met = |retry_after| {
            tracing::info!(email = masked(email), network = ?network, "a login met a lock");
            AccountError::Locked { retry_after }
        };
        let (nth, mut attempted) = self.attempt(lock).await.map_err(met)?;
        let mut locks = nth >= LOCK.0;
        if let Some(site) = Self::lock_of_site(email, from.device.address, user.as_ref(), kind) {
            let nth = self.limits.attempt(site.kind, &site.what, LOCK_OF_SITE).await;
            locks |= nth.map_err(met)? >= LOCK_OF_SITE.0;
            attempted.locks.push(site);
        }
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let right = self.passwords.verify(Place::of(network, email), password, hash).await?;
        if right && let Some(user) = user {
            attempted.forget().await;
            return Ok(user);
        }
        attempted.keep();
        let owner = user.map(|user| user.id);
        if !locks {
            tracing::info!(email = masked(email), network = ?network, nth, "a login failed");
        } else {
            tracing::warn!(email = masked(email), network = ?network, by = kind,
                "wrong passwords have locked a login");
            // Each network has a lock of its own: a mail and a row for each would flood the owner and the log.
            if self.is_first_lock(owner).await {
                self.tell_of_lock(owner);
                self.note_lock(owner, from.device.address);
            }
        }
        Err(AccountError::InvalidCredentials)
    }

    /// Counts an attempt before the password is compared, so that of guesses at once no more are
    /// compared. Returns how many there are with it.
    ///
    /// # Errors
    /// The time for which there can be no more.
    pub(super) async fn attempt(&self, lock: Lock) -> Result<(u32, Attempted<'_>), Duration> {
        let nth = self.limits.attempt(lock.kind, &lock.what, LOCK).await?;
        Ok((nth, Attempted { accounts: self, locks: vec![lock] }))
    }

    fn lock_of(
        &self,
        email: &str,
        network: Option<IpAddr>,
        user: Option<&UserRow>,
        device_token: Option<&str>,
    ) -> Lock {
        let now = self.clock.now_ms();
        let device = user.zip(device_token).and_then(|(user, token)| {
            let device = self.devices.read(token, user, now)?;
            Some((user, device))
        });
        if let Some((user, device)) = device {
            let what = [user.id.0.as_bytes(), device.as_bytes(), user.password_hash.as_bytes()];
            return Lock { kind: "login-device", what: what.concat() };
        }
        let password = user.map(|user| user.password_hash.as_str()).unwrap_or_default();
        let what = format!("{email}\n{network:?}\n{password}").into_bytes();
        Lock { kind: "login", what }
    }

    /// Returns what counts the wrong passwords of all networks that may be one person's, from devices on
    /// which the owner has not logged in.
    fn lock_of_site(
        email: &str,
        address: Option<IpAddr>,
        user: Option<&UserRow>,
        kind: &str,
    ) -> Option<Lock> {
        let site = address.and_then(network::site).filter(|_| kind == "login")?;
        let password = user.map(|user| user.password_hash.as_str()).unwrap_or_default();
        let what = format!("{email}\n{site}\n{password}").into_bytes();
        Some(Lock { kind: "login-site", what })
    }

    /// True for the first lock of an account within the time that one lasts.
    async fn is_first_lock(&self, owner: Option<UserId>) -> bool {
        let what = owner.map(|owner| owner.0.into_bytes()).unwrap_or_default();
        self.limits.attempt("told-of-lock", &what, (1, LOCK.1)).await.is_ok()
    }

    /// Tells the owner of an account of a lock.
    fn tell_of_lock(&self, owner: Option<UserId>) {
        let Some(owner) = owner.filter(|_| self.can_notify()) else { return };
        let (store, now) = (self.store.clone(), self.clock.now_ms());
        let life_ms = i64::try_from(LOCK.1.as_millis()).unwrap_or(i64::MAX);
        let payload = json!({ "untilMs": now.saturating_add(life_ms) });
        // Behind the answer, which must not take longer where there is an owner to tell.
        self.runtime.spawn(async move {
            let kind = "security.login_locked";
            let notice = NewNotice { kind, offering: None, user: Some(owner), payload };
            if let Err(error) = store.notice_put(&notice, now).await {
                tracing::warn!(%error, "the owner of an account is not told of a lock");
            }
        });
    }

    /// Writes the lock of a login of a person with a role to the audit log, behind the answer.
    fn note_lock(&self, owner: Option<UserId>, address: Option<IpAddr>) {
        let is_staff = |owner: &UserId| self.roles.has_any(Caller::account(*owner, Role::User));
        let Some(owner) = owner.filter(is_staff) else { return };
        let act = Act {
            action: "login.locked".into(),
            address: address.map(|address| address.to_string()),
            target: Some(owner.to_string()),
            request_id: crate::trace::current().map(|origin| origin.request_id.to_string()),
            ..Act::default()
        };
        let (store, now) = (self.store.clone(), self.clock.now_ms());
        self.runtime.spawn(async move {
            if let Err(error) = audit_log::note(&store, act, audit_log::DONE, now).await {
                tracing::warn!(%error, "the lock of a login was not written to the audit log");
            }
        });
    }

    /// Returns what a device sends with later logins of an account, after one that went well; the device
    /// keeps its identity.
    #[must_use]
    pub fn device_token(&self, user: &UserRow, earlier: Option<&str>) -> String {
        let now = self.clock.now_ms();
        let device = earlier.and_then(|token| self.devices.read(token, user, now));
        self.devices.issue(user, device, now)
    }
}

/// Returns an address for the log: enough for its owner to be found, and no more.
fn masked(email: &str) -> String {
    let (name, domain) = email.split_once('@').unwrap_or((email, ""));
    let first: String = name.chars().take(1).collect();
    let domain: String = domain.chars().take(100).filter(|c| !c.is_control()).collect();
    format!("{first}…@{domain}")
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn an_address_in_the_log_is_masked() {
        assert_eq!(masked("kim@example.com"), "k…@example.com");
        assert_eq!(masked("no address"), "n…@");
        assert_eq!(masked("a@x\ny"), "a…@xy");
        assert_eq!(masked(""), "…@");
    }
}
