//! One setting.

use crate::config::Config;

/// One setting.
pub struct Key {
    /// Name in the TOML file; the flag is the same with dashes.
    pub name: &'static str,
    /// Name of the environment variable.
    pub env: &'static str,
    /// Placeholder of the value in the help.
    pub value: &'static str,
    /// Description and default.
    pub help: &'static str,
    /// Secrets have no flag (any user can read a command line) and are never shown.
    pub secret: bool,
    /// Reads the text into the config, or returns a description of valid text.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
}

/// Makes a [`Key`].
macro_rules! key {
    ($name:literal, $env:literal, $value:literal, $help:literal, $set:expr) => {
        Key { name: $name, env: $env, value: $value, help: $help, secret: false, set: $set }
    };
    (secret $name:literal, $env:literal, $value:literal, $help:literal, $set:expr) => {
        Key { name: $name, env: $env, value: $value, help: $help, secret: true, set: $set }
    };
}
