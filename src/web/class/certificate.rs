//! The certificate of attendance, for those who were there: that of the API, with refusals as pages.

use actix_web::{HttpResponse, web};

use super::enrollment::Shown;
use crate::http::api::classes::certificate::drawn;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::EnrollmentId;
use crate::web::visitor::Visitor;

pub(super) async fn download(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<EnrollmentId>,
) -> Result<HttpResponse, ApiError> {
    let Shown { seen, .. } = Shown::read(&state, &visitor, id).await?;
    drawn(&state, &seen.row, Some(visitor.language)).await
}
