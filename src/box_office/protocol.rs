//! Messages between box offices of different instances. Instances of neighbouring versions must
//! understand them: append new variants at the end, never reorder, never change the fields of an
//! old one (`encodings.rs` pins the bytes).

use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::box_office::views::queue_state::QueueAnswer;
use crate::box_office::views::update::ShownView;
use crate::box_office::{Committed, SubmitError, Unavailable};
use crate::ids::{HoldId, InstanceId, OfferingId, SeatId, UserId};
use crate::inventory::{
    EndedEntryView, EntryCursor, HoldCursor, HoldView, Holdings, LiveEntry, LiveHold, Request,
    SeatView, WaitlistView,
};
use crate::journal::Owner;
use crate::trace::Origin;

/// A request from one instance to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum PeerRequest {
    /// Commands and queries for an offering that the other instance owns.
    Calls {
        /// The instance that sends the request.
        from: InstanceId,
        offering: OfferingId,
        /// How many instances have forwarded these calls, this time included.
        hops: u8,
        /// Milliseconds for which the first caller still waits.
        timeout_ms: u64,
        calls: Vec<TracedCall>,
    },
    /// Load this offering: it is about to be handed off to you.
    Prepare { offering: OfferingId },
    /// The lease entry is yours: take over.
    Adopt { offering: OfferingId },
    /// Hand this offering to the instance of that name, if it is yours.
    Move { offering: OfferingId, to: Arc<str> },
    /// Send the view of this offering, if it is yours: now and, through the feed, for a while from
    /// now on.
    Show { offering: OfferingId },
    /// Say of each of these customers in line whether you have heard of them within so many
    /// milliseconds.
    Heard { offering: OfferingId, customers: Vec<UserId>, within_ms: i64 },
}

/// A call, and the origin of the request that it is made for, if there is one.
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
    /// As [`Self::Submit`], for a command that may have been sent before: a refusal is final.
    Settle(Request),
    EndedEntry(HoldId),
    Seat(SeatId),
    /// The holdings of one customer; at most this many of each kind.
    Holdings(UserId, u16),
    /// A page of all holds and offers.
    LiveHolds(Option<HoldCursor>, u16),
    /// A page of the waitlist.
    Waiting(Option<EntryCursor>, u16),
    /// The queue, and the entries of these customers.
    Queue(Vec<UserId>),
}

/// The reply to a [`PeerRequest`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum PeerReply {
    /// To [`PeerRequest::Calls`], in the order of the calls.
    Calls(Vec<CallAnswer>),
    /// The offering is not ours; the named instance is the owner, if it is known.
    NotOwner(Option<Owner>),
    /// The offering is loaded.
    Prepared,
    /// The offering is in service here.
    InService(Owner),
    /// The request failed.
    Failed(Unavailable),
    /// To [`PeerRequest::Show`].
    Shown(Box<ShownView>),
    /// To [`PeerRequest::Heard`].
    Heard(Vec<bool>),
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
    Queue(Result<Option<Box<QueueAnswer>>, Unavailable>),
}

impl Call {
    /// Returns the same call, with the condition that a refusal is final.
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
            | Self::Waiting(..)
            | Self::Queue(_) => self,
        }
    }

    /// Returns the answer that the call could not be carried out.
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
            Self::Queue(_) => CallAnswer::Queue(Err(why)),
        }
    }
}

impl CallAnswer {
    /// Returns why nothing was decided; `None` if something was.
    pub(crate) fn unavailable(&self) -> Option<&Unavailable> {
        match self {
            Self::Submitted(Err(SubmitError::Unavailable(why)))
            | Self::Hold(Err(why))
            | Self::WaitlistEntry(Err(why))
            | Self::EndedEntry(Err(why))
            | Self::Seat(Err(why))
            | Self::Holdings(Err(why))
            | Self::LiveHolds(Err(why))
            | Self::Waiting(Err(why))
            | Self::Queue(Err(why)) => Some(why),
            Self::Submitted(Ok(_) | Err(SubmitError::Rejected(_)))
            | Self::Hold(Ok(_))
            | Self::WaitlistEntry(Ok(_))
            | Self::EndedEntry(Ok(_))
            | Self::Seat(Ok(_))
            | Self::Holdings(Ok(_))
            | Self::LiveHolds(Ok(_))
            | Self::Waiting(Ok(_))
            | Self::Queue(Ok(_)) => None,
        }
    }
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Bytes {
    let encoded = postcard::to_stdvec(value).expect("messages hold only encodable types");
    Bytes::from(encoded)
}

/// Returns `None` if the bytes are of another version, or of no message.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}
