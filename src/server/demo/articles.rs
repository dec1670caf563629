//! An article about the event that the demonstration sells.

use crate::accounts::{Caller, Role};
use crate::community::articles::{ArticleCategory, ArticleDraft};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::server::StartError;

const CONTENT: &str = "Doors open an hour before the show.\n\n\
    - **Stalls**: the nearest, and the loudest\n\
    - *Circle*: the best view of the whole stage\n\n\
    > Come early: the bar is small.";

/// Publishes it.
pub(super) async fn make(
    state: &AppState,
    by: UserId,
    event: OfferingId,
    now: TimestampMs,
) -> Result<(), StartError> {
    let draft = ArticleDraft {
        title: "Before you come to the demo night".into(),
        content: CONTENT.into(),
        category: ArticleCategory::Preview,
        tags: vec!["demo".into(), "the little theatre".into()],
        concert: Some(event),
        images: Vec::new(),
    };
    let author = Caller::account(by, Role::Admin);
    match state.articles.create(author, draft, true, None, now).await {
        Ok(_) => Ok(()),
        Err(error) => Err(StartError::Machine(format!("the article cannot be made: {error}"))),
    }
}
