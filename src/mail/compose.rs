//! Makes the mail for a letter: finds the person, what the mail is about, and the words. It sends
//! nothing.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use minijinja::{Value, context};

use super::body::Body;
use super::letter::{INVITATION, Letter};
use super::links::Links;
use super::orders::{self, Order};
use super::outcome::ComposeError;
use super::parts::MailerParts;
use super::words::{Templates, Written, one_line};
use crate::accounts::{Accounts, GuestContact};
use crate::config::Config;
use crate::ids::{OfferingId, PaymentId, ReservationId};
use crate::inventory::{SaleState, TimestampMs};
use crate::language::{Language, format};
use crate::offerings::PlaceNames;
use crate::quiet_threads::{QuietThreads, Share};
use crate::store::{
    EventDetails, EventRow, KeptPart, PaymentMethod, PaymentRow, PaymentState, Person,
    ReservationState, Store, auto_payment_id,
};

/// A mail, ready to be sent.
pub(super) struct Mail {
    pub(super) to: Person,
    pub(super) subject: String,
    pub(super) plain: String,
    pub(super) html: String,
    pub(super) parts: Vec<KeptPart>,
}

/// What those with places in a class hear as news of their application.
const OF_APPLICATIONS: [&str; 3] =
    ["reservation.created", "reservation.expired", "reservation.cancelled"];

/// The values of a template by name.
pub(super) type Values = BTreeMap<&'static str, Value>;

/// Makes mails.
pub(super) struct Composer {
    parts: MailerParts,
    templates: Templates,
    links: Links,
    threads: QuietThreads,
    shop: String,
    pub(super) zone: Tz,
}

/// The mail that is being made.
pub(super) struct Draft<'a> {
    pub(super) letter: &'a Letter,
    pub(super) body: Body<'a>,
    pub(super) language: Language,
    pub(super) now: TimestampMs,
    pub(super) values: Values,
    pub(super) parts: Vec<KeptPart>,
}

impl Composer {
    /// Returns a composer.
    pub(super) fn new(config: &Config, parts: MailerParts, links: Links) -> Self {
        let (shop, zone) = (one_line(&config.shop_name), format::zone(&config.time_zone));
        let threads = QuietThreads::half(Share::Ninth);
        Self { parts, templates: Templates::new(), links, threads, shop, zone }
    }

    /// Makes the mail for a letter.
    ///
    /// # Errors
    /// There is nothing to send, or the mail cannot be made.
    pub(super) async fn compose(
        &self,
        letter: &Letter,
        now: TimestampMs,
    ) -> Result<Mail, ComposeError> {
        if !self.templates.has(&letter.kind) {
            return Err(ComposeError::Nothing("no mail for this kind of message"));
        }
        let person = match letter.kind.as_str() {
            INVITATION => self.invited(letter).await?,
            _ => self.parts.store.people([letter.user]).await?.remove(&letter.user),
        };
        let gone = ComposeError::Nothing("the person was erased, or has left no address");
        let person = person.filter(|person| person.address().is_some()).ok_or(gone)?;
        let known = person.language.as_deref().and_then(Language::by_tag);
        let language = known.unwrap_or(Language::English);
        let mut values = Values::from([
            ("shop", self.shop.as_str().into()),
            ("language", language.tag().into()),
            ("home", self.links.to("/").into()),
        ]);
        if let Some(name) = &person.name {
            values.insert("name", one_line(name).into());
        }
        let body = Body(&letter.body);
        let mut draft = Draft { letter, body, language, now, values, parts: Vec::new() };
        self.fill_in(&mut draft, &person).await?;
        let values = Value::from_serialize(&draft.values);
        let Written { subject, plain, html } =
            self.templates.write(&letter.kind, language, &values)?;
        Ok(Mail { to: person, subject, plain, html, parts: draft.parts })
    }

    /// Finds the values for the kind of a letter.
    async fn fill_in(&self, draft: &mut Draft<'_>, person: &Person) -> Result<(), ComposeError> {
        let kind = draft.letter.kind.as_str();
        match kind.split_once('.').map_or(kind, |(area, _)| area) {
            "reservation" | "payment" | "tickets" => self.about_order(draft, person).await,
            "event" => self.about_event(draft).await,
            "enrollment" => self.about_class(draft, person).await,
            "waitlist" => self.about_offer(draft).await,
            _ => self.about_account(draft).await,
        }
    }

    async fn about_order(
        &self,
        draft: &mut Draft<'_>,
        person: &Person,
    ) -> Result<(), ComposeError> {
        let store = &self.parts.store;
        let row = store.reservation_get(draft.body.id("reservationId")?).await?;
        let row = row.filter(|row| row.user == draft.letter.user);
        let row = row.ok_or_else(|| ComposeError::Impossible("no such reservation".into()))?;
        let kind = draft.letter.kind.as_str();
        // A mail that comes late must not say what is not so any more.
        match (kind, row.state) {
            ("reservation.created", ReservationState::PaymentPending)
            | ("reservation.confirmed", ReservationState::Confirmed) => {}
            ("reservation.created", _) => {
                return Err(ComposeError::Nothing("the order waits for no payment any more"));
            }
            ("reservation.confirmed", _) => {
                return Err(ComposeError::Nothing("the order was cancelled since"));
            }
            ("reservation.expired", _) => self.expect_no_payment(row.id).await?,
            ("payment.failed", ReservationState::Confirmed) => {
                return Err(ComposeError::Nothing("the order was paid since"));
            }
            ("payment.failed", _) => self.expect_unwatched(&draft.body, row.id).await?,
            _ => {}
        }
        let event = self.event(row.offering).await?;
        if event.is_class && OF_APPLICATIONS.contains(&kind) {
            return Err(ComposeError::Nothing("the mail about the application says it"));
        }
        let event = self.as_shown(draft.language, event).await?;
        let written = (draft.language, self.zone_of(&event));
        let lines = self.parts.places.of_lines(&event, &row.lines).await?;
        let order = Order { row: &row, event: &event, lines: &lines, links: &self.links };
        draft.values.insert("event", self.event_value(draft.language, &event));
        draft.values.insert("order", order.value(written));
        if kind == "reservation.cancelled" && event.sale_state == SaleState::Cancelled {
            draft.values.insert("event_is_off", true.into());
        }
        let refund = orders::refund(&row, &draft.body, kind);
        if let Some(refund) = refund {
            let refund = format::money(draft.language, refund, &event.currency);
            draft.values.insert("refund", refund.into());
        }
        if let Some(method) = draft.body.maybe_text("method") {
            draft.values.insert("method", method.into());
        }
        if let Some(reason) = draft.body.maybe_text("reason") {
            draft.values.insert("reason", one_line(reason).into());
        }
        self.add_claim_code(draft, person).await?;
        if kind == "tickets.cancelled" {
            let ids: Vec<uuid::Uuid> = draft.body.list("ticketIds")?;
            let mut tickets = store.ticket_list_of(row.id).await?;
            tickets.retain(|ticket| ids.contains(&ticket.id));
            let tickets = self.parts.places.of_tickets(&event, &tickets).await?;
            draft.values.insert("tickets", orders::tickets(draft.language, &tickets));
        }
        if kind == "reservation.confirmed" {
            let tickets = store.ticket_list_of(row.id).await?;
            let tickets = self.parts.places.of_tickets(&event, &tickets).await?;
            draft.values.insert("tickets", orders::tickets(draft.language, &tickets));
            let holder = person.name.clone().unwrap_or_else(|| person.email.clone());
            let url = self.event_url(&event);
            let threads = &self.threads;
            draft.parts =
                super::documents::of_order(threads, written, &event, holder, tickets, url).await?;
        }
        Ok(())
    }

    /// Checks that a payment failed without the knowledge of the customer: it was automatic, it waited
    /// for its gateway, or the recovery scan had to take it on. Others are refused in the answer to the
    /// customer's own request.
    async fn expect_unwatched(
        &self,
        body: &Body<'_>,
        reservation: ReservationId,
    ) -> Result<(), ComposeError> {
        let payment: PaymentId = body.id("paymentId")?;
        if payment == auto_payment_id(reservation) {
            return Ok(());
        }
        let found = self.parts.store.payment_get(payment).await?;
        if found.is_some_and(|row| row.is_unwatched) {
            return Ok(());
        }
        Err(ComposeError::Nothing("the customer was told when it failed"))
    }

    /// Checks that no gateway is at work for an order whose time is over: if it succeeds, the order is
    /// confirmed after all, and if not, that has a mail of its own.
    async fn expect_no_payment(&self, reservation: ReservationId) -> Result<(), ComposeError> {
        let payments = self.parts.store.payments_of_reservation(reservation).await?;
        let may_come = |row: &PaymentRow| match row.state {
            // A transfer is waited for no longer than the order.
            PaymentState::Pending => row.method != PaymentMethod::Manual,
            PaymentState::Authorized | PaymentState::Captured => true,
            PaymentState::Created
            | PaymentState::Failed
            | PaymentState::Voided
            | PaymentState::Refunded => false,
        };
        if payments.iter().any(may_come) {
            return Err(ComposeError::Nothing("a payment may still come"));
        }
        Ok(())
    }

    /// Adds the code by which a person without an account finds the orders.
    pub(super) async fn add_claim_code(
        &self,
        draft: &mut Draft<'_>,
        person: &Person,
    ) -> Result<(), ComposeError> {
        if person.name.is_none()
            && let Some(contact) = self.contact(draft.letter).await?
        {
            draft.values.insert("claim_code", contact.claim_code.into());
            draft.values.insert("claim_once", contact.works_once.into());
            draft.values.insert("claim_url", self.links.to("/claim").into());
        }
        Ok(())
    }

    async fn contact(&self, letter: &Letter) -> Result<Option<GuestContact>, ComposeError> {
        self.parts.accounts.guest_contact(letter.user).await.map_err(of_account)
    }

    async fn about_event(&self, draft: &mut Draft<'_>) -> Result<(), ComposeError> {
        let event = self.event_of(draft.letter).await?;
        let zone = self.zone_of(&event);
        let shown = self.as_shown(draft.language, event.clone()).await?;
        draft.values.insert("event", self.event_value(draft.language, &shown));
        if let Some(refund) = draft.body.amount(&["refundAmount", "amount"]) {
            let refund = format::money(draft.language, refund, &event.currency);
            draft.values.insert("refund", refund.into());
        }
        if draft.letter.kind == "event.cancelled" {
            return Ok(());
        }
        if event.sale_state == SaleState::Cancelled {
            return Err(ComposeError::Nothing("the event was cancelled since"));
        }
        let when = draft.body.maybe_time("previousEventDate");
        if let Some(when) = when.filter(|at| *at != event.details.event_date) {
            let when = format::date_time(draft.language, when, zone);
            draft.values.insert("previous_when", when.into());
        }
        let EventDetails { name, venue, .. } = &event.details;
        let mut is_as_it_was = true;
        for (value, field, now) in
            [("previous_name", "previousName", name), ("previous_venue", "previousVenue", venue)]
        {
            let before = draft.body.maybe_text(field).filter(|before| before != now);
            if let Some(before) = before {
                is_as_it_was = false;
                draft.values.insert(value, one_line(before).into());
            }
        }
        if draft.letter.kind == "event.details_changed" {
            let is_over = event.event_end.unwrap_or(event.details.event_date) <= draft.now;
            if is_over || is_as_it_was {
                let why = if is_over { "the event is over" } else { "the event is as it was" };
                return Err(ComposeError::Nothing(why));
            }
        }
        Ok(())
    }

    async fn about_offer(&self, draft: &mut Draft<'_>) -> Result<(), ComposeError> {
        let expires_at = draft.body.time("expiresAt")?;
        if expires_at <= draft.now {
            return Err(ComposeError::Nothing("the offer has expired"));
        }
        let event = self.event_of(draft.letter).await?;
        let deadline = format::date_time(draft.language, expires_at, self.zone_of(&event));
        draft.values.insert("deadline", deadline.into());
        draft.values.insert("event", self.event_value(draft.language, &event));
        Ok(())
    }

    async fn event_of(&self, letter: &Letter) -> Result<EventRow, ComposeError> {
        let lacks = || ComposeError::Impossible("the message lacks its event".into());
        self.event(letter.offering.ok_or_else(lacks)?).await
    }

    pub(super) async fn event(&self, id: OfferingId) -> Result<EventRow, ComposeError> {
        let found = self.parts.store.event_get(id).await?;
        found.ok_or_else(|| ComposeError::Impossible("no such event".into()))
    }

    pub(super) fn event_value(&self, language: Language, event: &EventRow) -> Value {
        context! {
            name => one_line(&event.details.name),
            when => format::date_time(language, event.details.event_date, self.zone_of(event)),
            venue => one_line(&event.details.venue),
            url => self.event_url(event),
            is_class => event.is_class,
        }
    }

    pub(super) fn event_url(&self, event: &EventRow) -> String {
        let place = if event.is_class { "classes" } else { "events" };
        self.links.to(&format!("/{place}/{}", event.id))
    }

    pub(super) fn store(&self) -> &Store {
        &self.parts.store
    }

    pub(super) fn place_names(&self) -> &PlaceNames {
        &self.parts.places
    }

    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    pub(super) fn accounts(&self) -> &Accounts {
        &self.parts.accounts
    }

    pub(super) fn threads(&self) -> &QuietThreads {
        &self.threads
    }

    pub(super) fn zone_of(&self, event: &EventRow) -> Tz {
        event.time_zone.as_deref().map_or(self.zone, format::zone)
    }
}

pub(super) fn of_account(error: crate::accounts::AccountError) -> ComposeError {
    match error {
        crate::accounts::AccountError::Store(error) => ComposeError::Store(error),
        other => ComposeError::Impossible(other.to_string()),
    }
}
