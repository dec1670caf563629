//! The steps of a journey: each makes one request, and records the request and its answer.

use std::rc::Rc;
use std::time::Duration;

use uuid::Uuid;

use super::answers::{EntryData, HoldData, PaymentData, ReservationData, read};
use super::seat_map::{FRESH, SeatMap, Seen};
use super::{Known, done};
use crate::crowd::{Wish, Worker};
use crate::ledger::{Answered, Asked};
use crate::measure::Op;
use crate::workload::Pick;
use admitone::ids::SeatId;

/// A buyer on a journey.
pub(super) struct Buyer<'a> {
    pub(super) worker: &'a Worker,
    pub(super) number: u32,
    pub(super) event: usize,
    /// The time at which the next request is meant to be sent.
    pub(super) next: Duration,
    /// The pass of a waiting room.
    pub(super) pass: Option<Box<str>>,
    /// The code with which the last request was refused.
    pub(super) refusal: Option<String>,
}

/// A hold of the buyer.
pub(super) struct Held {
    pub(super) hold: Uuid,
    pub(super) price: i64,
}

impl Buyer<'_> {
    /// Waits for a while.
    pub(super) async fn think(&mut self, time: Duration) {
        self.next += time;
        tokio::time::sleep(self.next.saturating_sub(self.worker.now())).await;
    }

    pub(super) async fn ask(
        &mut self,
        op: Op,
        method: &str,
        path: &str,
        body: &str,
        number: Option<u64>,
        etag: Option<&str>,
    ) -> Known {
        let (buyer, meant) = (self.number, self.next);
        // A pass is asked for with holds alone.
        let pass = self.pass.as_deref().filter(|_| op == Op::Hold);
        let wish = Wish { op, buyer, method, path, body, number, etag, pass, meant };
        let known = self.worker.ask(wish).await;
        self.next = self.worker.now();
        self.refusal = match &known {
            Known::Refused(code) => Some(code.clone()),
            Known::Success(_) | Known::Unknown => None,
        };
        known
    }

    /// Sends a change and records it; returns the outcome and the position of the entry.
    pub(super) async fn change(
        &mut self,
        op: Op,
        method: &str,
        path: &str,
        body: &str,
        asked: Asked,
    ) -> (Known, usize) {
        let number = self.worker.number();
        let entry = self.worker.note(self.number, self.event, number, asked);
        let known = self.ask(op, method, path, body, Some(number), None).await;
        (known, entry)
    }

    fn event_path(&self, rest: &str) -> String {
        format!("/api/events/{}/{rest}", self.worker.plan.events[self.event].id)
    }

    /// Holds places; returns `None` when the hold was refused, or there was nothing to hold.
    pub(super) async fn hold(&mut self, pick: Pick, party: u32) -> Option<Held> {
        let plan = &self.worker.plan.events[self.event];
        let asked = match pick {
            Pick::Places => Asked::Places { product: plan.places.as_ref()?.0, quantity: party },
            Pick::Best => Asked::Places { product: plan.seats.as_ref()?.0, quantity: party },
            Pick::Seats => {
                let map = self.seat_map().await?;
                Asked::Seats(self.worker.draw(|rng| map.pick(party, rng))?)
            }
        };
        let number = self.worker.number();
        let entry = self.worker.note(self.number, self.event, number, asked.clone());
        self.hold_under(number, entry, &asked).await
    }

    /// Holds under the given key, and records the answer in its entry.
    pub(super) async fn hold_under(
        &mut self,
        number: u64,
        entry: usize,
        asked: &Asked,
    ) -> Option<Held> {
        let known = self.send_hold(number, asked).await;
        let held = self.read_hold(&known);
        let answered = match (&known, held) {
            (Known::Success(_), Some(held)) => held,
            (Known::Success(_), None) | (Known::Unknown, _) => Answered::Unknown,
            (Known::Refused(_), _) => Answered::Refused,
        };
        let held = match &answered {
            Answered::Held { hold, price, seq, .. } => {
                if self.worker.plan.options.listeners > 0 {
                    self.worker.acknowledged.add(self.event, *seq, self.next);
                }
                Some(Held { hold: *hold, price: *price })
            }
            _ => None,
        };
        self.worker.answered(entry, answered);
        held
    }

    /// Sends the same hold again; returns the outcome and the hold in the answer.
    pub(super) async fn hold_again(&mut self, number: u64, asked: &Asked) -> (Known, Option<Uuid>) {
        let known = self.send_hold(number, asked).await;
        let hold = match self.read_hold(&known) {
            Some(Answered::Held { hold, .. }) => Some(hold),
            _ => None,
        };
        (known, hold)
    }

    async fn send_hold(&mut self, number: u64, asked: &Asked) -> Known {
        let plan = &self.worker.plan.events[self.event];
        let body = match asked {
            Asked::Places { product, quantity } => match (&plan.places, &plan.seats) {
                (Some((of_places, id)), _) if of_places == product => {
                    format!("{{\"lines\":[{{\"productId\":\"{id}\",\"quantity\":{quantity}}}]}}")
                }
                (_, Some((_, id))) => format!(
                    "{{\"bestAvailable\":{{\"productId\":\"{id}\",\"quantity\":{quantity}}}}}"
                ),
                (_, None) => return Known::Refused("nothing to ask for".into()),
            },
            Asked::Seats(seats) => {
                let ids: Vec<_> = seats
                    .iter()
                    .map(|seat| format!("\"{}\"", SeatId(*seat).to_public(plan.id)))
                    .collect();
                format!("{{\"seats\":[{}]}}", ids.join(","))
            }
            _ => unreachable!("holds ask for places or seats"),
        };
        let path = self.event_path("holds");
        self.ask(Op::Hold, "POST", &path, &body, Some(number), None).await
    }

    fn read_hold(&self, known: &Known) -> Option<Answered> {
        let Known::Success(answer) = known else { return None };
        let event = self.worker.plan.events[self.event].id;
        let read = read::<HoldData<'_>>(&answer.body).and_then(|data| {
            let (places, seats) = data.places(event)?;
            let (hold, seq, price) = (data.id, data.seq, data.total_price.amount);
            Ok(Answered::Held { hold, seq, places, seats, price })
        });
        self.or_violation("hold", read)
    }

    /// Reports a success whose body cannot be read as a violation of the server.
    pub(super) fn or_violation<T>(&self, what: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|reason| self.worker.violation(format!("{what}: {reason}"))).ok()
    }

    pub(super) async fn extend(&mut self, held: &Held) {
        let path = self.event_path(&format!("holds/{}/extend", held.hold));
        let asked = Asked::Extend { hold: held.hold };
        let (known, entry) = self.change(Op::Extend, "POST", &path, "", asked).await;
        self.worker.answered(entry, done(&known));
    }

    pub(super) async fn release(&mut self, held: &Held) {
        let path = self.event_path(&format!("holds/{}", held.hold));
        let asked = Asked::Release { hold: held.hold };
        let (known, entry) = self.change(Op::Release, "DELETE", &path, "", asked).await;
        self.worker.answered(entry, done(&known));
    }

    /// Checks a hold out; returns the reservation and its price.
    pub(super) async fn reserve(&mut self, hold: Uuid) -> Option<(Uuid, i64)> {
        let event = self.worker.plan.events[self.event].id;
        let body = format!("{{\"eventId\":\"{event}\",\"holdId\":\"{hold}\"}}");
        let asked = Asked::Reserve { hold };
        let (known, entry) =
            self.change(Op::Reserve, "POST", "/api/reservations", &body, asked).await;
        let mut answered = done(&known);
        let mut made = None;
        if let Known::Success(answer) = &known {
            made = self.or_violation("reservation", read::<ReservationData>(&answer.body));
            answered = match &made {
                Some(data) => {
                    Answered::Reserved { reservation: data.id, price: data.total_price.amount }
                }
                None => Answered::Unknown,
            };
        }
        self.worker.answered(entry, answered);
        made.map(|data| (data.id, data.total_price.amount))
    }

    /// Pays; returns whether the payment was confirmed.
    pub(super) async fn pay(&mut self, reservation: Uuid, price: i64) -> bool {
        let path = format!("/api/reservations/{reservation}/payments");
        let asked = Asked::Pay { reservation };
        let (known, entry) =
            self.change(Op::Pay, "POST", &path, "{\"method\":\"wallet\"}", asked).await;
        let mut answered = done(&known);
        if let Known::Success(answer) = &known {
            let paid = self.or_violation("payment", read::<PaymentData<'_>>(&answer.body));
            answered = match paid {
                Some(paid) if paid.status == "CONFIRMED" => {
                    if paid.amount.amount != price {
                        self.worker.violation(format!(
                            "reservation {reservation} cost {price} and {} was taken",
                            paid.amount.amount
                        ));
                    }
                    Answered::Paid { amount: paid.amount.amount }
                }
                Some(_) | None => Answered::Unknown,
            };
        }
        let is_paid = matches!(answered, Answered::Paid { .. });
        self.worker.answered(entry, answered);
        is_paid
    }

    pub(super) async fn cancel(&mut self, reservation: Uuid) {
        let path = format!("/api/reservations/{reservation}/cancel");
        let asked = Asked::Cancel { reservation };
        let (known, entry) = self.change(Op::Cancel, "POST", &path, "", asked).await;
        self.worker.answered(entry, done(&known));
    }

    /// Joins the waitlist; returns the entry.
    pub(super) async fn join(&mut self, party: u32) -> Option<Uuid> {
        let (product, id) = self.worker.plan.events[self.event].places.clone()?;
        let body = format!("{{\"productId\":\"{id}\",\"partySize\":{party}}}");
        let path = self.event_path("waitlist");
        let asked = Asked::Join { product, party };
        let (known, entry) = self.change(Op::JoinWaitlist, "POST", &path, &body, asked).await;
        let mut answered = done(&known);
        let mut waiting = None;
        if let Known::Success(answer) = &known {
            let read = self.or_violation("waitlist", read::<EntryData<'_>>(&answer.body));
            waiting = read.map(|data| data.id);
            answered = waiting.map_or(Answered::Unknown, |entry| Answered::Waiting { entry });
        }
        self.worker.answered(entry, answered);
        waiting
    }

    /// The status of a waitlist entry.
    pub(super) async fn look_at_waitlist(&mut self, entry: Uuid) -> Option<String> {
        let path = self.event_path(&format!("waitlist/{entry}"));
        let known = self.ask(Op::LookAtWaitlist, "GET", &path, "", None, None).await;
        let Known::Success(answer) = &known else { return None };
        let data = self.or_violation("waitlist", read::<EntryData<'_>>(&answer.body))?;
        Some(data.status.to_owned())
    }

    pub(super) async fn accept(&mut self, waiting: Uuid) -> Option<Held> {
        let path = self.event_path(&format!("waitlist/{waiting}/accept"));
        let asked = Asked::Accept { entry: waiting };
        let (known, entry) = self.change(Op::AcceptOffer, "POST", &path, "", asked).await;
        let held = self.read_hold(&known);
        let answered = match (&known, held) {
            (Known::Success(_), Some(held)) => held,
            (Known::Success(_), None) => Answered::Unknown,
            (Known::Refused(_) | Known::Unknown, _) => done(&known),
        };
        let held = match &answered {
            Answered::Held { hold, price, .. } => Some(Held { hold: *hold, price: *price }),
            _ => None,
        };
        self.worker.answered(entry, answered);
        held
    }

    pub(super) async fn leave(&mut self, waiting: Uuid) {
        let path = self.event_path(&format!("waitlist/{waiting}"));
        let asked = Asked::Leave { entry: waiting };
        let (known, entry) = self.change(Op::LeaveWaitlist, "DELETE", &path, "", asked).await;
        self.worker.answered(entry, done(&known));
    }

    /// Reads the availability; returns its version.
    pub(super) async fn look(&mut self, etag: Option<&str>) -> Option<Box<str>> {
        let path = self.event_path("availability");
        match self.ask(Op::Availability, "GET", &path, "", None, etag).await {
            Known::Success(answer) => answer.head.etag,
            Known::Refused(_) | Known::Unknown => None,
        }
    }

    /// Reads the seat map; returns its version.
    pub(super) async fn browse(&mut self, etag: Option<&str>) -> Option<Box<str>> {
        let path = self.event_path("seats");
        match self.ask(Op::SeatMap, "GET", &path, "", None, etag).await {
            Known::Success(answer) => answer.head.etag,
            Known::Refused(_) | Known::Unknown => None,
        }
    }

    async fn seat_map(&mut self) -> Option<Rc<SeatMap>> {
        let seen = self.worker.maps.get(self.event);
        if let Some(seen) = &seen
            && self.worker.now().saturating_sub(seen.at) < FRESH
        {
            return Some(Rc::clone(&seen.map));
        }
        self.read_map(seen).await
    }

    async fn read_map(&mut self, seen: Option<Seen>) -> Option<Rc<SeatMap>> {
        let path = self.event_path("seats");
        let etag = seen.as_ref().and_then(|seen| seen.etag.clone());
        let known = self.ask(Op::SeatMap, "GET", &path, "", None, etag.as_deref()).await;
        let Known::Success(answer) = known else { return None };
        let map = match (answer.head.status, seen) {
            (304, Some(seen)) => seen.map,
            _ => {
                let event = self.worker.plan.events[self.event].id;
                Rc::new(self.or_violation("seat map", SeatMap::parse(event, &answer.body))?)
            }
        };
        let (at, etag) = (self.next, answer.head.etag);
        self.worker.maps.put(self.event, Seen { map: Rc::clone(&map), at, etag });
        Some(map)
    }
}
