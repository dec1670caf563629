//! Why a call to Redis failed, worded so that the operator knows the remedy. Shows nothing of the URL
//! but host and port.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::cluster::lease::LeaseError;

/// As a [`LeaseError`], but can be cloned, so that one reason is returned to many calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Refusal {
    /// See [`LeaseError::Away`].
    Away(String),
    /// See [`LeaseError::Unusable`].
    Unusable(String),
}

impl Refusal {
    /// Classifies an error of the Redis at `address`.
    pub(super) fn of(error: &RedisError, address: &str) -> Self {
        let redis = format!("Redis at {address}");
        let unusable = match error.kind() {
            ErrorKind::Io => {
                return Self::Away(format!(
                    "{redis} does not answer ({error}): start it, or correct REDIS_URL"
                ));
            }
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown,
            ) => return Self::Away(format!("{redis} is not ready yet ({error})")),
            ErrorKind::Server(
                ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot,
            ) => return Self::cluster(address),
            ErrorKind::Server(ServerErrorKind::ReadOnly) => {
                format!("{redis} is a replica: set REDIS_URL to its primary")
            }
            ErrorKind::Server(ServerErrorKind::NoPerm) => format!(
                "{redis} does not let the user of REDIS_URL do what is needed ({error}): allow it \
                 all commands on keys that begin with {{admitone}}:"
            ),
            ErrorKind::AuthenticationFailed => wrong_password(&redis),
            ErrorKind::Parse => {
                format!("what listens at {address} does not speak as Redis does: correct REDIS_URL")
            }
            _ => return Self::by_code(error, &redis),
        };
        Self::Unusable(unusable)
    }

    /// Returns the refusal of a Redis Cluster, which spreads its keys over several servers.
    pub(super) fn cluster(address: &str) -> Self {
        Self::Unusable(format!(
            "Redis at {address} is a Redis Cluster, which this version cannot use: set REDIS_URL to \
             a single Redis, with replicas or without"
        ))
    }

    /// Classifies, by code, the errors that the crate has no kind for.
    fn by_code(error: &RedisError, redis: &str) -> Self {
        let detail = error.detail().unwrap_or_default().to_ascii_lowercase();
        Self::Unusable(match error.code() {
            Some("BUSY") => return Self::Away(format!("{redis} is busy with a script ({error})")),
            Some("NOAUTH") => format!(
                "{redis} wants a password: put it into REDIS_URL, redis://:password@host:port"
            ),
            Some("WRONGPASS") => wrong_password(redis),
            Some("OOM") => {
                format!("{redis} is out of memory: raise its maxmemory, or give it less to keep")
            }
            _ if detail.contains("unknown command") => format!(
                "{redis} does not run scripts: set REDIS_URL to a Redis 6.2 or later, or a Valkey, in \
                 which EVAL, EVALSHA and SCRIPT LOAD are not turned off"
            ),
            _ => format!("{redis} refuses a command ({error}): see to it, or correct REDIS_URL"),
        })
    }
}

fn wrong_password(redis: &str) -> String {
    format!(
        "{redis} does not accept the password in REDIS_URL: correct it, \
         redis://:password@host:port, or redis://user:password@host:port for a user of its own, or \
         leave it out if that Redis has none"
    )
}

impl From<Refusal> for LeaseError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Away(why) => Self::Away(anyhow::Error::msg(why)),
            Refusal::Unusable(why) => Self::Unusable(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_says_is_told_with_what_to_do() {
        for (said, away, says) in [
            ("LOADING Redis is loading the dataset in memory", true, "not ready"),
            ("CLUSTERDOWN Hash slot not served", true, "not ready"),
            ("BUSY Redis is busy running a script", true, "busy"),
            ("NOAUTH Authentication required.", false, "redis://:password@host:port"),
            ("WRONGPASS invalid username-password pair", false, "does not accept the password"),
            ("MOVED 3999 127.0.0.1:6381", false, "Redis Cluster"),
            ("READONLY You can't write against a read only replica.", false, "its primary"),
            ("NOPERM User x has no permissions", false, "allow it all commands"),
            ("OOM command not allowed", false, "maxmemory"),
            ("ERR unknown command 'EVALSHA', with args", false, "does not run scripts"),
            ("ERR DB index is out of range", false, "DB index is out of range"),
        ] {
            let answer = redis::parse_redis_value(format!("-{said}\r\n").as_bytes()).unwrap();
            let error = answer.extract_error().unwrap_err();
            let (is_away, why) = match Refusal::of(&error, "here:1") {
                Refusal::Away(why) => (true, why),
                Refusal::Unusable(why) => (false, why),
            };
            assert_eq!(is_away, away, "{said}: {why}");
            assert!(why.contains(says) && why.contains("here:1"), "{said}: {why}");
            assert!(!why.contains('\n'), "{why}");
        }
    }
}
