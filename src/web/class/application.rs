//! What a person enters to apply: the answers to the form of the class, and the terms to agree to.
//! This is the only place where either is shown and read.

use maud::{Markup, html};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::classes::Application;
use crate::forms::{AnswerProblem, ClassForm, only_asked};
use crate::ids::TermId;
use crate::terms::TermRow;
use crate::web::visitor::Visitor;
use crate::web::{form_fields, terms};

/// An application as it was entered.
#[derive(Clone, Debug, Default)]
pub(super) struct ApplicationForm {
    /// Makes a form that is sent twice one application.
    pub(super) key: String,
    /// Answers by the id of the question, those that are not asked included.
    pub(super) answers: Map<String, Value>,
    /// The version of the form that the person saw.
    pub(super) form_version: Option<u32>,
    pub(super) agreed_terms: Vec<TermId>,
}

impl ApplicationForm {
    /// An empty form.
    pub(super) fn empty() -> Self {
        Self { key: Uuid::new_v4().to_string(), ..Self::default() }
    }

    /// A form with answers that were given before.
    pub(super) fn with_answers(answers: Map<String, Value>) -> Self {
        Self { answers, ..Self::empty() }
    }

    /// Reads what was sent; `form` is the form that the class has now.
    pub(super) fn read(pairs: &[(String, String)], form: Option<&ClassForm>) -> Self {
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let agreed = pairs.iter().filter_map(|(name, _)| name.strip_prefix("term-")?.parse().ok());
        Self {
            key: value("key").cloned().unwrap_or_default(),
            answers: form.map_or_else(Map::new, |form| form_fields::read(&form.form, pairs)),
            form_version: value("form_version").and_then(|text| text.parse().ok()),
            agreed_terms: agreed.collect(),
        }
    }

    /// Renders its inputs: the questions of `form` with what is wrong with the answers, and the terms
    /// that the person has not agreed to yet.
    pub(super) fn fields(
        &self,
        visitor: &Visitor,
        form: Option<&ClassForm>,
        problems: &[AnswerProblem],
        asked: &[TermRow],
    ) -> Markup {
        html! {
            input type="hidden" name="key" value=(self.key);
            @if let Some(form) = form {
                input type="hidden" name="form_version" value=(form.version);
                @if !form.form.title.is_empty() { h3 { (form.form.title) } }
                @if !form.form.description.is_empty() { div.plain-text { (form.form.description) } }
                (form_fields::fields(&form.form, &self.answers, problems, visitor.language))
            }
            (terms::boxes(visitor, asked, |term| self.agreed_terms.contains(&term.id)))
        }
    }

    /// Returns what is sent to the rules.
    pub(super) fn application(&self, form: Option<&ClassForm>) -> Application {
        Application {
            answers: form.map_or_else(Map::new, |form| only_asked(&form.form, &self.answers)),
            form_version: self.form_version,
            agreed_terms: self.agreed_terms.clone(),
        }
    }
}
