//! The mail server and the sender as settings name them. Only texts are read here: nothing is
//! connected.

use std::net::IpAddr;

use lettre::message::Mailbox;

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// From its first byte (`smtps://`).
    Always,
    /// By STARTTLS, or nothing is sent.
    Required,
    /// By STARTTLS, if the server offers it.
    IfOffered,
    /// Not at all.
    Never,
}

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MailServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    /// The name and the password.
    pub(crate) login: Option<(String, String)>,
}

impl MailServer {
    /// Parses a URL such as `smtp://user:password@host:587?tls=required`.
    ///
    /// # Errors
    /// The fault, without any part of the URL, which may hold a password.
    pub(crate) fn parse(value: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "write smtps://USER:PASSWORD@HOST or smtp://HOST:PORT?tls=required";
        let url: reqwest::Url =
            value.parse().map_err(|_| format!("is not the URL of a mail server: {EXAMPLE}"))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("names no host: {EXAMPLE}"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(format!("has more than a host, a port and tls=: {EXAMPLE}"));
        }
        let mut tls = None;
        for (name, value) in url.query_pairs() {
            if name != "tls" {
                return Err(format!("has a parameter other than tls=: {EXAMPLE}"));
            }
            tls = Some(value.into_owned());
        }
        let is_here = is_loopback(&host);
        let encryption = match (url.scheme(), tls.as_deref()) {
            ("smtps", None) => Encryption::Always,
            ("smtps", Some(_)) => return Err("has tls=, which smtps:// needs not".into()),
            ("smtp", Some("required")) => Encryption::Required,
            ("smtp", Some("opportunistic")) => Encryption::IfOffered,
            ("smtp", Some("none")) => Encryption::Never,
            ("smtp", Some(_)) => {
                return Err("has a tls= that is neither required, opportunistic nor none".into());
            }
            ("smtp", None) if is_here => Encryption::Never,
            ("smtp", None) => Encryption::Required,
            _ => return Err(format!("begins with neither smtp:// nor smtps://: {EXAMPLE}")),
        };
        let login = login(&url)?;
        let is_exposed = matches!(encryption, Encryption::Never | Encryption::IfOffered);
        if login.is_some() && is_exposed && !is_here {
            return Err("would send the password without encryption: use smtps:// or \
                        tls=required"
                .into());
        }
        let usual = match encryption {
            Encryption::Always => 465,
            Encryption::Required | Encryption::IfOffered => 587,
            Encryption::Never => 25,
        };
        Ok(Self { host, port: url.port().unwrap_or(usual), encryption, login })
    }
}

fn login(url: &reqwest::Url) -> Result<Option<(String, String)>, String> {
    let decoded = |text: &str| {
        // In a form these have a meaning; here they are themselves.
        let text = text.replace('+', "%2B").replace('=', "%3D").replace('&', "%26");
        let pairs = form_urlencoded::parse(text.as_bytes()).next();
        pairs.map(|(name, _)| name.into_owned()).unwrap_or_default()
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (name, Some(password)) if !name.is_empty() => Ok(Some((decoded(name), decoded(password)))),
        _ => Err("has a user without a password, or a password without a user".into()),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Checks the sender of mails: an address, or a name and an address in angle brackets.
///
/// # Errors
/// The fault.
pub(crate) fn check_sender(value: &str) -> Result<Mailbox, String> {
    let wrong = "is not an address such as tickets@example.com or Tickets <tickets@example.com>";
    if value.chars().any(char::is_control) {
        return Err(wrong.into());
    }
    value.trim().parse().map_err(|_| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_how_to_reach_the_server() {
        use Encryption::{Always, IfOffered, Never, Required};
        for (url, host, port, encryption, login) in [
            ("smtps://mail.example.com", "mail.example.com", 465, Always, None),
            (
                "smtps://u:p%40ss+%2F@mail.example.com:4465/",
                "mail.example.com",
                4_465,
                Always,
                Some(("u", "p@ss+/")),
            ),
            ("smtp://mail.example.com", "mail.example.com", 587, Required, None),
            (
                "smtp://u:p@mail.example.com?tls=required",
                "mail.example.com",
                587,
                Required,
                Some(("u", "p")),
            ),
            ("smtp://mail.example.com?tls=opportunistic", "mail.example.com", 587, IfOffered, None),
            ("smtp://mail.example.com:2525?tls=none", "mail.example.com", 2_525, Never, None),
            ("smtp://127.0.0.1:1025", "127.0.0.1", 1_025, Never, None),
            ("smtp://u:p@localhost?tls=none", "localhost", 25, Never, Some(("u", "p"))),
            ("smtp://[::1]:1025", "::1", 1_025, Never, None),
        ] {
            let found = MailServer::parse(url).expect(url);
            let login = login.map(|(name, password)| (name.to_owned(), password.to_owned()));
            let expected = MailServer { host: host.into(), port, encryption, login };
            assert!(found == expected, "{url}");
        }
    }

    #[test]
    fn urls_that_cannot_be_used_are_refused_without_being_shown() {
        for (url, says) in [
            ("", "is not the URL"),
            ("mail.example.com", "is not the URL"),
            ("http://u:hunter2@mail.example.com", "neither smtp:// nor smtps://"),
            ("smtp:hunter2", "names no host"),
            ("smtp://u:hunter2@h.example/x", "has more than"),
            ("smtp://u:hunter2@h.example?tls=maybe", "neither required"),
            ("smtp://u:hunter2@h.example?ssl=yes", "other than tls="),
            ("smtp://u:hunter2@h.example?tls=none", "without encryption"),
            ("smtp://u:hunter2@h.example?tls=opportunistic", "without encryption"),
            ("smtps://u@h.example", "without a password"),
            ("smtps://:hunter2@h.example", "without a user"),
            ("smtps://h.example?tls=required", "needs not"),
        ] {
            let error = MailServer::parse(url).err().expect(url);
            assert!(error.contains(says), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for good in ["a@b.example", "Tickets <a@b.example>", "표 <a@b.example>"] {
            assert!(check_sender(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a@", "A <a@b.example>\r\nBcc: c@d.example", "A <a>"] {
            assert!(check_sender(bad).is_err(), "{bad}");
        }
    }
}
