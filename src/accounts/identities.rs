//! Accounts and the ways to sign in by providers. An identity signs in to the account that it belongs to,
//! or makes one. It never joins an account because the addresses are the same: it is added only from
//! inside a session of that account.

use serde_json::json;

use super::passwords::Place;
use super::social::{
    AnswerMode, Attempt, Known, LinkTo, Returned, SocialError, SocialStart, SocialWish,
};
use super::{
    Access, AccountError, Accounts, Device, Session, Updated, check_name, check_password, invalid,
    normalise_email,
};
use crate::caller::Caller;
use crate::ids::{SessionId, UserId};
use crate::store::{
    EmailAdded, FreshSession, IdentityLinked, IdentityRow, IdentityUnlinked, NO_PASSWORD,
    NewIdentity, NewPassword, NewUser, Role, SocialAccount, SocialProvider, StoreError, UserChange,
    UserChanged, UserRow,
};
use crate::telemetry::metrics;

/// The ways to sign in are changed within this time after signing in.
const RECENT_MS: i64 = 10 * 60_000;
/// The longest page to go on to, in bytes.
const MAX_REDIRECT: usize = 1_024;

/// The end of a login by a provider.
#[derive(Debug)]
pub struct SocialEnd {
    /// The page to go on to.
    pub redirect: String,
    /// What happened.
    pub outcome: SocialOutcome,
}

/// What a login by a provider has done.
#[derive(Debug)]
pub enum SocialOutcome {
    /// The person is signed in.
    SignedIn {
        /// The session.
        session: Box<Session>,
        /// True if the account was made now.
        is_new: bool,
    },
    /// The identity is added to the caller's account.
    Linked,
}

/// The ways to sign in to an account.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WaysIn {
    pub has_password: bool,
    pub identities: Vec<IdentityRow>,
}

impl Accounts {
    /// Returns the providers that people can sign in by, and their names.
    pub fn social_providers(&self) -> impl Iterator<Item = (SocialProvider, &str)> {
        self.social.offered()
    }

    /// Begins a login by a provider.
    ///
    /// # Errors
    /// The provider is not offered or does not answer, or the page to go on to is not of this server.
    pub async fn social_begin(
        &self,
        provider: SocialProvider,
        wish: SocialWish,
    ) -> Result<SocialStart, AccountError> {
        if !is_local_page(&wish.redirect) {
            let reason = "must be a path of this server, such as /orders".to_owned();
            return Err(invalid("redirect", reason));
        }
        let begun = self.social.begin(provider, wish).await;
        Ok(begun.inspect_err(|error| note_failure(provider, error))?)
    }

    /// Begins to add an identity to the caller's account. The browser is led to the page of the account
    /// afterwards, if its cookies say who it is.
    ///
    /// # Errors
    /// As [`Self::social_begin`]; [`SocialError::LoginTooOld`]; [`AccountError::AccountRequired`] for guests.
    pub async fn social_begin_link(
        &self,
        access: Access,
        provider: SocialProvider,
    ) -> Result<SocialStart, AccountError> {
        let (user, session) = self.freshly_signed_in(access).await?;
        let (mode, redirect) = (AnswerMode::Page, "/account".to_owned());
        let link_to = Some(LinkTo { user: user.id, session: session.id });
        let wish = SocialWish { mode, redirect, link_to };
        self.social_begin(provider, wish).await
    }

    /// Returns the login that the cookie of a browser names, unless it is over.
    #[must_use]
    pub fn social_attempt(&self, cookie: &str) -> Option<Attempt> {
        self.social.attempt(cookie)
    }

    /// True if `returned` is the end of the login that the cookie of a browser names.
    #[must_use]
    pub fn is_end_of(&self, cookie: &str, returned: &Returned) -> bool {
        let state = returned.state.as_deref().unwrap_or_default();
        self.social.attempt(cookie).is_some_and(|attempt| attempt.is_of(state))
    }

    /// Ends a login by a provider, with what the browser brought back and the cookie of its begin.
    /// `caller` is the person who is signed in on that browser; a guest who makes an account keeps the
    /// orders.
    ///
    /// # Errors
    /// [`AccountError::Social`]; no session is opened then. [`SocialError::LoginTooOld`] if an identity is
    /// to be added and the session that wished it has ended or is too old by now.
    pub async fn social_finish(
        &self,
        provider: SocialProvider,
        returned: Returned,
        cookie: Option<&str>,
        caller: Option<Caller>,
        device: &Device,
    ) -> Result<SocialEnd, AccountError> {
        let checked = self.social.check(provider, &returned, cookie);
        let (attempt, state, ends) = checked.inspect_err(|error| note_failure(provider, error))?;
        if !self.store.social_state_use(state, ends).await? {
            return Err(SocialError::State.into());
        }
        // Asked before the provider is: who links must still be signed in.
        if let Some(owner) = attempt.link_to
            && caller.is_none_or(|caller| caller.guest || caller.user != owner.user)
        {
            return Err(SocialError::State.into());
        }
        let known = self.social.identify(&attempt, returned).await;
        let known = known.inspect_err(|error| note_failure(provider, error))?;
        metrics::social_login(provider.as_str(), "ok");
        let identity = NewIdentity {
            provider,
            issuer: known.issuer.clone(),
            subject: known.subject.clone(),
            email: known.email.as_deref().and_then(|email| normalise_email(email).ok()),
        };
        let outcome = match attempt.link_to {
            Some(owner) => self.link(owner, &identity).await?,
            None => self.sign_in_as(&identity, known, caller, device).await?,
        };
        Ok(SocialEnd { redirect: attempt.redirect, outcome })
    }

    async fn link(
        &self,
        LinkTo { user, session }: LinkTo,
        identity: &NewIdentity,
    ) -> Result<SocialOutcome, AccountError> {
        let (session, now) = (self.to_be_fresh(session), self.clock.now_ms());
        match self.store.social_identity_link(user, identity, session, now).await? {
            IdentityLinked::Yes => {
                self.tell_of_way_in("security.identity_linked", user, identity.provider).await;
                Ok(SocialOutcome::Linked)
            }
            IdentityLinked::Before => Ok(SocialOutcome::Linked),
            IdentityLinked::OfAnother => Err(SocialError::IdentityTaken.into()),
            IdentityLinked::HasOther => Err(SocialError::HasOther.into()),
            IdentityLinked::NotFresh => Err(SocialError::LoginTooOld.into()),
            IdentityLinked::Gone => Err(AccountError::NotFound),
        }
    }

    async fn sign_in_as(
        &self,
        identity: &NewIdentity,
        known: Known,
        caller: Option<Caller>,
        device: &Device,
    ) -> Result<SocialOutcome, AccountError> {
        let now = self.clock.now_ms();
        if let Some(session) = self.log_in_as(identity, device).await? {
            return Ok(SocialOutcome::SignedIn { session, is_new: false });
        }
        let guest = self.guest_without_account(caller).await?;
        let new = Self::account_of(guest.unwrap_or_else(UserId::random), identity, &known);
        let made = self.store.social_identity_register(new, guest.is_some(), identity, now).await?;
        if let SocialAccount::Made(user) = made {
            if user.token_version > 0 {
                self.refuse_older(&user);
            }
            let session = Box::new(self.open_session(user, Some(identity), device).await?);
            return Ok(SocialOutcome::SignedIn { session, is_new: true });
        }
        // The same person may have come twice at the same time.
        match self.log_in_as(identity, device).await? {
            Some(session) => Ok(SocialOutcome::SignedIn { session, is_new: false }),
            None => Err(SocialError::EmailTaken.into()),
        }
    }

    /// Opens a session of the account that an identity belongs to, if there is one.
    async fn log_in_as(
        &self,
        identity: &NewIdentity,
        device: &Device,
    ) -> Result<Option<Box<Session>>, AccountError> {
        let user = self.store.social_identity_login(identity, self.clock.now_ms()).await?;
        let Some(user) = user else { return Ok(None) };
        Ok(Some(Box::new(self.open_session(user, Some(identity), device).await?)))
    }

    /// Returns the account to make for an identity. An address that the provider has not confirmed is no
    /// one's yet, so the account gets none.
    fn account_of(id: UserId, identity: &NewIdentity, known: &Known) -> NewUser {
        let email = identity.email.clone().filter(|_| known.is_email_verified).unwrap_or_default();
        let local_part = email.split('@').next().unwrap_or_default();
        let names = [known.name.as_deref().unwrap_or_default(), local_part];
        let name = names.into_iter().find_map(|name| check_name(name).ok());
        let name = name.unwrap_or_else(|| identity.provider.as_str().to_owned());
        let password_hash = NO_PASSWORD.to_owned();
        NewUser { id, email, password_hash, name, phone_number: None, role: Role::User }
    }

    /// Returns the ways to sign in to the caller's account.
    ///
    /// # Errors
    /// [`AccountError::AccountRequired`] for guests.
    pub async fn ways_in(&self, caller: Caller) -> Result<WaysIn, AccountError> {
        let user = self.own_account(caller).await?;
        let identities = self.store.social_identity_list(user.id).await?;
        Ok(WaysIn { has_password: user.has_password(), identities })
    }

    /// Returns the identity that an account was made for; `None` for an account that was made with an
    /// address and a password, or whose first identity was unlinked.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn social_origin(&self, user: &UserRow) -> Result<Option<IdentityRow>, AccountError> {
        let identities = self.store.social_identity_list(user.id).await?;
        Ok(identities.into_iter().find(|identity| identity.created_at == user.created_at))
    }

    /// Removes the identity of a provider from the caller's account. The sessions that it opened end,
    /// but the caller's.
    ///
    /// # Errors
    /// [`SocialError::LastWayIn`] if the person could not sign in any more;
    /// [`SocialError::LoginTooOld`] in a session older than 10 minutes.
    pub async fn unlink(
        &self,
        access: Access,
        provider: SocialProvider,
    ) -> Result<(), AccountError> {
        let (user, session) = self.freshly_signed_in(access).await?;
        let signs_in = |identity: &IdentityRow| self.social.knows(identity);
        let now = self.clock.now_ms();
        let unlinked =
            self.store.social_identity_unlink(user.id, provider, &signs_in, session, now).await?;
        match unlinked {
            IdentityUnlinked::Yes(ended) => {
                ended.iter().for_each(|session| self.refuse_session(*session));
                self.tell_of_way_in("security.identity_unlinked", user.id, provider).await;
                Ok(())
            }
            IdentityUnlinked::NotLinked => Err(SocialError::NotLinked.into()),
            IdentityUnlinked::LastWayIn => Err(SocialError::LastWayIn.into()),
            IdentityUnlinked::NotFresh => Err(SocialError::LoginTooOld.into()),
            IdentityUnlinked::Gone => Err(AccountError::NotFound),
        }
    }

    async fn tell_of_way_in(&self, kind: &'static str, user: UserId, provider: SocialProvider) {
        self.tell(kind, user, json!({"provider": self.social.name_of(provider)})).await;
    }

    /// Returns the account and the session of a caller who has signed in within 10 minutes: only then may
    /// the ways to sign in be changed. A stolen token is older as a rule. The session may end at any
    /// time, so the transaction of the change asks once more.
    ///
    /// # Errors
    /// [`SocialError::LoginTooOld`]; [`AccountError::AccountRequired`] for guests.
    pub(super) async fn freshly_signed_in(
        &self,
        access: Access,
    ) -> Result<(UserRow, FreshSession), AccountError> {
        let user = self.own_account(access.caller).await?;
        let too_old = || AccountError::from(SocialError::LoginTooOld);
        let session = self.to_be_fresh(access.session.ok_or_else(too_old)?);
        match self.store.session_is_fresh(user.id, session, self.clock.now_ms()).await? {
            true => Ok((user, session)),
            false => Err(too_old()),
        }
    }

    fn to_be_fresh(&self, id: SessionId) -> FreshSession {
        FreshSession { id, opened_since: self.clock.now_ms().saturating_sub(RECENT_MS) }
    }

    /// Sets the first password of an account that has none. All its sessions end but the caller's, which
    /// gets new tokens.
    ///
    /// # Errors
    /// [`SocialError::LoginTooOld`] unless the caller's session was opened within 10 minutes;
    /// [`AccountError::Invalid`] for an account without an address, or with one that is not confirmed,
    /// where mails are sent.
    pub async fn set_first_password(
        &self,
        access: Access,
        password: String,
    ) -> Result<Updated, AccountError> {
        check_password(&password).map_err(|reason| invalid("password", reason))?;
        let user = self.own_account(access.caller).await?;
        let has_one = || invalid("password", "is set: change it with the current one".into());
        if user.has_password() {
            return Err(has_one());
        }
        if user.email.is_empty() {
            let reason = "needs an e-mail address to log in with: add one first".to_owned();
            return Err(invalid("password", reason));
        }
        // A password keeps the address for good: one that was mistyped may be another person's.
        if !self.has_proved_address(&user) {
            let reason =
                "needs a confirmed e-mail address: open the link in the mail first".to_owned();
            return Err(invalid("password", reason));
        }
        let (user, session) = self.freshly_signed_in(access).await?;
        let (token, row) = self.refresh_token(rand::random(), session.id, user.id);
        let place = Place::of(None, &user.id.to_string());
        let hash = self.passwords.hash_next(place, password).await?;
        let password = Some(NewPassword {
            proved: Some(user.password_hash),
            hash,
            keeps: Some(row.clone()),
            requires: Some(session),
        });
        let change = UserChange { password, ..UserChange::default() };
        match self.store.user_update(user.id, change, self.clock.now_ms()).await? {
            UserChanged::Now(user) => self.with_password(user, Some((token, row))).await,
            UserChanged::WithoutSession(user) => self.with_password(user, None).await,
            UserChanged::OtherPassword => Err(has_one()),
            UserChanged::NotFresh => Err(SocialError::LoginTooOld.into()),
            UserChanged::Gone => Err(AccountError::NotFound),
        }
    }

    /// Gives an address to the caller's account, to be confirmed by a mail. The account has none, or has
    /// no password and one that is not confirmed.
    ///
    /// # Errors
    /// [`AccountError::EmailTaken`]; [`SocialError::HasEmail`]; [`SocialError::LoginTooOld`];
    /// [`AccountError::Limited`].
    pub async fn add_email(&self, access: Access, email: &str) -> Result<UserRow, AccountError> {
        let email = normalise_email(email).map_err(|reason| invalid("email", reason))?;
        let (user, session) = self.freshly_signed_in(access).await?;
        self.by_email.attempt(&format!("address of {}", user.id))?;
        // By address too: many accounts must not send many mails to one person.
        self.by_email.attempt(&format!("address {email}"))?;
        match self.store.user_email_add(user.id, &email, session, self.clock.now_ms()).await {
            Ok(EmailAdded::Now(user)) => {
                self.welcome(user.id, None).await;
                Ok(user)
            }
            Ok(EmailAdded::HasOne) => Err(SocialError::HasEmail.into()),
            Ok(EmailAdded::NotFresh) => Err(SocialError::LoginTooOld.into()),
            Ok(EmailAdded::Gone) => Err(AccountError::NotFound),
            Err(StoreError::Conflict(_)) => Err(AccountError::EmailTaken),
            Err(error) => Err(error.into()),
        }
    }

    async fn own_account(&self, caller: Caller) -> Result<UserRow, AccountError> {
        if caller.guest {
            return Err(AccountError::AccountRequired);
        }
        self.user(caller.user).await
    }
}

/// Logs and counts why a login by a provider came to nothing.
fn note_failure(provider: SocialProvider, error: &SocialError) {
    let provider = provider.as_str();
    match error {
        SocialError::Denied(reason) => {
            tracing::info!(provider, reason, "a provider refused a person");
        }
        SocialError::Answer(cause) => {
            tracing::warn!(provider, cause, "a provider's answer was refused");
        }
        SocialError::Unavailable(cause) => {
            tracing::warn!(provider, cause, "a provider does not answer");
        }
        SocialError::State => {}
        _ => return,
    }
    let outcome = match error {
        SocialError::Answer(_) | SocialError::Unavailable(_) => "failed",
        _ => "refused",
    };
    metrics::social_login(provider, outcome);
}

/// True for paths of this server. Browsers take `//host`, `/\host` and what control characters hide for
/// addresses of other servers.
fn is_local_page(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.len() <= MAX_REDIRECT
        && path.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::is_local_page;

    #[test]
    fn a_login_leads_on_to_pages_of_this_server_only() {
        for good in ["/", "/orders", "/events/1?a=b&c=%20#d", "/a//b", "/%2F%2Fevil.example"] {
            assert!(is_local_page(good), "{good}");
        }
        for bad in [
            "",
            "orders",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:/evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=y",
            "/\t/evil.example",
            " /orders",
            "/a b",
            "/ü",
            "/\0",
            &format!("/{}", "a".repeat(1_024)),
        ] {
            assert!(!is_local_page(bad), "{bad:?}");
        }
    }
}
