//! The pages of people and their protection in a browser: sessions, roles, and signing in by a provider. The
//! server knows the address at which the browser reaches it, as links in mails and providers need it.

use admitone::accounts::Role;
use admitone::config::{Config, MailMode};
use serde_json::json;

use super::passes;
use crate::clients::{PASSWORD, account};
use crate::http::api_client::Shop;
use crate::http::social::real::RealProvider;
use crate::support::process::free_port;
use crate::support::test_db::TestDb;

/// Opens a shop at a port of this machine.
async fn open_at(port: u16, change: impl FnOnce(&mut Config)) -> Shop {
    let at_port = |config: &mut Config| {
        config.listen = ([127, 0, 0, 1], port).into();
        config.public_url = Some(address(port));
        change(config);
    };
    Shop::open_with(TestDb::sqlite().await, at_port).await
}

fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_all_devices_and_signs_others_out() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    passes("sessions", &shop, &json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_invited_to_the_door_and_removed_and_the_log_has_it() {
    let shop = open_at(free_port(), |config| config.mail = Some(MailMode::Keep)).await;
    account(&shop, "admin@example.com", Role::Admin).await;
    let admin = json!({"email": "admin@example.com", "password": PASSWORD});
    passes("team", &shop, &json!({"admin": admin, "adminName": "김민수"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_by_a_provider_and_change_their_ways_to_sign_in() {
    const NAME: &str = "The theatre club";
    let port = free_port();
    let provider = RealProvider::start(&address(port)).await;
    let registered = |config: &mut Config| {
        config.social.oidc = provider.registered();
        config.social.oidc_name = Some(NAME.into());
        config.social.google = provider.registered();
    };
    let shop = open_at(port, registered).await;
    passes("social", &shop, &json!({"provider": NAME})).await;
}
