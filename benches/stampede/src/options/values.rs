//! Values of options, from their texts.

use std::time::Duration;

use admitone::config::parse_duration;

/// Turns `http://host:port` into `host:port`.
pub(super) fn target(text: &str) -> Result<String, String> {
    if text.starts_with("https://") {
        return Err("plain HTTP only: give the server's own port, or a proxy's plain one".into());
    }
    let rest = text.strip_prefix("http://").ok_or("must be http://HOST:PORT")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() || rest.contains(['/', '?', '@', ' ']) {
        return Err("must be http://HOST:PORT, without a path".into());
    }
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { rest.to_owned() } else { format!("{rest}:80") })
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "is not a time such as 500ms, 20s, 5m, 1h".into())
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    const MAX: f64 = 10_000_000.0;
    let rate: f64 = text.parse().map_err(|_| "is not a number")?;
    if rate > 0.0 && rate <= MAX {
        return Ok(rate);
    }
    Err("must be more than 0 and at most 10,000,000 a second".into())
}

pub(super) fn ramp(text: &str) -> Result<(f64, f64), String> {
    let (from, to) = text.split_once(':').ok_or("must be FROM:TO, such as 1000:20000")?;
    Ok((rate(from)?, rate(to)?))
}

pub(super) fn at(text: &str) -> Result<(Duration, String), String> {
    let form = "must be SECOND:COMMAND, such as '10:kill -9 4711'";
    let (second, command) = text.split_once(':').ok_or(form)?;
    let second: f64 = second.trim().parse().map_err(|_| form)?;
    if !(0.0..86_400.0).contains(&second) || command.trim().is_empty() {
        return Err(form.into());
    }
    Ok((Duration::from_secs_f64(second), command.trim().to_owned()))
}

pub(super) fn about(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or_default();
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || value.is_empty() {
        return Err("must be NAME=TEXT, such as database='Postgres 15, same machine'".into());
    }
    Ok((name.to_owned(), value.to_owned()))
}
