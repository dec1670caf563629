//! Pages of lists: the query for a page, and the cursor of the next page.

use std::str::FromStr;

use serde::Deserialize;

use crate::http::error::ApiError;
use crate::inventory::TimestampMs;

/// The query of a list without filters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// The number of items of a page: 1 to 100, 20 if absent.
    pub limit: Option<u64>,
    /// The `nextCursor` of the previous page.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// Returns the number of items of the page.
    ///
    /// # Errors
    /// 422 if it is out of range.
    pub fn limit(&self) -> Result<u64, ApiError> {
        match self.limit {
            None => Ok(20),
            Some(limit @ 1..=100) => Ok(limit),
            Some(_) => Err(ApiError::invalid("limit", "must be 1 to 100")),
        }
    }

    /// Parses a cursor that is an id.
    ///
    /// # Errors
    /// 422 if this server did not issue it.
    pub fn after_id<T: FromStr>(&self) -> Result<Option<T>, ApiError> {
        self.cursor.as_deref().map(|text| text.parse().map_err(|_| not_a_cursor())).transpose()
    }

    /// Parses a cursor that is a time and an id.
    ///
    /// # Errors
    /// 422 if this server did not issue it.
    pub fn after<T: FromStr>(&self) -> Result<Option<(TimestampMs, T)>, ApiError> {
        let Some(text) = self.cursor.as_deref() else { return Ok(None) };
        let parsed =
            text.split_once('_').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
        parsed.map(Some).ok_or_else(not_a_cursor)
    }
}

fn not_a_cursor() -> ApiError {
    ApiError::invalid("cursor", "must be the nextCursor of a page of this list")
}

/// Returns the cursor after a page, made from its last item; `None` if the page is not full.
#[must_use]
pub fn next_cursor<T>(page: &[T], limit: u64, cursor: impl Fn(&T) -> String) -> Option<String> {
    page.last().filter(|_| page.len() as u64 == limit).map(cursor)
}
