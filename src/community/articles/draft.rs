//! What an author enters, and its rules.

use unicode_normalization::UnicodeNormalization;

use super::markdown;
use crate::ids::{ImageId, OfferingId};
use crate::store::{ArticleCategory, ArticleText};
use crate::text::{self, InvalidField};

/// The most characters of a title.
pub const MAX_TITLE: usize = 200;
/// The most characters of a content.
pub const MAX_CONTENT: usize = 50_000;
/// The most tags of an article.
pub const MAX_TAGS: usize = 10;
/// The most characters of a tag.
pub const MAX_TAG: usize = 30;
/// The most pictures of an article.
pub const MAX_IMAGES: usize = 10;
const EXCERPT: usize = 200;

/// An article as it is entered.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArticleDraft {
    pub title: String,
    /// Markdown.
    pub content: String,
    pub category: ArticleCategory,
    pub tags: Vec<String>,
    pub concert: Option<OfferingId>,
    pub images: Vec<ImageId>,
}

/// Changes of an article; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArticleChange {
    pub title: Option<String>,
    pub content: Option<String>,
    pub category: Option<ArticleCategory>,
    pub tags: Option<Vec<String>>,
    pub concert: Option<Option<OfferingId>>,
    pub images: Option<Vec<ImageId>>,
}

impl ArticleChange {
    /// Returns the whole article with these changes.
    pub(super) fn of(self, old: ArticleText) -> ArticleDraft {
        ArticleDraft {
            title: self.title.unwrap_or(old.title),
            content: self.content.unwrap_or(old.content),
            category: self.category.unwrap_or(old.category),
            tags: self.tags.unwrap_or(old.tags),
            concert: self.concert.unwrap_or(old.concert),
            images: self.images.unwrap_or(old.images),
        }
    }
}

impl ArticleDraft {
    /// Returns the article as it is stored, with its HTML.
    pub(super) fn checked(self) -> Result<ArticleText, InvalidField> {
        let title = text::line("title", &self.title, MAX_TITLE)?;
        let content = self.content.replace("\r\n", "\n");
        let content = text::paragraph("content", &content, MAX_CONTENT)?;
        if !content.chars().any(text::is_visible) {
            return Err(InvalidField::new("content", "must not be empty"));
        }
        if self.images.len() > MAX_IMAGES {
            let reason = format!("may have at most {MAX_IMAGES} items");
            return Err(InvalidField::new("imageIds", reason));
        }
        let mut images = self.images;
        let mut seen = std::collections::HashSet::new();
        images.retain(|image| seen.insert(*image));
        let tags = tags(&self.tags)?;
        let html = markdown::render(&content)?;
        let plain = markdown::plain_text(&content);
        Ok(ArticleText {
            title,
            html,
            renderer: markdown::RENDERER,
            excerpt: beginning(&plain, EXCERPT),
            content,
            category: self.category,
            tags,
            concert: self.concert,
            images,
        })
    }
}

/// Returns tags in the form in which they are compared, each once.
fn tags(entered: &[String]) -> Result<Vec<String>, InvalidField> {
    if entered.len() > MAX_TAGS {
        return Err(InvalidField::new("tags", format!("may have at most {MAX_TAGS} items")));
    }
    let mut tags = Vec::with_capacity(entered.len());
    for (index, tag) in entered.iter().enumerate() {
        let tag = self::tag(&format!("tags[{index}]"), tag)?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// Returns a tag in the form in which tags are compared: composed, in lower case, without the sign before
/// it, with one hyphen for blanks.
///
/// # Errors
/// Names the field.
pub fn tag(field: &str, entered: &str) -> Result<String, InvalidField> {
    // Bounded before it is composed: one character can become eighteen.
    let line = text::line(field, entered, MAX_TAG)?;
    let composed = line.nfkc().collect::<String>().to_lowercase();
    let words: Vec<&str> = composed.trim_start_matches('#').split_whitespace().collect();
    text::line(field, &words.join("-"), MAX_TAG)
}

/// Returns the first characters of a text, with an ellipsis if there are more.
pub(super) fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
