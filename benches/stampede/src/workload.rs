//! The workloads by name: the events on sale, and the behaviour of the crowd. Data only; the
//! behaviours are implemented in `buyer.rs`.

/// The behaviour of one virtual buyer from its arrival on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journey {
    /// Holds and then does nothing: the hold expires.
    Hold,
    /// Holds, reserves, pays.
    Purchase,
    /// Holds, waits, extends the hold, reserves, pays.
    Hesitate,
    /// Holds and releases the places.
    Return,
    /// Sends the same hold twice under one key, as after a lost answer: both must be answered with
    /// one hold.
    Retry,
    /// Buys, and cancels the paid reservation.
    Regret,
    /// Holds if possible; when sold out, joins the waitlist, checks it, and accepts an offer that
    /// comes, or leaves.
    Wait,
    /// Reads the availability several times.
    Poll,
    /// Reads the seat map, and again to see whether it has changed.
    Browse,
    /// Applies for a class and stays.
    Apply,
    /// Sends the same application twice under one key: both must be answered with one enrollment.
    ApplyAgain,
    /// Applies twice, under two keys: the second must be refused.
    ApplyTwice,
    /// Applies, waits a while, and cancels.
    Withdraw,
    /// Applies; in line, it reads its place again and again, and leaves when it has waited in vain.
    Queue,
    /// Goes through a waiting room, as `people/decisions.rs` says.
    LineUp,
}

/// How a buyer chooses places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// General admission: a number of places.
    Places,
    /// The best seats, chosen by the server.
    Best,
    /// Seats next to each other that the seat map shows as free, and that other buyers see too.
    Seats,
}

/// One kind of buyer, and its share of the crowd in per mille.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Kind {
    pub per_mille: u32,
    pub journey: Journey,
    pub pick: Pick,
}

/// A workload.
#[derive(Debug)]
pub struct Workload {
    /// The name on the command line.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Number of events on sale.
    pub events: u32,
    /// Supply of places, for general admission and for numbered seats: the arrivals of the run
    /// times this, or the number given on the command line.
    pub places: Supply,
    /// The kinds of buyers.
    pub crowd: &'static [Kind],
    /// The smallest and the largest number of places (or seats) wanted at a time.
    pub party: (u32, u32),
    /// Life of a hold in seconds; 0 for the server's default.
    pub hold_ttl_s: u32,
    /// Number of listeners of streams.
    pub listeners: u32,
    /// Arrivals per second, unless the command line sets them.
    pub rate: u32,
}

/// The number of places on sale in each event.
#[derive(Clone, Copy, Debug)]
pub enum Supply {
    /// More than can be sold.
    Ample,
    /// This number of places for a thousand that are wanted.
    PerMille(u32),
}

impl Workload {
    /// True if the workload has numbered seats.
    #[must_use]
    pub fn has_seats(&self) -> bool {
        self.crowd.iter().any(|kind| kind.pick != Pick::Places || kind.journey == Journey::Browse)
    }

    /// True if the workload sells general admission.
    #[must_use]
    pub fn has_places(&self) -> bool {
        !self.has_classes() && self.crowd.iter().any(|kind| kind.pick == Pick::Places)
    }

    /// True if the workload has classes instead of events.
    #[must_use]
    pub fn has_classes(&self) -> bool {
        self.crowd.iter().any(|kind| kind.journey == Journey::Apply)
    }

    /// True if the event has a waiting room.
    #[must_use]
    pub fn has_queue(&self) -> bool {
        self.crowd.iter().any(|kind| kind.journey == Journey::LineUp)
    }

    /// True if any buyer pays.
    #[must_use]
    pub fn has_payments(&self) -> bool {
        self.crowd.iter().any(|kind| {
            matches!(
                kind.journey,
                Journey::Purchase
                    | Journey::Hesitate
                    | Journey::Regret
                    | Journey::Wait
                    | Journey::LineUp
            )
        })
    }

    /// The workload of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|workload| workload.name == name)
    }
}

const fn kind(per_mille: u32, journey: Journey, pick: Pick) -> Kind {
    Kind { per_mille, journey, pick }
}

/// Every workload; the per mille of each add up to 1,000.
pub const ALL: &[Workload] = &[
    Workload {
        name: "onsale",
        about: "one hot event, twenty times more wanted than there is, through the sold-out phase",
        events: 1,
        places: Supply::PerMille(50),
        crowd: &[
            kind(350, Journey::Purchase, Pick::Places),
            kind(200, Journey::Purchase, Pick::Best),
            kind(100, Journey::Purchase, Pick::Seats),
            kind(80, Journey::Hold, Pick::Places),
            kind(40, Journey::Return, Pick::Best),
            kind(30, Journey::Hesitate, Pick::Places),
            kind(50, Journey::Retry, Pick::Places),
            kind(20, Journey::Regret, Pick::Places),
            kind(30, Journey::Wait, Pick::Places),
            kind(100, Journey::Poll, Pick::Places),
        ],
        party: (1, 4),
        hold_ttl_s: 0,
        listeners: 0,
        rate: 2_000,
    },
    Workload {
        name: "season",
        about: "10,000 events at once, uniform or Zipf (--skew)",
        events: 10_000,
        places: Supply::Ample,
        crowd: &[
            kind(600, Journey::Hold, Pick::Places),
            kind(200, Journey::Purchase, Pick::Places),
            kind(200, Journey::Poll, Pick::Places),
        ],
        party: (1, 4),
        hold_ttl_s: 0,
        listeners: 0,
        rate: 2_000,
    },
    Workload {
        name: "seats",
        about: "1 to 8 seats together, picked from a map that everybody picks from",
        events: 1,
        places: Supply::PerMille(300),
        crowd: &[
            kind(700, Journey::Hold, Pick::Seats),
            kind(200, Journey::Return, Pick::Seats),
            kind(100, Journey::Hold, Pick::Best),
        ],
        party: (1, 8),
        hold_ttl_s: 0,
        listeners: 0,
        rate: 1_000,
    },
    Workload {
        name: "churn",
        about: "70% abandon what they hold, the others wait for it on the waitlist",
        events: 1,
        places: Supply::PerMille(100),
        crowd: &[
            kind(350, Journey::Hold, Pick::Places),
            kind(350, Journey::Return, Pick::Places),
            kind(300, Journey::Wait, Pick::Places),
        ],
        party: (1, 4),
        hold_ttl_s: 3,
        listeners: 0,
        rate: 1_000,
    },
    Workload {
        name: "reads",
        about: "many look and few buy: availability, seat maps, streams",
        events: 1,
        places: Supply::Ample,
        crowd: &[
            kind(800, Journey::Poll, Pick::Places),
            kind(190, Journey::Browse, Pick::Places),
            kind(10, Journey::Hold, Pick::Best),
        ],
        party: (1, 4),
        hold_ttl_s: 0,
        listeners: 500,
        rate: 2_000,
    },
    Workload {
        name: "mixed",
        about: "all behaviours over 100 events, of which few are hot",
        events: 100,
        places: Supply::PerMille(500),
        crowd: &[
            kind(200, Journey::Purchase, Pick::Places),
            kind(100, Journey::Purchase, Pick::Best),
            kind(50, Journey::Purchase, Pick::Seats),
            kind(100, Journey::Hold, Pick::Places),
            kind(50, Journey::Hesitate, Pick::Best),
            kind(100, Journey::Return, Pick::Places),
            kind(50, Journey::Retry, Pick::Places),
            kind(50, Journey::Regret, Pick::Places),
            kind(50, Journey::Wait, Pick::Places),
            kind(200, Journey::Poll, Pick::Places),
            kind(50, Journey::Browse, Pick::Places),
        ],
        party: (1, 4),
        hold_ttl_s: 5,
        listeners: 50,
        rate: 1_000,
    },
    Workload {
        name: "failover",
        about: "holds and purchases over 20 events while a command of yours breaks something (--at)",
        events: 20,
        places: Supply::Ample,
        crowd: &[
            kind(700, Journey::Hold, Pick::Places),
            kind(250, Journey::Purchase, Pick::Places),
            kind(50, Journey::Retry, Pick::Places),
        ],
        party: (1, 2),
        hold_ttl_s: 0,
        listeners: 0,
        rate: 500,
    },
    Workload {
        name: "holds",
        about: "holds of one place alone, of an event that never sells out: for peak figures",
        events: 1,
        places: Supply::Ample,
        crowd: &[kind(1_000, Journey::Hold, Pick::Places)],
        party: (1, 1),
        hold_ttl_s: 0,
        listeners: 0,
        rate: 1_000,
    },
    Workload {
        name: "purchases",
        about: "hold, reserve, pay, of an event that never sells out: for peak figures",
        events: 1,
        places: Supply::Ample,
        crowd: &[kind(1_000, Journey::Purchase, Pick::Places)],
        party: (1, 1),
        hold_ttl_s: 0,
        listeners: 0,
        rate: 500,
    },
    Workload {
        name: "enrol",
        about: "classes with a waitlist of half as many places: people apply, cancel and move up",
        events: 10,
        places: Supply::PerMille(70),
        crowd: &[
            kind(400, Journey::Apply, Pick::Places),
            kind(100, Journey::ApplyAgain, Pick::Places),
            kind(100, Journey::ApplyTwice, Pick::Places),
            kind(200, Journey::Withdraw, Pick::Places),
            kind(200, Journey::Queue, Pick::Places),
        ],
        party: (1, 1),
        hold_ttl_s: 0,
        listeners: 0,
        rate: 500,
    },
    Workload {
        name: "queue",
        about: "a waiting room, from before the opening until all is sold",
        events: 1,
        places: Supply::PerMille(100),
        crowd: &[kind(1_000, Journey::LineUp, Pick::Places)],
        party: (1, 4),
        hold_ttl_s: 0,
        listeners: 0,
        rate: 0,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crowd_is_whole_and_every_name_is_found() {
        for workload in ALL {
            let all: u32 = workload.crowd.iter().map(|kind| kind.per_mille).sum();
            assert_eq!(all, 1_000, "{}", workload.name);
            assert_eq!(Workload::named(workload.name).map(|w| w.name), Some(workload.name));
        }
        assert!(Workload::named("nothing").is_none());
    }
}
