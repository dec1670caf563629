//! Set-up before the crowd starts: accounts, money in their wallets, events on sale or classes.

mod classes;
mod queue;

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::{Context, Result, bail};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Api, Call};
use super::environment::{self, Fact};
use super::ledger::{Account, Header};
use super::options::{Load, Options, Place, Skew};
use super::say;
use super::workload::{Supply, Workload};
use admitone::ids::OfferingId;
pub use queue::{SIGN_THEM, tokens};

/// The price of a place, in minor units.
const PRICE: i64 = 1_000;
/// The amount that each buyer charges to its wallet: the largest allowed in one charge.
const CHARGE: i64 = 1_000_000_000_000;
const CURRENCY: &str = "KRW";
/// Places of events that never sell out.
const AMPLE: u32 = 4_000_000;
/// The same for numbered seats: a seat map small enough to be read.
const AMPLE_SEATS: u32 = 20_000;
const SEATS_PER_ROW: u32 = 50;
const ROWS_PER_SECTION: u32 = 40;
/// Number of calls at a time.
const AT_ONCE: usize = 8;

/// The data that the crowd needs.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Plan {
    pub options: Options,
    pub addresses: Vec<SocketAddr>,
    pub header: Header,
    /// Access tokens, in the order of [`Header::buyers`].
    pub tokens: Vec<String>,
    pub events: Vec<EventPlan>,
    /// For each n, the probability that an arrival is for one of the first n events, from 0 to 1.
    pub cumulative: Vec<f64>,
    pub admin: String,
    pub environment: Vec<Fact>,
    /// True if buyers charge their own wallets, when they need money.
    pub charges_itself: bool,
    /// The instant at which the crowd comes, if it matters.
    pub begins_at: Option<Instant>,
    /// The server's time at the beginning, in milliseconds since the Unix epoch.
    pub starts_at_ms: i64,
}

/// A created event.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EventPlan {
    pub id: OfferingId,
    /// Position and public id of the general-admission product.
    pub places: Option<(u16, String)>,
    /// Position and public id of the product of numbered seats.
    pub seats: Option<(u16, String)>,
}

/// Resolves the targets to addresses.
///
/// # Errors
/// When a name cannot be resolved.
pub fn resolve(place: &Place) -> Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for target in &place.targets {
        let found = target.to_socket_addrs().with_context(|| format!("--target {target}"))?;
        let address = found.min_by_key(SocketAddr::is_ipv6);
        addresses.push(address.with_context(|| format!("--target {target} has no address"))?);
    }
    Ok(addresses)
}

/// Logs the administrator in, after a check that every target is an Admit One server.
///
/// # Errors
/// When a target is not, or the login is refused.
pub async fn log_in(place: &Place, addresses: &[SocketAddr]) -> Result<String> {
    for (index, address) in addresses.iter().enumerate() {
        let mut api = Api::new(&addresses[index..=index], 0, place.timeout);
        let live = api.call(Call::get("/health/live", None)).await;
        let live = live.context("is the server running there? --target says where it is")?;
        if live["status"] != "live" {
            bail!("what listens at {address} is no Admit One: /health/live says {live}");
        }
    }
    let body = json!({ "email": place.admin_email, "password": place.admin_password });
    let mut api = Api::new(addresses, 0, place.timeout);
    let call =
        Call { method: "POST", path: "/api/auth/login", token: None, key: None, body: Some(&body) };
    let session = api.call(call).await.with_context(|| {
        format!("{} cannot log in: is ADMITONE_ADMIN_PASSWORD right?", place.admin_email)
    })?;
    if session["user"]["role"] != "ADMIN" {
        bail!("{} is no administrator, and only those make events", place.admin_email);
    }
    text(&session, "accessToken")
}

/// Creates accounts and events.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub async fn prepare(options: Options) -> Result<Plan> {
    let addresses = resolve(&options.place)?;
    let admin = log_in(&options.place, &addresses).await?;
    let charged = if options.workload.has_payments() { CHARGE } else { 0 };
    let (place, seed) = (&options.place, options.seed);
    let environment = environment::look(place, &addresses, &admin, seed, &options.about).await;
    let mut header = Header::new(rand::random(), charged, CURRENCY);
    header.targets.clone_from(&options.place.targets);
    let run = header.run;
    // Applications for classes name their people, so these have accounts.
    let secret = options.place.token_secret.as_deref();
    let secret = secret.filter(|_| !options.workload.has_classes());
    let charges_itself = secret.is_some() && options.queue.is_some();
    let tokens = match secret {
        Some(secret) => {
            header.signed = true;
            header.buyers = queue::people(options.buyers);
            let tokens = tokens(secret, &header.buyers)?;
            if charges_itself {
                queue::check(&options, &addresses, secret).await?;
            } else if charged > 0 {
                say(&format!("stampede: charging {} wallets", options.buyers));
                header.prepaid = true;
                let wallets = header.buyers.iter().zip(&tokens).enumerate();
                let charges = stream::iter(wallets).map(|(number, (person, token))| {
                    queue::charge(&options, &addresses, number, person, token)
                });
                charges.buffered(AT_ONCE).try_collect::<()>().await?;
            }
            tokens
        }
        None => {
            say(&format!("stampede: registering {} buyers", options.buyers));
            let buyers = stream::iter(0..options.buyers)
                .map(|number| register(&options, &addresses, &admin, run, number, charged))
                .buffered(AT_ONCE);
            let buyers: Vec<(Account, String)> = buyers.try_collect().await?;
            let (accounts, tokens): (Vec<_>, Vec<_>) = buyers.into_iter().unzip();
            header.buyers = accounts;
            tokens
        }
    };
    say(&format!("stampede: making {} events", options.events));
    let is_of_classes = options.workload.has_classes();
    let body = if is_of_classes { classes::body(&options) } else { event_body(&options) };
    let events = stream::iter(0..options.events)
        .map(|number| make_event(&options, &addresses, &admin, run, number, &body))
        .buffered(AT_ONCE);
    let events: Vec<EventPlan> = events.try_collect().await?;
    header.events = events.iter().map(|event| event.id).collect();
    let cumulative = cumulative(options.skew, options.events);
    let mut plan = Plan {
        options,
        addresses,
        header,
        tokens,
        events,
        cumulative,
        admin,
        environment,
        charges_itself,
        begins_at: None,
        starts_at_ms: 0,
    };
    if plan.options.queue.is_some() {
        queue::open(&mut plan).await?;
    }
    Ok(plan)
}

/// The password of a run's buyers. Their accounts are created for this run and own nothing.
#[must_use]
pub fn password(run: u32) -> String {
    format!("stampede of {run:08x}")
}

async fn register(
    options: &Options,
    addresses: &[SocketAddr],
    admin: &str,
    run: u32,
    number: u32,
    charged: i64,
) -> Result<(Account, String)> {
    let mut api = Api::new(addresses, number as usize, options.place.timeout);
    let email = format!("stampede-{run:08x}-{number}@example.invalid");
    let body = json!({ "email": email, "password": password(run), "name": "Stampede" });
    let key = format!("register-{run:08x}-{number}");
    let call = Call {
        method: "POST",
        path: "/api/auth/register",
        token: None,
        key: Some(&key),
        body: Some(&body),
    };
    let session = api.call(call).await?;
    let token = text(&session, "accessToken")?;
    let user = text(&session["user"], "id")?;
    let id = user.parse().context("a user id")?;
    if charged > 0 {
        let body = json!({ "amount": { "amount": charged, "currency": CURRENCY } });
        let key = format!("charge-{run:08x}-{number}");
        // Customers may charge their own wallets in demonstrations only.
        let path = format!("/api/admin/users/{user}/wallet/charges");
        let call = Call {
            method: "POST",
            path: &path,
            token: Some(admin),
            key: Some(&key),
            body: Some(&body),
        };
        api.call(call).await?;
    }
    Ok((Account { id, email }, token))
}

async fn make_event(
    options: &Options,
    addresses: &[SocketAddr],
    admin: &str,
    run: u32,
    number: u32,
    body: &Value,
) -> Result<EventPlan> {
    let mut api = Api::new(addresses, number as usize, options.place.timeout);
    let key = format!("event-{run:08x}-{number}");
    let call = Call {
        method: "POST",
        path: if options.workload.has_classes() { "/api/mclasses" } else { "/api/events" },
        token: Some(admin),
        key: Some(&key),
        body: Some(body),
    };
    let event = api.call(call).await?;
    let id = text(&event, "id")?.parse().context("an event id")?;
    let mut plan = EventPlan { id, places: None, seats: None };
    for (product, index) in event["products"].as_array().into_iter().flatten().zip(0_u16..) {
        let public = text(product, "id")?;
        match product["name"].as_str() {
            Some("Standing") => plan.places = Some((index, public)),
            Some("Seats") => plan.seats = Some((index, public)),
            other => bail!("the event has a product {other:?} that was not asked for"),
        }
    }
    Ok(plan)
}

/// The body that creates an event; the same for all events of a run.
fn event_body(options: &Options) -> Value {
    let workload = options.workload;
    let (places, seats) = supply(options);
    let price = json!({ "amount": PRICE, "currency": CURRENCY });
    let mut products = Vec::new();
    let mut seat_map = Value::Null;
    if workload.has_places() {
        products.push(json!({ "name": "Standing", "price": price, "totalStock": places }));
    }
    if workload.has_seats() {
        products.push(json!({ "name": "Seats", "price": price }));
        seat_map = json!({ "sections": sections(seats) });
    }
    let mut body = json!({
        "name": format!("Stampede: {}", workload.name),
        "description": "Made by a load test.",
        "venue": "Loopback",
        "eventDate": "2099-12-31T19:00:00Z",
        "products": products,
        // A few buyers stand for a crowd.
        "policy": { "maxPerCustomer": null },
    });
    if !seat_map.is_null() {
        body["seatMap"] = seat_map;
    }
    if let Some(queue) = &options.queue {
        body["policy"]["holdTtlSeconds"] = json!(queue.hold_seconds);
        body["saleStartAt"] = json!(queue::NEVER);
    }
    if workload.hold_ttl_s > 0 {
        body["policy"]["holdTtlSeconds"] = json!(workload.hold_ttl_s);
    }
    body
}

fn sections(seats: u32) -> Vec<Value> {
    let rows = seats.div_ceil(SEATS_PER_ROW);
    let row = |number: u32| {
        let here = SEATS_PER_ROW.min(seats - (number * SEATS_PER_ROW).min(seats));
        json!({ "name": (number + 1).to_string(), "seats": here })
    };
    let rows: Vec<Value> = (0..rows).map(row).collect();
    let section = |(rows, number): (&[Value], u32)| json!({ "name": format!("Block {number}"), "product": "Seats", "rows": rows });
    rows.chunks(ROWS_PER_SECTION as usize).zip(1..).map(section).collect()
}

/// Number of general-admission places and of numbered seats of each event.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what an event may have"
)]
fn supply(options: &Options) -> (u32, u32) {
    let workload: &Workload = options.workload;
    if let Some(places) = options.places {
        return (places, places);
    }
    let arrivals = arrivals(options);
    match workload.places {
        Supply::Ample => (AMPLE, AMPLE_SEATS),
        Supply::PerMille(per_mille) => {
            let party = f64::midpoint(workload.party.0.into(), workload.party.1.into());
            let wanted = arrivals * party / f64::from(options.events);
            let all = (wanted * f64::from(per_mille) / 1_000.0).clamp(10.0, f64::from(AMPLE));
            // The buyers who want seats and those who want places are not equally many; each kind
            // gets its share.
            let of_seats: u32 = workload
                .crowd
                .iter()
                .filter(|kind| kind.pick != super::workload::Pick::Places)
                .map(|kind| kind.per_mille)
                .sum();
            let seats = (all * f64::from(of_seats) / 1_000.0).clamp(10.0, f64::from(AMPLE_SEATS));
            let places = (all - seats).max(10.0);
            (places as u32, seats as u32)
        }
    }
}

/// Number of arrivals in the whole run.
fn arrivals(options: &Options) -> f64 {
    match options.load {
        Load::Open { from, to } => {
            f64::midpoint(from, to) * options.duration.as_secs_f64()
                + from * options.warm_up.as_secs_f64()
        }
        // The rate that a closed loop reaches is not known before: use --places to set the supply.
        Load::People(people) => f64::from(people),
        Load::Closed(_) => f64::from(options.workload.rate) * 10.0 * options.duration.as_secs_f64(),
    }
}

fn cumulative(skew: Skew, events: u32) -> Vec<f64> {
    let weight = |rank: u32| match skew {
        Skew::Uniform => 1.0,
        // Zipf's law with exponent 1.
        Skew::Zipf => 1.0 / f64::from(rank),
    };
    let total: f64 = (1..=events).map(weight).sum();
    let mut sum = 0.0;
    let add = |rank| {
        sum += weight(rank) / total;
        sum
    };
    (1..=events).map(add).collect()
}

fn text(value: &Value, field: &str) -> Result<String> {
    let found = value[field].as_str().map(str::to_owned);
    found.with_context(|| format!("the answer has no {field}: is this an Admit One?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_gives_the_first_of_two_events_two_thirds() {
        let shares = cumulative(Skew::Zipf, 2);
        assert!((shares[0] - 2.0 / 3.0).abs() < 1e-9 && (shares[1] - 1.0).abs() < 1e-9);
        let shares = cumulative(Skew::Uniform, 4);
        assert!((shares[0] - 0.25).abs() < 1e-9);
    }

    #[test]
    fn sections_hold_exactly_the_seats() {
        for seats in [1, 49, 50, 51, 2_000, 2_001, 20_000] {
            let all = sections(seats);
            let rows = all.iter().flat_map(|section| section["rows"].as_array().unwrap());
            let sum: u64 = rows.map(|row| row["seats"].as_u64().unwrap()).sum();
            assert_eq!(sum, u64::from(seats));
        }
    }
}
