//! Rules for text that people enter and others read, in any script.

/// A field whose value is not allowed, under the name that clients use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct InvalidField {
    /// The field, such as `products[0].name`.
    pub field: String,
    /// The end of a sentence that begins with the field.
    pub reason: String,
}

impl InvalidField {
    /// Returns the error for `field`; `reason` is the end of the sentence.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

/// Checks a name that people see: one line, 1 to `max` characters, some of them visible. Returns it
/// trimmed.
///
/// # Errors
/// Names the field that is not allowed.
pub fn line(field: &str, value: &str, max: usize) -> Result<String, InvalidField> {
    let trimmed = value.trim();
    if trimmed.chars().count() > max || !trimmed.chars().any(is_visible) {
        return Err(InvalidField::new(field, format!("must have 1 to {max} characters")));
    }
    if trimmed.chars().any(is_forbidden) {
        return Err(InvalidField::new(field, "must not contain control characters"));
    }
    Ok(trimmed.to_owned())
}

/// Checks a longer text of at most `max` characters, which may be empty and have several lines.
/// Returns it trimmed.
///
/// # Errors
/// Names the field that is not allowed.
pub fn paragraph(field: &str, value: &str, max: usize) -> Result<String, InvalidField> {
    let trimmed = value.trim();
    if trimmed.chars().count() > max {
        return Err(InvalidField::new(field, format!("must have at most {max} characters")));
    }
    if trimmed.chars().any(|c| is_forbidden(c) && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(InvalidField::new(field, "must not contain control characters"));
    }
    Ok(trimmed.to_owned())
}

/// True if a character leaves a mark by itself; a name needs at least one such character.
#[must_use]
pub fn is_visible(c: char) -> bool {
    let has_no_width = matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}')
        || matches!(c, '\u{FEFF}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}')
        || matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}');
    let is_filler = matches!(c, '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{2800}');
    !c.is_whitespace() && !c.is_control() && !has_no_width && !is_filler
}

/// True for control characters, including NUL, and for marks that turn the direction of writing,
/// because these make one text look like another.
#[must_use]
pub fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_pass_and_tricks_do_not() {
        for good in ["Hamlet", "햄릿", "🎭", "مسرح", "a b", "Ωmega"] {
            assert_eq!(line("name", good, 200).as_deref(), Ok(good));
        }
        let long = "x".repeat(201);
        for bad in ["", "  ", "a\0b", "a\nb", "\u{7f}x", "\u{200b}", "evil\u{202e}txt", &long] {
            assert!(line("name", bad, 200).is_err(), "{bad:?}");
        }
        assert!(paragraph("description", "two\nlines", 200).is_ok());
        assert!(paragraph("description", "a\0b", 200).is_err());
    }
}
