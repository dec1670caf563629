//! The builder of an enrollment form as HTML: the fields of each question by its type, buttons to
//! add, move and remove, and the form as applicants see it.

use actix_web::HttpResponse;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::form_entered::{Entered, EnteredQuestion};
use super::refused::Refusals;
use crate::forms::{AnswerProblem, Form, KindName, Pattern};
use crate::ids::OfferingId;
use crate::web::fields::{Field, select};
use crate::web::form_fields;
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// The input that says that answers are tried on the preview.
pub(super) const TRIED: &str = "tried";

/// The form as applicants see it, with answers to try.
pub(super) struct Preview<'a> {
    pub(super) form: &'a Form,
    pub(super) answers: &'a Map<String, Value>,
    pub(super) problems: &'a [AnswerProblem],
    pub(super) is_tried: bool,
}

/// Renders the page.
pub(super) fn render(
    visitor: &Visitor,
    class: OfferingId,
    entered: &Entered,
    refusals: &Refusals,
    preview: Option<&Preview<'_>>,
    notice: Option<&str>,
) -> HttpResponse {
    let title = visitor.text("form_builder.title");
    let version = entered.version.map(|version| version.to_string());
    let main = html! {
        p.back { a href={ "/organiser/classes/" (class) } { (visitor.text("organiser_class.desk")) } }
        h1 { (title) }
        p.hint { (visitor.text("form_builder.hint")) }
        // The server checks all of it: a browser must not keep a button from working.
        form.stack method="post" action={ "/organiser/classes/" (class) "/form" } novalidate {
            (refusals.render(visitor))
            input type="hidden" name="key" value=(entered.key);
            input type="hidden" name="version" value=(version.unwrap_or_default());
            // Enter in a field presses the first button.
            button.visually-hidden name="do" value="preview" tabindex="-1" aria-hidden="true" {}
            (head(visitor, entered, refusals))
            @for (index, question) in entered.questions.iter().enumerate() {
                (fieldset(visitor, entered, (index, question), refusals))
            }
            div.actions {
                (select("new_type", visitor.text("form_builder.new_type"), "", &types(visitor)))
                button.button.quiet name="do" value="add" { (visitor.text("form_builder.add")) }
            }
            div.actions {
                button.button name="do" value="save" { (visitor.text("form_builder.save")) }
                button.button.quiet name="do" value="preview" { (visitor.text("form_builder.preview")) }
                @if entered.version.is_some() {
                    button.button.quiet name="do" value="delete" { (visitor.text("form_builder.delete")) }
                }
            }
            @if let Some(preview) = preview { (shown(visitor, preview)) }
        }
    };
    let page = Page::new(title).main(main).notice(notice).script(form_fields::SCRIPT);
    layout::render(visitor, page)
}

fn head(visitor: &Visitor, entered: &Entered, refusals: &Refusals) -> Markup {
    let description = Field {
        name: "description",
        label: visitor.text("form_builder.description"),
        value: &entered.description,
        ..Field::default()
    };
    html! {
        (refusals.field(Field { name: "title", label: visitor.text("form_builder.form_title"),
            value: &entered.title, required: true, max_length: Some(200), ..Field::default() }))
        (refusals.with_error(description).area(3))
        div.field { label.check {
            input type="checkbox" name="is_active" value="on" checked[entered.is_active];
            span { (visitor.text("form_builder.is_active")) }
        } }
    }
}

/// Renders the preview, in which answers can be tried.
fn shown(visitor: &Visitor, preview: &Preview<'_>) -> Markup {
    html! {
        section id="preview" {
            h2 { (visitor.text("form_builder.preview")) ": " (preview.form.title) }
            p.hint { (visitor.text("form_builder.preview_hint")) }
            @if preview.is_tried && preview.problems.is_empty() {
                p.notice role="status" { (visitor.text("form_builder.answers_fit")) }
            }
            @if !preview.form.description.is_empty() { p { (preview.form.description) } }
            (form_fields::fields(preview.form, preview.answers, preview.problems, visitor.language))
            input type="hidden" name=(TRIED) value="on";
            button.button.quiet name="do" value="preview" { (visitor.text("form_builder.try")) }
        }
    }
}

fn fieldset(
    visitor: &Visitor,
    entered: &Entered,
    (index, question): (usize, &EnteredQuestion),
    refusals: &Refusals,
) -> Markup {
    let input = |name: &str| format!("question-{index}-{name}");
    let n = (index + 1).to_string();
    let kind = question.kind().map_or("", |kind| kind_text(visitor, kind));
    html! {
        fieldset.stack id={ "question-" (index) } {
            legend { (visitor.fill("form_builder.question_nth", &[("n", &n)])) " · " (kind) }
            input type="hidden" name=(input("type")) value=(question.get("type"));
            (one(visitor, refusals, &input("label"), "form_builder.label", question.get("label"), "text"))
            (one(visitor, refusals, &input("help"), "form_builder.help", question.get("help"), "text"))
            (tick(visitor, &input("required"), "form_builder.required", question.get("required")))
            (limits(visitor, (index, question), refusals))
            details open[!question.get("showIf").is_empty()] {
                summary { (visitor.text("form_builder.more")) }
                (one(visitor, refusals, &input("id"), "form_builder.id", question.get("id"), "text"))
                (condition(visitor, entered, (index, question), refusals))
            }
            div.actions {
                @if index > 0 {
                    button.button.quiet name="do" value={ "up-" (index) } { (visitor.text("form_builder.up")) }
                }
                @if index + 1 < entered.questions.len() {
                    button.button.quiet name="do" value={ "down-" (index) } { (visitor.text("form_builder.down")) }
                }
                button.button.quiet name="do" value={ "remove-" (index) } { (visitor.text("form_builder.remove")) }
            }
        }
    }
}

/// Renders the limits that the type of a question has.
fn limits(
    visitor: &Visitor,
    (index, question): (usize, &EnteredQuestion),
    refusals: &Refusals,
) -> Markup {
    let pair = |kind: &str, least: (&str, &'static str), most: (&str, &'static str)| {
        html! {
            @for (name, key) in [least, most] {
                (one(visitor, refusals, &format!("question-{index}-{name}"), key, question.get(name), kind))
            }
        }
    };
    let lengths = || {
        let (least, most) = ("form_builder.min_length", "form_builder.max_length");
        pair("number", ("minLength", least), ("maxLength", most))
    };
    let input = |name: &str| format!("question-{index}-{name}");
    let options = || {
        let name = input("options");
        let field = Field {
            name: &name,
            label: visitor.text("form_builder.options"),
            value: question.get("options"),
            hint: Some(visitor.text("form_builder.options_hint")),
            ..Field::default()
        };
        refusals.with_error(field).area(4)
    };
    match question.kind() {
        Some(KindName::ShortText) => html! {
            (lengths())
            (select(&input("pattern"), visitor.text("form_builder.pattern"), question.get("pattern"), &patterns(visitor)))
        },
        Some(KindName::LongText) => lengths(),
        Some(KindName::Number) => html! {
            (pair("text", ("min", "form_builder.min"), ("max", "form_builder.max")))
            (tick(visitor, &input("integer"), "form_builder.integer", question.get("integer")))
        },
        Some(KindName::SingleChoice) => options(),
        Some(KindName::MultipleChoice) => html! {
            (options())
            (pair("number", ("minSelected", "form_builder.min_selected"), ("maxSelected", "form_builder.max_selected")))
        },
        Some(KindName::Date) => {
            pair("date", ("minDate", "form_builder.min_date"), ("maxDate", "form_builder.max_date"))
        }
        Some(KindName::Phone | KindName::Consent) | None => Markup::default(),
    }
}

/// Renders the condition of a question: one of those before it, and the answer.
fn condition(
    visitor: &Visitor,
    entered: &Entered,
    (index, question): (usize, &EnteredQuestion),
    refusals: &Refusals,
) -> Markup {
    let mut options = vec![(String::new(), visitor.text("form_builder.always").to_owned())];
    for earlier in &entered.questions[..index] {
        options.push((earlier.get("id").to_owned(), earlier.get("label").to_owned()));
    }
    // A question that was moved before the one that it depends on keeps its condition, to be seen.
    let of = question.get("showIf");
    if options.iter().all(|(id, _)| id != of) {
        options.push((of.to_owned(), of.to_owned()));
    }
    let name = format!("question-{index}-showIf");
    let field = Field {
        name: &name,
        label: visitor.text("form_builder.show_if"),
        value: of,
        ..Field::default()
    };
    let answer = format!("question-{index}-answer");
    html! {
        (refusals.with_error(field).choice(&options))
        (one(visitor, refusals, &answer, "form_builder.answer", question.get("answer"), "text"))
    }
}

fn one(
    visitor: &Visitor,
    refusals: &Refusals,
    name: &str,
    label: &'static str,
    value: &str,
    kind: &str,
) -> Markup {
    refusals.field(Field { name, label: visitor.text(label), value, kind, ..Field::default() })
}

fn tick(visitor: &Visitor, name: &str, label: &'static str, value: &str) -> Markup {
    html! {
        div.field { label.check {
            input type="checkbox" name=(name) value="on" checked[!value.is_empty()];
            span { (visitor.text(label)) }
        } }
    }
}

fn types(visitor: &Visitor) -> Vec<(String, String)> {
    let option = |kind: KindName| (kind.as_str().to_owned(), kind_text(visitor, kind).to_owned());
    KindName::ALL.map(option).into()
}

fn kind_text(visitor: &Visitor, kind: KindName) -> &'static str {
    visitor.text(match kind {
        KindName::ShortText => "form_builder.short_text",
        KindName::LongText => "form_builder.long_text",
        KindName::Number => "form_builder.number",
        KindName::SingleChoice => "form_builder.single_choice",
        KindName::MultipleChoice => "form_builder.multiple_choice",
        KindName::Date => "form_builder.date",
        KindName::Phone => "form_builder.phone",
        KindName::Consent => "form_builder.consent",
    })
}

fn patterns(visitor: &Visitor) -> Vec<(String, String)> {
    let text = |pattern| match pattern {
        Pattern::Email => "form_builder.email",
        Pattern::Digits => "form_builder.digits",
        Pattern::Letters => "form_builder.letters",
        Pattern::Alphanumeric => "form_builder.alphanumeric",
        Pattern::Korean => "form_builder.korean",
        Pattern::Url => "form_builder.url",
        Pattern::PostalCodeKr => "form_builder.postal_code",
    };
    let any = (String::new(), visitor.text("form_builder.any_text").to_owned());
    let all = Pattern::ALL.into_iter();
    let named = all.map(|one| (one.as_str().to_owned(), visitor.text(text(one)).to_owned()));
    std::iter::once(any).chain(named).collect()
}
