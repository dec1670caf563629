//! The enrollments of a class as rows of a table, for files that spreadsheets open.

use std::collections::{BTreeSet, HashMap};

use chrono::DateTime;
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::classes::desk::WithAnswers;
use crate::classes::{ClassError, Classes, ListedEnrollment};
use crate::ids::{EnrollmentId, OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{EnrollmentFilter, EnrollmentSort, attendance_name};

/// Rows that are read at a time: the bound of an export's memory.
const PIECE: u64 = 500;
/// The most questions that get a column.
const MAX_QUESTIONS: u64 = 500;

/// The rows of a piece, and where the next begins; `None` after the last.
pub type Piece = (Vec<Vec<String>>, Option<(i64, EnrollmentId)>);

/// The columns of a table of enrollments, and which it shows.
#[derive(Clone, Debug)]
pub struct EnrollmentTable {
    filter: EnrollmentFilter,
    zone: Tz,
    /// The questions that were answered, each a column.
    questions: Vec<Asked>,
}

/// A question of a form.
#[derive(Clone, Debug, Deserialize)]
struct Asked {
    id: String,
    label: String,
    #[serde(default)]
    options: Vec<Choice>,
}

#[derive(Clone, Debug, Deserialize)]
struct Choice {
    value: String,
    label: String,
}

impl Asked {
    /// Returns an answer as people write it: options by their labels, those that no longer exist by
    /// their values.
    fn words(&self, answer: &Value) -> String {
        match answer {
            Value::Null => String::new(),
            Value::String(text) => {
                let option = self.options.iter().find(|option| option.value == *text);
                option.map_or_else(|| text.clone(), |option| option.label.clone())
            }
            Value::Array(parts) => {
                parts.iter().map(|part| self.words(part)).collect::<Vec<_>>().join(", ")
            }
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => answer.to_string(),
        }
    }
}

impl EnrollmentTable {
    /// Returns the titles of the columns: those of answers are the labels of the questions, with the
    /// id of the question where another column has the same title.
    #[must_use]
    pub fn titles(&self) -> Vec<String> {
        let zone = self.zone.name();
        let mut titles = vec![
            "position".to_owned(),
            "name".into(),
            "email".into(),
            "phone".into(),
            "status".into(),
            format!("applied ({zone})"),
            format!("decided ({zone})"),
            "decided by".into(),
            "reason".into(),
            "cause".into(),
            "fee".into(),
            "attendance".into(),
        ];
        let labels = self.questions.iter().map(|question| &question.label);
        let all: Vec<String> = titles.iter().chain(labels).cloned().collect();
        titles.extend(self.questions.iter().map(|Asked { id, label, .. }| {
            let is_alone = all.iter().filter(|title| *title == label).count() == 1;
            if is_alone { label.clone() } else { format!("{label} ({id})") }
        }));
        titles
    }

    fn row(&self, one: &ListedEnrollment, phones: &HashMap<UserId, String>) -> Vec<String> {
        let row = &one.row;
        let person = one.person.as_ref();
        let time = |at: TimestampMs| {
            let at = DateTime::from_timestamp_millis(at).map(|at| at.with_timezone(&self.zone));
            at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
        };
        let mut cells = vec![
            one.position.map(|place| place.to_string()).unwrap_or_default(),
            person.and_then(|person| person.name.clone()).unwrap_or_default(),
            person.map(|person| person.email.clone()).unwrap_or_default(),
            phones.get(&row.user).cloned().unwrap_or_default(),
            row.status.as_str().to_owned(),
            time(row.applied_at),
            row.decided_at.map(time).unwrap_or_default(),
            one.decided_by.clone().unwrap_or_default(),
            one.reason.clone().unwrap_or_default(),
            row.cause.clone().unwrap_or_default(),
            one.fee.state.as_str().to_owned(),
            row.attendance.map(attendance_name).unwrap_or_default().to_owned(),
        ];
        let json = one.answers.as_ref().and_then(|found| found.answers.as_deref());
        let answers: Map<String, Value> =
            json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        cells.extend(self.questions.iter().map(|question| {
            answers.get(&question.id).map(|answer| question.words(answer)).unwrap_or_default()
        }));
        cells
    }
}

impl Classes {
    /// Returns the table of a class's enrollments: all of them, the oldest first, or the line by its
    /// places. `zone` is the zone of classes that have none of their own.
    ///
    /// # Errors
    /// There is no such class, or the store cannot be read.
    pub async fn table(
        &self,
        class: OfferingId,
        sort: EnrollmentSort,
        zone: &str,
    ) -> Result<EnrollmentTable, ClassError> {
        let row = self.class(class).await?;
        let zone = row.event.time_zone.as_deref().unwrap_or(zone);
        let filter = EnrollmentFilter { class: Some(class), sort, ..EnrollmentFilter::default() };
        let questions = self.answered(class).await?;
        Ok(EnrollmentTable { filter, zone: zone.parse().unwrap_or(Tz::UTC), questions })
    }

    /// Returns the questions that were answered, as the newest form that asks them does, in its
    /// order; those that no form asks have their id as their label.
    async fn answered(&self, class: OfferingId) -> Result<Vec<Asked>, ClassError> {
        let ids = self.store.answer_keys(class, MAX_QUESTIONS).await?;
        let mut left: BTreeSet<String> = ids.into_iter().collect();
        let mut found = Vec::with_capacity(left.len());
        let mut form = self.store.form_current(class).await?;
        while let Some(row) = form.filter(|_| !left.is_empty()) {
            let asked: Vec<Asked> = serde_json::from_str(&row.questions).unwrap_or_default();
            found.extend(asked.into_iter().filter(|question| left.remove(&question.id)));
            form = match row.version.checked_sub(1) {
                Some(older) => self.store.form_version(class, older).await?,
                None => None,
            };
        }
        found.extend(left.into_iter().map(|id| Asked {
            label: id.clone(),
            id,
            options: Vec::new(),
        }));
        Ok(found)
    }

    /// Returns the rows of a table after a place in it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn piece(
        &self,
        table: &EnrollmentTable,
        after: Option<(i64, EnrollmentId)>,
    ) -> Result<Piece, ClassError> {
        let filter = EnrollmentFilter { after, ..table.filter.clone() };
        let with = match table.questions.is_empty() {
            true => WithAnswers::No,
            false => WithAnswers::Yes,
        };
        let listed = self.listed(&filter, with, PIECE).await?;
        let phones = self.store.people_phones(listed.iter().map(|one| one.row.user)).await?;
        let last = listed.last().filter(|_| listed.len() as u64 == PIECE);
        let next = last.map(|one| (filter.sort.key(&one.row), one.row.id));
        Ok((listed.iter().map(|one| table.row(one, &phones)).collect(), next))
    }
}
