//! The hot row in its usual implementation, without HTTP.

use std::process::Command;

pub const CLIENTS: usize = 16;

const TABLES: &str =
    "CREATE TABLE IF NOT EXISTS sale_stock (id int PRIMARY KEY, available int NOT NULL);
CREATE TABLE IF NOT EXISTS sale_holds (id uuid PRIMARY KEY, stock int NOT NULL,
    customer uuid NOT NULL, quantity int NOT NULL, expires_at timestamptz NOT NULL);
INSERT INTO sale_stock VALUES (1, 2000000000) ON CONFLICT DO NOTHING;";
const HOT: &str = "BEGIN;
SELECT available FROM sale_stock WHERE id = 1 FOR UPDATE;
UPDATE sale_stock SET available = available - 1 WHERE id = 1;
INSERT INTO sale_holds VALUES (gen_random_uuid(), 1, gen_random_uuid(), 1, now() + interval '5 min');
COMMIT;";

/// Transactions per second, if `pgbench` can be run.
pub fn hot_row(url: &str) -> Option<f64> {
    let made = Command::new("psql").args([url, "-qc", TABLES]).status().ok()?;
    let directory = tempfile::tempdir().ok().filter(|_| made.success())?;
    let file = directory.path().join("hold.sql");
    std::fs::write(&file, HOT).ok()?;
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
