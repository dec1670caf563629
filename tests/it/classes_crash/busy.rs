//! A server killed with SIGKILL at random moments while people apply, cancel and apply anew: each
//! request that was answered has its effect, once, and no enrollment is without its answers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use admitone::ids::OfferingId;
use rand::RngExt;

use super::{BARE, ENROLLMENTS, ORPHANS};
use crate::support::customers::{Shop, rng, seed};
use crate::support::process::Server;
use crate::support::students;

const PEOPLE: u64 = 16;
const PLACES: u32 = 5;
const KILLS: u32 = 5;

on_both_databases! {
    async fn a_server_killed_while_people_apply_makes_each_application_once(db: TestDb) {
        let mut server = Server::start(db.url()).await;
        let (mint, seed) = (server.mint(), seed());
        let shop = Arc::new(Shop::new(&server.base, OfferingId::random(), 0));
        let mut moments = rng(seed, u64::MAX);
        let path = students::open_class(&shop, &mint.admin(), &mut moments, PLACES).await;
        let people = (0..PEOPLE).map(|nth| {
            let (shop, mint, path) = (Arc::clone(&shop), Arc::clone(&mint), path.clone());
            tokio::spawn(students::come_and_go(shop, mint, path, rng(seed, nth)))
        });
        let people: Vec<_> = people.collect();
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
        let mut made = Vec::new();
        for person in people {
            made.extend(person.await.expect("every person got certain answers"));
        }
        let lost = shop.lost.load(Ordering::Relaxed);
        println!("{} applications, {lost} requests without an answer", made.len());
        assert!(!made.is_empty() && lost > 0, "there was something to lose, and it was in danger");
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), made.len(), "one for each request");
        let rows = db.count(ENROLLMENTS).await;
        assert_eq!(usize::try_from(rows).unwrap(), made.len(), "and none that no answer named");
        let twice = "SELECT count(*) FROM (SELECT user_id FROM enrollments
            WHERE status <> 'CANCELED' GROUP BY user_id HAVING count(*) > 1) t";
        let approved = "SELECT count(*) FROM enrollments WHERE status = 'APPROVED'";
        assert_eq!((db.count(twice).await, db.count(BARE).await), (0, 0));
        assert!(db.count(approved).await <= i64::from(PLACES));
        // What retries wrote again is an orphan.
        assert!(db.count(ORPHANS).await > 0);
        db.store().await.enrollment_sweep(i64::MAX).await.unwrap();
        assert_eq!((db.count(ORPHANS).await, db.count(BARE).await), (0, 0));
        assert_eq!(db.count("SELECT count(*) FROM enrollment_answers").await, rows);
    }
}
