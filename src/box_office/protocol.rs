//! What box offices of different instances say to each other. Instances of neighbouring versions
//! must understand it: append new variants at the end, never reorder, never change the fields of an
//! old one (`encodings.rs` pins the bytes).

use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::box_office::views::update::StampedViewMessage;
use crate::box_office::{Committed, SubmitError, Unavailable};
use crate::ids::{HoldId, InstanceId, OfferingId, SeatId, UserId};
use crate::inventory::{
    EndedEntryView, EntryCursor, HoldCursor, HoldView, Holdings, LiveEntry, LiveHold, Request,
    SeatView, WaitlistView,
};
use crate::journal::Owner;
use crate::trace::Origin;

/// From one instance to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum PeerRequest {
    /// Commands and looks at what the other owns.
    Calls {
        /// Who asks.
        from: InstanceId,
        offering: OfferingId,
        /// How many instances these calls have been handed on by, this time included.
        hops: u8,
        /// How long whoever asked first still waits.
        timeout_ms: u64,
        calls: Vec<TracedCall>,
    },
    /// Load this offering: it is about to be handed to you.
    Prepare { offering: OfferingId },
    /// The lease entry is yours: take over.
    Adopt { offering: OfferingId },
    /// Hand this offering to the instance of that name, if it is yours.
    Move { offering: OfferingId, to: Arc<str> },
    /// What is shown of this offering, if it is yours: now and, through the feed, for a while from
    /// now on.
    Show { offering: OfferingId },
}

/// A call, and the request that it is made for, if it is one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TracedCall {
    pub(crate) call: Call,
    pub(crate) origin: Option<Origin>,
}

/// One request for an offering.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Call {
    Submit(Request),
    Hold(HoldId),
    WaitlistEntry(HoldId),
    /// As [`Self::Submit`], of a command that may have been sent before: a refusal is final.
    Settle(Request),
    EndedEntry(HoldId),
    Seat(SeatId),
    /// What one customer has; at most so much of each kind.
    Holdings(UserId, u16),
    /// A page of everybody's holds and offers.
    LiveHolds(Option<HoldCursor>, u16),
    /// A page of the waitlist.
    Waiting(Option<EntryCursor>, u16),
}

/// The answer to a [`PeerRequest`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum PeerReply {
    /// To [`PeerRequest::Calls`], in their order.
    Calls(Vec<CallAnswer>),
    /// Not ours; that one's, if it is known.
    NotOwner(Option<Owner>),
    /// It is loaded.
    Prepared,
    /// It is in service here.
    InService(Owner),
    /// It did not come about.
    Failed(Unavailable),
    /// To [`PeerRequest::Show`].
    StampedViewMessage(Box<StampedViewMessage>),
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum CallAnswer {
    Submitted(Result<Committed, SubmitError>),
    Hold(Result<Option<HoldView>, Unavailable>),
    WaitlistEntry(Result<Option<WaitlistView>, Unavailable>),
    EndedEntry(Result<Option<EndedEntryView>, Unavailable>),
    Seat(Result<Option<SeatView>, Unavailable>),
    Holdings(Result<Holdings, Unavailable>),
    LiveHolds(Result<Vec<LiveHold>, Unavailable>),
    Waiting(Result<Vec<LiveEntry>, Unavailable>),
}

impl Call {
    /// The same, refused for good if it is refused.
    pub(crate) fn settling(self) -> Self {
        match self {
            Self::Submit(request) => Self::Settle(request),
            Self::Settle(_)
            | Self::Hold(_)
            | Self::WaitlistEntry(_)
            | Self::EndedEntry(_)
            | Self::Seat(_)
            | Self::Holdings(..)
            | Self::LiveHolds(..)
            | Self::Waiting(..) => self,
        }
    }

    /// That it could not be carried out.
    pub(crate) fn failed(&self, why: Unavailable) -> CallAnswer {
        match self {
            Self::Submit(_) | Self::Settle(_) => CallAnswer::Submitted(Err(why.into())),
            Self::Hold(_) => CallAnswer::Hold(Err(why)),
            Self::WaitlistEntry(_) => CallAnswer::WaitlistEntry(Err(why)),
            Self::EndedEntry(_) => CallAnswer::EndedEntry(Err(why)),
            Self::Seat(_) => CallAnswer::Seat(Err(why)),
            Self::Holdings(..) => CallAnswer::Holdings(Err(why)),
            Self::LiveHolds(..) => CallAnswer::LiveHolds(Err(why)),
            Self::Waiting(..) => CallAnswer::Waiting(Err(why)),
        }
    }
}

impl CallAnswer {
    /// Why nothing was decided, if nothing was.
    pub(crate) fn unavailable(&self) -> Option<&Unavailable> {
        match self {
            Self::Submitted(Err(SubmitError::Unavailable(why)))
            | Self::Hold(Err(why))
            | Self::WaitlistEntry(Err(why))
            | Self::EndedEntry(Err(why))
            | Self::Seat(Err(why))
            | Self::Holdings(Err(why))
            | Self::LiveHolds(Err(why))
            | Self::Waiting(Err(why)) => Some(why),
            Self::Submitted(Ok(_) | Err(SubmitError::Rejected(_)))
            | Self::Hold(Ok(_))
            | Self::WaitlistEntry(Ok(_))
            | Self::EndedEntry(Ok(_))
            | Self::Seat(Ok(_))
            | Self::Holdings(Ok(_))
            | Self::LiveHolds(Ok(_))
            | Self::Waiting(Ok(_)) => None,
        }
    }
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Bytes {
    let encoded = postcard::to_stdvec(value).expect("messages hold only encodable types");
    Bytes::from(encoded)
}

/// `None` if it is of another version, or of nobody's.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}
