//! A form as clients write it and as it is stored: every question with the limits of all types,
//! checked later.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

use crate::forms::condition::Wanted;
use crate::forms::pattern::Pattern;
use crate::forms::question::{Kind, KindName, Question, QuestionOption};
use crate::object;

/// A form that was not checked yet.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FormDraft {
    pub title: String,
    pub description: String,
    pub questions: Vec<FormQuestion>,
    pub is_active: bool,
}

/// A question of an enrollment form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "id": "level", "type": "SINGLE_CHOICE", "label": "How much pottery have you made?", "required": true,
    "options": [{ "value": "none", "label": "None" }, { "value": "some", "label": "Some" }],
}))]
pub struct FormQuestion {
    /// The name of the question in answers.
    #[schema(pattern = "^[a-z0-9_-]{1,40}$")]
    pub id: String,
    /// The type. Files need an object store, which this server does not have yet.
    #[serde(rename = "type")]
    #[schema(value_type = KindName)]
    pub kind: String,
    /// The question: 1 to 300 characters.
    #[schema(min_length = 1, max_length = 300)]
    pub label: String,
    /// An explanation: at most 1,000 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 1_000)]
    pub help: String,
    /// True if the question must be answered where it is shown; a required `CONSENT` must be true.
    #[serde(default)]
    pub required: bool,
    /// Questions are shown in this order; equal numbers in the order of the list.
    #[serde(default)]
    pub order: i32,
    /// The fewest characters of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 5_000)]
    pub min_length: Option<u32>,
    /// The most characters of a text: at most, and by default, 500 of `SHORT_TEXT`, 5,000 of `LONG_TEXT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 5_000)]
    pub max_length: Option<u32>,
    /// The form of a `SHORT_TEXT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Pattern>)]
    pub pattern: Option<String>,
    /// The least `NUMBER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub min: Option<Number>,
    /// The greatest `NUMBER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub max: Option<Number>,
    /// True if a `NUMBER` must be whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integer: Option<bool>,
    /// What a choice chooses from: 1 to 100.
    #[serde(default, deserialize_with = "object::list", skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub options: Vec<QuestionOption>,
    /// The fewest options of a `MULTIPLE_CHOICE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 100)]
    pub min_selected: Option<u32>,
    /// The most options of a `MULTIPLE_CHOICE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub max_selected: Option<u32>,
    /// The first day of a `DATE`, as `2030-05-01`.
    #[serde(rename = "minDate", skip_serializing_if = "Option::is_none")]
    #[schema(format = "date")]
    pub min_date: Option<String>,
    /// The last day of a `DATE`.
    #[serde(rename = "maxDate", skip_serializing_if = "Option::is_none")]
    #[schema(format = "date")]
    pub max_date: Option<String>,
    /// The answer to an earlier question with which the question is shown; always if left out.
    #[serde(default, deserialize_with = "object::option", skip_serializing_if = "Option::is_none")]
    pub show_if: Option<ShowIf>,
}

/// The answer to an earlier question with which a question is shown: `equals`, or `includes` of a
/// `MULTIPLE_CHOICE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShowIf {
    /// The id of a question that is shown before this one.
    pub question: String,
    /// The whole answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// The value of an option that was chosen, maybe among others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub includes: Option<String>,
}

impl From<&Question> for FormQuestion {
    fn from(question: &Question) -> Self {
        let mut draft = Self {
            id: question.id.clone(),
            kind: question.kind.name().as_str().to_owned(),
            label: question.label.clone(),
            help: question.help.clone(),
            required: question.is_required,
            order: question.order,
            show_if: question.show_if.as_ref().map(|condition| {
                let (equals, includes) = match condition.wanted.clone() {
                    Wanted::Equals(value) => (Some(value), None),
                    Wanted::Includes(value) => (None, Some(value)),
                };
                ShowIf { question: condition.question.clone(), equals, includes }
            }),
            ..Self::default()
        };
        match question.kind.clone() {
            Kind::ShortText { min, max, pattern } => {
                (draft.min_length, draft.max_length) = (min, max);
                draft.pattern = pattern.map(|pattern| pattern.as_str().to_owned());
            }
            Kind::LongText { min, max } => (draft.min_length, draft.max_length) = (min, max),
            Kind::Number { min, max, is_integer } => {
                (draft.min, draft.max, draft.integer) = (min, max, is_integer);
            }
            Kind::SingleChoice { options } => draft.options = options,
            Kind::MultipleChoice { options, min, max } => {
                (draft.options, draft.min_selected, draft.max_selected) = (options, min, max);
            }
            Kind::Date { min, max } => {
                let text = |date: Option<chrono::NaiveDate>| date.map(|date| date.to_string());
                (draft.min_date, draft.max_date) = (text(min), text(max));
            }
            Kind::Phone | Kind::Consent => {}
        }
        draft
    }
}
