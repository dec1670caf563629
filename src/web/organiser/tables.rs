//! The frame of the organiser's tables.

use maud::{Markup, html};

/// A column of a table.
pub(super) struct Column<'a> {
    label: &'a str,
    is_number: bool,
}

impl<'a> Column<'a> {
    /// A column of texts.
    pub(super) fn text(label: &'a str) -> Self {
        Self { label, is_number: false }
    }

    /// A column of numbers.
    pub(super) fn number(label: &'a str) -> Self {
        Self { label, is_number: true }
    }
}

/// Renders a table that scrolls sideways by itself where it is wider than the page.
pub(super) fn scrolling(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" tabindex="0" aria-label=(label) { (table) } }
}

/// Renders a table whose rows are cards on narrow screens, each value with the label of its column.
/// The first column names the row.
pub(super) fn cards(
    label: &str,
    columns: &[Column<'_>],
    rows: impl Iterator<Item = Vec<Markup>>,
) -> Markup {
    // Rows that are shown as blocks are no rows to some browsers: the roles say that they are.
    let table = html! {
        table.as-cards role="table" aria-label=(label) {
            thead role="rowgroup" { tr role="row" {
                @for column in columns {
                    th.number[column.is_number] scope="col" role="columnheader" { (column.label) }
                }
            } }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        @for (index, (column, cell)) in columns.iter().zip(row).enumerate() {
                            @if index == 0 {
                                th.number[column.is_number] scope="row" role="rowheader" data-label=(column.label) {
                                    div { (cell) }
                                }
                            } @else {
                                td.number[column.is_number] role="cell" data-label=(column.label) { div { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    };
    scrolling(label, &table)
}
