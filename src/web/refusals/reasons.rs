//! The reasons why a value is not allowed, in the languages of the pages. Domain modules state them in
//! English; `[reason]` of `en.toml` has those sentences as patterns, and the same key of another
//! language has the translation. `tests/it/web/reasons.rs` compares the patterns with the modules.

use std::sync::LazyLock;

use crate::web::language::{self, Language};

/// Placeholders that stand for names and other sentences, which may have spaces; all others stand for
/// one word.
const QUOTING: &[&str] = &["message", "product", "row", "value", "zone"];

/// A sentence with `{placeholders}`.
struct Pattern {
    key: String,
    parts: Vec<&'static str>,
    names: Vec<&'static str>,
}

impl Pattern {
    fn of(key: String, text: &'static str) -> Self {
        let (mut parts, mut names, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some((before, (name, after))) = rest
            .split_once('{')
            .and_then(|(before, behind)| Some((before, behind.split_once('}')?)))
        {
            parts.push(before);
            names.push(name);
            rest = after;
        }
        parts.push(rest);
        Self { key, parts, names }
    }

    /// Returns the number of letters that a text must have at their places.
    fn fixed(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Returns the values of the placeholders if the sentence has this form.
    fn values<'a>(&self, sentence: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let (first, others) = self.parts.split_first()?;
        let mut rest = sentence.strip_prefix(first)?;
        let mut values = Vec::with_capacity(self.names.len());
        for (index, (part, name)) in others.iter().zip(&self.names).enumerate() {
            let is_last = index + 1 == others.len();
            let end = match is_last {
                true => rest.len().checked_sub(part.len()).filter(|_| rest.ends_with(part))?,
                false => rest.find(part)?,
            };
            let value = &rest[..end];
            if value.contains(' ') && !QUOTING.contains(name) {
                return None;
            }
            values.push((*name, value));
            rest = &rest[end + part.len()..];
        }
        rest.is_empty().then_some(values)
    }
}

/// All patterns, the most exact first.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let known = Language::English.below("reason.");
    let mut patterns: Vec<_> = known.map(|(key, text)| Pattern::of(key.to_owned(), text)).collect();
    patterns.sort_unstable_by(|a, b| b.fixed().cmp(&a.fixed()).then_with(|| a.key.cmp(&b.key)));
    patterns
});

/// Returns a reason in a language. `None` for English sentences without a translation; a sentence
/// that is in the language already stays.
pub(crate) fn reason(language: Language, sentence: &str) -> Option<String> {
    if language == Language::English || !sentence.is_ascii() && !is_known(sentence) {
        return Some(sentence.to_owned());
    }
    PATTERNS.iter().find_map(|pattern| {
        let mut values: Vec<_> = pattern.values(sentence)?;
        // A sentence may quote another one.
        let quoted = values.iter().position(|(name, _)| *name == "message");
        let translated = match quoted {
            Some(index) => Some((index, reason(language, values[index].1)?)),
            None => None,
        };
        if let Some((index, text)) = &translated {
            values[*index].1 = text;
        }
        Some(language::fill(language.find(&pattern.key)?, &values))
    })
}

/// True if a sentence is one of the English ones: these can quote names in any script.
fn is_known(sentence: &str) -> bool {
    PATTERNS.iter().any(|pattern| pattern.values(sentence).is_some())
}
