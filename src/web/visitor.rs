//! The person in front of the browser: the language, and the account or guest that the cookies name.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use crate::accounts::Caller;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::cookie_caller;
use crate::http::state::AppState;
use crate::inventory::TimestampMs;
use crate::web::cookies;
use crate::web::language::Language;
use crate::web::site::Site;

/// A visitor of a page.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) language: Language,
    /// `None` for a browser without a session.
    pub(crate) caller: Option<Caller>,
    /// The requested path with its query, to return to after signing in.
    pub(crate) here: String,
    pub(crate) site: web::Data<Site>,
    /// The time of the request, by the server's clock.
    pub(crate) now: TimestampMs,
}

impl Visitor {
    /// Reads the visitor from the request; a session that is not valid counts as none.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
        let site = request.app_data::<web::Data<Site>>().expect("the server sets the site").clone();
        // A session that this request renewed counts already.
        let renewed = request.extensions().get::<cookies::Renewed>().map(|renewed| renewed.caller);
        Self {
            language: Language::of(request),
            caller: renewed.or_else(|| cookie_caller(request)),
            here: request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            site,
            now: state.clock.now_ms(),
        }
    }

    /// Returns a text in the visitor's language.
    pub(crate) fn text(&self, key: &'static str) -> &'static str {
        self.language.text(key)
    }

    /// Returns a text in the visitor's language with its `{placeholders}` filled in.
    pub(crate) fn fill(&self, key: &'static str, values: &[(&str, &str)]) -> String {
        self.language.fill(key, values)
    }

    /// True for administrators.
    pub(crate) fn is_admin(&self) -> bool {
        self.caller.is_some_and(Caller::is_admin)
    }

    /// True for visitors who signed in to an account.
    pub(crate) fn has_account(&self) -> bool {
        self.caller.is_some_and(|caller| !caller.guest)
    }

    /// Returns the kind of session for scripts.
    pub(crate) fn kind(&self) -> &'static str {
        match self.caller {
            None => "none",
            Some(_) if self.has_account() => "account",
            Some(_) => "guest",
        }
    }

    /// Returns the caller.
    ///
    /// # Errors
    /// The visitor has to sign in first; the page of this error leads there and back.
    pub(crate) fn caller(&self) -> Result<Caller, ApiError> {
        self.caller.ok_or_else(|| ApiError::of(ErrorCode::Unauthorized))
    }

    /// Returns the caller, who must be an administrator.
    ///
    /// # Errors
    /// As [`Self::caller`]; the page of refusal for everyone else.
    pub(crate) fn admin(&self) -> Result<Caller, ApiError> {
        let caller = self.caller()?;
        if caller.is_admin() { Ok(caller) } else { Err(ApiError::of(ErrorCode::Forbidden)) }
    }
}

impl FromRequest for Visitor {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}
