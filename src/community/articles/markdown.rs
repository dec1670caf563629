//! Markdown of people as HTML that is safe to show, and as plain text. It is rendered when it is saved
//! and kept beside the source. Tables and footnotes are not read: their output grows with the square of
//! their source.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};
use uuid::Uuid;

use crate::text::InvalidField;

/// The version of this code: HTML of an earlier one is made anew when it is read. Raise it with every
/// change of what is rendered.
pub const RENDERER: i32 = 1;
/// The most elements within one another.
pub const MAX_DEPTH: usize = 20;
/// The most bytes of HTML: some characters become an entity of six.
pub const MAX_HTML_BYTES: usize = 1_024 * 1_024;

const TAGS: [&str; 22] = [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "ul",
    "sub",
    "sup",
];

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    let attributes = [
        ("a", HashSet::from(["href", "title"])),
        ("img", HashSet::from(["src", "alt", "title"])),
        ("ol", HashSet::from(["start"])),
    ];
    builder
        .tags(HashSet::from(TAGS))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .tag_attributes(HashMap::from(attributes))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("nofollow noopener ugc"))
        .attribute_filter(allowed);
    builder
});

/// Renders Markdown.
///
/// # Errors
/// It nests too deeply, or becomes too long.
pub fn render(content: &str) -> Result<String, InvalidField> {
    let mut events = Vec::new();
    let (mut depth, mut images) = (0_usize, Vec::new());
    for event in parse(content) {
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            let reason = format!("must not nest deeper than {MAX_DEPTH} levels");
            return Err(InvalidField::new("content", reason));
        }
        events.extend(shown(event, &mut images));
    }
    let mut rendered = String::with_capacity(content.len() * 2);
    html::push_html(&mut rendered, events.into_iter());
    let safe = SANITISER.clean(&rendered).to_string();
    if rendered.len().max(safe.len()) > MAX_HTML_BYTES {
        return Err(InvalidField::new("content", "must not become so long when it is rendered"));
    }
    Ok(safe)
}

/// Returns the words of Markdown without its marks, with single blanks between them: for excerpts, feeds
/// and a search.
#[must_use]
pub fn plain_text(content: &str) -> String {
    let mut text = String::with_capacity(content.len());
    for event in parse(content) {
        match event {
            Event::Text(part) | Event::Code(part) | Event::Html(part) | Event::InlineHtml(part) => {
                text.push_str(&part);
            }
            Event::SoftBreak | Event::HardBreak | Event::Rule => text.push(' '),
            Event::End(
                TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link,
            ) => {}
            Event::End(_) => text.push(' '),
            _ => {}
        }
    }
    let mut words = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words
}

fn parse(content: &str) -> Parser<'_> {
    Parser::new_ext(content, Options::ENABLE_STRIKETHROUGH)
}

/// Returns what is shown of an event: HTML as the text that it is, and of pictures from elsewhere the
/// description. `images` says of each picture that is open whether it stays.
fn shown<'a>(event: Event<'a>, images: &mut Vec<bool>) -> Option<Event<'a>> {
    Some(match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let stays = is_own_image(&dest_url);
            images.push(stays);
            if !stays {
                return None;
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id })
        }
        Event::End(TagEnd::Image) => match images.pop() {
            Some(true) => Event::End(TagEnd::Image),
            Some(false) | None => return None,
        },
        other => other,
    })
}

/// Lets pictures of this server pass, and links that a reader understands: those to other sites by their
/// whole address, and those to pages of this one.
fn allowed<'a>(element: &str, attribute: &str, value: &'a str) -> Option<Cow<'a, str>> {
    let is_good = match (element, attribute) {
        ("img", "src") => is_own_image(value),
        ("a", "href") => is_link(value),
        ("ol", "start") => value.len() < 10 && value.bytes().all(|byte| byte.is_ascii_digit()),
        _ => true,
    };
    is_good.then_some(Cow::Borrowed(value))
}

fn is_link(url: &str) -> bool {
    let is_whole = ["http://", "https://", "mailto:"].iter().any(|scheme| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let is_path = url.starts_with('/') && !url[1..].starts_with(['/', '\\']);
    is_whole || is_path
}

/// True for the address of a picture that was uploaded here: `/images/{id}` with a width or without.
fn is_own_image(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("/images/") else { return false };
    let (id, width) = rest.split_once('/').unwrap_or((rest, "0"));
    let is_number = !width.is_empty() && width.bytes().all(|byte| byte.is_ascii_digit());
    id.len() == 36 && Uuid::parse_str(id).is_ok() && is_number && width.len() < 6
}

#[cfg(test)]
mod tests;
