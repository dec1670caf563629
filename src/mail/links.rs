//! The addresses that mails lead to, all below the server's own.

use std::net::{Ipv4Addr, SocketAddr};

use crate::config::Config;

/// Makes addresses of this server.
#[derive(Clone, Debug)]
pub(super) struct Links {
    base: String,
}

impl Links {
    /// Below the public address, or the one that the server listens on.
    pub(super) fn new(config: &Config, listening: SocketAddr) -> Self {
        let here = || {
            let host = match listening.ip().is_unspecified() {
                true => Ipv4Addr::LOCALHOST.into(),
                false => listening.ip(),
            };
            format!("http://{}", SocketAddr::new(host, listening.port()))
        };
        Self { base: config.public_url.clone().unwrap_or_else(here) }
    }

    /// Returns the address of a path, which begins with a slash.
    pub(super) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Returns the address of a path that a message names; `None` if it leads elsewhere.
    pub(super) fn local(&self, path: &str) -> Option<String> {
        let is_local = path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        is_local.then(|| self.to(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_this_server_alone() {
        let listening = "0.0.0.0:8080".parse().unwrap();
        let mut config = Config::default();
        assert_eq!(Links::new(&config, listening).to("/a"), "http://127.0.0.1:8080/a");
        config.public_url = Some("https://tickets.example.com".into());
        let links = Links::new(&config, listening);
        assert_eq!(links.local("/a?b=c").as_deref(), Some("https://tickets.example.com/a?b=c"));
        for elsewhere in ["https://evil.example", "//evil.example", "a", "/a\r\nb", "/\\evil", ""] {
            assert_eq!(links.local(elsewhere), None, "{elsewhere}");
        }
    }
}
