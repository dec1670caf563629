//! The questions of an enrollment form as HTML, with answers and what is wrong with them, and the
//! answers that such HTML sends. Without scripts all questions are shown, and the server asks only
//! those that belong to the answers; `form-fields.js` hides the others.

use maud::{Markup, html};
use serde_json::{Map, Number, Value};

use crate::forms::{AnswerProblem, Form, Kind, Pattern, Question, QuestionOption, Wanted};
use crate::web::fields::Field;
use crate::web::language::Language;
use crate::web::refusals::reason;

/// The script that hides questions that are not asked; add it to pages with these fields.
pub(crate) const SCRIPT: &str = "form-fields.js";

/// Renders the questions of a form with answers and the problems of answers.
pub(crate) fn fields(
    form: &Form,
    answers: &Map<String, Value>,
    problems: &[AnswerProblem],
    language: Language,
) -> Markup {
    html! {
        @for question in &form.questions {
            @let problem = problems.iter().find(|problem| problem.question == question.id);
            @let error = problem.map(|problem| {
                reason(language, &problem.reason).unwrap_or_else(|| language.text("form_fields.wrong").to_owned())
            });
            @let shown = Shown { question, answer: answers.get(&question.id), error: error.as_deref(), language };
            (shown.with_condition(form))
        }
    }
}

/// Returns the answers that [`fields`] sent; blank ones are left out. Those to questions that are
/// not asked are among them, so that nothing is lost where the form is shown again:
/// [`crate::forms::only_asked`] leaves them out.
pub(crate) fn read(form: &Form, sent: &[(String, String)]) -> Map<String, Value> {
    let mut answers = Map::new();
    for question in &form.questions {
        let name = name_of(question);
        let values = sent.iter().filter(|(input, _)| *input == name);
        let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
        if let Some(answer) = answer_of(&question.kind, &values) {
            answers.insert(question.id.clone(), answer);
        }
    }
    answers
}

fn answer_of(kind: &Kind, values: &[&str]) -> Option<Value> {
    let first = values.first().copied().filter(|value| !value.trim().is_empty());
    match kind {
        // A box that is not ticked sends nothing.
        Kind::Consent => Some(Value::Bool(first.is_some())),
        Kind::MultipleChoice { .. } => {
            let chosen: Vec<Value> = values.iter().map(|value| Value::from(*value)).collect();
            (!chosen.is_empty()).then_some(Value::Array(chosen))
        }
        Kind::Number { .. } => first.map(|text| number(text.trim())),
        Kind::LongText { .. } => first.map(|text| text.replace("\r\n", "\n").into()),
        Kind::ShortText { .. } | Kind::SingleChoice { .. } | Kind::Date { .. } | Kind::Phone => {
            first.map(Value::from)
        }
    }
}

/// Returns a number, or the text, which the check of answers refuses.
fn number(text: &str) -> Value {
    let whole = text.parse::<i64>().ok().map(Number::from);
    let found = whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64));
    found.map_or_else(|| text.into(), Value::Number)
}

fn name_of(question: &Question) -> String {
    format!("answer-{}", question.id)
}

/// A question as a page shows it.
struct Shown<'a> {
    question: &'a Question,
    answer: Option<&'a Value>,
    error: Option<&'a str>,
    language: Language,
}

impl Shown<'_> {
    /// Renders the question with what the script needs to hide it.
    fn with_condition(&self, form: &Form) -> Markup {
        let Some(condition) = &self.question.show_if else {
            return html! { div.question data-question=(self.question.id) { (self.input()) } };
        };
        let (equals, includes) = match &condition.wanted {
            Wanted::Equals(value) => (Some(text_of(value)), None),
            Wanted::Includes(value) => (None, Some(value.as_str())),
        };
        let of = form.questions.iter().find(|question| question.id == condition.question);
        let label = of.map_or("", |question| question.label.as_str());
        let answer =
            of.map_or(String::new(), |of| wanted_text(of, &condition.wanted, self.language));
        html! {
            div.question data-question=(self.question.id) data-if=(condition.question)
                data-equals=[equals] data-includes=[includes]
            {
                p.hint data-condition {
                    (self.language.fill("form_fields.only_if", &[("question", label), ("answer", &answer)]))
                }
                (self.input())
            }
        }
    }

    fn input(&self) -> Markup {
        match &self.question.kind {
            Kind::SingleChoice { options } => self.choice(options, false),
            Kind::MultipleChoice { options, .. } => self.choice(options, true),
            Kind::Consent => self.consent(),
            Kind::ShortText { .. }
            | Kind::LongText { .. }
            | Kind::Number { .. }
            | Kind::Date { .. }
            | Kind::Phone => self.field(),
        }
    }

    /// Renders a field of one line, or a text area.
    fn field(&self) -> Markup {
        let question = self.question;
        let (name, label) = (name_of(question), self.label());
        let value = self.answer.map(text_of).unwrap_or_default();
        let (mut min, mut max, mut kind, mut step, mut autocomplete) = (None, None, "", None, None);
        let (mut min_length, mut max_length) = (None, None);
        match &question.kind {
            Kind::ShortText { min, pattern, .. } => {
                (min_length, max_length) = (*min, Some(question.kind.lengths().1));
                kind = match pattern {
                    Some(Pattern::Email) => "email",
                    Some(Pattern::Url) => "url",
                    Some(
                        Pattern::Digits
                        | Pattern::Letters
                        | Pattern::Alphanumeric
                        | Pattern::Korean
                        | Pattern::PostalCodeKr,
                    )
                    | None => "text",
                };
            }
            Kind::Number { min: least, max: most, is_integer } => {
                (min, max) =
                    (least.as_ref().map(Number::to_string), most.as_ref().map(Number::to_string));
                (kind, step) =
                    ("number", Some(if *is_integer == Some(true) { "1" } else { "any" }));
            }
            Kind::Date { min: first, max: last } => {
                (min, max) = (first.map(|day| day.to_string()), last.map(|day| day.to_string()));
                kind = "date";
            }
            Kind::Phone => (kind, autocomplete) = ("tel", Some("tel")),
            Kind::LongText { .. }
            | Kind::SingleChoice { .. }
            | Kind::MultipleChoice { .. }
            | Kind::Consent => {}
        }
        let field = Field {
            name: &name,
            label: &label,
            kind,
            value: &value,
            hint: (!question.help.is_empty()).then_some(&question.help),
            autocomplete,
            required: self.is_required_here(),
            min: min.as_deref(),
            max: max.as_deref(),
            min_length,
            max_length,
            step,
            error: self.error,
        };
        match question.kind {
            Kind::LongText { .. } => field.area(5),
            _ => field.render(),
        }
    }

    /// Renders a choice of one option, or of several.
    fn choice(&self, options: &[QuestionOption], is_several: bool) -> Markup {
        let name = name_of(self.question);
        let is_chosen = |value: &str| match self.answer {
            Some(Value::Array(chosen)) => chosen.iter().any(|one| one == value),
            Some(answer) => answer == value,
            None => false,
        };
        let kind = if is_several { "checkbox" } else { "radio" };
        html! {
            fieldset id={ "field-" (name) } aria-invalid=[self.error.map(|_| "true")] {
                legend { (self.label()) }
                (self.notes())
                @for option in options {
                    label.check {
                        input type=(kind) name=(name) value=(option.value) checked[is_chosen(&option.value)]
                            required[!is_several && self.is_required_here()];
                        span { (option.label) }
                    }
                }
                @if !is_several && !self.question.is_required {
                    label.check {
                        input type="radio" name=(name) value="" checked[self.answer.is_none()];
                        span { (self.language.text("form_fields.no_answer")) }
                    }
                }
            }
        }
    }

    fn consent(&self) -> Markup {
        let name = name_of(self.question);
        html! {
            div.field {
                label.check {
                    input id={ "field-" (name) } type="checkbox" name=(name) value="true"
                        checked[self.answer == Some(&Value::Bool(true))] required[self.is_required_here()]
                        aria-invalid=[self.error.map(|_| "true")];
                    span { (self.label()) }
                }
                (self.notes())
            }
        }
    }

    fn notes(&self) -> Markup {
        html! {
            @if let Some(error) = self.error { p.field-error { (error) } }
            @if !self.question.help.is_empty() { p.hint { (self.question.help) } }
        }
    }

    fn label(&self) -> String {
        let label = &self.question.label;
        match self.question.is_required {
            true => label.clone(),
            false => self.language.fill("form_fields.optional", &[("label", label)]),
        }
    }

    /// True if a browser may insist on an answer: without scripts it cannot know whether a question
    /// with a condition is asked.
    fn is_required_here(&self) -> bool {
        self.question.is_required && self.question.show_if.is_none()
    }
}

/// Returns an answer as the value of an input.
fn text_of(answer: &Value) -> String {
    match answer {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns the answer that a condition wants as people read it.
fn wanted_text(of: &Question, wanted: &Wanted, language: Language) -> String {
    let value = match wanted {
        Wanted::Equals(Value::Bool(true)) => return language.text("form_fields.agreed").to_owned(),
        Wanted::Equals(Value::Bool(false)) => {
            return language.text("form_fields.not_agreed").to_owned();
        }
        Wanted::Equals(value) => text_of(value),
        Wanted::Includes(value) => value.clone(),
    };
    match &of.kind {
        Kind::SingleChoice { options } | Kind::MultipleChoice { options, .. } => {
            let option = options.iter().find(|option| option.value == value);
            option.map_or(value, |option| option.label.clone())
        }
        Kind::ShortText { .. }
        | Kind::LongText { .. }
        | Kind::Number { .. }
        | Kind::Date { .. }
        | Kind::Phone
        | Kind::Consent => value,
    }
}
