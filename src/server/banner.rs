//! The text shown when the server has started: its addresses, and how to buy a ticket from it.

use std::fmt::Write;
use std::net::SocketAddr;

use super::Running;
use crate::ids::{OfferingId, ProductId};

/// Returns the text for standard output.
#[must_use]
pub fn banner(running: &Running) -> String {
    let api = format!("http://{}", reachable(running.address));
    let config = &running.state().config;
    let what = if config.is_worker { "works for the instances" } else { "is ready" };
    let mut text = format!("\nAdmit One {} {what}.\n\n", env!("CARGO_PKG_VERSION"));
    let database = if config.is_postgres() {
        "Postgres".to_owned()
    } else if config.database_url.is_empty() {
        format!("SQLite, in {}", config.data_dir.display())
    } else {
        "SQLite, where DATABASE_URL says".to_owned()
    };
    let metrics = running
        .metrics_address
        .map_or("off".to_owned(), |address| format!("http://{}/metrics", reachable(address)));
    // Writing to a String does not fail.
    if config.is_worker {
        let _ = writeln!(text, "  Health    {api}/health");
    } else {
        let shop = config.public_url.as_ref().unwrap_or(&api);
        let _ = writeln!(text, "  Shop      {shop}/");
        let _ = writeln!(text, "  API       {api}");
        let _ = writeln!(text, "  Docs      {api}/api-docs/");
    }
    let _ = writeln!(text, "  Metrics   {metrics}");
    let _ = writeln!(text, "  Database  {database}");
    let cluster = &running.state().cluster;
    if !cluster.is_alone() {
        let (me, view) = (cluster.me(), cluster.view());
        let names: Vec<&str> = view.live_members().map(|member| &*member.name).collect();
        let _ =
            writeln!(text, "  Cluster   {} at {}, of {}", me.name, me.address, names.join(", "));
    }
    text.push('\n');
    if let Some(admin) = &running.first_start.admin {
        let password = admin.generated_password.as_deref().unwrap_or("(the one you have set)");
        let _ = writeln!(text, "admin: {} password: {password}", admin.email);
        if admin.generated_password.is_some() {
            let _ = writeln!(text, "(shown this once: keep it)");
        }
        text.push('\n');
    }
    if let Some(demo) = running.first_start.demo {
        if !config.allows_self_charge() {
            let _ = writeln!(
                text,
                "(With ADMITONE_WALLET_SELF_CHARGE=true customers can pay: only a demonstration allows that.)\n"
            );
        }
        let _ = writeln!(text, "Buy two seats together at the demo event (paste into a shell):\n");
        text.push_str(&purchase(&api, demo));
    }
    text
}

/// Returns an address at which a listener on all addresses can be reached.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        return SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), address.port());
    }
    address
}

/// Returns the commands of a purchase with nothing but a shell, awk and curl.
fn purchase(api: &str, demo: OfferingId) -> String {
    let product = ProductId(0).to_public(demo);
    format!(
        r#"API={api} EVENT={demo} PRODUCT={product}
pick() {{ awk -F "\"$1\":\"" '{{split($2, a, "\""); print a[1]}}'; }}
post() {{ curl -sS "$API$1" -H 'Content-Type: application/json' -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: $NOW-$1" -d "$2"; }}
NOW=$(date +%s)
TOKEN=$(post /api/auth/register "{{\"email\":\"me$NOW@example.com\",\"password\":\"correct horse $NOW\",\"name\":\"Me\"}}" | pick accessToken)
post /api/wallet/charges '{{"amount":{{"amount":300000,"currency":"KRW"}}}}'; echo
HOLD=$(post /api/events/$EVENT/holds "{{\"bestAvailable\":{{\"productId\":\"$PRODUCT\",\"quantity\":2}}}}" | pick id)
RESERVATION=$(post /api/reservations "{{\"eventId\":\"$EVENT\",\"holdId\":\"$HOLD\"}}" | pick id)
post /api/reservations/$RESERVATION/payments '{{"method":"wallet"}}'; echo
curl -sS $API/api/tickets -H "Authorization: Bearer $TOKEN"; echo
"#
    )
}
