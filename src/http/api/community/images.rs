//! `/api/images`: pictures that people upload. The pages serve them at `/images/`.

use actix_multipart::{Multipart, MultipartError};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::envelope::{Done, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Caller, IdempotencyKey, Path, read_plain};
use crate::http::respond::{self, locate, rfc3339};
use crate::http::state::AppState;
use crate::ids::ImageId;
use crate::objects::images::MAX_BYTES;
use crate::store::ImageRow;

/// The most bytes of an upload with its form around it.
const MAX_BODY: usize = MAX_BYTES + 16 * 1_024;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/images").post(upload))
        .service(web::resource("/api/images/{image}").get(show).delete(delete));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "post",
        "/api/images",
        &[
            ErrorCode::AccountRequired,
            ErrorCode::PayloadTooLarge,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::TooManyRequests,
            ErrorCode::Busy,
            ErrorCode::WrongState,
        ],
    ),
    ("delete", "/api/images/{image}", &[ErrorCode::WrongState]),
];

/// A picture that a person uploaded.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ImageDto {
    pub id: ImageId,
    /// Where all can see it, 1,600 pixels wide at most; `/800` and `/320` instead of `/1600` are smaller.
    pub url: String,
    /// `image/jpeg`, or `image/png` where it is transparent.
    pub content_type: String,
    /// The width of the upload in pixels, upright.
    #[schema(minimum = 1)]
    pub width: u32,
    /// The height of the upload in pixels, upright.
    #[schema(minimum = 1)]
    pub height: u32,
    pub created_at: String,
}

/// A form with one field.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the form in the document")]
pub struct ImageForm {
    /// A JPEG, PNG or WebP picture of at most 10 MiB and 40 megapixels.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Upload a picture.
///
/// It is turned upright and written anew in three sizes: what it says of place and camera is not kept. At
/// most 100 a day.
#[utoipa::path(post, path = "/api/images", tag = "images", operation_id = "uploadImage",
    request_body(content = ImageForm, content_type = "multipart/form-data"),
    responses((status = 201, body = Success<ImageDto>)))]
pub(crate) async fn upload(
    state: web::Data<AppState>,
    caller: Caller,
    _: IdempotencyKey,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let allowed = state.pictures.may_upload(caller, now).await;
    let file = file_of(&request, payload).await?;
    allowed?;
    let row = state.pictures.upload(caller, file, now).await?;
    let at = format!("/api/images/{}", row.id);
    let mut response = respond::created(&render(row));
    locate(&mut response, &at);
    Ok(response)
}

/// Reads the one file of a form. The whole body is read before anything is refused, so that the client
/// is still there for the answer.
pub(crate) async fn file_of(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Bytes, ApiError> {
    let body = match read_plain(request, &mut payload.into_inner(), MAX_BODY).await {
        Err(error) if error.code() == ErrorCode::PayloadTooLarge => return Err(too_large()),
        body => body?,
    };
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let is_form = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/form-data"));
    if !is_form {
        let message = "the body must be a form: multipart/form-data with one field `file`";
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    }
    let mut form = Multipart::new(request.headers(), stream::iter([Ok(body)]));
    let mut file: Option<Bytes> = None;
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|error| malformed(&error))?;
        if field.name() != Some("file") {
            return Err(ApiError::invalid("file", "must be the only field of the form"));
        }
        if file.is_some() {
            return Err(ApiError::invalid("file", "must be there once"));
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(|error| malformed(&error))?;
            if bytes.len() + chunk.len() > MAX_BYTES {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        file = Some(bytes.freeze());
    }
    match file {
        Some(file) if !file.is_empty() => Ok(file),
        _ => Err(ApiError::invalid("file", "is missing: choose a picture")),
    }
}

fn too_large() -> ApiError {
    ApiError::new(ErrorCode::PayloadTooLarge, "a picture may have at most 10 MiB")
}

fn malformed(error: &MultipartError) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, format!("the form cannot be read: {error}"))
}

/// Read what is known of a picture.
#[utoipa::path(get, path = "/api/images/{image}", tag = "images", operation_id = "getImage",
    security(()), params(("image" = ImageId, Path)),
    responses((status = 200, body = Success<ImageDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    Path(image): Path<ImageId>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&render(state.pictures.picture(image).await?)))
}

/// Delete a picture that nothing shows: one's own, or any (administrators).
#[utoipa::path(delete, path = "/api/images/{image}", tag = "images", operation_id = "deleteImage",
    params(("image" = ImageId, Path)), responses((status = 200, body = Done)))]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    caller: Caller,
    Path(image): Path<ImageId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.pictures.delete(caller, image).await?;
    Ok(respond::done("the picture is deleted"))
}

fn render(row: ImageRow) -> ImageDto {
    ImageDto {
        id: row.id,
        url: format!("/images/{}/1600", row.id),
        content_type: row.content_type,
        width: row.width,
        height: row.height,
        created_at: rfc3339(row.created_at),
    }
}
