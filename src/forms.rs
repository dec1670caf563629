//! Enrollment forms of classes: the questions that applicants answer, the check of their answers,
//! and the versions of a form. A version never changes; answers belong to the version shown.

mod answers;
mod check;
mod condition;
mod draft;
mod error;
mod limits;
mod pattern;
mod problems;
mod question;
mod schema;
mod service;

pub use answers::{AnswerProblem, Answers, MAX_ANSWERS_BYTES, check_answers, only_asked};
pub use check::{Form, MAX_FORM_BYTES, MAX_QUESTIONS};
pub use condition::{Condition, Wanted};
pub use draft::{FormDraft, FormQuestion, ShowIf};
pub use error::FormError;
pub use pattern::Pattern;
pub use question::{Kind, KindName, Question, QuestionOption};
pub use schema::json_schema;
pub use service::{CheckedAnswers, ClassForm, Forms, check, check_without_form};
