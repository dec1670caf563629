//! The data of other systems in a trace (`tracestate`): passed on unchanged, or, where it breaks
//! the standard's rules, not at all.

use std::sync::Arc;

/// The most entries that the standard allows.
const MAX_ENTRIES: usize = 32;
/// The standard requires at least this many bytes to be passed on. No more are passed on, since
/// every forwarded command carries them.
const MAX_BYTES: usize = 512;
/// Entries longer than this are dropped first where not all fit.
const LARGE_BYTES: usize = 128;
const MAX_PART_BYTES: usize = 256;

/// Parses the header, which may be sent in any number of lines.
pub(super) fn read<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<Arc<str>> {
    let mut entries = Vec::new();
    for line in lines {
        for entry in std::str::from_utf8(line).ok()?.split(',') {
            let entry = entry.trim_matches([' ', '\t']);
            if entry.is_empty() {
                continue;
            }
            if entries.len() == MAX_ENTRIES || !is_entry(entry) {
                return None;
            }
            entries.push(entry);
        }
    }
    let bytes = |entries: &[&str]| entries.iter().map(|entry| entry.len() + 1).sum::<usize>();
    if bytes(&entries) > MAX_BYTES + 1 {
        entries.retain(|entry| entry.len() <= LARGE_BYTES);
    }
    while bytes(&entries) > MAX_BYTES + 1 {
        entries.pop();
    }
    (!entries.is_empty()).then(|| entries.join(",").into())
}

fn is_entry(entry: &str) -> bool {
    let Some((key, value)) = entry.split_once('=') else { return false };
    let begins = key.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let in_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-*/@".contains(c);
    let in_value = |c: char| (' '..='~').contains(&c) && c != '=';
    begins
        && key.len() <= MAX_PART_BYTES
        && key.chars().all(in_key)
        && (1..=MAX_PART_BYTES).contains(&value.len())
        && value.chars().all(in_value)
}
