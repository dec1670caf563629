//! Mails to people: a message becomes a mail in the person's language, which is sent by SMTP or kept for
//! `/dev/mail`. The address is looked up when the mail is made, so that a person who was erased gets
//! nothing. This module decides neither when a message is tried nor how often, and its errors hold no
//! address.

mod accounts;
mod body;
mod classes;
mod compose;
mod documents;
mod keeper;
mod letter;
mod links;
mod orders;
mod outcome;
mod parts;
pub(crate) mod settings;
mod smtp;
mod words;

pub use keeper::MOST_KEPT;
pub use letter::{Letter, type_of};
pub use outcome::MailOutcome;
pub use parts::MailerParts;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Config, MailMode};
use compose::{Composer, Mail};
use keeper::Keeper;
use links::Links;
use outcome::ComposeError;
use settings::MailServer;
use smtp::Smtp;

/// Makes and sends mails.
pub struct Mailer {
    composer: Composer,
    transport: Transport,
    clock: Arc<dyn Clock>,
}

enum Transport {
    Smtp(Box<Smtp>),
    Keep(Keeper),
    Off,
}

impl Mailer {
    /// Returns a mailer as the settings want it. To be called in the runtime in which mails are sent.
    ///
    /// # Errors
    /// A setting that cannot be used, named.
    pub fn new(config: &Config, parts: MailerParts) -> Result<Self, String> {
        let transport = match config.mail_mode() {
            MailMode::Off => Transport::Off,
            MailMode::Keep => {
                Transport::Keep(Keeper::start(parts.store.clone(), parts.clock.clone()))
            }
            MailMode::Smtp => Transport::Smtp(Box::new(smtp_of(config)?)),
        };
        let clock = parts.clock.clone();
        let links = Links::new(config, parts.listening);
        Ok(Self { composer: Composer::new(config, parts, links), transport, clock })
    }

    /// Makes the mail for a letter and sends or keeps it.
    pub async fn deliver(&self, letter: &Letter) -> MailOutcome {
        if matches!(self.transport, Transport::Off) {
            return MailOutcome::NothingToSend("mail is off");
        }
        match self.composer.compose(letter, self.clock.now_ms()).await {
            Ok(mail) => match self.composer.may_send(letter).await {
                Ok(true) => self.hand_over(letter, mail).await,
                Ok(false) => {
                    tracing::debug!(mail = %letter.id, "a mail to an unconfirmed address was skipped");
                    MailOutcome::NothingToSend("the address is not confirmed and had its share")
                }
                Err(error) => failed(error),
            },
            Err(error) => failed(error),
        }
    }

    async fn hand_over(&self, letter: &Letter, mail: Mail) -> MailOutcome {
        let now = self.clock.now_ms();
        match &self.transport {
            Transport::Smtp(smtp) => smtp.send(letter, mail, now).await,
            Transport::Keep(keeper) => keeper.keep(letter, mail, now).await,
            Transport::Off => MailOutcome::NothingToSend("mail is off"),
        }
    }
}

/// Returns how the delivery of a mail ends that was not made.
fn failed(error: ComposeError) -> MailOutcome {
    match error {
        ComposeError::Nothing(why) => MailOutcome::NothingToSend(why),
        ComposeError::Store(error) => {
            tracing::debug!(%error, "a mail could not be made yet");
            MailOutcome::Later("the database could not be read".into())
        }
        ComposeError::Impossible(why) => MailOutcome::Never(why),
    }
}

fn smtp_of(config: &Config) -> Result<Smtp, String> {
    let url = config.smtp_url.as_ref().ok_or("ADMITONE_SMTP_URL is not set")?;
    let server = MailServer::parse(url.expose());
    let server = server.map_err(|why| format!("ADMITONE_SMTP_URL: the value {why}"))?;
    let from = config.mail_from.as_deref().ok_or("ADMITONE_MAIL_FROM is not set")?;
    let from = settings::check_sender(from);
    Smtp::new(&server, from.map_err(|why| format!("ADMITONE_MAIL_FROM {why}"))?)
}
