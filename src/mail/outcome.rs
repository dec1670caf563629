//! How the delivery of a mail ended.

use crate::offerings::OfferingError;
use crate::store::StoreError;

/// How the delivery of a mail ended. No text holds an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail was accepted by the mail server, or kept.
    Sent,
    /// There is nothing to send, and never will be: the person was erased, or the kind has no mail.
    NothingToSend(&'static str),
    /// It may work later: the mail server asked to wait, or the connection broke.
    Later(String),
    /// There is no connection to the mail server: no mail can be sent now.
    Away(String),
    /// It never works: the mail server refused it for good, or the message lacks something.
    Never(String),
}

/// Why a mail was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    /// There is nothing to send.
    #[error("{0}")]
    Nothing(&'static str),
    /// The message or the template lacks something.
    #[error("{0}")]
    Impossible(String),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for ComposeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<OfferingError> for ComposeError {
    fn from(error: OfferingError) -> Self {
        match error {
            OfferingError::Store(error) => Self::Store(error),
            other => Self::Impossible(other.to_string()),
        }
    }
}

impl From<minijinja::Error> for ComposeError {
    fn from(error: minijinja::Error) -> Self {
        // The detail of an undefined value names the place in the template and no value.
        let place = error.name().unwrap_or("a template").to_owned();
        let line = error.line().map_or_else(String::new, |line| format!(", line {line}"));
        Self::Impossible(format!("{place}{line}: {}", error.kind()))
    }
}
