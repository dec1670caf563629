//! Comments below an article, and the replies to one of them on a page of their own.

use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{count, lines, name_of, new_key, report_link};
use crate::community::articles::{MAX_COMMENT, ShownArticle, ShownComment};
use crate::ids::{ArticleId, CommentId};
use crate::web::fields::{Field, refusal};
use crate::web::format;
use crate::web::visitor::Visitor;

/// A comment as a form sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Entered {
    #[serde(default)]
    pub(super) key: String,
    #[serde(default)]
    pub(super) text: String,
    /// The comment that it replies to.
    #[serde(default)]
    pub(super) parent: String,
    /// Why it was refused.
    #[serde(skip)]
    pub(super) refused: Option<String>,
}

/// Renders the comments of an article, and the form for another.
pub(super) fn section(
    visitor: &Visitor,
    article: &ShownArticle,
    found: &[ShownComment],
    next: Option<CommentId>,
    entered: &Entered,
) -> Markup {
    let head = &article.row.head;
    html! {
        section.narrow aria-labelledby="comments" {
            h2 id="comments" { (visitor.fill("comments.title", &[("n", &count(head.comments))])) }
            @if found.is_empty() { p.empty { (visitor.text("comments.none")) } }
            @for comment in found { (one(visitor, comment, true)) }
            @if let Some(next) = next {
                p.more { a.button.quiet href={ "/articles/" (head.id) "?comments=" (next) "#comments" } {
                    (visitor.text("start.more"))
                } }
            }
            @if head.is_published { (form(visitor, head.id, None, entered)) }
        }
    }
}

/// Renders a comment.
pub(super) fn one(visitor: &Visitor, comment: &ShownComment, leads_on: bool) -> Markup {
    let ShownComment { row, author, hidden, is_readable, replies } = comment;
    let address = format!("/articles/{}/comments/{}", row.article, row.id);
    let is_own = row.author.is_some() && visitor.caller.map(|caller| caller.user) == row.author;
    html! {
        article.comment id={ "comment-" (row.id) } {
            p.facts {
                @if *is_readable { (name_of(visitor, author.as_ref().and_then(|it| it.name.as_deref()))) }
                (format::time(visitor.language, row.created_at, visitor.site.zone))
                @if row.updated_at > row.created_at && !row.is_deleted {
                    span.hint { (visitor.text("community.edited")) }
                }
            }
            @if let Some(hidden) = hidden.as_ref().filter(|_| *is_readable) {
                p.warning { (visitor.fill("community.hidden_because", &[("reason", &hidden.reason)])) }
            }
            @if *is_readable { (lines(&row.text)) }
            @else if row.is_deleted { p.hint { (visitor.text("comments.deleted")) } }
            @else { p.hint { (visitor.text("comments.is_hidden")) } }
            div.row {
                @if leads_on {
                    a.fine href=(address) {
                        @if *replies > 0 { (visitor.fill("comments.replies", &[("n", &count(*replies))])) }
                        @else { (visitor.text("comments.reply")) }
                    }
                }
                @if *is_readable && !is_own { (report_link(visitor, "COMMENT", row.id.0)) }
            }
            @if *is_readable && (is_own || visitor.is_admin()) { (own(visitor, comment, &address)) }
        }
    }
}

/// Renders what the author of a comment, and moderators, may do with it.
fn own(visitor: &Visitor, comment: &ShownComment, address: &str) -> Markup {
    let row = &comment.row;
    let is_own = visitor.caller.map(|caller| caller.user) == row.author;
    html! {
        details {
            summary { (visitor.text("comments.change")) }
            form.stack method="post" action=(address) {
                input type="hidden" name="key" value=(new_key());
                @if is_own {
                    label for={ "text-" (row.id) } { (visitor.text("comments.text")) }
                    textarea id={ "text-" (row.id) } name="text" rows="3" maxlength=(MAX_COMMENT) { (row.text) }
                    button.button name="do" value="change" { (visitor.text("comments.save")) }
                }
                button.button.quiet name="do" value="delete" { (visitor.text("comments.delete")) }
            }
        }
    }
}

/// Renders the form for a comment, or for a reply.
pub(super) fn form(
    visitor: &Visitor,
    article: ArticleId,
    parent: Option<CommentId>,
    entered: &Entered,
) -> Markup {
    if !visitor.has_account() {
        let back: String = form_urlencoded::byte_serialize(visitor.here.as_bytes()).collect();
        return html! {
            p { a href={ "/sign-in?back=" (back) } { (visitor.text("comments.sign_in")) } }
        };
    }
    let label = visitor.text(if parent.is_some() { "comments.reply" } else { "comments.write" });
    let field =
        Field { name: "text", label, value: &entered.text, required: true, ..Field::default() };
    let key = if entered.key.is_empty() { new_key() } else { entered.key.clone() };
    html! {
        form.stack id="write" method="post" action={ "/articles/" (article) "/comments#write" } {
            (refusal(entered.refused.as_deref()))
            input type="hidden" name="key" value=(key);
            @if let Some(parent) = parent { input type="hidden" name="parent" value=(parent); }
            (field.area(3))
            button.button { (visitor.text("comments.send")) }
        }
    }
}
