//! The check of answers against a form: every problem at once, each with its question.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::forms::check::Form;

/// The most bytes of all answers together, as JSON.
pub const MAX_ANSWERS_BYTES: usize = 64 * 1_024;

/// The most unknown questions that are named: their number is up to the client.
const MAX_UNKNOWN_NAMED: usize = 20;

/// Answers that fit their form: by the id of the question, in their canonical form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers(pub Map<String, Value>);

impl Answers {
    /// Returns the canonical text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("answers are plain data")
    }
}

/// Why an answer does not fit its question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerProblem {
    /// The id of the question; empty for a problem of all answers together.
    pub question: String,
    /// The end of a sentence that begins with the question.
    pub reason: String,
}

impl AnswerProblem {
    pub(crate) fn new(question: &str, reason: impl Into<String>) -> Self {
        // An id that a client made up may be of any length.
        Self { question: question.chars().take(100).collect(), reason: reason.into() }
    }
}

/// Checks answers against a form. Answers to questions that are not shown, and to unknown ones, are
/// refused too.
///
/// # Errors
/// All problems, in the order of the questions.
pub fn check_answers(
    form: &Form,
    answers: &Map<String, Value>,
) -> Result<Answers, Vec<AnswerProblem>> {
    let mut kept = Map::new();
    let mut problems = Vec::new();
    // Questions of which it is not known what was answered. Those that depend on them are not
    // refused for being shown or not.
    let mut unclear: HashSet<&str> = HashSet::new();
    for question in &form.questions {
        let id = question.id.as_str();
        let condition = question.show_if.as_ref();
        let is_unclear = condition.is_some_and(|one| unclear.contains(one.question.as_str()));
        let is_shown = condition.is_none_or(|one| one.holds(&kept));
        match answers.get(id) {
            None if is_unclear => {
                unclear.insert(id);
            }
            None if is_shown && question.is_required => {
                problems.push(AnswerProblem::new(id, "must be answered"));
                unclear.insert(id);
            }
            None => {}
            Some(_) if !is_shown && !is_unclear => {
                let reason = "is not asked with these answers: leave it out";
                problems.push(AnswerProblem::new(id, reason));
            }
            Some(answer) => match question.check(answer) {
                Ok(answer) => {
                    kept.insert(id.to_owned(), answer);
                }
                Err(reason) => {
                    problems.push(AnswerProblem::new(id, reason));
                    unclear.insert(id);
                }
            },
        }
    }
    let ids: HashSet<&str> = form.questions.iter().map(|question| question.id.as_str()).collect();
    let mut unknown = answers.keys().filter(|id| !ids.contains(id.as_str()));
    let named = unknown.by_ref().take(MAX_UNKNOWN_NAMED);
    problems.extend(named.map(|id| AnswerProblem::new(id, "is no question of this form")));
    let others = unknown.count();
    if others > 0 {
        let reason = format!("name {others} more that are no questions of this form");
        problems.push(AnswerProblem::new("", reason));
    }
    let answers = Answers(kept);
    if answers.to_json().len() > MAX_ANSWERS_BYTES {
        let reason = format!("may have at most {MAX_ANSWERS_BYTES} bytes");
        problems.push(AnswerProblem::new("", reason));
    }
    if problems.is_empty() { Ok(answers) } else { Err(problems) }
}

/// Returns the answers to questions that are shown with these answers. For pages, which hide
/// questions only where scripts run: what is not asked is not sent on.
#[must_use]
pub fn only_asked(form: &Form, answers: &Map<String, Value>) -> Map<String, Value> {
    let mut asked = Map::new();
    for question in &form.questions {
        let is_shown = question.show_if.as_ref().is_none_or(|one| one.holds(&asked));
        if let Some(answer) = answers.get(&question.id).filter(|_| is_shown) {
            asked.insert(question.id.clone(), answer.clone());
        }
    }
    asked
}
