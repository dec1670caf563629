//! The check of a form: all problems at once, each with its place, such as
//! `questions[3].maxLength`.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::forms::condition::{Condition, Wanted};
use crate::forms::draft::{FormDraft, FormQuestion, ShowIf};
use crate::forms::limits;
use crate::forms::problems::Problems;
use crate::forms::question::{Kind, KindName, Question};
use crate::text::{self, InvalidField};

/// The most questions of a form.
pub const MAX_QUESTIONS: usize = 100;
/// The most bytes of all questions together, as JSON.
pub const MAX_FORM_BYTES: usize = 256 * 1_024;

/// A form that passed every check.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// 1 to 200 characters.
    pub title: String,
    /// At most 5,000 characters.
    pub description: String,
    /// The questions in the order in which they are shown.
    pub questions: Vec<Question>,
    /// False if the form takes no answers now.
    pub is_active: bool,
}

impl Form {
    /// Checks a form.
    ///
    /// # Errors
    /// All problems, in the order of the fields.
    pub fn new(draft: &FormDraft) -> Result<Self, Vec<InvalidField>> {
        let mut problems = Problems::default();
        let title = problems.take(text::line("title", &draft.title, 200));
        let description = problems.take(text::paragraph("description", &draft.description, 5_000));
        let questions = questions(&draft.questions, &mut problems);
        let (Some(title), Some(description)) = (title, description) else {
            return Err(problems.0);
        };
        let form = Self { title, description, questions, is_active: draft.is_active };
        if problems.0.is_empty() && form.questions_json().len() > MAX_FORM_BYTES {
            problems.add("questions", format!("may have at most {MAX_FORM_BYTES} bytes"));
        }
        if problems.0.is_empty() { Ok(form) } else { Err(problems.0) }
    }

    /// Returns the questions as clients write them, in the order in which they are shown.
    #[must_use]
    pub fn drafts(&self) -> Vec<FormQuestion> {
        self.questions.iter().map(FormQuestion::from).collect()
    }

    /// Returns the questions as they are stored.
    #[must_use]
    pub fn questions_json(&self) -> String {
        serde_json::to_string(&self.drafts()).expect("questions are plain data")
    }
}

/// Checks the questions in their places, and returns the good ones in the order of the form.
fn questions(drafts: &[FormQuestion], problems: &mut Problems) -> Vec<Question> {
    if drafts.len() > MAX_QUESTIONS {
        problems.add("questions", format!("may have at most {MAX_QUESTIONS} items"));
        return Vec::new();
    }
    let mut ids = HashSet::new();
    let mut found: Vec<(usize, Question)> = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let at = format!("questions[{index}]");
        if !is_id(&draft.id) {
            problems
                .add(format!("{at}.id"), "must have 1 to 40 of the characters a-z, 0-9, _ and -");
        } else if !ids.insert(draft.id.as_str()) {
            problems.add(format!("{at}.id"), "is the id of another question");
        }
        found.extend(question(&at, draft, problems).map(|question| (index, question)));
    }
    // Stable: questions of one number keep their order.
    found.sort_by_key(|(_, question)| question.order);
    let mut earlier: HashMap<String, Question> = HashMap::new();
    for (index, question) in &mut found {
        if let Some(show_if) = &drafts[*index].show_if {
            let at = format!("questions[{index}].showIf");
            question.show_if = condition(&at, show_if, &ids, &earlier, problems);
        }
        earlier.insert(question.id.clone(), question.clone());
    }
    found.into_iter().map(|(_, question)| question).collect()
}

/// Checks a question apart from its id and from what it has to do with others.
fn question(at: &str, draft: &FormQuestion, problems: &mut Problems) -> Option<Question> {
    let label = problems.take(text::line(&format!("{at}.label"), &draft.label, 300));
    let help = problems.take(text::paragraph(&format!("{at}.help"), &draft.help, 1_000));
    let Some(name) = KindName::parse(&draft.kind) else {
        let reason = match draft.kind.as_str() {
            "FILE" => {
                "questions of type FILE need an object store, which this server does not have yet"
                    .into()
            }
            _ => format!("must be one of {}", KindName::ALL.map(KindName::as_str).join(", ")),
        };
        problems.add(format!("{at}.type"), reason);
        return None;
    };
    let before = problems.0.len();
    let kind = limits::kind(at, name, draft, problems);
    if problems.0.len() > before {
        return None;
    }
    Some(Question {
        id: draft.id.clone(),
        kind,
        label: label?,
        help: help?,
        is_required: draft.required,
        order: draft.order,
        show_if: None,
    })
}

/// True for 1 to 40 characters of a-z, 0-9, `_` and `-`.
fn is_id(id: &str) -> bool {
    let is_good =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=40).contains(&id.len()) && id.bytes().all(is_good)
}

/// Checks the condition of a question; `ids` are those of all questions, `earlier` those that are
/// shown before it and have no problem.
fn condition(
    at: &str,
    draft: &ShowIf,
    ids: &HashSet<&str>,
    earlier: &HashMap<String, Question>,
    problems: &mut Problems,
) -> Option<Condition> {
    let Some(of) = earlier.get(&draft.question) else {
        // A question with problems of its own is no question of another one.
        let reason = match ids.contains(draft.question.as_str()) {
            true => "must name a question that is shown before this one and has no problem",
            false => "must name a question of this form",
        };
        problems.add(format!("{at}.question"), reason);
        return None;
    };
    let is_several = matches!(of.kind, Kind::MultipleChoice { .. });
    let wanted = match (&draft.equals, &draft.includes) {
        (Some(value), None) if !is_several => equals(of, value).map(Wanted::Equals),
        (None, Some(value)) if is_several => match has_option(of, value) {
            true => Ok(Wanted::Includes(value.clone())),
            false => Err("is none of the options of the question".into()),
        },
        (Some(_), None) => {
            problems.add(format!("{at}.equals"), "goes with other types only: use includes");
            return None;
        }
        (None, Some(_)) => {
            problems.add(format!("{at}.includes"), "goes with MULTIPLE_CHOICE only: use equals");
            return None;
        }
        (None, None) | (Some(_), Some(_)) => {
            problems.add(at, "must have either equals or includes");
            return None;
        }
    };
    let field = if is_several { "includes" } else { "equals" };
    let wanted = wanted.map_err(|reason| problems.add(format!("{at}.{field}"), reason)).ok()?;
    Some(Condition { question: of.id.clone(), wanted })
}

fn equals(of: &Question, value: &Value) -> Result<Value, String> {
    match of.kind {
        // Telephone numbers are written in many ways, and long texts make no useful condition.
        Kind::Phone | Kind::LongText { .. } => {
            Err("must not be about a question of type PHONE or LONG_TEXT".into())
        }
        Kind::Consent if !value.is_boolean() => Err("must be true or false".into()),
        Kind::Consent => Ok(value.clone()),
        Kind::SingleChoice { .. } if !value.as_str().is_some_and(|value| has_option(of, value)) => {
            Err("is none of the options of the question".into())
        }
        Kind::ShortText { .. }
        | Kind::Number { .. }
        | Kind::SingleChoice { .. }
        | Kind::MultipleChoice { .. }
        | Kind::Date { .. } => of.check(value),
    }
}

fn has_option(of: &Question, value: &str) -> bool {
    match &of.kind {
        Kind::SingleChoice { options } | Kind::MultipleChoice { options, .. } => {
            options.iter().any(|option| option.value == value)
        }
        Kind::ShortText { .. }
        | Kind::LongText { .. }
        | Kind::Number { .. }
        | Kind::Date { .. }
        | Kind::Phone
        | Kind::Consent => false,
    }
}
