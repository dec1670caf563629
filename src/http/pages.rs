//! Pages of lists: the query that asks for one, and the cursor of the next.

use std::str::FromStr;

use serde::Deserialize;

use crate::http::error::ApiError;
use crate::inventory::TimestampMs;

/// The query of a list without filters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Items of a page: 1 to 100, 20 if absent.
    pub limit: Option<u64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The number of items asked for.
    ///
    /// # Errors
    /// 422 when it is out of range.
    pub fn limit(&self) -> Result<u64, ApiError> {
        match self.limit {
            None => Ok(20),
            Some(limit @ 1..=100) => Ok(limit),
            Some(_) => Err(ApiError::invalid("limit", "must be 1 to 100")),
        }
    }

    /// A cursor that is an id.
    ///
    /// # Errors
    /// 422 when this server did not give it out.
    pub fn after_id<T: FromStr>(&self) -> Result<Option<T>, ApiError> {
        self.cursor.as_deref().map(|text| text.parse().map_err(|_| not_a_cursor())).transpose()
    }

    /// A cursor that is a time and an id.
    ///
    /// # Errors
    /// 422 when this server did not give it out.
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

/// The cursor after a page, made from its last item; `None` if the page is not full.
#[must_use]
pub fn next_cursor<T>(page: &[T], limit: u64, cursor: impl Fn(&T) -> String) -> Option<String> {
    page.last().filter(|_| page.len() as u64 == limit).map(cursor)
}
