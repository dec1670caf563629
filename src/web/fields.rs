//! Form fields with their labels, hints and errors, so that every form looks and behaves the same.

use maud::{Markup, html};

/// A text field.
#[derive(Clone, Copy, Default)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    /// The type of the input; `text` if empty.
    pub(crate) kind: &'a str,
    pub(crate) value: &'a str,
    pub(crate) hint: Option<&'a str>,
    /// The value of `autocomplete`.
    pub(crate) autocomplete: Option<&'a str>,
    pub(crate) required: bool,
    pub(crate) min: Option<&'a str>,
    pub(crate) max: Option<&'a str>,
    pub(crate) min_length: Option<u32>,
    pub(crate) max_length: Option<u32>,
    pub(crate) step: Option<&'a str>,
}

impl Field<'_> {
    /// Renders the field.
    pub(crate) fn render(self) -> Markup {
        let kind = if self.kind.is_empty() { "text" } else { self.kind };
        let id = format!("field-{}", self.name);
        let hint = format!("{id}-hint");
        html! {
            div.field {
                label for=(id) { (self.label) }
                input id=(id) name=(self.name) type=(kind) value=(self.value)
                    autocomplete=[self.autocomplete] required[self.required]
                    min=[self.min] max=[self.max] step=[self.step]
                    minlength=[self.min_length] maxlength=[self.max_length]
                    aria-describedby=[self.hint.map(|_| &hint)];
                @if let Some(text) = self.hint {
                    p.hint id=(hint) { (text) }
                }
            }
        }
    }
}

/// Renders a text area.
pub(crate) fn text_area(name: &str, label: &str, value: &str, rows: u8) -> Markup {
    let id = format!("field-{name}");
    html! {
        div.field {
            label for=(id) { (label) }
            textarea id=(id) name=(name) rows=(rows) { (value) }
        }
    }
}

/// Renders a choice; options are values with their texts.
pub(crate) fn select(name: &str, label: &str, value: &str, options: &[(String, String)]) -> Markup {
    let id = format!("field-{name}");
    html! {
        div.field {
            label for=(id) { (label) }
            select id=(id) name=(name) {
                @for (option, text) in options {
                    option value=(option) selected[option == value] { (text) }
                }
            }
        }
    }
}

/// Renders why the form was refused.
pub(crate) fn refusal(text: Option<&str>) -> Markup {
    html! {
        @if let Some(text) = text {
            p.error role="alert" { (text) }
        }
    }
}
