//! What a server and a worker refuse to start without, and what they warn of.

use super::*;
use crate::config::Sources;

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::load(&Sources { environment, ..Sources::default() })
}

#[test]
fn serving_on_postgres_demands_a_secret() {
    let url = ("DATABASE_URL", "postgres://localhost/admitone");
    let error = from_environment(&[url]).unwrap().check_serving().unwrap_err().to_string();
    assert!(error.contains("ADMITONE_JWT_SECRET") && error.contains("openssl"), "{error}");
    let secret = ("ADMITONE_JWT_SECRET", "0123456789abcdef-fedcba9876543210");
    let mail = ("ADMITONE_MAIL", "off");
    assert!(from_environment(&[url, secret, mail]).unwrap().check_serving().is_ok());
}

const SECRET: &str = "0123456789abcdef-fedcba9876543210";
/// All settings that several instances need.
const CLUSTER: [(&str, &str); 6] = [
    ("DATABASE_URL", "postgres://localhost/admitone"),
    ("ADMITONE_JWT_SECRET", SECRET),
    ("REDIS_URL", "redis://localhost"),
    ("ADMITONE_CLUSTER_SECRET", SECRET),
    ("ADMITONE_MAIL", "off"),
    ("ADMITONE_TRUSTED_PROXIES", "none"),
];

/// Returns [`CLUSTER`] with the settings of `but` replaced.
fn cluster_but(but: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut pairs = CLUSTER.to_vec();
    pairs.retain(|(key, _)| but.iter().all(|(other, _)| other != key));
    pairs.extend(but);
    pairs
}

#[test]
fn a_cluster_is_served_only_with_all_that_it_needs() {
    for (but, says) in [
        (&[("DATABASE_URL", "")][..], "several instances share one Postgres"),
        (&[("DATABASE_URL", "sqlite://x.db")], "set DATABASE_URL to postgres://"),
        (&[("ADMITONE_CLUSTER_SECRET", "")], "openssl rand -hex 32"),
        (&[("ADMITONE_TRUSTED_PROXIES", "")], "or to none if clients connect directly"),
        (&[("REDIS_URL", "")], "set REDIS_URL too"),
        (&[("ADMITONE_LISTEN", "0.0.0.0:8080")], "set ADMITONE_ADVERTISE"),
        (&[("ADMITONE_LISTEN", "[::]:8080")], "ADMITONE_LISTEN is [::]:8080"),
        (&[("ADMITONE_ADVERTISE", "0.0.0.0:8080")], "ADMITONE_ADVERTISE: \"0.0.0.0:8080\""),
        (&[("ADMITONE_ADVERTISE", "tickets-1")], "HOST:PORT"),
        (&[("ADMITONE_ADVERTISE", "http://tickets-1:8080")], "HOST:PORT"),
        (&[("ADMITONE_ADVERTISE", ":8080")], "HOST:PORT"),
    ] {
        let config = from_environment(&cluster_but(but)).expect("readable one by one");
        let error = config.check_serving().expect_err(says).to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{but:?}: {error}");
        assert!(!error.contains(SECRET), "{error}");
    }
    for but in [
        &[][..],
        &[("ADMITONE_LISTEN", "0.0.0.0:8080"), ("ADMITONE_ADVERTISE", "tickets-1:80")],
        &[("ADMITONE_LISTEN", "[::]:8080"), ("ADMITONE_ADVERTISE", "[2001:db8::1]:8080")],
        &[("ADMITONE_INSTANCE", "10.0.0.7:8080"), ("REDIS_URL", "unix:///run/redis.sock")],
    ] {
        let config = from_environment(&cluster_but(but)).unwrap();
        assert!(config.is_cluster());
        config.check_serving().unwrap();
    }
}

#[test]
fn a_process_that_is_alone_does_not_wait_to_be_noticed() {
    let seconds = |pairs: &[_]| from_environment(pairs).unwrap().time_to_notice().as_secs();
    assert_eq!(seconds(&[]), 0);
    assert_eq!(seconds(&CLUSTER), 2);
    assert_eq!(seconds(&[("ADMITONE_DRAIN_DELAY", "15s")]), 15);
    assert_eq!(seconds(&cluster_but(&[("ADMITONE_DRAIN_DELAY", "0s")])), 0);
}

const SMTP: [(&str, &str); 3] = [
    ("ADMITONE_MAIL", "smtp"),
    ("ADMITONE_SMTP_URL", "smtp://127.0.0.1:1025"),
    ("ADMITONE_MAIL_FROM", "tickets@tickets.example"),
];

#[test]
fn mails_of_several_instances_need_the_address_of_their_links_on_loopback_too() {
    let refused = from_environment(&cluster_but(&SMTP)).unwrap().check_serving().unwrap_err();
    assert!(refused.to_string().contains("ADMITONE_PUBLIC_URL is not set"), "{refused}");
    let public = ("ADMITONE_PUBLIC_URL", "https://tickets.example");
    from_environment(&[&cluster_but(&SMTP)[..], &[public]].concat())
        .unwrap()
        .check_serving()
        .unwrap();
    let elsewhere = ("ADMITONE_LISTEN", "0.0.0.0:8080");
    let alone = from_environment(&[&SMTP[..], &[elsewhere]].concat()).unwrap();
    assert!(alone.check_serving().is_err());
}

#[test]
fn all_that_is_missing_is_said_at_once() {
    let bare = &CLUSTER[..3];
    for (pairs, missing) in [
        (&bare[..1], &["ADMITONE_JWT_SECRET is not set", "ADMITONE_SMTP_URL is not set"][..]),
        (
            &[bare[0], bare[2]],
            &[
                "ADMITONE_JWT_SECRET is not set",
                "ADMITONE_CLUSTER_SECRET is not set",
                "ADMITONE_TRUSTED_PROXIES is not set",
                "ADMITONE_SMTP_URL is not set",
            ],
        ),
        (
            &[bare[2]],
            &[
                "ADMITONE_JWT_SECRET is not set",
                "DATABASE_URL names no Postgres",
                "ADMITONE_CLUSTER_SECRET is not set",
                "ADMITONE_TRUSTED_PROXIES is not set",
                "ADMITONE_SMTP_URL is not set",
            ],
        ),
        (
            &[("ADMITONE_MAIL", "smtp"), ("ADMITONE_LISTEN", "0.0.0.0:8080")],
            &[
                "ADMITONE_SMTP_URL is not set",
                "ADMITONE_MAIL_FROM is not set",
                "ADMITONE_PUBLIC_URL is not set",
            ],
        ),
    ] {
        let refused = from_environment(pairs).unwrap().check_serving().unwrap_err().to_string();
        let lines: Vec<_> = refused.lines().collect();
        assert_eq!(lines.len(), missing.len(), "{refused}");
        for (line, says) in lines.iter().zip(missing) {
            assert!(line.contains(says), "{line}: {says}");
        }
    }
    let refused = from_environment(&bare[..1]).unwrap().for_worker().check_worker().unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("REDIS_URL is not set"), "{refused}");
    assert!(refused.contains("ADMITONE_JWT_SECRET is not set"), "{refused}");
}

#[test]
fn a_start_warns_of_what_is_probably_not_meant() {
    let warnings = |pairs: &[(&str, &str)]| from_environment(pairs).unwrap().warnings();
    assert_eq!(warnings(&[]), Vec::<String>::new());
    assert_eq!(warnings(&cluster_but(&[])), Vec::<String>::new());
    let public = ("ADMITONE_PUBLIC_URL", "https://tickets.example");
    assert_eq!(warnings(&[&SMTP[..], &[public]].concat()), Vec::<String>::new());
    let tried_out = from_environment(&SMTP).unwrap();
    tried_out.check_serving().unwrap();
    for (pairs, says) in [
        (&SMTP[..], "lead to 127.0.0.1:8080, which no other machine reaches"),
        (&[("ADMITONE_RATE_LIMITS", "off")], "ADMITONE_RATE_LIMITS is off"),
        (&[("ADMITONE_TRUSTED_PROXIES", "10.0.0.0/7")], "the wide network 10.0.0.0/7"),
        (&[("ADMITONE_TRUSTED_PROXIES", "::1,2000::/15")], "the wide network 2000::/15"),
    ] {
        let warnings = warnings(pairs);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(says), "{warnings:?}");
    }
}
