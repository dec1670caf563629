//! Points at which an application can be made to stop dead, to show what a crash there leaves and how a
//! retry goes on from it.

use std::fmt;
use std::sync::Arc;

use super::ClassError;
use crate::box_office::{SubmitError, Unavailable};
use crate::ids::UserId;

/// A point of an application, and of a change of its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// Nothing is written yet.
    BeforeAnswers,
    /// The answers are written, and the command is not sent.
    BeforeCommand,
    /// The command is durable, and the request is not answered.
    BeforeAnswer,
}

impl Point {
    /// All points, in their order.
    pub const ALL: [Self; 3] = [Self::BeforeAnswers, Self::BeforeCommand, Self::BeforeAnswer];
}

type Crash = dyn Fn(UserId, Point) -> bool + Send + Sync;

/// Selects the points at which to stop. In production, none.
#[derive(Clone, Default)]
pub struct CrashPoints(Option<Arc<Crash>>);

impl CrashPoints {
    /// Stops wherever `crash` returns true.
    pub fn new(crash: impl Fn(UserId, Point) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(crash)))
    }

    pub(super) fn pass(&self, user: UserId, point: Point) -> Result<(), ClassError> {
        match &self.0 {
            Some(crash) if crash(user, point) => {
                Err(SubmitError::from(Unavailable::OutcomeUnknown).into())
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for CrashPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CrashPoints").field(&self.0.is_some()).finish()
    }
}
