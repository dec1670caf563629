//! The metrics of webhooks and of deliveries.

use serde_json::json;

use super::api::PATH;
use super::receiver::Receiver;
use crate::http::api_client::Shop;
use crate::support::test_db::{TestDb, eventually};

/// Returns the value of a series; `None` if there is none.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series));
    line.and_then(|value| value.trim().parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_by_outcome_and_webhooks_by_status() {
    let receiver = Receiver::start().await;
    let private = |config: &mut admitone::config::Config| config.webhook_allow_private = Some(true);
    let shop = Shop::open_with(TestDb::sqlite().await, private).await;
    let (admin, event) = (shop.admin(), shop.event().await);
    let before = shop.app.metrics().await;
    for family in ["audience", "mail", "stream", "webhook"] {
        for outcome in ["delivered", "unneeded", "later", "away", "given_up", "never"] {
            let series = format!(
                "admitone_delivery_attempts_total{{family=\"{family}\",outcome=\"{outcome}\"}}"
            );
            assert_eq!(value(&before, &series), Some(0.0), "{series} is there from the start");
        }
    }
    for path in ["/take/x", "/status/410/x", "/status/500/x"] {
        let body = json!({"url": receiver.url(path), "types": ["reservation.created"]});
        admin.post(PATH, &body).await.is(201);
    }
    shop.customer().reserve(&event, &event.places(1)).await;
    let attempts = |outcome: &str| {
        format!("admitone_delivery_attempts_total{{family=\"webhook\",outcome=\"{outcome}\"}}")
    };
    eventually("each has been tried once", async || {
        let metrics = shop.app.metrics().await;
        ["delivered", "never", "later"]
            .iter()
            .all(|outcome| value(&metrics, &attempts(outcome)) == Some(1.0))
    })
    .await;
    eventually("the last attempt fails", async || {
        // Later than every next try.
        shop.clock.advance_ms(86_400_000);
        value(&shop.app.metrics().await, &attempts("given_up")) == Some(1.0)
    })
    .await;
    // An attempt is counted before what follows from it is written.
    for (series, expected) in [
        ("admitone_delivery_attempts_total{family=\"webhook\",outcome=\"delivered\"}", 1.0),
        ("admitone_delivery_attempts_total{family=\"webhook\",outcome=\"never\"}", 1.0),
        ("admitone_webhook_attempts_total{outcome=\"delivered\"}", 1.0),
        ("admitone_webhook_attempts_total{outcome=\"gone\"}", 1.0),
        ("admitone_webhooks_disabled_total{cause=\"gone\"}", 1.0),
        ("admitone_webhooks_disabled_total{cause=\"failing\"}", 0.0),
        ("admitone_webhook_endpoints{status=\"enabled\"}", 2.0),
        ("admitone_webhook_endpoints{status=\"disabled\"}", 1.0),
        ("admitone_deliveries_parked{family=\"webhook\"}", 2.0),
    ] {
        let agrees = async || value(&shop.app.metrics().await, series) == Some(expected);
        eventually(series, agrees).await;
    }
    let metrics = shop.app.metrics().await;
    let later = "admitone_delivery_attempts_total{family=\"webhook\",outcome=\"later\"}";
    assert!(value(&metrics, later) > Some(1.0), "{metrics}");
}
