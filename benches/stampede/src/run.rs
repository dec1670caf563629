//! A run from beginning to end: set up, start the crowd, watch it, audit, report.

pub mod commands;
mod progress;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;

use super::api::{Api, Call};
use super::audit::{Findings, Subject, audit};
use super::crowd::{Crowd, WorkerResult};
use super::ledger::{Asked, Entry, Ledger};
use super::measure::Figures;
use super::options::{AuditOptions, Load, Options, Place};
use super::people::Sample;
use super::report::{self, Results};
use super::say;
use super::setup::{self, Plan};

/// The verdict on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Measured and audited, without findings.
    Sound,
    /// The audit found a violation, or could not be made.
    Violated,
    /// No findings, but the figures are no statement about the server.
    Void,
}

/// Runs a workload.
///
/// # Errors
/// When the run cannot be set up.
pub fn run(options: Options) -> Result<Verdict> {
    check_outputs(&options)?;
    raise_file_limit(&options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let plan = tokio::select! {
            plan = setup::prepare(options) => Arc::new(plan?),
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted before the crowd came"),
        };
        let Ended { workers, figures, samples, commands, interrupted_at } = let_in(&plan).await;
        let mut results = Results::new(&plan, figures, commands, interrupted_at);
        results.samples = samples;
        let (ledger, seen) = gather(&plan, workers, &mut results);
        if let Some(path) = &plan.options.journal {
            match ledger.save(path) {
                Ok(()) => say(&format!("stampede: its journal is in {}", path.display())),
                Err(error) => results.complaints.push(format!("{error:#}")),
            }
        }
        // The figures are printed first: an audit that fails must not lose them.
        report::print(&results);
        let subject = Subject {
            addresses: &plan.addresses,
            admin: &plan.admin,
            tokens: &plan.tokens,
            ledger: &ledger,
            timeout: plan.options.place.timeout,
            settle: plan.options.place.settle,
        };
        let audited = tokio::select! {
            audited = audit(&subject, seen) => audited,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        };
        results.audited(audited);
        results.measured(&plan, &ledger);
        report::print_audit(&results);
        report::write(&mut results);
        Ok(results.verdict())
    })
}

/// What is left of a crowd.
struct Ended {
    workers: Vec<WorkerResult>,
    figures: Figures,
    samples: Vec<Sample>,
    commands: Vec<commands::Ran>,
    interrupted_at: Option<Duration>,
}

/// Starts the crowd and waits until it has ended.
async fn let_in(plan: &Arc<Plan>) -> Ended {
    if let Some(begins_at) = plan.begins_at {
        tokio::time::sleep_until(begins_at).await;
    }
    let crowd = Crowd::start(plan);
    let is_over = Arc::new(AtomicBool::new(false));
    let commands = commands::start(&plan.options.commands, crowd.started, &is_over);
    let mut interrupted_at = None;
    let mut progress = progress::Progress::new(&plan.options);
    let mut tick = tokio::time::interval_at(crowd.started + TICK, TICK);
    while !crowd.is_done() {
        tokio::select! {
            _ = tick.tick() => {
                if crowd.started.elapsed().subsec_millis() < 100 {
                    progress.show(&crowd);
                }
            }
            interrupted = tokio::signal::ctrl_c(), if interrupted_at.is_none() => {
                if interrupted.is_ok() {
                    say("stampede: interrupted; once more gives up waiting for answers");
                    interrupted_at = Some(crowd.started.elapsed());
                    crowd.stop();
                }
            }
            interrupted = tokio::signal::ctrl_c(), if interrupted_at.is_some() => {
                if interrupted.is_ok() {
                    crowd.give_up();
                }
            }
        }
    }
    progress.end();
    is_over.store(true, Ordering::Relaxed);
    let (shared, ran_for) = (crowd.figures.clone(), crowd.started.elapsed());
    let samples = crowd.watch.samples();
    let ends = crowd.join();
    let mut all: Option<Figures> = None;
    for figures in &shared {
        let figures = figures.lock().expect("nobody panics while counting").clone();
        match &mut all {
            Some(all) => all.add(&figures),
            None => all = Some(figures),
        }
    }
    let mut all = all.expect("there is at least one worker");
    // The crowd of a waiting room goes home when all is sold.
    let goes_home = plan.options.queue.map(|_| ran_for);
    if let Some(at) = interrupted_at.into_iter().chain(goes_home).min() {
        all.cut(at);
    }
    Ended { workers: ends, figures: all, samples, commands: commands.await, interrupted_at }
}

const TICK: Duration = Duration::from_millis(100);

fn gather(plan: &Plan, ends: Vec<WorkerResult>, results: &mut Results) -> (Ledger, Vec<String>) {
    let header = plan.header.clone();
    let mut ledger = Ledger { header, entries: Vec::new(), told: Vec::new() };
    let mut seen = Vec::new();
    for mut end in ends {
        ledger.entries.append(&mut end.entries);
        ledger.told.append(&mut end.told);
        seen.append(&mut end.violations);
        results.unfinished += end.unfinished;
    }
    (ledger, seen)
}

/// Checks that the output files can be written, before an hour of load rather than after it.
fn check_outputs(options: &Options) -> Result<()> {
    let outputs =
        [("--journal", &options.journal), ("--html", &options.html), ("--json", &options.json)];
    let outputs = outputs.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
    let mut seen: Vec<(&str, &PathBuf)> = Vec::new();
    for (name, path) in outputs {
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
        opened.with_context(|| format!("cannot write {name} {}", path.display()))?;
        if let Some((other, _)) = seen.iter().find(|(_, other)| path.is_file() && *other == path) {
            anyhow::bail!("{other} and {name} name the same file, {}", path.display());
        }
        seen.push((name, path));
    }
    Ok(())
}

/// Audits an earlier run by its journal.
///
/// # Errors
/// When the journal cannot be read, or the server cannot be reached.
pub fn audit_again(options: &AuditOptions) -> Result<Verdict> {
    let ledger = Ledger::load(&options.journal)?;
    let mut place = options.place.clone();
    if !options.is_placed && !ledger.header.targets.is_empty() {
        place.targets.clone_from(&ledger.header.targets);
    }
    let place = &place;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let addresses = setup::resolve(place)?;
        let admin = setup::log_in(place, &addresses).await?;
        let is_of_class = |entry: &Entry| matches!(entry.asked, Asked::Apply);
        let tokens = if ledger.header.charged > 0 || ledger.entries.iter().any(is_of_class) {
            match (&ledger.header.signed, &place.token_secret) {
                (false, _) => log_in_buyers(place, &addresses, &ledger).await?,
                (true, Some(secret)) => setup::tokens(secret, &ledger.header.buyers)?,
                (true, None) => anyhow::bail!(setup::SIGN_THEM),
            }
        } else {
            Vec::new()
        };
        let subject = Subject {
            addresses: &addresses,
            admin: &admin,
            tokens: &tokens,
            ledger: &ledger,
            timeout: place.timeout,
            settle: place.settle,
        };
        let findings: Findings = audit(&subject, Vec::new()).await?;
        report::print_findings(&findings);
        Ok(if findings.violations == 0 { Verdict::Sound } else { Verdict::Violated })
    })
}

/// Logs in the accounts of an earlier run; returns their access tokens.
async fn log_in_buyers(
    place: &Place,
    addresses: &[std::net::SocketAddr],
    ledger: &Ledger,
) -> Result<Vec<String>> {
    const AT_ONCE: usize = 4;
    let run = ledger.header.run;
    let log_in = |(number, account): (usize, &super::ledger::Account)| {
        let body = json!({ "email": account.email, "password": setup::password(run) });
        let mut api = Api::new(addresses, number, place.timeout);
        async move {
            let call = Call {
                method: "POST",
                path: "/api/auth/login",
                token: None,
                key: None,
                body: Some(&body),
            };
            let session = api.call(call).await?;
            let token = session["accessToken"].as_str().map(str::to_owned);
            token.context("a login without a token")
        }
    };
    let accounts = ledger.header.buyers.iter().enumerate();
    stream::iter(accounts).map(log_in).buffered(AT_ONCE).try_collect().await
}

/// Raises the limit on open files, which connections need, as far as the system allows without
/// privileges.
fn raise_file_limit(options: &Options) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const OTHERS: u64 = 128;
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let clients = match options.load {
        Load::Closed(clients) => clients.min(options.connections),
        Load::Open { .. } | Load::People(_) => options.connections,
    };
    let needed = u64::from(clients) + u64::from(options.listeners) + OTHERS;
    if allowed.is_some_and(|allowed| allowed < needed) {
        say(&format!(
            "stampede: {needed} files may be needed and the system allows {}: raise it with \
             ulimit -n, or ask for fewer --connections or --listeners",
            allowed.unwrap_or_default()
        ));
    }
}
