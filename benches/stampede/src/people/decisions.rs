//! What one person will do, drawn from the seed of the run and the person's number: the same seed
//! makes the same crowd, and the report can ask what each person would have done.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::options::QueueOptions;

/// How a person leaves the line without having been admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Says so.
    Says,
    /// Closes the page, and asks no more.
    Closes,
}

/// What a person does with the places held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Pays.
    Buys,
    /// Pays, and cancels the purchase later.
    Returns,
    /// Releases the hold.
    Releases,
    /// Does nothing, until the hold expires.
    Forgets,
}

/// What one person will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decisions {
    /// When the person comes, from the start of the pre-queue.
    pub arrives: Duration,
    /// When the person loses patience, from the arrival, and how the person leaves then.
    pub leaves: Option<(Duration, Leaving)>,
    /// A pause without polls, of this length, after this time in line.
    pub pause: Option<(Duration, Duration)>,
    /// The most that a poll of this person is late.
    pub lateness: Duration,
    /// True if the person waits for returned places when everything is sold.
    pub stays: bool,
    /// How the person leaves who does not stay.
    pub gives_up: Leaving,
    /// True if the person tries to hold places without a pass.
    pub cheats: bool,
    /// True if the person does nothing with the pass.
    pub abandons: bool,
    /// From the admission, once it is known, to the hold.
    pub thinks: Duration,
    /// Places wanted.
    pub party: u32,
    /// What becomes of the hold.
    pub purpose: Purpose,
    /// From the hold to the payment or the release.
    pub decides: Duration,
    /// From the purchase to its cancellation.
    pub returns_after: Duration,
    /// True if the person ends the session after a release.
    pub says_goodbye: bool,
}

impl Decisions {
    /// Draws the decisions of a person.
    #[must_use]
    pub fn of(seed: u64, person: u32, options: &QueueOptions) -> Self {
        // Neighbouring seeds must not give neighbouring people the same decisions.
        let mixed = seed ^ (u64::from(person) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let rng = &mut SmallRng::seed_from_u64(mixed);
        let arrives = arrival(rng, options);
        let long = options.prequeue + options.arriving;
        let leaves = match per_mille(rng) {
            0..40 => Some(Leaving::Says),
            40..90 => Some(Leaving::Closes),
            _ => None,
        };
        let leaves = leaves.map(|how| (part(rng, long), how));
        let silence = Duration::from_secs(options.silence_seconds.into());
        let pause = chance(rng, 30).then(|| (part(rng, long), silence.mul_f64(1.0 + unit(rng))));
        let lateness = if chance(rng, 50) { Duration::from_secs(20) } else { Duration::ZERO };
        let hurry = Duration::from_secs((options.pass_seconds / 4).into());
        let thinks = if chance(rng, 650) { Duration::ZERO } else { part(rng, hurry) };
        let party = match per_mille(rng) {
            0..350 => 1,
            350..800 => 2,
            800..900 => 3,
            _ => 4,
        };
        let purpose = match per_mille(rng) {
            0..780 => Purpose::Buys,
            780..800 => Purpose::Returns,
            800..900 => Purpose::Releases,
            _ => Purpose::Forgets,
        };
        let form = Duration::from_secs((options.hold_seconds / 3).into());
        Self {
            arrives,
            leaves,
            pause,
            lateness,
            stays: chance(rng, 400),
            gives_up: if chance(rng, 500) { Leaving::Says } else { Leaving::Closes },
            cheats: chance(rng, 5),
            abandons: chance(rng, 80),
            thinks,
            party,
            purpose,
            decides: part(rng, form),
            returns_after: part(rng, form * 3),
            says_goodbye: chance(rng, 500),
        }
    }

    /// True if the person pays for places, given that there are some.
    #[must_use]
    pub fn buys(&self) -> bool {
        !self.abandons && matches!(self.purpose, Purpose::Buys | Purpose::Returns)
    }
}

/// Six in ten come before the opening, one and a half in its first second, the others later, more
/// of them in the beginning.
fn arrival(rng: &mut SmallRng, options: &QueueOptions) -> Duration {
    match per_mille(rng) {
        0..600 => options.prequeue.mul_f64(unit(rng)),
        600..750 => options.prequeue + Duration::from_secs(1).mul_f64(unit(rng)),
        _ => {
            // Exponential, with a third of the time as its mean; the longest waits are drawn anew.
            let late = -(1.0 - unit(rng)).ln() / 3.0;
            let late = if late < 1.0 { late } else { unit(rng) };
            options.prequeue + options.arriving.mul_f64(late)
        }
    }
}

fn unit(rng: &mut SmallRng) -> f64 {
    rng.random()
}

fn per_mille(rng: &mut SmallRng) -> u32 {
    rng.random_range(0..1_000)
}

fn chance(rng: &mut SmallRng, of_1000: u32) -> bool {
    per_mille(rng) < of_1000
}

/// A part of the time, every part equally likely.
fn part(rng: &mut SmallRng, of: Duration) -> Duration {
    of.mul_f64(unit(rng))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_crowd_and_its_shares_are_as_said() {
        let options = QueueOptions::usual(10_000);
        let crowd = |seed| -> Vec<Decisions> {
            (0..10_000).map(|person| Decisions::of(seed, person, &options)).collect()
        };
        let people = crowd(7);
        assert_eq!(people, crowd(7));
        assert_ne!(people, crowd(8));
        let share = |is: fn(&Decisions) -> bool| people.iter().filter(|one| is(one)).count();
        let early = people.iter().filter(|one| one.arrives < options.prequeue).count();
        assert!((5_800..6_200).contains(&early), "{early}");
        assert!(
            (300..500).contains(&share(|one| one.leaves.is_some_and(|l| l.1 == Leaving::Says)))
        );
        assert!((7_000..7_800).contains(&share(Decisions::buys)));
        assert!(share(|one| one.cheats) > 10);
        let last = options.prequeue + options.arriving;
        assert!(people.iter().all(|one| one.arrives <= last && (1..=4).contains(&one.party)));
    }
}
