//! The rules of enrollment forms: which forms and which answers are refused, and that the JSON
//! Schema of a form says the same.

mod answers;
mod schema;

use admitone::forms::{Form, FormDraft, FormQuestion};
use serde_json::{Value, json};

/// Returns the draft of a form with these questions.
pub fn draft(questions: Value) -> FormDraft {
    let questions: Vec<FormQuestion> = serde_json::from_value(questions).expect("questions");
    FormDraft { title: "Apply".into(), description: String::new(), questions, is_active: true }
}

pub fn form(questions: Value) -> Form {
    Form::new(&draft(questions)).expect("a good form")
}

/// Returns the problems of a form as `field reason`.
fn problems(questions: Value) -> Vec<String> {
    let problems = Form::new(&draft(questions)).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_question_with_a_limit_that_is_not_allowed_is_refused_at_its_place() {
    let options = json!([{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]);
    let same = json!([{"value": "a", "label": "A"}, {"value": "a", "label": "B"}]);
    let many: Vec<Value> =
        (0..101).map(|n| json!({"value": n.to_string(), "label": "x"})).collect();
    for (kind, limits, expected) in [
        ("FILE", json!({}), "type questions of type FILE need an object store"),
        ("COLOUR", json!({}), "type must be one of SHORT_TEXT, LONG_TEXT"),
        ("short_text", json!({}), "type must be one of"),
        ("SHORT_TEXT", json!({"maxLength": 501}), "maxLength must be 1 to 500"),
        ("SHORT_TEXT", json!({"minLength": 0}), "minLength must be 1 to 500"),
        (
            "SHORT_TEXT",
            json!({"minLength": 9, "maxLength": 8}),
            "minLength must not be above maxLength",
        ),
        ("SHORT_TEXT", json!({"pattern": "(a+)+$"}), "pattern must be one of EMAIL, DIGITS"),
        ("SHORT_TEXT", json!({"min": 1}), "min goes with the type NUMBER only"),
        (
            "SHORT_TEXT",
            json!({"options": options}),
            "options goes with the type SINGLE_CHOICE or MULTIPLE_CHOICE only",
        ),
        ("LONG_TEXT", json!({"maxLength": 5001}), "maxLength must be 1 to 5000"),
        ("LONG_TEXT", json!({"pattern": "EMAIL"}), "pattern goes with the type SHORT_TEXT only"),
        ("NUMBER", json!({"min": 2, "max": 1}), "min must not be above max"),
        ("NUMBER", json!({"max": 1e300}), "max must be -9007199254740991 to"),
        (
            "NUMBER",
            json!({"maxLength": 4}),
            "maxLength goes with the type SHORT_TEXT or LONG_TEXT only",
        ),
        ("SINGLE_CHOICE", json!({}), "options must have 1 to 100 items"),
        ("SINGLE_CHOICE", json!({"options": many}), "options must have 1 to 100 items"),
        (
            "SINGLE_CHOICE",
            json!({"options": same}),
            "options[1].value is the value of another option",
        ),
        (
            "SINGLE_CHOICE",
            json!({"options": [{"value": "", "label": "A"}]}),
            "options[0].value must have 1 to 100",
        ),
        (
            "SINGLE_CHOICE",
            json!({"options": [{"value": "a", "label": "\u{7}"}]}),
            "options[0].label must",
        ),
        (
            "SINGLE_CHOICE",
            json!({"options": options, "minSelected": 1}),
            "minSelected goes with the type MULTIPLE_CHOICE only",
        ),
        (
            "MULTIPLE_CHOICE",
            json!({"options": options, "minSelected": 3}),
            "minSelected must not be above the number of options",
        ),
        (
            "MULTIPLE_CHOICE",
            json!({"options": options, "maxSelected": 0}),
            "maxSelected must be 1 to the number of options",
        ),
        (
            "MULTIPLE_CHOICE",
            json!({"options": options, "minSelected": 2, "maxSelected": 1}),
            "minSelected must not be above maxSelected",
        ),
        ("DATE", json!({"minDate": "2030-02-30"}), "minDate must be a day such as"),
        ("DATE", json!({"maxDate": "1.5.2030"}), "maxDate must be a day such as"),
        (
            "DATE",
            json!({"minDate": "2030-05-02", "maxDate": "2030-05-01"}),
            "minDate must not be after maxDate",
        ),
        ("PHONE", json!({"minLength": 4}), "minLength goes with the type"),
        ("CONSENT", json!({"integer": true}), "integer goes with the type NUMBER only"),
    ] {
        let mut question = json!({"id": "q", "type": kind, "label": "What?"});
        question.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        let found = problems(json!([question]));
        let expected = format!("questions[0].{expected}");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{question}: {found:?}");
    }
}

#[test]
fn all_problems_of_a_form_are_reported_at_once() {
    let text = |id: &str, label: &str| json!({"id": id, "type": "SHORT_TEXT", "label": label});
    let mut questions =
        vec![text("a", ""), text("A b", "Why?"), text("c", "Why?"), text("c", "Why?")];
    questions.push(
        json!({"id": "d", "type": "NUMBER", "label": "n", "min": 3, "max": 2, "pattern": "URL"}),
    );
    let draft = FormDraft { title: " ".into(), ..draft(json!(questions)) };
    let problems = Form::new(&draft).expect_err("refused");
    let places: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    let expected = [
        "title",
        "questions[0].label",
        "questions[1].id",
        "questions[3].id",
        "questions[4].pattern",
        "questions[4].min",
    ];
    assert_eq!(places, expected);
    let many: Vec<Value> = (0..101).map(|n| text(&format!("q{n}"), "x")).collect();
    assert_eq!(self::problems(json!(many)), ["questions may have at most 100 items"]);
    assert_eq!(form(json!(many[..100])).questions.len(), 100);
    let long: Vec<Value> = (0..100)
        .map(|n| json!({"id": format!("q{n}"), "type": "SHORT_TEXT", "label": "x", "help": "한".repeat(1_000)}))
        .collect();
    assert_eq!(self::problems(json!(long)), ["questions may have at most 262144 bytes"]);
}

#[test]
fn a_condition_names_an_earlier_question_and_a_possible_answer() {
    let questions = |show_if: Value| {
        let options = json!([{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]);
        json!([
            {"id": "one", "type": "SINGLE_CHOICE", "label": "x", "options": options},
            {"id": "many", "type": "MULTIPLE_CHOICE", "label": "x", "options": options},
            {"id": "age", "type": "NUMBER", "label": "x", "max": 99},
            {"id": "ok", "type": "CONSENT", "label": "x", "required": true},
            {"id": "tel", "type": "PHONE", "label": "x"},
            {"id": "q", "type": "DATE", "label": "x", "showIf": show_if},
            {"id": "last", "type": "DATE", "label": "x"},
        ])
    };
    for good in [
        json!({"question": "one", "equals": "b"}),
        json!({"question": "many", "includes": "a"}),
        json!({"question": "age", "equals": 18}),
        json!({"question": "ok", "equals": false}),
    ] {
        assert_eq!(problems(questions(good.clone())), [""; 0], "{good}");
    }
    for (bad, expected) in [
        (json!({"question": "one", "equals": "c"}), "equals is none of the options"),
        (json!({"question": "one", "equals": 1}), "equals is none of the options"),
        (json!({"question": "one", "includes": "a"}), "includes goes with MULTIPLE_CHOICE only"),
        (json!({"question": "many", "equals": "a"}), "equals goes with other types only"),
        (json!({"question": "many", "includes": "c"}), "includes is none of the options"),
        (json!({"question": "age", "equals": 100}), "equals must be"),
        (json!({"question": "ok", "equals": "yes"}), "equals must be true or false"),
        (json!({"question": "tel", "equals": "0101234"}), "equals must not be about"),
        (
            json!({"question": "last", "equals": "2030-05-01"}),
            "question must name a question that is shown before",
        ),
        (
            json!({"question": "q", "equals": "2030-05-01"}),
            "question must name a question that is shown before",
        ),
        (json!({"question": "other", "equals": "a"}), "question must name a question of this form"),
    ] {
        let found = problems(questions(bad.clone()));
        let expected = format!("questions[5].showIf.{expected}");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{bad}: {found:?}");
    }
    for neither in
        [json!({"question": "one"}), json!({"question": "one", "equals": "a", "includes": "a"})]
    {
        assert_eq!(
            problems(questions(neither)),
            ["questions[5].showIf must have either equals or includes"]
        );
    }
}

#[test]
fn questions_are_shown_by_their_order_and_then_their_place() {
    let text = |id: &str, order: i32| json!({"id": id, "type": "SHORT_TEXT", "label": "x", "order": order});
    let form = form(json!([text("c", 5), text("a", -1), text("d", 5), text("b", 0)]));
    let ids: Vec<&str> = form.questions.iter().map(|question| question.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    // What is shown later is no condition, wherever it stands in the list.
    let mut depends = text("e", -2);
    depends["showIf"] = json!({"question": "a", "equals": "x"});
    let found = problems(json!([text("a", 0), depends]));
    assert!(
        found[0].starts_with("questions[1].showIf.question must name a question that is"),
        "{found:?}"
    );
}

#[test]
fn a_stored_form_reads_as_it_was_written() {
    let form = form(every_type());
    let again: Vec<FormQuestion> = serde_json::from_str(&form.questions_json()).expect("JSON");
    let draft = FormDraft {
        title: form.title.clone(),
        description: String::new(),
        questions: again,
        is_active: true,
    };
    assert_eq!(Form::new(&draft).expect("good"), form);
    assert!(form.questions_json().contains("\"min\":1,"), "numbers stay as they were written");
}

/// Returns a form with a question of every type, and some that are shown by conditions.
pub fn every_type() -> Value {
    let days = json!([{"value": "mon", "label": "Monday"}, {"value": "tue", "label": "Tuesday"},
        {"value": "wed", "label": "Wednesday"}]);
    json!([
        {"id": "name", "type": "SHORT_TEXT", "label": "Name", "required": true, "maxLength": 20},
        {"id": "email", "type": "SHORT_TEXT", "label": "E-mail", "pattern": "EMAIL"},
        {"id": "why", "type": "LONG_TEXT", "label": "Why?", "help": "In a few lines.", "minLength": 3},
        {"id": "age", "type": "NUMBER", "label": "Age", "min": 1, "max": 120, "integer": true},
        {"id": "height", "type": "NUMBER", "label": "Height", "min": 0.5},
        {"id": "level", "type": "SINGLE_CHOICE", "label": "Level", "required": true,
         "options": [{"value": "none", "label": "None"}, {"value": "some", "label": "Some"}]},
        {"id": "years", "type": "NUMBER", "label": "How many years?", "required": true,
         "showIf": {"question": "level", "equals": "some"}},
        {"id": "teacher", "type": "SHORT_TEXT", "label": "With whom?",
         "showIf": {"question": "years", "equals": 3}},
        {"id": "days", "type": "MULTIPLE_CHOICE", "label": "Days", "options": days, "maxSelected": 2},
        {"id": "monday", "type": "DATE", "label": "Which Monday?", "required": true,
         "showIf": {"question": "days", "includes": "mon"},
         "minDate": "2030-01-01", "maxDate": "2030-12-31"},
        {"id": "phone", "type": "PHONE", "label": "Phone"},
        {"id": "photos", "type": "CONSENT", "label": "Photos may be taken"},
        {"id": "rules", "type": "CONSENT", "label": "I keep the rules", "required": true},
    ])
}
