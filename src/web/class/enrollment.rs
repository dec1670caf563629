//! One enrollment as its owner sees it: the state in words, the line, the offer and the fee. The page of
//! a place in line asks again by itself.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::answered::answers;
use super::page::said;
use super::words;
use crate::accounts::Caller;
use crate::classes::{SeenEnrollment, Sender};
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::EnrollmentId;
use crate::inventory::{Attendance, Rejection};
use crate::offerings::refund_of;
use crate::store::{ClassRow, EnrollmentState, ReservationRow, ReservationState};
use crate::web::fields::refusal;
use crate::web::format::{self, money};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// The pause after which the page of a place in line asks again, in seconds.
const ASK_AGAIN_S: u32 = 15;

#[derive(Deserialize)]
pub(super) struct Query {
    notice: Option<String>,
}

/// The owner's enrollment with its class.
pub(super) struct Shown {
    pub(super) caller: Caller,
    pub(super) class: ClassRow,
    pub(super) seen: SeenEnrollment,
}

impl Shown {
    /// Reads it: to administrators too, only their own; others are on the organiser's pages.
    pub(super) async fn read(
        state: &AppState,
        visitor: &Visitor,
        id: EnrollmentId,
    ) -> Result<Self, ApiError> {
        let caller = visitor.caller()?;
        let row = state.classes.enrollment(caller, id).await?;
        let is_own = row.user == caller.user;
        let class = state.classes.class(row.class).await?;
        let seen = state.classes.seen(vec![row]).await?.pop().filter(|_| is_own);
        let seen = seen.ok_or_else(|| ApiError::from(Rejection::EnrollmentNotFound))?;
        Ok(Self { caller, class, seen })
    }

    /// True while it waits in line for a place.
    fn waits(&self) -> bool {
        let row = &self.seen.row;
        row.status == EnrollmentState::Waitlisted && row.offer_expires_at.is_none()
    }
}

pub(super) async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    show(&state, &visitor, id, query.notice.as_deref(), None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: EnrollmentId,
    notice: Option<&str>,
    refused: Option<&ApiError>,
) -> Result<HttpResponse, ApiError> {
    let shown = Shown::read(state, visitor, id).await?;
    let Shown { class, seen, .. } = &shown;
    let refusal_text = refused.map(|failure| said(visitor, class, failure));
    let zone = words::zone(visitor, class);
    let main = html! {
        section.narrow {
            p.back { a href="/enrollments" { (visitor.text("enrollment.title")) } }
            h1 { (visitor.text("enrollment.one")) }
            h2 { a href={ "/classes/" (class.event.id) } { (class.event.details.name) } }
            (words::heading(visitor, class))
            p.facts { (words::state_badge(visitor, &seen.row)) }
            (refusal(refusal_text.as_deref()))
            (standing(state, visitor, &shown).await?)
            @if let Some(reason) = &seen.reason {
                p { (visitor.text(match seen.row.cause.as_deref() {
                    Some("CUSTOMER") => "enrollment.own_reason",
                    _ => "enrollment.reason",
                })) }
                div.plain-text { (reason) }
            }
            (answers(visitor, seen))
            @if seen.row.status == EnrollmentState::Applied && seen.answers.as_ref().is_some_and(|it| it.form.is_some()) {
                p { a.button.quiet href={ "/enrollments/" (id) "/answers" } { (visitor.text("enrollment.change_answers")) } }
            }
            @if !may_cancel(state, &shown) {
                p.fine { (visitor.text("enrollment.no_way_back")) }
            } @else if seen.row.status.is_living() {
                p { a.button.quiet href={ "/enrollments/" (id) "/cancel" } { (visitor.text("enrollment.cancel")) } }
            }
            p.fine {
                (visitor.text("enrollment.applied_at")) " "
                (format::time(visitor.language, seen.row.applied_at, zone))
            }
        }
    };
    let page = Page::new(&class.event.details.name).main(main).script("page.js").notice(notice);
    let mut response = layout::render(visitor, page);
    if let Some(failure) = refused {
        *response.status_mut() = failure.code().status();
    } else if shown.waits() {
        let value = HeaderValue::try_from(format!("{ASK_AGAIN_S}; url=/enrollments/{id}"));
        let value = value.expect("an id is plain text");
        response.headers_mut().insert(header::REFRESH, value);
    }
    Ok(response)
}

/// Renders what the state means, and what to do next.
async fn standing(state: &AppState, visitor: &Visitor, shown: &Shown) -> Result<Markup, ApiError> {
    let Shown { class, seen, .. } = shown;
    let row = &seen.row;
    let zone = words::zone(visitor, class);
    Ok(match row.status {
        EnrollmentState::Applied => html! { p { (visitor.text("enrollment.applied_says")) } },
        EnrollmentState::Waitlisted => match row.offer_expires_at {
            Some(until) => html! {
                section.offer {
                    h3 { (visitor.text("enrollment.offer")) }
                    p {
                        (visitor.text("enrollment.offer_until")) " "
                        time data-countdown data-reload datetime=(rfc3339(until)) {
                            (format::date_time(visitor.language, until, zone))
                        }
                    }
                    form.row method="post" action={ "/enrollments/" (row.id) "/accept" } {
                        input type="hidden" name="key" value={ "accept-" (row.id) };
                        button.button { (visitor.text("enrollment.accept")) }
                    }
                }
            },
            None => html! {
                section.waiting {
                    @if let Some(line) = words::line(visitor, seen) { h3 { (line) } }
                    p { (visitor.text("enrollment.waits_says")) }
                }
            },
        },
        EnrollmentState::Approved => approved(state, visitor, shown).await?,
        EnrollmentState::Rejected => html! { p { (visitor.text("enrollment.rejected_says")) } },
        EnrollmentState::Canceled => html! {
            p { (words::cause(visitor, row.cause.as_deref()).unwrap_or(visitor.text("enrollment.canceled"))) }
            // Where the fee was paid, the order says what is given back.
            @if let Some(order) = seen.reservation.as_ref().filter(|order| order.payment.is_some()) {
                p { a.button.quiet href={ "/orders/" (order.id) } { (visitor.text("orders.order")) } }
            }
        },
    })
}

async fn approved(state: &AppState, visitor: &Visitor, shown: &Shown) -> Result<Markup, ApiError> {
    let Shown { class, seen, .. } = shown;
    let zone = words::zone(visitor, class);
    let Some(reservation) = &seen.reservation else {
        return Ok(html! { p.success { (visitor.text("enrollment.approved_says")) } });
    };
    if reservation.state == ReservationState::PaymentPending {
        let amount = money(visitor.language, reservation.total_price, &class.event.currency);
        return Ok(html! {
            section.offer {
                h3 { (visitor.fill("enrollment.pay", &[("amount", &amount)])) }
                p {
                    (visitor.text("enrollment.pay_until")) " "
                    time data-countdown data-reload datetime=(rfc3339(reservation.pay_by)) {
                        (format::date_time(visitor.language, reservation.pay_by, zone))
                    }
                }
                p { a.button href={ "/orders/" (reservation.id) } { (visitor.text("enrollment.to_payment")) } }
            }
        });
    }
    let tickets = state.offerings.tickets_of(reservation.id).await?;
    let attended = state.classes.attended(class.event.id, &seen.row, state.clock.now_ms()).await;
    Ok(html! {
        p.success { (visitor.text("enrollment.approved_says")) }
        @if let Some(mark) = seen.row.attendance { p { (attendance(visitor, mark)) } }
        p.actions {
            @if attended.is_ok() {
                a.button href={ "/enrollments/" (seen.row.id) "/certificate.pdf" } { (visitor.text("enrollment.certificate")) }
            }
            @for ticket in &tickets {
                a.button href={ "/tickets/" (ticket.id) } { (visitor.text("tickets.ticket")) }
            }
            a.button.quiet href={ "/orders/" (reservation.id) } { (visitor.text("orders.order")) }
        }
    })
}

/// False if the class's terms refuse that the person gives the place back now.
pub(super) fn may_cancel(state: &AppState, shown: &Shown) -> bool {
    let Shown { class, seen, .. } = shown;
    let is_confirmed = |row: &ReservationRow| row.state == ReservationState::Confirmed;
    let has_place = seen.row.status == EnrollmentState::Approved
        && seen.reservation.as_ref().is_some_and(is_confirmed);
    !has_place || refund_of(&class.event, 0, 0, state.clock.now_ms()).is_some()
}

fn attendance(visitor: &Visitor, mark: Attendance) -> String {
    let mark = visitor.text(match mark {
        Attendance::Present => "organiser_class.present",
        Attendance::Late => "organiser_class.late",
        Attendance::Absent => "organiser_class.absent",
    });
    visitor.fill("enrollment.attendance", &[("mark", mark)])
}

#[derive(Deserialize)]
pub(super) struct Accept {
    key: String,
}

pub(super) async fn accept(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
    Form(form): Form<Accept>,
) -> Result<HttpResponse, ApiError> {
    let Shown { caller, class, .. } = Shown::read(&state, &visitor, id).await?;
    let sender = Sender { user: caller.user, key: Some(&form.key) };
    let done = state.classes.accept_place(class.event.id, id, sender).await;
    match done.map_err(ApiError::from) {
        Ok(_) => Ok(see_other(&format!("/enrollments/{id}?notice=place_taken"))),
        Err(failure) if failure.is_refusal() => {
            show(&state, &visitor, id, None, Some(&failure)).await
        }
        Err(failure) => Err(failure),
    }
}
