//! Checks what a server or a worker needs, which reading a journal or migrating does not. All that is
//! missing is said at once: a cluster needs several settings.

use std::net::IpAddr;

use super::{Config, ConfigError, MailMode};

impl Config {
    /// Checks the settings that serving needs.
    ///
    /// # Errors
    /// All missing settings.
    pub fn check_serving(&self) -> Result<(), ConfigError> {
        all(&[self.secret_problem(), self.cluster_problems(), self.mail_problems()].concat())
    }

    /// Checks the settings that a worker needs: those of an instance among several.
    ///
    /// # Errors
    /// All missing settings.
    pub fn check_worker(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        if !self.is_postgres() {
            problems.push(
                "admitone worker needs Postgres: a SQLite file belongs to one process, and `admitone \
                 serve` does the work of a worker itself; set DATABASE_URL to that of the instances"
                    .to_owned(),
            );
        }
        if !self.is_cluster() {
            problems.push(
                "REDIS_URL is not set: a worker finds the instances through Redis, so set REDIS_URL and \
                 ADMITONE_CLUSTER_SECRET to those of the instances; an instance without them needs no \
                 worker and does the work itself"
                    .to_owned(),
            );
        }
        if self.public_url.is_none() && self.mail_mode() != MailMode::Off {
            problems.push(
                "ADMITONE_PUBLIC_URL is not set: a worker writes mails, whose links need the address at \
                 which people reach the instances, such as https://tickets.example.com"
                    .to_owned(),
            );
        }
        problems.append(&mut self.secret_problem());
        if self.is_postgres() && self.is_cluster() {
            problems.append(&mut self.cluster_problems());
        }
        problems.append(&mut self.mail_problems());
        all(&problems)
    }

    /// Returns what is allowed and probably not meant, a sentence each, for the log of a start.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.mail_mode() == MailMode::Smtp && self.public_url.is_none() {
            warnings.push(format!(
                "ADMITONE_PUBLIC_URL is not set: the links in mails lead to {}, which no other machine \
                 reaches; set it to the address at which people reach the server",
                self.listen
            ));
        }
        if !self.rate_limits {
            warnings.push(
                "ADMITONE_RATE_LIMITS is off: requests are not limited, which is for load tests only"
                    .to_owned(),
            );
        }
        for network in self.proxies().wide() {
            warnings.push(format!(
                "ADMITONE_TRUSTED_PROXIES has the wide network {network}: all machines in it choose the \
                 addresses they count under; name the networks of the proxies alone"
            ));
        }
        warnings
    }

    fn secret_problem(&self) -> Vec<String> {
        if !(self.is_postgres() || self.is_cluster()) || !self.jwt_secret.is_empty() {
            return Vec::new();
        }
        vec![
            "ADMITONE_JWT_SECRET is not set: with Postgres it must be, to 32 bytes or more that only you \
             know, such as the output of `openssl rand -hex 32`"
                .to_owned(),
        ]
    }

    /// Checks that mails can be sent where they are wanted, and that their absence is intended.
    fn mail_problems(&self) -> Vec<String> {
        let is_silent = self.mail.is_none() && self.smtp_url.is_none();
        if is_silent && (self.is_postgres() || self.is_cluster()) {
            return vec![
                "ADMITONE_SMTP_URL is not set: customers are told of tickets and offers by mail, so set \
                 it to the mail server, such as smtps://user:password@mail.example.com, or say \
                 ADMITONE_MAIL=off (no mails) or ADMITONE_MAIL=keep (shown at /dev/mail only)"
                    .to_owned(),
            ];
        }
        if self.mail_mode() != MailMode::Smtp {
            return Vec::new();
        }
        let mut problems = Vec::new();
        if self.smtp_url.is_none() {
            problems.push(
                "ADMITONE_MAIL is smtp and ADMITONE_SMTP_URL is not set: set it to the mail server, such \
                 as smtps://user:password@mail.example.com"
                    .to_owned(),
            );
        }
        if self.mail_from.is_none() {
            problems.push(
                "ADMITONE_MAIL_FROM is not set: mails need a sender, such as tickets@example.com"
                    .to_owned(),
            );
        }
        // A worker says so itself.
        if self.public_url.is_none() && !self.is_worker && !self.is_tried_out() {
            problems.push(
                "ADMITONE_PUBLIC_URL is not set: links in mails need the address at which people reach \
                 the server, such as https://tickets.example.com"
                    .to_owned(),
            );
        }
        problems
    }

    /// True if people may be expected on this machine alone. Several instances on loopback have a load
    /// balancer in front.
    fn is_tried_out(&self) -> bool {
        self.listen.ip().is_loopback() && !self.is_cluster()
    }

    /// Checks the settings that several instances need, and that one alone must not have.
    fn cluster_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.is_cluster() {
            if self.cluster_secret.is_some() {
                problems.push(
                    "ADMITONE_CLUSTER_SECRET is set and REDIS_URL is not: several instances find each \
                     other through Redis, so set REDIS_URL too; for one instance unset both"
                        .to_owned(),
                );
            }
            return problems;
        }
        if !self.is_postgres() {
            problems.push(
                "REDIS_URL is set and DATABASE_URL names no Postgres: several instances share one \
                 Postgres, so set DATABASE_URL to postgres://user:password@host/database; for one \
                 instance unset REDIS_URL"
                    .to_owned(),
            );
        }
        if self.cluster_secret.is_none() {
            problems.push(
                "ADMITONE_CLUSTER_SECRET is not set: instances know each other by it, so set it, the \
                 same for all, to the output of `openssl rand -hex 32`"
                    .to_owned(),
            );
        }
        // A worker has no clients.
        if self.trusted_proxies.is_none() && !self.is_worker {
            problems.push(
                "ADMITONE_TRUSTED_PROXIES is not set: several instances have a load balancer in front, \
                 and limits count the clients behind it, so set it to the networks that it connects \
                 from, such as 10.0.0.0/8, or to none if clients connect directly"
                    .to_owned(),
            );
        }
        let address = self.advertise.clone().unwrap_or_else(|| self.listen.to_string());
        if !is_reachable(&address) {
            let why = match &self.advertise {
                Some(address) => {
                    format!("ADMITONE_ADVERTISE: {address:?} is no address to connect to")
                }
                None => format!("ADMITONE_LISTEN is {address}, which is no address to connect to"),
            };
            problems.push(format!(
                "{why}: set ADMITONE_ADVERTISE to the HOST:PORT at which other instances reach this \
                 one, such as 10.0.0.7:8080"
            ));
        }
        problems
    }
}

fn all(problems: &[String]) -> Result<(), ConfigError> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(ConfigError(problems.join("\n")))
}

/// True if another instance could connect to `address`: a host and a port, and a host that means the
/// same on every machine.
fn is_reachable(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    // With port 0 the system chooses, and the server advertises the chosen port.
    let is_host = !host.is_empty() && !host.contains(['/', '@', ' ']);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let unspecified = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    is_host && !unspecified && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests;
