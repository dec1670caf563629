//! Sends mails by SMTP over connections that are kept for the next one. The whole sending of a mail is
//! under a time limit: a server that hangs holds nothing up for long.

use std::error::Error as _;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::response::Code;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::compose::Mail;
use super::letter::{Letter, type_of};
use super::outcome::MailOutcome;
use super::settings::{Encryption, MailServer};
use super::words::one_line;
use crate::inventory::TimestampMs;
use crate::store::KeptPart;

/// Time for a connection and for each command.
const STEP: Duration = Duration::from_secs(10);
/// Time for a whole mail.
const WHOLE: Duration = Duration::from_secs(30);
/// Connections at a time.
const CONNECTIONS: u32 = 8;
/// Codes that speak of the login or of the server, not of the mail: the operator mends them.
const OF_THE_SERVER: [u16; 7] = [421, 521, 523, 530, 534, 535, 538];

/// A mail server and the sender of mails.
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// Connects when the first mail is sent.
    ///
    /// # Errors
    /// The encryption cannot be set up.
    pub(super) fn new(server: &MailServer, from: Mailbox) -> Result<Self, String> {
        let parameters = || {
            TlsParameters::new(server.host.clone())
                .map_err(|_| "ADMITONE_SMTP_URL: the host cannot be proved by a certificate")
        };
        let tls = match server.encryption {
            Encryption::Always => Tls::Wrapper(parameters()?),
            Encryption::Required => Tls::Required(parameters()?),
            Encryption::IfOffered => Tls::Opportunistic(parameters()?),
            Encryption::Never => Tls::None,
        };
        let pool = PoolConfig::new().max_size(CONNECTIONS).idle_timeout(Duration::from_secs(60));
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&*server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(STEP))
            .pool_config(pool);
        if let Some((name, password)) = &server.login {
            builder = builder.credentials(Credentials::new(name.clone(), password.clone()));
        }
        Ok(Self { transport: builder.build(), from })
    }

    /// Sends a mail. The id of the letter becomes its `Message-ID`, so that a mail that is sent twice
    /// can be recognised.
    pub(super) async fn send(&self, letter: &Letter, mail: Mail, now: TimestampMs) -> MailOutcome {
        let Ok(address) = mail.to.email.parse() else {
            return MailOutcome::Never("the address is none that mail can be sent to".into());
        };
        let is_ascii = mail.to.email.is_ascii();
        let name = mail.to.name.as_deref().map(one_line).filter(|name| !name.is_empty());
        let message = match self.message(letter, Mailbox::new(name, address), mail, now) {
            Ok(message) => message,
            Err(error) => {
                return MailOutcome::Never(format!("the mail cannot be written: {error}"));
            }
        };
        match tokio::time::timeout(WHOLE, self.transport.send(message)).await {
            Ok(Ok(_)) => MailOutcome::Sent,
            Ok(Err(error)) => outcome(&error, is_ascii),
            Err(_) => {
                MailOutcome::Later(format!("the mail server took more than {} s", WHOLE.as_secs()))
            }
        }
    }

    fn message(
        &self,
        letter: &Letter,
        to: Mailbox,
        mail: Mail,
        now: TimestampMs,
    ) -> Result<Message, lettre::error::Error> {
        let host = self.from.email.domain();
        let since = Duration::from_millis(u64::try_from(now).unwrap_or_default());
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let type_name = HeaderName::new_from_ascii_str("X-Admitone-Type");
        let builder = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject)
            .date(std::time::SystemTime::UNIX_EPOCH + since)
            .message_id(Some(format!("<{}@{host}>", letter.id)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".into()))
            .raw_header(HeaderValue::new(type_name, type_of(&letter.kind)));
        let (inline, attached): (Vec<_>, Vec<_>) =
            mail.parts.into_iter().partition(|part| part.content_id.is_some());
        let html = SinglePart::html(mail.html);
        let html = inline.into_iter().fold(MultiPart::related().singlepart(html), add);
        let texts = MultiPart::alternative().singlepart(SinglePart::plain(mail.plain));
        let texts = texts.multipart(html);
        if attached.is_empty() {
            return builder.multipart(texts);
        }
        let mixed = MultiPart::mixed().multipart(texts);
        builder.multipart(attached.into_iter().fold(mixed, add))
    }
}

fn add(to: MultiPart, part: KeptPart) -> MultiPart {
    let binary = || ContentType::parse("application/octet-stream").expect("a content type");
    let kind = ContentType::parse(&part.content_type).unwrap_or_else(|_| binary());
    let attachment = match part.content_id {
        Some(id) => Attachment::new_inline_with_name(id, part.name),
        None => Attachment::new(part.name),
    };
    to.singlepart(attachment.body(part.content, kind))
}

/// Judges a failure. What the server says in words may hold the address, and is left out.
fn outcome(error: &lettre::transport::smtp::Error, is_ascii: bool) -> MailOutcome {
    if let Some(code) = error.status() {
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        return answered(code, &said);
    }
    if error.is_timeout() {
        return MailOutcome::Later("the mail server did not answer in time".into());
    }
    if error.is_client() && !is_ascii {
        let why = "the mail server takes no addresses with letters outside ASCII";
        return MailOutcome::Never(why.into());
    }
    let why = if error.is_client() {
        "the mail server offers no STARTTLS or no login as ADMITONE_SMTP_URL demands"
    } else if error.is_tls() {
        "no encrypted connection to the mail server"
    } else if error.is_response() {
        "the mail server hung up, or its answer was not understood"
    } else {
        "the connection to the mail server failed"
    };
    // Only the failure to connect says something of all mails: a server may hang up on one of them.
    let is_away = error.is_tls() || error.to_string().starts_with("Connection error");
    if is_away { MailOutcome::Away(why.into()) } else { MailOutcome::Later(why.into()) }
}

fn answered(code: Code, said: &str) -> MailOutcome {
    let detail = enhanced(said).map(|detail| format!(" {detail}")).unwrap_or_default();
    let why = format!("the mail server answered {code}{detail}");
    let number: u16 = code.into();
    match (500..600).contains(&number) && !OF_THE_SERVER.contains(&number) {
        true => MailOutcome::Never(why),
        false => MailOutcome::Later(why),
    }
}

/// Returns the enhanced status code (RFC 3463), such as `5.1.1`, at the start of an answer.
fn enhanced(said: &str) -> Option<&str> {
    let word = said.split_whitespace().next()?;
    let digits =
        |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = word.split('.').collect();
    (parts.len() == 3 && parts.into_iter().all(digits)).then_some(word)
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::response::{Category, Detail, Severity};

    use super::*;

    fn code(severity: Severity, category: Category, detail: Detail) -> Code {
        Code::new(severity, category, detail)
    }

    #[test]
    fn a_refusal_for_good_is_told_from_one_for_now_and_from_a_wrong_login() {
        use Severity::{
            PermanentNegativeCompletion as Permanent, TransientNegativeCompletion as Transient,
        };
        let unknown = code(Permanent, Category::MailSystem, Detail::Zero);
        let said = "5.1.1 <kim@example.com>: no such user";
        let never = MailOutcome::Never("the mail server answered 550 5.1.1".into());
        assert_eq!(answered(unknown, said), never);
        let greylisted = code(Transient, Category::MailSystem, Detail::One);
        let later = MailOutcome::Later("the mail server answered 451".into());
        assert_eq!(answered(greylisted, "kim@example.com: later"), later);
        let login = code(Permanent, Category::Unspecified3, Detail::Five);
        let later = MailOutcome::Later("the mail server answered 535 5.7.8".into());
        assert_eq!(answered(login, "5.7.8 no"), later);
    }

    #[test]
    fn only_a_status_code_is_taken_from_an_answer() {
        assert_eq!(enhanced("4.7.1 try later"), Some("4.7.1"));
        for said in ["", "kim@example.com", "1.2", "1.2.3.4", "1234.1.1 x", "a.b.c"] {
            assert_eq!(enhanced(said), None, "{said}");
        }
    }
}
