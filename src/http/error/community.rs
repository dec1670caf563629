//! Errors of what fans do as errors of the API.

use serde_json::json;

use super::{ApiError, ErrorCode};
use crate::community::articles::ArticleError;
use crate::community::catalogue::CatalogueError;
use crate::community::chat::ChatError;
use crate::community::likes::LikeError;
use crate::community::moderation::{Banned, ModerationError};
use crate::community::pictures::PictureError;
use crate::community::setlists::SetlistError;
use crate::http::dto;
use crate::http::respond::rfc3339;

impl From<SetlistError> for ApiError {
    fn from(error: SetlistError) -> Self {
        let message = error.to_string();
        match error {
            SetlistError::Invalid(error) => error.into(),
            SetlistError::NoSuchConcert => Self::of(ErrorCode::EventNotFound),
            SetlistError::NoSetlist => Self::of(ErrorCode::SetlistNotFound),
            SetlistError::VersionConflict { current } => {
                Self::new(ErrorCode::VersionConflict, message)
                    .with_detail("currentVersion", json!(current))
            }
            SetlistError::NotBegun => Self::new(ErrorCode::WrongState, message),
            SetlistError::Cancelled => Self::of(ErrorCode::EventCancelled),
            SetlistError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            SetlistError::Store(error) => error.into(),
        }
    }
}

impl From<ArticleError> for ApiError {
    fn from(error: ArticleError) -> Self {
        match error {
            ArticleError::Invalid(error) => error.into(),
            ArticleError::NoSuchArticle => Self::not_found("article"),
            ArticleError::NoSuchComment => Self::not_found("comment"),
            ArticleError::OtherVersion { current } => Self::of(ErrorCode::VersionConflict)
                .with_details(json!({ "currentVersion": current })),
            ArticleError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            ArticleError::NotAllowed(error) => error.into(),
            ArticleError::Store(error) => error.into(),
        }
    }
}

impl From<ModerationError> for ApiError {
    fn from(error: ModerationError) -> Self {
        match error {
            ModerationError::Invalid(error) => error.into(),
            ModerationError::NoSuchThing => Self::not_found("thing"),
            ModerationError::NoSuchBan => Self::not_found("ban"),
            ModerationError::AlreadyReported => Self::of(ErrorCode::AlreadyReported),
            ModerationError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            ModerationError::Banned(error) => error.into(),
            ModerationError::Store(error) => error.into(),
        }
    }
}

impl From<CatalogueError> for ApiError {
    fn from(error: CatalogueError) -> Self {
        let message = error.to_string();
        match error {
            CatalogueError::Invalid(error) => error.into(),
            CatalogueError::NoSuchEvent => Self::of(ErrorCode::EventNotFound),
            CatalogueError::NoSuchArtist => Self::not_found("artist"),
            CatalogueError::NoSuchSeries => Self::not_found("series"),
            CatalogueError::InUse => Self::new(ErrorCode::WrongState, message),
            CatalogueError::Store(error) => error.into(),
        }
    }
}

impl From<Banned> for ApiError {
    fn from(Banned { scope, reason, until }: Banned) -> Self {
        let until = dto::time(until);
        Self::of(ErrorCode::Banned)
            .with_details(json!({ "scope": scope, "reason": reason, "until": until }))
    }
}

impl From<LikeError> for ApiError {
    fn from(error: LikeError) -> Self {
        match error {
            LikeError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            LikeError::NoSuchEvent => Self::of(ErrorCode::EventNotFound),
            LikeError::Store(error) => error.into(),
        }
    }
}

impl From<ChatError> for ApiError {
    fn from(error: ChatError) -> Self {
        let message = error.to_string();
        match error {
            ChatError::Invalid(error) => error.into(),
            ChatError::NoSuchConcert => Self::of(ErrorCode::EventNotFound),
            ChatError::NoSuchRoom => Self::not_found("room"),
            ChatError::NoSuchPerson => Self::not_found("person"),
            ChatError::NoSuchMessage => Self::not_found("message"),
            ChatError::NotJoined => Self::of(ErrorCode::ChatNotJoined),
            ChatError::Banned { until, reason } => Self::of(ErrorCode::ChatBanned)
                .with_detail("until", json!(until.map(rfc3339)))
                .with_detail("reason", json!(reason)),
            ChatError::NotAllowed(_) => Self::new(ErrorCode::ChatNotAllowed, message),
            ChatError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            ChatError::Busy => Self::new(ErrorCode::Busy, message),
            ChatError::Store(error) => error.into(),
        }
    }
}

impl From<PictureError> for ApiError {
    fn from(error: PictureError) -> Self {
        let message = error.to_string();
        match error {
            PictureError::Invalid(error) => error.into(),
            PictureError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            PictureError::NoSuchPicture => Self::not_found("picture"),
            PictureError::InUse => Self::new(ErrorCode::WrongState, message),
            PictureError::TooMany => Self::new(ErrorCode::TooManyRequests, message),
            PictureError::Busy => Self::new(ErrorCode::Busy, message),
            PictureError::NoPlace => Self::new(ErrorCode::WrongState, message),
            PictureError::Objects(error) => {
                tracing::warn!(%error, "a picture could not be read or written");
                Self::of(ErrorCode::Unavailable)
            }
            PictureError::Store(error) => error.into(),
        }
    }
}
