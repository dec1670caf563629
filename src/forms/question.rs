//! A question with the limits of its type, and the check of one answer.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

use crate::forms::condition::Condition;
use crate::forms::pattern::Pattern;
use crate::text::{is_forbidden, is_visible};

/// The greatest number that is exact wherever JSON is read: 2^53 - 1.
pub(crate) const MAX_NUMBER: f64 = 9_007_199_254_740_991.0;
/// The fewest and the most digits of a telephone number.
pub(crate) const PHONE_DIGITS: (usize, usize) = (4, 20);
/// The longest telephone number, with its separators.
pub(crate) const MAX_PHONE: usize = 32;

/// The types of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = QuestionType)]
#[expect(missing_docs, reason = "the names say it")]
pub enum KindName {
    ShortText,
    LongText,
    Number,
    SingleChoice,
    MultipleChoice,
    Date,
    Phone,
    Consent,
}

impl KindName {
    /// All types.
    pub const ALL: [Self; 8] = [
        Self::ShortText,
        Self::LongText,
        Self::Number,
        Self::SingleChoice,
        Self::MultipleChoice,
        Self::Date,
        Self::Phone,
        Self::Consent,
    ];

    /// Returns the word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShortText => "SHORT_TEXT",
            Self::LongText => "LONG_TEXT",
            Self::Number => "NUMBER",
            Self::SingleChoice => "SINGLE_CHOICE",
            Self::MultipleChoice => "MULTIPLE_CHOICE",
            Self::Date => "DATE",
            Self::Phone => "PHONE",
            Self::Consent => "CONSENT",
        }
    }

    /// Parses the word of the API.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// One of the things that a choice chooses from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuestionOption {
    /// The value in answers: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub value: String,
    /// The text that people see: 1 to 300 characters.
    #[schema(min_length = 1, max_length = 300)]
    pub label: String,
}

/// A question that passed every check.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Question {
    pub id: String,
    pub kind: Kind,
    pub label: String,
    pub help: String,
    pub is_required: bool,
    pub order: i32,
    pub show_if: Option<Condition>,
}

/// The type of a question with its limits.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    ShortText { min: Option<u32>, max: Option<u32>, pattern: Option<Pattern> },
    LongText { min: Option<u32>, max: Option<u32> },
    Number { min: Option<Number>, max: Option<Number>, is_integer: Option<bool> },
    SingleChoice { options: Vec<QuestionOption> },
    MultipleChoice { options: Vec<QuestionOption>, min: Option<u32>, max: Option<u32> },
    Date { min: Option<NaiveDate>, max: Option<NaiveDate> },
    Phone,
    Consent,
}

impl Kind {
    /// Returns the name of the type.
    #[must_use]
    pub fn name(&self) -> KindName {
        match self {
            Self::ShortText { .. } => KindName::ShortText,
            Self::LongText { .. } => KindName::LongText,
            Self::Number { .. } => KindName::Number,
            Self::SingleChoice { .. } => KindName::SingleChoice,
            Self::MultipleChoice { .. } => KindName::MultipleChoice,
            Self::Date { .. } => KindName::Date,
            Self::Phone => KindName::Phone,
            Self::Consent => KindName::Consent,
        }
    }

    /// Returns the fewest and the most characters of a text.
    #[must_use]
    pub fn lengths(&self) -> (u32, u32) {
        match self {
            Self::ShortText { min, max, .. } => (min.unwrap_or(1), max.unwrap_or(500)),
            Self::LongText { min, max } => (min.unwrap_or(1), max.unwrap_or(5_000)),
            Self::Number { .. }
            | Self::SingleChoice { .. }
            | Self::MultipleChoice { .. }
            | Self::Date { .. }
            | Self::Phone
            | Self::Consent => (0, 0),
        }
    }
}

impl Question {
    /// Checks an answer to this question. Returns it in its canonical form.
    ///
    /// # Errors
    /// The end of a sentence that begins with the question.
    pub fn check(&self, answer: &Value) -> Result<Value, String> {
        match &self.kind {
            Kind::ShortText { pattern, .. } => self.text(answer, false, *pattern),
            Kind::LongText { .. } => self.text(answer, true, None),
            Kind::Number { min, max, is_integer } => {
                number(answer, min.as_ref(), max.as_ref(), is_integer.unwrap_or(false))
            }
            Kind::SingleChoice { options } => option(answer, options),
            Kind::MultipleChoice { options, min, max } => {
                let least = min.unwrap_or(0).max(u32::from(self.is_required));
                several(answer, options, least as usize, max.map(|max| max as usize))
            }
            Kind::Date { min, max } => date(answer, *min, *max),
            Kind::Phone => phone(answer),
            Kind::Consent => match answer {
                Value::Bool(false) if self.is_required => Err("must be agreed to".into()),
                Value::Bool(agreed) => Ok(Value::Bool(*agreed)),
                _ => Err("must be true or false".into()),
            },
        }
    }

    fn text(
        &self,
        answer: &Value,
        has_lines: bool,
        pattern: Option<Pattern>,
    ) -> Result<Value, String> {
        let text = answer.as_str().ok_or("must be a text")?;
        let (min, max) = self.kind.lengths();
        let length = text.chars().count();
        if length < min as usize || length > max as usize {
            return Err(format!("must have {min} to {max} characters"));
        }
        let is_break = |c: char| has_lines && matches!(c, '\n' | '\r' | '\t');
        if text.chars().any(|c| is_forbidden(c) && !is_break(c)) {
            return Err("must not contain control characters".into());
        }
        if !text.chars().any(is_visible) {
            return Err("must not be blank: leave it out instead".into());
        }
        match pattern {
            Some(pattern) if !pattern.fits(text) => Err(pattern.demand().into()),
            _ => Ok(answer.clone()),
        }
    }
}

fn number(
    answer: &Value,
    min: Option<&Number>,
    max: Option<&Number>,
    is_integer: bool,
) -> Result<Value, String> {
    let number = answer.as_f64().ok_or("must be a number")?;
    if is_integer && number.fract() != 0.0 {
        return Err("must be a whole number".into());
    }
    let bound = |bound: Option<&Number>| bound.and_then(Number::as_f64);
    let (least, most) = (bound(min).unwrap_or(-MAX_NUMBER), bound(max).unwrap_or(MAX_NUMBER));
    if number < least || number > most {
        let shown = |bound: Option<&Number>, sign: &str| {
            bound.map_or_else(|| format!("{sign}9007199254740991"), ToString::to_string)
        };
        let (from, to) = (shown(min, "-"), shown(max, ""));
        return Err(format!("must be {from} to {to}"));
    }
    Ok(answer.clone())
}

fn option(answer: &Value, options: &[QuestionOption]) -> Result<Value, String> {
    let value = answer.as_str().ok_or("must be the value of an option, as a text")?;
    if !options.iter().any(|option| option.value == value) {
        return Err("is none of the options".into());
    }
    Ok(answer.clone())
}

fn several(
    answer: &Value,
    options: &[QuestionOption],
    least: usize,
    most: Option<usize>,
) -> Result<Value, String> {
    let chosen = answer.as_array().ok_or("must be a list of the values of options")?;
    for (index, value) in chosen.iter().enumerate() {
        option(value, options)?;
        if chosen[..index].contains(value) {
            return Err("has the same option twice".into());
        }
    }
    let most = most.unwrap_or(options.len());
    if chosen.len() < least || chosen.len() > most {
        return Err(format!("must have {least} to {most} options"));
    }
    Ok(answer.clone())
}

fn date(answer: &Value, min: Option<NaiveDate>, max: Option<NaiveDate>) -> Result<Value, String> {
    let date = answer.as_str().and_then(parse_date).ok_or("must be a day such as 2030-05-01")?;
    match (min, max) {
        (Some(min), _) if date < min => Err(format!("must not be before {min}")),
        (_, Some(max)) if date > max => Err(format!("must not be after {max}")),
        _ => Ok(answer.clone()),
    }
}

/// Reads a day as `2030-05-01`.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let is_form = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_form.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// Reads a telephone number, and returns it without its separators.
fn phone(answer: &Value) -> Result<Value, String> {
    const WRONG: &str = "is not a phone number such as 010-1234-5678";
    let text = answer.as_str().ok_or("must be a text")?;
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let rest = text.strip_prefix('+').unwrap_or(text);
    let is_decorated = rest.chars().all(|c| c.is_ascii_digit() || "-. ()".contains(c));
    let has_digits = (PHONE_DIGITS.0..=PHONE_DIGITS.1).contains(&digits.len());
    if !is_decorated || !has_digits || text.len() > MAX_PHONE {
        return Err(WRONG.into());
    }
    let plus = if text.starts_with('+') { "+" } else { "" };
    Ok(Value::String(format!("{plus}{digits}")))
}
