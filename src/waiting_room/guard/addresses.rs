//! The bound of entries per network address. It lets a campus in within a minute or two and slows a
//! machine with ten thousand accounts. The counts are in memory and of this process alone, and bounded,
//! so that invented addresses cannot fill the memory.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;

use crate::clock::Clock;
use crate::network::counted;

const MINUTE: Duration = Duration::from_secs(60);
/// A network from which no one has entered for a while may enter as many at once as in this time: at the
/// default rate 2,000, who come within a few seconds at an opening.
const BURST: Duration = Duration::from_secs(40);
/// The longest wait that one who is refused is told.
const LONGEST_WAIT: Duration = MINUTE;
/// 64 Ki networks take about 5 MiB.
const MAX_NETWORKS: usize = 65_536;

/// Counts who enters, by network.
pub(in crate::waiting_room) struct Addresses {
    /// The time between two entries at the steady rate; `None` for no bound.
    apart: Option<Duration>,
    clock: Arc<dyn Clock>,
    networks: DashMap<IpAddr, Network>,
}

/// Both are monotonic times.
#[derive(Clone, Copy)]
struct Network {
    /// When all entries so far will have had their share of the rate.
    paid_at: Duration,
    /// The time that was named last to one who is refused: each is named a later one, so that they do
    /// not all come back together.
    named: Duration,
}

impl Addresses {
    /// Lets `per_minute` customers of one network enter in a minute, and two thirds of them at once.
    pub(super) fn new(per_minute: Option<u32>, clock: Arc<dyn Clock>) -> Self {
        let apart = per_minute.map(|per_minute| MINUTE / per_minute.max(1));
        Self { apart, clock, networks: DashMap::new() }
    }

    /// Counts a customer who enters.
    ///
    /// # Errors
    /// The time to wait, if too many have entered.
    pub(in crate::waiting_room) fn enter(&self, from: Option<IpAddr>) -> Result<(), Duration> {
        let (Some(apart), Some(network)) = (self.apart, from.map(counted)) else {
            return Ok(());
        };
        let now = self.clock.monotonic();
        self.forget_some(now);
        let mut network =
            self.networks.entry(network).or_insert(Network { paid_at: now, named: now });
        let paid_at = network.paid_at.max(now) + apart;
        // One may always enter, however low the rate is.
        let most = now + BURST.max(apart);
        if paid_at <= most {
            network.paid_at = paid_at;
            return Ok(());
        }
        let free_at = now + (paid_at - most);
        let named = (network.named.max(free_at) + apart).min(now + LONGEST_WAIT.max(apart));
        network.named = named;
        Err(named - now)
    }

    /// Makes room in a full table: first of networks that have entered nobody lately.
    fn forget_some(&self, now: Duration) {
        if self.networks.len() < MAX_NETWORKS {
            return;
        }
        self.networks.retain(|_, network| network.paid_at > now);
        // Then of those that have entered the fewest.
        let (mut kept, mut step) = (now, Duration::from_secs(1));
        while self.networks.len() >= MAX_NETWORKS {
            kept += step;
            step *= 2;
            self.networks.retain(|_, network| network.paid_at > kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::clock::ManualClock;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn a_crowd_is_in_at_once_a_campus_within_two_minutes_and_ten_thousand_accounts_later() {
        for (people, expected) in [(2_000, 0), (7_000, 100), (10_000, 160)] {
            let clock = Arc::new(ManualClock::at(1_000_000));
            let addresses = Addresses::new(Some(3_000), clock.clone());
            let campus = address("192.0.2.1");
            let mut waiting = people;
            let mut seconds = 0;
            loop {
                let before = waiting;
                waiting -= (0..before).take_while(|_| addresses.enter(campus).is_ok()).count();
                if waiting == 0 {
                    break;
                }
                clock.advance_ms(1_000);
                seconds += 1;
            }
            assert_eq!(seconds, expected, "{people}");
        }
    }

    #[test]
    fn those_who_are_refused_are_told_different_times_within_a_minute() {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let addresses = Addresses::new(Some(3), clock.clone());
        let from = address("2001:db8:1:2::1");
        assert_eq!([addresses.enter(from), addresses.enter(from)], [Ok(()); 2]);
        let waits: Vec<_> = (0..4).map(|_| addresses.enter(from).unwrap_err().as_secs()).collect();
        assert_eq!(waits, [40, 60, 60, 60]);
        let neighbour = address("2001:db8:1:2:ffff::1");
        assert!(addresses.enter(neighbour).is_err(), "of the same network");
        assert_eq!(addresses.enter(address("2001:db8:1:3::1")), Ok(()));
        assert_eq!([address("::1"); 2].map(|from| addresses.enter(from)), [Ok(()); 2]);
        assert!(addresses.enter(address("::1")).is_err(), "this machine counts too");
        for _ in 0..9 {
            assert_eq!(addresses.enter(None), Ok(()));
        }
        clock.advance_ms(20_000);
        assert_eq!(addresses.enter(from), Ok(()), "those who were refused did not count");
    }

    #[test]
    fn without_a_bound_nothing_is_counted() {
        let addresses = Addresses::new(None, Arc::new(ManualClock::at(0)));
        for _ in 0..10_000 {
            assert_eq!(addresses.enter(address("192.0.2.1")), Ok(()));
        }
        assert!(addresses.networks.is_empty());
    }

    #[test]
    fn a_flood_of_addresses_does_not_fill_the_memory() {
        let addresses = Addresses::new(Some(60), Arc::new(ManualClock::at(0)));
        let greedy = address("192.0.2.1");
        while addresses.enter(greedy).is_ok() {}
        let count = u32::try_from(MAX_NETWORKS).expect("a small number") + 10;
        for address in (0x0b00_0000..).take(count as usize) {
            let _ = addresses.enter(Some(Ipv4Addr::from_bits(address).into()));
        }
        assert!(addresses.networks.len() <= MAX_NETWORKS);
        assert!(addresses.enter(greedy).is_err(), "the one over its bound is not forgotten");
    }
}
