//! An instance, as the others know it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, InstanceId};
use crate::journal::Owner;

/// An instance of the cluster, as it makes itself known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What people call it; no two running processes have the same.
    pub name: Arc<str>,
    /// The running process: another one after every start. Rows of the journal name it.
    pub incarnation: InstanceId,
    /// Where the others reach it, `host:port`.
    pub address: Arc<str>,
    /// Its share of the offerings, relative to the others'. With 0 it owns only what is moved to it.
    pub weight: u32,
    /// It is about to stop, or cannot do its work: nothing new is placed on it.
    pub leaving: bool,
}

impl Member {
    /// This member as an owner.
    #[must_use]
    pub fn owning(&self, epoch: Epoch) -> Owner {
        Owner { incarnation: self.incarnation, address: Arc::clone(&self.address), epoch }
    }
}
