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
    /// Why the value was refused.
    pub(crate) error: Option<&'a str>,
}

impl Field<'_> {
    /// Renders the field.
    pub(crate) fn render(self) -> Markup {
        let kind = if self.kind.is_empty() { "text" } else { self.kind };
        let id = format!("field-{}", self.name);
        let described = described_by(&id, self.hint, self.error);
        html! {
            div.field {
                label for=(id) { (self.label) }
                input id=(id) name=(self.name) type=(kind) value=(self.value)
                    autocomplete=[self.autocomplete] required[self.required]
                    min=[self.min] max=[self.max] step=[self.step]
                    minlength=[self.min_length] maxlength=[self.max_length]
                    aria-invalid=[self.error.map(|_| "true")] aria-describedby=[described];
                (notes(&id, self.hint, self.error))
            }
        }
    }

    /// Renders a text area of the field's name, label, value, hint and error.
    pub(crate) fn area(self, rows: u8) -> Markup {
        let id = format!("field-{}", self.name);
        let described = described_by(&id, self.hint, self.error);
        html! {
            div.field {
                label for=(id) { (self.label) }
                textarea id=(id) name=(self.name) rows=(rows) required[self.required]
                    aria-invalid=[self.error.map(|_| "true")] aria-describedby=[described]
                    { (self.value) }
                (notes(&id, self.hint, self.error))
            }
        }
    }

    /// Renders a choice; options are values with their texts.
    pub(crate) fn choice(self, options: &[(String, String)]) -> Markup {
        let id = format!("field-{}", self.name);
        let described = described_by(&id, self.hint, self.error);
        html! {
            div.field {
                label for=(id) { (self.label) }
                select id=(id) name=(self.name)
                    aria-invalid=[self.error.map(|_| "true")] aria-describedby=[described]
                {
                    @for (option, text) in options {
                        option value=(option) selected[option == self.value] { (text) }
                    }
                }
                (notes(&id, self.hint, self.error))
            }
        }
    }
}

/// Returns the ids of the texts that describe a field.
fn described_by(id: &str, hint: Option<&str>, error: Option<&str>) -> Option<String> {
    let ids = [hint.map(|_| format!("{id}-hint")), error.map(|_| format!("{id}-error"))];
    let ids: Vec<String> = ids.into_iter().flatten().collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

fn notes(id: &str, hint: Option<&str>, error: Option<&str>) -> Markup {
    html! {
        @if let Some(text) = error { p.field-error id={ (id) "-error" } { (text) } }
        @if let Some(text) = hint { p.hint id={ (id) "-hint" } { (text) } }
    }
}

/// Renders a text area.
pub(crate) fn text_area(name: &str, label: &str, value: &str, rows: u8) -> Markup {
    Field { name, label, value, ..Field::default() }.area(rows)
}

/// Renders a choice; options are values with their texts.
pub(crate) fn select(name: &str, label: &str, value: &str, options: &[(String, String)]) -> Markup {
    Field { name, label, value, ..Field::default() }.choice(options)
}

/// Renders why the form was refused.
pub(crate) fn refusal(text: Option<&str>) -> Markup {
    html! {
        @if let Some(text) = text {
            p.error role="alert" { (text) }
        }
    }
}
