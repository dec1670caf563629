//! The person in front of the browser: the language, and the account or guest that the cookies name.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use crate::accounts::{Access, Caller};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Granted, cookie_access};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::roles::{Permission, Scope};
use crate::store::GrantRole;
use crate::web::cookies;
use crate::web::language::Language;
use crate::web::site::Site;

/// A visitor of a page.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) language: Language,
    /// `None` for a browser without a session.
    pub(crate) caller: Option<Caller>,
    /// What the session's token proves.
    pub(crate) access: Option<Access>,
    /// True if the session could not be renewed, and may live.
    may_have_session: bool,
    /// True if this instance has heard lately which sessions have ended.
    knows_sessions: bool,
    /// The requested path with its query, to return to after signing in.
    pub(crate) here: String,
    pub(crate) site: web::Data<Site>,
    /// The roles of the visitor, for the offerings of each.
    pub(crate) roles: Vec<(GrantRole, Option<OfferingId>)>,
    /// What the gate has found, on pages of staff.
    pub(crate) granted: Option<Granted>,
    /// The time of the request, by the server's clock.
    pub(crate) now: TimestampMs,
}

impl Visitor {
    /// Reads the visitor from the request; a session that is not valid counts as none.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
        let site = request.app_data::<web::Data<Site>>().expect("the server sets the site").clone();
        // A session that this request renewed counts already.
        let renewed = request.extensions().get::<cookies::Renewed>().cloned();
        let access = match renewed {
            Some(renewed) => state.accounts.access(&renewed.access).ok(),
            None => cookie_access(request),
        };
        let caller = access.map(|access| access.caller);
        Self {
            language: Language::of(request),
            roles: caller.map_or_else(Vec::new, |caller| roles_of(state, caller)),
            granted: Granted::of(request),
            caller,
            access,
            may_have_session: request.extensions().get::<cookies::NotRenewed>().is_some(),
            knows_sessions: state.accounts.knows_revocations(),
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

    /// True if the visitor may do that with any offering.
    pub(crate) fn has(&self, permission: Permission) -> bool {
        self.roles.iter().any(|(role, _)| permission.is_of(*role))
    }

    /// True if the visitor may do that with an offering.
    pub(crate) fn may(&self, permission: Permission, offering: OfferingId) -> bool {
        let is_of = |of: Option<OfferingId>| of.is_none_or(|of| of == offering);
        self.roles.iter().any(|(role, of)| permission.is_of(*role) && is_of(*of))
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
    /// The visitor has to sign in first; the page of this error leads there and back. Or the session
    /// could not be renewed.
    pub(crate) fn caller(&self) -> Result<Caller, ApiError> {
        let code = match self.may_have_session {
            true => ErrorCode::Unavailable,
            false => ErrorCode::Unauthorized,
        };
        self.caller.ok_or_else(|| ApiError::of(code))
    }

    /// Returns the caller of a page of staff, whom the gate has let through.
    ///
    /// # Errors
    /// As [`Self::caller`]; the page of refusal for everyone else.
    pub(crate) fn staff(&self) -> Result<Caller, ApiError> {
        let caller = self.caller()?;
        if self.granted.is_none() {
            return Err(ApiError::of(ErrorCode::Forbidden));
        }
        Ok(caller)
    }

    /// Returns the caller, for a page that moves money or needs a right.
    ///
    /// # Errors
    /// As [`Self::caller`]; this instance may not have heard that the session has ended.
    pub(crate) fn payer(&self) -> Result<Caller, ApiError> {
        let caller = self.caller()?;
        if self.knows_sessions {
            return Ok(caller);
        }
        Err(ApiError::of(ErrorCode::Unavailable))
    }

    /// Returns the offerings that this page of staff may show.
    pub(crate) fn scope(&self) -> Scope {
        let none = || Scope::Some(Vec::new());
        self.granted.as_ref().map_or_else(none, |granted| granted.scope.clone())
    }
}

fn roles_of(state: &AppState, caller: Caller) -> Vec<(GrantRole, Option<OfferingId>)> {
    if caller.guest { Vec::new() } else { state.accounts.roles().of(caller.user) }
}

impl FromRequest for Visitor {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}
