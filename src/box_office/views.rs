//! Views of offerings: built by the owner, sent to other instances as updates, read without asking
//! the actor.

pub(crate) mod cold;
pub(crate) mod followers;
pub(crate) mod heard;
pub(crate) mod holdings;
pub(crate) mod publisher;
pub(crate) mod queue;
pub(crate) mod queue_state;
mod reads;
pub(crate) mod replica;
pub(crate) mod update;
pub(crate) mod view;
