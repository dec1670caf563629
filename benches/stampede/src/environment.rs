//! The environment of a run: the facts that the generator can read about its machine, those that
//! the server reports to a client, and those given on the command line (`--about`), such as the
//! database, which no client sees.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::api::{Api, Call};
use super::options::Place;

/// One line of the block: a name and a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The name, such as `database`.
    pub name: String,
    /// The value, such as `Postgres 15, same machine`.
    pub value: String,
}

/// The name that `--about` uses for the database.
const DATABASE: &str = "database";

/// Collects the facts. Facts that cannot be determined are reported as unknown.
pub async fn look(
    place: &Place,
    addresses: &[SocketAddr],
    admin: &str,
    seed: u64,
    about: &[(String, String)],
) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push(Fact { name: name.into(), value });
    fact("command", command_line(std::env::args()));
    fact("seed", seed.to_string());
    fact("generator", generator());
    fact("generator's machine", machine());
    for (target, address) in place.targets.iter().zip(addresses) {
        let mut api = Api::new(&[*address], 0, place.timeout);
        let version = version(&mut api).await;
        let whose = if is_here(address.ip()) { "on the generator's machine" } else { "elsewhere" };
        fact(&format!("server at {target}"), format!("admitone {version}, {whose}"));
    }
    let mut api = Api::new(addresses, 0, place.timeout);
    fact("instances", instances(&mut api, admin).await);
    if !about.iter().any(|(name, _)| name == DATABASE) {
        let how = "not known to a client: say it with --about database='Postgres 15, same machine'";
        fact(DATABASE, how.into());
    }
    for (name, value) in about {
        fact(name, value.clone());
    }
    facts
}

/// The command line in a form that can be typed again. It contains no secrets: those come from the
/// environment.
fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let quoted = arguments.skip(1).map(|argument| {
        if !argument.is_empty() && argument.chars().all(is_plain) {
            return argument;
        }
        format!("'{}'", argument.replace('\'', r"'\''"))
    });
    std::iter::once("stampede".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

fn generator() -> String {
    let build = if cfg!(debug_assertions) {
        "a debug build, which is slow: use --release"
    } else {
        "a release build"
    };
    format!("stampede {}, {build}", env!("CARGO_PKG_VERSION"))
}

/// Processors, memory and kernel, as reported by Linux.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (processors, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = field(&processors, "model name").unwrap_or_else(|| "unknown processor".into());
    let kib = field(&memory, "MemTotal").and_then(|text| text.split(' ').next()?.parse().ok());
    let gib = kib.map_or("?".into(), |kib: f64| format!("{:.1}", kib / 1_048_576.0));
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} × {model}, {gib} GiB, {} {}", std::env::consts::OS, kernel.trim())
}

/// True if this machine has the address.
fn is_here(address: IpAddr) -> bool {
    // Only an address of this machine can be bound.
    address.is_loopback() || std::net::UdpSocket::bind((address, 0)).is_ok()
}

async fn version(api: &mut Api) -> String {
    let document = api.whole(Call::get("/api-docs/openapi.json", None)).await;
    let document = document.unwrap_or_default();
    document["info"]["version"].as_str().unwrap_or("of unknown version").to_owned()
}

async fn instances(api: &mut Api, admin: &str) -> String {
    let Ok(found) = api.call(Call::get("/api/admin/instances", Some(admin))).await else {
        return "unknown".into();
    };
    let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<_> = found.iter().filter_map(|instance| instance["name"].as_str()).collect();
    format!("{} ({})", names.len(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_typed_again() {
        let arguments = ["/bin/stampede", "onsale", "--rate", "50", "--at", "1:kill -9 'x'", ""];
        assert_eq!(
            command_line(arguments.into_iter().map(str::to_owned)),
            r"stampede onsale --rate 50 --at '1:kill -9 '\''x'\''' ''"
        );
    }

    #[test]
    fn ones_own_machine_is_known() {
        assert!(is_here([127, 0, 0, 1].into()));
        // A network reserved for documentation, which no machine has.
        assert!(!is_here([192, 0, 2, 1].into()));
        assert!(machine().contains("GiB"), "{}", machine());
    }
}
