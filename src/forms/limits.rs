//! The limits of each type of question, and the refusal of those that belong to another type.

use std::collections::HashSet;

use chrono::NaiveDate;
use serde_json::Number;

use crate::forms::draft::FormQuestion;
use crate::forms::pattern::Pattern;
use crate::forms::problems::Problems;
use crate::forms::question::{Kind, KindName, MAX_NUMBER, QuestionOption, parse_date};
use crate::text;

/// The most options of a choice.
const MAX_OPTIONS: usize = 100;

/// Every limit: its field, the types that have it, and whether a question states it.
type Limit = (&'static str, &'static [KindName], fn(&FormQuestion) -> bool);

const TEXTS: &[KindName] = &[KindName::ShortText, KindName::LongText];
const CHOICES: &[KindName] = &[KindName::SingleChoice, KindName::MultipleChoice];

const LIMITS: &[Limit] = &[
    ("minLength", TEXTS, |draft| draft.min_length.is_some()),
    ("maxLength", TEXTS, |draft| draft.max_length.is_some()),
    ("pattern", &[KindName::ShortText], |draft| draft.pattern.is_some()),
    ("min", &[KindName::Number], |draft| draft.min.is_some()),
    ("max", &[KindName::Number], |draft| draft.max.is_some()),
    ("integer", &[KindName::Number], |draft| draft.integer.is_some()),
    ("options", CHOICES, |draft| !draft.options.is_empty()),
    ("minSelected", &[KindName::MultipleChoice], |draft| draft.min_selected.is_some()),
    ("maxSelected", &[KindName::MultipleChoice], |draft| draft.max_selected.is_some()),
    ("minDate", &[KindName::Date], |draft| draft.min_date.is_some()),
    ("maxDate", &[KindName::Date], |draft| draft.max_date.is_some()),
];

/// Returns the type of a question with its limits; adds what is wrong with them to `problems`.
pub(super) fn kind(
    at: &str,
    name: KindName,
    draft: &FormQuestion,
    problems: &mut Problems,
) -> Kind {
    for (field, types, is_stated) in LIMITS {
        if is_stated(draft) && !types.contains(&name) {
            let types: Vec<&str> = types.iter().map(|name| name.as_str()).collect();
            let reason = format!("goes with the type {} only", types.join(" or "));
            problems.add(format!("{at}.{field}"), reason);
        }
    }
    match name {
        KindName::ShortText => {
            let (min, max) = lengths(at, draft, 500, problems);
            Kind::ShortText { min, max, pattern: pattern(at, draft, problems) }
        }
        KindName::LongText => {
            let (min, max) = lengths(at, draft, 5_000, problems);
            Kind::LongText { min, max }
        }
        KindName::Number => numbers(at, draft, problems),
        KindName::SingleChoice => {
            Kind::SingleChoice { options: options(at, &draft.options, problems) }
        }
        KindName::MultipleChoice => selected(at, draft, problems),
        KindName::Date => dates(at, draft, problems),
        KindName::Phone => Kind::Phone,
        KindName::Consent => Kind::Consent,
    }
}

fn lengths(
    at: &str,
    draft: &FormQuestion,
    most: u32,
    problems: &mut Problems,
) -> (Option<u32>, Option<u32>) {
    let (min, max) = (draft.min_length, draft.max_length);
    for (field, length) in [("minLength", min), ("maxLength", max)] {
        if length.is_some_and(|length| length < 1 || length > most) {
            problems.add(format!("{at}.{field}"), format!("must be 1 to {most}"));
        }
    }
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        problems.add(format!("{at}.minLength"), "must not be above maxLength");
    }
    (min, max)
}

fn pattern(at: &str, draft: &FormQuestion, problems: &mut Problems) -> Option<Pattern> {
    let word = draft.pattern.as_deref()?;
    let found = Pattern::parse(word);
    if found.is_none() {
        let all = Pattern::ALL.map(Pattern::as_str).join(", ");
        problems.add(format!("{at}.pattern"), format!("must be one of {all}"));
    }
    found
}

fn numbers(at: &str, draft: &FormQuestion, problems: &mut Problems) -> Kind {
    let value = |bound: &Option<Number>| bound.as_ref().and_then(Number::as_f64);
    let (min, max) = (value(&draft.min), value(&draft.max));
    for (field, bound) in [("min", min), ("max", max)] {
        if bound.is_some_and(|bound| bound.abs() > MAX_NUMBER) {
            let reason = "must be -9007199254740991 to 9007199254740991";
            problems.add(format!("{at}.{field}"), reason);
        }
    }
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        problems.add(format!("{at}.min"), "must not be above max");
    }
    Kind::Number { min: draft.min.clone(), max: draft.max.clone(), is_integer: draft.integer }
}

fn selected(at: &str, draft: &FormQuestion, problems: &mut Problems) -> Kind {
    let options = options(at, &draft.options, problems);
    let (min, max) = (draft.min_selected, draft.max_selected);
    let most = u32::try_from(draft.options.len()).unwrap_or(u32::MAX);
    if min.is_some_and(|min| min > most) {
        problems.add(format!("{at}.minSelected"), "must not be above the number of options");
    }
    if max.is_some_and(|max| max < 1 || max > most) {
        problems.add(format!("{at}.maxSelected"), "must be 1 to the number of options");
    }
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        problems.add(format!("{at}.minSelected"), "must not be above maxSelected");
    }
    Kind::MultipleChoice { options, min, max }
}

fn dates(at: &str, draft: &FormQuestion, problems: &mut Problems) -> Kind {
    let mut read = |field: &str, text: &Option<String>| -> Option<NaiveDate> {
        let found = parse_date(text.as_deref()?);
        if found.is_none() {
            problems.add(format!("{at}.{field}"), "must be a day such as 2030-05-01");
        }
        found
    };
    let (min, max) = (read("minDate", &draft.min_date), read("maxDate", &draft.max_date));
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        problems.add(format!("{at}.minDate"), "must not be after maxDate");
    }
    Kind::Date { min, max }
}

/// Checks the options of a choice.
fn options(at: &str, drafts: &[QuestionOption], problems: &mut Problems) -> Vec<QuestionOption> {
    if drafts.is_empty() || drafts.len() > MAX_OPTIONS {
        problems.add(format!("{at}.options"), format!("must have 1 to {MAX_OPTIONS} items"));
        return Vec::new();
    }
    let mut values = HashSet::new();
    let mut options = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let at = format!("{at}.options[{index}]");
        let value = problems.take(text::line(&format!("{at}.value"), &draft.value, 100));
        let label = problems.take(text::line(&format!("{at}.label"), &draft.label, 300));
        if value.as_ref().is_some_and(|value| !values.insert(value.clone())) {
            problems.add(format!("{at}.value"), "is the value of another option");
        }
        options.extend(value.zip(label).map(|(value, label)| QuestionOption { value, label }));
    }
    options
}
