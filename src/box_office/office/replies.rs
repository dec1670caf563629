//! Sends the replies of a batch once it is durable, or the reason why nothing was decided.

use std::sync::Arc;

use crate::box_office::office::batch::{Pending, Verdict};
use crate::box_office::office::{BoxOffice, Sealed};
use crate::box_office::telemetry::metrics;
use crate::box_office::telemetry::spans::{self, Turn};
use crate::box_office::{Committed, SubmitError, Unavailable, command};
use crate::ids::Seq;
use crate::inventory::{Place, Transition};
use crate::journal::Record;
use crate::trace;

impl BoxOffice {
    /// Replies to every command in the batch. All replies are made before the first is sent: a
    /// sleeping HTTP worker wakes at the first one, and finds the others there.
    pub(crate) fn answer(&self, sealed: &mut Sealed, seq: Seq) {
        let (at, now) = (sealed.batch.at, self.shared.guard.monotonic());
        let mut counters = self.handle.counters.lock();
        let transitions: &[Arc<Transition>] = match &sealed.row {
            Some((_, record)) => match &**record {
                Record::Batch(transitions) => transitions,
                Record::Takeover => &[],
            },
            None => &[],
        };
        let committed = |index: usize, replayed| {
            Committed::or_refused(seq, at, Arc::clone(&transitions[index]), replayed)
        };
        let mut answers: Vec<(Pending, Result<Committed, SubmitError>)> =
            Vec::with_capacity(sealed.batch.decided.len());
        let (commands, sent) = (sealed.batch.decided.len(), sealed.sent);
        let took = now.saturating_sub(sent);
        let turn = Turn { seq, commands, sealed: sent, took };
        for (mut pending, verdict) in sealed.batch.decided.drain(..) {
            spans::decided(&mut pending.span, &turn);
            let mut refused = |pending: &Pending, rejection| {
                let reason = command::reason(rejection);
                counters.refused(reason);
                metrics::command(pending, reason, now);
            };
            match verdict {
                Verdict::Effect(index) => {
                    let answer = committed(index, false);
                    match &answer {
                        Err(SubmitError::Rejected(rejection)) => refused(&pending, rejection),
                        Ok(_) | Err(SubmitError::Unavailable(_)) => {
                            counters.committed(command::kind(&pending.request.command));
                            metrics::command(&pending, "committed", now);
                        }
                    }
                    answers.push((pending, answer));
                }
                Verdict::Replay(place) if place.seq == seq && !transitions.is_empty() => {
                    metrics::command(&pending, "replayed", now);
                    answers.push((pending, committed(place.index as usize, true)));
                }
                Verdict::Replay(place) => self.answer_from_journal(pending, place),
                Verdict::Refused(rejection) => {
                    refused(&pending, &rejection);
                    answers.push((pending, Err(rejection.into())));
                }
            }
        }
        drop(counters);
        for (pending, answer) in answers {
            pending.answer(answer);
        }
    }

    /// Answers a repeated command from the earlier row that has its effect.
    fn answer_from_journal(&self, pending: Pending, place: Place) {
        let (shared, offering) = (Arc::clone(&self.shared), self.offering);
        self.shared.executor.spawn(async move {
            let row = shared.journal.row(offering, place.seq);
            let found = trace::within(pending.origin.clone(), row).await;
            metrics::command(&pending, "replayed", shared.guard.monotonic());
            let answer = found.ok().flatten().and_then(|(row, record)| match record {
                Record::Batch(transitions) => {
                    let transition = Arc::clone(transitions.get(place.index as usize)?);
                    Some(Committed::or_refused(row.seq, row.at, transition, true))
                }
                Record::Takeover => None,
            });
            pending.answer(answer.unwrap_or_else(|| Err(Unavailable::Recovering.into())));
        });
    }

    pub(crate) fn refuse_all(&mut self, why: &Unavailable) {
        self.handle.inbox.drain_into(&mut self.queue, &mut self.entries);
        for work in self.queue.drain(..).chain(self.entries.drain(..)) {
            work.refuse(why.clone());
        }
    }
}
