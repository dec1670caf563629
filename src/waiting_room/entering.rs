//! Entering a queue: who keeps a place, who may enter, and what has to be shown for it.

use std::net::IpAddr;
use std::sync::Arc;

use super::guard::Purpose;
use super::room::Room;
use super::{Challenge, Following, RoomStatus, WaitingRoomError, WaitingRooms, metrics};
use crate::box_office::SubmitError;
use crate::ids::{OfferingId, UserId};
use crate::inventory::{QueueEntryView, QueuePlace, QueueRules, TimestampMs};

/// A customer who wants to enter.
#[derive(Clone, Copy, Debug)]
pub struct Entrant<'a> {
    /// The customer.
    pub customer: UserId,
    /// The network address of the request.
    pub address: Option<IpAddr>,
    /// The proof of work, if one was sent.
    pub proof: Option<&'a str>,
}

impl WaitingRooms {
    /// Enters a customer, who keeps their place if they have one.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn enter(
        &self,
        event: OfferingId,
        entrant: Entrant<'_>,
    ) -> Result<RoomStatus, WaitingRoomError> {
        let room = self.room(event);
        let entered = self.enter_room(&room, event, entrant).await;
        self.forget_if_unknown(event, entered.as_ref().err());
        entered
    }

    async fn enter_room(
        &self,
        room: &Arc<Room>,
        event: OfferingId,
        entrant: Entrant<'_>,
    ) -> Result<RoomStatus, WaitingRoomError> {
        let customer = entrant.customer;
        if let Some(status) = room.known_status(customer).await? {
            return Ok(status);
        }
        match room.progress().await {
            Ok(seen) => {
                let rules = &seen.progress.rules;
                let is_choosy = rules.account_before.is_some() || rules.confirmed_only;
                // The box office refuses all who are new to a queue that is draining.
                if is_choosy || (rules.challenge_bits > 0 && !rules.draining) {
                    let entry = room.ask(customer).await?;
                    if let Some(found) = entry.filter(|entry| !entry.may_enter_again()) {
                        return self.keep(room, customer, found).await;
                    }
                    self.lets_in(rules, customer).await?;
                    let generation = seen.progress.generation;
                    let newest = entry.map(|entry| entry.number);
                    let purpose = Purpose { event, generation, customer, newest };
                    if rules.challenge_bits > 0 && !rules.draining {
                        self.check_proof(purpose, rules.challenge_bits, entrant.proof)?;
                    }
                }
            }
            // The box office says why nobody enters.
            Err(WaitingRoomError::Office(SubmitError::Rejected(_))) => {}
            // Without the rules nobody is let in.
            Err(error) => return Err(error),
        }
        if let Err(retry_after) = self.guard.addresses.enter(entrant.address) {
            // Others of the same network do not cost anybody a place.
            if let Some(found) = room.ask(customer).await?.filter(|entry| !entry.may_enter_again())
            {
                return self.keep(room, customer, found).await;
            }
            metrics::refused_by_address();
            return Err(WaitingRoomError::CrowdedAddress { retry_after });
        }
        let entry = room.enter(customer).await?;
        self.told(room, customer, entry).await
    }

    /// Tells a customer of an entry that stays as it is, or that returns to the line.
    async fn keep(
        &self,
        room: &Arc<Room>,
        customer: UserId,
        entry: QueueEntryView,
    ) -> Result<RoomStatus, WaitingRoomError> {
        let entry = match entry.place {
            QueuePlace::Aside => room.enter(customer).await?,
            _ => Some(entry),
        };
        self.told(room, customer, entry).await
    }

    /// Whether the organiser lets this account into the queue.
    async fn lets_in(&self, rules: &QueueRules, customer: UserId) -> Result<(), WaitingRoomError> {
        let account = self.store.user_get(customer).await?;
        if let Some(before) = rules.account_before
            && account.as_ref().is_none_or(|account| account.created_at >= before)
        {
            return Err(WaitingRoomError::AccountTooNew { before });
        }
        let is_confirmed = account.is_some_and(|account| account.email_confirmed_at.is_some());
        if rules.confirmed_only && !is_confirmed {
            return Err(WaitingRoomError::NotConfirmed);
        }
        Ok(())
    }

    fn check_proof(
        &self,
        purpose: Purpose,
        bits: u8,
        proof: Option<&str>,
    ) -> Result<(), WaitingRoomError> {
        let Some(proof) = proof else {
            metrics::challenged(metrics::Challenged::Missing);
            return Err(WaitingRoomError::ChallengeRequired { bits });
        };
        let now: TimestampMs = self.clock.now_ms();
        let checked = self.guard.challenges.check(purpose, bits, proof, now);
        metrics::challenged(match checked {
            Ok(()) => metrics::Challenged::Passed,
            Err(_) => metrics::Challenged::Failed,
        });
        checked.map_err(WaitingRoomError::ChallengeFailed)
    }

    /// The challenge that a customer must solve before entering; `None` if none is asked for, or the
    /// customer has a place.
    ///
    /// # Errors
    /// [`WaitingRoomError`].
    pub async fn challenge(
        &self,
        event: OfferingId,
        customer: UserId,
    ) -> Result<Option<Challenge>, WaitingRoomError> {
        let room = self.room(event);
        let asked = self.challenge_in(&room, event, customer).await;
        self.forget_if_unknown(event, asked.as_ref().err());
        asked
    }

    async fn challenge_in(
        &self,
        room: &Arc<Room>,
        event: OfferingId,
        customer: UserId,
    ) -> Result<Option<Challenge>, WaitingRoomError> {
        let seen = room.progress().await?;
        let bits = seen.progress.rules.challenge_bits;
        if bits == 0 || room.known_status(customer).await?.is_some() {
            return Ok(None);
        }
        let entry = room.ask(customer).await?;
        if entry.is_some_and(|entry| !entry.may_enter_again()) {
            return Ok(None);
        }
        let generation = seen.progress.generation;
        let newest = entry.map(|entry| entry.number);
        let purpose = Purpose { event, generation, customer, newest };
        Ok(Some(self.guard.challenges.issue(purpose, bits, self.clock.now_ms())))
    }

    /// Counts a stream of a customer until the result is dropped.
    ///
    /// # Errors
    /// [`WaitingRoomError::TooManyStreams`].
    pub fn follow(&self, customer: UserId) -> Result<Following, WaitingRoomError> {
        self.guard.streams.begin(customer).ok_or(WaitingRoomError::TooManyStreams)
    }
}
