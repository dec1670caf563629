//! The pages of people and their protection in a browser: sessions, roles, and signing in by a provider. The
//! server knows the address at which the browser reaches it, as links in mails and providers need it.

use serde_json::json;

use super::passes;
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_all_devices_and_signs_others_out() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    passes("sessions", &shop, &json!({})).await;
}
