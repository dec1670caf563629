//! Whether two samples of times differ, by ranks and by medians: times of a busy machine have outliers, and
//! a mean says nothing about them.

use std::time::Duration;

/// Two samples that were taken in turns.
#[derive(Debug, Default)]
pub struct Samples {
    pub first: Vec<Duration>,
    pub second: Vec<Duration>,
}

impl Samples {
    /// Returns the probability that one of the second sample took longer than one of the first (the U of
    /// Mann and Whitney, over the number of pairs): 0.5 for samples that cannot be told apart.
    pub fn chance(&self) -> f64 {
        let pairs = self.first.iter().flat_map(|a| self.second.iter().map(move |b| (a, b)));
        let points: u32 = pairs
            .map(|(a, b)| match a.cmp(b) {
                std::cmp::Ordering::Less => 2,
                std::cmp::Ordering::Equal => 1,
                std::cmp::Ordering::Greater => 0,
            })
            .sum();
        let pairs = u32::try_from(self.first.len() * self.second.len()).expect("few samples");
        f64::from(points) / f64::from(2 * pairs)
    }

    /// Returns how many times as long the slower median is.
    pub fn ratio(&self) -> f64 {
        let (first, second) = (median(&self.first), median(&self.second));
        (first / second).max(second / first)
    }
}

fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

#[test]
fn samples_are_told_apart_if_they_differ() {
    let of = |first: u64, second: u64| {
        let times = |from: u64| (from..from + 50).map(Duration::from_millis).collect();
        Samples { first: times(first), second: times(second) }
    };
    assert!((of(10, 10).chance() - 0.5).abs() < 1e-9 && of(10, 10).ratio() < 1.001);
    assert!(of(1, 400).chance() > 0.999 && of(400, 1).chance() < 0.001);
    assert!(of(1, 400).ratio() > 10.0 && of(400, 1).ratio() > 10.0);
}
