//! Terms: their list, each version as plain text, and the parts of other pages that are about them.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{TermId, UserId};
use crate::terms::{TermError, TermFilter, TermKind, TermRow, TermsOf};
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// The most terms and agreements on one page.
const SHOWN: u64 = 100;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/terms").get(list))
        .service(web::resource("/terms/{term}").get(show))
        .service(web::resource("/terms/{term}/agree").post(agree));
}

#[derive(Deserialize)]
struct Query {
    notice: Option<String>,
}

/// Returns what terms of a kind are about, in words.
pub(super) fn kind_text(visitor: &Visitor, kind: TermKind) -> &'static str {
    visitor.text(match kind {
        TermKind::Service => "terms.service",
        TermKind::Privacy => "terms.privacy",
        TermKind::Enrollment => "terms.enrollment",
    })
}

/// Returns the name of the box by which a form agrees to terms.
pub(super) fn box_of(term: TermId) -> String {
    format!("term-{term}")
}

/// Renders boxes to agree to terms, in a form; nothing where none are asked for.
pub(super) fn boxes(
    visitor: &Visitor,
    asked: &[TermRow],
    is_ticked: impl Fn(&TermRow) -> bool,
) -> Markup {
    html! {
        @if !asked.is_empty() {
            fieldset {
                legend { (visitor.text("terms.title")) }
                @for term in asked {
                    label.check {
                        input type="checkbox" name=(box_of(term.id)) value="on"
                            required[term.is_required] checked[is_ticked(term)];
                        span {
                            a href={ "/terms/" (term.id) } target="_blank" { (term.title) } " "
                            span.hint { (necessity(visitor, term)) }
                        }
                    }
                }
            }
        }
    }
}

/// Returns whether the agreement is needed, in words.
pub(super) fn necessity(visitor: &Visitor, term: &TermRow) -> &'static str {
    visitor.text(if term.is_required { "terms.required" } else { "terms.optional" })
}

/// Renders the terms that a person has agreed to, and those that still have to be agreed to.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn of_account(
    state: &AppState,
    visitor: &Visitor,
    user: UserId,
) -> Result<Markup, TermError> {
    let missing = state.terms.missing_for_sign_up(user).await?;
    let agreed = state.terms.agreements(user, None, SHOWN).await?;
    Ok(html! {
        @if !missing.is_empty() || !agreed.is_empty() {
            h2 id="terms" { (visitor.text("terms.title")) }
        }
        @if !missing.is_empty() {
            p.warning { (visitor.text("terms.missing")) }
            ul.plain {
                @for term in &missing {
                    li { a href={ "/terms/" (term.id) } { (term.title) } }
                }
            }
        }
        ul.plain {
            @for agreement in &agreed {
                li {
                    a href={ "/terms/" (agreement.row.term) } { (agreement.term.title) } " "
                    span.hint {
                        (version(visitor, agreement.term.version)) ", "
                        (visitor.text("terms.agreed_at")) " "
                        (format::time(visitor.language, agreement.row.agreed_at, visitor.site.zone))
                    }
                }
            }
        }
    })
}

/// Returns the number of a version, in words.
pub(super) fn version(visitor: &Visitor, version: u32) -> String {
    visitor.fill("terms.version", &[("n", &format::number(version))])
}

async fn list(state: web::Data<AppState>, visitor: Visitor) -> Result<HttpResponse, ApiError> {
    let mut of_kinds = Vec::new();
    for kind in TermKind::ALL {
        let filter = TermFilter { kind: Some(kind), of: TermsOf::NoClass };
        let terms = state.terms.list(filter, None, SHOWN).await?;
        if !terms.is_empty() {
            of_kinds.push((kind, terms));
        }
    }
    let title = visitor.text("terms.title");
    let main = html! {
        h1 { (title) }
        @if of_kinds.is_empty() { p.empty { (visitor.text("terms.none")) } }
        @for (kind, terms) in &of_kinds {
            h2 { (kind_text(&visitor, *kind)) }
            ul.plain {
                @for term in terms {
                    li {
                        a href={ "/terms/" (term.id) } { (term.title) } " "
                        span.hint { (necessity(&visitor, term)) }
                    }
                }
            }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main)))
}

async fn show(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<TermId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let term = state.terms.term(id).await?;
    let current = match term.is_current {
        true => Some(id),
        false => state.terms.current_of(&term).await?,
    };
    let account = visitor.caller.filter(|caller| !caller.guest);
    let agreed_at = match account {
        Some(caller) => state.terms.agreed_at(caller.user, id).await?,
        None => None,
    };
    let main = html! {
        p.back { a href="/terms" { (visitor.text("terms.title")) } }
        h1 { (term.title) }
        p.hint {
            (kind_text(&visitor, term.kind)) " · " (version(&visitor, term.version)) " · "
            (format::time(visitor.language, term.created_at, visitor.site.zone))
        }
        @if !term.is_current {
            p.warning {
                (visitor.text(if current.is_some() { "terms.replaced" } else { "terms.retired" }))
                @if let Some(current) = current {
                    " " a href={ "/terms/" (current) } { (visitor.text("terms.to_current")) }
                }
            }
        }
        (text(&term))
        @if let Some(at) = agreed_at {
            p { (visitor.text("terms.agreed_at")) " " (format::time(visitor.language, at, visitor.site.zone)) }
        } @else if account.is_some() && term.is_current {
            form.stack method="post" action={ "/terms/" (id) "/agree" } {
                button.button { (visitor.text("terms.agree")) }
            }
        }
    };
    let page = Page::new(&term.title).main(main).notice(query.notice.as_deref());
    Ok(layout::render(&visitor, page))
}

/// Renders the text of a version: plain, with its line breaks.
pub(super) fn text(term: &TermRow) -> Markup {
    html! { div.plain-text { (term.content) } }
}

#[derive(Deserialize)]
struct Nothing {}

async fn agree(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<TermId>,
    _: Form<Nothing>,
) -> Result<HttpResponse, ApiError> {
    state.terms.agree(visitor.caller()?, id, None, visitor.now).await?;
    Ok(see_other(&format!("/terms/{id}?notice=agreed")))
}
