//! Invitations to roles by mail. A link is for one use and for one address: its token is derived from
//! the invitation by a key of this server, so that neither the database nor a message discloses it.

use std::time::Duration;

use super::{NewGrant, RoleError, Roles, needed};
use crate::caller::Caller;
use crate::ids::{GrantId, InvitationId, OfferingId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::{Answered, GrantRole, GrantRow, Granting, InvitationRow, Inviting, Key};

/// Life of an invitation.
const LIFE_MS: i64 = 7 * 24 * 3_600_000;
/// The length of a token in hexadecimal digits.
const TOKEN_CHARS: usize = 64;

/// A person to invite.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewInvitation {
    /// Normalised.
    pub email: String,
    pub role: GrantRole,
    pub offering: Option<OfferingId>,
    /// The tag of the language of the mail, if the address is not an account's with a language.
    pub language: &'static str,
}

impl Roles {
    /// Invites a person, unless their address got, or the caller sent, too many invitations of late. Returns
    /// the invitation, and whether this repeats an earlier request with the same key.
    ///
    /// # Errors
    /// [`RoleError`].
    pub async fn invite(
        &self,
        new: NewInvitation,
        by: Caller,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(InvitationRow, bool), RoleError> {
        self.check(by, new.role, new.offering).await?;
        let mut row = InvitationRow {
            id: InvitationId(time_ordered(now.unsigned_abs())),
            email: new.email,
            role: new.role,
            offering: new.offering,
            invited_by: by.user,
            token_hash: [0; 32],
            created_at: now,
            expires_at: now.saturating_add(LIFE_MS),
        };
        row.token_hash = hash_of(&self.invitation_token(&row));
        let needed = needed(by.user, new.offering);
        match self.store.invitation_put(&row, &needed, new.language, key).await? {
            Answered::Now(Inviting::Invited) => Ok((row, false)),
            Answered::Now(Inviting::Forbidden) => Err(self.forbidden().await),
            Answered::Now(Inviting::TooMany { until }) => {
                let left_ms = u64::try_from(until.saturating_sub(now)).unwrap_or(1);
                let retry_after = Duration::from_millis(left_ms);
                Err(RoleError::TooManyInvitations { retry_after })
            }
            Answered::Before(id) => {
                let id = id.parse().map_or(row.id, InvitationId);
                let first = self.store.invitation_get(id).await?.filter(|first| !first.has_ended());
                Ok((first.unwrap_or(InvitationRow { id, ..row }), true))
            }
        }
    }

    /// Returns the token of an invitation, for its mail.
    #[must_use]
    pub fn invitation_token(&self, row: &InvitationRow) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.invitation_key);
        hasher.update(row.id.0.as_bytes());
        let offering = row.offering.map(|id| id.to_string()).unwrap_or_default();
        for part in [row.email.as_str(), row.role.as_str(), &offering] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Returns the open invitation with a token.
    ///
    /// # Errors
    /// [`RoleError::InvitationRefused`].
    pub async fn invitation(
        &self,
        token: &str,
        now: TimestampMs,
    ) -> Result<InvitationRow, RoleError> {
        if token.len() != TOKEN_CHARS {
            return Err(RoleError::InvitationRefused);
        }
        let found = self.store.invitation_by_token(hash_of(token), now).await?;
        // The row may have been changed in the database: the token says what it was sent for.
        let found = found.filter(|row| self.invitation_token(row) == token);
        let found = found.ok_or(RoleError::InvitationRefused)?;
        // The inviter may have lost the right to invite.
        let inviter = Caller::account(found.invited_by, crate::store::Role::User);
        self.check(inviter, found.role, found.offering).await.map_err(|error| match error {
            RoleError::Store(error) => RoleError::Store(error),
            _ => RoleError::InvitationRefused,
        })?;
        Ok(found)
    }

    /// Gives the caller the role of an invitation, which is used up. The link has proved who reads the mail:
    /// the address of the account counts as confirmed, if it is the invited one.
    ///
    /// # Errors
    /// [`RoleError::InvitationRefused`], [`RoleError::AccountRequired`].
    pub async fn accept(
        &self,
        token: &str,
        caller: Caller,
        now: TimestampMs,
    ) -> Result<GrantRow, RoleError> {
        if caller.guest {
            return Err(RoleError::AccountRequired);
        }
        let invitation = self.invitation(token, now).await?;
        let NewGrant { user, role, offering } =
            NewGrant { user: caller.user, role: invitation.role, offering: invitation.offering };
        let id = GrantId(time_ordered(now.unsigned_abs()));
        let granted_by = Some(invitation.invited_by);
        let grant = GrantRow { id, user, role, offering, granted_by, granted_at: now };
        // The right of the one who has invited, at the moment at which it is used.
        let needed = needed(invitation.invited_by, offering);
        let granted = match self.store.invitation_accept(&invitation, &grant, &needed).await? {
            Some(Granting::Granted(row)) => row,
            Some(Granting::NoSuchAccount) => return Err(RoleError::NoSuchAccount),
            Some(Granting::Forbidden) | None => return Err(RoleError::InvitationRefused),
        };
        self.learn_own().await;
        Ok(granted)
    }

    /// Returns open invitations, newest first, of all offerings or of these; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn invitations(
        &self,
        offerings: Option<&[OfferingId]>,
        after: Option<(TimestampMs, InvitationId)>,
        (limit, now): (u64, TimestampMs),
    ) -> Result<Vec<InvitationRow>, RoleError> {
        Ok(self.store.invitation_list(offerings, after, (limit, now)).await?)
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    /// [`RoleError::NoSuchInvitation`].
    pub async fn withdraw(&self, id: InvitationId) -> Result<(), RoleError> {
        match self.store.invitation_withdraw(id).await? {
            true => Ok(()),
            false => Err(RoleError::NoSuchInvitation),
        }
    }
}

fn hash_of(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}
