//! Mails about accounts, links and what administrators look after.

use super::body::Body;
use super::compose::{Composer, Draft, of_account};
use super::letter::{INVITATION, Letter};
use super::outcome::ComposeError;
use super::words::one_line;
use crate::language::format;
use crate::store::{LinkPurpose, Person};

impl Composer {
    /// Finds the values for a mail about an account or to an administrator.
    pub(super) async fn about_account(&self, draft: &mut Draft<'_>) -> Result<(), ComposeError> {
        let at = |at| format::date_time(draft.language, at, self.zone);
        match draft.letter.kind.as_str() {
            "account.password_reset" => {
                self.add_link(draft, LinkPurpose::ResetPassword, "/reset-password").await
            }
            "account.email_confirmation" => {
                self.add_link(draft, LinkPurpose::ConfirmEmail, "/confirm").await
            }
            INVITATION => self.about_invitation(draft).await,
            "webhook.disabled" => {
                let (url, reason) = (draft.body.text("url")?, draft.body.text("reason")?);
                let (url, reason) = (one_line(url), one_line(reason));
                draft.values.insert("endpoint", url.into());
                draft.values.insert("reason", reason.into());
                Ok(())
            }
            _ => {
                let when = at(draft.letter.at);
                let until = draft.body.maybe_time("until").map(at);
                draft.values.insert("when", when.into());
                if let Some(until) = until {
                    draft.values.insert("until", until.into());
                }
                if let Some(removed) = draft.body.maybe_text("removed").map(one_line) {
                    draft.values.insert("removed", removed.into());
                }
                if let Some(stays) = draft.body.maybe_text("stays").map(one_line) {
                    draft.values.insert("stays", stays.into());
                }
                let page = match draft.body.maybe_text("provider").map(one_line) {
                    Some(provider) => {
                        draft.values.insert("provider", provider.into());
                        "/account"
                    }
                    None => "/forgot-password",
                };
                draft.values.insert("url", self.links().to(page).into());
                Ok(())
            }
        }
    }

    /// Counts a mail; false if it must not be sent, since the address is not confirmed and had its
    /// share. Links were counted when they were made.
    pub(super) async fn may_send(&self, letter: &Letter) -> Result<bool, ComposeError> {
        let links = [INVITATION, "account.email_confirmation", "account.password_reset"];
        if links.contains(&letter.kind.as_str()) {
            return Ok(true);
        }
        self.accounts()
            .may_mail_person((letter.id, &letter.kind), letter.user)
            .await
            .map_err(of_account)
    }

    /// Returns the person who is invited: the address is that of the invitation, and of an account only
    /// by chance. `None` if the invitation is used or withdrawn.
    pub(super) async fn invited(&self, letter: &Letter) -> Result<Option<Person>, ComposeError> {
        let body = Body(&letter.body);
        let Some(row) = self.store().invitation_get(body.id("invitationId")?).await? else {
            return Err(ComposeError::Nothing("there is no such invitation any more"));
        };
        let known = self.store().people([letter.user]).await?.remove(&letter.user);
        let language = known.as_ref().and_then(|person| person.language.clone());
        let language = language.or_else(|| body.maybe_text("language").map(str::to_owned));
        let name = known.and_then(|person| person.name);
        Ok(Some(Person { name, email: row.email, language }))
    }

    async fn about_invitation(&self, draft: &mut Draft<'_>) -> Result<(), ComposeError> {
        let row = self.store().invitation_get(draft.body.id("invitationId")?).await?;
        let row = row.filter(|row| row.expires_at > draft.now);
        let row = row.ok_or(ComposeError::Nothing("the invitation has ended"))?;
        let token = self.accounts().roles().invitation_token(&row);
        draft.values.insert("url", self.links().to(&format!("/invitation?token={token}")).into());
        let until = format::date_time(draft.language, row.expires_at, self.zone);
        draft.values.insert("until", until.into());
        draft.values.insert("role", row.role.as_str().into());
        let name = match row.offering {
            Some(id) => self.store().event_get(id).await?.map(|event| event.details.name),
            None => None,
        };
        draft
            .values
            .insert("offering", name.map(|name| one_line(&name)).unwrap_or_default().into());
        Ok(())
    }

    /// Adds the link whose id the message has.
    async fn add_link(
        &self,
        draft: &mut Draft<'_>,
        purpose: LinkPurpose,
        page: &str,
    ) -> Result<(), ComposeError> {
        let link = draft.body.id("linkId")?;
        let expires_at = draft.body.time("expiresAt")?;
        let token = self.accounts().token_of_link(link, purpose).await.map_err(of_account)?;
        let token = token.ok_or(ComposeError::Nothing("the link was used or has ended"))?;
        draft.values.insert("url", self.links().to(&format!("{page}?token={token}")).into());
        let until = format::date_time(draft.language, expires_at, self.zone);
        draft.values.insert("until", until.into());
        // Not the claim code: a stranger may have left this address.
        Ok(())
    }
}
