//! The condition under which a question is shown.

use serde_json::{Map, Value};

/// The answer to an earlier question with which a question is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The id of the earlier question.
    pub question: String,
    /// The answer.
    pub wanted: Wanted,
}

/// The answer that a condition wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// The whole answer.
    Equals(Value),
    /// An option among those that were chosen.
    Includes(String),
}

impl Condition {
    /// True if the answers are those with which the question is shown. Answers to questions that
    /// are not shown must not be among them.
    #[must_use]
    pub fn holds(&self, answers: &Map<String, Value>) -> bool {
        let Some(answer) = answers.get(&self.question) else { return false };
        match &self.wanted {
            Wanted::Equals(value) => is_same(answer, value),
            Wanted::Includes(value) => {
                answer.as_array().is_some_and(|chosen| chosen.iter().any(|one| one == value))
            }
        }
    }
}

/// Compares two answers; `2` and `2.0` are the same number.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}
