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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_begin_with_the_public_address_or_the_one_listened_on() {
        let listening = "0.0.0.0:8080".parse().unwrap();
        let mut config = Config::default();
        assert_eq!(Links::new(&config, listening).to("/a"), "http://127.0.0.1:8080/a");
        config.public_url = Some("https://tickets.example.com".into());
        let links = Links::new(&config, listening);
        assert_eq!(links.to("/a?b=c"), "https://tickets.example.com/a?b=c");
    }
}
