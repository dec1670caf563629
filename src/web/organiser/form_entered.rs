//! An enrollment form as an organiser enters it: texts of inputs, which stay as they are however
//! wrong they are, and the form that is meant.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::forms::{Form, FormDraft, FormQuestion, KindName, QuestionOption, ShowIf};
use crate::text::InvalidField;

/// The inputs of a form.
#[derive(Clone, Debug, Default)]
pub(super) struct Entered {
    pub(super) key: String,
    /// The version that is changed; `None` for a new form.
    pub(super) version: Option<u32>,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) is_active: bool,
    pub(super) questions: Vec<EnteredQuestion>,
}

/// The inputs of a question, by the names of the API's fields; options and conditions as text.
#[derive(Clone, Debug, Default)]
pub(super) struct EnteredQuestion(BTreeMap<String, String>);

impl EnteredQuestion {
    /// Returns the text of an input; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Returns the type.
    pub(super) fn kind(&self) -> Option<KindName> {
        KindName::parse(self.get("type"))
    }

    fn of(question: &FormQuestion) -> Self {
        let mut values = BTreeMap::new();
        let mut set = |name: &str, value: Option<String>| {
            values.extend(value.map(|value| (name.to_owned(), value)));
        };
        set("id", Some(question.id.clone()));
        set("type", Some(question.kind.clone()));
        set("label", Some(question.label.clone()));
        set("help", Some(question.help.clone()));
        set("required", question.required.then(|| "on".into()));
        set("minLength", question.min_length.map(|number| number.to_string()));
        set("maxLength", question.max_length.map(|number| number.to_string()));
        set("pattern", question.pattern.clone());
        set("min", question.min.as_ref().map(Number::to_string));
        set("max", question.max.as_ref().map(Number::to_string));
        set("integer", question.integer.filter(|is_integer| *is_integer).map(|_| "on".into()));
        set("minSelected", question.min_selected.map(|number| number.to_string()));
        set("maxSelected", question.max_selected.map(|number| number.to_string()));
        set("minDate", question.min_date.clone());
        set("maxDate", question.max_date.clone());
        let option = |option: &QuestionOption| match option.value == option.label {
            true => option.label.clone(),
            false => format!("{} | {}", option.value, option.label),
        };
        set("options", Some(question.options.iter().map(option).collect::<Vec<_>>().join("\n")));
        let show_if = question.show_if.as_ref();
        set("showIf", show_if.map(|show_if| show_if.question.clone()));
        let wanted = show_if.and_then(|show_if| {
            let equals = show_if.equals.as_ref().map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            equals.or_else(|| show_if.includes.clone())
        });
        set("answer", wanted);
        Self(values)
    }
}

impl Entered {
    /// Returns an empty form.
    pub(super) fn new(title: &str) -> Self {
        let key = uuid::Uuid::new_v4().to_string();
        Self { key, title: title.to_owned(), is_active: true, ..Self::default() }
    }

    /// Returns the inputs of a form as it is.
    pub(super) fn of(version: u32, form: &Form) -> Self {
        Self {
            version: Some(version),
            description: form.description.clone(),
            is_active: form.is_active,
            questions: form.drafts().iter().map(EnteredQuestion::of).collect(),
            ..Self::new(&form.title)
        }
    }

    /// Reads what a page sent.
    pub(super) fn read(sent: &[(String, String)]) -> Self {
        let text = |name: &str| {
            let found = sent.iter().find(|(input, _)| input == name);
            found.map(|(_, value)| value.replace("\r\n", "\n")).unwrap_or_default()
        };
        let mut questions: BTreeMap<usize, EnteredQuestion> = BTreeMap::new();
        for (input, value) in sent {
            let place = input.strip_prefix("question-").and_then(|rest| rest.split_once('-'));
            let Some((index, name)) = place else { continue };
            let Ok(index) = index.parse() else { continue };
            let question = questions.entry(index).or_default();
            question.0.insert(name.to_owned(), value.replace("\r\n", "\n"));
        }
        Self {
            key: text("key"),
            version: text("version").parse().ok(),
            title: text("title"),
            description: text("description"),
            is_active: !text("is_active").is_empty(),
            questions: questions.into_values().collect(),
        }
    }

    /// Adds an empty question of a type.
    pub(super) fn add(&mut self, kind: KindName) {
        let is_free = |id: &String| self.questions.iter().all(|question| question.get("id") != id);
        let id = (1..).map(|n| format!("q{n}")).find(is_free).unwrap_or_default();
        let values = [("id".to_owned(), id), ("type".to_owned(), kind.as_str().to_owned())];
        self.questions.push(EnteredQuestion(values.into()));
    }

    /// Returns the form that is meant, and the inputs that no form can be made of.
    pub(super) fn draft(&self) -> (FormDraft, Vec<InvalidField>) {
        let mut problems = Vec::new();
        let questions = self.questions.iter().enumerate();
        let questions = questions.map(|(index, _)| self.question(index, &mut problems)).collect();
        let draft = FormDraft {
            title: self.title.clone(),
            description: self.description.clone(),
            questions,
            is_active: self.is_active,
        };
        (draft, problems)
    }

    fn question(&self, index: usize, problems: &mut Vec<InvalidField>) -> FormQuestion {
        let entered = &self.questions[index];
        let text = |name: &str| Some(entered.get(name).trim()).filter(|text| !text.is_empty());
        let is_ticked = |name: &str| text(name).is_some();
        let mut whole = |name: &str| {
            let number = text(name)?.parse::<u32>();
            let field = format!("questions[{index}].{name}");
            number
                .map_err(|_| problems.push(InvalidField::new(field, "must be a whole number")))
                .ok()
        };
        let (min_length, max_length) = (whole("minLength"), whole("maxLength"));
        let (min_selected, max_selected) = (whole("minSelected"), whole("maxSelected"));
        let mut number = |name: &str| {
            let found = text(name).map(number_of)?;
            if found.is_none() {
                let field = format!("questions[{index}].{name}");
                problems.push(InvalidField::new(field, "must be a number"));
            }
            found
        };
        FormQuestion {
            min: number("min"),
            max: number("max"),
            id: entered.get("id").trim().to_owned(),
            kind: entered.get("type").to_owned(),
            label: entered.get("label").to_owned(),
            help: entered.get("help").to_owned(),
            required: is_ticked("required"),
            // The list is the order.
            order: 0,
            min_length,
            max_length,
            pattern: text("pattern").map(str::to_owned),
            integer: is_ticked("integer").then_some(true),
            options: options(entered.get("options")),
            min_selected,
            max_selected,
            min_date: text("minDate").map(str::to_owned),
            max_date: text("maxDate").map(str::to_owned),
            show_if: text("showIf").map(|of| self.show_if(of, entered.get("answer").trim())),
        }
    }

    /// Returns a condition with the answer in the type of the question that it is about.
    fn show_if(&self, of: &str, answer: &str) -> ShowIf {
        let question = of.to_owned();
        let earlier = self.questions.iter().find(|question| question.get("id").trim() == of);
        let kind = earlier.and_then(EnteredQuestion::kind);
        // People write what they see: the text of an option stands for its value.
        let options = earlier.map(|earlier| options(earlier.get("options"))).unwrap_or_default();
        let option = options.iter().find(|option| option.value == answer || option.label == answer);
        let value = option.map_or(answer, |option| &option.value).to_owned();
        match kind {
            Some(KindName::MultipleChoice) => {
                ShowIf { question, equals: None, includes: Some(value) }
            }
            Some(KindName::Number) => {
                let number = number_of(answer).map_or(Value::String(value), Value::Number);
                ShowIf { question, equals: Some(number), includes: None }
            }
            Some(KindName::Consent) => {
                let is_yes = ["true", "yes", "예", "네"].contains(&&*answer.to_lowercase());
                let is_no = ["false", "no", "아니요", "아니오"].contains(&&*answer.to_lowercase());
                let equals = if is_yes || is_no { Value::Bool(is_yes) } else { value.into() };
                ShowIf { question, equals: Some(equals), includes: None }
            }
            Some(
                KindName::ShortText
                | KindName::LongText
                | KindName::SingleChoice
                | KindName::Date
                | KindName::Phone,
            )
            | None => ShowIf { question, equals: Some(value.into()), includes: None },
        }
    }
}

fn number_of(text: &str) -> Option<Number> {
    let whole = text.parse::<i64>().ok().map(Number::from);
    whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
}

/// Reads options, one on each line: its text, or `value | text`.
fn options(text: &str) -> Vec<QuestionOption> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let option = |line: &str| {
        let (value, label) = line.split_once('|').unwrap_or((line, line));
        QuestionOption { value: value.trim().to_owned(), label: label.trim().to_owned() }
    };
    lines.map(option).collect()
}

/// Returns the input of a field, such as `question-3-options` of `questions[3].options[0].value`.
pub(super) fn input_of(field: &str) -> String {
    let Some((index, rest)) =
        field.strip_prefix("questions[").and_then(|rest| rest.split_once(']'))
    else {
        return field.to_owned();
    };
    let name = rest.trim_start_matches('.').split(['.', '[']).next().unwrap_or_default();
    let is_answer = ["showIf.equals", "showIf.includes"].iter().any(|end| rest.ends_with(end));
    format!("question-{index}-{}", if is_answer { "answer" } else { name })
}
