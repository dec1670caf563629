//! The ids of the domain, each a type of its own so that none can be used in place of another.
//!
//! Long-lived objects have random UUIDs. Products, sections and seats are small indexes inside one
//! offering; in public they carry a tag of their offering, so that an id copied from another event
//! is recognised instead of silently naming a different seat. No clock, no state.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            utoipa::ToSchema,
        )]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh random id. Never called inside the inventory core: ids come in with commands.
            #[must_use]
            pub fn random() -> Self {
                // `Uuid::new_v4` would read from the kernel each time.
                Self(uuid::Builder::from_random_bytes(crate::random::bytes()).into_uuid())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// Anything with capacity that is sold as a unit: an event (or a class).
    OfferingId
}
uuid_id! {
    /// A login of a person: its access tokens and refresh tokens carry this id.
    SessionId
}
uuid_id! {
    /// A temporary claim on places. Also the id of a waitlist entry, whose offer becomes a hold.
    HoldId
}
uuid_id! {
    /// A hold that was checked out and waits for its payment, or is paid.
    ReservationId
}
uuid_id! {
    /// One attempt to pay for a reservation.
    PaymentId
}

impl PaymentId {
    /// The id that no payment has.
    pub const NIL: Self = Self(Uuid::nil());
}

uuid_id! {
    /// An application for a class. The offer of a place and the reservation that follow from it
    /// have the same UUID.
    EnrollmentId
}

impl EnrollmentId {
    /// The offer of a place that this enrollment waits for.
    #[must_use]
    pub fn offer(self) -> HoldId {
        HoldId(self.0)
    }

    /// The reservation of the place of this enrollment.
    #[must_use]
    pub fn reservation(self) -> ReservationId {
        ReservationId(self.0)
    }
}

uuid_id! {
    /// Answers to the form of a class, which are stored outside the journal.
    AnswersId
}
uuid_id! {
    /// An enrollment form of a class, through all its versions.
    FormId
}
uuid_id! {
    /// The reason of a decision in words, which is stored outside the journal.
    ReasonId
}
uuid_id! {
    /// Money to give back for a payment.
    RefundId
}
uuid_id! {
    /// A building in which events take place, with its plans.
    VenueId
}
uuid_id! {
    /// A picture that a person uploaded.
    ImageId
}
uuid_id! {
    /// An artist of concerts.
    ArtistId
}
uuid_id! {
    /// A series of concerts, such as the dates of a tour.
    SeriesId
}
uuid_id! {
    /// An article of a fan.
    ArticleId
}
uuid_id! {
    /// A comment on an article, or a reply to one.
    CommentId
}
uuid_id! {
    /// A report to the moderators.
    ReportId
}
uuid_id! {
    /// A ban of a person.
    BanId
}
uuid_id! {
    /// A room of the chat.
    RoomId
}
uuid_id! {
    /// A message of the chat.
    MessageId
}
uuid_id! {
    /// An endpoint of another system that messages are sent to.
    WebhookId
}
uuid_id! {
    /// One version of terms that people agree to.
    TermId
}
uuid_id! {
    /// A person with an account.
    UserId
}
uuid_id! {
    /// A role that a person was given.
    GrantId
}
uuid_id! {
    /// An invitation to a role.
    InvitationId
}
uuid_id! {
    /// An entry of a waiting room, as its public record shows it: random, known to its owner alone.
    QueueEntryId
}
uuid_id! {
    /// One running process.
    InstanceId
}
uuid_id! {
    /// One append to a journal. Drawn by the appender so that it can recognise its own row.
    BatchId
}

/// An id that sorts by time (UUID v7), for rows. `at_ms` is in milliseconds since the Unix epoch.
/// An index whose keys arrive in order is written only at its end.
#[must_use]
pub fn time_ordered(at_ms: u64) -> Uuid {
    let mut chance = [0; 10];
    chance.copy_from_slice(&crate::random::bytes()[..10]);
    uuid::Builder::from_unix_timestamp_millis(at_ms, &chance).into_uuid()
}

impl OfferingId {
    /// A new offering's id: time-ordered (UUID v7), so that listings can page by it.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The part of the id that this offering's public product and seat ids contain.
    #[must_use]
    pub fn tag(self) -> u32 {
        let bytes = self.0.as_bytes();
        u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]])
    }
}

impl Default for OfferingId {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a public product or seat id was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicIdError {
    /// The id does not have the form of this server's ids.
    #[error("must be an id as the event lists it")]
    Malformed,
    /// The id is well formed, but belongs to another event.
    #[error("must be an id of this event, and belongs to another event")]
    OtherOffering,
}

macro_rules! index_id {
    ($(#[$doc:meta])* $name:ident($repr:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $repr);

        impl $name {
            /// The position in the offering's arrays.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The id as clients see it: a letter, the offering's tag, the index.
            #[must_use]
            pub fn to_public(self, offering: OfferingId) -> String {
                format!("{}{:08x}-{}", $prefix, offering.tag(), self.0)
            }

            /// Parses an id that [`Self::to_public`] wrote for the same offering.
            ///
            /// # Errors
            /// [`PublicIdError`] when the text has another form or names another offering.
            pub fn from_public(offering: OfferingId, text: &str) -> Result<Self, PublicIdError> {
                let rest = text.strip_prefix($prefix).ok_or(PublicIdError::Malformed)?;
                let (tag, index) = rest.split_once('-').ok_or(PublicIdError::Malformed)?;
                // One text per id: `s0a-7`, `s000000AB-7`, `07` and `+7` are not forms that the
                // server wrote.
                let of_tag = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
                let as_given = tag.len() == 8
                    && tag.bytes().all(of_tag)
                    && index.bytes().all(|c| c.is_ascii_digit())
                    && (index == "0" || !index.starts_with('0'));
                if !as_given {
                    return Err(PublicIdError::Malformed);
                }
                let id = Self(index.parse().map_err(|_| PublicIdError::Malformed)?);
                let tag = u32::from_str_radix(tag, 16).map_err(|_| PublicIdError::Malformed)?;
                if tag != offering.tag() {
                    return Err(PublicIdError::OtherOffering);
                }
                Ok(id)
            }
        }
    };
}

index_id! {
    /// A ticket type of one offering.
    ProductId(u16), "p"
}
index_id! {
    /// A block of numbered seats of one offering.
    SectionId(u16), "b"
}
index_id! {
    /// A numbered seat of one offering; stable for the offering's whole life.
    SeatId(u32), "s"
}

/// The right to append to a journal: issued by the journal at each takeover, never decreasing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

/// A position in an offering's journal; the first row is 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Seq(pub u64);

impl Seq {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Returns the id of a reservation's ticket at position `index`. The id is derived, so that
/// projecting a journal twice gives the same rows.
#[must_use]
pub fn ticket_id(reservation: ReservationId, index: u8) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("admitone ticket id v1");
    hasher.update(reservation.0.as_bytes());
    hasher.update(&[index]);
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_id_of_another_offering_is_told_apart() {
        let (a, b) = (OfferingId::random(), OfferingId::random());
        let text = SeatId(77).to_public(a);
        assert_eq!(SeatId::from_public(a, &text), Ok(SeatId(77)));
        assert_eq!(SeatId::from_public(b, &text), Err(PublicIdError::OtherOffering));
        for bad in
            ["", "s", "s1-", "77", "s-7", "p00000000-7", "s00000000-99999999999", "s00000000-"]
        {
            assert_eq!(SeatId::from_public(a, bad), Err(PublicIdError::Malformed), "{bad}");
        }
        let index = |index: &str| format!("s{:08x}-{index}", a.tag());
        assert_eq!(SeatId::from_public(a, &index("0")), Ok(SeatId(0)));
        for bad in [index("07"), index("+7"), index("-7"), text.replacen('s', "s0", 1)] {
            assert_eq!(SeatId::from_public(a, &bad), Err(PublicIdError::Malformed), "{bad}");
        }
    }
}
