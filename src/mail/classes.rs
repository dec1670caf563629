//! Mails about applications for classes. All that they say beside the kind of the message is read when
//! the mail is made: the class, the reason in words, the place in line, the fee and the ticket.

use minijinja::context;

use super::compose::{Composer, Draft};
use super::documents;
use super::orders;
use super::outcome::ComposeError;
use super::words::paragraph;
use crate::inventory::TimestampMs;
use crate::language::{Language, format};
use crate::store::{
    EnrollmentRow, EnrollmentState, EventRow, Person, ReservationRow, ReservationState,
};
use crate::ticket_documents::online_place;

/// An application with what belongs to it.
struct Application {
    row: EnrollmentRow,
    class: EventRow,
    /// The reservation of its place, if it has or had one.
    place: Option<ReservationRow>,
}

impl Application {
    /// The reservation of a place that is paid for, or that costs nothing.
    fn sure_place(&self) -> Option<&ReservationRow> {
        self.place.as_ref().filter(|place| place.state == ReservationState::Confirmed)
    }

    /// Checks that the mail does not come too late: it must not say what is not so any more.
    fn check_current(&self, draft: &Draft<'_>) -> Result<(), ComposeError> {
        let row = &self.row;
        let is_current = match draft.letter.kind.as_str() {
            "enrollment.applied" => row.status != EnrollmentState::Canceled,
            "enrollment.approved" | "enrollment.promoted" => {
                row.status == EnrollmentState::Approved
            }
            "enrollment.waitlisted" => row.rank.is_some(),
            "enrollment.offered" => {
                let told = draft.body.maybe_time("expiresAt");
                let until = row.offer_expires_at.filter(|until| *until > draft.now);
                until.is_some_and(|until| told.is_none_or(|told| told == until))
            }
            "enrollment.rejected" => row.status == EnrollmentState::Rejected,
            "enrollment.canceled" => row.status == EnrollmentState::Canceled,
            kind => return Err(ComposeError::Impossible(format!("{kind} is about no class"))),
        };
        if !is_current {
            return Err(ComposeError::Nothing("the application has moved on since"));
        }
        // A late payment revives a place, and has a mail of its own, with the ticket.
        let is_revived = draft.letter.kind == "enrollment.approved"
            && draft.body.amount(&["fee"]).is_none()
            && self.sure_place().is_some_and(|place| place.payment.is_some());
        match is_revived {
            true => Err(ComposeError::Nothing("the mail about the payment says it")),
            false => Ok(()),
        }
    }
}

impl Composer {
    /// Finds the values for a mail about an application.
    pub(super) async fn about_class(
        &self,
        draft: &mut Draft<'_>,
        person: &Person,
    ) -> Result<(), ComposeError> {
        let application = self.application(draft).await?;
        application.check_current(draft)?;
        let (row, class) = (&application.row, &application.class);
        draft.values.insert("event", self.event_value(draft.language, class));
        let url = self.links().to(&format!("/enrollments/{}", row.id));
        draft.values.insert("url", url.into());
        self.add_reason(draft, row).await?;
        match draft.letter.kind.as_str() {
            "enrollment.applied" => {
                let is_open = row.status == EnrollmentState::Applied;
                draft.values.insert("is_open", is_open.into());
            }
            "enrollment.waitlisted" => {
                let rank = row.rank.unwrap_or_default();
                let line = self.store().enrollment_line_place(row.class, rank).await?;
                draft.values.insert("position", line.position.into());
            }
            "enrollment.offered" => {
                self.add_offer(draft, class, row.offer_expires_at.unwrap_or_default());
            }
            "enrollment.approved" | "enrollment.promoted" => {
                self.add_place(draft, person, &application).await?;
            }
            "enrollment.canceled" => self.add_end(draft, &application),
            _ => {}
        }
        self.add_claim_code(draft, person).await
    }

    async fn application(&self, draft: &Draft<'_>) -> Result<Application, ComposeError> {
        let lacks = |what: &str| ComposeError::Impossible(format!("no such {what}"));
        let row = self.store().enrollment_get(draft.body.id("enrollmentId")?).await?;
        let row = row.filter(|row| row.user == draft.letter.user);
        let row = row.ok_or_else(|| lacks("application"))?;
        let class = self.event(row.class).await?;
        let class = self.as_shown(draft.language, class).await?;
        let place = self.store().reservation_get(row.id.reservation()).await?;
        Ok(Application { row, class, place })
    }

    /// Adds the reason of the present status in the organiser's words, if one was given.
    async fn add_reason(
        &self,
        draft: &mut Draft<'_>,
        row: &EnrollmentRow,
    ) -> Result<(), ComposeError> {
        let is_own = row.cause.as_deref() == Some("CUSTOMER");
        let Some(reason) = row.reason.filter(|_| !is_own) else { return Ok(()) };
        // The words are gone if their author has left.
        if let Some((_, words)) = self.store().reasons_get(&[reason]).await?.pop() {
            draft.values.insert("reason", paragraph(&words).into());
        }
        Ok(())
    }

    fn add_offer(&self, draft: &mut Draft<'_>, class: &EventRow, until: TimestampMs) {
        let deadline = format::date_time(draft.language, until, self.zone_of(class));
        draft.values.insert("deadline", deadline.into());
        let of_class = || class.products.first().map(|product| product.price);
        let fee = draft.body.amount(&["fee"]).or_else(of_class);
        if let Some(fee) = fee.filter(|fee| *fee > 0) {
            let fee = format::money(draft.language, fee, &class.currency);
            draft.values.insert("fee", fee.into());
        }
    }

    /// Adds what a person with a place does next: pays for it by its deadline, or keeps the ticket.
    async fn add_place(
        &self,
        draft: &mut Draft<'_>,
        person: &Person,
        application: &Application,
    ) -> Result<(), ComposeError> {
        let class = &application.class;
        let written = (draft.language, self.zone_of(class));
        let waits = |place: &&ReservationRow| place.state == ReservationState::PaymentPending;
        if let Some(place) = application.place.as_ref().filter(waits) {
            let pay = context! {
                fee => format::money(written.0, place.total_price, &class.currency),
                by => format::date_time(written.0, place.pay_by, written.1),
                url => self.links().to(&format!("/orders/{}", place.id)),
            };
            draft.values.insert("pay", pay);
        }
        let is_free = |place: &&ReservationRow| place.total_price == 0;
        let Some(place) = application.sure_place().filter(is_free) else { return Ok(()) };
        let tickets = self.store().ticket_list_of(place.id).await?;
        let tickets = self.place_names().of_tickets(class, &tickets).await?;
        draft.values.insert("tickets", orders::tickets(draft.language, &tickets));
        let holder = person.name.clone().unwrap_or_else(|| person.email.clone());
        let url = self.event_url(class);
        let drawn = documents::of_order(self.threads(), written, class, holder, tickets, url);
        draft.parts = drawn.await?;
        Ok(())
    }

    /// Adds why an application ended, and what of the fee goes back.
    fn add_end(&self, draft: &mut Draft<'_>, application: &Application) {
        let cause = application.row.cause.clone().unwrap_or_default();
        let place = application.place.as_ref();
        draft.values.insert("cause", cause.into());
        draft.values.insert("had_place", place.is_some().into());
        let is_paid = place.is_some_and(|place| place.payment.is_some());
        draft.values.insert("is_paid", is_paid.into());
        let refund = place.and_then(orders::refund_of_row);
        if let Some(refund) = refund {
            let refund = format::money(draft.language, refund, &application.class.currency);
            draft.values.insert("refund", refund.into());
        }
    }

    /// Returns a class as mails show it: the place of one that is online begins with that word. Events
    /// stay as they are.
    pub(super) async fn as_shown(
        &self,
        language: Language,
        mut event: EventRow,
    ) -> Result<EventRow, ComposeError> {
        if event.is_class {
            let class = self.store().class_get(event.id).await?;
            if class.is_some_and(|class| class.is_online) {
                event.details.venue = online_place(language, &event.details.venue);
            }
        }
        Ok(event)
    }
}
