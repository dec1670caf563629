//! Reads the lists of addresses that proxies add to requests. An element that is no address is `None`:
//! it is never skipped.

use std::net::{IpAddr, SocketAddr};

/// The most bytes of a header that are read, from its end, where the proxies write.
const MAX_BYTES: usize = 4_096;

/// Returns the addresses of `Forwarded`, the nearest one last.
pub(super) fn hops(lines: &[&[u8]]) -> Vec<Option<IpAddr>> {
    read(lines, |line| split(line, b',').into_iter().map(forwarded_for).collect())
}

/// Returns the addresses of `X-Forwarded-For`, the nearest one last.
pub(super) fn hops_of_list(lines: &[&[u8]]) -> Vec<Option<IpAddr>> {
    read(lines, |line| line.split(|byte| *byte == b',').map(address).collect())
}

fn read<'a>(
    lines: &[&'a [u8]],
    addresses: impl Fn(&'a [u8]) -> Vec<Option<IpAddr>>,
) -> Vec<Option<IpAddr>> {
    let (mut left, mut found) = (MAX_BYTES, Vec::new());
    for line in lines.iter().rev() {
        let cut = line.len().saturating_sub(left);
        // What is cut ends with the comma after it: an element of which a part is left is none.
        let begin = match cut {
            0 => 0,
            cut => {
                line[cut..].iter().position(|byte| *byte == b',').map_or(line.len(), |at| cut + at)
            }
        };
        let mut of_line = addresses(&line[begin..]);
        if cut > 0 {
            of_line.first_mut().into_iter().for_each(|first| *first = None);
        }
        of_line.append(&mut found);
        found = of_line;
        left -= line.len() - cut;
        if cut > 0 || left == 0 {
            break;
        }
    }
    found
}

/// Returns the address behind `for=` in an element such as `for=192.0.2.60;proto=http`.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in split(element, b';') {
        let (name, value) = std::str::from_utf8(pair).ok()?.trim().split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") {
            // Of two, none can be told to be the right one.
            if found.is_some() {
                return None;
            }
            found = Some(unquoted(value.trim())?);
        }
    }
    address(found?.as_bytes())
}

fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        // No address needs an escape.
        Some(quoted) => quoted.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\'])),
        None => Some(value),
    }
}

/// Returns an address that may have a port, and brackets where it is one of IPv6.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    let found = text.parse().ok().or_else(with_port).or_else(bracketed);
    found.map(|address| address.to_canonical())
}

/// Splits at a separator outside quotes, from the end: there the proxies write, and a quote that a client
/// left open before does not hide what they wrote.
fn split(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut parts, mut end, mut is_quoted) = (Vec::new(), text.len(), false);
    for (at, byte) in text.iter().enumerate().rev() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            byte if *byte == separator && !is_quoted => {
                parts.push(&text[at + 1..end]);
                end = at;
            }
            _ => {}
        }
    }
    parts.push(&text[..end]);
    parts.reverse();
    parts
}
