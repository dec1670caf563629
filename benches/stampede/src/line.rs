//! How many people one waiting room bears: a crowd that only enters and asks, and a few who hold
//! places meanwhile. Each figure stands beside a bare route of the same server, asked by the same
//! clients a moment before or after: what a request costs beyond HTTP.

mod phase;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::{Value, json};

use super::api::{Api, Call, request};
use super::options::LineOptions;
use super::{say, setup};
use admitone::accounts::{Caller, Role, Tokens};
use admitone::clock::SystemClock;
use admitone::ids::{OfferingId, UserId};
use phase::{Crew, Phase};

/// The most requests of a phase that asks a bare route, or polls.
const ASKED: u32 = 200_000;
/// People who hold places while the others enter.
const INSIDE: u32 = 200;
/// Holds a second, each by the next of those inside.
const HOLDS: f64 = 200.0;
const PLACES: u32 = 100_000;
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3_600);

/// The figures of one phase.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figure {
    name: &'static str,
    requests: u64,
    /// Answers other than 200 and 201.
    refused: u64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// The rate, in shares of that of the bare route just before and after.
    of_bare: Option<f64>,
}

/// The people of a run: who they are follows from their number, so that no list is kept.
struct People {
    run: [u8; 8],
    tokens: Tokens,
}

impl People {
    fn id(&self, number: u32) -> UserId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.run);
        bytes[8..12].copy_from_slice(&number.to_be_bytes());
        // Ids of people who exist are random: these are too, to an index that is built over them.
        let hash = blake3::hash(&bytes);
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        UserId(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    fn token(&self, number: u32) -> String {
        let token = self.tokens.issue(Caller::account(self.id(number), Role::User));
        token.expect("an HMAC signs everything")
    }
}

/// Runs it and prints the figures.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(options: &LineOptions) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(options))
}

async fn measure(options: &LineOptions) -> Result<()> {
    let addresses = setup::resolve(&options.place)?;
    let [address] = addresses[..] else { bail!("one --target: the figures are of one instance") };
    let admin = setup::log_in(&options.place, &addresses).await?;
    let mut office = Office { api: Api::new(&addresses, 0, options.place.timeout), admin };
    let (event, product) = office.make_event().await?;
    let tokens = Tokens::new(&options.token_secret, TOKEN_TTL, Arc::new(SystemClock::new()));
    let people = Arc::new(People { run: rand::random(), tokens });
    let line = Line { address, event, people: Arc::clone(&people) };
    let mut figures = Vec::new();

    // Those who will hold places are let in first; then the room is paused.
    office.set_room(event, &json!({ "enabled": true, "passesPerMinute": 1_000_000, "activeLimit": 1_000_000, "admitPercent": 1_000, "passSeconds": 3_600 })).await?;
    let crew = Crew { address, clients: options.clients, threads: options.threads };
    let (asked, first) = (options.people.min(ASKED), |nth: u32| nth);
    crew.run(Phase::all(INSIDE), line.enter(first)).await?;
    let passes = Arc::new(line.passes(options.place.timeout).await?);
    office.set_room(event, &json!({ "paused": true, "passesPerMinute": 600 })).await?;

    say("stampede: holds, nobody enters");
    let alone = line.hold(&passes, &product);
    let holders = Crew { clients: 64, threads: 1, ..crew };
    figures.push(figure(
        "holds",
        &holders.run(Phase::paced(HOLDS, options.holding), alone).await?,
        None,
    ));
    say(&format!("stampede: holds while {} a second ask a bare route", options.entering));
    let come = Phase::paced(options.entering, options.holding);
    let (holds, beside) = tokio::join!(
        holders.run(Phase::paced(HOLDS, options.holding), line.hold(&passes, &product)),
        crew.run(come, line.bare()),
    );
    figures.push(figure("holds beside a bare route", &holds?, None));
    figures.push(figure("the bare route meanwhile", &beside?, None));
    say(&format!("stampede: holds while {} people a second enter", options.entering));
    let meanwhile = line.hold(&passes, &product);
    let (holds, entered) = tokio::join!(
        holders.run(Phase::paced(HOLDS, options.holding), meanwhile),
        crew.run(come, line.enter(|nth| INSIDE + nth)),
    );
    let (holds, entered) = (holds?, entered?);
    figures.push(figure("holds while people enter", &holds, None));
    figures.push(figure("people who enter meanwhile", &entered, None));

    let come = INSIDE + u32::try_from(entered.latencies.len()).unwrap_or(u32::MAX);
    let rest = options.people.saturating_sub(come);
    let mut bare = crew.run(Phase::all(asked), line.bare()).await?;
    figures.push(figure("bare route", &bare, None));
    say(&format!("stampede: {rest} people enter"));
    let entered = crew.run(Phase::all(rest), line.enter(move |nth| come + nth)).await?;
    let after = crew.run(Phase::all(asked), line.bare()).await?;
    figures.push(figure("entering", &entered, Some((&bare, &after))));
    figures.push(figure("bare route", &after, None));
    bare = after;
    say("stampede: polls");
    let waiting = INSIDE..come + rest;
    let polls = crew.run(Phase::all(asked), line.poll(waiting)).await?;
    let after = crew.run(Phase::all(asked), line.bare()).await?;
    figures.push(figure("polls", &polls, Some((&bare, &after))));
    figures.push(figure("bare route", &after, None));

    io::stdout().write_all(format!("{}event {event}\n", table(&figures)).as_bytes())?;
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&json!({ "event": event, "figures": figures }))?;
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The administrator's calls.
struct Office {
    api: Api,
    admin: String,
}

impl Office {
    async fn make_event(&mut self) -> Result<(OfferingId, String)> {
        let body = json!({
            "name": "Stampede: line",
            "description": "Made by a load test.",
            "venue": "Loopback",
            "eventDate": "2099-12-31T19:00:00Z",
            "products": [{ "name": "Standing", "price": { "amount": 1_000, "currency": "KRW" }, "totalStock": PLACES }],
        });
        let event = self.call("POST", "/api/events", &body).await?;
        let id = event["id"].as_str().and_then(|id| id.parse().ok()).context("an event's id")?;
        let product = event["products"][0]["id"].as_str().context("a product's id")?;
        Ok((id, product.to_owned()))
    }

    async fn set_room(&mut self, event: OfferingId, rules: &Value) -> Result<()> {
        self.call("PUT", &format!("/api/admin/events/{event}/queue"), rules).await.map(drop)
    }

    async fn call(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let call = Call { method, path, token: Some(&self.admin), key: None, body: Some(body) };
        self.api.call(call).await
    }
}

/// The requests of people in line.
struct Line {
    address: SocketAddr,
    event: OfferingId,
    people: Arc<People>,
}

/// Makes the nth request of a phase.
type Ask = dyn Fn(u32) -> Vec<u8> + Send + Sync;
/// Makes the request that follows an answer, if one does.
type Then = dyn Fn(u32, &[u8]) -> Option<Vec<u8>> + Send + Sync;

/// The requests of a phase; the second ones are not measured.
#[derive(Clone)]
struct Journey {
    ask: Arc<Ask>,
    then: Option<Arc<Then>>,
}

impl Line {
    fn ask(
        &self,
        method: &'static str,
        path: String,
        who: impl Fn(u32) -> u32 + Send + Sync + 'static,
    ) -> Journey {
        let (people, host) = (Arc::clone(&self.people), self.address.to_string());
        let ask = Arc::new(move |nth| {
            let token = people.token(who(nth));
            request(method, &path, &host, Some(&token), None, "")
        });
        Journey { ask, then: None }
    }

    fn bare(&self) -> Journey {
        self.ask("GET", "/health/live".into(), |nth| nth)
    }

    fn enter(&self, who: impl Fn(u32) -> u32 + Send + Sync + 'static) -> Journey {
        self.ask("POST", format!("/api/queue/{}/enqueue", self.event), who)
    }

    fn poll(&self, of: std::ops::Range<u32>) -> Journey {
        // Each asks at most once in a while: steps of a prime visit all before one comes again.
        let count = of.len() as u64;
        let who = move |nth: u32| {
            let step = u64::from(nth) * 7_919 % count.max(1);
            of.start + u32::try_from(step).unwrap_or(0)
        };
        self.ask("GET", format!("/api/queue/{}/status", self.event), who)
    }

    /// Holds one place and releases it again, so that the next hold finds the same state.
    fn hold(&self, passes: &Arc<Vec<String>>, product: &str) -> Journey {
        let host = self.address.to_string();
        let path = format!("/api/events/{}/holds", self.event);
        let body = json!({ "lines": [{ "productId": product, "quantity": 1 }] }).to_string();
        let (people, passes) = (Arc::clone(&self.people), Arc::clone(passes));
        let (owners, to, below) = (Arc::clone(&self.people), host.clone(), path.clone());
        let ask = Arc::new(move |nth| {
            let who = nth % INSIDE;
            let (token, key) = (people.token(who), uuid::Uuid::new_v4().to_string());
            let hold = request("POST", &path, &host, Some(&token), Some(&key), &body);
            with_header(&hold, "X-Pass-Token", &passes[who as usize])
        });
        let then = Arc::new(move |nth, answer: &[u8]| {
            let answer: Value = serde_json::from_slice(answer).ok()?;
            let path = format!("{below}/{}", answer["data"]["id"].as_str()?);
            let (token, key) = (owners.token(nth % INSIDE), uuid::Uuid::new_v4().to_string());
            Some(request("DELETE", &path, &to, Some(&token), Some(&key), ""))
        });
        Journey { ask, then: Some(then) }
    }

    /// The passes of those who were let in first.
    async fn passes(&self, timeout: Duration) -> Result<Vec<String>> {
        let path = format!("/api/queue/{}/status", self.event);
        let mut api = Api::new(&[self.address], 0, timeout);
        let mut passes = Vec::new();
        for number in 0..INSIDE {
            let token = self.people.token(number);
            let mut tries = 0;
            let pass = loop {
                let status = api.call(Call::get(&path, Some(&token))).await?;
                if let Some(pass) = status["passToken"].as_str() {
                    break pass.to_owned();
                }
                tries += 1;
                if tries > 100 {
                    bail!("person {number} was not let in: {status}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            passes.push(pass);
        }
        Ok(passes)
    }
}

fn with_header(request: &[u8], name: &str, value: &str) -> Vec<u8> {
    let end = request.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (first, rest) = request.split_at(end);
    [first, format!("{name}: {value}\r\n").as_bytes(), rest].concat()
}

fn figure(
    name: &'static str,
    of: &phase::Ended,
    bare: Option<(&phase::Ended, &phase::Ended)>,
) -> Figure {
    let ms = |quantile| micros(of.latencies.at_us(quantile));
    let of_bare = bare.map(|(before, after)| {
        of.per_second() / f64::midpoint(before.per_second(), after.per_second())
    });
    Figure {
        name,
        requests: of.latencies.len(),
        refused: of.refused,
        per_second: of.per_second(),
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        max_ms: micros(of.latencies.max_us()),
        of_bare,
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn micros(us: u64) -> f64 {
    us as f64 / 1_000.0
}

fn table(figures: &[Figure]) -> String {
    let heads = ["requests", "refused", "a second", "p50 ms", "p99 ms", "max ms", "of bare"];
    let mut rows = vec![(String::new(), heads.map(str::to_owned))];
    for one in figures {
        let of_bare = one.of_bare.map_or_else(String::new, |share| format!("{share:.2}"));
        let cells = [
            one.requests.to_string(),
            one.refused.to_string(),
            format!("{:.0}", one.per_second),
            format!("{:.2}", one.p50_ms),
            format!("{:.2}", one.p99_ms),
            format!("{:.2}", one.max_ms),
            of_bare,
        ];
        rows.push((one.name.to_owned(), cells));
    }
    let row = |(name, cells): &(String, [String; 7])| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>10}")).collect();
        format!("{name:<28}{cells}\n")
    };
    rows.iter().map(row).collect()
}
