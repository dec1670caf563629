//! Links in mails: confirming an address, and setting a new password. A link's token is derived from
//! its id and from what it is bound to, by a key of this server: neither the database nor a message
//! discloses it, and it ends with the address or the password of before.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::notify::HOUR;
use super::passwords::Place;
use super::{AccountError, Accounts, check_password, counted, hash_of, invalid, normalise_email};
use crate::caller::Caller;
use crate::ids::{UserId, time_ordered};
use crate::language::Language;
use crate::store::{LinkPurpose, MailLink, PasswordByMail, UserRow};

/// Life of a link that confirms an address.
const CONFIRM_MS: i64 = 24 * 3_600_000;
/// Life of a link that sets a new password.
const RESET_MS: i64 = 30 * 60_000;
/// A person, and an address, get at most one link for a purpose within this time.
const PAUSE_MS: i64 = 60_000;
/// An address gets at most this many links that confirm it within an hour.
const CONFIRMATIONS_AN_HOUR: u32 = 10;
/// The guests of one network send at most this many links within a minute.
const GUESTS_OF_NETWORK_A_MINUTE: u32 = 20;
/// What counts them.
const OF_NETWORK: &str = "mails-of-network";

/// The owner of an address that was confirmed.
#[derive(Clone, Debug)]
pub enum Confirmed {
    /// An account.
    Account(UserId),
    /// A guest.
    Guest(UserId),
}

/// What a link is about, and what ends it by changing.
struct Bound {
    email: String,
    binding: String,
    is_guest: bool,
}

impl Accounts {
    /// Notes the language of a person who registered or left an address, and sends a link to confirm
    /// the address, unless it is confirmed or one was sent. The person has what was asked for: a
    /// failure is logged, and the person can ask for the link again.
    pub async fn welcome(&self, person: UserId, language: Option<Language>) {
        self.welcome_from(person, language, None).await;
    }

    /// [`Self::welcome`] for a guest: the guests of one network send mails to few strangers.
    pub async fn welcome_guest(
        &self,
        guest: UserId,
        language: Option<Language>,
        from: Option<IpAddr>,
    ) {
        self.welcome_from(guest, language, counted(from)).await;
    }

    async fn welcome_from(
        &self,
        person: UserId,
        language: Option<Language>,
        network: Option<IpAddr>,
    ) {
        let welcomed = async {
            if let Some(language) = language {
                self.note_language(person, language).await?;
            }
            self.send_confirmation_unless(person, CONFIRM_MS, network).await
        };
        if let Err(error) = welcomed.await {
            tracing::warn!(%error, "no link to confirm an address was made");
        }
    }

    /// Sends another link to confirm the caller's address, unless it is confirmed, the caller has
    /// left none, or one was sent within the last minute. Links of guests count for their network.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn send_confirmation(
        &self,
        caller: Caller,
        from: Option<IpAddr>,
    ) -> Result<(), AccountError> {
        let network = counted(from).filter(|_| caller.guest);
        self.send_confirmation_unless(caller.user, PAUSE_MS, network).await
    }

    async fn send_confirmation_unless(
        &self,
        person: UserId,
        sent_within_ms: i64,
        network: Option<IpAddr>,
    ) -> Result<(), AccountError> {
        let purpose = LinkPurpose::ConfirmEmail;
        let since = self.clock.now_ms().saturating_sub(sent_within_ms);
        if !self.can_notify()
            || self.is_confirmed(person).await?
            || self.store.mail_link_since(person, purpose, since).await?
        {
            return Ok(());
        }
        let Some(bound) = self.bound(person, purpose).await? else { return Ok(()) };
        let an_hour = (CONFIRMATIONS_AN_HOUR, HOUR);
        // The network is asked before the minute of the address is spent: the next wish would be in vain.
        let may_reach = self.may_reach(network).await;
        let may_send = may_reach
            && self.may_mail("confirmation-mail", &bound.email).await
            && self.limits.may_have("confirmation-mails", bound.email.as_bytes(), an_hour).await;
        if !may_send {
            if may_reach && let Some(network) = network {
                self.limits.give_back(OF_NETWORK, network.to_string().as_bytes()).await;
            }
            tracing::debug!(%person, "no link was sent: the address or the network had its share");
            return Ok(());
        }
        self.send_link(person, purpose, "account.email_confirmation").await
    }

    /// Counts a mail that strangers may cause, by the address that it goes to: false if one went there
    /// within the last minute. Of several wishes at once one is the first.
    async fn may_mail(&self, kind: &'static str, email: &str) -> bool {
        let one = (1, Duration::from_millis(PAUSE_MS.unsigned_abs()));
        self.limits.may_have(kind, email.as_bytes(), one).await
    }

    /// Counts a link that a guest of this network sends.
    async fn may_reach(&self, network: Option<IpAddr>) -> bool {
        let Some(network) = network else { return true };
        let a_minute = (GUESTS_OF_NETWORK_A_MINUTE, Duration::from_secs(60));
        self.limits.may_have(OF_NETWORK, network.to_string().as_bytes(), a_minute).await
    }

    /// True if the address of an account or a guest is confirmed.
    pub(super) async fn is_confirmed(&self, person: UserId) -> Result<bool, AccountError> {
        if let Some(user) = self.store.user_get(person).await? {
            return Ok(user.email_confirmed_at.is_some());
        }
        let guest = self.store.guest_get(person).await?;
        Ok(guest.is_some_and(|guest| guest.email_confirmed_at.is_some()))
    }

    /// Stores the language of a person; nothing for a guest who has left no address.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn note_language(
        &self,
        person: UserId,
        language: Language,
    ) -> Result<(), AccountError> {
        Ok(self.store.person_language_put(person, language.tag()).await?)
    }

    /// Sends a link to set a new password to an address, if it has an account. Nothing tells the
    /// caller whether it has, not even the time until the answer: the account is sought behind it.
    ///
    /// # Errors
    /// The address is not valid; [`AccountError::Limited`].
    pub fn request_reset(self: &Arc<Self>, email: &str) -> Result<(), AccountError> {
        let email = normalise_email(email).map_err(|reason| invalid("email", reason))?;
        // Counted apart from logins: a stranger must not lock the owner out.
        self.by_email.attempt(&format!("reset {email}"))?;
        let accounts = Arc::clone(self);
        self.runtime.spawn(async move {
            if let Err(error) = accounts.send_reset(&email).await {
                tracing::warn!(%error, "no link to set a new password was made");
            }
        });
        Ok(())
    }

    async fn send_reset(&self, email: &str) -> Result<(), AccountError> {
        let user = self.store.user_by_email(email).await?;
        let Some(user) = user.filter(|_| self.can_notify()) else { return Ok(()) };
        let purpose = LinkPurpose::ResetPassword;
        let since = self.clock.now_ms().saturating_sub(PAUSE_MS);
        if self.store.mail_link_since(user.id, purpose, since).await? {
            return Ok(());
        }
        if !self.may_mail("reset-mail", email).await {
            return Ok(());
        }
        self.send_link(user.id, purpose, "account.password_reset").await
    }

    /// Sets a new password with the token of a link, and ends all sessions. Identities that another person
    /// may have linked, before the address was confirmed, are removed; the owner is told of them.
    ///
    /// # Errors
    /// [`AccountError::LinkRefused`] for a token that is unknown, expired or used.
    pub async fn reset_with_link(
        &self,
        token: &str,
        password: String,
    ) -> Result<UserRow, AccountError> {
        check_password(&password).map_err(|reason| invalid("password", reason))?;
        let purpose = LinkPurpose::ResetPassword;
        let (link, owner, bound) = self.read_link(token, purpose).await?;
        let hash = self.passwords.hash_next(Place::of(None, &bound.email), password).await?;
        // The link ends with the password that it was made for: of two that use it, one is in time.
        let (proved, now) = (bound.binding, self.clock.now_ms());
        let set = self.store.user_password_by_mail(owner, &proved, hash, now).await?;
        let PasswordByMail { user, removed } = set.ok_or(AccountError::LinkRefused)?;
        self.refuse_older(&user);
        // The link is bound to the password before, so it is of no more use.
        let used = self.store.mail_link_use((link, owner), purpose, &bound.email, now).await;
        if let Err(error) = used {
            tracing::warn!(%error, "a link that was used stays until it expires");
        }
        let names = removed.iter().map(|identity| self.social.name_of(identity.provider));
        let names = names.collect::<Vec<_>>().join(", ");
        let about = if names.is_empty() { json!({}) } else { json!({ "removed": names }) };
        self.tell("security.password_changed", owner, about).await;
        Ok(user)
    }

    /// Confirms an address with the token of a link, and opens no session: a stranger may have left the
    /// address of the one who reads the mail, and would see what is bought in that session.
    ///
    /// # Errors
    /// [`AccountError::LinkRefused`] for a token that is unknown, expired or used, or whose owner has
    /// another address by now.
    pub async fn confirm(&self, token: &str) -> Result<Confirmed, AccountError> {
        let purpose = LinkPurpose::ConfirmEmail;
        let (link, owner, bound) = self.read_link(token, purpose).await?;
        let now = self.clock.now_ms();
        if !self.store.mail_link_use((link, owner), purpose, &bound.email, now).await? {
            return Err(AccountError::LinkRefused);
        }
        Ok(if bound.is_guest { Confirmed::Guest(owner) } else { Confirmed::Account(owner) })
    }

    /// True if a link with this token could be used now.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn is_link(&self, token: &str, purpose: LinkPurpose) -> Result<bool, AccountError> {
        match self.read_link(token, purpose).await {
            Ok(_) => Ok(true),
            Err(AccountError::LinkRefused) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the token of a link, to be mailed; `None` for a link that was used, has expired, or
    /// whose owner has another address or password by now.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn token_of_link(
        &self,
        link: Uuid,
        purpose: LinkPurpose,
    ) -> Result<Option<String>, AccountError> {
        let found = self.store.mail_link_get(link, purpose, self.clock.now_ms()).await?;
        let Some((owner, hash)) = found else { return Ok(None) };
        let Some(bound) = self.bound(owner, purpose).await? else { return Ok(None) };
        let token = self.link_token(link, purpose, &bound);
        Ok((hash_of(&token)[..] == hash[..]).then_some(token))
    }

    async fn send_link(
        &self,
        person: UserId,
        purpose: LinkPurpose,
        kind: &'static str,
    ) -> Result<(), AccountError> {
        let Some(bound) = self.bound(person, purpose).await? else { return Ok(()) };
        let created_at = self.clock.now_ms();
        let id = time_ordered(created_at.unsigned_abs());
        let token_hash = hash_of(&self.link_token(id, purpose, &bound));
        let life_ms = match purpose {
            LinkPurpose::ConfirmEmail => CONFIRM_MS,
            LinkPurpose::ResetPassword => RESET_MS,
        };
        let expires_at = created_at.saturating_add(life_ms);
        let link = MailLink { id, user: person, purpose, token_hash, created_at, expires_at };
        self.store.mail_link_put(&link).await?;
        self.notify(kind, person, json!({ "linkId": id, "expiresAtMs": expires_at })).await
    }

    async fn read_link(
        &self,
        token: &str,
        purpose: LinkPurpose,
    ) -> Result<(Uuid, UserId, Bound), AccountError> {
        let hash = hash_of(token);
        let found = self.store.mail_link_by_token(hash, purpose, self.clock.now_ms()).await?;
        let (link, owner) = found.ok_or(AccountError::LinkRefused)?;
        let bound = self.bound(owner, purpose).await?.ok_or(AccountError::LinkRefused)?;
        // The address or the password may be another one by now.
        if self.link_token(link, purpose, &bound) != token {
            return Err(AccountError::LinkRefused);
        }
        Ok((link, owner, bound))
    }

    /// Returns what a person's links are bound to; `None` for a closed account, and for a guest
    /// without an address.
    async fn bound(
        &self,
        person: UserId,
        purpose: LinkPurpose,
    ) -> Result<Option<Bound>, AccountError> {
        if let Some(user) = self.store.user_get(person).await? {
            let binding = match purpose {
                LinkPurpose::ConfirmEmail => String::new(),
                LinkPurpose::ResetPassword => user.password_hash.clone(),
            };
            // The row of a closed account has no password, and some accounts have no address. One that
            // is not confirmed gives no first password: it may be another person's.
            let may_be_others = purpose == LinkPurpose::ResetPassword
                && !user.has_password()
                && user.email_confirmed_at.is_none();
            let is_open = !user.password_hash.is_empty() && !user.email.is_empty();
            let is_open = is_open && !may_be_others;
            return Ok(is_open.then_some(Bound { email: user.email, binding, is_guest: false }));
        }
        let guest = self.store.guest_get(person).await?;
        let guest = guest.filter(|_| purpose == LinkPurpose::ConfirmEmail);
        Ok(guest.map(|guest| Bound { email: guest.email, binding: String::new(), is_guest: true }))
    }

    fn link_token(&self, link: Uuid, purpose: LinkPurpose, bound: &Bound) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.link_key);
        hasher.update(link.as_bytes());
        for part in [purpose.as_str(), &bound.email, &bound.binding] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}
