//! An instance, as the others know it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, InstanceId};
use crate::journal::Owner;

/// An instance of the cluster, as it announces itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Name for people; no two running processes have the same.
    pub name: Arc<str>,
    /// Id of the running process, drawn anew at every start. Rows of the journal name it.
    pub incarnation: InstanceId,
    /// Address at which the others reach it, `host:port`.
    pub address: Arc<str>,
    /// Its share of the offerings, relative to the others'. With 0 it owns only offerings moved to it.
    pub weight: u32,
    /// The instance is about to stop, or cannot do its work: no new offering is placed on it.
    pub leaving: bool,
}

impl Member {
    /// Returns this member as the owner of an offering in `epoch`.
    #[must_use]
    pub fn owning(&self, epoch: Epoch) -> Owner {
        Owner { incarnation: self.incarnation, address: Arc::clone(&self.address), epoch }
    }
}
