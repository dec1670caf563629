//! A person who goes through a waiting room, one act after the other: comes, asks for the place,
//! holds, pays, or leaves. Each act makes its requests and says when the person acts next.

use std::time::Duration;

use super::answers::read;
use super::steps::{Buyer, Held};
use super::{Known, Pick, done};
use crate::crowd::Worker;
use crate::ledger::{Answered, Asked};
use crate::measure::Op;
use crate::people::{
    Decisions, Leaving, Outlook, Purpose, Question, Reply, State, StatusData, Told,
};

/// Between two attempts to enter when the server is busy.
const ENTER_AGAIN: Duration = Duration::from_secs(3);
const ENTRIES: u32 = 20;
/// After the end of a hold, when its places are certainly free.
const AFTER_EXPIRY: Duration = Duration::from_secs(2);
/// Charges a wallet; the largest amount allowed.
const CHARGE: &str = r#"{"amount":{"amount":1000000000000,"currency":"KRW"}}"#;

/// What the person does next.
enum Next {
    Come { attempts: u32 },
    Poll,
    Hold,
    Settle(Held),
    Return(uuid::Uuid),
    Leave,
}

/// A person in or before the waiting room.
pub struct Visitor {
    number: u32,
    decisions: Box<Decisions>,
    next: Next,
    pass: Option<Box<str>>,
    is_charged: bool,
    is_busy: bool,
    /// True once the person has had a hold.
    has_held: bool,
    /// Places wanted now: fewer after a refusal.
    party: u32,
}

impl Visitor {
    /// A person who has not come yet.
    #[must_use]
    pub fn new(worker: &Worker, number: u32) -> Self {
        let options = &worker.plan.options;
        let queue = options.queue.as_ref().expect("the workload has a queue");
        let decisions = Box::new(Decisions::of(options.seed, number, queue));
        Self {
            number,
            next: Next::Come { attempts: 0 },
            pass: None,
            is_charged: !worker.plan.charges_itself,
            is_busy: false,
            has_held: false,
            party: decisions.party,
            decisions,
        }
    }

    /// When the person comes, since the start of the run.
    #[must_use]
    pub fn comes_at(&self) -> Duration {
        self.decisions.arrives
    }

    /// Tells the person that all is sold: true if the person is to act once more, and leaves then.
    pub fn go(&mut self, worker: &Worker) -> bool {
        match self.next {
            Next::Leave => true,
            Next::Poll if !self.is_busy => {
                self.next = Next::Leave;
                true
            }
            _ => {
                self.end(worker);
                false
            }
        }
    }

    fn end(&mut self, worker: &Worker) {
        self.set_busy(worker, false);
        worker.watch.went();
    }

    fn set_busy(&mut self, worker: &Worker, is_busy: bool) {
        if std::mem::replace(&mut self.is_busy, is_busy) != is_busy {
            worker.watch.set_busy(is_busy);
        }
    }

    /// Acts, having been meant to at `due`; returns the time of the next act, `None` after the last.
    pub async fn act(&mut self, worker: &Worker, due: Duration) -> Option<Duration> {
        let pass = self.pass.clone();
        let mut buyer =
            Buyer { worker, number: self.number, event: 0, next: due, pass, refusal: None };
        let next = std::mem::replace(&mut self.next, Next::Leave);
        let wait = match next {
            Next::Come { attempts } => self.come(&mut buyer, attempts).await,
            Next::Poll => self.poll(&mut buyer).await,
            Next::Hold => self.hold(&mut buyer).await,
            Next::Settle(held) => self.settle(&mut buyer, held).await,
            Next::Return(reservation) => {
                buyer.cancel(reservation).await;
                None
            }
            Next::Leave => {
                buyer.leave_queue().await;
                None
            }
        };
        let is_over = worker.watch.is_over() && !matches!(self.next, Next::Settle(_));
        match wait {
            Some(_) if is_over && !self.go(worker) => None,
            Some(wait) => Some(worker.now() + wait),
            None => {
                self.end(worker);
                None
            }
        }
    }

    async fn come(&mut self, buyer: &mut Buyer<'_>, attempts: u32) -> Option<Duration> {
        match buyer.enter_queue().await {
            Ok(status) => self.read(buyer, &status),
            Err(_) if attempts < ENTRIES => {
                self.next = Next::Come { attempts: attempts + 1 };
                Some(ENTER_AGAIN.mul_f64(0.5 + buyer.worker.chance()))
            }
            Err(_) => None,
        }
    }

    async fn poll(&mut self, buyer: &mut Buyer<'_>) -> Option<Duration> {
        if self.decisions.cheats && self.pass.is_none() {
            self.decisions.cheats = false;
            buyer.hold_in_queue(1, Question::HoldWithoutPass).await;
        }
        match buyer.poll_queue().await {
            Ok(status) => self.read(buyer, &status),
            // Asked too much of the server, or of the connection: the page asks again.
            Err(code) if matches!(&*code, "BUSY" | "no connection" | "OVERLOADED") => {
                self.next = Next::Poll;
                Some(ENTER_AGAIN)
            }
            Err(_) => None,
        }
    }

    /// What the person does about an answer, and after which time.
    fn read(&mut self, buyer: &Buyer<'_>, status: &StatusData) -> Option<Duration> {
        let worker = buyer.worker;
        let poll = Duration::from_secs(status.next_poll_seconds.into());
        self.next = Next::Poll;
        match status.status {
            State::PreQueue | State::Waiting | State::SetAside => {
                if status.prospects.outlook == Outlook::SoldOut && !self.decisions.stays {
                    return self.leave(self.decisions.gives_up, poll.mul_f64(worker.chance()));
                }
                let lateness = self.decisions.lateness.mul_f64(worker.chance());
                self.wait_for(worker, poll + lateness)
            }
            State::Admitted => {
                if self.decisions.abandons {
                    return None;
                }
                self.pass = status.pass_token.as_deref().map(Box::from);
                if self.has_held || self.pass.is_none() {
                    return None;
                }
                if status.prospects.places_left == 0 {
                    // Inside without a chance: a person who is told so for certain leaves.
                    self.set_busy(worker, false);
                    return match status.prospects.outlook {
                        Outlook::SoldOut => self.leave(Leaving::Says, Duration::ZERO),
                        _ => Some(poll),
                    };
                }
                self.set_busy(worker, true);
                self.next = Next::Hold;
                Some(std::mem::take(&mut self.decisions.thinks))
            }
            State::Expired | State::Served | State::Left | State::Voided => None,
        }
    }

    fn leave(&mut self, how: Leaving, after: Duration) -> Option<Duration> {
        self.next = Next::Leave;
        (how == Leaving::Says).then_some(after)
    }

    /// The time until the next poll, unless patience ends before, or a pause begins.
    fn wait_for(&mut self, worker: &Worker, wait: Duration) -> Option<Duration> {
        let here = worker.now().saturating_sub(self.decisions.arrives);
        if let Some((after, how)) = self.decisions.leaves
            && here + wait > after
        {
            return self.leave(how, after.saturating_sub(here));
        }
        match self.decisions.pause {
            Some((after, pause)) if here > after => {
                self.decisions.pause = None;
                Some(wait + pause)
            }
            _ => Some(wait),
        }
    }

    async fn hold(&mut self, buyer: &mut Buyer<'_>) -> Option<Duration> {
        if !std::mem::replace(&mut self.is_charged, true) {
            buyer.charge(CHARGE).await?;
        }
        let held = match buyer.hold_in_queue(self.party, Question::Hold).await {
            None if buyer.refusal.as_deref() == Some("SOLD_OUT") && self.party > 1 => {
                self.party = 1;
                buyer.hold_in_queue(1, Question::Hold).await
            }
            held => held,
        };
        let Some(held) = held else {
            // Perhaps a place comes back while the session lasts.
            self.next = Next::Poll;
            self.set_busy(buyer.worker, false);
            let is_sold_out = buyer.refusal.as_deref() == Some("SOLD_OUT");
            return is_sold_out.then_some(ENTER_AGAIN);
        };
        self.has_held = true;
        self.next = Next::Settle(held);
        let hold = buyer.worker.plan.options.queue.map_or(0, |queue| queue.hold_seconds);
        Some(match self.decisions.purpose {
            Purpose::Buys | Purpose::Returns | Purpose::Releases => self.decisions.decides,
            Purpose::Forgets => Duration::from_secs(hold.into()) + AFTER_EXPIRY,
        })
    }

    async fn settle(&mut self, buyer: &mut Buyer<'_>, held: Held) -> Option<Duration> {
        match self.decisions.purpose {
            Purpose::Buys | Purpose::Returns => {
                let bought = super::purchase(buyer, &held).await?;
                if self.decisions.purpose == Purpose::Buys {
                    return None;
                }
                self.next = Next::Return(bought);
                Some(self.decisions.returns_after)
            }
            Purpose::Releases => {
                buyer.release(&held).await;
                self.next = Next::Leave;
                self.decisions.says_goodbye.then_some(Duration::ZERO)
            }
            Purpose::Forgets => None,
        }
    }
}

impl Buyer<'_> {
    fn queue_path(&self, rest: &str) -> String {
        format!("/api/queue/{}{rest}", self.worker.plan.events[self.event].id)
    }

    /// Enters the queue; the error is the code of a refusal.
    async fn enter_queue(&mut self) -> Result<StatusData, Box<str>> {
        let path = self.queue_path("/enqueue");
        let (sent, number) = (self.worker.now(), self.worker.number());
        let known = self.ask(Op::EnterQueue, "POST", &path, "", Some(number), None).await;
        self.standing(Question::Enter, sent, &known)
    }

    async fn poll_queue(&mut self) -> Result<StatusData, Box<str>> {
        let path = self.queue_path("/status");
        let sent = self.worker.now();
        let known = self.ask(Op::PollQueue, "GET", &path, "", None, None).await;
        self.standing(Question::Poll, sent, &known)
    }

    fn standing(
        &mut self,
        question: Question,
        sent: Duration,
        known: &Known,
    ) -> Result<StatusData, Box<str>> {
        let (reply, status) = match known {
            Known::Success(answer) => match read::<StatusData>(&answer.body) {
                Ok(status) => (Reply::Standing(status.standing(answer.body.len())), Ok(status)),
                Err(reason) => {
                    self.worker.violation(format!("waiting room: {reason}"));
                    (Reply::Unknown, Err("unreadable".into()))
                }
            },
            Known::Refused(code) => {
                (Reply::Refused(code.as_str().into()), Err(code.as_str().into()))
            }
            Known::Unknown => (Reply::Unknown, Err("unknown".into())),
        };
        self.tell(question, sent, reply);
        status
    }

    fn tell(&self, question: Question, sent: Duration, reply: Reply) {
        let (sent_at, answered_at) =
            (self.worker.server_ms(sent), self.worker.server_ms(self.worker.now()));
        self.worker.tell(Told { person: self.number, question, sent_at, answered_at, reply });
    }

    /// Holds places with one's own pass, or without it.
    async fn hold_in_queue(&mut self, party: u32, question: Question) -> Option<Held> {
        let sent = self.worker.now();
        let own = self.pass.clone();
        if question == Question::HoldWithoutPass {
            self.pass = self.worker.passes.borrow().clone().filter(|_| self.worker.chance() < 0.5);
        } else {
            self.worker.passes.replace(own.clone());
        }
        let held = self.hold(Pick::Places, party).await;
        self.pass = own;
        let reply = match (&held, &self.refusal) {
            (Some(_), _) => Reply::Held,
            (None, Some(code)) => Reply::Refused(code.as_str().into()),
            (None, None) => Reply::Unknown,
        };
        self.tell(question, sent, reply);
        held
    }

    /// Charges the person's wallet.
    async fn charge(&mut self, body: &str) -> Option<()> {
        let (known, entry) =
            self.change(Op::Charge, "POST", "/api/wallet/charges", body, Asked::Charge).await;
        let answered = done(&known);
        let is_charged = answered == Answered::Done;
        self.worker.answered(entry, answered);
        is_charged.then_some(())
    }

    async fn leave_queue(&mut self) {
        let path = self.queue_path("");
        let (known, entry) =
            self.change(Op::LeaveQueue, "DELETE", &path, "", Asked::LeaveQueue).await;
        self.worker.answered(entry, done(&known));
    }
}
