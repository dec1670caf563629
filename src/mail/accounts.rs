//! Mails about accounts, links and what administrators look after.

use super::compose::{Composer, Draft, of_account};
use super::outcome::ComposeError;
use super::words::one_line;
use crate::language::format;
use crate::store::LinkPurpose;

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
                draft.values.insert("url", self.links().to("/forgot-password").into());
                Ok(())
            }
        }
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
        if let Some(code) = self.contact(draft.letter).await? {
            draft.values.insert("claim_code", code.into());
        }
        Ok(())
    }
}
