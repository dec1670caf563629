//! Accepted settings, precedence of the sources, and error messages.

use std::time::Duration;

use super::*;

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::load(&Sources { environment, ..Sources::default() })
}

#[test]
fn defaults_need_nothing() {
    let config = from_environment(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert!(config.has_demo());
    assert!(!config.is_postgres());
}

#[test]
fn demo_payments_need_the_demo_to_be_turned_on_or_the_embedded_database() {
    let secret = ("ADMITONE_JWT_SECRET", "a secret for tests, of at least thirty-two bytes");
    let postgres = ("DATABASE_URL", "postgres://localhost/admitone");
    let allows = |pairs: &[(&str, &str)]| {
        let set: Vec<_> = [secret].iter().chain(pairs).copied().collect();
        from_environment(&set).unwrap().allows_demo_payments()
    };
    assert!(allows(&[]));
    assert!(!allows(&[("ADMITONE_DEMO", "false")]));
    assert!(!allows(&[postgres]));
    assert!(allows(&[postgres, ("ADMITONE_DEMO", "true")]));
    assert!(!allows(&[postgres, ("ADMITONE_DEMO", "false")]));
}

#[test]
fn a_database_of_postgres_has_a_demo_event_only_if_asked() {
    let secret = ("ADMITONE_JWT_SECRET", "a secret for tests, of at least thirty-two bytes");
    let postgres = ("DATABASE_URL", "postgres://localhost/admitone");
    assert!(!from_environment(&[secret, postgres]).unwrap().has_demo());
    let asked = from_environment(&[secret, postgres, ("ADMITONE_DEMO", "true")]).unwrap();
    assert!(asked.has_demo());
    let worker = asked.for_worker();
    assert!(
        !worker.has_demo() && worker.allows_demo_payments(),
        "it ends payments of the instances"
    );
}

#[test]
fn errors_name_the_key_and_say_what_to_do() {
    for (key, value, says) in [
        ("ADMITONE_LISTEN", "8080", "HOST:PORT"),
        ("ADMITONE_LISTEN", "127.0.0.1:99999", "HOST:PORT"),
        ("ADMITONE_METRICS_LISTEN", "127.0.0.1:8080", "port of their own"),
        ("ADMITONE_JWT_SECRET", "short", "32 or more"),
        ("DATABASE_URL", "mysql://root@localhost/x", "postgres://"),
        ("DATABASE_URL", "sqlite::memory:", "in memory"),
        ("DATABASE_URL", "sqlite://:memory:?cache=shared", "in memory"),
        ("DATABASE_URL", "sqlite:///tmp/a.db?cache=shared&mode=memory", "in memory"),
        ("DATABASE_URL", "sqlite:", "names no file"),
        ("DATABASE_URL", "sqlite://?mode=rwc", "names no file"),
        ("REDIS_URL", "localhost:6379", "write redis://host:port"),
        ("REDIS_URL", "http://localhost", "write redis://host:port"),
        ("REDIS_URL", "rediss://localhost", "asks for TLS"),
        ("ADMITONE_CLUSTER_SECRET", "x", "32 or more"),
        ("ADMITONE_TRUSTED_PROXIES", "10.0.0.0/8,10.0.0.300", "the entry \"10.0.0.300\""),
        ("ADMITONE_INSTANCE", "two words", "letters, digits"),
        ("ADMITONE_INSTANCE", "a/b", "letters, digits"),
        ("ADMITONE_WEIGHT", "1001", "from 0 to 1000"),
        ("ADMITONE_WEIGHT", "-1", "from 0 to 1000"),
        ("ADMITONE_LEASE_TTL", "499ms", "from 500ms to 60s"),
        ("ADMITONE_DRAIN_DELAY", "6m", "from 0s to 5m"),
        ("ADMITONE_LOG", "info,=,,[", "log filter"),
        ("ADMITONE_LOG", "nonsense", "write info, or warn,admitone=debug"),
        ("ADMITONE_LOG", "wran,admitone=debug", "wran is no level"),
        ("ADMITONE_LOG", "info,admitone", "admitone is no level"),
        ("ADMITONE_LOG", "admitone=", "names none"),
        ("ADMITONE_LOG", "admitone=loud", "log filter"),
        ("ADMITONE_LOG", "[span]", "asks for spans"),
        ("ADMITONE_LOG", "warn,admitone[request{path=1}]=trace", "asks for spans"),
        ("ADMITONE_LOG", "admitone", "names none"),
        ("ADMITONE_LOG", " , ", "names no level"),
        ("ADMITONE_JWT_SECRET", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "over and over"),
        ("ADMITONE_JWT_SECRET", "changemechangemechangemechangeme", "over and over"),
        ("ADMITONE_JWT_SECRET", " \t                                      ", "blanks"),
        ("ADMITONE_LOG_FORMAT", "xml", "text nor json"),
        ("ADMITONE_OTLP_ENDPOINT", "collector:4318", "write http://HOST:4318"),
        ("ADMITONE_OTLP_ENDPOINT", "http://", "write http://HOST:4318"),
        ("ADMITONE_OTLP_ENDPOINT", "grpc://collector:4317", "write http://HOST:4318"),
        ("ADMITONE_OTLP_ENDPOINT", "https://collector:4318", "run a collector beside"),
        ("ADMITONE_OTLP_ENDPOINT", "http://me:hunter2@collector", "would not be sent"),
        ("ADMITONE_OTLP_ENDPOINT", "http://collector?key=hunter2", "more than a host"),
        ("ADMITONE_TRACE_SAMPLE", "1%", "from 0 to 1"),
        ("ADMITONE_TRACE_SAMPLE", "1.01", "from 0 to 1"),
        ("ADMITONE_TRACE_SAMPLE", "-0.1", "from 0 to 1"),
        ("ADMITONE_TRACE_SAMPLE", "NaN", "from 0 to 1"),
        ("ADMITONE_TRACE_FORCED_PER_SECOND", "-1", "from 0 to 1000000"),
        ("ADMITONE_TRACE_SERVICE", " ", "is empty"),
        ("ADMITONE_DEMO", "maybe", "true nor false"),
        ("ADMITONE_ADMIN_EMAIL", "admin", "\"admin\" is not an e-mail address such as"),
        ("ADMITONE_ADMIN_PASSWORD", "short", "8"),
        ("ADMITONE_WORKERS", "0", "from 1"),
        ("ADMITONE_WORKERS", "-1", "from 1"),
        ("ADMITONE_DATABASE_POOL", "many", "whole number"),
        ("ADMITONE_APPEND_TIMEOUT", "5", "duration"),
        ("ADMITONE_APPEND_TIMEOUT", "1ms", "from 100ms"),
        ("ADMITONE_ACCESS_TOKEN_TTL", "48h", "to 24h"),
        ("ADMITONE_SHUTDOWN_GRACE", "99999999999999999999s", "duration"),
        ("ADMITONE_CORS_ORIGINS", "*", "origins"),
        ("ADMITONE_LISEN", "127.0.0.1:1", "did you mean ADMITONE_LISTEN?"),
        ("ADMITONE_WHATEVER_THIS_IS", "1", "--help"),
    ] {
        let error = from_environment(&[(key, value)]).expect_err(key).to_string();
        assert!(error.contains(key), "{key}={value}: {error}");
        assert!(error.contains(says), "{key}={value}: {error}");
        assert!(!error.contains('\n') && !error.contains("hunter2"), "one line: {error}");
    }
}

#[test]
fn a_collector_is_named_with_or_without_the_path_of_the_protocol() {
    for (value, endpoint) in [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("http://collector", "http://collector/v1/traces"),
        ("http://gateway/otlp/", "http://gateway/otlp/v1/traces"),
        ("http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/traces"),
    ] {
        let config = from_environment(&[("ADMITONE_OTLP_ENDPOINT", value)]).expect(value);
        assert_eq!(config.otlp_endpoint.as_deref(), Some(endpoint));
    }
    assert_eq!(from_environment(&[]).expect("nothing").otlp_endpoint, None);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some.toml");
    std::fs::write(&path, "trace_sample = 0.25\n").unwrap();
    let config = Config::load(&Sources { file: Some(path), ..Sources::default() }).unwrap();
    assert!((config.trace_sample - 0.25).abs() < f64::EPSILON);
}

#[test]
fn log_filters_that_name_their_levels_are_taken() {
    for (value, log) in [
        ("info", "info"),
        ("OFF", "OFF"),
        ("admitone=debug,warn", "admitone=debug,warn"),
        // Blanks would turn the levels into modules.
        ("info, admitone::access=debug ,", "info,admitone::access=debug"),
    ] {
        assert_eq!(from_environment(&[("ADMITONE_LOG", value)]).expect(value).log, log);
    }
}

#[test]
#[cfg(unix)]
fn a_setting_that_is_not_utf_8_is_refused_by_name() {
    use std::os::unix::ffi::OsStringExt;
    let read = |name: &str| {
        let value = OsString::from_vec(b"hunter2\xff".to_vec());
        let good = ("ADMITONE_DEMO".into(), "false".into());
        Sources::read_environment([good, (name.into(), value)])
    };
    for name in ["ADMITONE_JWT_SECRET", "DATABASE_URL", "ADMITONE_CONFIG", "ADMITONE_LISEN"] {
        let error = read(name).expect_err(name).to_string();
        assert!(error.contains(name) && error.contains("UTF-8"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    for name in ["SOMEBODY_ELSES", "ADMITONE_TEST_PG_BIN"] {
        let environment = read(name).expect(name);
        assert_eq!(environment, [("ADMITONE_DEMO".to_owned(), "false".to_owned())].into());
    }
}

#[test]
fn secrets_are_never_shown() {
    for (key, value) in [
        ("ADMITONE_JWT_SECRET", "hunter2hunter2"),
        ("ADMITONE_ADMIN_PASSWORD", "hunter2"),
        ("DATABASE_URL", "mysql://root:hunter2@localhost/x"),
        ("REDIS_URL", "rediss://:hunter2@localhost"),
        ("REDIS_URL", "redis://:hunter2@"),
        ("ADMITONE_CLUSTER_SECRET", "hunter2hunter2"),
    ] {
        let error = from_environment(&[(key, value)]).expect_err(key).to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let secret = "hunter2, hunter3, hunter5 and hunter7";
    let config = from_environment(&[
        ("ADMITONE_JWT_SECRET", secret),
        ("ADMITONE_CLUSTER_SECRET", secret),
        ("REDIS_URL", "redis://:hunter2@localhost"),
    ])
    .unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some.toml");
    std::fs::write(&path, "workers = 3\ndatabase_pool = 30\nappend_timeout = \"3s\"\n").unwrap();
    let config = Config::load(&Sources {
        flags: [("workers", "1".to_owned())].into(),
        file: Some(path),
        environment: [
            ("ADMITONE_WORKERS".to_owned(), "2".to_owned()),
            ("ADMITONE_DATABASE_POOL".to_owned(), "20".to_owned()),
            ("ADMITONE_MAX_PENDING".to_owned(), String::new()),
        ]
        .into(),
    })
    .unwrap();
    assert_eq!((config.workers, config.database_pool), (1, 20));
    assert_eq!(config.append_timeout, Duration::from_secs(3));
    assert_eq!(config.max_pending, Config::default().max_pending, "an empty variable is unset");
}

#[test]
fn the_file_is_read_strictly() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some.toml");
    for (text, says) in [
        ("listn = \"127.0.0.1:1\"", "did you mean listen?"),
        ("listen = 1979-05-27", "write a text"),
        ("workers = 1.5", "whole number"),
        ("[server]\nlisten = \"x\"", "no such setting"),
        ("listen", "is not TOML"),
        ("workers = 0", "workers in"),
        ("cors_origins = [\"nonsense\"]", "origins"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Config::load(&Sources { file: Some(path.clone()), ..Sources::default() });
        let error = error.expect_err(text).to_string();
        assert!(error.contains(says) && error.contains("some.toml"), "{text}: {error}");
    }
    let missing = directory.path().join("missing.toml");
    let error = Config::load(&Sources { file: Some(missing), ..Sources::default() }).unwrap_err();
    assert!(error.to_string().contains("missing.toml"), "{error}");
}
