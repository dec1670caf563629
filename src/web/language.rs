//! The language of a page: the choice of one by cookie or browser, and the texts for scripts.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::accepted_language;
use crate::http::state::AppState;
pub(crate) use crate::language::{Language, fill};
use crate::web::forms::{Form, local_path, see_other};
use crate::web::visitor::Visitor;

/// Name of the cookie that holds the choice.
const COOKIE: &str = "language";

impl Language {
    /// Returns the texts of scripts as JSON, without the prefix of their keys, and beside them the
    /// sentences about refusals with these codes.
    pub(crate) fn for_scripts(self, refusals: &[ErrorCode]) -> String {
        let of_scripts = |(key, text): (&'static str, _)| Some((key.strip_prefix("js.")?, text));
        let is_wanted = |(key, _): &(&str, &str)| {
            let name = key.trim_start_matches("error.");
            let code = name.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '_');
            refusals.iter().any(|wanted| wanted.as_str() == code)
        };
        let texts: std::collections::BTreeMap<&str, &str> = self
            .below("error.")
            .filter(is_wanted)
            .chain(self.below("js.").filter_map(of_scripts))
            .collect();
        serde_json::to_string(&texts).expect("texts are JSON")
    }

    /// Returns the language of a request: the cookie's, else the browser's first known one.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let chosen = request.cookie(COOKIE).and_then(|cookie| Self::by_tag(cookie.value()));
        chosen.or_else(|| accepted_language(request)).unwrap_or(Self::English)
    }
}

/// Adds the route that keeps the choice.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/language").post(choose));
}

#[derive(Deserialize)]
struct Choice {
    language: String,
    #[serde(default)]
    back: String,
}

async fn choose(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(choice): Form<Choice>,
) -> Result<HttpResponse, ApiError> {
    let mut response = see_other(local_path(&choice.back));
    if let Some(language) = Language::by_tag(&choice.language) {
        if let Some(caller) = visitor.caller {
            // Mails are in the language of the pages.
            state.accounts.note_language(caller.user, language).await?;
        }
        let cookie = Cookie::build(COOKIE, language.tag())
            .path("/")
            .same_site(SameSite::Lax)
            .http_only(true)
            .max_age(actix_web::cookie::time::Duration::days(365))
            .finish();
        let _ = response.add_cookie(&cookie);
    }
    Ok(response)
}
