//! Lists as XLSX files. Every cell is a text: nothing that people wrote becomes a formula. Rows go to
//! a temporary file as they come, so that memory holds the compressed file and one piece of rows.

use actix_web::web;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

use crate::http::error::ApiError;

/// The most rows below the titles.
pub(crate) const MAX_ROWS: u32 = 100_000;
/// The most characters of a cell that the format allows.
const MAX_CHARS: usize = 32_767;

/// A file with one sheet, while its rows come.
pub(crate) struct Sheet {
    book: Workbook,
    rows: u32,
}

impl Sheet {
    /// Begins a file with a row of titles.
    pub(crate) fn new(titles: &[String]) -> Result<Self, ApiError> {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet_with_constant_memory().map_err(ApiError::internal)?;
        let bold = Format::new().set_bold();
        for (column, title) in (0..).zip(titles) {
            let written = sheet.write_string_with_format(0, column, cut(title), &bold);
            written.map_err(ApiError::internal)?;
        }
        Ok(Self { book, rows: 0 })
    }

    /// Appends rows; those beyond [`MAX_ROWS`] are left out.
    pub(crate) async fn with(mut self, rows: Vec<Vec<String>>) -> Result<Self, ApiError> {
        // Writes to a file, which must not hold up the worker.
        let written = web::block(move || self.write(&rows).map(|()| self)).await;
        written.map_err(ApiError::internal)?.map_err(ApiError::internal)
    }

    /// Returns the bytes of the file.
    pub(crate) async fn finish(mut self) -> Result<Vec<u8>, ApiError> {
        let bytes = web::block(move || self.book.save_to_buffer()).await;
        bytes.map_err(ApiError::internal)?.map_err(ApiError::internal)
    }

    fn write(&mut self, rows: &[Vec<String>]) -> Result<(), XlsxError> {
        let sheet = self.book.worksheet_from_index(0)?;
        for row in rows {
            if self.rows == MAX_ROWS {
                break;
            }
            self.rows += 1;
            for (column, text) in (0..).zip(row) {
                if !text.is_empty() {
                    sheet.write_string(self.rows, column, cut(text))?;
                }
            }
        }
        Ok(())
    }
}

/// Returns as much of a text as a cell takes.
fn cut(text: &str) -> &str {
    text.char_indices().nth(MAX_CHARS).map_or(text, |(end, _)| &text[..end])
}
