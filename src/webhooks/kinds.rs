//! The kinds of messages in the filter of an endpoint.

use crate::journal::messages::KINDS;
use crate::text::InvalidField;

/// The most kinds of a filter.
const MOST: usize = 100;

/// Checks the kinds of a filter: those of messages that are sent, with `*` for all that
/// begin alike. One that is never sent would let nothing through, and say nothing.
pub(super) fn kinds(kinds: &[String]) -> Result<Vec<String>, InvalidField> {
    if kinds.len() > MOST {
        return Err(InvalidField::new("types", format!("must have at most {MOST} items")));
    }
    for (index, kind) in kinds.iter().enumerate() {
        let is_whole = !kind.contains('*') || kind.ends_with(".*");
        if !is_whole || !KINDS.iter().any(|sent| is_named(kind, sent)) {
            let reason = "must be a type that is sent, such as reservation.created, or reservation.* for all";
            return Err(InvalidField::new(format!("types[{index}]"), reason));
        }
    }
    Ok(kinds.to_vec())
}

/// True if a kind is the wanted one, or one of those that it names with `*`.
pub(super) fn is_named(wanted: &str, kind: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => wanted == kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_words_with_dots() {
        let long = format!("{}.x", "a".repeat(64));
        for (kind, is_good) in [
            ("reservation.created", true),
            ("reservation.*", true),
            ("ticket.check_in_undone", true),
            ("tickets.*", true),
            ("reservation.nope", false),
            ("enrollment.*", true),
            ("enrollments.*", false),
            ("a.b.c", false),
            ("reservation", false),
            ("*", false),
            (".*", false),
            ("reservation.", false),
            ("reservation.c*", false),
            ("Reservation.created", false),
            ("reservation created", false),
            ("", false),
            (&long, false),
        ] {
            assert_eq!(kinds(&[kind.to_owned()]).is_ok(), is_good, "{kind}");
        }
        assert!(kinds(&vec!["event.changed".to_owned(); 101]).is_err());
    }
}
