//! The request on whose behalf this thread currently works. Log lines read it, and so do calls to a
//! box office or another instance, so that no function has to pass it through.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;

use super::Origin;

thread_local! {
    static CURRENT: RefCell<Option<Origin>> = const { RefCell::new(None) };
}

/// The request on whose behalf this thread works, if any.
#[must_use]
pub fn current() -> Option<Origin> {
    // A thread that is ending has none any more, and may still write log lines.
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Runs `work` on behalf of `origin`, which is lent to the thread meanwhile.
pub fn scope<T>(origin: &mut Option<Origin>, work: impl FnOnce() -> T) -> T {
    let _lent = Lent::new(origin);
    work()
}

/// As [`scope`], for a future, on whichever threads it is polled.
pub async fn within<F: Future>(mut origin: Option<Origin>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| scope(&mut origin, || future.as_mut().poll(context))).await
}

/// Returns the lent origin when dropped, after a panic too.
struct Lent<'a>(&'a mut Option<Origin>);

impl<'a> Lent<'a> {
    fn new(origin: &'a mut Option<Origin>) -> Self {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, origin));
        Self(origin)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.0));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::trace::RequestId;

    fn origin(id: &str) -> Option<Origin> {
        let request_id = RequestId::given(id)?;
        Some(Origin { request_id, context: None })
    }

    fn id() -> String {
        current().map(|origin| origin.request_id.to_string()).unwrap_or_default()
    }

    #[tokio::test]
    async fn futures_that_take_turns_on_a_thread_each_work_for_their_own() {
        let one = |name| {
            within(origin(name), async move {
                for _ in 0..3 {
                    assert_eq!(id(), name);
                    tokio::task::yield_now().await;
                }
                scope(&mut origin("inner"), || assert_eq!(id(), "inner"));
                assert_eq!(id(), name);
                within(None, async { assert_eq!(id(), "") }).await;
                assert_eq!(tokio::spawn(async { id() }).await.unwrap(), "", "a task is its own");
            })
        };
        tokio::join!(one("a"), one("b"), async { assert_eq!(id(), "") });
        assert_eq!(id(), "");
    }

    #[test]
    fn a_panic_leaves_nothing_behind() {
        let mut lent = origin("a");
        let work = AssertUnwindSafe(|| scope(&mut lent, || panic!("for {}", id())));
        assert!(catch_unwind(work).is_err());
        assert_eq!((id().as_str(), lent), ("", origin("a")));
    }
}
