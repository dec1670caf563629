//! Answers: what fits a form, and how what does not is named.

use admitone::forms::{Pattern, check_answers};
use serde_json::{Map, Value, json};

use super::{every_type, form};

fn map(answers: &Value) -> Map<String, Value> {
    answers.as_object().expect("an object").clone()
}

/// Returns an application for [`every_type`] with other answers; `null` leaves one out.
pub fn filled(change: &Value) -> Value {
    let mut answers = map(&json!({"name": "Kim", "level": "none", "rules": true}));
    for (id, answer) in change.as_object().expect("an object") {
        match answer {
            Value::Null => answers.remove(id),
            answer => answers.insert(id.clone(), answer.clone()),
        };
    }
    Value::Object(answers)
}

/// Changes of a filled form that are refused, with the question and the beginning of the reason.
/// `true` marks those that JSON Schema can refuse too.
pub fn refused() -> Vec<(Value, &'static str, &'static str, bool)> {
    let long = "x".repeat(21);
    vec![
        (json!({"name": null}), "name", "must be answered", true),
        (json!({"name": ""}), "name", "must have 1 to 20 characters", true),
        (json!({"name": " \u{3000}"}), "name", "must not be blank", true),
        (json!({"name": "\u{200b}"}), "name", "must not be blank", false),
        (json!({"name": long}), "name", "must have 1 to 20 characters", true),
        (json!({"name": "a\nb"}), "name", "must not contain control characters", true),
        (json!({"name": "a\u{202e}b"}), "name", "must not contain control characters", true),
        (json!({"name": 1}), "name", "must be a text", true),
        (json!({"name": ["Kim"]}), "name", "must be a text", true),
        (json!({"email": "kim"}), "email", "must be an e-mail address", true),
        (json!({"why": "ab"}), "why", "must have 3 to 5000 characters", true),
        (json!({"why": "a\u{0}bc"}), "why", "must not contain control characters", true),
        (json!({"why": "y".repeat(5_001)}), "why", "must have 3 to 5000 characters", true),
        (json!({"age": "18"}), "age", "must be a number", true),
        (json!({"age": 18.5}), "age", "must be a whole number", true),
        (json!({"age": 0}), "age", "must be 1 to 120", true),
        (json!({"age": 121}), "age", "must be 1 to 120", true),
        (json!({"height": 0.4}), "height", "must be 0.5 to", true),
        (json!({"height": 1e300}), "height", "must be 0.5 to 9007199254740991", true),
        (json!({"level": "much"}), "level", "is none of the options", true),
        (json!({"level": "Some"}), "level", "is none of the options", true),
        (json!({"level": ["some"]}), "level", "must be the value of an option", true),
        (json!({"level": "some"}), "years", "must be answered", true),
        (json!({"years": 2}), "years", "is not asked with these answers", true),
        (json!({"teacher": "Lee"}), "teacher", "is not asked with these answers", true),
        (json!({"level": "some", "years": 2, "teacher": "Lee"}), "teacher", "is not asked", true),
        (json!({"days": "mon"}), "days", "must be a list", true),
        (json!({"days": ["tue", "tue"]}), "days", "has the same option twice", true),
        (json!({"days": ["fri"]}), "days", "is none of the options", true),
        (json!({"days": [1]}), "days", "must be the value of an option", true),
        (
            json!({"days": ["mon", "tue", "wed"], "monday": "2030-05-06"}),
            "days",
            "must have 0 to 2 options",
            true,
        ),
        (json!({"days": ["mon"]}), "monday", "must be answered", true),
        (json!({"days": ["tue"], "monday": "2030-05-06"}), "monday", "is not asked", true),
        (json!({"days": ["mon"], "monday": "2030-5-6"}), "monday", "must be a day such as", true),
        (json!({"days": ["mon"], "monday": "2030-02-31"}), "monday", "must be a day such as", true),
        (
            json!({"days": ["mon"], "monday": "2029-12-31"}),
            "monday",
            "must not be before 2030-01-01",
            false,
        ),
        (
            json!({"days": ["mon"], "monday": "2031-01-01"}),
            "monday",
            "must not be after 2030-12-31",
            false,
        ),
        (json!({"phone": "123"}), "phone", "is not a phone number", true),
        (json!({"phone": "0101234567x"}), "phone", "is not a phone number", true),
        (json!({"phone": "010+12345678"}), "phone", "is not a phone number", true),
        (json!({"phone": 1_012_345_678}), "phone", "must be a text", true),
        (json!({"photos": "yes"}), "photos", "must be true or false", true),
        (json!({"rules": false}), "rules", "must be agreed to", true),
        (json!({"rules": null}), "rules", "must be answered", true),
        (json!({"colour": "red"}), "colour", "is no question of this form", true),
    ]
}

/// Changes of a filled form that are accepted, each with an answer as it is kept.
pub fn accepted() -> Vec<(Value, &'static str, Value)> {
    vec![
        (json!({}), "name", json!("Kim")),
        (json!({"name": "<b>김</b>"}), "name", json!("<b>김</b>")),
        (json!({"name": "=HYPERLINK(1)"}), "name", json!("=HYPERLINK(1)")),
        (json!({"name": " Kim "}), "name", json!(" Kim ")),
        (json!({"name": "한".repeat(20)}), "name", json!("한".repeat(20))),
        (json!({"email": "kim.min+a@example.co.kr"}), "email", json!("kim.min+a@example.co.kr")),
        (json!({"why": "One\r\n\ttwo"}), "why", json!("One\r\n\ttwo")),
        (json!({"age": 120}), "age", json!(120)),
        (json!({"age": 18.0}), "age", json!(18.0)),
        (json!({"height": 1.75}), "height", json!(1.75)),
        (json!({"level": "some", "years": 2.5}), "years", json!(2.5)),
        (json!({"level": "some", "years": 3.0, "teacher": "Lee"}), "teacher", json!("Lee")),
        (json!({"days": []}), "days", json!([])),
        (json!({"days": ["tue", "mon"], "monday": "2030-12-31"}), "days", json!(["tue", "mon"])),
        (json!({"phone": "+82 (0)10-1234.5678"}), "phone", json!("+8201012345678")),
        (json!({"phone": "010-1234-5678"}), "phone", json!("01012345678")),
        (json!({"photos": false}), "photos", json!(false)),
    ]
}

#[test]
fn answers_that_fit_are_kept_in_their_canonical_form() {
    let form = form(every_type());
    for (change, question, kept) in accepted() {
        let answers = check_answers(&form, &map(&filled(&change)));
        let answers = answers.unwrap_or_else(|problems| panic!("{change}: {problems:?}"));
        assert_eq!(answers.0[question], kept, "{change}");
        assert!(answers.to_json().starts_with('{'));
    }
}

#[test]
fn an_answer_that_does_not_fit_is_named_with_its_reason() {
    let form = form(every_type());
    for (change, question, reason, _) in refused() {
        let problems = check_answers(&form, &map(&filled(&change))).expect_err("refused");
        assert_eq!(problems.len(), 1, "{change}: {problems:?}");
        assert_eq!(problems[0].question, question, "{change}");
        assert!(problems[0].reason.starts_with(reason), "{change}: {}", problems[0].reason);
    }
}

#[test]
fn all_problems_are_named_at_once_and_none_that_only_follows_from_another() {
    let form = form(every_type());
    let change = json!({"name": null, "age": 0, "level": "much", "years": 2, "days": ["mon", "fri"],
        "monday": "2030-05-06", "colour": 1, "size": 2});
    let problems = check_answers(&form, &map(&filled(&change))).expect_err("refused");
    let named: Vec<&str> = problems.iter().map(|problem| problem.question.as_str()).collect();
    // `years` and `monday` may be asked or not: that depends on answers that are not known yet.
    assert_eq!(named, ["name", "age", "level", "days", "colour", "size"]);
}

#[test]
fn of_many_unknown_questions_some_are_named_and_the_others_counted() {
    let form = form(every_type());
    let unknown: Map<String, Value> = (0..20_000).map(|n| (format!("q{n}"), json!(1))).collect();
    let problems =
        check_answers(&form, &map(&filled(&Value::Object(unknown)))).expect_err("refused");
    assert_eq!(problems.len(), 21);
    let last = &problems[20];
    assert_eq!(last.reason, "name 19980 more that are no questions of this form");
}

#[test]
fn answers_of_more_than_64_kib_are_refused() {
    let questions: Vec<Value> = (0..20)
        .map(|n| json!({"id": format!("q{n}"), "type": "LONG_TEXT", "label": "x"}))
        .collect();
    let form = form(json!(questions));
    let answers = |bytes: usize| {
        let text = "x".repeat(bytes);
        (0..20).map(|n| (format!("q{n}"), json!(text))).collect::<Map<String, Value>>()
    };
    assert!(check_answers(&form, &answers(3_000)).is_ok());
    let problems = check_answers(&form, &answers(4_000)).expect_err("refused");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].reason, "may have at most 65536 bytes");
    let huge = Map::from_iter([("x".repeat(60_000), json!(1))]);
    let problems = check_answers(&form, &huge).expect_err("refused");
    assert_eq!(problems[0].question.len(), 100, "made-up ids are cut off");
}

/// Texts with the patterns that they fit.
pub const PATTERNS: &[(&str, &[Pattern])] = &[
    ("12345", &[Pattern::Digits, Pattern::Alphanumeric, Pattern::PostalCodeKr]),
    ("123456", &[Pattern::Digits, Pattern::Alphanumeric]),
    ("١٢٣٤٥", &[]),
    ("12 345", &[]),
    ("Kim", &[Pattern::Letters, Pattern::Alphanumeric]),
    ("Kim Min-su", &[]),
    ("Zoë Ñandú", &[Pattern::Letters]),
    ("김민수", &[Pattern::Letters, Pattern::Korean]),
    ("김 민수", &[Pattern::Letters, Pattern::Korean]),
    ("김kim", &[Pattern::Letters]),
    ("B7", &[Pattern::Alphanumeric]),
    ("a@b.c", &[Pattern::Email]),
    ("a@b", &[]),
    ("a@@b.c", &[]),
    ("@b.c", &[]),
    ("a b@c.d", &[]),
    ("a@b..c", &[]),
    ("a@b.c.", &[]),
    ("https://example.com", &[Pattern::Url]),
    ("http://a:8080/b?c#d@e", &[Pattern::Url]),
    ("http://a:/", &[]),
    ("https://", &[]),
    ("ftp://example.com", &[]),
    ("javascript:alert(1)", &[]),
    ("https://a/b c", &[]),
    ("=1+1", &[]),
    ("a\n", &[]),
];

#[test]
fn patterns_fit_what_they_say() {
    for (text, fitting) in PATTERNS {
        for pattern in Pattern::ALL {
            assert_eq!(pattern.fits(text), fitting.contains(&pattern), "{text:?} {pattern:?}");
        }
    }
    // The longest text that is possible, in the form that makes engines of expressions slow.
    let slow = format!("{}!", "a@a.".repeat(200_000));
    assert!(Pattern::ALL.iter().all(|pattern| !pattern.fits(&slow)));
}
