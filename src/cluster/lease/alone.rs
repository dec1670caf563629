//! The leases of a process that runs alone: it holds all of them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::{Claim, Heartbeat, Lease, LeaseError, Leases, Pins, Standing};
use crate::cluster::{Member, Owner};
use crate::ids::{InstanceId, OfferingId};

/// Grants everything to the only process.
#[derive(Debug, Default)]
pub struct Alone;

impl Leases for Alone {
    fn renew(
        &self,
        me: Member,
        ttl: Duration,
        _: Option<InstanceId>,
    ) -> BoxFuture<'_, Result<Heartbeat, LeaseError>> {
        let members = vec![Standing { member: me, left: ttl, beat: 0 }];
        let heartbeat = Heartbeat { lease: Lease::Kept, members, memory: 0, pins: Pins::new() };
        ready(Ok(heartbeat)).boxed()
    }

    fn resign(&self, _: Member) -> BoxFuture<'_, Result<(), LeaseError>> {
        ready(Ok(())).boxed()
    }

    fn claim(
        &self,
        _: OfferingId,
        _: Member,
        _: Vec<InstanceId>,
    ) -> BoxFuture<'_, Result<Claim, LeaseError>> {
        ready(Ok(Claim::Granted)).boxed()
    }

    fn publish(&self, _: OfferingId, owner: Owner) -> BoxFuture<'_, Result<Owner, LeaseError>> {
        ready(Ok(owner)).boxed()
    }

    fn release(&self, _: OfferingId, _: InstanceId) -> BoxFuture<'_, Result<(), LeaseError>> {
        ready(Ok(())).boxed()
    }

    fn transfer(
        &self,
        _: OfferingId,
        _: InstanceId,
        _: Member,
    ) -> BoxFuture<'_, Result<bool, LeaseError>> {
        ready(Ok(false)).boxed()
    }

    fn owner(&self, _: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LeaseError>> {
        ready(Ok(None)).boxed()
    }

    fn pin(&self, _: OfferingId, _: Option<Arc<str>>) -> BoxFuture<'_, Result<(), LeaseError>> {
        ready(Ok(())).boxed()
    }
}
