//! The frame of every page: head, header, footer, notices, and the texts for scripts.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::http::error::ErrorCode;
use crate::http::respond::rfc3339;
use crate::roles::Permission;
use crate::web::forms::local_path;
use crate::web::language::Language;
use crate::web::visitor::Visitor;

/// A page to render.
pub(crate) struct Page<'a> {
    title: &'a str,
    main: Markup,
    scripts: Vec<&'a str>,
    preloads: &'static [&'static str],
    notice: Option<&'a str>,
    class: &'static str,
    refusals: &'static [ErrorCode],
    reload_s: Option<u32>,
    frame: Frame,
}

/// What surrounds the content of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// The shop's header and footer.
    Shop,
    /// Nothing: the content has its own `main`.
    Bare,
    /// As [`Self::Bare`], and dark whichever colours the system asks for.
    Dark,
}

impl<'a> Page<'a> {
    /// An empty page with a title.
    pub(crate) fn new(title: &'a str) -> Self {
        Self {
            title,
            main: Markup::default(),
            scripts: Vec::new(),
            preloads: &[],
            notice: None,
            class: "",
            refusals: &[],
            reload_s: None,
            frame: Frame::Shop,
        }
    }

    /// Sets the content.
    pub(crate) fn main(self, main: Markup) -> Self {
        Self { main, ..self }
    }

    /// Adds a script module by the name of its file.
    pub(crate) fn script(mut self, file: &'a str) -> Self {
        self.scripts.push(file);
        self
    }

    /// Names the modules that the page's script imports, so that the browser need not find them one
    /// after the other.
    pub(crate) fn preload(self, modules: &'static [&'static str]) -> Self {
        Self { preloads: modules, ..self }
    }

    /// Shows a notice of what the visitor has just done: the part of a key behind `notice.`, as the
    /// query of a redirect names it. Unknown ones show nothing.
    pub(crate) fn notice(self, name: Option<&'a str>) -> Self {
        Self { notice: name, ..self }
    }

    /// Hands the sentences about refusals with these codes to the page's script.
    pub(crate) fn refusals(self, refusals: &'static [ErrorCode]) -> Self {
        Self { refusals, ..self }
    }

    /// Sets the class of the body, for pages with a layout of their own.
    pub(crate) fn class(self, class: &'static str) -> Self {
        Self { class, ..self }
    }

    /// Loads the page again after so many seconds in browsers without scripts.
    pub(crate) fn reload_without_scripts(self, seconds: Option<u32>) -> Self {
        Self { reload_s: seconds, ..self }
    }

    /// Leaves the shop's header and footer out; the content is the whole body, with its own `main`.
    pub(crate) fn bare(self) -> Self {
        Self { frame: Frame::Bare, ..self }
    }

    /// As [`Self::bare`], and dark whichever colours the system asks for.
    pub(crate) fn dark(self) -> Self {
        Self { frame: Frame::Dark, ..self }
    }
}

/// Renders a page.
#[expect(clippy::needless_pass_by_value, reason = "a page is built for this one call")]
pub(crate) fn render(visitor: &Visitor, page: Page<'_>) -> HttpResponse {
    let (site, language) = (&visitor.site, visitor.language);
    // A registration may lead to any page of this server. Other notices are the page's own choice.
    let asked = page.notice.map_or_else(|| asked_notice(&visitor.here), |name| Some(name.into()));
    let notice = asked.and_then(|name| language.find(&format!("notice.{name}")));
    let markup = html! {
        (DOCTYPE)
        html lang=(language.tag()) data-session=(visitor.kind())
            data-server-time=(rfc3339(visitor.now))
            data-theme=[(page.frame == Frame::Dark).then_some("dark")]
        {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · " (site.name) }
                link rel="icon" href=(site.assets.url("icon.svg")) type="image/svg+xml";
                link rel="manifest" href="/site.webmanifest";
                link rel="stylesheet" href=(site.assets.url("admitone.css"));
                link rel="stylesheet" href=(site.assets.url("brand.css"));
                @if let Some(seconds) = page.reload_s {
                    noscript { meta http-equiv="refresh" content=(seconds); }
                }
                @for module in page.preloads {
                    link rel="modulepreload" href=(site.assets.url(module));
                }
                @for script in &page.scripts {
                    script type="module" src=(site.assets.url(script)) {}
                }
            }
            body class=(page.class) {
                @match page.frame {
                    Frame::Bare | Frame::Dark => (page.main),
                    Frame::Shop => {
                        a.skip href="#content" { (visitor.text("frame.skip")) }
                        (header(visitor))
                        @if let Some(notice) = notice {
                            p.notice role="status" { (notice) }
                        }
                        main id="content" tabindex="-1" { (page.main) }
                        (footer(visitor))
                    }
                }
                @if !page.scripts.is_empty() {
                    script type="application/json" id="strings" {
                        (PreEscaped(for_script_element(&language.for_scripts(page.refusals))))
                    }
                }
            }
        }
    };
    HttpResponse::Ok().content_type(ContentType::html()).body(markup.into_string())
}

/// Returns the notice about a registration that the query of an address asks for.
fn asked_notice(here: &str) -> Option<Cow<'_, str>> {
    let (_, query) = here.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let asked = pairs.find(|(name, _)| name == "notice").map(|(_, notice)| notice);
    asked.filter(|notice| notice.starts_with("account_made"))
}

/// Makes JSON safe inside a script element, which ends at the first `</` in it.
pub(crate) fn for_script_element(json: &str) -> String {
    json.replace('<', "\\u003c")
}

fn header(visitor: &Visitor) -> Markup {
    let site = &visitor.site;
    html! {
        header.top {
            a.brand href="/" {
                @if let Some(logo) = site.logo {
                    img src=(site.assets.url(logo)) alt="" height="28";
                }
                span { (site.name) }
            }
            nav aria-label=(visitor.text("frame.navigation")) {
                a href="/" { (visitor.text("frame.events")) }
                a href="/classes" { (visitor.text("frame.classes")) }
                a href="/articles" { (visitor.text("articles.title")) }
                a href="/basket" { (visitor.text("frame.basket")) }
                a href="/tickets" { (visitor.text("frame.tickets")) }
                @if visitor.has(Permission::ReadOrders) {
                    a href="/organiser" { (visitor.text("frame.organiser")) }
                }
                @if visitor.has(Permission::Door) {
                    a href="/door" { (visitor.text("frame.door")) }
                }
                @if visitor.has_account() {
                    a href="/account" { (visitor.text("frame.account")) }
                } @else {
                    a href="/sign-in" { (visitor.text("frame.sign_in")) }
                }
            }
        }
    }
}

fn footer(visitor: &Visitor) -> Markup {
    html! {
        footer.bottom {
            form method="post" action="/language" {
                input type="hidden" name="back" value=(local_path(&visitor.here));
                @for language in Language::ALL {
                    @if language == visitor.language {
                        span aria-current="true" lang=(language.tag()) { (language.name()) }
                    } @else {
                        button.link name="language" value=(language.tag()) lang=(language.tag()) {
                            (language.name())
                        }
                    }
                }
            }
            p.fine {
                a href="/claim" { (visitor.text("frame.claim")) }
                " · "
                a href="/terms" { (visitor.text("terms.title")) }
                " · "
                a href="/api-docs/" { (visitor.text("frame.api")) }
            }
        }
    }
}
