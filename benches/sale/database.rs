//! Creates a database for each server: the rows and the vacuum work left by earlier crowds would
//! slow down the next.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

static MADE: AtomicU32 = AtomicU32::new(0);

pub struct Database {
    /// The URL of a database on the same server.
    other: String,
    name: String,
}

impl Database {
    /// Creates an empty database on the server of this URL.
    pub fn new(postgres: &str) -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("admitone_bench_{}_{number}", std::process::id());
        let database = Self { other: postgres.into(), name };
        let made = database.psql(&format!("CREATE DATABASE {}", database.name));
        assert!(made, "psql has to be there, and the role has to be allowed to make databases");
        database
    }

    pub fn url(&self) -> String {
        let (path, options) = self.other.split_once('?').unwrap_or((&self.other, ""));
        let (server, _) = path.rsplit_once('/').expect("a URL with a database in it");
        format!("{server}/{}?{options}", self.name)
    }

    fn psql(&self, statement: &str) -> bool {
        let ended = Command::new("psql").args([&self.other, "-qc", statement]).status();
        ended.is_ok_and(|status| status.success())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Its users have ended, or are disconnected.
        self.psql(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}
