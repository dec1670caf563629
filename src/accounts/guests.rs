//! Guests: customers without an account. A guest is a random id in an access token and nothing
//! else, until an e-mail address is left at the checkout. A claim code, derived from both, brings
//! the tickets to another device. A guest's address proves nothing: it is never compared with that
//! of an account.

use std::net::IpAddr;
use std::time::Duration;

use super::{AccountError, Accounts, counted, invalid, normalise_email};
use crate::caller::Caller;
use crate::ids::UserId;
use crate::store::{ClaimableGuest, GuestRow, Key, StoreError, UserRow};

/// Crockford's letters: none of them looks like another, and `I`, `L` and `O` can be read as digits.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters of a claim code: 50 bits, which limited guesses cannot find.
const CODE_LETTERS: usize = 10;
/// Most guests of one address, with orders and of all, among whom a claim code is looked for.
const MAX_GUESTS_OF_ADDRESS: u64 = 10_000;
/// Versions of codes by which a guest who has registered is recognised, to be told so.
const VERSIONS_OF_ACCOUNTS: i64 = 8;

/// A guest, and the access token that names the guest.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct GuestSession {
    pub user: UserId,
    pub access_token: String,
    pub access_ttl: Duration,
}

/// A session that a claim code opened.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The session of the guest.
    pub session: GuestSession,
    /// The claim code that works from now on.
    pub claim_code: String,
    /// True if that is another one than was used, which has ended.
    pub is_new_code: bool,
}

/// The address that a guest has left, and the code that brings the guest's tickets to another
/// device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestContact {
    /// The address as it is stored.
    pub email: String,
    /// The claim code.
    pub claim_code: String,
    /// True if the code ends by its first use, and another one takes its place.
    pub works_once: bool,
}

/// The stored data of a caller.
#[derive(Clone, Debug)]
pub enum Profile {
    /// An account.
    Account(Box<UserRow>),
    /// A guest, with a row since an address was left.
    Guest(Option<GuestRow>),
}

/// How to address a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// True if the caller has no account.
    pub is_guest: bool,
    /// The name of an account, or the e-mail address of a guest, if one was left.
    pub shown: Option<String>,
}

impl Accounts {
    /// Makes a guest. Nothing is stored.
    ///
    /// # Errors
    /// [`AccountError::Internal`] when signing fails.
    pub fn guest(&self) -> Result<GuestSession, AccountError> {
        self.guest_session(UserId::random())
    }

    /// Stores the e-mail address to which a guest's purchases belong, instead of an earlier one, and
    /// returns it with the claim code.
    ///
    /// # Errors
    /// [`AccountError::HasAccount`] for a caller with an account, [`AccountError::Limited`].
    pub async fn guest_checkout(
        &self,
        guest: Caller,
        email: &str,
        from: Option<IpAddr>,
    ) -> Result<GuestContact, AccountError> {
        if !guest.guest {
            return Err(AccountError::HasAccount);
        }
        let email = normalise_email(email).map_err(|reason| invalid("email", reason))?;
        if let Some(network) = counted(from) {
            self.guests_by_address.attempt(&network.to_string())?;
        }
        match self.store.guest_put(guest.user, &email, self.clock.now_ms()).await {
            Ok(version) => Ok(self.contact(guest.user, email, (version, false))),
            Err(StoreError::Conflict(_)) => Err(AccountError::HasAccount),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a guest with that address, to whom an organiser gives places. They belong to the claim
    /// code: an account with the same address does not get them.
    ///
    /// # Errors
    /// The address is not valid, or the store cannot be written.
    pub async fn guest_recipient(
        &self,
        email: &str,
    ) -> Result<(UserId, GuestContact), AccountError> {
        let email = normalise_email(email).map_err(|reason| invalid("email", reason))?;
        let user = UserId::random();
        self.store.guest_put_recipient(user, &email, self.clock.now_ms()).await?;
        Ok((user, self.contact(user, email, (0, true))))
    }

    /// Forgets a guest who was given nothing after all.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn forget_recipient(&self, guest: UserId) -> Result<(), AccountError> {
        Ok(self.store.guest_delete(guest).await?)
    }

    /// Where mails are sent, true for an account or a guest whose address is confirmed; else for an account
    /// alone: places that are kept for days on a promise are kept for people who can be reached, and who are
    /// not made by the thousand.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn may_promise_payment(&self, caller: Caller) -> Result<bool, AccountError> {
        match self.can_notify() {
            true => self.is_confirmed(caller.user).await,
            false => Ok(!caller.guest),
        }
    }

    /// Returns the address that a guest has left, with the claim code.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn guest_contact(&self, guest: UserId) -> Result<Option<GuestContact>, AccountError> {
        let row = self.store.guest_get(guest).await?;
        let code = |row: &GuestRow| (row.code_version, row.is_unclaimed_gift);
        Ok(row.map(|row| self.contact(guest, row.email.clone(), code(&row))))
    }

    /// Returns the address and the claim code of a guest to whom places were given; `None` once the code
    /// was used, since all later orders of the guest belong to the next one.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn gift_contact(&self, guest: UserId) -> Result<Option<GuestContact>, AccountError> {
        let row = self.store.guest_get(guest).await?.filter(|row| row.is_unclaimed_gift);
        Ok(row.map(|row| self.contact(guest, row.email, (row.code_version, true))))
    }

    /// Returns a new session of the guest with this address and claim code. Failed attempts are
    /// limited like failed logins. The code of places that were given away, which the organiser knows,
    /// ends by its use: the guest has another one from then on. A retry with the same `client_key` may
    /// use the ended one, and no one else: the organiser knows it too.
    ///
    /// # Errors
    /// [`AccountError::ClaimRefused`], no matter which of the two was wrong;
    /// [`AccountError::ClaimUsed`] for the right code of places that were given away, which has ended;
    /// [`AccountError::ClaimedByAccount`] for a right code of a guest who has registered with the same
    /// address. Without the code no one learns which addresses have accounts.
    pub async fn claim(
        &self,
        email: &str,
        code: &str,
        client_key: Option<&str>,
        from: Option<IpAddr>,
    ) -> Result<Claimed, AccountError> {
        let normal = normalise_email(email);
        // By network too, so that no stranger keeps the owner out.
        let name = format!("claim {} {:?}", normal.as_deref().unwrap_or(email), counted(from));
        self.by_email.attempt(&name)?;
        let guests = match &normal {
            Ok(email) => self.store.guest_by_email(email, MAX_GUESTS_OF_ADDRESS).await?,
            // No guest has it, and it may contain characters that cannot be stored.
            Err(_) => Vec::new(),
        };
        let wanted = blake3::hash(read_code(code).as_bytes());
        let email = normal.unwrap_or_default();
        let claimed = |guest: UserId, version: i64, is_new_code: bool| {
            self.by_email.forget(&name);
            let claim_code = self.code(guest, &email, version);
            Ok(Claimed { session: self.guest_session(guest)?, claim_code, is_new_code })
        };
        // Hashes compare in constant time.
        let is_it = |user: UserId, version: i64| {
            blake3::hash(self.code(user, &email, version).as_bytes()) == wanted
        };
        let found = guests.iter().find(|guest| is_it(guest.user, guest.code_version));
        // A code that another address has ended was derived from the address before: the last one of this
        // address has ended by its use.
        let used = |guest: &&ClaimableGuest| {
            guest.code_version > 0 && is_it(guest.user, guest.code_version.saturating_sub(1))
        };
        let used = guests.iter().find(used);
        let Some(guest) = found.or(used) else {
            // Read for every wrong code too, so that the time taken tells nothing either.
            let account = self.store.user_by_email(&email).await?;
            let was_guest = |id| (0..VERSIONS_OF_ACCOUNTS).any(|version| is_it(id, version));
            if account.is_some_and(|account| was_guest(account.id)) {
                return Err(AccountError::ClaimedByAccount);
            }
            return Err(AccountError::ClaimRefused);
        };
        if found.is_some() && !guest.is_unclaimed_gift {
            return claimed(guest.user, guest.code_version, false);
        }
        let key = client_key.map(|key| of_claim(guest.user, key, &wanted));
        let next = match found {
            Some(gift) => {
                self.store.guest_claim_gift(*gift, key.as_ref(), self.clock.now_ms()).await?
            }
            None => {
                let before = self.store.idempotency_response(key.as_ref()).await?;
                before.map(|_| guest.code_version)
            }
        };
        claimed(guest.user, next.ok_or(AccountError::ClaimUsed)?, true)
    }

    /// Returns the one of `guests`, given with their addresses and the versions of their codes, to whom a
    /// claim code belongs, also one that has ended by its use: mails from before show it. For staff, who
    /// may read all of their orders: attempts are not limited, and the code opens nothing here.
    #[must_use]
    pub fn guest_with_code(&self, guests: &[(UserId, String, i64)], code: &str) -> Option<UserId> {
        let wanted = read_code(code);
        let is_it = |(user, email, version): &&(UserId, String, i64)| {
            let has_been = |version: i64| self.code(*user, email, version) == wanted;
            has_been(*version) || (*version > 0 && has_been(version.saturating_sub(1)))
        };
        guests.iter().find(is_it).map(|(user, ..)| *user)
    }

    /// Returns the stored data of a caller.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] when an account does not exist any more.
    pub async fn profile(&self, caller: Caller) -> Result<Profile, AccountError> {
        // A guest who has registered is an account, also with a token of before.
        match self.store.user_get(caller.user).await? {
            Some(user) => return Ok(Profile::Account(Box::new(user))),
            None if !caller.guest => return Err(AccountError::NotFound),
            None => {}
        }
        Ok(Profile::Guest(self.store.guest_get(caller.user).await?))
    }

    /// Returns how to address a caller.
    ///
    /// # Errors
    /// As for [`Accounts::profile`].
    pub async fn identity(&self, caller: Caller) -> Result<Identity, AccountError> {
        Ok(match self.profile(caller).await? {
            Profile::Account(user) => Identity { is_guest: false, shown: Some(user.name) },
            Profile::Guest(row) => Identity { is_guest: true, shown: row.map(|row| row.email) },
        })
    }

    pub(super) fn guest_session(&self, user: UserId) -> Result<GuestSession, AccountError> {
        let access_token = self.access_token(Caller::guest(user))?;
        Ok(GuestSession { user, access_token, access_ttl: super::tokens::GUEST_TTL })
    }

    fn contact(
        &self,
        user: UserId,
        email: String,
        (version, works_once): (i64, bool),
    ) -> GuestContact {
        GuestContact { claim_code: self.code(user, &email, version), email, works_once }
    }

    /// Returns the claim code of a guest. It is derived and not stored: the database does not
    /// disclose it.
    fn code(&self, user: UserId, email: &str, version: i64) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.claim_key);
        hasher.update(user.0.as_bytes());
        hasher.update(email.as_bytes());
        // Codes from before there were versions stay valid. No address has this byte.
        if version > 0 {
            hasher.update(&[0]).update(&version.to_be_bytes());
        }
        let hash = hasher.finalize();
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
        hash.as_bytes()[..CODE_LETTERS].iter().map(letter).collect()
    }
}

/// Returns the identity of a claim across its retries.
fn of_claim(guest: UserId, client_key: &str, code: &blake3::Hash) -> Key {
    let half = |hash: &blake3::Hash| {
        let mut half = [0; 16];
        half.copy_from_slice(&hash.as_bytes()[..16]);
        half
    };
    Key {
        principal: guest,
        operation: "claim gift",
        key_hash: half(&blake3::hash(client_key.as_bytes())),
        fingerprint: half(code),
    }
}

/// True if a text has the form of a claim code.
#[must_use]
pub fn may_be_claim_code(text: &str) -> bool {
    let code = read_code(text);
    code.len() == CODE_LETTERS && code.bytes().all(|byte| LETTERS.contains(&byte))
}

/// Reads a claim code as people type it: in lower case, in groups, with letters that look like
/// digits.
fn read_code(text: &str) -> String {
    let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let letters = letters.map(|c| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    // Longer texts are no codes; the rest of them is not worth reading.
    letters.take(CODE_LETTERS + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for text in ["01A9ZKMN01", "oIa9z-kmnOl", " 01a9 zkmn 01 ", "O1A9ZKMN0I"] {
            assert_eq!(read_code(text), "01A9ZKMN01", "{text}");
        }
        assert!(may_be_claim_code("01a9-zkmn-0l") && !may_be_claim_code("kim@exampl"));
        assert!(!may_be_claim_code("01A9ZKMN011") && !may_be_claim_code("0".repeat(9).as_str()));
        assert_ne!(read_code("01A9ZKMN011"), "01A9ZKMN01", "a longer text is another one");
        assert_eq!(read_code(&"é".repeat(1_000)).chars().count(), CODE_LETTERS + 1);
    }
}
