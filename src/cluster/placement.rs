//! Chooses the member that an offering belongs on, by weighted rendezvous hashing. Pure: every
//! instance gets the same answer from the same members, in any order, and when a member joins or
//! leaves only its own share moves.
//!
//! Each member draws a lot for each offering, and the highest lot wins. With lots distributed as
//! `-weight / ln(u)`, `u` uniform in (0, 1), a member wins in proportion to its weight (Schindelhauer
//! and Schomaker, "Weighted distributed hash tables", 2005).

use super::Member;
use crate::ids::OfferingId;

/// Returns the member that `offering` belongs on; `None` when no member has weight. A leaving member
/// draws no lot.
#[must_use]
pub fn place<'a>(
    offering: OfferingId,
    members: impl IntoIterator<Item = &'a Member>,
) -> Option<&'a Member> {
    let candidates = members.into_iter().filter(|member| member.weight > 0 && !member.leaving);
    let lots = candidates.map(|member| (lot(offering, member), member));
    // The name breaks ties between equal lots, so that the order of the members does not matter.
    lots.max_by(|(a, one), (b, other)| a.total_cmp(b).then_with(|| other.name.cmp(&one.name)))
        .map(|(_, member)| member)
}

fn lot(offering: OfferingId, member: &Member) -> f64 {
    let (high, low) = offering.0.as_u64_pair();
    let name = member.name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let drawn = mix(mix(mix(name) ^ high) ^ low);
    // The upper 53 bits and a half: never 0 and never 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let uniform = ((drawn >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(member.weight) / uniform.ln()
}

/// Spreads every bit over all others (the finaliser of SplitMix64).
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::ids::InstanceId;

    fn member(name: &str, weight: u32) -> Member {
        let incarnation = InstanceId::random();
        Member { name: name.into(), incarnation, address: "".into(), weight, leaving: false }
    }

    fn offerings(count: usize) -> Vec<OfferingId> {
        // As created in production: ordered by time, alike in their first half.
        (0..count).map(|_| OfferingId::new()).collect()
    }

    fn shares(offerings: &[OfferingId], members: &[Member]) -> HashMap<String, usize> {
        let mut shares = HashMap::new();
        for offering in offerings {
            let name = place(*offering, members).expect("somebody has weight").name.to_string();
            *shares.entry(name).or_default() += 1;
        }
        shares
    }

    #[test]
    fn ten_thousand_offerings_are_spread_within_a_tenth_of_fair() {
        let members = [member("a", 1), member("b", 1), member("c", 1)];
        for (name, share) in shares(&offerings(10_000), &members) {
            assert!(share.abs_diff(3_333) <= 333, "{name} has {share}");
        }
    }

    #[test]
    fn shares_follow_weights_and_nobody_without_weight_or_leaving_gets_any() {
        let mut leaving = member("leaving", 100);
        leaving.leaving = true;
        let members = [member("big", 3), member("small", 1), member("none", 0), leaving];
        let shares = shares(&offerings(10_000), &members);
        assert!(shares["big"].abs_diff(7_500) <= 250, "{shares:?}");
        assert_eq!(shares["big"] + shares["small"], 10_000);
        assert_eq!(place(OfferingId::new(), &[member("none", 0)]), None);
    }

    proptest! {
        #[test]
        fn only_the_share_of_who_goes_moves_and_order_does_not_matter(
            weights in prop::collection::vec(1_u32..5, 2..8),
            gone in any::<prop::sample::Index>(),
        ) {
            let members: Vec<Member> =
                (0..).zip(&weights).map(|(n, weight)| member(&format!("m{n}"), *weight)).collect();
            let gone = gone.index(members.len());
            let mut left = members.clone();
            left.remove(gone);
            left.reverse();
            for offering in offerings(200) {
                let before = place(offering, &members).expect("weight");
                let after = place(offering, &left).expect("weight");
                prop_assert!(before == after || *before == members[gone]);
            }
        }
    }
}
