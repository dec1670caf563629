//! What a person enters to apply: the terms to agree to, and the answers to the form of the class.
//! This is the only place where either is shown and read.

use maud::{Markup, html};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::classes::Application;
use crate::terms::TermRow;
use crate::web::terms;
use crate::web::visitor::Visitor;

/// An application as it was entered.
#[derive(Clone, Debug, Default)]
pub(super) struct ApplicationForm {
    /// Makes a form that is sent twice one application.
    pub(super) key: String,
    /// Answers by the id of the question; none while classes have no forms.
    pub(super) answers: Map<String, Value>,
    /// The version of the form that the person saw.
    pub(super) form_version: Option<u32>,
    pub(super) agreed_terms: Vec<Uuid>,
}

impl ApplicationForm {
    /// An empty form.
    pub(super) fn empty() -> Self {
        Self { key: Uuid::new_v4().to_string(), ..Self::default() }
    }

    /// Reads what was sent.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let agreed = pairs.iter().filter_map(|(name, _)| name.strip_prefix("term-")?.parse().ok());
        Self {
            key: value("key").cloned().unwrap_or_default(),
            answers: Map::new(),
            form_version: value("form_version").and_then(|text| text.parse().ok()),
            agreed_terms: agreed.collect(),
        }
    }

    /// Renders its inputs; `asked` are the terms that the person has not agreed to yet.
    pub(super) fn fields(&self, visitor: &Visitor, asked: &[TermRow]) -> Markup {
        html! {
            input type="hidden" name="key" value=(self.key);
            @if let Some(version) = self.form_version {
                input type="hidden" name="form_version" value=(version);
            }
            (terms::boxes(visitor, asked, |term| self.agreed_terms.contains(&term.id.0)))
        }
    }

    /// Returns what is sent to the rules.
    pub(super) fn application(&self) -> Application {
        Application {
            answers: self.answers.clone(),
            form_version: self.form_version,
            agreed_terms: self.agreed_terms.clone(),
        }
    }
}
