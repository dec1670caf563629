//! The last articles as Atom (RFC 4287) and RSS 2.0. Entries have the beginning of their article as plain
//! text, and lead to its page.

use chrono::{DateTime, SecondsFormat, Utc};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{ArticleError, ArticleFilter, Articles, ListedArticle};
use crate::inventory::TimestampMs;

/// How many articles a feed has.
const LAST: u64 = 50;
const TITLE: &str = "Articles";
const AUTHOR: &str = "Admit One";

/// The form of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedForm {
    /// Atom.
    Atom,
    /// RSS 2.0.
    Rss,
}

impl Articles {
    /// Returns the feed of the last articles. `base` is the address of this server, `own` the path of the
    /// feed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn feed(
        &self,
        form: FeedForm,
        base: &str,
        own: &str,
    ) -> Result<Vec<u8>, ArticleError> {
        let articles = self.list(&ArticleFilter::default(), LAST).await?;
        let mut writer = Writer::new(Vec::new());
        let written = match form {
            FeedForm::Atom => atom(&mut writer, &articles, base, own),
            FeedForm::Rss => rss(&mut writer, &articles, base, own),
        };
        written.expect("memory takes all bytes");
        Ok(writer.into_inner())
    }
}

type Written = std::io::Result<()>;
type Xml = Writer<Vec<u8>>;

fn atom(xml: &mut Xml, articles: &[ListedArticle], base: &str, own: &str) -> Written {
    declare(xml)?;
    let updated = articles.iter().map(|article| article.head.updated_at).max();
    let feed = xml.create_element("feed").with_attribute(("xmlns", "http://www.w3.org/2005/Atom"));
    feed.write_inner_content(|xml| {
        text(xml, "id", &format!("{base}{own}"))?;
        text(xml, "title", TITLE)?;
        text(xml, "updated", &rfc3339(updated.unwrap_or_default()))?;
        link(xml, "self", &format!("{base}{own}"))?;
        link(xml, "alternate", &format!("{base}/articles"))?;
        name(xml, AUTHOR)?;
        for article in articles {
            xml.create_element("entry").write_inner_content(|xml| entry(xml, article, base))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn entry(xml: &mut Xml, article: &ListedArticle, base: &str) -> Written {
    let head = &article.head;
    text(xml, "id", &format!("urn:uuid:{}", head.id))?;
    text(xml, "title", &head.title)?;
    text(xml, "published", &rfc3339(head.published_at.unwrap_or(head.created_at)))?;
    text(xml, "updated", &rfc3339(head.updated_at))?;
    link(xml, "alternate", &page(article, base))?;
    if let Some(author) = author(article) {
        name(xml, author)?;
    }
    for term in categories(article) {
        let term = clean(term);
        xml.create_element("category").with_attribute(("term", &*term)).write_empty()?;
    }
    text(xml, "summary", &head.excerpt)
}

fn rss(xml: &mut Xml, articles: &[ListedArticle], base: &str, own: &str) -> Written {
    declare(xml)?;
    let rss = xml
        .create_element("rss")
        .with_attribute(("version", "2.0"))
        .with_attribute(("xmlns:atom", "http://www.w3.org/2005/Atom"))
        .with_attribute(("xmlns:dc", "http://purl.org/dc/elements/1.1/"));
    rss.write_inner_content(|xml| {
        xml.create_element("channel").write_inner_content(|xml| {
            text(xml, "title", TITLE)?;
            text(xml, "link", &format!("{base}/articles"))?;
            text(xml, "description", "The last articles of fans.")?;
            let own = format!("{base}{own}");
            xml.create_element("atom:link")
                .with_attribute(("rel", "self"))
                .with_attribute(("href", &*own))
                .write_empty()?;
            for article in articles {
                xml.create_element("item").write_inner_content(|xml| item(xml, article, base))?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn item(xml: &mut Xml, article: &ListedArticle, base: &str) -> Written {
    let head = &article.head;
    let published = head.published_at.unwrap_or(head.created_at);
    text(xml, "title", &head.title)?;
    text(xml, "link", &page(article, base))?;
    let guid = format!("urn:uuid:{}", head.id);
    xml.create_element("guid")
        .with_attribute(("isPermaLink", "false"))
        .write_text_content(BytesText::new(&guid))?;
    text(xml, "pubDate", &time(published).to_rfc2822())?;
    if let Some(author) = author(article) {
        text(xml, "dc:creator", author)?;
    }
    for term in categories(article) {
        text(xml, "category", term)?;
    }
    text(xml, "description", &head.excerpt)
}

fn declare(xml: &mut Xml) -> Written {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
}

fn text(xml: &mut Xml, element: &str, content: &str) -> Written {
    xml.create_element(element).write_text_content(BytesText::new(&clean(content)))?;
    Ok(())
}

fn link(xml: &mut Xml, rel: &str, href: &str) -> Written {
    let link = xml.create_element("link").with_attribute(("rel", rel));
    link.with_attribute(("href", href)).write_empty()?;
    Ok(())
}

fn name(xml: &mut Xml, name: &str) -> Written {
    xml.create_element("author").write_inner_content(|xml| text(xml, "name", name))?;
    Ok(())
}

fn page(article: &ListedArticle, base: &str) -> String {
    format!("{base}/articles/{}", article.head.id)
}

fn author(article: &ListedArticle) -> Option<&str> {
    article.author.as_ref()?.name.as_deref()
}

fn categories(article: &ListedArticle) -> impl Iterator<Item = &str> {
    let tags = article.head.tags.iter().map(String::as_str);
    std::iter::once(article.head.category.as_str()).chain(tags)
}

/// Leaves out what XML 1.0 cannot contain, escaped or not.
fn clean(text: &str) -> String {
    let is_allowed = |c: &char| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}')
            || *c >= '\u{10000}'
    };
    text.chars().filter(is_allowed).collect()
}

fn time(at: TimestampMs) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}

fn rfc3339(at: TimestampMs) -> String {
    time(at).to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn characters_that_xml_does_not_have_are_left_out() {
        assert_eq!(clean("a\u{0}b\u{b}\u{FFFF}c\u{FFFE}\n<햄릿>🎭"), "abc\n<햄릿>🎭");
    }
}
