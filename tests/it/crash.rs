//! The server killed with SIGKILL at random moments under load, again and again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::RngExt;

use crate::support::customers::{Shop, rng, seed};
use crate::support::process::Server;
use crate::support::sold_event;

const SEATS: u32 = 1_000;
const CUSTOMERS: u64 = 48;
const KILLS: u32 = 10;

on_both_databases! {
    async fn a_server_killed_ten_times_loses_invents_and_repeats_nothing(db: TestDb) {
        let seed = seed();
        let store = db.store().await;
        let event = sold_event::open(&store, SEATS).await;
        let mut server = Server::start(db.url()).await;
        let shop = Arc::new(Shop::new(&server.base, event, SEATS));
        let customers: Vec<_> = (0..CUSTOMERS)
            .map(|index| {
                let (shop, mint) = (Arc::clone(&shop), server.mint());
                tokio::spawn(async move {
                    shop.visit_until_closed(rng(seed, index), &mint).await;
                })
            })
            .collect();

        let mut moments = rng(seed, u64::MAX);
        for kill in 1..=KILLS {
            // A random moment is the point here; the sleep waits for nothing.
            let moment = Duration::from_millis(moments.random_range(50..900));
            tokio::time::sleep(moment).await;
            println!("kill {kill} after {moment:?}");
            server.kill();
            server.start_again();
            server.until_ready().await;
        }
        shop.closing.store(true, Ordering::Relaxed);
        for customer in customers {
            customer.await.expect("every customer got certain answers");
        }
        sold_event::until_settled(&store).await;
        assert!(server.stop().await, "it stops in an orderly way");

        let facts = shop.history.check(&store, event).await;
        sold_event::check_money(&store, &shop, &facts).await;
        let paid = facts.reservations.values().filter(|fact| fact.confirmed_by.is_some()).count();
        println!(
            "{} journal rows, {} holds, {} reservations, {paid} paid; {} requests without an answer",
            facts.rows,
            facts.holds.len(),
            facts.reservations.len(),
            shop.lost.load(Ordering::Relaxed)
        );
        assert!(paid > 0, "there was something to lose");
        assert!(shop.lost.load(Ordering::Relaxed) > 0, "and it was in danger");
    }
}
