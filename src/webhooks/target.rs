//! The URLs of endpoints, and the rule for the host of one. Names are resolved elsewhere: what is
//! checked here is the text and a literal address, which no resolver ever sees.

use std::net::IpAddr;

use reqwest::Url;

use super::addresses::is_public;
use crate::text::InvalidField;

/// The longest URL in bytes.
const MAX_BYTES: usize = 2_048;

/// Whether messages may go to addresses that are not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To public addresses only.
    Public,
    /// To any address: the setting `ADMITONE_WEBHOOK_ALLOW_PRIVATE`.
    Anywhere,
}

/// Why a host is refused, as the end of a sentence.
pub(super) const NOT_PUBLIC: &str = "must be at a public address: ADMITONE_WEBHOOK_ALLOW_PRIVATE \
     allows loopback, private and reserved ones";

/// Parses the URL of an endpoint: `http` or `https`, without a name or password, and, if its host is
/// an address, one that may be reached. The parser turns every notation of an address (`0x7f.1`,
/// `2130706433`, `127.1`) into the usual one.
///
/// # Errors
/// The reason, for the field `url`.
pub fn parse(text: &str, reach: Reach) -> Result<Url, InvalidField> {
    let refused = |reason: &str| Err(InvalidField::new("url", reason));
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return refused("must have at most 2048 bytes");
    }
    let Ok(url) = Url::parse(text) else {
        return refused("must be a URL such as https://example.com/hooks");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refused("must begin with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("must not hold a name or a password: messages are signed instead");
    }
    if url.fragment().is_some() {
        return refused("must not have a fragment, the part behind #");
    }
    if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
        return refused("must be a URL such as https://example.com/hooks");
    }
    if literal(&url).is_some_and(|address| !may_reach(address, reach)) {
        return refused(NOT_PUBLIC);
    }
    Ok(url)
}

/// Returns the address that the URL has in place of a name.
#[must_use]
pub fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.unwrap_or(host).parse().ok()
}

/// True if messages may be sent to the address.
#[must_use]
pub fn may_reach(address: IpAddr, reach: Reach) -> bool {
    reach == Reach::Anywhere || is_public(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_refused_in_every_notation() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://2130706433/",
            "http://017700000001/",
            "http://0x7f000001/",
            "http://127.0.0.1./",
            "http://%31%32%37.0.0.1/",
            "http://１２７.0.0.1/",
            "http://127。0。0。1/",
            "http://0/",
            "http://[::1]/",
            "http://[::]:80/",
            "http://[::ffff:127.0.0.1]/",
            "http://[0:0:0:0:0:ffff:7f00:1]/",
            "http://[64:ff9b::127.0.0.1]/",
            "http://[fd00:ec2::254]/latest",
            "https://169.254.169.254/latest/meta-data",
            "https://10.0.0.1:8443/",
            "HTTP://192.168.1.1",
            "https:\\\\172.16.0.1\\x",
        ] {
            let refused = parse(url, Reach::Public).expect_err(url);
            assert!(refused.reason.starts_with("must be at a public address"), "{url}: {refused}");
            assert!(parse(url, Reach::Anywhere).is_ok(), "{url}");
        }
    }

    #[test]
    fn only_plain_http_urls_are_taken() {
        for url in [
            "",
            "x",
            "/hooks",
            "//example.com",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com",
            "javascript:alert(1)",
            "http://",
            "https:///",
            "http://:80/",
            "http://user@example.com/",
            "http://user:pass@example.com/",
            "http://:pass@example.com",
            "https://example.com/#x",
            "http://example.com:0/",
            "http://example.com:99999/",
            "http://[::1",
            "http://1.2.3.4.5/",
            "http://exa mple.com/",
            "http://a\0b/",
            &format!("http://example.com/{}", "x".repeat(2_048)),
        ] {
            assert!(parse(url, Reach::Anywhere).is_err(), "{url}");
        }
        for url in [
            "https://example.com",
            "http://example.com:8080/a/b?c=d",
            " https://예시.한국/hooks ",
            "https://1.1.1.1/",
            "https://[2606:4700:4700::1111]:8443/x",
            "https://localhost/",
        ] {
            assert!(parse(url, Reach::Public).is_ok(), "{url}");
        }
    }
}
