//! The texts of mails: files with a subject, a text and an HTML form for each kind and language. A value
//! that a template asks for and does not get is an error; values are escaped in HTML.

use minijinja::{Environment, UndefinedBehavior, Value};
use rust_embed::RustEmbed;

use super::outcome::ComposeError;
use crate::language::Language;

/// The files of `templates/`. A debug build reads them from disk at its start.
#[derive(RustEmbed)]
#[folder = "src/mail/templates/"]
struct Files;

/// Most characters of a subject.
const MAX_SUBJECT: usize = 200;

/// A mail in words.
pub(super) struct Written {
    pub(super) subject: String,
    pub(super) plain: String,
    pub(super) html: String,
}

/// All templates.
pub(super) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Reads and parses all templates.
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        for name in Files::iter() {
            let file = Files::get(&name).expect("a file that is listed is there");
            let source = String::from_utf8(file.data.into_owned()).expect("a test reads all files");
            let added = environment.add_template_owned(name.into_owned(), source);
            added.expect("a test parses all files");
        }
        Self { environment }
    }

    /// True if there is a mail of this kind.
    pub(super) fn has(&self, kind: &str) -> bool {
        self.environment.get_template(&format!("en/{kind}.txt")).is_ok()
    }

    /// Writes the mail of a kind.
    ///
    /// # Errors
    /// A value is missing.
    pub(super) fn write(
        &self,
        kind: &str,
        language: Language,
        values: &Value,
    ) -> Result<Written, ComposeError> {
        let tag = language.tag();
        let text = self.environment.get_template(&format!("{tag}/{kind}.txt"))?;
        let html = self.environment.get_template(&format!("{tag}/{kind}.html"))?;
        let mut plain = text.render_captured(values)?;
        let subject = plain.with_state_mut(|state| state.render_block("subject"))?;
        Ok(Written {
            subject: one_line(&subject),
            plain: plain.into_output(),
            // A slash means nothing in HTML; escaped, it makes links hard to read.
            html: html.render(values)?.replace("&#x2f;", "/"),
        })
    }
}

/// Makes one line of a text, without control characters and no longer than a subject: a header must
/// not end early.
pub(super) fn one_line(text: &str) -> String {
    visible_line(text).chars().take(MAX_SUBJECT).collect()
}

/// Makes one line of a text, of any length.
pub(super) fn visible_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = text.chars().map(visible).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns a text of several lines without other control characters. Lines that are empty go: in a
/// mail without HTML, they would end the paragraph.
pub(super) fn paragraph(text: &str) -> String {
    let lines = text.lines().map(visible_line).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
