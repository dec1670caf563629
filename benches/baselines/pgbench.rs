//! The hot row in its usual implementation, without HTTP.

use std::process::Command;

use super::{EVENTS, median};

pub const CLIENTS: usize = 16;

const HOT: &str = "BEGIN;
SELECT available FROM baseline_stock WHERE id = 1 FOR UPDATE;
UPDATE baseline_stock SET available = available - 1 WHERE id = 1;
INSERT INTO baseline_holds (id, stock, customer, quantity, expires_at)
    VALUES (gen_random_uuid(), 1, gen_random_uuid(), 1, now() + interval '5 min');
COMMIT;";

/// Transactions per second, by round.
#[derive(Default)]
pub struct Figures {
    hot: Vec<f64>,
    spread: Vec<f64>,
}

impl Figures {
    /// Runs one round, if `pgbench` can be run.
    pub fn measure(&mut self, url: &str) {
        self.hot.extend(run(url, HOT));
        let spread = HOT.replace("id = 1", "id = :id").replace("(), 1,", "(), :id,");
        self.spread.extend(run(url, &format!("\\set id random(1, {EVENTS})\n{spread}")));
    }

    pub fn hot(&self) -> Option<f64> {
        median(self.hot.iter().copied())
    }

    pub fn spread(&self) -> Option<f64> {
        median(self.spread.iter().copied())
    }
}

fn run(url: &str, script: &str) -> Option<f64> {
    let directory = tempfile::tempdir().ok()?;
    let file = directory.path().join("hold.sql");
    std::fs::write(&file, script).ok()?;
    let clients = CLIENTS.to_string();
    let output = Command::new("pgbench")
        .args(["-n", "-M", "prepared", "-c", &clients, "-j", "2", "-T", "4", "-f"])
        .arg(&file)
        .arg(url)
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().find_map(|line| line.strip_prefix("tps = "))?.split(' ').next()?.parse().ok()
}
