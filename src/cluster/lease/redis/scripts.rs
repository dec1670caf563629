//! The Lua scripts that Redis runs, each as one atomic step.

use redis::Script;

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("shared.lua"), include_str!($file)))
    };
}

/// All scripts; their digests are computed once.
pub(super) struct Scripts {
    pub(super) renew: Script,
    pub(super) resign: Script,
    pub(super) claim: Script,
    pub(super) publish: Script,
    pub(super) release: Script,
    pub(super) transfer: Script,
    pub(super) owner: Script,
    pub(super) pin: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            renew: script!("renew.lua"),
            resign: script!("resign.lua"),
            claim: script!("claim.lua"),
            publish: script!("publish.lua"),
            release: script!("release.lua"),
            transfer: script!("transfer.lua"),
            owner: script!("owner.lua"),
            pin: script!("pin.lua"),
        }
    }
}

/// Returns the script that checks whether the others would run.
pub(super) fn check() -> Script {
    script!("check.lua")
}
