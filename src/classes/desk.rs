//! Applications as administrators see them: with names, places in line and fees.

use std::collections::{BTreeSet, HashMap};

use crate::classes::{ClassError, Classes};
use crate::ids::{OfferingId, ReservationId, UserId};
use crate::inventory::Minor;
use crate::store::{
    AnswersRow, EnrollmentFilter, EnrollmentRow, EnrollmentSort, Person, ReservationFilter,
    ReservationRow, ReservationState,
};
use crate::text::InvalidField;

/// An enrollment in a list of administrators.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ListedEnrollment {
    pub row: EnrollmentRow,
    /// `None` once the person was erased.
    pub person: Option<Person>,
    pub class_title: String,
    /// The place in line, from 1, while it waits.
    pub position: Option<u64>,
    pub fee: Fee,
    /// The reason of its status, in words.
    pub reason: Option<String>,
    /// The name of the administrator who decided.
    pub decided_by: Option<String>,
    /// Only if they were asked for.
    pub answers: Option<AnswersRow>,
}

/// What is to be paid for a place, and whether it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Fee {
    pub state: FeeState,
    pub amount: Minor,
    pub refunded: Minor,
}

/// Whether the fee of a place was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeState {
    /// Nothing is asked for: there is no place, or it is free.
    None,
    /// To be paid.
    Due,
    /// Paid.
    Paid,
    /// Not paid in time.
    Unpaid,
    /// Paid, and paid back, at least in part.
    Refunded,
}

impl FeeState {
    /// Returns the word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Due => "DUE",
            Self::Paid => "PAID",
            Self::Unpaid => "UNPAID",
            Self::Refunded => "REFUNDED",
        }
    }
}

/// Whether a list has the answers of applicants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum WithAnswers {
    Yes,
    No,
}

impl Classes {
    /// Returns enrollments for administrators, at most `limit`.
    ///
    /// # Errors
    /// [`InvalidField`] for the order of the line without a class; or the store cannot be read.
    pub async fn listed(
        &self,
        filter: &EnrollmentFilter,
        answers: WithAnswers,
        limit: u64,
    ) -> Result<Vec<ListedEnrollment>, ClassError> {
        if filter.sort == EnrollmentSort::Position && filter.class.is_none() {
            let reason = "by position needs mclassId: each class has a line of its own";
            return Err(InvalidField::new("sort", reason).into());
        }
        let rows = self.store.enrollment_list(filter, limit).await?;
        let actors = rows.iter().filter_map(|row| row.decided_by);
        let people = self.store.people(distinct(rows.iter().map(|row| row.user), actors)).await?;
        let titles = self.titles(&rows).await?;
        let places = self.places(&rows).await?;
        let fees = self.fees(&rows).await?;
        let reasons: Vec<_> = rows.iter().filter_map(|row| row.reason).collect();
        let reasons: HashMap<_, _> = match reasons.is_empty() {
            true => HashMap::new(),
            false => self.store.reasons_get(&reasons).await?.into_iter().collect(),
        };
        let ids: Vec<_> = match answers {
            WithAnswers::Yes => rows.iter().filter_map(|row| row.answers).collect(),
            WithAnswers::No => Vec::new(),
        };
        let mut answers: HashMap<_, _> = match ids.is_empty() {
            true => HashMap::new(),
            false => {
                let found = self.store.answers_get(&ids).await?;
                found.into_iter().map(|found| (found.id, found)).collect()
            }
        };
        let seen = |row: EnrollmentRow| ListedEnrollment {
            person: people.get(&row.user).cloned(),
            class_title: titles.get(&row.class).cloned().unwrap_or_default(),
            position: row.rank.and_then(|rank| places.get(&(row.class, rank)).copied()),
            fee: fees.get(&row.id.reservation()).map_or(Fee::NONE, Fee::of),
            reason: row.reason.and_then(|id| reasons.get(&id).cloned()),
            decided_by: row.decided_by.and_then(|id| people.get(&id)).map(name_of),
            answers: row.answers.and_then(|id| answers.remove(&id)),
            row,
        };
        Ok(rows.into_iter().map(seen).collect())
    }

    async fn titles(
        &self,
        rows: &[EnrollmentRow],
    ) -> Result<HashMap<OfferingId, String>, ClassError> {
        let classes: BTreeSet<_> = rows.iter().map(|row| row.class).collect();
        let classes: Vec<_> = classes.into_iter().collect();
        Ok(self.store.event_names(&classes).await?.into_iter().collect())
    }

    /// Returns the places in line of those that wait, with one statement for each class.
    async fn places(
        &self,
        rows: &[EnrollmentRow],
    ) -> Result<HashMap<(OfferingId, i64), u64>, ClassError> {
        let mut ranks: HashMap<OfferingId, BTreeSet<i64>> = HashMap::new();
        for (class, rank) in rows.iter().filter_map(|row| Some((row.class, row.rank?))) {
            ranks.entry(class).or_default().insert(rank);
        }
        let mut places = HashMap::new();
        for (class, ranks) in ranks {
            let found = self.store.enrollment_line_places(class, &ranks).await?;
            places.extend(found.into_iter().map(|(rank, place)| ((class, rank), place)));
        }
        Ok(places)
    }

    async fn fees(
        &self,
        rows: &[EnrollmentRow],
    ) -> Result<HashMap<ReservationId, ReservationRow>, ClassError> {
        let decided = rows.iter().filter(|row| row.decided_at.is_some());
        let ids: Vec<_> = decided.map(|row| row.id.reservation()).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let most = ids.len() as u64;
        let among = ReservationFilter { among: Some(ids), ..ReservationFilter::default() };
        let found = self.store.reservation_list(among, most).await?;
        Ok(found.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Fee {
    const NONE: Self = Self { state: FeeState::None, amount: 0, refunded: 0 };

    fn of(reservation: &ReservationRow) -> Self {
        // The row says what a cancellation gives back where that is not the whole price.
        let whole = match (reservation.state, reservation.payment) {
            (ReservationState::Cancelled, Some(_)) => reservation.total_price,
            _ => 0,
        };
        let refunded = reservation.refund_amount.unwrap_or(whole);
        let state = match reservation.state {
            _ if reservation.total_price == 0 => FeeState::None,
            ReservationState::PaymentPending => FeeState::Due,
            ReservationState::Expired => FeeState::Unpaid,
            ReservationState::Confirmed | ReservationState::Cancelled if refunded > 0 => {
                FeeState::Refunded
            }
            ReservationState::Confirmed => FeeState::Paid,
            ReservationState::Cancelled if reservation.payment.is_some() => FeeState::Paid,
            ReservationState::Cancelled => FeeState::None,
        };
        Self { state, amount: reservation.total_price, refunded }
    }
}

/// Returns how a person is called: guests by their address.
pub(super) fn name_of(person: &Person) -> String {
    person.name.clone().unwrap_or_else(|| person.email.clone())
}

/// Returns each person once.
pub(super) fn distinct(
    one: impl Iterator<Item = UserId>,
    more: impl Iterator<Item = UserId>,
) -> BTreeSet<UserId> {
    one.chain(more).collect()
}
