//! The frame of the organiser's tables.

use maud::{Markup, html};

/// Renders a table that scrolls sideways by itself where it is wider than the page.
pub(super) fn scrolling(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" tabindex="0" aria-label=(label) { (table) } }
}
