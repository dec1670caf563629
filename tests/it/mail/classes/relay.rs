//! Many mails of one cause, though the process that sends them dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use admitone::accounts::Role;
use admitone::ids::UserId;
use admitone::mail::{Letter, MailOutcome, Mailer};
use admitone::outbox::{Destination, Outcome, Relay, Subscription};
use admitone::store::{Answered, DeliveryRow, NewUser, StoreError};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};

use super::{Class, until_told};
use crate::http::api_client::{Person, Shop};
use crate::mail::{count, open};
use crate::support::test_db::eventually;

const PROMOTED: &str = "enrollment.promoted";
const PEOPLE: usize = 50;

/// Makes an account without the time that a password takes.
async fn account<'a>(shop: &'a Shop, number: usize) -> Person<'a> {
    let new = NewUser {
        id: UserId::random(),
        email: format!("kim{number}@example.com"),
        password_hash: "x".into(),
        name: "김민수".into(),
        phone_number: None,
        role: Role::User,
    };
    match shop.app.state().store.user_create(new, None, 1).await.unwrap() {
        Answered::Now(user) => shop.person(user.id, Role::User),
        Answered::Before(_) => panic!("no key was given"),
    }
}

/// A process that dies: it sends mails, and never records the end of one.
struct Dying {
    mailer: Arc<Mailer>,
    sent: AtomicUsize,
}

impl Destination for Dying {
    fn family(&self) -> &'static str {
        "mail"
    }

    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<Subscription>, StoreError>> {
        let all = Subscription {
            destination: "mail".into(),
            kinds: Some(vec![PROMOTED.to_owned()]),
            offering: None,
            is_personal: true,
        };
        std::future::ready(Ok(vec![all])).boxed()
    }

    fn deliver<'a>(&'a self, delivery: &'a DeliveryRow) -> BoxFuture<'a, Outcome> {
        async move {
            let body: Value = serde_json::from_str(&delivery.body).unwrap();
            let letter = Letter {
                id: delivery.id,
                kind: delivery.kind.clone(),
                user: delivery.user.expect("a person"),
                offering: delivery.offering,
                body: body["data"].clone(),
                at: delivery.created_at,
            };
            assert_eq!(self.mailer.deliver(&letter).await, MailOutcome::Sent);
            self.sent.fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        }
        .boxed()
    }

    fn pauses(&self) -> &[Duration] {
        &[]
    }

    fn at_once(&self) -> usize {
        8
    }
}

on_both_databases! {
    async fn fifty_who_move_up_get_one_mail_each_though_the_relay_dies(db: TestDb) {
        let mut shop = open(db).await;
        shop.app.restart_with(|config| config.relay = false).await;
        {
            let class = Class::open(&shop, 1, json!({})).await;
            let made = (0..=PEOPLE).map(|number| account(&shop, number));
            let people = join_all(made).await;
            for person in &people {
                class.apply(person).await;
            }
            shop.admin().put(&class.path, &json!({"capacity": PEOPLE + 1})).await.is(200);
        }
        let state = shop.app.state();
        let dying = Arc::new(Dying { mailer: state.mailer.clone(), sent: AtomicUsize::new(0) });
        let destination = Arc::clone(&dying) as Arc<dyn Destination>;
        let relay = Relay::new(state.store.clone(), shop.clock.clone(), vec![destination]);
        while relay.expand_once().await.unwrap() > 0 {}
        let mass = format!("SELECT count(*) FROM deliveries WHERE kind = '{PROMOTED}' AND lane = 1");
        assert_eq!(shop.app.db.count(&mass).await, 50, "they are many of one cause");
        let process = tokio::spawn(async move { relay.deliver_once().await });
        eventually("some are sent", async || dying.sent.load(Ordering::SeqCst) >= 8).await;
        process.abort();
        assert!(count(&shop, PROMOTED).await >= 8);
        drop((state, dying));

        shop.app.restart_with(|config| config.relay = true).await;
        shop.clock.advance_ms(180_000);
        until_told(&shop).await;
        assert_eq!(count(&shop, PROMOTED).await, 50);
        let each = format!("SELECT count(DISTINCT user_id) FROM kept_mails WHERE kind = '{PROMOTED}'");
        assert_eq!(shop.app.db.count(&each).await, 50, "one for each");
        let again = format!("SELECT count(*) FROM deliveries WHERE kind = '{PROMOTED}' AND attempts > 1");
        assert!(shop.app.db.count(&again).await >= 8, "those that were sent are tried again");
    }
}
