//! The page of a class, and the application for it.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::application::ApplicationForm;
use super::words;
use crate::classes::{ClassError, ClassStatus, SeenEnrollment, Sender};
use crate::forms::{AnswerProblem, FormError};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::{Promotion, Selection};
use crate::roles::Permission;
use crate::store::{ClassRow, Visibility};
use crate::web::errors::explain;
use crate::web::format;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::refusals::Explainer;
use crate::web::visitor::Visitor;
use crate::web::{form_fields, places};

#[derive(Deserialize)]
pub(super) struct Query {
    notice: Option<String>,
}

pub(super) async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(class): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    let form = ApplicationForm::empty();
    show(&state, &visitor, class, &form, query.notice.as_deref(), None).await
}

/// Why an application was refused, and what is wrong with its answers.
pub(super) struct Refused {
    pub(super) failure: ApiError,
    pub(super) problems: Vec<AnswerProblem>,
}

impl From<ClassError> for Refused {
    fn from(error: ClassError) -> Self {
        let problems = match &error {
            ClassError::Form(FormError::Answers(problems)) => problems.clone(),
            _ => Vec::new(),
        };
        Self { failure: error.into(), problems }
    }
}

/// Shows a class with a form, and the notice or the refusal of what was just done.
async fn show(
    state: &AppState,
    visitor: &Visitor,
    class: OfferingId,
    form: &ApplicationForm,
    notice: Option<&str>,
    refused: Option<&Refused>,
) -> Result<HttpResponse, ApiError> {
    let manages = visitor.may(Permission::Manage, class);
    let class = match manages {
        true => state.classes.class(class).await?,
        false => state.classes.visible(class).await?,
    };
    let status = ClassStatus::of(&class, state.clock.now_ms());
    let details = &class.event.details;
    let main = html! {
        p.back { a href="/classes" { (visitor.text("class.title")) } }
        h1 { (details.name) }
        (words::heading(visitor, &class))
        p.facts {
            (words::badge(visitor, status))
            span.price { (words::fee(visitor, &class)) }
            (words::outlook(visitor, &class, status))
        }
        @if class.visibility == Visibility::Unlisted && class.deleted_at.is_none() {
            p.hint { (visitor.text("class.unlisted")) }
        }
        @if manages {
            p { a href={ "/organiser/classes/" (class.event.id) } { (visitor.text("organiser_class.desk")) } }
        }
        @if !details.description.is_empty() { div.plain-text { (details.description) } }
        (facts(visitor, &class))
        (application(state, visitor, (&class, status), form, refused).await?)
    };
    let page = Page::new(&details.name).main(main).script("page.js");
    let page = page.script(form_fields::SCRIPT).notice(notice);
    let mut response = layout::render(visitor, page);
    if let Some(refused) = refused {
        *response.status_mut() = refused.failure.code().status();
    }
    if class.visibility == Visibility::Unlisted {
        let name = HeaderName::from_static("x-robots-tag");
        response.headers_mut().insert(name, HeaderValue::from_static("noindex"));
    }
    Ok(response)
}

fn facts(visitor: &Visitor, class: &ClassRow) -> Markup {
    let zone = words::zone(visitor, class);
    let sale = class.event.sale;
    html! {
        dl.facts-list {
            @if let Some(at) = sale.start {
                dt { (visitor.text("class.recruits_from")) }
                dd { (format::time(visitor.language, at, zone)) }
            }
            @if let Some(at) = sale.end.or(class.event.event_end) {
                dt { (visitor.text("class.recruits_until")) }
                dd { (format::time(visitor.language, at, zone)) }
            }
            dt { (visitor.text("class.capacity")) }
            dd { (words::count(class.capacity())) }
            @if class.event.products.first().is_some_and(|places| places.price > 0) {
                dt { (visitor.text("class.cancellation")) }
                dd { (places::cancellation(visitor, &class.event)) }
            }
        }
    }
}

/// Renders the person's own enrollment, or the form to apply.
async fn application(
    state: &AppState,
    visitor: &Visitor,
    (class, status): (&ClassRow, ClassStatus),
    form: &ApplicationForm,
    refused: Option<&Refused>,
) -> Result<Markup, ApiError> {
    let id = class.event.id;
    let account = visitor.caller.filter(|caller| !caller.guest);
    let mine = match account {
        Some(caller) => state.classes.enrollments_of(caller, Some(id), None, 1).await?.found.pop(),
        None => None,
    };
    let may_apply =
        mine.as_ref().is_none_or(|seen| !seen.row.status.is_living() && class.rules.allow_reapply);
    let (terms, questions) = match account {
        Some(caller) if may_apply && status == ClassStatus::Recruiting => (
            state.terms.missing_for_application(caller.user, id).await?,
            state.forms.for_application(id).await?,
        ),
        _ => (Vec::new(), None),
    };
    let is_closed = questions.as_ref().is_some_and(|form| !form.form.is_active);
    let problems = refused.map_or(&[][..], |refused| &refused.problems);
    Ok(html! {
        section.choose id="apply" {
            h2 { (visitor.text("class.apply_title")) }
            @if let Some(refused) = refused { (refusal(visitor, class, &refused.failure)) }
            @if let Some(seen) = &mine { (own(visitor, seen)) }
            @if status != ClassStatus::Recruiting {
                p { (visitor.text(match status {
                    ClassStatus::Upcoming => "class.not_yet",
                    ClassStatus::Closed => "class.no_more",
                    ClassStatus::Ended => "class.is_over",
                    ClassStatus::Canceled | ClassStatus::Recruiting => "class.is_canceled",
                })) }
            } @else if may_apply && words::is_full(class) {
                p { (visitor.text("class.full_says")) }
            } @else if may_apply {
                (next(visitor, class))
                @if is_closed {
                    p { (explain(visitor, &ApiError::of(ErrorCode::FormInactive))) }
                } @else if account.is_some() {
                    form.stack method="post" action={ "/classes/" (id) "/apply#apply" } {
                        (form.fields(visitor, questions.as_ref(), problems, &terms))
                        button.button { (visitor.text("class.apply")) }
                    }
                } @else {
                    p { (visitor.text("class.needs_account")) }
                    p.actions {
                        a.button href={ "/sign-in?back=/classes/" (id) } { (visitor.text("class.sign_in")) }
                        a.button.quiet href={ "/register?back=/classes/" (id) } { (visitor.text("account.register")) }
                    }
                }
            } @else if mine.as_ref().is_some_and(|seen| !seen.row.status.is_living()) {
                p { (visitor.text("class.no_second")) }
            }
        }
    })
}

fn own(visitor: &Visitor, seen: &SeenEnrollment) -> Markup {
    html! {
        p.facts {
            (words::state_badge(visitor, &seen.row))
            @if let Some(line) = words::line(visitor, seen) { span { (line) } }
            a href={ "/enrollments/" (seen.row.id) } { (visitor.text("class.to_mine")) }
        }
    }
}

/// Renders what happens once a person has applied.
fn next(visitor: &Visitor, class: &ClassRow) -> Markup {
    let has_fee = class.event.products.first().is_some_and(|places| places.price > 0);
    let can_wait = class.rules.waitlist > 0;
    html! {
        ul {
            li { (visitor.text(match class.rules.selection {
                Selection::FirstCome => "class.next_first_come",
                Selection::Review => "class.next_review",
            })) }
            @if can_wait {
                li { (visitor.text(match (class.rules.selection, class.rules.promotion) {
                    (Selection::FirstCome, Promotion::Auto) => "class.next_line",
                    (Selection::FirstCome, Promotion::Offer) => "class.next_offer",
                    (Selection::Review, Promotion::Auto) => "class.next_review_line",
                    (Selection::Review, Promotion::Offer) => "class.next_review_offer",
                })) }
            }
            @if has_fee {
                li { (visitor.fill("class.next_fee", &[
                    ("amount", &words::fee(visitor, class)),
                    ("time", &length(visitor, class.rules.pay_window_ms)),
                ])) }
            }
        }
    }
}

/// Writes a length of time in days, hours or minutes, the largest of which it is several.
pub(super) fn length(visitor: &Visitor, ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    let (n, key) = match minutes {
        m if m > 1_440 && m % 1_440 == 0 => (m / 1_440, "class.days"),
        m if m > 60 && m % 60 == 0 => (m / 60, "class.hours"),
        m => (m, "class.minutes"),
    };
    visitor.fill(key, &[("n", &words::count(n))])
}

fn refusal(visitor: &Visitor, class: &ClassRow, failure: &ApiError) -> Markup {
    let earlier = failure.details().and_then(|details| details.get("enrollmentId")?.as_str());
    html! {
        p.error role="alert" {
            (said(visitor, class, failure))
            @if let Some(id) = earlier {
                " " a href={ "/enrollments/" (id) } { (visitor.text("class.to_mine")) }
            }
        }
    }
}

pub(super) async fn apply(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(class): Path<OfferingId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let caller = visitor.caller()?;
    let questions = state.forms.for_application(class).await?;
    let mut form = ApplicationForm::read(&pairs, questions.as_ref());
    let sender = Sender { user: caller.user, key: Some(&form.key) };
    let now = state.clock.now_ms();
    let applied = match caller.guest {
        true => {
            let failure = ApiError::of(ErrorCode::AccountRequired);
            Err(Refused { failure, problems: Vec::new() })
        }
        false => {
            let application = form.application(questions.as_ref());
            state.classes.apply(class, sender, application, now).await.map_err(Refused::from)
        }
    };
    match applied {
        Ok(done) => Ok(see_other(&format!("/enrollments/{}?notice=applied", done.enrollment))),
        Err(refused) if is_shown(&refused.failure) => {
            if refused.failure.code() == ErrorCode::KeyReused {
                form.key = ApplicationForm::empty().key;
            }
            show(&state, &visitor, class, &form, None, Some(&refused)).await
        }
        Err(refused) => Err(refused.failure),
    }
}

/// True for refusals that the page of the class or the enrollment says.
pub(super) fn is_shown(failure: &ApiError) -> bool {
    let is_gone =
        matches!(failure.code(), ErrorCode::ClassNotFound | ErrorCode::EnrollmentNotFound);
    failure.is_refusal() && !is_gone
}

/// Returns the sentence of a refusal about a class, with its times on the clocks of the class.
pub(super) fn said(visitor: &Visitor, class: &ClassRow, failure: &ApiError) -> String {
    if failure.code() == ErrorCode::CancellationRefused {
        return visitor.text("enrollment.no_way_back").to_owned();
    }
    Explainer::of(visitor).in_zone(words::zone(visitor, class)).explain(failure)
}
