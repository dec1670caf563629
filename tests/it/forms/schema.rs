//! The JSON Schema of a form, by a validator that knows nothing of this server.

use admitone::forms::{Pattern, check_answers, json_schema};
use jsonschema::Validator;
use serde_json::{Value, json};

use super::answers::{PATTERNS, accepted, filled, refused};
use super::{every_type, form};

fn validator(questions: Value) -> Validator {
    let schema = json_schema("/schema?version=1", &form(questions));
    jsonschema::draft202012::meta::validate(&schema).expect("a schema by its own schema");
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
    options.should_validate_formats(true).build(&schema).expect("it compiles")
}

#[test]
fn what_the_server_accepts_fits_the_schema() {
    let validator = validator(every_type());
    for (change, ..) in accepted() {
        let answers = filled(&change);
        let errors: Vec<String> = validator.iter_errors(&answers).map(|e| e.to_string()).collect();
        assert_eq!(errors, [""; 0], "{change}");
    }
}

#[test]
fn what_the_server_refuses_does_not_fit_as_far_as_a_schema_can_say() {
    let validator = validator(every_type());
    for (change, question, _, is_said) in refused() {
        assert_eq!(validator.is_valid(&filled(&change)), !is_said, "{question}: {change}");
    }
    assert!(!validator.is_valid(&json!([])));
}

#[test]
fn the_expressions_of_patterns_say_what_the_server_checks() {
    for pattern in Pattern::ALL {
        let questions =
            json!([{"id": "q", "type": "SHORT_TEXT", "label": "x", "pattern": pattern}]);
        let (validator, form) = (validator(questions.clone()), form(questions));
        for (text, _) in PATTERNS {
            let answers = json!({"q": text});
            let is_accepted = check_answers(&form, answers.as_object().unwrap()).is_ok();
            assert_eq!(validator.is_valid(&answers), is_accepted, "{pattern:?} {text:?}");
        }
    }
}

#[test]
fn a_chain_of_conditions_is_decided_as_by_the_server() {
    let choice = |id: &str| {
        json!({"id": id, "type": "SINGLE_CHOICE", "label": "x", "required": true,
            "options": [{"value": "y", "label": "Y"}, {"value": "n", "label": "N"}]})
    };
    let mut questions = vec![choice("a"), choice("b"), choice("c")];
    questions[1]["showIf"] = json!({"question": "a", "equals": "y"});
    questions[2]["showIf"] = json!({"question": "b", "equals": "y"});
    let (validator, form) = (validator(json!(questions)), form(json!(questions)));
    let answers = &[None, Some("y"), Some("n"), Some("z")];
    let mut good = 0;
    for (a, b, c) in answers
        .iter()
        .flat_map(|a| answers.iter().flat_map(move |b| answers.iter().map(move |c| (a, b, c))))
    {
        let mut given = json!({});
        for (id, answer) in [("a", a), ("b", b), ("c", c)] {
            if let Some(answer) = answer {
                given[id] = json!(answer);
            }
        }
        let is_accepted = check_answers(&form, given.as_object().unwrap()).is_ok();
        assert_eq!(validator.is_valid(&given), is_accepted, "{given}");
        good += u32::from(is_accepted);
    }
    // `n`, `y n`, `y y y` and `y y n`.
    assert_eq!(good, 4);
}
