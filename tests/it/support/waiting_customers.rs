//! Customers who stand in a waiting room before they buy, over HTTP.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::Method;

use crate::support::customers::{Answer, Customer, Shop, Wish};
use crate::support::line_history::{LineHistory, Told};

impl Shop {
    /// Enters the line and polls until it is the customer's turn; returns false for one who left
    /// before, or once the shop closes.
    pub async fn wait_in(
        &self,
        line: &LineHistory,
        customer: &mut Customer,
        rng: &mut StdRng,
    ) -> bool {
        let path = format!("/api/queue/{}/enqueue", self.event);
        let answer = self.ask(customer, rng, (Method::POST, &path), None).await;
        assert!(answer.is_ok(), "{answer:?}");
        let (number, entry) = (number(&answer), answer.id("entryId"));
        line.note(Told::Entered { user: customer.user, number, entry });
        let path = format!("/api/queue/{}/status", self.event);
        loop {
            if self.closing.load(Ordering::Relaxed) || rng.random_ratio(1, 40) {
                self.leave(line, customer, rng).await;
                return false;
            }
            // The pace of the customers, faster than they are asked to poll.
            tokio::time::sleep(Duration::from_millis(rng.random_range(100..800))).await;
            let answer = self.ask(customer, rng, (Method::GET, &path), None).await;
            assert!(answer.is_ok(), "nobody loses a place: {answer:?}");
            assert_eq!(self::number(&answer), number, "it stays the same entry: {answer:?}");
            match answer.data()["status"].as_str() {
                Some("PRE_QUEUE" | "WAITING") => {}
                Some("ADMITTED") => {
                    line.note(Told::Admitted { user: customer.user, number });
                    let pass = answer.data()["passToken"].as_str();
                    customer.pass = Some(pass.expect("a pass comes with the turn").to_owned());
                    return true;
                }
                other => panic!("{other:?} of {answer:?}"),
            }
            if rng.random_ratio(1, 20) {
                let without = self.hold(customer, rng, Wish::BestAvailable(1)).await;
                // It may have become their turn since, and then it is the pass that is missing.
                let refused = without.expect_err("nobody holds places without a pass");
                assert_eq!(refused.code(), "PASS_REQUIRED", "{refused:?}");
            }
        }
    }

    /// Leaves the line, or ends the session; one who has bought has none any more.
    pub async fn leave(&self, line: &LineHistory, customer: &Customer, rng: &mut StdRng) {
        let path = format!("/api/queue/{}/status", self.event);
        let answer = self.ask(customer, rng, (Method::GET, &path), None).await;
        assert!(answer.is_ok(), "{answer:?}");
        let number = number(&answer);
        let path = format!("/api/queue/{}", self.event);
        let answer = self.ask(customer, rng, (Method::DELETE, &path), None).await;
        if answer.is_ok() {
            line.note(Told::Left { user: customer.user, number });
        } else {
            assert_eq!(answer.code(), "NOT_IN_QUEUE", "{answer:?}");
        }
    }
}

fn number(answer: &Answer) -> u32 {
    let number = answer.data()["entryNumber"].as_u64().and_then(|number| number.try_into().ok());
    number.unwrap_or_else(|| panic!("a number: {answer:?}"))
}
