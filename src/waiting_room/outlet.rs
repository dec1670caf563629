//! Sends the answers of gathered commands to the HTTP worker threads, which hand them out a few at a
//! time. Wake-ups from another thread go through a queue at which a busy worker looks once in 31 tasks: a
//! hundred of them would delay the answer to a hold.

use std::cell::RefCell;

use tokio::sync::{mpsc, oneshot};

use super::WaitingRoomError;
use crate::inventory::QueueEntryView;

/// Answers handed out at once. Between two rounds the thread runs its other tasks that are ready, and
/// reads what has arrived.
const AT_ONCE: usize = 16;

thread_local! {
    static OUTLET: RefCell<Option<Outlet>> = const { RefCell::new(None) };
}

/// The answer to a customer: their entry, if they have one.
pub(super) type Answer = Result<Option<QueueEntryView>, WaitingRoomError>;

/// A request's channel, and the answer to it.
type Reply = (oneshot::Sender<Answer>, Answer);

/// The sender to one thread's [`hand_out_answers`].
#[derive(Clone)]
pub(super) struct Outlet(mpsc::UnboundedSender<Reply>);

impl Outlet {
    /// The outlet of the current thread, if it has one.
    pub(super) fn here() -> Option<Self> {
        OUTLET.with_borrow(Clone::clone)
    }

    /// Returns the answer if the thread has ended.
    fn send(&self, reply: Reply) -> Result<(), Reply> {
        self.0.send(reply).map_err(|error| error.0)
    }
}

/// Sends an answer through the outlet of the thread that waits for it, or at once.
pub(super) fn tell(outlet: Option<&Outlet>, reply: oneshot::Sender<Answer>, answer: Answer) {
    let told = (reply, answer);
    let at_once = match outlet {
        Some(outlet) => outlet.send(told).err(),
        None => Some(told),
    };
    if let Some((reply, answer)) = at_once {
        // Without a receiver the request was given up.
        let _ = reply.send(answer);
    }
}

/// Hands out the answers for this thread, as one of its tasks.
pub async fn hand_out_answers() {
    let (outlet, mut answers) = mpsc::unbounded_channel();
    OUTLET.set(Some(Outlet(outlet)));
    let mut round = Vec::with_capacity(AT_ONCE);
    while answers.recv_many(&mut round, AT_ONCE).await > 0 {
        for (reply, answer) in round.drain(..) {
            let _ = reply.send(answer);
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(count: usize) -> (Vec<oneshot::Sender<Answer>>, Vec<oneshot::Receiver<Answer>>) {
        (0..count).map(|_| oneshot::channel()).unzip()
    }

    fn answered(answers: &mut [oneshot::Receiver<Answer>]) -> usize {
        answers.iter_mut().filter_map(|answer| answer.try_recv().ok()).count()
    }

    #[tokio::test]
    async fn a_task_of_the_thread_runs_between_the_answers_to_a_crowd() {
        let rounds = async {
            tokio::task::spawn_local(hand_out_answers());
            tokio::task::yield_now().await;
            let outlet = Outlet::here();
            let (replies, mut answers) = channels(5 * AT_ONCE);
            let elsewhere = std::thread::spawn(move || {
                replies.into_iter().for_each(|reply| tell(outlet.as_ref(), reply, Ok(None)));
            });
            elsewhere.join().expect("it answers");
            assert_eq!(answered(&mut answers), 0, "all of them wait for the outlet");
            let mut rounds = Vec::new();
            for _ in 0..10 {
                tokio::task::yield_now().await;
                rounds.push(answered(&mut answers));
            }
            rounds
        };
        let rounds = tokio::task::LocalSet::new().run_until(rounds).await;
        assert_eq!(rounds.iter().sum::<usize>(), 5 * AT_ONCE, "{rounds:?}");
        assert!(rounds.iter().all(|round| *round <= AT_ONCE), "{rounds:?}");
    }

    #[tokio::test]
    async fn an_answer_needs_no_outlet() {
        let (mut replies, mut answers) = channels(2);
        tell(None, replies.remove(0), Ok(None));
        let (ended, _) = mpsc::unbounded_channel();
        tell(Some(&Outlet(ended)), replies.remove(0), Ok(None));
        assert_eq!(answered(&mut answers), 2);
    }
}
